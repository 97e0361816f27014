package vm

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zegel-id/zegel/cmd/zegel/town"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/wallet"
)

// place is a live town with its registry, issuer and counter, which can be closed and opened with other inhabitants and
// another law.
type place struct {
	t    *testing.T
	dir  string
	town *town.Town
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, dir: filepath.Join(t.TempDir(), "town")}
	p.open(town.Options{Dir: p.dir, Port: -1})
	t.Cleanup(p.close)
	return p
}

func (p *place) open(o town.Options) {
	p.t.Helper()
	var err error
	if p.town, err = town.Open(p.t.Context(), o); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) close() {
	if err := p.town.Close(); err != nil {
		p.t.Error(err)
	}
}

// again opens the town after change has had its way with the inhabitants.
func (p *place) again(duty verifier.Duty, change func(people []map[string]any) []map[string]any) {
	p.t.Helper()
	p.close()
	file := filepath.Join(p.dir, "subjects.json")
	data, err := os.ReadFile(file)
	var people []map[string]any
	if err == nil {
		err = json.Unmarshal(data, &people)
	}
	if err == nil {
		data, err = json.Marshal(change(people))
	}
	if err == nil {
		err = os.WriteFile(file, data, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.open(town.Options{Dir: p.dir, Duty: duty})
}

// call asks the town's staff interface for something new.
func (p *place) call(url string, body any) map[string]any {
	p.t.Helper()
	return p.send(http.MethodPost, url, body)
}

func (p *place) send(method, url string, body any) map[string]any {
	p.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), method, url, bytes.NewReader(data))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.town.Ready.Token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode >= 400 {
		p.t.Fatalf("%s: %s, %v, %v", url, res.Status, out, err)
	}
	return out
}

// inhabitant is an app that holds the card of one of them.
func (p *place) inhabitant(subject string) *App {
	p.t.Helper()
	network, err := os.ReadFile(p.town.Ready.Network)
	if err != nil {
		p.t.Fatal(err)
	}
	a := newApp(p.t, p.t.TempDir(), &clock{}, func(d *Deps) { d.Network, d.Now = network, time.Now })
	on[*Welcome](p.t, a).Begin()
	digits(on[*Secret](p.t, a), goodPIN+goodPIN)
	offer := p.call(p.town.Ready.Issuer+"/api/offers", map[string]any{"configuration_ids": []string{"personal-data"}, "subject": subject})
	a.Link(offer["offer_uri"].(string))
	s := on[*Offer](p.t, a)
	s.Collect()
	s.Accept()
	if s.Step != OfferDone {
		p.t.Fatalf("no card: step %d, %+v", s.Step, s.Problem)
	}
	s.Done()
	return a
}

// revoke revokes the cards of an inhabitant.
func (p *place) revoke(subject string) {
	p.t.Helper()
	cards := p.town.Ready.Issuer + "/api/credentials"
	for _, c := range p.send(http.MethodGet, cards+"?subject="+subject, nil)["credentials"].([]any) {
		p.call(cards+"/"+c.(map[string]any)["id"].(string)+"/revoke", map[string]any{"reason": "made up"})
	}
}

// ask is a request of the counter.
func (p *place) ask() string {
	p.t.Helper()
	return p.call(p.town.Ready.Verifier+"/api/sessions", map[string]any{"preset": "over-18"})["request_uri"].(string)
}

// shares answers n requests, without the screens: what they need is tested elsewhere, and each PIN costs half a second.
func (p *place) shares(a *App, n int) {
	p.t.Helper()
	for range n {
		d, err := a.wallet.Present(p.t.Context(), p.ask())
		if err == nil {
			_, err = d.Share(p.t.Context(), wallet.Choice{})
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	a.stale = true
}

func (p *place) card(a *App) *Card {
	p.t.Helper()
	a.Go(PlaceCards)
	c := on[*Cards](p.t, a)
	if len(c.Items) != 1 {
		p.t.Fatalf("%d cards", len(c.Items))
	}
	c.Open(c.Items[0].ID)
	return on[*Card](p.t, a)
}

func (p *place) notices(a *App) *Notices {
	p.t.Helper()
	a.Go(PlaceNotices)
	return on[*Notices](p.t, a)
}

func noticed(s *Notices) (kinds []string) {
	for _, n := range s.Items {
		kinds = append(kinds, n.Kind)
	}
	return kinds
}

func lines(t *testing.T, a *App) *Activity {
	t.Helper()
	a.Go(PlaceActivity)
	return on[*Activity](t, a)
}
