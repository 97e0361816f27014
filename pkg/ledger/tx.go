package ledger

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/veraison/go-cose"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
)

// txDomain is the external data of the signature. It keeps a signature made for anything else from being a transaction.
var txDomain = []byte("zegel/registry/tx/1")

// Kind is what a transaction does.
type Kind string

// Kinds of transactions.
const (
	CreateDID     Kind = "did.create"
	UpdateDID     Kind = "did.update"     // rotates keys or services; must reveal the pre-committed next key
	DeactivateDID Kind = "did.deactivate" // of the sender; has no field
	Accredit      Kind = "accredit"
	Withdraw      Kind = "withdraw"
	PutAnchor     Kind = "anchor.put"
	CreateList    Kind = "list.create"
	SetStatus     Kind = "list.set"
	RetireList    Kind = "list.retire" // after its expiry it leaves the state

	RecoverDID Kind = "did.recover" // signed by the recovery key that the record committed to

	Propose  Kind = "propose"
	Vote     Kind = "vote"
	Cancel   Kind = "cancel"  // by the proposer while it is open; while it waits by a third of the members or the recovery key
	Execute  Kind = "execute" // what passed with a delay that is over
	CallStop Kind = "stop"
)

// Tx is a transaction before signing. Exactly the field of its Kind is set.
type Tx struct {
	ChainID    string  `cbor:"1,keyasint"`
	Sender     did.DID `cbor:"2,keyasint"`
	Sequence   uint64  `cbor:"3,keyasint"` // stored + 1
	ValidUntil int64   `cbor:"4,keyasint"` // height
	Kind       Kind    `cbor:"5,keyasint"`

	DID        *DIDRecord      `cbor:"10,keyasint,omitempty"`
	Accredit   *Accreditation  `cbor:"11,keyasint,omitempty"`
	Withdraw   *WithdrawAction `cbor:"12,keyasint,omitempty"`
	Anchor     *Anchor         `cbor:"13,keyasint,omitempty"`
	CreateList *ListMeta       `cbor:"14,keyasint,omitempty"`
	SetStatus  *StatusChange   `cbor:"15,keyasint,omitempty"`
	RetireList *ListName       `cbor:"16,keyasint,omitempty"`
	Recover    *RecoverAction  `cbor:"17,keyasint,omitempty"`
	Propose    *ProposeAction  `cbor:"18,keyasint,omitempty"`
	Vote       *VoteAction     `cbor:"19,keyasint,omitempty"`
	Cancel     *ProposalName   `cbor:"20,keyasint,omitempty"`
	Execute    *ProposalName   `cbor:"21,keyasint,omitempty"`
	Stop       *StopAction     `cbor:"22,keyasint,omitempty"`
}

// check is about form alone. What a transaction may do is the registry's to judge.
func (t *Tx) check() error {
	set, own, known := 0, false, false
	for _, f := range [...]struct {
		kind Kind
		set  bool
	}{
		{CreateDID, t.DID != nil}, {Accredit, t.Accredit != nil}, {Withdraw, t.Withdraw != nil}, {PutAnchor, t.Anchor != nil},
		{CreateList, t.CreateList != nil}, {SetStatus, t.SetStatus != nil}, {RetireList, t.RetireList != nil},
		{RecoverDID, t.Recover != nil}, {Propose, t.Propose != nil}, {Vote, t.Vote != nil}, {Cancel, t.Cancel != nil},
		{Execute, t.Execute != nil}, {CallStop, t.Stop != nil},
	} {
		if f.set {
			set++
		}
		if f.kind == t.Kind || f.kind == CreateDID && t.Kind == UpdateDID {
			own, known = f.set, true
		}
	}
	switch {
	case t.Kind == DeactivateDID && set != 0, t.Kind != DeactivateDID && known && (!own || set != 1):
		return fmt.Errorf("%w: %s must have exactly its own field", ErrMalformed, t.Kind)
	case t.Kind != DeactivateDID && !known:
		return fmt.Errorf("%w: kind %q", ErrMalformed, clip(string(t.Kind)))
	case t.ChainID == "" || len(t.ChainID) > 50:
		return fmt.Errorf("%w: chain id %q", ErrMalformed, clip(t.ChainID))
	case t.Sequence == 0:
		return fmt.Errorf("%w: sequence 0", ErrMalformed)
	case t.ValidUntil <= 0:
		return fmt.Errorf("%w: valid until height %d", ErrMalformed, t.ValidUntil)
	}
	if d, err := did.Parse(string(t.Sender)); err != nil || d.Method() != "zegel" {
		return fmt.Errorf("%w: sender %q", ErrMalformed, clip(string(t.Sender)))
	}
	switch t.Kind {
	case Vote:
		return t.Vote.check()
	case Cancel:
		return t.Cancel.check(t.Kind)
	case Execute:
		return t.Execute.check(t.Kind)
	}
	return nil
}

