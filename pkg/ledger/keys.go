package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/cometbft/cometbft/crypto/merkle"

	"github.com/zegel-id/zegel/pkg/did"
)

// Key is a key of the state: a kind and, for most, the SHA-256 of what it is about, so that keys are short and no
// name can run into another one.
type Key []byte

// Keys of the state. Every value is deterministic CBOR and never empty: an empty value has no proof.

// KeyDID holds the [DIDRecord].
func KeyDID(d did.DID) Key { return hashed("did/", string(d)) }

// KeyAccreditations holds all accreditations of a subject in one value, so that a proof shows there is no other.
func KeyAccreditations(d did.DID) Key { return hashed("acc/", string(d)) }

// KeyAnchors holds all anchors in one value.
func KeyAnchors() Key { return Key("anchors") }

// KeyList holds the [ListMeta] of the list with exactly this uri.
func KeyList(uri string) Key { return hashed("lst/", uri) }

// KeyIndex holds the [Index]: which DIDs and lists exist, for mirrors.
func KeyIndex() Key { return Key("index") }

// KeySequence holds the [SequenceRecord] of a sender.
func KeySequence(d did.DID) Key { return hashed("seq/", string(d)) }

func hashed(kind, name string) Key {
	sum := sha256.Sum256([]byte(name))
	return append(Key(kind), sum[:]...)
}

// String returns the key for logs: its kind and its hash in hex.
func (k Key) String() string {
	if len(k) > 4 && k[3] == '/' {
		return fmt.Sprintf("%s%x", string(k[:4]), []byte(k[4:]))
	}
	return fmt.Sprintf("%q", []byte(k))
}

// ListID is the name of a list in a path under /v1/lists/: the hex SHA-256 of its uri.
func ListID(uri string) string {
	sum := sha256.Sum256([]byte(uri))
	return hex.EncodeToString(sum[:])
}

// ListRoot returns the RFC 6962 root over the chunks of packed status data.
func ListRoot(data []byte) []byte {
	return merkle.HashFromByteSlices(chunks(data))
}

// ChunkHash returns the RFC 6962 hash of one chunk, a leaf of the tree under [ListRoot].
func ChunkHash(chunk []byte) []byte {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(chunk)
	return h.Sum(nil)
}

// ListRootOfHashes returns the RFC 6962 root over chunk hashes. It equals [ListRoot] of the chunks.
func ListRootOfHashes(hashes [][]byte) []byte {
	switch n := len(hashes); n {
	case 0:
		empty := sha256.Sum256(nil)
		return empty[:]
	case 1:
		return hashes[0]
	default:
		// The split is at the largest power of two below n: RFC 6962, Section 2.1.
		k := 1
		for k*2 < n {
			k *= 2
		}
		h := sha256.New()
		h.Write([]byte{1})
		h.Write(ListRootOfHashes(hashes[:k]))
		h.Write(ListRootOfHashes(hashes[k:]))
		return h.Sum(nil)
	}
}

func chunks(data []byte) [][]byte {
	out := make([][]byte, 0, (len(data)+ChunkSize-1)/ChunkSize)
	for len(data) > ChunkSize {
		out = append(out, data[:ChunkSize])
		data = data[ChunkSize:]
	}
	if len(data) > 0 {
		out = append(out, data)
	}
	return out
}
