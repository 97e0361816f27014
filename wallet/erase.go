package wallet

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/erasure"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Errors of asking to delete that callers may test with [errors.Is].
var (
	// ErrNoEntry: the history has no such line.
	ErrNoEntry = errors.New("no such line in the history")
	// ErrNoReceipt: the wallet has no receipt for the line, or not its key any more: the other party gave none, the line came
	// out of a backup, the receipt was forgotten, or an answer has ended it.
	ErrNoReceipt = errors.New("no receipt to ask with")
	// ErrNotAsked: nobody asked for data there.
	ErrNotAsked = errors.New("nobody asked for data there")
)

// Receipt is what a verifier signed about what it got. With the key of the copy that was shown, which the wallet keeps
// apart, it proves that the presentation was made here.
type Receipt struct {
	Session      string    `json:"session"` // the verifier's name of the exchange, for a letter or a call
	Time         time.Time `json:"time"`
	ValuesUntil  time.Time `json:"values_until"`          // when the values are gone at the latest, by its own word
	OutcomeUntil time.Time `json:"outcome_until"`         // when the outcome is
	LegalBasis   string    `json:"legal_basis,omitempty"` // why the outcome must be kept until then; empty: no law says so
}

// ErasureAnswer is a verifier's signed answer to the question to delete. Its signature and date were checked.
type ErasureAnswer struct {
	Entry   string          `json:"entry"` // id of the line of the history
	Time    time.Time       `json:"time"`  // as the verifier signed it
	Outcome erasure.Outcome `json:"outcome"`
	// Why and until when it is kept, of a refusal; until when there is a decision, of one in progress.
	LegalBasis string    `json:"legal_basis,omitempty"`
	Until      time.Time `json:"until,omitzero"`
	Signed     string    `json:"signed"` // the answer itself, for others to check
}

// receiptPrefix begins the records of receipts; what follows is that of the history line.
const receiptPrefix = "receipt/"

// receiptRecord is a receipt with the private key of the copy that was shown, and nothing else of that copy. It outlives
// the card, because people who delete a card may well want to ask others to do so too; it proves nothing but that one
// presentation. It never moves to another device.
type receiptRecord struct {
	Receipt  string       `json:"receipt"`
	Key      []byte       `json:"key"` // PKCS #8
	Verifier issuerRecord `json:"verifier"`
}

// forgetAfter is how long a receipt is kept after the verifier should have nothing any more: time to ask whether that
// is so.
const forgetAfter = 60 * 24 * time.Hour

// answerTolerance is how far the date of an answer may be from this device's clock.
const answerTolerance = 5 * time.Minute

func receiptName(history string) string {
	return receiptPrefix + strings.TrimPrefix(history, historyPrefix)
}

// verifierProof names the newest registry proof of a verifier that gave a receipt. Its answers are judged by it.
func verifierProof(i issuerRecord) string {
	if !i.Registered {
		return ""
	}
	return factPrefix + "verifier/" + string(i.DID)
}

// privateKey reads the key of a receipt.
func privateKey(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, &Error{StoreCorrupt, errors.New("a private key does not parse")}
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, &Error{StoreCorrupt, fmt.Errorf("a private key is a %T", key)}
	}
	return signer, nil
}

// keepReceipt returns what to store for the receipt in the verifier's reply, and notes it in the line. A receipt that
// proves nothing is dropped: what was shared was shared, with or without it. The caller holds mu.
func (d *Disclosure) keepReceipt(l *line) []write {
	w := d.w
	r, err := erasure.ParseReceipt(l.receipt)
	if err != nil || r.Verify(d.asked.Verifier.Key) != nil || w.opts.Fetch.Check(r.Endpoint) != nil {
		return nil
	}
	who := d.asked.Verifier
	if who.Registered && r.Verifier != string(who.DID) {
		return nil
	}
	record := receiptRecord{Receipt: l.receipt, Verifier: issuerRecord{DID: who.DID, Name: safe(who.Name, 200), Registered: who.Registered}}
	if !who.Registered && who.Leaf != nil {
		record.Verifier.Subject = who.Leaf.RawSubject
	}
	for _, name := range l.copies {
		c, err := w.copy(name)
		if err != nil {
			continue // deleted meanwhile
		}
		key, err := c.signer()
		if err != nil {
			continue
		}
		if t, err := (&jose.JWK{Key: key.Public()}).Thumbprint(); err == nil && t == r.Holder {
			if record.Key, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
				continue
			}
		}
	}
	if record.Key == nil {
		return nil
	}
	l.entry.Receipt = &Receipt{
		Session: safe(r.Session, 100), Time: r.Time, ValuesUntil: r.ValuesUntil, OutcomeUntil: r.OutcomeUntil, LegalBasis: safe(r.LegalBasis, 300),
	}
	writes := append(w.oldReceipts(), put(receiptName(l.name), record))
	if d.proof != nil {
		writes = append(writes, put(verifierProof(record.Verifier), d.proof))
	}
	return writes
}