// Sign returns the encoded transaction: a COSE_Sign1 (EdDSA) over deterministic CBOR with a domain tag. keyID is the
// fragment of the key in the sender's document (capabilityInvocation).
func Sign(tx *Tx, keyID string, key ed25519.PrivateKey) ([]byte, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("%w: private key of %d bytes", ErrMalformed, len(key))
	}
	if err := checkFragment(keyID); err != nil {
		return nil, err
	}
	if err := tx.check(); err != nil {
		return nil, err
	}
	payload, err := Encode(tx)
	if err != nil {
		return nil, err
	}
	signer, err := cose.NewSigner(cose.AlgorithmEdDSA, crypto.Signer(key))
	if err != nil {
		return nil, fmt.Errorf("sign: %v", err)
	}
	m := message(keyID, payload)
	if err := m.Sign(nil, txDomain, signer); err != nil {
		return nil, fmt.Errorf("sign: %v", err)
	}
	raw, err := m.MarshalCBOR()
	if err != nil {
		return nil, fmt.Errorf("sign: %v", err)
	}
	if len(raw) > MaxTxSize {
		return nil, fmt.Errorf("%w: transaction of %d bytes", jose.ErrTooLarge, len(raw))
	}
	// What we send must be what a node reads.
	if _, err := DecodeTx(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

func message(keyID string, payload []byte) *cose.Sign1Message {
	m := cose.NewSign1Message()
	m.Headers.Protected.SetAlgorithm(cose.AlgorithmEdDSA)
	m.Headers.Protected[cose.HeaderLabelKeyID] = []byte(keyID)
	m.Payload = payload
	return m
}

// SignedTx is a decoded transaction. Its signature is unchecked until Verify.
type SignedTx struct {
	Tx
	KeyID string
	Raw   []byte // as received

	message *sign1
}

// DecodeTx reads the received bytes and refuses every non-canonical form: one transaction has one encoding, so that
// its hash names it. Errors: [ErrMalformed], [jose.ErrTooLarge].
func DecodeTx(raw []byte) (*SignedTx, error) {
	if len(raw) > MaxTxSize {
		return nil, fmt.Errorf("%w: transaction of %d bytes", jose.ErrTooLarge, len(raw))
	}
	if err := CheckOuter(raw); err != nil {
		return nil, err
	}
	raw = bytes.Clone(raw)
	m, err := parseSign1(raw)
	if err != nil {
		return nil, err
	}
	if err := checkFragment(string(m.keyID)); err != nil {
		return nil, err
	}
	t := &SignedTx{KeyID: string(m.keyID), Raw: raw, message: m}
	if err := Decode(m.payload, &t.Tx); err != nil {
		return nil, err
	}
	if err := t.Tx.check(); err != nil {
		return nil, err
	}
	return t, nil
}

// Verify checks the signature over the received bytes. Error: [jose.ErrSignature].
func (t *SignedTx) Verify(pub ed25519.PublicKey) error {
	if t.message == nil || len(pub) != ed25519.PublicKeySize {
		return fmt.Errorf("%w: no key to check with", jose.ErrSignature)
	}
	if !ed25519.Verify(pub, t.message.signed(txDomain), t.message.signature) {
		return fmt.Errorf("%w: transaction %x", jose.ErrSignature, t.Hash())
	}
	return nil
}

// Hash returns the SHA-256 of the received bytes, the name of the transaction.
func (t *SignedTx) Hash() []byte {
	sum := sha256.Sum256(t.Raw)
	return sum[:]
}

// checkFragment keeps key and service ids to what needs no escaping in a DID URL (RFC 3986, Section 3.5).
func checkFragment(id string) error {
	if id == "" || len(id) > 64 {
		return fmt.Errorf("%w: fragment %q", ErrMalformed, clip(id))
	}
	for _, c := range id {
		if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", c) {
			return fmt.Errorf("%w: fragment %q", ErrMalformed, clip(id))
		}
	}
	return nil
}

// clip keeps a hostile value out of logs but for its beginning.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
