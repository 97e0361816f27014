package wallet

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

// renewals is an authorization server that binds tokens to keys and rotates refresh tokens. A lost answer may be asked for
// once more; an older token is refused.
type renewals struct {
	key               string // thumbprint of who received the card
	current, previous string
	trades            int
	lose              bool // the next answer is lost on its way
	ended             bool
}

// renewable makes the town's issuer one whose cards can be renewed.
func (w *world) renewable() *renewals {
	r := &renewals{}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serve["/.well-known/oauth-authorization-server/issuer"] = func(rw http.ResponseWriter, _ *http.Request) {
		reply(rw, map[string]any{"issuer": w.issuer(), "token_endpoint": w.base + "/token", "response_types_supported": []string{},
			"grant_types_supported": []string{openid4vci.GrantPreAuthorized, openid4vci.GrantRefresh}, "dpop_signing_alg_values_supported": []string{"ES256"}})
	}
	refuse := func(rw http.ResponseWriter, code oauth.Code) { (&oauth.Error{Status: 400, Code: code}).Write(rw) }
	w.serve["/token"] = func(rw http.ResponseWriter, req *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		rw.Header().Set("DPoP-Nonce", "nonce-of-the-day")
		p, err := oauth.VerifyDPoP(req.Header.Get("DPoP"), "POST", w.base+"/token", "", w.now())
		if err != nil {
			w.t.Errorf("proof: %v", err)
			return
		}
		if p.Nonce != "nonce-of-the-day" {
			refuse(rw, oauth.UseDPoPNonce)
			return
		}
		token := req.PostFormValue("refresh_token")
		switch {
		case req.PostFormValue("grant_type") == openid4vci.GrantPreAuthorized:
			r.key, r.previous = p.Thumbprint, ""
		case r.ended || p.Thumbprint != r.key || token != r.current && token != r.previous:
			refuse(rw, oauth.InvalidGrant)
			return
		default:
			r.trades++
			r.previous = token
		}
		r.current = rand.Text()
		if r.lose {
			r.lose = false
			panic(http.ErrAbortHandler)
		}
		reply(rw, map[string]any{"access_token": rand.Text(), "token_type": "DPoP", "expires_in": 300, "refresh_token": r.current})
	}
	for _, path := range []string{"/credential", "/notify"} {
		inner := w.serve[path]
		w.serve[path] = func(rw http.ResponseWriter, req *http.Request) {
			token, ok := strings.CutPrefix(req.Header.Get("Authorization"), "DPoP ")
			if _, err := oauth.VerifyDPoP(req.Header.Get("DPoP"), "POST", w.base+path, token, w.now()); !ok || err != nil {
				w.t.Errorf("%s: %q, %v", path, req.Header.Get("Authorization"), err)
			}
			inner(rw, req)
		}
	}
	return r
}

func (w *world) last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.events) == 0 {
		return ""
	}
	return w.events[len(w.events)-1]
}

func one(t *testing.T, wal *Wallet) Card {
	t.Helper()
	cards, err := wal.Cards(t.Context())
	if err != nil || len(cards) != 1 {
		t.Fatalf("%d cards, %v", len(cards), err)
	}
	return cards[0]
}

