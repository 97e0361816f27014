package wallet

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

// query asks these paths of the person card.
func query(paths ...string) string {
	var claims []string
	for _, p := range paths {
		claims = append(claims, `{"path":`+p+`}`)
	}
	return `{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":["` + personType + `"]},"claims":[` + strings.Join(claims, ",") + `]}]}`
}

// testFewerClaims is DCQL-01.
func testFewerClaims(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	link, a := w.ask(query(`["age_equal_or_over","18"]`, `["age_equal_or_over","21"]`), nil)
	d := present(t, wal, link)
	var listed []string
	for _, c := range d.Sets[0].Options[0].Answers[0].Cards[0].Claims {
		listed = append(listed, c.Path)
	}
	want := []string{"age_equal_or_over.18", "age_equal_or_over.21"}
	if !slices.Equal(listed, want) {
		t.Errorf("consent lists %q", listed)
	}
	if d.Sets[0].Options[0].Answers[0].Cards[0].Claims[0].Label != "18 jaar of ouder" {
		t.Error("the issuer's name of the claim is not shown")
	}
	if _, err := d.Share(t.Context(), Choice{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"age_equal_or_over": map[string]any{"18": true, "21": true}}, a.shown[0].Subject()); diff != "" {
		t.Error(diff)
	}
	if n := strings.Count(a.raw[0], "~"); n != 3 {
		t.Errorf("%d disclosures, want 2", n-1)
	}
}

