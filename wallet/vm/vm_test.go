package vm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/wallet"
)

const goodPIN = "604183"

// clock is the time of a test; it moves when told to.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// keychain is a keychain in memory.
type keychain map[string][]byte

func (k keychain) Get(name string) ([]byte, error) {
	if v, ok := k[name]; ok {
		return v, nil
	}
	return nil, wallet.ErrNoSecret
}
func (k keychain) Set(name string, v []byte) error { k[name] = v; return nil }
func (k keychain) Delete(name string) error        { delete(k, name); return nil }

// newApp runs everything at once, so that a test reads what an action did right after it.
func newApp(t *testing.T, dir string, c *clock, change func(*Deps)) *App {
	t.Helper()
	d := Deps{
		Dir: dir, Dev: true, Now: c.Now,
		Do: func(f func()) { f() }, Go: func(f func()) { f() },
	}
	if change != nil {
		change(&d)
	}
	a := New(d)
	t.Cleanup(func() { a.Close() })
	return a
}

func noon() *clock { return &clock{time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)} }

func on[S Screen](t *testing.T, a *App) S {
	t.Helper()
	s, ok := a.Screen().(S)
	if !ok {
		t.Fatalf("the screen is %T", a.Screen())
	}
	return s
}

func digits(p interface{ Type(rune) }, s string) {
	for _, r := range s {
		p.Type(r)
	}
}

// begun is an app with a new, empty wallet.
func begun(t *testing.T, dir string, c *clock) *App {
	t.Helper()
	a := newApp(t, dir, c, nil)
	on[*Welcome](t, a).Begin()
	digits(on[*Secret](t, a), goodPIN+goodPIN)
	on[*Cards](t, a)
	return a
}

func TestFirstUse(t *testing.T) {
	dir := t.TempDir()
	a := newApp(t, dir, noon(), nil)
	w := on[*Welcome](t, a)
	if a.Unlocked() || a.Place() != "" || a.CanGoBack() {
		t.Error("a new wallet is not at its beginning")
	}
	w.ChooseLang()
	on[*Pick](t, a).Choose(1)
	if got := on[*Welcome](t, a).Title(); got != "Your data stays with you" {
		t.Errorf("title %q", got)
	}
	w.ChooseLang()
	on[*Pick](t, a).Choose(0)
	w.Begin()
	s := on[*Secret](t, a)
	if !s.PIN || s.Protection != ByNothing {
		t.Errorf("development wallet: %+v", s)
	}
	for _, weak := range []struct{ pin, why string }{
		{"123456", "volgen op elkaar"}, {"111111", "herhaalt"}, {"121212", "herhaalt"}, {"010190", "datum"}, {"777787", "één cijfer"},
	} {
		digits(s, weak.pin)
		if s.Problem == nil || !strings.Contains(s.Problem.Text, weak.why) || s.Again || s.Digits != 0 {
			t.Errorf("%s: %+v", weak.pin, s.Problem)
		}
		s.Type(rune(goodPIN[0]))
		if s.Problem == nil {
			t.Error("the reason is gone while the next one is typed")
		}
		s.Erase()
		if s.Digits != 0 {
			t.Errorf("%d digits after erasing", s.Digits)
		}
	}
	for _, other := range "a -١" {
		s.Type(other)
	}
	if s.Digits != 0 {
		t.Error("something that is no digit was taken")
	}
	digits(s, goodPIN)
	if !s.Again || s.Problem != nil {
		t.Fatalf("good PIN: %+v", s)
	}
	digits(s, "604184")
	if s.Again || s.Problem == nil || s.Problem.Head != a.Text("wallet.secret.differ.head") {
		t.Errorf("two that differ: %+v", s)
	}
	digits(s, goodPIN+goodPIN)
	c := on[*Cards](t, a)
	if !a.Unlocked() || a.Place() != PlaceCards || a.CanGoBack() || c.Summary() != "Nog geen kaarten" {
		t.Errorf("after the second time: %+v", c)
	}
}

