package wallet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/zegel-id/zegel/pkg/sdjwt"
)

// copyRecord is a single-use copy with its private key, stored so that showing it costs little more than its signature:
// scalar, point, credential.
type copyRecord []byte

const (
	scalarSize = 32
	pointSize  = 65 // uncompressed; without it, it would be calculated anew
)

func newCopy(key *ecdsa.PrivateKey, s *sdjwt.SDJWT) (copyRecord, error) {
	held, err := s.Hold()
	if err != nil {
		return nil, err
	}
	scalar, err := key.Bytes()
	if err != nil {
		return nil, err
	}
	point, err := key.PublicKey.Bytes()
	if err != nil || len(scalar) != scalarSize || len(point) != pointSize {
		return nil, fmt.Errorf("key of %d bytes: %v", len(scalar), err)
	}
	return slices.Concat(scalar, point, held.Encode()), nil
}

func copyName(card, id string) string { return copyPrefix + card + "/" + id }

func putCopy(card, id string, c copyRecord) write { return write{name: copyName(card, id), value: c} }

// copy reads the copy under a name, as [copyName] made it. Error: [StoreCorrupt], also if there is none.
func (w *Wallet) copy(name string) (copyRecord, error) {
	data, err := w.store.get(name)
	if err != nil {
		return nil, err
	}
	if len(data) < scalarSize+pointSize {
		return nil, &Error{StoreCorrupt, fmt.Errorf("a copy of %d bytes", len(data))}
	}
	return data, nil
}

// signer returns the private key. Only the wallet can have written it, so that the two halves belong together.
func (c copyRecord) signer() (*ecdsa.PrivateKey, error) {
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), c[scalarSize:][:pointSize])
	if err != nil {
		return nil, &Error{StoreCorrupt, errors.New("a private key does not parse")}
	}
	return &ecdsa.PrivateKey{PublicKey: *public, D: new(big.Int).SetBytes(c[:scalarSize])}, nil
}

func (c copyRecord) held() (*sdjwt.Held, error) {
	h, err := sdjwt.DecodeHeld(c[scalarSize+pointSize:])
	if err != nil {
		return nil, &Error{StoreCorrupt, fmt.Errorf("credential: %v", err)}
	}
	return h, nil
}
