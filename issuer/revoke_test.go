package issuer

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/statuslist"
)

func (w *town) change(id, kind string) *answer {
	w.t.Helper()
	return w.post("/api/credentials/"+id+"/"+kind, tokenBoth, map[string]string{"reason": "verloren"})
}

func (w *town) wantStatus(copies []*sdjwt.SDJWT, want statuslist.Status) {
	w.t.Helper()
	for _, s := range copies {
		ref := refOf(w.t, s)
		if got := w.chain.status(w.t, ref.URI, ref.Index); got != want {
			w.t.Errorf("entry %d is %d, want %d", ref.Index, got, want)
		}
	}
}

func TestRevoke(t *testing.T) {
	w := newTown(t)
	c, copies := w.issueBatch(OfferRequest{}, 10)
	other, otherCopies := w.issueBatch(OfferRequest{Subject: "voorbeeld-3"}, 2)
	var listed struct {
		Credentials []Credential `json:"credentials"`
	}
	w.call("GET", "/api/credentials?subject=voorbeeld-1", "", tokenBoth, "").json(t, &listed)
	if len(listed.Credentials) != 1 || listed.Credentials[0].ID != c.ID || listed.Credentials[0].Copies != 10 || listed.Credentials[0].State != StateValid {
		t.Fatalf("listed %+v", listed)
	}
	for _, step := range []struct {
		kind   string
		status int
		state  string
		entry  statuslist.Status
	}{
		{kindResume, 200, StateValid, statuslist.Valid}, // nothing to do
		{kindSuspend, 200, StateSuspended, statuslist.Suspended},
		{kindSuspend, 200, StateSuspended, statuslist.Suspended},
		{kindResume, 200, StateValid, statuslist.Valid},
		{kindSuspend, 200, StateSuspended, statuslist.Suspended},
		{kindRevoke, 200, StateRevoked, statuslist.Invalid},
		{kindRevoke, 200, StateRevoked, statuslist.Invalid},
		{kindResume, 409, StateRevoked, statuslist.Invalid},
		{kindSuspend, 409, StateRevoked, statuslist.Invalid},
	} {
		a := w.change(c.ID, step.kind)
		if a.status != step.status {
			t.Fatalf("%s: %d %s", step.kind, a.status, a.body)
		}
		if a.status == 200 {
			var got Changed
			a.json(t, &got)
			if got.State != step.state || got.Pending || step.state != StateValid && got.Height == 0 {
				t.Errorf("%s: %+v", step.kind, got)
			}
		}
		w.wantStatus(copies, step.entry)
	}
	w.wantStatus(otherCopies, statuslist.Valid)
	if got, err := w.issuer.Credential(t.Context(), "voorbeeldstad", other.ID); err != nil || got.State != StateValid {
		t.Errorf("the other credential: %+v, %v", got, err)
	}
	if bad, err := office.VerifyAudit(t.Context(), w.issuer.db); err != nil || bad != 0 {
		t.Errorf("audit chain: line %d, %v", bad, err)
	}
	// Each change sets the same 64 entries alike: nothing tells the ten from the others.
	for n, change := range w.chain.changes {
		if len(change.Indices) != ledger.StatusBatch || !slices.Equal(change.Indices, w.chain.changes[0].Indices) {
			t.Errorf("change %d has other entries", n)
		}
		if slices.Max(change.Values) != slices.Min(change.Values) {
			t.Errorf("change %d has values %v", n, change.Values)
		}
	}
}

