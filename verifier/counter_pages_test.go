package verifier

import (
	"bufio"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/credential"
)

// The rows of the required behaviour for pages, at the counter itself; pkg/office tests the shell of all pages.
func TestCounter(t *testing.T) {
	t.Run("WEB-01", func(t *testing.T) {
		s := openCounter(t)
		c := s.login(counterToken)
		id := s.ask(c, "name-and-birthdate")
		evil := `<img src=x onerror=alert(1)>"><script>alert(1)</script>`
		s.accept(id, map[string]any{evil: map[string]any{
			"given_name": evil, "family_name": "javascript:alert(1)", "birthdate": "\u202e1900\u0007", evil: []any{evil, nil, 1e300, map[string]any{"x": strings.Repeat("y", 5000)}},
		}})
		status, body, h := s.do(c, "GET", "/counter/check/"+id, nil)
		if status != 200 || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%d, %v", status, h)
		}
		for _, bad := range []string{"<img", "<script>", `href="javascript`, "\u202e", "\u0007", strings.Repeat("y", 500)} {
			if strings.Contains(body, bad) {
				t.Errorf("the page holds %.40q", bad)
			}
		}
		if !strings.Contains(body, "&lt;img src=x onerror=alert(1)&gt;") {
			t.Error("control: the value is not shown as text")
		}
	})

	t.Run("WEB-02", func(t *testing.T) {
		s := openCounter(t)
		c := s.login(counterToken)
		id := s.ask(c, "over-18")
		for _, header := range [][]string{{"Origin", ""}, {"Origin", "https://evil.example"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}} {
			for _, path := range []string{"/counter/check", "/counter/check/" + id + "/stop", "/counter/check/" + id + "/more", "/counter/check/" + id + "/clear", "/counter/logout"} {
				if status, _, _ := s.do(c, "POST", path, url.Values{"preset": {"over-18"}}, header...); status != http.StatusForbidden {
					t.Errorf("%v %s: %d", header, path, status)
				}
			}
		}
		for _, path := range []string{"/counter/check", "/counter/check/" + id + "/stop", "/counter/check/" + id + "/clear", "/counter/logout"} {
			if status, _, _ := s.do(c, "GET", path, nil); status != http.StatusNotFound {
				t.Errorf("GET %s: %d", path, status)
			}
		}
		if x, err := s.v.Session(t.Context(), "voorbeeld", id); err != nil || x.State != Created {
			t.Errorf("the session is %v (%v)", x, err)
		}
		if all, _ := s.v.History(t.Context(), "voorbeeld", time.Time{}, 10); len(all) != 1 {
			t.Errorf("%d sessions", len(all))
		}
		if status, body, _ := s.do(c, "POST", "/counter/check/"+id+"/stop", url.Values{}); status != 200 || !strings.Contains(body, "Gestopt") {
			t.Errorf("control: stop %d", status)
		}
	})

	t.Run("WEB-05", func(t *testing.T) {
		s := openCounter(t)
		ours, theirs := s.login(counterToken), s.login(otherToken)
		id := s.ask(ours, "over-18")
		s.accept(id, over18)
		for _, path := range []string{"", "/events"} {
			if status, body, _ := s.do(theirs, "GET", "/counter/check/"+id+path, nil); status != http.StatusNotFound || strings.Contains(body, "18 jaar") {
				t.Errorf("another town reads %q: %d", path, status)
			}
		}
		for _, path := range []string{"/stop", "/more", "/keep", "/clear"} {
			if status, _, _ := s.do(theirs, "POST", "/counter/check/"+id+path, url.Values{}); status != http.StatusNotFound {
				t.Errorf("another town may %s: %d", path, status)
			}
		}
		if status, body, _ := s.do(ours, "GET", "/counter/check/"+id, nil); status != 200 || !strings.Contains(body, "Klopt") {
			t.Errorf("control: %d", status)
		}
		if status, body, _ := s.do(theirs, "GET", "/counter/history", nil); status != 200 || strings.Contains(body, "M. Bakker") {
			t.Errorf("another town's history: %d", status)
		}
		if status, _, _ := s.do(s.browser(), "POST", "/counter/login", url.Values{"token": {counterToken + "-desk"}}); status != http.StatusForbidden {
			t.Errorf("somebody of the desk: %d", status)
		}
	})
}

