package vm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/wallet"
)

const goodPhrase = "vlinder kastanje zeven orgelpijp mistig tandwiel"

func TestSecretSteps(t *testing.T) {
	a := newApp(t, t.TempDir(), noon(), nil)
	on[*Welcome](t, a).Begin()
	s := on[*Secret](t, a)
	steps := func(want int) {
		t.Helper()
		if at, of := s.Steps(); at != want || of != 3 {
			t.Errorf("step %d of %d, want %d", at, of, want)
		}
	}
	steps(2)
	lead := s.Lead()
	// Digits are shown when that is asked for, and stay shown for the second time.
	s.Type('6')
	if s.Typed() != "" {
		t.Error("digits are shown without being asked for")
	}
	s.Show()
	if s.Typed() != "6" {
		t.Errorf("shown %q", s.Typed())
	}
	digits(s, goodPIN[1:])
	steps(3)
	if s.Typed() != "" || !s.Shown || s.Lead() == lead {
		t.Errorf("second time: %+v", s)
	}
	// The way back leads to the first time, then to the welcome.
	s.Type('6')
	a.Back()
	if s = on[*Secret](t, a); s.Again || s.Digits != 0 {
		t.Errorf("back: %+v", s)
	}
	digits(s, goodPIN)
	digits(s, goodPIN)
	on[*Cards](t, a)

	b := newApp(t, t.TempDir(), noon(), nil)
	on[*Welcome](t, b).Begin()
	b.Back()
	on[*Welcome](t, b)
}

func TestStrength(t *testing.T) {
	a := newApp(t, t.TempDir(), noon(), nil)
	for phrase, level := range map[string]int{
		"": 0, "kort": 1, "123456": 1, "welkom welkom welkom": 1, "vlinder kastanje zeven": 2, "vlinder kastanje zeven orgelpijp": 2,
		"vlinder kastanje zeven orgelpijp mistig": 3, goodPhrase: 3,
	} {
		got := a.Strength(phrase)
		if got.Level != level || got.Word == "" || (got.Hint == "") != (level == 3) {
			t.Errorf("%q: %+v, want level %d", phrase, got, level)
		}
	}
}

func TestPick(t *testing.T) {
	dir := t.TempDir()
	a := begun(t, dir, noon())
	a.Go(PlaceSettings)
	s := on[*Settings](t, a)
	for _, x := range []struct {
		what      PickOf
		n, choose int
		was, is   string
		stays     bool
	}{
		{PickLang, len(message.WalletLanguages), 1, "Nederlands", "English", false},
		{PickAppearance, 3, 2, "Same as the device", "Dark", false},
		{PickScale, len(ScaleChoices), 2, "Normal", "Large", true},
		{PickLock, len(LockChoices), 4, "2 minutes", "Never", false},
	} {
		if got := s.Value(x.what); got != x.was {
			t.Errorf("%s: %q, want %q", x.what, got, x.was)
		}
		s.Pick(x.what)
		p := on[*Pick](t, a)
		if all := p.Options(); len(all) != x.n || p.Title() == "" || strings.HasPrefix(p.Title(), "wallet.") {
			t.Errorf("%s: %+v", x.what, all)
		}
		p.Choose(-1)
		p.Choose(x.n)
		if on[*Pick](t, a); s.Value(x.what) != x.was {
			t.Errorf("%s: what there is not was chosen", x.what)
		}
		p.Choose(x.choose)
		if x.stays {
			if !p.Options()[x.choose].On {
				t.Errorf("%s: not on", x.what)
			}
			on[*Pick](t, a).Done()
		}
		on[*Settings](t, a)
		if got := s.Value(x.what); got != x.is {
			t.Errorf("%s: %q, want %q", x.what, got, x.is)
		}
	}
	if p := newApp(t, dir, noon(), nil).Prefs(); p.Lang != "en" || p.Appearance != "dark" || p.TextScale != 1.5 || p.LockAfter != -1 {
		t.Errorf("kept %+v", p)
	}
}

