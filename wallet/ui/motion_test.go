package ui

import (
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"github.com/zegel-id/zegel/wallet/vm"
)

// held keeps movements instead of playing them.
type held []*fyne.Animation

func (h *held) start(a *fyne.Animation) { *h = append(*h, a) }

// at shows all of them after a part of their time.
func (h held) at(part float32) {
	for _, a := range h {
		a.Tick(a.Curve(part))
	}
}

func (h held) longest() (d time.Duration) {
	for _, a := range h {
		d = max(d, a.Duration)
	}
	return d
}

func stateNamed(t *testing.T, name string) state {
	t.Helper()
	for _, s := range states {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("no screen %q", name)
	return state{}
}

func TestMotion(t *testing.T) {
	g := newGallery(t)
	g.in(forms[0])
	for _, c := range []struct {
		from, to string
		still    bool
		time     time.Duration
		moves    func(u *UI) (x, y float32) // where what moves is
		startX   float32                    // sign of x at the beginning
		startY   float32
	}{
		{from: "cards", to: "card", time: pageTime, moves: pageAt, startX: 1},
		{from: "card", to: "cards", time: pageTime, moves: pageAt, startX: -1},
		{from: "cards", to: "settings", time: fadeTime, moves: pageAt},
		{from: "cards", to: "consent", time: sheetTime, moves: sheetAt, startY: 1},
		{from: "consent", to: "share-pin", time: 0, moves: sheetAt},
		{from: "cards", to: "consent", still: true, time: fadeTime, moves: sheetAt},
		{from: "cards", to: "card", still: true, time: fadeTime, moves: pageAt},
	} {
		t.Run(c.from+" to "+c.to, func(t *testing.T) {
			g.app.SetPrefs(func(p *vm.Prefs) { p.Still = c.still })
			defer g.app.SetPrefs(func(p *vm.Prefs) { p.Still = false })
			g.show(stateNamed(t, c.from))
			var h held
			g.ui.look.start = h.start
			g.show(stateNamed(t, c.to))
			if d := h.longest(); d != c.time {
				t.Errorf("moves for %v, want %v", d, c.time)
			}
			h.at(0)
			if x, y := c.moves(g.ui); sign(x) != c.startX || sign(y) != c.startY {
				t.Errorf("begins at %v, %v", x, y)
			}
			h.at(1)
			if x, y := c.moves(g.ui); x != 0 || y != 0 {
				t.Errorf("ends at %v, %v", x, y)
			}
			if v := g.ui.motion.veil; v != nil && v.Visible() {
				t.Error("the veil stays")
			}
		})
	}
}

func pageAt(u *UI) (x, y float32)  { return u.motion.page.x, u.motion.page.y }
func sheetAt(u *UI) (x, y float32) { return u.motion.sheet.x, u.motion.sheet.y }

func sign(v float32) float32 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}

// A wrong PIN shakes the dots, once, and not where less movement is wanted.
func TestShake(t *testing.T) {
	g := newGallery(t)
	g.in(forms[0])
	for _, still := range []bool{false, true} {
		g.app.SetPrefs(func(p *vm.Prefs) { p.Still = still })
		lock := &vm.Lock{PIN: true, Digits: 6}
		g.app.Stage(nil, lock)
		g.ui.Render()
		var h held
		g.ui.look.start = h.start
		lock.Digits, lock.Problem = 0, g.problem("lock.wrong", "n", 3)
		g.ui.Render()
		if got, want := len(h), map[bool]int{false: 1, true: 0}[still]; got != want {
			t.Fatalf("%d movements, want %d", got, want)
		}
		most := float32(0)
		for part := float32(0); part <= 1; part += 1. / 64 {
			h.at(part)
			most = max(most, g.ui.motion.dots.x, -g.ui.motion.dots.x)
		}
		if !still && (most < 4 || most > 6 || g.ui.motion.dots.x > .01 || g.ui.motion.dots.x < -.01) {
			t.Errorf("shakes %v wide and ends at %v", most, g.ui.motion.dots.x)
		}
		h = nil
		g.ui.Render()
		if len(h) != 0 {
			t.Error("the same refusal shakes twice")
		}
	}
}

// The tick is written while one looks, and whole at the end.
func TestTick(t *testing.T) {
	if sealTick(1) != icons["sealtick"] {
		t.Error("the whole tick is another drawing")
	}
	g := newGallery(t)
	g.in(forms[0])
	g.show(stateNamed(t, "sending"))
	var h held
	g.ui.look.start = h.start
	g.show(stateNamed(t, "shared")) // draws it twice: the second goes on where the first began
	begin := g.ui.motion.tick.part
	h.at(1)
	if begin != 0 || g.ui.motion.tick.part != 1 {
		t.Errorf("the tick goes from %v to %v", begin, g.ui.motion.tick.part)
	}
}

// A button gives way under the finger and comes back.
func TestPress(t *testing.T) {
	g := newGallery(t)
	g.in(forms[0])
	g.show(stateNamed(t, "welcome"))
	var button *tap
	walk(g.ui.root, func(o fyne.CanvasObject) bool {
		if b, ok := o.(*tap); ok && b.name == g.app.Text("wallet.welcome.begin") {
			button = b
		}
		return button == nil
	})
	whole := button.content.Size()
	var h held
	g.ui.look.start = h.start
	button.MouseDown(nil)
	h.at(1)
	if got := button.content.Size().Width / whole.Width; got > .985 || got < .975 {
		t.Errorf("pressed to %v of its width", got)
	}
	h = nil
	button.MouseUp(nil)
	h.at(1)
	if button.content.Size() != whole {
		t.Errorf("comes back to %v, was %v", button.content.Size(), whole)
	}
	if h.longest() != pressTime {
		t.Errorf("takes %v", h.longest())
	}
}

// A sheet that is still rising when its content arrives goes on from there.
func TestMotionGoesOn(t *testing.T) {
	g := newGallery(t)
	g.in(forms[0])
	g.show(stateNamed(t, "cards"))
	var h held
	g.ui.look.start = h.start
	s := g.share(vm.ShareOpening)
	g.app.Stage(g.cards(), s)
	h.at(.25)
	half := g.ui.motion.sheet.y
	h = nil
	s.Step = vm.ShareAsk
	g.ui.Render()
	if got := g.ui.motion.sheet.y; half <= 0 || got != half {
		t.Errorf("was at %v, goes on from %v", half, got)
	}
	h.at(1)
	if got := g.ui.motion.sheet.y; got != 0 {
		t.Errorf("ends at %v", got)
	}
}
