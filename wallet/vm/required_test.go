package vm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/wallet"
)

func TestRequired(t *testing.T) {
	t.Run("WAL-03", testSixteenWrong)
	t.Run("WAL-07", testRestoreOverAWallet)
	t.Run("WAL-12", testFiftyShown)
	testConsent(t)
}

// testFiftyShown is WAL-12: after 50 presentations the screens show when, to whom, why, the names of facts and what came
// of it, failures too, and nowhere what the facts say.
func testFiftyShown(t *testing.T) {
	p := newPlace(t)
	a := p.inhabitant("voorbeeld-1")
	card := p.card(a).ID
	for n := range 50 {
		if n%10 == 9 {
			r, err := a.wallet.Renew(t.Context(), card)
			if err == nil {
				_, err = r.Accept(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		p.shares(a, 1)
	}
	a.Link(p.ask())
	on[*Share](t, a).Stop()
	a.Link("openid4vp://?client_id=x509_hash%3Aabc&request_uri=http%3A%2F%2Flocalhost%3A1%2Fr")

	values := []string{"Saar", "Proefpersoon", "1984", "17 mei"}
	clean := func(where string, text string) {
		for _, v := range values {
			if strings.Contains(text, v) {
				t.Errorf("%s says %q: %s", where, v, text)
			}
		}
	}
	s := lines(t, a)
	counts := map[string]int{}
	for _, l := range s.Lines {
		counts[l.Kind]++
		clean("a line", fmt.Sprintf("%+v", l))
		if l.Party == "" || l.What == "" || l.Time == "" || l.Group == "" {
			t.Errorf("%+v", l)
		}
	}
	if counts["shared"] != 50 || counts["refused"] != 1 || counts["failed"] != 1 || counts["received"] != 1 || counts["renewed"] != 5 || s.All != 58 {
		t.Errorf("%v of %d", counts, s.All)
	}
	for n := range s.All {
		s.Open(n)
		e := on[*Event](t, a)
		clean("a line from close by", strings.Join([]string{e.Title(), e.When(), e.What, e.Why(), e.Kept(), e.Story(), e.Receipt(), fmt.Sprint(e.Facts(), e.Withheld())}, "\n"))
		switch {
		case e.Kind == "shared" && (len(e.Facts()) != 1 || e.Why() == "" || e.Kept() == "" || !e.Registered() || e.Party != "Gemeente Voorbeeldstad"):
			t.Errorf("%+v", e)
		case e.Kind == "refused" && (len(e.Withheld()) != 1 || len(e.Facts()) != 0 || e.Why() == ""):
			t.Errorf("%+v", e)
		case e.Kind == "failed" && (e.Entry.Outcome == "" || !strings.Contains(e.Story(), "Er is niets gedeeld.")):
			t.Errorf("%+v", e)
		}
		if e.CanWrite() {
			e.Report()
			clean("a letter", on[*Letter](t, a).Text)
			a.Back()
		}
		a.Back()
	}
	s.Learned()
	l := on[*Learned](t, a)
	if len(l.Parties) != 1 || l.Parties[0].Times != 50 {
		t.Errorf("%+v", l.Parties)
	}
	clean("what they know", fmt.Sprintf("%+v", l.Parties))
	if _, err := a.wallet.Letter("1", "nl"); err == nil || wallet.CategoryOf(err) != "" {
		t.Errorf("a letter about a card that came: %v", err)
	}
}
