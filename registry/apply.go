package registry

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// block is what a transaction may know of the block it stands in. There is no other time and no other chance.
type block struct {
	network string
	chainID string
	height  int64
	time    time.Time // of the header: agreed by the validators
	hashes  *hashCache
	senders *senders
}

func (b *block) seconds() int64 { return b.time.Unix() }

// refusal says why a transaction has no effect.
type refusal struct {
	code  ledger.Code
	text  string
	later bool // a later block may allow it as it is
}

func refuse(code ledger.Code, format string, args ...any) *refusal {
	return &refusal{code: code, text: fmt.Sprintf(format, args...)}
}

// refuseForm turns an error of a form check into the code that it stands for.
func refuseForm(err error) *refusal {
	switch {
	case errors.Is(err, jose.ErrTooLarge):
		return refuse(ledger.TooLarge, "%v", err)
	case errors.Is(err, jose.ErrSignature):
		return refuse(ledger.BadSignature, "%v", err)
	}
	return refuse(ledger.Malformed, "%v", err)
}

// transaction is a decoded transaction. It is shared between threads and never changed, but for the memory that its
// signature was found good.
type transaction struct {
	*ledger.SignedTx
	hash [sha256.Size]byte
	good atomic.Pointer[string] // the public key under which the signature holds
}

func decode(raw []byte) (*transaction, *refusal) {
	if len(raw) > ledger.MaxTxSize {
		return nil, refuse(ledger.TooLarge, "transaction of %d bytes", len(raw))
	}
	t, err := ledger.DecodeTx(raw)
	if err != nil {
		return nil, refuseForm(err)
	}
	return &transaction{SignedTx: t, hash: sha256.Sum256(raw)}, nil
}

// verify checks the signature, once for each key: a transaction passes here when it comes in, is proposed, judged and
// executed.
func (t *transaction) verify(key ed25519.PublicKey) error {
	if known := t.good.Load(); known != nil && *known == string(key) {
		return nil
	}
	if err := t.Verify(key); err != nil {
		return err
	}
	s := string(key)
	t.good.Store(&s)
	return nil
}

// gate is a check that stands before the signature, where it is cheap to say no. Blocks have none.
type gate func(sender did.DID) *refusal

// apply judges one transaction on top of o and writes its effect there if it has one. It is the only place where a
// transaction changes anything, and a pure function of the state, the transaction and the block. Cheap checks come
// before expensive ones.
func apply(o *overlay, t *transaction, b *block, cheap gate) *refusal {
	key, r := admit(o, t, b)
	if r != nil {
		return r
	}
	if cheap != nil {
		if r := cheap(t.Sender); r != nil {
			return r
		}
	}
	if err := t.verify(key); err != nil {
		return refuse(ledger.BadSignature, "%v", err)
	}
	work := o.nest()
	r = halted(work, t, b)
	if r == nil {
		r = act(work, t, b)
	}
	if r != nil {
		o.fail(work.failed)
		return r
	}
	work.store(ledger.KeySequence(t.Sender), ledger.SequenceRecord{N: t.Sequence, Tx: t.hash[:]})
	o.merge(work)
	return nil
}

// admit checks everything that needs no signature: the chain, the time, the sender, its key and the sequence. It
// returns the key that must have signed.
func admit(o *overlay, t *transaction, b *block) (ed25519.PublicKey, *refusal) {
	if t.ChainID != b.chainID {
		return nil, refuse(ledger.WrongChain, "for chain %q", t.ChainID)
	}
	if t.ValidUntil < b.height {
		return nil, refuse(ledger.Expired, "valid until height %d, this is %d", t.ValidUntil, b.height)
	}
	if !strings.HasPrefix(string(t.Sender), "did:zegel:"+b.network+":") {
		return nil, refuse(ledger.Malformed, "sender %q is of another network", t.Sender)
	}
	last := o.sequence(t.Sender)
	if bytes.Equal(last.Tx, t.hash[:]) {
		return nil, refuse(ledger.BadNonce, "sequence %d was used by this transaction", last.N)
	}
	key, r := txKey(o, t, b)
	if r != nil {
		return nil, r
	}
	if t.Sequence != last.N+1 {
		return nil, refuse(ledger.BadNonce, "sequence %d, the next is %d", t.Sequence, last.N+1)
	}
	return key, nil
}

