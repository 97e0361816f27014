package wallet

import (
	"crypto"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/erasure"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

// erasures is the verifier's side of asking to delete, as a verifier by the package has it.
type erasures struct {
	s         *services
	outcome   erasure.Outcome
	requests  []*erasure.Request
	signer    crypto.Signer         // of the answers; nil: the verifier's
	change    func(*erasure.Answer) // before it is signed
	receiptBy crypto.Signer         // of the receipts; nil: the verifier's
	holder    string                // thumbprint in the receipts; empty: the right one
	status    int
}

func (s *services) gives() *erasures {
	e := &erasures{s: s, outcome: erasure.NothingKept, status: 200}
	s.receipt = e.receipt
	s.serve["/erasure"] = e.serve
	return e
}

func (e *erasures) verifier() string {
	if e.s.party.did != "" {
		return string(e.s.party.did)
	}
	return e.s.party.name
}

func (e *erasures) receipt(a *asked) string {
	holder, err := a.shown[0].Holder.Thumbprint()
	if err != nil {
		e.s.t.Error(err)
	}
	if e.holder != "" {
		holder = e.holder
	}
	now := e.s.now()
	r := erasure.Receipt{
		Verifier: e.verifier(), Session: "SESSION-1", Time: now, Holder: holder, Claims: []sdjwt.Path{{"age_equal_or_over", "18"}},
		ValuesUntil: now.Add(10 * time.Minute), OutcomeUntil: now.AddDate(0, 0, 90), Endpoint: e.s.base + "/erasure",
	}
	by := e.receiptBy
	if by == nil {
		by = e.s.party.ask
	}
	compact, err := r.Sign(by, e.s.party.header(e.s.party.ask))
	if err != nil {
		e.s.t.Error(err)
	}
	return compact
}

func (e *erasures) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		reply(w, erasure.Challenge{Challenge: "CHALLENGE", ExpiresIn: 300})
		return
	}
	body, _ := io.ReadAll(r.Body)
	q, err := erasure.ParseRequest(string(body))
	if err == nil {
		err = q.Verify(e.s.base+"/erasure", e.s.party.ask.Public())
	}
	if err != nil || q.Challenge != "CHALLENGE" {
		e.s.t.Errorf("request: %v", err)
		return
	}
	e.requests = append(e.requests, q)
	if e.status != 200 {
		w.WriteHeader(e.status)
		return
	}
	a := q.Answer(e.outcome, e.s.now())
	switch e.outcome {
	case erasure.Refused:
		a.LegalBasis, a.Until = "Voorbeeldwet artikel 1", e.s.now().AddDate(1, 0, 0)
	case erasure.InProgress:
		a.Until = e.s.now().AddDate(0, 1, 0)
	}
	if e.change != nil {
		e.change(a)
	}
	signer := e.signer
	if signer == nil {
		signer = e.s.party.ask
	}
	compact, err := a.Sign(signer, e.s.party.header(e.s.party.ask))
	if err != nil {
		e.s.t.Error(err)
	}
	io.WriteString(w, compact)
}

