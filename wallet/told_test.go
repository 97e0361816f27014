package wallet

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestHistoryNamesOnlyWhoIsKnown(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	for _, status := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusGone} {
		link, _ := w.ask(defaultQuery(), nil)
		address, err := url.Parse(requestAddress(link))
		if err != nil {
			t.Fatal(err)
		}
		w.mu.Lock()
		w.serve[address.Path] = func(rw http.ResponseWriter, r *http.Request) { rw.WriteHeader(status) }
		w.mu.Unlock()
		if _, err := wal.Present(t.Context(), link); CategoryOf(err) != RequestExpired {
			t.Errorf("%d: %v", status, err)
		} else if strings.Count(err.Error(), "request_expired") != 1 {
			t.Errorf("the category is named again: %v", err)
		}
		entries, err := wal.History(t.Context())
		if err != nil || !entries[0].Unknown || entries[0].Party != address.Host || entries[0].Registered {
			t.Errorf("history: %+v, %v", entries[0], err)
		}
	}
	control(t, w, wal)
	entries, err := wal.History(t.Context())
	if err != nil || entries[0].Unknown || entries[0].Purpose != "Leeftijd controleren" || !slices.Equal(entries[0].Labels, []string{"18 jaar of ouder"}) {
		t.Errorf("history: %+v, %v", entries[0], err)
	}
	if cards, _ := wal.Cards(t.Context()); cards[0].Labels["age_equal_or_over.18"] != "18 jaar of ouder" {
		t.Errorf("labels %q", cards[0].Labels)
	}
}

// TestCopiesUsedUp: refusing after the last copy is no_match in the history, as it was told.
func TestCopiesUsedUp(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	for range 3 {
		control(t, w, wal)
	}
	link, _ := w.ask(defaultQuery(), nil)
	d := present(t, wal, link)
	if _, err := d.Share(t.Context(), Choice{}); !errors.As(err, new(*UsedError)) {
		t.Fatal(err)
	}
	if err := d.Refuse(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e, _ := wal.History(t.Context()); e[0].Outcome != string(NoMatch) {
		t.Errorf("history: %+v", e[0])
	}
}

func TestAnswerNotAccepted(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	link, a := w.ask(defaultQuery(), nil)
	d := present(t, wal, link)
	address, err := url.Parse(a.request.ResponseURI)
	if err != nil {
		t.Fatal(err)
	}
	w.mu.Lock()
	w.serve[address.Path] = func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(http.StatusBadRequest)
		reply(rw, map[string]any{"error": "invalid_request"})
	}
	w.mu.Unlock()
	if _, err := d.Share(t.Context(), Choice{}); CategoryOf(err) != EndpointRefused || !errors.Is(err, ErrNotAccepted) {
		t.Errorf("refused answer: %v", err)
	}
	control(t, w, wal)
}
