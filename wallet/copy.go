package wallet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"math/big"

	"github.com/fxamacker/cbor/v2"

	"github.com/zegel-id/zegel/pkg/sdjwt"
)

// copyRecord is a single-use copy with its private key, stored so that showing it costs little more than its signature.
type copyRecord struct {
	_      struct{} `cbor:",toarray"`
	Key    []byte   // private scalar
	Public []byte   // uncompressed point; without it, it would be calculated anew
	Held   []byte   // credential, as [sdjwt.Held.Encode] has it
}

func newCopy(key *ecdsa.PrivateKey, s *sdjwt.SDJWT) (copyRecord, error) {
	held, err := s.Hold()
	if err != nil {
		return copyRecord{}, err
	}
	private, err := key.Bytes()
	if err != nil {
		return copyRecord{}, err
	}
	public, err := key.PublicKey.Bytes()
	return copyRecord{Key: private, Public: public, Held: held.Encode()}, err
}

func copyName(card, id string) string { return copyPrefix + card + "/" + id }

func putCopy(card, id string, c copyRecord) write {
	data, err := cbor.Marshal(c)
	if err != nil {
		panic("wallet: internal error: copy: " + err.Error())
	}
	return write{name: copyName(card, id), value: data}
}

// copy reads the copy under a name, as [copyName] made it. Error: [StoreCorrupt], also if there is none.
func (w *Wallet) copy(name string) (*copyRecord, error) {
	data, err := w.store.get(name)
	if err != nil {
		return nil, err
	}
	if data == nil {
		return nil, &Error{StoreCorrupt, errors.New("a copy is missing")}
	}
	c := new(copyRecord)
	if err := cbor.Unmarshal(data, c); err != nil {
		return nil, &Error{StoreCorrupt, fmt.Errorf("a copy does not parse: %v", err)}
	}
	return c, nil
}

// signer returns the private key. Only the wallet can have written it, so that the two halves belong together.
func (c *copyRecord) signer() (*ecdsa.PrivateKey, error) {
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), c.Public)
	if err != nil || len(c.Key) != 32 {
		return nil, &Error{StoreCorrupt, errors.New("a private key does not parse")}
	}
	return &ecdsa.PrivateKey{PublicKey: *public, D: new(big.Int).SetBytes(c.Key)}, nil
}

func (c *copyRecord) held() (*sdjwt.Held, error) {
	h, err := sdjwt.DecodeHeld(c.Held)
	if err != nil {
		return nil, &Error{StoreCorrupt, fmt.Errorf("credential: %v", err)}
	}
	return h, nil
}
