package vm

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/zegel-id/zegel/wallet"
)

// retries: an offer or a request that could not be fetched can be tried again, with the same link and from the screen that
// says so; one that is wrong cannot.
func (p *place) retries(t *testing.T, a *App) {
	var status atomic.Int64 // what the road to the other party answers; 0: it is open
	body, source := "", ""
	road := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s := status.Load(); s != 0 {
			w.WriteHeader(int(s))
			return
		}
		if source == "" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, body)
			return
		}
		resp, err := http.Get(source)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		w.WriteHeader(resp.StatusCode)
		io.Copy(w, resp.Body)
	}))
	t.Cleanup(road.Close)
	through := strings.Replace(road.URL, "127.0.0.1", "localhost", 1)

	u, err := url.Parse(p.ask())
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	source = q.Get("request_uri")
	q.Set("request_uri", through+"/request")
	request := "openid4vp://?" + q.Encode()
	status.Store(http.StatusServiceUnavailable)
	a.Link(request)
	s := on[*Share](t, a)
	for range 2 {
		if s.Step != ShareFailed || !s.Again || s.Problem.Category != wallet.Network {
			t.Fatalf("step %d, again %v, %+v", s.Step, s.Again, s.Problem)
		}
		s.Retry() // still closed
	}
	status.Store(0)
	if s.Retry(); s.Step != ShareAsk || s.Again || s.Problem != nil || s.Verifier == "" || len(s.Facts) != 1 {
		t.Fatalf("step %d, %+v", s.Step, s.Problem)
	}
	if s.Retry(); s.Step != ShareAsk { // there is nothing to try again
		t.Errorf("step %d", s.Step)
	}
	s.Stop()
	if s.Retry(); s.Step != ShareStopped {
		t.Errorf("after stopping: step %d", s.Step)
	}
	// A request that was answered is not tried again.
	a.Link(request)
	s = on[*Share](t, a)
	if s.Step != ShareFailed || s.Again {
		t.Errorf("step %d, again %v, %+v", s.Step, s.Again, s.Problem)
	}
	if s.Retry(); s.Step != ShareFailed {
		t.Errorf("tried again: step %d", s.Step)
	}

	made := p.call(p.town.Ready.Issuer+"/api/offers", map[string]any{"configuration_ids": []string{"personal-data"}, "subject": "voorbeeld-5"})
	if u, err = url.Parse(made["offer_uri"].(string)); err != nil {
		t.Fatal(err)
	}
	if source, body = u.Query().Get("credential_offer_uri"), u.Query().Get("credential_offer"); source == "" && body == "" {
		t.Fatalf("an offer of another form: %s", u)
	}
	link := "openid-credential-offer://?credential_offer_uri=" + url.QueryEscape(through+"/offer")
	status.Store(http.StatusServiceUnavailable)
	a.Link(link)
	o := on[*Offer](t, a)
	for range 2 {
		if o.Step != OfferFailed || !o.Again || o.Problem.Category != wallet.Network {
			t.Fatalf("step %d, again %v, %+v", o.Step, o.Again, o.Problem)
		}
		o.Retry()
	}
	status.Store(0)
	if o.Retry(); o.Step != OfferAsk || o.Again || o.Problem != nil || !o.Registered {
		t.Fatalf("step %d, %+v", o.Step, o.Problem)
	}
	if o.Retry(); o.Step != OfferAsk {
		t.Errorf("step %d", o.Step)
	}
	// The same card again takes the place of the one that is there, and says so before and after.
	o.Collect()
	if o.Step != OfferPreview || len(o.Cards) != 1 || !o.Cards[0].Renews {
		t.Fatalf("step %d, %+v, %+v", o.Step, o.Cards, o.Problem)
	}
	if o.Accept(); o.Step != OfferDone || o.Title() != "1 kaart vernieuwd" {
		t.Errorf("step %d, %q", o.Step, o.Title())
	}
	// Its code counts once: the offer is gone, which trying again does not change.
	a.Link(link)
	o = on[*Offer](t, a)
	o.Collect()
	if o.Step != OfferFailed || o.Again || !strings.Contains(o.Problem.Text, "verlopen of al gebruikt") {
		t.Errorf("step %d, again %v, %+v", o.Step, o.Again, o.Problem)
	}
	if o.Retry(); o.Step != OfferFailed {
		t.Errorf("tried again: step %d", o.Step)
	}
}
