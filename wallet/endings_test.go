package wallet

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/zegel-id/zegel/pkg/oauth"
)

// replies makes the verifier do something else with the answer to a request.
func (s *services) replies(a *asked, do http.HandlerFunc) {
	s.t.Helper()
	address, err := url.Parse(a.request.ResponseURI)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serve[address.Path] = do
}

// How sharing ends: what the person is told, what the history says, and whether the copy is used up.
func TestEndsOfSharing(t *testing.T) {
	gone := func(rw http.ResponseWriter, r *http.Request) {
		r.ParseForm() // all of it came
		c, _, err := rw.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		c.Close()
	}
	for name, x := range map[string]struct {
		do       http.HandlerFunc
		is       error
		category Category
		kind     string
		outcome  string
	}{
		"no reply":            {gone, ErrUnsure, Network, "failed", "network"},
		"a server in trouble": {func(rw http.ResponseWriter, r *http.Request) { rw.WriteHeader(http.StatusBadGateway) }, ErrUnsure, Network, "failed", "network"},
		"sent on to a program": {func(rw http.ResponseWriter, r *http.Request) {
			reply(rw, map[string]any{"redirect_uri": "javascript:alert(1)"})
		},
			ErrArrived, EndpointRefused, "shared", "ok"},
		"sent on without encryption": {func(rw http.ResponseWriter, r *http.Request) {
			reply(rw, map[string]any{"redirect_uri": "http://elders.example/x"})
		}, ErrArrived, EndpointRefused, "shared", "ok"},
		"trouble in its own words": {func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(http.StatusInternalServerError)
			reply(rw, map[string]any{"error": "server_error"})
		}, ErrNotAccepted, EndpointRefused, "failed", "endpoint_refused"},
		"not taken": {func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(http.StatusBadRequest)
			reply(rw, map[string]any{"error": "invalid_request"})
		}, ErrNotAccepted, EndpointRefused, "failed", "endpoint_refused"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			wal := w.wallet(nil)
			receive(t, wal, w.offer(), "")
			link, a := w.ask(defaultQuery(), nil)
			w.replies(a, x.do)
			d := present(t, wal, link)
			redirect, err := d.Share(t.Context(), Choice{})
			if !errors.Is(err, x.is) || CategoryOf(err) != x.category || redirect != "" {
				t.Errorf("%q, %v", redirect, err)
			}
			for _, other := range []error{ErrUnsure, ErrArrived, ErrNotAccepted} {
				if other != x.is && errors.Is(err, other) {
					t.Errorf("it is %v too: %v", other, err)
				}
			}
			e := valueless(t, wal)[0]
			if e.Kind != x.kind || e.Outcome != x.outcome || e.Unsent || e.ID != d.Entry() || !slices.Equal(e.Claims, []string{"age_equal_or_over.18"}) {
				t.Errorf("history: %+v", e)
			}
			// The copy may have been seen, so it is not shown again; and the request is not answered again.
			if cards, err := wal.Cards(t.Context()); err != nil || cards[0].Copies != 2 {
				t.Errorf("%d copies, %v", cards[0].Copies, err)
			}
			if _, err := d.Share(t.Context(), Choice{}); !errors.Is(err, errDone) {
				t.Errorf("shared twice: %v", err)
			}
			control(t, w, wal)
		})
	}
}

// A code that the issuer does not know any more is told apart from a wrong code of paper. Nothing is kept.
func TestOfferGone(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	good := w.serve["/token"]
	refuse := func(code oauth.Code) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(http.StatusBadRequest)
			reply(rw, map[string]any{"error": code})
		}
	}
	for _, x := range []struct {
		code  oauth.Code
		paper string
		gone  bool
		wrong bool
	}{{oauth.InvalidGrant, "", true, false}, {oauth.InvalidGrant, "1234", false, true}, {oauth.InvalidRequest, "", false, false}} {
		w.mu.Lock()
		w.txt = x.paper
		w.serve["/token"] = refuse(x.code)
		w.mu.Unlock()
		_, err := tryReceive(t, wal, w.offer(), x.paper)
		if CategoryOf(err) != EndpointRefused || errors.Is(err, ErrOfferGone) != x.gone || errors.Is(err, ErrWrongCode) != x.wrong {
			t.Errorf("%s, paper %q: %v", x.code, x.paper, err)
		}
		if e, _ := wal.History(t.Context()); e[0].Kind != "failed" || !e[0].Offer || e[0].Outcome != string(EndpointRefused) || e[0].Party != townName {
			t.Errorf("history: %+v", e[0])
		}
		if cards, err := wal.Cards(t.Context()); err != nil || len(cards) != 0 {
			t.Errorf("cards %+v, %v", cards, err)
		}
	}
	w.mu.Lock()
	w.txt, w.serve["/token"] = "", good
	w.mu.Unlock()
	receive(t, wal, w.offer(), "")
	control(t, w, wal)
}

// Before a card is kept the wallet says whether it takes the place of one that is there: the same person, type and issuer.
func TestRenews(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	fetched := func() *Issuance {
		t.Helper()
		i, err := wal.Receive(t.Context(), w.offer())
		if err == nil {
			_, err = i.Fetch(t.Context(), "")
		}
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	for n, x := range []struct {
		claims func(map[string]any)
		want   bool
		cards  int
	}{
		{nil, false, 1}, {nil, true, 1}, {func(c map[string]any) { c["given_name"] = "Ander" }, false, 2}, {nil, true, 2},
	} {
		w.claims = x.claims
		i := fetched()
		if got, err := i.Renews(); err != nil || !slices.Equal(got, []bool{x.want}) {
			t.Errorf("card %d: %v, %v", n, got, err)
		}
		if _, err := i.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
		if cards, err := wal.Cards(t.Context()); err != nil || len(cards) != x.cards {
			t.Errorf("card %d: %d cards, %v", n, len(cards), err)
		}
	}
	// Before there is anything to look at nothing is renewed.
	i, err := wal.Receive(t.Context(), w.offer())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := i.Renews(); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	control(t, w, wal)
}