// keys counts the private keys of copies.
func keys(wal *Wallet) (n int) {
	for _, r := range must(wal.records()) {
		for _, c := range r.Copies {
			if data, err := wal.store.get(copyName(r.ID, c.ID)); err == nil && data != nil {
				n++
			}
		}
	}
	return n
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestRenew(t *testing.T) {
	w := newWorld(t)
	issuer := w.renewable()
	wal := w.wallet(nil)
	card := receive(t, wal, w.offer(), "")[0]
	if !card.Renewable || card.Copies != 3 {
		t.Fatalf("%+v", card)
	}
	needs := func() int { return len(must(wal.NeedsRenewal(t.Context()))) }
	control(t, w, wal)
	if n := needs(); n != 0 {
		t.Errorf("%d cards need renewal with two copies of three", n)
	}
	control(t, w, wal)
	if n := needs(); n != 1 {
		t.Errorf("%d cards need renewal with one copy of three", n)
	}
	control(t, w, wal)
	old := must(wal.record(card.ID))

	r, err := wal.Renew(t.Context(), card.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Changed) != 0 || r.Card.ID != card.ID || r.Card.Copies != 3 || !r.Registered || one(t, wal).Copies != 0 {
		t.Errorf("before it is accepted: %+v, %+v", r, one(t, wal))
	}
	got, err := r.Accept(t.Context())
	if err != nil || got.Copies != 3 || got.ID != card.ID || w.last() != openid4vci.CredentialAccepted {
		t.Fatalf("%+v, %v, %q", got, err, w.last())
	}
	if _, err := r.Accept(t.Context()); err == nil {
		t.Error("accepted twice")
	}
	if c := one(t, wal); c.Copies != 3 || !c.Renewable || needs() != 0 {
		t.Errorf("%+v", c)
	}
	for _, c := range old.Copies {
		if data, err := wal.store.get(copyName(card.ID, c.ID)); err != nil || data != nil {
			t.Errorf("a used copy is still there, %v", err)
		}
	}
	control(t, w, wal)
	if e := must(wal.History(t.Context())); e[1].Kind != "renewed" || e[1].Outcome != "ok" || e[1].Party != townName {
		t.Errorf("%+v", e[1])
	}

	// The answer is lost; the next try comes with the same token. What came is on disk before the copies are asked for.
	issuer.lose = true
	if _, err := wal.Renew(t.Context(), card.ID); CategoryOf(err) != Network {
		t.Errorf("lost answer: %v", err)
	}
	w.mu.Lock()
	inner := w.serve["/credential"]
	w.serve["/credential"] = func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }
	w.mu.Unlock()
	if _, err := wal.Renew(t.Context(), card.ID); CategoryOf(err) != Network {
		t.Errorf("no copies: %v", err)
	}
	w.mu.Lock()
	w.serve["/credential"] = inner
	issuer.previous = "" // the old one is refused from here on
	w.mu.Unlock()
	if r, err = wal.Renew(t.Context(), card.ID); err != nil {
		t.Fatal(err)
	}
	if err := r.Decline(t.Context()); err != nil || w.last() != credentialDeleted || one(t, wal).Copies != 2 {
		t.Errorf("declined: %v, %q, %+v", err, w.last(), one(t, wal))
	}
	if issuer.trades != 4 {
		t.Errorf("%d trades", issuer.trades)
	}

	// Received anew, there is one card, with the new right alone; a renewal that was under way comes too late.
	if r, err = wal.Renew(t.Context(), card.ID); err != nil {
		t.Fatal(err)
	}
	receive(t, wal, w.offer(), "")
	if _, err := r.Accept(t.Context()); err == nil {
		t.Error("a renewal of a card that was received anew")
	}
	if grants := names(t, wal, grantPrefix); len(grants) != 1 || one(t, wal).Copies != 3 || keys(wal) != 3 {
		t.Errorf("%q, %+v", grants, one(t, wal))
	}
	control(t, w, wal)

	// The right goes with the card.
	if err := wal.Delete(t.Context(), card.ID); err != nil {
		t.Fatal(err)
	}
	if grants := names(t, wal, grantPrefix); len(grants) != 0 {
		t.Errorf("after deleting: %q", grants)
	}
	if _, err := wal.Renew(t.Context(), card.ID); !errors.Is(err, ErrNoCard) {
		t.Errorf("%v", err)
	}
}

// TestRenewChanged: what is different is shown, and another person's batch is no renewal.
func TestRenewChanged(t *testing.T) {
	w := newWorld(t)
	w.renewable()
	wal := w.wallet(nil)
	card := receive(t, wal, w.offer(), "")[0]
	hide := func(v any) sdjwt.Selective { return sdjwt.Selective{Value: v} }
	w.claims = func(c map[string]any) {
		c["family_name"] = hide("Nieuwenaam")
		c["age_equal_or_over"] = map[string]any{"18": hide(true), "21": hide(true), "65": hide(true)}
		delete(c, "number")
	}
	r, err := wal.Renew(t.Context(), card.ID)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, c := range r.Changed {
		paths = append(paths, c.Path)
	}
	if !slices.Equal(paths, []string{"age_equal_or_over.65", "family_name", "number"}) || r.Changed[1].Old != canaryName || r.Changed[1].New != "Nieuwenaam" || r.Changed[2].New != nil {
		t.Errorf("%+v", r.Changed)
	}
	if c := one(t, wal); c.Claims["family_name"] != canaryName {
		t.Errorf("replaced before it was accepted: %+v", c)
	}
	if _, err := r.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := one(t, wal); c.Claims["family_name"] != "Nieuwenaam" || c.ID != card.ID {
		t.Errorf("%+v", c)
	}

	for name, change := range map[string]func(c map[string]any){
		"another date of birth": func(c map[string]any) { c["birthdate"] = hide("1999-01-31") },
		"nothing is as it was": func(c map[string]any) {
			delete(c, "birthdate")
			for _, n := range []string{"given_name", "family_name", "number", "address"} {
				c[n] = hide("x")
			}
		},
	} {
		w.claims = change
		if _, err := wal.Renew(t.Context(), card.ID); CategoryOf(err) != CredentialInvalid || w.last() != openid4vci.CredentialFailure {
			t.Errorf("%s: %v, %q", name, err, w.last())
		}
	}
	if c := one(t, wal); c.Claims["family_name"] != "Nieuwenaam" || c.Copies != 3 {
		t.Errorf("%+v", c)
	}
	control(t, w, wal)
}

