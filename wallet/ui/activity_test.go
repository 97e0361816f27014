package ui

import (
	"fmt"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"github.com/zegel-id/zegel/wallet/vm"
)

// manyLines is a history of n lines, of which a month has 40.
func manyLines(n int) []vm.Line {
	var all []vm.Line
	for i := range n {
		all = append(all, vm.Line{N: i, Group: fmt.Sprint("Maand ", i/40), Party: fmt.Sprint("Organisatie ", i), What: "1 gegeven gedeeld", Time: "18 nov", Kind: "shared"})
	}
	return all
}

// Of a long history only what is in sight is made, each line once and where it belongs, wherever it is scrolled to.
func TestHistoryIsLazy(t *testing.T) {
	test.NewTempApp(t)
	u := &UI{look: look{palette: &light, scale: 1}}
	opened := -1
	list := u.lines(manyLines(500), func(n int) { opened = n })
	h := list.Layout.(*history)
	whole := heightFor(list, 342)
	if want := 13*30 + 500*float32(72) + 12*gapGroups; whole != want {
		t.Errorf("%v high, want %v", whole, want)
	}
	list.Resize(fyne.NewSize(342, whole))
	made := map[*tap]bool{}
	tops := []float32{0, 500, 20_000, whole - 600, 0}
	for top := range 60 {
		tops = append(tops, float32(top)*71) // every way in which a group can come into sight
	}
	for _, top := range tops {
		h.scrolledTo(top, 600)
		rows := 0
		seen := map[string]bool{}
		for _, o := range list.Objects {
			y := o.Position().Y
			if bottom := y + o.Size().Height; bottom < top-292 && o.Size().Height < 600 || y > top+892 {
				t.Errorf("at %v: something lies from %v to %v", top, y, bottom)
			}
			if o.Size().Height < 0 {
				t.Fatalf("at %v: something is %v", top, o.Size())
			}
			row, ok := o.(*tap)
			if !ok {
				continue
			}
			rows++
			made[row] = true
			if seen[row.name] || o.Size().Width != 342 || o.Size().Height != 72 {
				t.Errorf("at %v: %q twice, or of size %v", top, row.name, o.Size())
			}
			seen[row.name] = true
		}
		if rows < 8 || rows > 16 {
			t.Errorf("at %v: %d lines", top, rows)
		}
	}
	if len(made) > 200 {
		t.Errorf("%d lines were made", len(made))
	}
	h.scrolledTo(h.at(321), 600)
	for _, o := range list.Objects {
		if row, ok := o.(*tap); ok && o.Position().Y == h.at(321) {
			row.Tapped(nil)
		}
	}
	if opened != 321 {
		t.Errorf("opened %d", opened)
	}
}

// The field of the search has the focus when it is opened, finds while one types, and Escape closes it.
func TestSearchByKeyboard(t *testing.T) {
	g := newGallery(t)
	g.in(forms[0])
	g.show(stateOf("activity"))
	s := g.app.Screen().(*vm.Activity)
	g.win.Canvas().Focus(g.find("Zoeken"))
	g.press(fyne.KeySpace)
	f, ok := g.win.Canvas().Focused().(*field)
	if !ok || !s.Searching {
		t.Fatalf("the focus is on %v", g.win.Canvas().Focused())
	}
	for _, r := range "gem" {
		g.win.Canvas().Focused().TypedRune(r)
	}
	if f, ok = g.win.Canvas().Focused().(*field); !ok || f.Text != "gem" || s.Query != "gem" {
		t.Errorf("typed %q, the screen has %q", f.Text, s.Query)
	}
	g.press(fyne.KeyEscape)
	if s.Searching || s.Query != "" || g.app.Screen() != vm.Screen(s) {
		t.Errorf("after Escape: %+v", s)
	}
}

// Tab goes through a long history line by line, and what has the focus is in sight.
func TestHistoryByKeyboard(t *testing.T) {
	g := newGallery(t)
	g.in(forms[0])
	g.app.Stage(nil, &vm.Activity{Lines: manyLines(500), All: 500})
	c := g.win.Canvas()
	c.Focus(g.find("Organisatie 0, 1 gegeven gedeeld, 18 nov"))
	for n := 1; n <= 60; n++ {
		c.FocusNext()
		on, ok := c.Focused().(*tap)
		if want := fmt.Sprintf("Organisatie %d, 1 gegeven gedeeld, 18 nov", n); !ok || on.name != want {
			t.Fatalf("Tab %d: the focus is on %v, want %q", n, c.Focused(), want)
		}
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject(on)
		if at.Y < 100 || at.Y+on.Size().Height > 844-84 {
			t.Fatalf("Tab %d: at %v", n, at)
		}
	}
	for range 20 {
		g.press(fyne.KeyPageDown) // out of sight, and Tab goes on from it
	}
	if c.FocusNext(); c.Focused().(*tap).name != "Organisatie 61, 1 gegeven gedeeld, 18 nov" {
		t.Errorf("after scrolling the focus is on %q", c.Focused().(*tap).name)
	}
}

// The letter is copied and saved as it is, and the receipt too.
func TestLetterAndReceipt(t *testing.T) {
	g := newGallery(t)
	g.in(forms[0])
	g.show(stateOf("letter"))
	text := g.app.Screen().(*vm.Letter).Text
	test.Tap(g.find("Brief kopiëren"))
	if g.platform.copied != text {
		t.Errorf("copied %q", g.platform.copied)
	}
	test.Tap(g.find("Brief bewaren"))
	if s := g.app.Screen().(*vm.Letter); !s.Saved || s.Copied {
		t.Errorf("%+v", s)
	}
	g.show(stateOf("event"))
	test.Tap(g.find("Kopieer het bewijs"))
	if s := g.app.Screen().(*vm.Event); g.platform.copied != s.Receipt() || !s.Copied {
		t.Errorf("copied %q", g.platform.copied)
	}
}

func BenchmarkScrollHistory(b *testing.B) {
	g := benchGallery(b)
	g.in(forms[0])
	g.app.Stage(nil, &vm.Activity{Lines: manyLines(500), All: 500})
	var list *scroll
	walk(g.ui.root, func(o fyne.CanvasObject) bool {
		if s, ok := o.(*scroll); ok {
			list = s
		}
		return list == nil
	})
	step := func(i int) {
		list.box.Offset.Y = float32(i%1000) * 35
		list.box.Refresh()
		list.track()
	}
	b.Run("layout", func(b *testing.B) {
		for i := range b.N {
			step(i)
		}
	})
	b.Run("picture", func(b *testing.B) {
		for i := range b.N {
			step(i)
			g.picture(1)
		}
	})
}