func TestSettingsPages(t *testing.T) {
	a := newApp(t, t.TempDir(), noon(), func(d *Deps) { d.Version = "1.2.3" })
	on[*Welcome](t, a).Begin()
	digits(on[*Secret](t, a), goodPIN+goodPIN)
	a.Go(PlaceSettings)
	s := on[*Settings](t, a)
	if s.Recovery() != "Geen" || s.Version() != "Versie 1.2.3" || s.Protection() != ByNothing {
		t.Errorf("%q, %q, %q", s.Recovery(), s.Version(), s.Protection())
	}
	s.Storage()
	if p := on[*Storage](t, a); p.Protection() != ByNothing || !p.HasPIN() {
		t.Errorf("%+v", p)
	}
	a.Back()
	s.About()
	about := on[*About](t, a)
	about.Licences()
	l := on[*Licences](t, a)
	l.Show("x")
	if l = on[*Licences](t, a); l.Title() != "x" {
		t.Errorf("title %q", l.Title())
	}
	a.Back()
	if on[*Licences](t, a).Shown != "" {
		t.Error("the way back from a text leads past the list")
	}
	a.Back()
	on[*About](t, a).Licence("y")
	a.Back()
	on[*About](t, a)
	if v := newApp(t, t.TempDir(), noon(), nil).version(); v != "In ontwikkeling" {
		t.Errorf("a build of a test is release %q", v)
	}
}

// A wallet is kept by what it was made with, whatever the machine has now.
func TestProtectionIsOfTheWallet(t *testing.T) {
	dir := t.TempDir()
	plain := func(d *Deps) { d.Dev, d.Network = false, testNetwork }
	a := newApp(t, dir, noon(), plain)
	on[*Welcome](t, a).Begin()
	on[*Secret](t, a).Enter(goodPhrase)
	on[*Secret](t, a).Enter(goodPhrase)
	on[*Cards](t, a)
	a.Close()
	again := newApp(t, dir, noon(), func(d *Deps) { plain(d); d.Options.Keychain = keychain{} })
	on[*Lock](t, again).Enter(goodPhrase)
	again.Go(PlaceSettings)
	s := on[*Settings](t, again)
	if s.Protection() != ByPassphrase {
		t.Errorf("%s", s.Protection())
	}
	s.ChangeSecret()
	c := on[*Secret](t, again)
	if c.PIN {
		t.Error("a PIN is asked, which this wallet would refuse")
	}
	c.Enter(goodPhrase)
	c.Enter("stoel " + goodPhrase)
	c.Enter("stoel " + goodPhrase)
	if on[*Settings](t, again).Note == "" {
		t.Error("not changed")
	}
}

func TestLockTellsBeforeATry(t *testing.T) {
	dir, c := t.TempDir(), noon()
	a := begun(t, dir, c)
	a.LockNow()
	l := on[*Lock](t, a)
	if l.TriesLeft() != "" || l.Wait() != "" {
		t.Errorf("without a wrong try: %q, %q", l.TriesLeft(), l.Wait())
	}
	digits(l, "111112")
	again := newApp(t, dir, c, nil)
	if got := on[*Lock](t, again).TriesLeft(); got != "Nog 3 keer proberen." {
		t.Errorf("after a restart: %q", got)
	}
	for range 3 {
		digits(l, "111112")
	}
	again = newApp(t, dir, c, nil)
	l = on[*Lock](t, again)
	if l.CanTry() || l.Problem == nil || l.Wait() != "1:00" || l.TriesLeft() != "" {
		t.Errorf("the wait after a restart: %+v, %q", l, l.Wait())
	}
	c.now = c.now.Add(2 * time.Second)
	drawn := 0
	again.deps.Changed = func() { drawn++ }
	again.Tick()
	if l.Wait() != "0:58" || drawn == 0 {
		t.Errorf("%q left, drawn %d times", l.Wait(), drawn)
	}
	c.now = c.now.Add(time.Minute)
	again.Tick()
	if l.Wait() != "" || l.Problem != nil || !l.CanTry() {
		t.Errorf("after the wait: %+v", l)
	}
}