// shareWith shares and returns the id of the line.
func shareWith(t *testing.T, s *services, wal *Wallet, c Choice) string {
	t.Helper()
	link, _ := s.ask(defaultQuery(), nil)
	if _, err := present(t, wal, link).Share(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return newest(t, wal).ID
}

func newest(t *testing.T, wal *Wallet) Entry {
	t.Helper()
	entries, err := wal.History(t.Context())
	if err != nil || len(entries) == 0 {
		t.Fatalf("%v, %v", entries, err)
	}
	return entries[0]
}

func TestAskErasure(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	cards := receive(t, wal, w.offer(), "")
	before := shareWith(t, w.services, wal, Choice{})
	e := w.gives()
	id := shareWith(t, w.services, wal, Choice{})
	line := newest(t, wal)
	if !line.CanErase || line.Receipt == nil || line.Receipt.Session != "SESSION-1" || line.Receipt.OutcomeUntil.IsZero() || len(line.Erasures) != 0 {
		t.Errorf("%+v", line)
	}
	if _, err := wal.AskErasure(t.Context(), before); !errors.Is(err, ErrNoReceipt) {
		t.Errorf("line without receipt: %v", err)
	}
	for _, bad := range []string{"", "0", "00", "x", "99", "-1", strings.Repeat("9", 13)} {
		if _, err := wal.AskErasure(t.Context(), bad); !errors.Is(err, ErrNoEntry) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	// The person deletes the card and asks afterwards. Nothing but the one key is left of it.
	if err := wal.Delete(t.Context(), cards[0].ID); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		outcome erasure.Outcome
		again   bool
	}{{erasure.InProgress, true}, {erasure.Refused, true}, {erasure.Erased, false}} {
		e.outcome = step.outcome
		a, err := wal.AskErasure(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if a.Outcome != step.outcome || a.Entry != id || a.Time.IsZero() || (a.LegalBasis != "") != (step.outcome == erasure.Refused) || a.Until.IsZero() == step.again {
			t.Errorf("%+v", a)
		}
		if parsed, err := erasure.ParseAnswer(a.Signed); err != nil || parsed.Outcome != step.outcome {
			t.Errorf("%v", err)
		}
		_, line, err := wal.find(id)
		if err != nil {
			t.Fatal(err)
		}
		if has(t, wal, receiptName(line)) != step.again {
			t.Errorf("after %s the key is there: %v", step.outcome, !step.again)
		}
	}
	if _, err := wal.AskErasure(t.Context(), id); !errors.Is(err, ErrNoReceipt) || len(e.requests) != 3 {
		t.Errorf("after all is erased: %v, %d requests", err, len(e.requests))
	}
	answers, err := wal.ErasureAnswers(t.Context())
	if err != nil || len(answers) != 3 || answers[2].Outcome != erasure.Erased || answers[0].Entry != id {
		t.Errorf("%+v, %v", answers, err)
	}
	// What the verifier got in all this: the receipt, the key and the challenge, no word of the person's.
	for _, q := range e.requests {
		if strings.Contains(q.Compact(), canaryName) || q.Receipt.Session != "SESSION-1" {
			t.Errorf("%+v", q)
		}
	}
	// Ids stay.
	if entries, _ := wal.History(t.Context()); entries[1].ID != id || entries[0].Kind != "deleted" {
		t.Errorf("%+v", entries)
	}
}

// TestErasuresDoNotLink: requests about two presentations have nothing in common that the presentations had not.
func TestErasuresDoNotLink(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	e := w.gives()
	for range 2 {
		if _, err := wal.AskErasure(t.Context(), shareWith(t, w.services, wal, Choice{})); err != nil {
			t.Fatal(err)
		}
	}
	one, two := e.requests[0], e.requests[1]
	if one.Receipt.Holder == two.Receipt.Holder || cmp.Equal(one.Header().JWK.Key, two.Header().JWK.Key) {
		t.Error("one key for two requests")
	}
}

func TestReceiptsThatProveNothing(t *testing.T) {
	for name, spoil := range map[string]func(*world, *erasures){
		"signed by a stranger": func(w *world, e *erasures) { e.receiptBy = ecKey(t) },
		"signed by the issuer": func(w *world, e *erasures) { e.receiptBy = w.party.issue },
		"for another key":      func(w *world, e *erasures) { e.holder = strings.Repeat("A", 43) },
		"no receipt at all":    func(w *world, e *erasures) { w.receipt = func(*asked) string { return "x.y.z" } },
		"endpoint elsewhere": func(w *world, e *erasures) {
			good := w.receipt
			w.receipt = func(a *asked) string {
				base := w.base
				w.base = "http://balie.example.org" // plain http beyond this machine
				defer func() { w.base = base }()
				return good(a)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			wal := w.wallet(nil)
			receive(t, wal, w.offer(), "")
			spoil(w, w.gives())
			id := shareWith(t, w.services, wal, Choice{})
			if e := newest(t, wal); e.CanErase || e.Receipt != nil || e.Outcome != "ok" {
				t.Errorf("%+v", e)
			}
			if _, err := wal.AskErasure(t.Context(), id); !errors.Is(err, ErrNoReceipt) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAnswersThatProveNothing(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	e := w.gives()
	id := shareWith(t, w.services, wal, Choice{})
	for name, c := range map[string]struct {
		change func()
		want   Category
	}{
		"signed by a stranger":  {func() { e.signer = ecKey(t) }, RequestUntrusted},
		"signed by the issuer":  {func() { e.signer = w.party.issue }, RequestUntrusted},
		"of yesterday":          {func() { e.change = func(a *erasure.Answer) { a.Time = a.Time.Add(-24 * time.Hour) } }, RequestUntrusted},
		"about another session": {func() { e.change = func(a *erasure.Answer) { a.Session = "OTHER" } }, RequestUntrusted},
		"to another challenge":  {func() { e.change = func(a *erasure.Answer) { a.Challenge = "OLD" } }, RequestUntrusted},
		"of another verifier":   {func() { e.change = func(a *erasure.Answer) { a.Verifier = "did:zegel:x:y" } }, RequestUntrusted},
		"not taken":             {func() { e.status = 400 }, EndpointRefused},
		"out of order":          {func() { e.status = 503 }, Network},
	} {
		e.signer, e.change, e.status = nil, nil, 200
		c.change()
		if a, err := wal.AskErasure(t.Context(), id); CategoryOf(err) != c.want || a != nil {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
		if line := newest(t, wal); !line.CanErase || len(line.Erasures) != 0 {
			t.Errorf("%s: %+v", name, line)
		}
	}
	e.signer, e.change, e.status = nil, nil, 200
	if _, err := wal.AskErasure(t.Context(), id); err != nil {
		t.Errorf("control: %v", err)
	}
}

func TestForgetReceipt(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	w.gives()
	id := shareWith(t, w.services, wal, Choice{})
	if err := wal.ForgetReceipt(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if e := newest(t, wal); e.CanErase || e.Receipt == nil {
		t.Errorf("%+v", e)
	}
	if err := wal.ForgetReceipt(t.Context(), id); !errors.Is(err, ErrNoReceipt) {
		t.Errorf("twice: %v", err)
	}
}

// TestReceiptsStayHere: a backup has the line and no key, so that no other device can ask in its name.
func TestReceiptsStayHere(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	w.gives()
	id := shareWith(t, w.services, wal, Choice{})
	const passphrase = "zes losse woorden zijn hier genoeg appel"
	plan, err := wal.PlanRecovery(RecoverySetup{Passphrase: passphrase})
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	file, err := wal.Backup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := OpenBackup(file, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	for name := range b.content.Records {
		if strings.HasPrefix(name, receiptPrefix) {
			t.Errorf("the backup holds %q", name)
		}
	}
	o := memOptions(nil, w.now)
	o.Dir, o.fs = t.TempDir()+"/again", nil
	restored, err := b.Restore(t.Context(), o, testPIN, false)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Wallet.Close()
	if _, err := restored.Wallet.AskErasure(t.Context(), id); !errors.Is(err, ErrNoReceipt) {
		t.Errorf("%v", err)
	}
	if e, _, err := restored.Wallet.find(id); err != nil || e.Receipt == nil || e.CanErase {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestOldReceipts(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	w.gives()
	old := shareWith(t, w.services, wal, Choice{})
	_, name, err := wal.find(old)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := wal.readEntry(name)
	e.Receipt.OutcomeUntil = w.now().Add(-forgetAfter - time.Hour)
	if err := wal.commit(t.Context(), put(name, e)); err != nil {
		t.Fatal(err)
	}
	next := shareWith(t, w.services, wal, Choice{})
	if e, _, _ := wal.find(old); e.CanErase {
		t.Error("a key is kept for ever")
	}
	if e, _, _ := wal.find(next); !e.CanErase {
		t.Error("the new one is gone too")
	}
}

func TestErasureOfForeignVerifier(t *testing.T) {
	w := newWorld(t)
	f := foreign(t, "Bibliotheek Elders")
	wal := w.wallet(func(o *Options) { o.Foreign = []trust.Anchor{f.party.foreignAnchor()} })
	receive(t, wal, f.offer(), "")
	f.gives()
	id := shareWith(t, f, wal, Choice{AllowUnregistered: true})
	if a, err := wal.AskErasure(t.Context(), id); err != nil || a.Outcome != erasure.NothingKept {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestLetter(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	received := newest(t, wal).ID
	e := w.gives()
	id := shareWith(t, w.services, wal, Choice{})
	has := func(text string, want ...string) {
		t.Helper()
		for _, s := range want {
			if !strings.Contains(text, s) {
				t.Errorf("no %q in:\n%s", s, text)
			}
		}
		for _, s := range []string{canaryName, canaryNumber, "{", "}"} {
			if strings.Contains(text, s) {
				t.Errorf("%q in:\n%s", s, text)
			}
		}
	}
	letter := func(id, lang string) string {
		t.Helper()
		text, err := wal.Letter(id, lang)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	has(letter(id, "nl"), "Autoriteit Persoonsgegevens", townName, "18 jaar of ouder", "Leeftijd controleren", "SESSION-1", "[uw naam]", "gebruik van mijn gegevens", "Ik kan ze u sturen")
	for _, s := range []string{"antwoord op een verzoek", "artikel 17", "niet mee eens", "mevrouw,\n\n\n"} { // nothing was asked yet
		if strings.Contains(letter(id, "nl"), s) {
			t.Errorf("%q in a letter about what nobody asked to erase", s)
		}
	}
	e.outcome = erasure.Refused
	if _, err := wal.AskErasure(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	has(letter(id, "nl"), "geweigerd", "Voorbeeldwet artikel 1", "artikel 17")
	has(letter(id, "en"), "refused", "Voorbeeldwet artikel 1", "Yours faithfully", "Article 17")
	if _, err := wal.Letter(received, "nl"); !errors.Is(err, ErrNotAsked) {
		t.Errorf("a card that came: %v", err)
	}
	if _, err := wal.Letter("77", "nl"); !errors.Is(err, ErrNoEntry) {
		t.Errorf("no line: %v", err)
	}
	// Asked too much, and refused: a complaint about the question.
	link, _ := w.ask(query(`["family_name"]`), nil)
	if err := present(t, wal, link).Refuse(t.Context()); err != nil {
		t.Fatal(err)
	}
	has(letter(newest(t, wal).ID, "nl"), "Ik heb niets gedeeld", townName, "artikel 5")
	for key, text := range letterTexts {
		if text[0] == "" || text[1] == "" {
			t.Errorf("%s lacks a language", key)
		}
	}
}