// oldReceipts deletes receipts that nobody needs any more, with their keys. The caller holds mu.
func (w *Wallet) oldReceipts() []write {
	var writes []write
	last, _ := w.lines() // what cannot be read is left as it is
	for n := range last {
		name := lineName(n + 1)
		if is, err := w.store.has(receiptName(name)); err != nil || !is {
			continue
		}
		if e, err := w.readEntry(name); err == nil && e.Receipt != nil && w.opts.Now().After(e.Receipt.OutcomeUntil.Add(forgetAfter)) {
			writes = append(writes, write{name: receiptName(name)})
		}
	}
	return writes
}

// readEntry returns a line of the history by the name of its record.
func (w *Wallet) readEntry(name string) (Entry, error) {
	data, err := w.store.get(name)
	if err != nil {
		return Entry{}, err
	}
	var e Entry
	if err := json.Unmarshal(data, &e); err != nil {
		return Entry{}, &Error{StoreCorrupt, fmt.Errorf("history: %v", err)}
	}
	e.ID = strings.TrimLeft(strings.TrimPrefix(name, historyPrefix), "0")
	if e.Receipt != nil {
		if e.CanErase, err = w.store.has(receiptName(name)); err != nil {
			return Entry{}, err
		}
	}
	for i := range e.Erasures {
		e.Erasures[i].Entry = e.ID
	}
	return e, nil
}

// find returns the line with an id, and the name of its record. Error: [ErrNoEntry].
func (w *Wallet) find(id string) (Entry, string, error) {
	if id == "" || len(id) > 12 || strings.Trim(id, "0123456789") != "" || id[0] == '0' {
		return Entry{}, "", fmt.Errorf("%w: %.40q", ErrNoEntry, id)
	}
	name := historyPrefix + strings.Repeat("0", 12-len(id)) + id
	if is, err := w.store.has(name); err != nil {
		return Entry{}, "", err
	} else if !is {
		return Entry{}, "", fmt.Errorf("%w: %.40q", ErrNoEntry, id)
	}
	e, err := w.readEntry(name)
	return e, name, err
}

// AskErasure asks the verifier of a line of the history to erase what it keeps of that one presentation, and returns its
// signed answer, which is stored in the history too. When nothing is kept any more the receipt has done its work and its
// key is destroyed; after a refusal, or while a person decides, one can ask again. Errors: [ErrNoEntry], [ErrNoReceipt],
// and by category: request_untrusted (the answer is not the verifier's, or not of now), endpoint_refused, network.
func (w *Wallet) AskErasure(ctx context.Context, entryID string) (*ErasureAnswer, error) {
	_, name, err := w.find(entryID)
	if err != nil {
		return nil, err
	}
	data, err := w.store.get(receiptName(name))
	if err != nil {
		return nil, err
	}
	if data == nil {
		return nil, fmt.Errorf("%w: line %s", ErrNoReceipt, entryID)
	}
	var record receiptRecord
	if err := read(data, &record); err != nil {
		return nil, err
	}
	key, err := privateKey(record.Key)
	if err != nil {
		return nil, err
	}
	receipt, err := erasure.ParseReceipt(record.Receipt)
	if err != nil {
		return nil, &Error{StoreCorrupt, fmt.Errorf("receipt: %v", err)}
	}
	client := &erasure.Client{Fetch: w.opts.Fetch, Now: w.opts.Now}
	answer, err := client.Ask(ctx, key, receipt)
	if err != nil {
		return nil, erasureError(err)
	}
	if err := w.checkAnswer(ctx, answer, receipt, record.Verifier); err != nil {
		return nil, err
	}
	if now := w.opts.Now(); now.Sub(answer.Time).Abs() > answerTolerance {
		err := &Error{RequestUntrusted, fmt.Errorf("the answer is dated %s, which is not now", answer.Time.Format(time.RFC3339))}
		return nil, w.blameClock(ctx, receipt.Endpoint, err)
	}
	a := ErasureAnswer{
		Entry: entryID, Time: answer.Time, Outcome: answer.Outcome, LegalBasis: safe(answer.LegalBasis, 300), Until: answer.Until, Signed: answer.Compact(),
	}
	return &a, w.noteAnswer(ctx, name, a)
}