// TestSubmitFaults: whatever happens on the way to the chain, a change happens once and is not lost.
func TestSubmitFaults(t *testing.T) {
	for name, set := range map[string]func(c *chain, times *int){
		"never sent": func(c *chain, times *int) {
			c.fail = func(*ledger.SignedTx) error { return once(times) }
		},
		"answer lost": func(c *chain, times *int) {
			c.lose = func(*ledger.SignedTx) error { return once(times) }
		},
		"sequence taken by another": func(c *chain, times *int) {
			c.fail = func(tx *ledger.SignedTx) error {
				if once(times) != nil {
					c.mu.Lock()
					defer c.mu.Unlock()
					c.sequences[tx.Sender] = ledger.SequenceRecord{N: tx.Sequence, Tx: []byte("another transaction")}
				}
				return nil
			}
		},
		"sequence taken twice": func(c *chain, times *int) {
			c.fail = func(tx *ledger.SignedTx) error {
				if once(times) != nil {
					c.mu.Lock()
					defer c.mu.Unlock()
					c.sequences[tx.Sender] = ledger.SequenceRecord{N: tx.Sequence + 1, Tx: []byte("another transaction")}
				}
				return nil
			}
		},
		"came too late": func(c *chain, times *int) {
			c.fail = func(tx *ledger.SignedTx) error {
				if once(times) != nil {
					c.mu.Lock()
					defer c.mu.Unlock()
					c.height += 2 * validFor
				}
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t)
			c, copies := w.issueBatch(OfferRequest{}, 3)
			times := 2
			w.chain.mu.Lock()
			set(w.chain, &times)
			w.chain.mu.Unlock()
			if a := w.change(c.ID, kindRevoke); a.status != 200 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			w.wantStatus(copies, statuslist.Invalid)
			if n := len(w.chain.changes); n != 1 {
				t.Errorf("%d changes", n)
			}
		})
	}
}

// once fails as often as times says.
func once(times *int) error {
	if *times == 0 {
		return nil
	}
	*times--
	return errLost
}

// TestRestartOnTheWay: a change that was asked before a restart is on the chain after it, once, also if it had arrived.
func TestRestartOnTheWay(t *testing.T) {
	for _, arrived := range []bool{false, true} {
		t.Run(fmt.Sprint("arrived ", arrived), func(t *testing.T) {
			w := newTown(t)
			c, copies := w.issueBatch(OfferRequest{}, 3)
			deaf := func(*ledger.SignedTx) error { return errLost }
			w.chain.mu.Lock()
			if arrived {
				w.chain.lose = deaf
				w.chain.silent = true // nor does the issuer learn of it in time
			} else {
				w.chain.fail = deaf
			}
			w.chain.mu.Unlock()
			done := make(chan *Changed, 1)
			go func() {
				changed, err := w.issuer.Revoke(t.Context(), "voorbeeldstad", "M. Voorbeeld", c.ID, "verloren")
				if err != nil || !changed.Pending {
					t.Errorf("%+v, %v", changed, err)
				}
				done <- changed
			}()
			eventually(t, "stored", func() bool {
				got, err := w.issuer.Credential(t.Context(), "voorbeeldstad", c.ID)
				return err == nil && (got.Pending == kindRevoke || got.State == StateRevoked)
			})
			if err := w.issuer.Close(); err != nil {
				t.Fatal(err)
			}
			<-done
			w.chain.mu.Lock()
			w.chain.fail, w.chain.lose, w.chain.silent = nil, nil, false
			w.chain.mu.Unlock()
			w.open()
			eventually(t, "revoked", func() bool {
				got, err := w.issuer.Credential(t.Context(), "voorbeeldstad", c.ID)
				return err == nil && got.State == StateRevoked && got.Pending == ""
			})
			w.wantStatus(copies, statuslist.Invalid)
			if n := len(w.chain.changes); n != 1 {
				t.Errorf("%d changes", n)
			}
		})
	}
}

// TestRevokeTogether: many at once share transactions, and each caller hears of its own.
func TestRevokeTogether(t *testing.T) {
	w := newTown(t)
	const n = 12
	var ids []string
	var all [][]*sdjwt.SDJWT
	for range n {
		c, copies := w.issueBatch(OfferRequest{}, 2)
		ids, all = append(ids, c.ID), append(all, copies)
	}
	hold := make(chan struct{})
	w.chain.mu.Lock()
	w.chain.hold = hold
	w.chain.mu.Unlock()
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() {
			changed, err := w.issuer.Revoke(t.Context(), "voorbeeldstad", "M. Voorbeeld", id, "verhuisd")
			if err != nil || changed.State != StateRevoked || changed.Pending || changed.Height == 0 {
				t.Errorf("%+v, %v", changed, err)
			}
		})
	}
	eventually(t, "all stored", func() bool {
		var waiting int
		err := w.issuer.db.Read().QueryRow("SELECT COUNT(*) FROM action").Scan(&waiting)
		return err == nil && waiting == n
	})
	close(hold)
	wg.Wait()
	for _, copies := range all {
		w.wantStatus(copies, statuslist.Invalid)
	}
	if got := len(w.chain.changes); got > 4 {
		t.Errorf("%d transactions for %d revocations", got, n)
	}
	for _, change := range w.chain.changes {
		if len(change.Indices)%ledger.StatusBatch != 0 {
			t.Errorf("%d entries", len(change.Indices))
		}
	}
}

