package registry

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// Keys of what only the nodes read. The public ones are in pkg/ledger; these begin with a byte that none of those has.
const (
	keyChain  = "\xffchain"  // chainRecord
	keyStir   = "\xffstir"   // time of the newest block that was made to change the root
	keyGuests = "\xffguests" // how many DIDs nobody vouched for
	keyTurns  = "\xffturns"  // []int64, heights whose validator set is not the one before
	keySets   = "\xffsets"   // []validatorSet, those that act in the next blocks
	keyDocket = "\xffdocket" // []docketEntry
	keySeat   = "\xffseat/"  // and the address of a validator: seat

	keyChildren = "\xffchildren/" // []childName of one accreditation
	keyGone     = "\xffgone/"     // and the key of a list that was retired: its expiry
	chunkKind   = "\xfe"
)

// chainRecord says which network the state belongs to.
type chainRecord struct {
	Network string `cbor:"1,keyasint"`
	ChainID string `cbor:"2,keyasint"`
}

// pageChunks is how many chunks of a status list stand under one key. A change spreads over its whole list, filling as it
// is, so that one key for each chunk would cost a path through the tree for each, and save nothing.
const pageChunks = 16

// pageKey holds a page of the chunks of a status list. A page that is all zero is absent.
func pageKey(list ledger.Key, page int) []byte {
	key := append([]byte(chunkKind), list...)
	return binary.BigEndian.AppendUint32(key, uint32(page))
}

// pages is how many pages so many chunks have.
func pages(chunks int) int { return (chunks + pageChunks - 1) / pageChunks }

// chunkIn reads one chunk. Nil is a chunk that is all zero.
func chunkIn(from view, list ledger.Key, n int) ([]byte, error) {
	page, err := from.get(pageKey(list, n/pageChunks))
	at := n % pageChunks * ledger.ChunkSize
	if err != nil || len(page) < at+ledger.ChunkSize {
		return nil, err
	}
	return page[at : at+ledger.ChunkSize], nil
}

// followed says whether a mirror wants to hear of a change under this key.
func followed(key string) bool {
	switch {
	case key == string(ledger.KeyIndex()), key == string(ledger.KeyAnchors()), key == string(ledger.KeyMembers()), key == string(ledger.KeyStops()):
		return true
	case len(key) > 4:
		return key[:4] == "did/" || key[:4] == "acc/" || key[:4] == "lst/"
	}
	return false
}

func (o *overlay) members() []ledger.Member {
	var m []ledger.Member
	o.load(ledger.KeyMembers(), &m)
	return m
}

func (o *overlay) storeMembers(m []ledger.Member) {
	slices.SortFunc(m, func(a, b ledger.Member) int { return strings.Compare(string(a.DID), string(b.DID)) })
	o.store(ledger.KeyMembers(), m)
}

func (o *overlay) member(d did.DID) (*ledger.Member, bool) {
	all := o.members()
	for i := range all {
		if all[i].DID == d {
			return &all[i], true
		}
	}
	return nil, false
}

func (o *overlay) isMember(d did.DID) bool {
	_, is := o.member(d)
	return is
}

func (o *overlay) parameters() ledger.Parameters {
	var p ledger.Parameters
	o.load(ledger.KeyParameters(), &p)
	return p
}

func (o *overlay) record(d did.DID) (*ledger.DIDRecord, bool) {
	var r ledger.DIDRecord
	ok := o.load(ledger.KeyDID(d), &r)
	return &r, ok
}

func (o *overlay) sequence(d did.DID) ledger.SequenceRecord {
	var s ledger.SequenceRecord
	o.load(ledger.KeySequence(d), &s)
	return s
}

func (o *overlay) accreditations(d did.DID) []ledger.Accreditation {
	var all []ledger.Accreditation
	o.load(ledger.KeyAccreditations(d), &all)
	return all
}

func (o *overlay) index() ledger.Index {
	var x ledger.Index
	o.load(ledger.KeyIndex(), &x)
	return x
}

// vouch puts a DID into the index that mirrors follow. It reports whether it was not there yet.
func (o *overlay) vouch(d did.DID) bool {
	x := o.index()
	at, found := slices.BinarySearch(x.DIDs, d)
	if found {
		return false
	}
	x.DIDs = slices.Insert(x.DIDs, at, d)
	o.store(ledger.KeyIndex(), x)
	return true
}

func (o *overlay) guests() uint64 {
	var n uint64
	o.load([]byte(keyGuests), &n)
	return n
}