func TestCounterWaitingAndOpened(t *testing.T) {
	s := openCounter(t)
	c := s.login(counterToken)
	status, body, _ := s.do(c, "GET", "/counter", nil)
	for _, want := range []string{"18 jaar of ouder", "Nagaan of u 18 jaar of ouder bent.", "Naam en geboortedatum", "Register actueel", "M. Bakker", `aria-current="page"`} {
		if status != 200 || !strings.Contains(body, want) {
			t.Errorf("picker: %d, no %q", status, want)
		}
	}
	id := s.ask(c, "over-18")
	_, body, _ = s.do(c, "GET", "/counter/check/"+id, nil)
	for _, want := range []string{`<svg class="qr"`, `href="openid4vp://`, `<noscript><meta http-equiv="refresh" content="3">`, "/events"} {
		if !strings.Contains(body, want) {
			t.Errorf("waiting: no %q", want)
		}
	}
	s.pass(48 * time.Second)
	if _, body, _ = s.do(c, "GET", "/counter/check/"+id, nil); !strings.Contains(body, ">4:12<") {
		t.Error("the time left is not shown")
	}
	if _, body, _ = s.do(c, "POST", "/counter/check/"+id+"/more", url.Values{}); !strings.Contains(body, ">5:00<") {
		t.Error("more time gave none")
	}
	s.set(id, func(x *Session) { x.State = Fetched })
	if _, body, _ = s.do(c, "GET", "/counter/check/"+id+"?lang=en", nil); !strings.Contains(body, "Opened on the phone") || strings.Contains(body, `class="qr"`) || strings.Contains(body, "openid4vp:") {
		t.Error("the code is still there although a phone has opened it")
	}
	s.set(id, func(x *Session) { x.Outcome, x.Category = Rejected, credential.Replayed })
	if _, body, _ = s.do(c, "GET", "/counter/check/"+id, nil); !strings.Contains(body, "This answer belongs to another question.") {
		t.Error("nothing is said about an answer that was not for this session")
	}
}

func TestCounterAnswers(t *testing.T) {
	s := openCounter(t)
	c := s.login(counterToken)
	for _, a := range []struct {
		outcome  Outcome
		category credential.Category
		want     []string
	}{
		{Rejected, credential.Revoked, []string{"r-stop", "Ingetrokken", "Uw kaart is ingetrokken", `role="alert"`}},
		{Rejected, credential.UntrustedIssuer, []string{"r-stop", "Uitgever niet bekend", "niet gecontroleerd"}},
		{Rejected, credential.Category("something_new"), []string{"r-stop", "Niet geaccepteerd"}},
		{Undetermined, credential.StatusUnavailable, []string{"r-warn", "Kan het niet vaststellen", "onbekend", "Probeer opnieuw"}},
		{Undetermined, credential.RegistryUnavailable, []string{"r-warn", "Ons register is even niet bereikbaar"}},
	} {
		id := s.ask(c, "over-18")
		s.reject(id, a.outcome, a.category)
		_, body, _ := s.do(c, "GET", "/counter/check/"+id, nil)
		for _, want := range a.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s %s: no %q", a.outcome, a.category, want)
			}
		}
		if strings.Contains(body, "r-ok") {
			t.Errorf("%s %s looks green", a.outcome, a.category)
		}
	}
	for _, category := range []credential.Category{
		credential.Malformed, credential.TooLarge, credential.BadSignature, credential.UntrustedIssuer, credential.BadDisclosure,
		credential.HolderBinding, credential.Replayed, credential.WrongAudience, credential.NotYetValid, credential.Expired, credential.Revoked,
		credential.Suspended, credential.StatusUnavailable, credential.QueryUnsatisfied, credential.DecryptionFailed, credential.SessionState,
		credential.RegistryUnproven, credential.RegistryUnavailable,
	} {
		if categoryKey(category) == "category.other." {
			t.Errorf("there are no words for %s", category)
		}
	}
}