// noteAnswer stores an answer with its line.
func (w *Wallet) noteAnswer(ctx context.Context, name string, a ErasureAnswer) error {
	ctx = context.WithoutCancel(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	e, err := w.readEntry(name)
	if err != nil {
		return err
	}
	e.Erasures = append(e.Erasures, a)
	writes := []write{put(name, e)}
	if !a.Outcome.Final() {
		return w.commit(ctx, writes...)
	}
	if err := w.commit(ctx, append(writes, write{name: receiptName(name)})...); err != nil {
		return err
	}
	return w.store.purge(ctx)
}

// checkAnswer judges who signed an answer by the registry proof that counted when the presentation was made. Nothing new
// is trusted by it.
func (w *Wallet) checkAnswer(ctx context.Context, a *erasure.Answer, r *erasure.Receipt, verifier issuerRecord) error {
	policy, err := w.kept(verifierProof(verifier))
	if err != nil {
		return &Error{RequestUntrusted, fmt.Errorf("the proof of the register that was kept: %v", err)}
	}
	now := w.opts.Now()
	h := a.Header()
	var who *trust.Identity
	if len(h.X5C) > 0 {
		who, err = policy.ByChain(ctx, h.X5C, trust.Ask, "", now, now)
	} else {
		who, err = policy.ByKeyID(ctx, h.KeyID, trust.Ask, now, now)
	}
	if err != nil {
		return &Error{RequestUntrusted, fmt.Errorf("answer: %v", err)}
	}
	signer := issuerRecord{DID: who.DID, Registered: who.Registered}
	if !who.Registered && who.Leaf != nil {
		signer.Subject = who.Leaf.RawSubject
	}
	if !verifier.same(signer) {
		return &Error{RequestUntrusted, fmt.Errorf("the answer is signed by %q", safe(who.Name, 200))}
	}
	if err := a.Verify(who.Key, r); err != nil {
		return &Error{RequestUntrusted, fmt.Errorf("answer: %w", err)}
	}
	return nil
}

func erasureError(err error) error {
	switch {
	case errors.Is(err, erasure.ErrDenied), errors.Is(err, fetch.ErrRefused):
		return &Error{EndpointRefused, err}
	case errors.Is(err, erasure.ErrMalformed), errors.Is(err, erasure.ErrProof), errors.Is(err, fetch.ErrTooLarge):
		return &Error{RequestUntrusted, err}
	}
	return &Error{Network, err}
}

// ErasureAnswers lists all answers to questions to delete, newest line first and in the order in which they came.
func (w *Wallet) ErasureAnswers(ctx context.Context) ([]ErasureAnswer, error) {
	entries, err := w.History(ctx)
	if err != nil {
		return nil, err
	}
	answers := []ErasureAnswer{}
	for _, e := range entries {
		answers = append(answers, e.Erasures...)
	}
	return answers, nil
}

// ForgetReceipt destroys the receipt of a line and its key. The line stays; asking to delete is not possible any more.
// Errors: [ErrNoEntry], [ErrNoReceipt].
func (w *Wallet) ForgetReceipt(ctx context.Context, entryID string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, name, err := w.find(entryID)
	if err != nil {
		return err
	}
	if is, err := w.store.has(receiptName(name)); err != nil {
		return err
	} else if !is {
		return fmt.Errorf("%w: line %s", ErrNoReceipt, entryID)
	}
	if err := w.commit(ctx, write{name: receiptName(name)}); err != nil {
		return err
	}
	return w.store.purge(ctx)
}