func TestPassphraseWithoutKeychain(t *testing.T) {
	a := newApp(t, t.TempDir(), noon(), func(d *Deps) {
		d.Dev = false
		d.Network = testNetwork
	})
	on[*Welcome](t, a).Begin()
	s := on[*Secret](t, a)
	if s.PIN || s.Protection != ByPassphrase {
		t.Fatalf("%+v", s)
	}
	s.Type('1')
	if s.Digits != 0 {
		t.Error("digits for a passphrase")
	}
	s.Enter("kort")
	if s.Problem == nil || s.Again {
		t.Errorf("short passphrase: %+v", s)
	}
	const good = "vlinder kastanje zeven orgelpijp mistig tandwiel"
	s.Enter(good)
	s.Enter(good)
	on[*Cards](t, a)
	a.LockNow()
	l := on[*Lock](t, a)
	if l.PIN {
		t.Error("the lock asks a PIN")
	}
	l.Enter("iets anders dan dat")
	if l.Problem == nil || a.Unlocked() {
		t.Error("a wrong passphrase opened")
	}
	l.Enter(good)
	on[*Cards](t, a)
}

func TestKeychain(t *testing.T) {
	k := keychain{}
	a := newApp(t, t.TempDir(), noon(), func(d *Deps) {
		d.Dev, d.Network, d.Options.Keychain = false, testNetwork, k
	})
	on[*Welcome](t, a).Begin()
	s := on[*Secret](t, a)
	if !s.PIN || s.Protection != ByKeychain {
		t.Fatalf("%+v", s)
	}
	digits(s, goodPIN+goodPIN)
	a.Go(PlaceSettings)
	on[*Settings](t, a).Wipe()
	on[*Wipe](t, a).Wipe()
	on[*Welcome](t, a)
	if len(k) != 0 {
		t.Errorf("%d secrets left in the keychain", len(k))
	}
}

func TestLock(t *testing.T) {
	dir, c := t.TempDir(), noon()
	a := begun(t, dir, c)
	// It locks itself, and not while it is used.
	for range 3 {
		c.now = c.now.Add(90 * time.Second)
		a.Touch()
		a.Tick()
	}
	if !a.Unlocked() {
		t.Fatal("locked while it was used")
	}
	c.now = c.now.Add(2 * time.Minute)
	a.Tick()
	l := on[*Lock](t, a)
	if a.Unlocked() {
		t.Fatal("not locked")
	}
	for _, p := range []Place{PlaceCards, PlaceActivity, PlaceNotices, PlaceSettings} {
		a.Go(p)
	}
	a.Scan()
	a.Back()
	on[*Lock](t, a)

	// Tries are counted, the wait survives a restart, and the words say how long.
	for left := 3; left > 0; left-- {
		digits(l, "111112")
		if l.Problem == nil || l.Digits != 0 || !l.CanTry() {
			t.Fatalf("%d left: %+v", left, l.Problem)
		}
	}
	if !strings.Contains(l.Problem.Text, "1 keer") {
		t.Errorf("last try: %+v", l.Problem)
	}
	digits(l, "111112")
	if l.CanTry() || l.Until.IsZero() || l.Problem == nil {
		t.Fatalf("after four: %+v", l)
	}
	l.Type('6')
	if l.Digits != 0 {
		t.Error("a digit during the wait")
	}
	a.Close()
	again := newApp(t, dir, c, nil)
	l = on[*Lock](t, again)
	digits(l, goodPIN)
	if again.Unlocked() || l.Until.IsZero() {
		t.Error("a restart ended the wait")
	}
	c.now = c.now.Add(time.Minute)
	again.Tick()
	if !l.CanTry() || l.Problem != nil {
		t.Errorf("after the wait: %+v", l)
	}
	digits(l, goodPIN)
	on[*Cards](t, again)
}

// REQ: a link that comes while the wallet is locked waits, shows that it waits, and is opened only after the PIN.
func TestLinkWhileLocked(t *testing.T) {
	c := noon()
	a := begun(t, t.TempDir(), c)
	a.LockNow()
	l := on[*Lock](t, a)
	const link = "openid4vp://?client_id=x509_hash%3Aabc&request_uri=http%3A%2F%2Flocalhost%3A1%2Fr"
	a.Link("zie " + link + " daar")
	a.Tick()
	if on[*Lock](t, a) != l || !a.Waiting() || !l.Waiting {
		t.Fatal("the link does not wait")
	}
	digits(l, "111112")
	if a.Unlocked() || !a.Waiting() {
		t.Fatal("a wrong PIN let the link in")
	}
	digits(l, goodPIN)
	s := on[*Share](t, a)
	if a.Waiting() || s.Step != ShareFailed || s.Problem == nil || s.Problem.Category == "" {
		t.Errorf("%+v", s)
	}
	s.Done()
	on[*Cards](t, a)
}