// TestTerminal: when the registry holds one change for impossible, the others that went with it still happen.
func TestTerminal(t *testing.T) {
	w := newTown(t)
	bad, badCopies := w.issueBatch(OfferRequest{}, 2)
	good, goodCopies := w.issueBatch(OfferRequest{}, 2)
	ref := refOf(t, badCopies[0])
	w.chain.mu.Lock()
	// As after an old backup was put back: the chain knows more than the store.
	if err := w.chain.lists[ref.URI].Set(ref.Index, statuslist.Invalid); err != nil {
		t.Fatal(err)
	}
	hold := make(chan struct{})
	w.chain.hold = hold
	w.chain.mu.Unlock()
	first, _ := w.issueBatch(OfferRequest{}, 1)
	var wg sync.WaitGroup
	wg.Go(func() { w.issuer.Suspend(t.Context(), "voorbeeldstad", "x", first.ID, "x") })
	answers := map[string]error{}
	var mu sync.Mutex
	for _, id := range []string{bad.ID, good.ID} {
		wg.Go(func() {
			_, err := w.issuer.Suspend(t.Context(), "voorbeeldstad", "M. Voorbeeld", id, "zoek")
			mu.Lock()
			defer mu.Unlock()
			answers[id] = err
		})
	}
	eventually(t, "all stored", func() bool {
		var waiting int
		err := w.issuer.db.Read().QueryRow("SELECT COUNT(*) FROM action").Scan(&waiting)
		return err == nil && waiting == 3
	})
	close(hold)
	wg.Wait()
	if err := answers[bad.ID]; err == nil || !strings.Contains(err.Error(), "code 10") {
		t.Errorf("the impossible one: %v", err)
	}
	if err := answers[good.ID]; err != nil {
		t.Errorf("the other one: %v", err)
	}
	w.wantStatus(goodCopies, statuslist.Suspended)
}

// TestNewStoreOldChain: a store that was lost must not give out indices of lists that stand on the chain already.
func TestNewStoreOldChain(t *testing.T) {
	w := newTown(t)
	_, before := w.issueBatch(OfferRequest{}, 2)
	if err := w.issuer.Close(); err != nil {
		t.Fatal(err)
	}
	w.cfg.Dir += "-new"
	w.open()
	_, after := w.issueBatch(OfferRequest{}, 2)
	if old, now := refOf(t, before[0]).URI, refOf(t, after[0]).URI; old == now {
		t.Errorf("list %s is used again", now)
	}
}