// testNoMatch is DCQL-03.
func testNoMatch(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	link, none := w.ask(`{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["`+personType+`"]},"claims":[{"path":["age_equal_or_over","18"]}]},
		{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["urn:example:nobody:1"]}}],
		"credential_sets":[{"options":[["a"],["b"]],"required":false},{"options":[["b"]]}]}`, nil)
	d := present(t, wal, link)
	if len(d.Sets) != 0 {
		t.Fatalf("sets: %+v", d.Sets)
	}
	if _, err := d.Share(t.Context(), Choice{AllowExtra: true}); CategoryOf(err) != NoMatch || none.posts != 0 {
		t.Errorf("shared without a match: %v", err)
	}
	if err := d.Refuse(t.Context()); err != nil {
		t.Fatal(err)
	}
	link, declined := w.ask(defaultQuery(), nil)
	d = present(t, wal, link)
	if err := d.Refuse(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, a := range []*asked{none, declined} {
		if a.posts != 1 || a.response.Error != oauth.AccessDenied || a.response.Token != nil || len(a.raw) != 0 {
			t.Errorf("refusal: %+v", a.response)
		}
	}
	if none.response.ErrorDescription != declined.response.ErrorDescription {
		t.Errorf("the words differ: %q, %q", none.response.ErrorDescription, declined.response.ErrorDescription)
	}
	if cards, _ := wal.Cards(t.Context()); cards[0].Copies != 3 {
		t.Errorf("a refusal used up a copy: %d left", cards[0].Copies)
	}
	control(t, w, wal)
}

// testAsksTooMuch is DCQL-11.
func testAsksTooMuch(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	link, a := w.ask(query(`["age_equal_or_over","18"]`, `["family_name"]`), nil)
	d := present(t, wal, link)
	if !slices.Equal(d.Extra, []string{"family_name"}) {
		t.Errorf("extra %q", d.Extra)
	}
	_, err := d.Share(t.Context(), Choice{AllowUnregistered: true, AllowReuse: true})
	if CategoryOf(err) != RequestUntrusted || !strings.Contains(err.Error(), "family_name") || a.posts != 0 {
		t.Errorf("asked too much: %v, %d posts", err, a.posts)
	}
	if cards, _ := wal.Cards(t.Context()); cards[0].Copies != 3 {
		t.Errorf("%d copies left", cards[0].Copies)
	}
	// The register's purpose is that of another question.
	if len(d.Purpose) != 0 || d.LegalBasis != "" || d.KeepDays != 0 {
		t.Errorf("shown as covered: %q, %q, %d days", d.Purpose, d.LegalBasis, d.KeepDays)
	}
	more, refused := w.ask(query(`["age_equal_or_over","18"]`, `["age_equal_or_over","21"]`, `["family_name"]`), nil)
	if err := present(t, wal, more).Refuse(t.Context()); err != nil || refused.response.Error != oauth.AccessDenied {
		t.Errorf("refusal: %v", err)
	}
	if all, _ := wal.History(t.Context()); all[0].Outcome != string(RequestUntrusted) || all[0].Purpose != "" {
		t.Errorf("history of the refusal: %+v", all[0])
	}
	if _, err := d.Share(t.Context(), Choice{AllowExtra: true}); err != nil {
		t.Fatal(err)
	}
	entries, err := wal.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if e := entries[0]; e.Kind != "shared" || e.Outcome != "ok" || !slices.Equal(e.Extra, []string{"family_name"}) {
		t.Errorf("history: %+v", e)
	}
	control(t, w, wal)
}

// testOnce is the wallet's part of REQ-11: a request object counts once, also after a restart.
func testOnce(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	wal := w.wallet(func(o *Options) { o.Dir = dir })
	receive(t, wal, w.offer(), "")
	link, a := w.ask(defaultQuery(), nil)
	present(t, wal, link)
	before, _ := wal.Cards(t.Context())
	if _, err := wal.Present(t.Context(), link); CategoryOf(err) != RequestMalformed {
		t.Errorf("the second time: %v", err)
	}
	mustClose(t, wal)
	o := memOptions(nil, w.now)
	o.Dir, o.fs = dir, nil
	wal = mustOpen(t, o)
	defer wal.Close()
	if _, err := wal.Present(t.Context(), link); CategoryOf(err) != RequestMalformed || a.posts != 0 {
		t.Errorf("after a restart: %v", err)
	}
	link, _ = w.ask(defaultQuery(), func(r *openid4vp.Request) {
		r.IssuedAt, r.Expires = time.Now().Add(-time.Hour), time.Now().Add(-30*time.Minute)
	})
	if _, err := wal.Present(t.Context(), link); CategoryOf(err) != RequestExpired {
		t.Errorf("expired: %v", err)
	}
	after, _ := wal.Cards(t.Context())
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	control(t, w, wal)
}

// testNames is REQ-13.
func testNames(t *testing.T) {
	w := newWorld(t)
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	// What the verifier says about itself is not even read; the registered name is shown.
	link, _ := w.ask(defaultQuery(), func(r *openid4vp.Request) {
		r.Metadata = &openid4vp.ClientMetadata{VPFormats: json.RawMessage(`{"dc+sd-jwt":{},"client_name":"Belastingdienst"}`)}
	})
	if d := present(t, wal, link); d.Verifier != townName {
		t.Errorf("shown name %q", d.Verifier)
	}
	// Control characters of a foreign certificate do not reach the screen, and a name has an end.
	f := foreign(t, "Bad\u202eName\r\nGemeente Proefstad \u2066"+strings.Repeat("x", 300))
	wal = w.wallet(func(o *Options) { o.Foreign = []trust.Anchor{f.party.foreignAnchor()} })
	link, _ = f.ask(defaultQuery(), nil)
	d := present(t, wal, link)
	if d.Registered || strings.ContainsAny(d.Verifier, "\u202e\u2066\r\n") || len([]rune(d.Verifier)) > 200 {
		t.Errorf("shown name %q", d.Verifier)
	}
	for in, want := range map[string]string{
		"Gemeente\u0000 \u200bX\ty\n": "Gemeente X y", "a\u202eb": "ab", strings.Repeat("é", 40): strings.Repeat("é", 19) + "…",
	} {
		if got := safe(in, 20); got != want {
			t.Errorf("safe(%q) is %q, want %q", in, got, want)
		}
	}
}

// testClock is CLK-01.
func testClock(t *testing.T) {
	for _, ahead := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			w := newWorld(t)
			f := foreign(t, "Winkel Elders")
			c := newClock(time.Now())
			wal := w.wallet(func(o *Options) { o.Now = c.Now; o.Foreign = []trust.Anchor{f.party.foreignAnchor()} })
			receive(t, wal, w.offer(), "")
			c.Add(ahead)

			// A registered party: its proof is not of now, and the person is told why.
			link, a := w.ask(defaultQuery(), nil)
			_, err := wal.Present(t.Context(), link)
			var clock *ClockError
			if CategoryOf(err) != RequestUntrusted || !errors.As(err, &clock) || (clock.Ahead-ahead).Abs() > time.Minute {
				t.Errorf("registered verifier: %v", err)
			}
			if a.posts != 0 {
				t.Error("something was sent")
			}
			if _, err := wal.Receive(t.Context(), w.offer()); CategoryOf(err) != IssuerUntrusted || !errors.As(err, &clock) {
				t.Errorf("registered issuer: %v", err)
			}

			// A foreign verifier whose request says no time: it rejects the answer, and the copy is not lost.
			f.trusts = w.chain
			link, a = f.ask(defaultQuery(), func(r *openid4vp.Request) { r.IssuedAt, r.Expires = time.Time{}, time.Time{} })
			d := present(t, wal, link)
			_, err = d.Share(t.Context(), Choice{AllowUnregistered: true})
			if CategoryOf(err) != EndpointRefused || !errors.As(err, &clock) {
				t.Errorf("foreign verifier: %v", err)
			}
			if a.rejected != "holder_binding" {
				t.Errorf("the verifier says %q", a.rejected)
			}
			cards, err := wal.Cards(t.Context())
			if err != nil || len(cards) != 1 || cards[0].Copies != 3 {
				t.Errorf("cards: %+v, %v", cards, err)
			}
			// Control: with the right time all of it works.
			c.Add(-ahead)
			control(t, w, wal)
		})
	}
	t.Run("an old proof is not the clock's fault", func(t *testing.T) {
		w := newWorld(t)
		wal := w.wallet(nil)
		receive(t, wal, w.offer(), "")
		link, a := w.ask(defaultQuery(), nil)
		a.stapled = time.Now().Add(-6 * time.Minute)
		_, err := wal.Present(t.Context(), link)
		var clock *ClockError
		if CategoryOf(err) != RequestUntrusted || errors.As(err, &clock) {
			t.Errorf("old proof: %v", err)
		}
		link, a = w.ask(defaultQuery(), nil)
		a.stapled = time.Now().Add(-4*time.Minute - 30*time.Second)
		present(t, wal, link)
		control(t, w, wal)
	})
}