func TestFindLink(t *testing.T) {
	for text, want := range map[string]linkKind{
		"openid4vp://?a=b": linkRequest, "haip-vp://?a=b": linkRequest, "OPENID4VP://?a": linkRequest,
		"openid-credential-offer://?x": linkOffer, "haip-vci://?x": linkOffer,
		"Uw kaart:\n<openid-credential-offer://?x>": linkOffer,
		"": linkNone, "https://example.org": linkNone, "openid4vp:": linkNone, "javascript://x": linkNone,
		strings.Repeat("a", 1<<20): linkNone,
	} {
		if _, kind := findLink(text); kind != want {
			t.Errorf("%.40q: %v, want %v", text, kind, want)
		}
	}
	a := begun(t, t.TempDir(), noon())
	a.Link("hallo")
	if s := on[*Add](t, a); s.Problem == nil {
		t.Error("no word about a text without a link")
	}
	on[*Add](t, a).Text("nog iets")
	a.Back()
	on[*Cards](t, a)
}

func TestSettings(t *testing.T) {
	dir, c := t.TempDir(), noon()
	a := begun(t, dir, c)
	a.Go(PlaceSettings)
	a.SetPrefs(func(p *Prefs) { p.Lang, p.Appearance, p.TextScale, p.Still, p.LockAfter = "en", "dark", 1.5, true, -1 })
	if got := on[*Settings](t, a).Title(); got != "Settings" {
		t.Errorf("title %q", got)
	}
	c.now = c.now.Add(24 * time.Hour)
	a.Tick()
	if !a.Unlocked() {
		t.Error("never means never")
	}
	on[*Settings](t, a).ChangeSecret()
	s := on[*Secret](t, a)
	if !s.Old {
		t.Fatal("the old PIN is not asked")
	}
	digits(s, "111112")
	digits(s, "918273")
	digits(s, "918273")
	if s.Problem == nil || !s.Old {
		t.Fatalf("a wrong old PIN: %+v", s)
	}
	digits(s, goodPIN)
	digits(s, "918273")
	digits(s, "918273")
	if on[*Settings](t, a).Note == "" {
		t.Error("no word that it was changed")
	}
	a.Close()
	again := newApp(t, dir, c, nil)
	if p := again.Prefs(); p.Lang != "en" || p.Scale() != 1.5 || !p.Still || p.LockAfter != -1 {
		t.Errorf("kept %+v", p)
	}
	l := on[*Lock](t, again)
	digits(l, goodPIN)
	if again.Unlocked() {
		t.Error("the old PIN opens")
	}
	digits(l, "918273")
	on[*Cards](t, again)

	if err := os.WriteFile(filepath.Join(dir, "settings.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if p := newApp(t, dir, c, nil).Prefs(); p != (Prefs{}) {
		t.Errorf("damaged settings: %+v", p)
	}
}

func TestSentence(t *testing.T) {
	a := begun(t, t.TempDir(), noon())
	for want, c := range map[string]wallet.Claim{
		"U bent 18 jaar of ouder: ja":  {Path: "age_equal_or_over.18", Label: "18 jaar of ouder", Value: true},
		"U bent 21 jaar of ouder: nee": {Path: "age_over_21", Value: false},
		"Geboortedatum: 14 mei 1990":   {Path: "birthdate", Label: "Geboortedatum", Value: "1990-05-14"},
		"Woonplaats: Voorbeeldstad":    {Path: "address.locality", Label: "Woonplaats", Value: "Voorbeeldstad"},
		"Lid: ja":                      {Path: "member", Label: "Lid", Value: true},
		"Talen: Nederlands, Frysk":     {Path: "languages", Label: "Talen", Value: []any{"Nederlands", "Frysk"}},
		"Leeg: –":                      {Path: "nothing", Label: "Leeg"},
		"age_over_x: ja":               {Path: "age_over_x", Label: "age_over_x", Value: true},
	} {
		if got := a.fact(c).Sentence; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