// TestListsFillUp goes through more than one list, with cards that are handed out and revoked.
func TestListsFillUp(t *testing.T) {
	w := newTown(t)
	tn := w.issuer.tenants["voorbeeldstad"]
	// As if most of the first list were given out.
	set := func(column string, to int) {
		t.Helper()
		err := w.issuer.db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec("UPDATE list SET "+column+" = ? WHERE tenant = ? AND n = 1", to, tn.ID)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	set("next", issuable-3)
	c, first := w.issueBatch(OfferRequest{}, 2)
	eventually(t, "second list", func() bool {
		_, _, err := w.chain.List(t.Context(), w.base()+"/status/2")
		return err == nil
	})
	eventually(t, "second list in use", func() bool {
		var active int
		err := w.issuer.db.Read().QueryRow("SELECT COUNT(*) FROM list WHERE tenant = ? AND state = ?", tn.ID, listActive).Scan(&active)
		return err == nil && active == 2
	})
	_, second := w.issueBatch(OfferRequest{}, 2)
	if a, b := refOf(t, first[0]).URI, refOf(t, second[0]).URI; a == b || refOf(t, second[1]).URI != b {
		t.Errorf("lists %s and %s", a, b)
	}
	if a := w.change(c.ID, kindRevoke); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	w.wantStatus(first, statuslist.Invalid)
	// Without filling left a revocation still goes through.
	set("next", 0)
	c, third := w.issueBatch(OfferRequest{}, 2)
	set("filler", issuable)
	if uri := refOf(t, third[0]).URI; !strings.HasSuffix(uri, "/1") {
		t.Fatalf("list %s", uri)
	}
	set("filler", rand.IntN(10))
	if a := w.change(c.ID, kindRevoke); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	w.wantStatus(third, statuslist.Invalid)
}

func TestStaff(t *testing.T) {
	w := newTown(t)
	offer := OfferRequest{ConfigurationIDs: []string{PersonalData}, Subject: "voorbeeld-1"}
	c, _ := w.issueBatch(OfferRequest{}, 1)
	reason := map[string]string{"reason": "x"}
	for _, test := range []struct {
		name   string
		answer *answer
		want   int
	}{
		{"no token", w.post("/api/offers", "", offer), 401},
		{"wrong token", w.post("/api/offers", "x", offer), 401},
		{"token of another municipality", w.post("/api/offers", tokenOther, offer), 401},
		{"role is missing", w.post("/api/offers", tokenRevoke, offer), 403},
		{"good", w.post("/api/offers", tokenBoth, offer), 201},
		{"unknown subject", w.post("/api/offers", tokenBoth, OfferRequest{ConfigurationIDs: []string{PersonalData}, Subject: "x"}), 400},
		{"unknown configuration", w.post("/api/offers", tokenBoth, OfferRequest{ConfigurationIDs: []string{"x"}, Subject: "voorbeeld-1"}), 400},
		{"no configuration", w.post("/api/offers", tokenBoth, OfferRequest{Subject: "voorbeeld-1"}), 400},
		{"no subject", w.post("/api/offers", tokenBoth, OfferRequest{ConfigurationIDs: []string{PersonalData}}), 400},
		{"subject and claims", w.post("/api/offers", tokenBoth, OfferRequest{ConfigurationIDs: []string{PersonalData}, Subject: "voorbeeld-1", Claims: map[string]any{"given_name": "x"}}), 400},
		{"unknown member", w.call("POST", "/api/offers", "application/json", tokenBoth, `{"configuration_ids":["personal-data"],"subject":"voorbeeld-1","x":1}`), 400},
		{"media type", w.call("POST", "/api/offers", "text/plain", tokenBoth, `{}`), 415},
		{"too large", w.call("POST", "/api/offers", "application/json", tokenBoth, `{"subject":"`+strings.Repeat("x", 70000)+`"}`), 413},
		{"revoke without reason", w.post("/api/credentials/"+c.ID+"/revoke", tokenBoth, map[string]string{}), 400},
		{"revoke unknown", w.post("/api/credentials/x/revoke", tokenBoth, reason), 404},
		{"revoke of another municipality", w.post(w.server.URL+"/issuer/proefdorp/api/credentials/"+c.ID+"/revoke", tokenOther, reason), 404},
		{"method", w.call("PUT", "/api/offers", "application/json", tokenBoth, `{}`), 405},
		{"list as revoker", w.call("GET", "/api/credentials", "", tokenRevoke, ""), 200},
	} {
		if test.answer.status != test.want {
			t.Errorf("%s: %d %s, want %d", test.name, test.answer.status, test.answer.body, test.want)
		}
		if test.want >= 400 && test.answer.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %q", test.name, test.answer.header.Get("Content-Type"))
		}
		if test.answer.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: may be cached", test.name)
		}
	}
	w.chain.mu.Lock()
	defer w.chain.mu.Unlock()
	if len(w.chain.changes) != 0 {
		t.Error("something was revoked")
	}
}

func TestCancelOffer(t *testing.T) {
	w := newTown(t)
	offered, code := w.offer(OfferRequest{ByReference: true})
	_, uri, _ := strings.Cut(offered.URI, "credential_offer_uri=")
	if uri == "" || len(offered.URI) > 250 {
		t.Errorf("link of %d characters", len(offered.URI))
	}
	if a := w.call("DELETE", "/api/offers/"+offered.ID, "", tokenBoth, ""); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := w.form("/token", redeemForm(code, "")); a.status != 400 || a.code() != "invalid_grant" {
		t.Errorf("%d %s", a.status, a.body)
	}
	var state OfferStatus
	w.call("GET", "/api/offers/"+offered.ID, "", tokenBoth, "").json(t, &state)
	if state.State != OfferCancelled {
		t.Errorf("state %q", state.State)
	}
	opened, code := w.offer(OfferRequest{})
	w.form("/token", redeemForm(code, ""))
	if a := w.call("DELETE", "/api/offers/"+opened.ID, "", tokenBoth, ""); a.status != 409 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