// testSixteenWrong is WAL-03 for people: four rounds of four, with the program started anew for each try, waits of 1, 5 and
// 60 minutes that are on the screen before another try, and the ways out after the last.
func testSixteenWrong(t *testing.T) {
	dir, c := t.TempDir(), noon()
	begun(t, dir, c).Close()
	tries := 0
	try := func() *Lock {
		t.Helper()
		a := newApp(t, dir, c, nil)
		l := on[*Lock](t, a)
		if !l.CanTry() {
			t.Fatalf("no try %d: %+v", tries+1, l)
		}
		tries++
		digits(l, "111112")
		return l
	}
	for _, wait := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour, 0} {
		for left := 3; left >= 0; left-- {
			l := try()
			if tries < 16 && (l.Blocked || l.Problem == nil) || left > 0 && l.Left != left {
				t.Errorf("after try %d: %+v", tries, l)
			}
		}
		if wait == 0 {
			break
		}
		l := on[*Lock](t, newApp(t, dir, c, nil))
		if !l.Until.Equal(c.now.Add(wait)) || l.CanTry() || l.Problem == nil || l.Wait() != message.Left(wait) {
			t.Errorf("after %d tries the screen says %+v, %q", tries, l, l.Wait())
		}
		c.now = c.now.Add(wait - time.Second)
		if on[*Lock](t, newApp(t, dir, c, nil)).CanTry() {
			t.Errorf("a try a second too early after %d", tries)
		}
		c.now = c.now.Add(time.Second)
	}
	c.now = c.now.Add(24 * 365 * time.Hour)
	a := newApp(t, dir, c, nil)
	l := on[*Lock](t, a)
	digits(l, goodPIN)
	if tries != 16 || !l.Blocked || l.Problem == nil || l.CanTry() || a.Unlocked() {
		t.Errorf("after %d tries: %+v", tries, l)
	}
	l.Restore()
	if s := on[*Restore](t, a); !s.Exists {
		t.Errorf("%+v", s)
	}
	a.Back()
	on[*Lock](t, a).Wipe()
	on[*Wipe](t, a)
}

func TestForgotten(t *testing.T) {
	dir := t.TempDir()
	a := begun(t, dir, noon())
	a.LockNow()
	l := on[*Lock](t, a)
	l.Forgot()
	f := on[*Forgot](t, a)
	if !f.PIN || !a.Outside() {
		t.Errorf("%+v", f)
	}
	f.Wipe()
	w := on[*Wipe](t, a)
	if w.Cards != -1 {
		t.Errorf("a locked wallet tells of %d cards", w.Cards)
	}
	w.Keep()
	on[*Forgot](t, a)
	a.Back()
	on[*Lock](t, a).Wipe()
	on[*Wipe](t, a).Wipe()
	on[*Welcome](t, a)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
	on[*Welcome](t, a).Begin()
	digits(on[*Secret](t, a), goodPIN+goodPIN)
	on[*Cards](t, a)
}

func TestWipe(t *testing.T) {
	dir := t.TempDir()
	a := begun(t, dir, noon())
	a.Go(PlaceSettings)
	on[*Settings](t, a).Wipe()
	w := on[*Wipe](t, a)
	if w.Cards != 0 || w.Backup != "" {
		t.Errorf("%+v", w)
	}
	w.Keep()
	if on[*Settings](t, a); !a.Unlocked() {
		t.Error("kept, and wiped")
	}
	on[*Settings](t, a).Wipe()
	on[*Wipe](t, a).Wipe()
	on[*Welcome](t, a)
	if _, err := os.Stat(filepath.Join(dir, "wallet")); !os.IsNotExist(err) {
		t.Errorf("the wallet is still there: %v", err)
	}
}

func TestWeakReasons(t *testing.T) {
	a := newApp(t, t.TempDir(), noon(), nil)
	for _, reason := range []string{"keychain", "digits", "bits", "repeat", "row", "same", "date"} {
		p := a.weak(&wallet.WeakError{Reason: reason})
		if p.Head == "" || strings.HasPrefix(p.Text, "wallet.") || !strings.Contains(p.Text, "Kies") {
			t.Errorf("%s: %+v says not what to do", reason, p)
		}
	}
}

// Before sharing, a wait after wrong tries counts down and ends as it does at the lock.
func TestWaitBeforeSharing(t *testing.T) {
	c := noon()
	a := begun(t, t.TempDir(), c)
	s := &Share{app: a}
	a.open(s)
	s.ask()
	for range 4 {
		digits(s, "111112")
	}
	if s.PIN.CanTry() || s.PIN.Wait() != "1:00" {
		t.Fatalf("%+v, %q", s.PIN, s.PIN.Wait())
	}
	for _, wait := range []string{"0:30", ""} {
		c.now = c.now.Add(30 * time.Second)
		a.Tick()
		if on[*Share](t, a).PIN.Wait() != wait {
			t.Errorf("%q left, want %q", s.PIN.Wait(), wait)
		}
	}
	if !s.PIN.CanTry() || s.PIN.Problem != nil || s.PIN.Waiting {
		t.Errorf("after the wait: %+v", s.PIN)
	}
}