// txKey finds the key that must have signed. It is one of the sender's record, with three exceptions: a first record
// vouches for itself, an update is signed by the key that the record before it committed to, and a recovery by the
// offline key that it committed to. So a stolen key alone cannot rotate, and who watches a rotation go by cannot turn it
// into another one.
func txKey(o *overlay, t *transaction, b *block) (ed25519.PublicKey, *refusal) {
	var stored, record *ledger.DIDRecord
	known := b.senders.of(o, t.Sender)
	exists := known != nil
	if exists {
		stored, record = known.record, known.record
	}
	if exists && stored.Deactivated {
		return nil, refuse(ledger.TerminalState, "%q is deactivated", t.Sender)
	}
	if exists && t.Kind == ledger.Cancel && t.Cancel.Key != nil {
		return cancelKey(t, stored)
	}
	switch {
	case !exists && t.Kind == ledger.CreateDID:
		record = t.DID
	case !exists:
		return nil, refuse(ledger.UnknownObject, "sender %q", t.Sender)
	case t.Kind == ledger.UpdateDID:
		record = t.DID
	case t.Kind == ledger.RecoverDID:
		return recoveryKey(stored, t)
	}
	if record != stored {
		// The times in a record that has just come in are not the chain's.
		for i := range record.Keys {
			if k := &record.Keys[i]; k.From != 0 || k.Until != 0 {
				return nil, refuse(ledger.Malformed, "key %q: the chain sets its times", k.ID)
			}
		}
	}
	lookUp := record.TxKey
	if record == stored {
		lookUp = known.txKey
	}
	key, err := lookUp(t.KeyID, b.time)
	if err != nil {
		return nil, refuseForm(err)
	}
	if exists && t.Kind == ledger.UpdateDID && !bytes.Equal(ledger.KeyHash(key), stored.NextKeyHash) {
		return nil, refuse(ledger.BadSignature, "%q is not the key that was committed to", t.KeyID)
	}
	return key, nil
}

// act does what the transaction says.
func act(o *overlay, t *transaction, b *block) *refusal {
	switch t.Kind {
	case ledger.CreateDID:
		return createDID(o, t, b)
	case ledger.UpdateDID:
		return updateDID(o, t, b)
	case ledger.DeactivateDID:
		return deactivateDID(o, t, b)
	case ledger.Accredit:
		return accredit(o, t, b)
	case ledger.Withdraw:
		return withdraw(o, t, b)
	case ledger.PutAnchor:
		return putAnchor(o, t, b)
	case ledger.CreateList:
		return createList(o, t, b)
	case ledger.SetStatus:
		return setStatus(o, t, b)
	case ledger.RetireList:
		return retireList(o, t, b)
	case ledger.RecoverDID:
		return recoverDID(o, t, b)
	case ledger.Propose:
		return propose(o, t, b)
	case ledger.Vote:
		return vote(o, t, b)
	case ledger.Cancel:
		return cancel(o, t, b)
	case ledger.Execute:
		return execute(o, t, b)
	case ledger.CallStop:
		return callStop(o, t, b)
	}
	return refuse(ledger.Malformed, "kind %q", t.Kind)
}

// govern says whether the sender may decide alone about what members decide together.
func govern(o *overlay, t *transaction) *refusal {
	if !o.isMember(t.Sender) {
		return refuse(ledger.Unauthorized, "%q is no member", t.Sender)
	}
	// Two thirds of the members must agree. One is enough of one only.
	if n := len(o.members()); n > 1 {
		return refuse(ledger.Policy, "one of %d members cannot decide this alone", n)
	}
	return nil
}