func TestCounterClearsItself(t *testing.T) {
	s := openCounter(t)
	c := s.login(counterToken)
	id := s.ask(c, "over-18")
	s.accept(id, over18)
	green := func() bool {
		_, body, _ := s.do(c, "GET", "/counter/check/"+id, nil)
		if strings.Contains(body, "r-ok") != strings.Contains(body, "Verder is niets ontvangen") {
			t.Error("half a page")
		}
		return strings.Contains(body, "r-ok")
	}
	if !green() {
		t.Fatal("control: not green")
	}
	named := func() bool {
		_, body, _ := s.do(c, "GET", "/counter/check/"+id, nil)
		return strings.Contains(body, "Uitgegeven door") && strings.Contains(body, "Gemeente Elders")
	}
	if !named() {
		t.Error("the page does not say who issued the card")
	}
	defer func() {
		if named() {
			t.Error("the issuer stays when the values are gone")
		}
	}()
	s.pass(50 * time.Second)
	if _, body, _ := s.do(c, "POST", "/counter/check/"+id+"/keep", url.Values{}); !strings.Contains(body, ">1:00<") {
		t.Error("keeping longer gave no time")
	}
	s.pass(59 * time.Second)
	if !green() {
		t.Error("cleared too early")
	}
	s.pass(2 * time.Second)
	if green() {
		t.Error("still green after its time")
	}
	if _, body, _ := s.do(c, "POST", "/counter/check/"+id+"/keep", url.Values{}); strings.Contains(body, "r-ok") {
		t.Error("keeping longer brought the answer back")
	}

	id = s.ask(c, "over-18")
	s.accept(id, over18)
	if !green() {
		t.Fatal("control: not green")
	}
	if _, _, h := s.do(c, "POST", "/counter/check/"+id+"/clear", url.Values{"next": {"1"}}); h.Get("Test-Path") != "/counter" {
		t.Errorf("next check leads to %s", h.Get("Test-Path"))
	}
	if x, err := s.v.Session(t.Context(), "voorbeeld", id); err != nil || x.Claims != nil {
		t.Errorf("values are left (%v)", err)
	}
}

func TestCounterHistory(t *testing.T) {
	s := openCounter(t)
	c := s.login(counterToken)
	if _, body, _ := s.do(c, "GET", "/counter/history", nil); !strings.Contains(body, "nog geen vragen") {
		t.Error("empty history says nothing")
	}
	for range 3 {
		s.ask(c, "over-18")
		s.pass(time.Minute)
	}
	_, body, _ := s.do(c, "GET", "/counter/history", nil)
	if !strings.Contains(body, "Vandaag: 3 vragen") || strings.Count(body, "<tr>") != 4 {
		t.Error("not three lines")
	}
}

func TestCounterEvents(t *testing.T) {
	s := openCounter(t)
	c := s.login(counterToken)
	id := s.ask(c, "over-18")
	res, err := c.Get(s.origin + "/counter/check/" + id + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("content type %q", got)
	}
	lines := bufio.NewScanner(res.Body)
	data := func() string {
		for lines.Scan() {
			if state, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return state
			}
		}
		return ""
	}
	if got := data(); !strings.HasPrefix(got, "created") {
		t.Errorf("first state %q", got)
	}
	s.set(id, func(x *Session) { x.State = Fetched })
	if got := data(); !strings.HasPrefix(got, "fetched") {
		t.Errorf("second state %q", got)
	}
	s.accept(id, over18)
	if got := data(); !strings.HasPrefix(got, "completed") {
		t.Errorf("third state %q", got)
	}
	if got := data(); got != "" {
		t.Errorf("the stream goes on after the end: %q", got)
	}
}