// TestRenewRefused: another issuer does not see the token, and one that ended the right leaves nothing to try again.
func TestRenewRefused(t *testing.T) {
	w := newWorld(t)
	issuer := w.renewable()
	wal := w.wallet(nil)
	card := receive(t, wal, w.offer(), "")[0]
	r := must(wal.record(card.ID))
	r.Issuer.DID += "x"
	if err := wal.commit(t.Context(), put(cardPrefix+r.ID, r)); err != nil {
		t.Fatal(err)
	}
	if _, err := wal.Renew(t.Context(), card.ID); CategoryOf(err) != IssuerUntrusted || issuer.trades != 0 {
		t.Errorf("another issuer: %v, %d trades", err, issuer.trades)
	}
	r.Issuer.DID = w.town.did
	if err := wal.commit(t.Context(), put(cardPrefix+r.ID, r)); err != nil {
		t.Fatal(err)
	}
	issuer.ended = true
	if _, err := wal.Renew(t.Context(), card.ID); CategoryOf(err) != EndpointRefused || !errors.Is(err, ErrNotRenewable) {
		t.Errorf("ended: %v", err)
	}
	if c := one(t, wal); c.Renewable || c.Copies != 3 || len(names(t, wal, grantPrefix)) != 0 {
		t.Errorf("%+v", c)
	}
	if _, err := wal.Renew(t.Context(), card.ID); !errors.Is(err, ErrNotRenewable) {
		t.Errorf("again: %v", err)
	}
	control(t, w, wal)

	// An issuer without proofs gives no right.
	plain := newWorld(t)
	other := plain.wallet(nil)
	if c := receive(t, other, plain.offer(), "")[0]; c.Renewable || len(names(t, other, grantPrefix)) != 0 {
		t.Errorf("%+v", c)
	}
}

// TestRenewRestored: a backup holds the right to have the card issued again, and no key of it.
func TestRenewRestored(t *testing.T) {
	w := newWorld(t)
	w.renewable()
	wal := w.wallet(nil)
	card := receive(t, wal, w.offer(), "")[0]
	setUp(t, wal, RecoverySetup{Passphrase: testPassphrase})
	file, err := wal.Backup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := OpenBackup(file, testPassphrase)
	if err != nil {
		t.Fatal(err)
	}
	grants := 0
	for name, data := range b.content.Records {
		var g grantRecord
		if strings.HasPrefix(name, grantPrefix) && json.Unmarshal(data, &g) == nil && g.Token != "" {
			grants++
		}
	}
	if grants != 1 || !b.Cards("nl", w.now())[0].Renewable {
		t.Errorf("%d rights in the backup, %+v", grants, b.Cards("nl", w.now()))
	}
	o := memOptions(nil, w.now)
	o.Dir, o.fs = filepath.Join(t.TempDir(), "new"), nil
	restored, err := b.Restore(t.Context(), o, testPIN, false)
	if err != nil {
		t.Fatal(err)
	}
	defer restored.Wallet.Close()
	if need := must(restored.Wallet.NeedsRenewal(t.Context())); len(need) != 1 || need[0].Status != ReissueStatus {
		t.Errorf("%+v", need)
	}
	r, err := restored.Wallet.Renew(t.Context(), card.ID)
	if err != nil || len(r.Changed) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := r.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	if c := one(t, restored.Wallet); c.Status != "valid" || c.Copies != 3 || c.ID != card.ID {
		t.Errorf("%+v", c)
	}
	control(t, w, restored.Wallet)
}