// testHistory is WAL-12.
func testHistory(t *testing.T) {
	w := newWorld(t)
	w.batch = 10
	wal := w.wallet(nil)
	shared, refused := 0, 0
	for n := range 50 {
		if n%10 == 0 {
			receive(t, wal, w.offer(), "")
		}
		link, _ := w.ask(query(`["age_equal_or_over","18"]`, `["family_name"]`), nil)
		d := present(t, wal, link)
		if n%10 == 9 {
			if err := d.Refuse(t.Context()); err != nil {
				t.Fatal(err)
			}
			refused++
			continue
		}
		if _, err := d.Share(t.Context(), Choice{AllowExtra: true}); err != nil {
			t.Fatal(err)
		}
		shared++
	}
	if _, err := wal.Present(t.Context(), "openid4vp://?client_id=x509_hash%3AAAAA&request_uri=http%3A%2F%2Flocalhost%3A1%2Fr"); err == nil {
		t.Fatal("a request from nowhere")
	}
	entries, err := wal.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, e := range entries {
		got[e.Kind]++
		switch e.Kind {
		case "shared":
			want := Entry{
				ID: e.ID, Time: e.Time, Kind: "shared", Party: townName, Registered: true, Card: "Persoonsgegevens", Cards: e.Cards,
				Claims: []string{"age_equal_or_over.18", "family_name"}, Labels: []string{"18 jaar of ouder", "family_name"}, Extra: []string{"family_name"}, Outcome: "ok",
			}
			if diff := cmp.Diff(want, e); diff != "" || e.Time.IsZero() || len(e.Cards) != 1 {
				t.Fatal(diff, e.Cards)
			}
		case "failed":
			if e.Outcome != string(Network) || e.Party == "" {
				t.Errorf("%+v", e)
			}
		}
	}
	if got["shared"] != shared || got["refused"] != refused || got["failed"] != 1 || got["received"] != 5 {
		t.Errorf("kinds %v", got)
	}
	text, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{canaryName, canaryNumber, "Testvogelmans", "true", "2000-01-31"} {
		line := string(text)
		if secret == "true" {
			// Flags of the party, not values of the card.
			line = strings.NewReplacer(`"registered":true`, "", `"unknown":true`, "").Replace(line)
		}
		if strings.Contains(line, secret) {
			t.Errorf("the history holds the value %q", secret)
		}
	}
}

// foreignStatus serves the list signed by somebody else.
func foreignStatus(s *services, p *party) func(w http.ResponseWriter, r *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		token, err := statuslist.Token{URI: s.base + "/status", IssuedAt: s.now(), Expires: s.now().Add(time.Hour), List: s.list}.Sign(p.issue, p.header(p.issue))
		if err != nil {
			s.t.Error(err)
		}
		w.Header().Set("Content-Type", "application/statuslist+jwt")
		fmt.Fprint(w, token)
	}
}
