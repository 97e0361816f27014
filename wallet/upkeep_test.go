package wallet

import (
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

// earlier lets time pass since the last try of every card.
func earlier(t *testing.T, wal *Wallet, by time.Duration) {
	t.Helper()
	u := must(wal.upkeep())
	for id, try := range u.Tries {
		try.Time = try.Time.Add(-by)
		u.Tries[id] = try
	}
	if err := wal.commit(t.Context(), put(upkeepName, u)); err != nil {
		t.Fatal(err)
	}
}

// keepUp returns the outcome, "" if nothing was tried.
func keepUp(t *testing.T, wal *Wallet) string {
	t.Helper()
	u, err := wal.KeepUp(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if u == nil {
		return ""
	}
	return u.Outcome
}

// TestKeepUp: a card with few copies is renewed once, without anybody being asked, and not again and again.
func TestKeepUp(t *testing.T) {
	w := newWorld(t)
	issuer := w.renewable()
	wal := w.wallet(nil)
	card := receive(t, wal, w.offer(), "")[0]
	if got := keepUp(t, wal); got != "" {
		t.Errorf("with all copies: %q", got)
	}
	control(t, w, wal)
	control(t, w, wal)
	if got := keepUp(t, wal); got != "ok" || one(t, wal).Copies != 3 || one(t, wal).ID != card.ID {
		t.Fatalf("with one of three: %q, %+v", got, one(t, wal))
	}
	if e := newest(t, wal); e.Kind != "renewed" || !e.Auto {
		t.Errorf("%+v", e)
	}
	control(t, w, wal)
	control(t, w, wal)
	control(t, w, wal)
	if got := keepUp(t, wal); got != "" || issuer.trades != 1 {
		t.Errorf("at once again: %q, %d trades", got, issuer.trades)
	}
	earlier(t, wal, pauseFew)
	if got := keepUp(t, wal); got != "ok" || issuer.trades != 2 {
		t.Errorf("after the pause: %q, %d trades", got, issuer.trades)
	}

	// New copies that end as soon as the old ones are asked for once a day at most.
	r := must(wal.record(card.ID))
	r.Expires = w.now().Add(24 * time.Hour)
	if err := wal.commit(t.Context(), put(cardPrefix+r.ID, r)); err != nil {
		t.Fatal(err)
	}
	earlier(t, wal, pauseEnding-time.Minute)
	if got := keepUp(t, wal); got != "" {
		t.Errorf("within a day: %q", got)
	}
	earlier(t, wal, time.Minute)
	if got := keepUp(t, wal); got != "ok" {
		t.Errorf("after a day: %q", got)
	}
}

// TestKeepUpWithoutNetwork: each try that finds no connection doubles the pause, and the history is not filled with them.
func TestKeepUpWithoutNetwork(t *testing.T) {
	w := newWorld(t)
	w.renewable()
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	control(t, w, wal)
	control(t, w, wal)
	lines := len(must(wal.History(t.Context())))
	w.mu.Lock()
	inner := w.serve["/credential"]
	w.serve["/credential"] = func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }
	w.mu.Unlock()
	if got := keepUp(t, wal); got != string(Network) {
		t.Fatalf("%q", got)
	}
	for fails := 1; fails < 4; fails++ {
		pause := pauseNetwork << fails
		earlier(t, wal, pause-time.Minute)
		if got := keepUp(t, wal); got != "" {
			t.Errorf("%d tries: tried again within %v", fails, pause)
		}
		earlier(t, wal, time.Minute)
		if got := keepUp(t, wal); got != string(Network) {
			t.Errorf("%d tries: %q after %v", fails, got, pause)
		}
	}
	if n := len(must(wal.History(t.Context()))); n != lines {
		t.Errorf("%d lines more in the history", n-lines)
	}
	w.mu.Lock()
	w.serve["/credential"] = inner
	w.mu.Unlock()
	earlier(t, wal, pauseLongest)
	if got := keepUp(t, wal); got != "ok" {
		t.Errorf("with the network back: %q", got)
	}
	if u := must(wal.upkeep()); u.Tries[one(t, wal).ID].Fails != 0 {
		t.Errorf("%+v", u)
	}
}

// TestKeepUpChanged: what says something else is dropped, and waits for a person.
func TestKeepUpChanged(t *testing.T) {
	w := newWorld(t)
	issuer := w.renewable()
	wal := w.wallet(nil)
	card := receive(t, wal, w.offer(), "")[0]
	control(t, w, wal)
	control(t, w, wal)
	w.claims = func(c map[string]any) { c["family_name"] = sdjwt.Selective{Value: "Nieuwenaam"} }
	if got := keepUp(t, wal); got != UpkeepChanged || w.last() != credentialDeleted {
		t.Fatalf("%q, %q", got, w.last())
	}
	if c := one(t, wal); c.Claims["family_name"] != canaryName || c.Copies != 1 {
		t.Errorf("replaced without a word: %+v", c)
	}
	if all := must(wal.Upkeeps(t.Context())); all[card.ID] != UpkeepChanged {
		t.Errorf("%+v", all)
	}
	earlier(t, wal, 100*24*time.Hour)
	if got := keepUp(t, wal); got != "" || issuer.trades != 1 {
		t.Errorf("by itself again: %q", got)
	}
	// The person says no, which holds; then yes.
	for _, yes := range []bool{false, true} {
		r, err := wal.Renew(t.Context(), card.ID)
		if err != nil || len(r.Changed) != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		if yes {
			_, err = r.Accept(t.Context())
		} else {
			err = r.Decline(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		want := map[bool]string{false: string(UserDeclined), true: "ok"}[yes]
		if all := must(wal.Upkeeps(t.Context())); all[card.ID] != want {
			t.Errorf("%v: %+v", yes, all)
		}
		earlier(t, wal, 100*24*time.Hour)
		if got := keepUp(t, wal); got != "" {
			t.Errorf("%v: tried by itself: %q", yes, got)
		}
	}
	if e := newest(t, wal); e.Kind != "renewed" || e.Auto {
		t.Errorf("%+v", e)
	}
}

// TestKeepUpRefused: an issuer that refuses is left alone, until the card is received anew.
func TestKeepUpRefused(t *testing.T) {
	w := newWorld(t)
	issuer := w.renewable()
	wal := w.wallet(nil)
	card := receive(t, wal, w.offer(), "")[0]
	control(t, w, wal)
	control(t, w, wal)
	w.claims = func(c map[string]any) { c["birthdate"] = sdjwt.Selective{Value: "1999-01-31"} }
	if got := keepUp(t, wal); got != string(CredentialInvalid) {
		t.Fatalf("another person's: %q", got)
	}
	if e := newest(t, wal); e.Kind != "failed" || !e.Auto || !e.Offer || e.Outcome != string(CredentialInvalid) {
		t.Errorf("%+v", e)
	}
	w.claims = nil
	earlier(t, wal, 100*24*time.Hour)
	if got := keepUp(t, wal); got != "" {
		t.Errorf("again: %q", got)
	}
	receive(t, wal, w.offer(), "")
	control(t, w, wal)
	control(t, w, wal)
	if got := keepUp(t, wal); got != "ok" {
		t.Errorf("received anew: %q", got)
	}
	control(t, w, wal)
	control(t, w, wal)
	earlier(t, wal, pauseFew)
	issuer.ended = true
	if got := keepUp(t, wal); got != string(EndpointRefused) || one(t, wal).Renewable {
		t.Errorf("ended: %q, %+v", got, one(t, wal))
	}
	earlier(t, wal, 100*24*time.Hour)
	if got := keepUp(t, wal); got != "" {
		t.Errorf("after its end: %q", got)
	}
	if err := wal.Delete(t.Context(), card.ID); err != nil {
		t.Fatal(err)
	}
	if all := must(wal.Upkeeps(t.Context())); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

// TestKeepUpInTheWay: while an issuer takes its time, the person can share, and delete the card, whose right does not come back.
func TestKeepUpInTheWay(t *testing.T) {
	w := newWorld(t)
	w.renewable()
	wal := w.wallet(nil)
	card := receive(t, wal, w.offer(), "")[0]
	control(t, w, wal)
	control(t, w, wal)
	asked, goOn := make(chan struct{}), make(chan struct{})
	w.mu.Lock()
	inner := w.serve["/token"]
	w.serve["/token"] = func(rw http.ResponseWriter, req *http.Request) {
		if req.PostFormValue("grant_type") == openid4vci.GrantRefresh && req.Header.Get("DPoP") != "" {
			select {
			case asked <- struct{}{}:
				<-goOn
			default: // the second proof, with the nonce
			}
		}
		inner(rw, req)
	}
	w.mu.Unlock()
	done := make(chan error, 1)
	go func() {
		_, err := wal.KeepUp(t.Context())
		done <- err
	}()
	<-asked
	control(t, w, wal)
	if err := wal.Delete(t.Context(), card.ID); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if err := <-done; !errors.Is(err, ErrNoCard) {
		t.Errorf("%v", err)
	}
	if e := newest(t, wal); e.Kind != "deleted" {
		t.Errorf("%+v", e)
	}
	if cards, grants := must(wal.Cards(t.Context())), names(t, wal, grantPrefix); len(cards) != 0 || len(grants) != 0 {
		t.Errorf("%d cards, rights %q", len(cards), grants)
	}
}

func TestSeen(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	if seen := must(wal.Seen(t.Context())); len(seen) != 0 {
		t.Errorf("%q", seen)
	}
	want := []string{"a", "b"}
	if err := wal.SetSeen(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	at := wal.store.index.generation
	if err := wal.SetSeen(t.Context(), want); err != nil || wal.store.index.generation != at {
		t.Errorf("the same again was written: %v", err)
	}
	if seen := must(wal.Seen(t.Context())); !slices.Equal(seen, want) {
		t.Errorf("%q", seen)
	}
}

// TestWithheld: the history knows what was asked and not shared, by name.
func TestWithheld(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	link, _ := w.ask(defaultQuery(), nil)
	if err := present(t, wal, link).Refuse(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := newest(t, wal)
	if e.Kind != "refused" || len(e.Withheld) == 0 || len(e.Claims) != 0 || e.Offer {
		t.Errorf("%+v", e)
	}
	control(t, w, wal)
	if e := newest(t, wal); e.Kind != "shared" || len(e.Withheld) != 0 || len(e.Claims) == 0 || e.Unsent {
		t.Errorf("%+v", e)
	}
	// Of two ways to answer one was asked too, and not taken.
	link, _ = w.ask(`{"credentials":[
		{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["`+personType+`"]},"claims":[{"path":["age_equal_or_over","18"]}]},
		{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["`+personType+`"]},"claims":[{"path":["age_equal_or_over","21"]}]}],
		"credential_sets":[{"options":[["a"],["b"]]}]}`, nil)
	d := present(t, wal, link)
	d.asked.Request.ResponseURI = "http://inside.example/"
	if _, err := d.Share(t.Context(), Choice{AllowExtra: true}); err == nil {
		t.Fatal("sent to an address that is not allowed")
	}
	if e := newest(t, wal); e.Kind != "failed" || len(e.Withheld) != 1 || len(e.Claims) != 1 || !e.Unsent || one(t, wal).Copies != 2 {
		t.Errorf("%+v", e)
	}
}
