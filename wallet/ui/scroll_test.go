package ui

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"github.com/zegel-id/zegel/wallet/vm"
)

// many is a list of n cards, half of them with a logo.
func (g *gallery) many(n int) *vm.Cards {
	s, all := &vm.Cards{All: n}, append(g.items(), g.logoed()...)
	for i := range n {
		item := all[i%len(all)]
		item.ID = fmt.Sprint(i)
		item.Name = fmt.Sprintf("%s %d", item.Name, i)
		s.Items = append(s.Items, item)
	}
	return s
}

// list is what scrolls on the screen.
func (g *gallery) list() *scroll {
	g.Helper()
	var list *scroll
	walk(g.ui.root, func(o fyne.CanvasObject) bool {
		if s, ok := o.(*scroll); ok {
			list = s
		}
		return list == nil
	})
	if list == nil {
		g.Fatal("nothing scrolls")
	}
	return list
}

// Tab and Shift+Tab scroll to what they reach, also to cards that were not made yet.
func TestScrollFollowsFocus(t *testing.T) {
	g := newGallery(t)
	inSight := func(what string) {
		t.Helper()
		on, list := g.win.Canvas().Focused(), g.list()
		o := on.(fyne.CanvasObject)
		at, found := placeIn(list.inner, o, 0)
		if !found {
			return // it does not scroll
		}
		if top := at - list.box.Offset.Y; top < 0 || top+o.Size().Height > list.Size().Height {
			t.Errorf("%s: %q is at %v of %v", what, on.(named).Name(), top, list.Size().Height)
		}
	}
	for _, f := range []form{forms[0], forms[3], forms[4]} {
		g.in(f)
		g.app.Stage(nil, g.many(200))
		g.ui.shown = ""
		g.ui.Render()
		far := float32(0)
		for n := range 80 {
			g.win.Canvas().FocusNext()
			inSight(fmt.Sprintf("%s: Tab %d", f.name, n))
			far = max(far, g.list().box.Offset.Y)
		}
		if far < 1000 {
			t.Errorf("%s: the list is at %v after 80 times Tab", f.name, far)
		}
		for n := range 40 {
			g.win.Canvas().FocusPrevious()
			inSight(fmt.Sprintf("%s: Shift+Tab %d", f.name, n))
		}
		if g.list().box.Offset.Y >= far {
			t.Errorf("%s: Shift+Tab does not scroll back", f.name)
		}
		// A screen that is drawn anew stays where it is.
		list := g.list()
		list.box.Offset.Y = 0
		list.box.Refresh()
		list.box.OnScrolled(list.box.Offset)
		g.ui.Render()
		if y := g.list().box.Offset.Y; y != 0 {
			t.Errorf("%s: drawn anew it is at %v", f.name, y)
		}
	}
	for _, name := range []string{"card-full", "consent-long", "settings"} {
		g.in(forms[3])
		g.show(stateOf(name))
		for n := range 20 {
			g.win.Canvas().FocusNext()
			inSight(fmt.Sprintf("%s: Tab %d", name, n))
		}
	}
}

// Keys scroll too, and Tab goes on from where it was, or from what is in sight.
func TestScrollKeys(t *testing.T) {
	g := newGallery(t)
	g.in(forms[0])
	g.app.Stage(nil, g.many(200))
	c := g.win.Canvas()
	for c.Focused() == nil || c.Focused().(named).Name() != "Woonadres 0, Nog 12 dagen" {
		c.FocusNext()
	}
	end := g.list().inner.MinSize().Height - g.list().Size().Height
	for _, x := range []struct {
		key  fyne.KeyName
		want float32
	}{
		{fyne.KeyUp, 0}, {fyne.KeyDown, 48}, {fyne.KeyPageDown, 48 + .9*g.list().Size().Height}, {fyne.KeyPageUp, 48},
		{fyne.KeyEnd, end}, {fyne.KeyPageDown, end}, {fyne.KeyHome, 0}, {fyne.KeyEnd, end},
	} {
		if g.press(x.key); g.list().box.Offset.Y != x.want {
			t.Errorf("%s: at %v, want %v", x.key, g.list().box.Offset.Y, x.want)
		}
	}
	if n := len(g.list().inner.Objects); n == 0 {
		t.Fatal("nothing in the list")
	}
	c.FocusNext()
	if name := c.Focused().(named).Name(); !strings.Contains(name, " 19") { // 190 to 199 are in sight
		t.Errorf("Tab goes on to %q", name)
	}
	if g.list().box.Offset.Y < end-400 {
		t.Errorf("and the list to %v of %v", g.list().box.Offset.Y, end)
	}

	// On a sheet they scroll the sheet.
	g.show(stateOf("consent-long"))
	g.press(fyne.KeyEnd)
	if !g.app.Screen().(*vm.Share).Read {
		t.Error("the end of the sheet is not in sight")
	}
}
