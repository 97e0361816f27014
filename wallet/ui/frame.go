package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/wallet/vm"
)

var places = []struct {
	place   vm.Place
	drawing string
}{
	{vm.PlaceCards, "card"}, {vm.PlaceActivity, "history"}, {"", "scan"}, {vm.PlaceNotices, "bell"}, {vm.PlaceSettings, "settings"},
}

// framed puts the tab bar under a place, or the rail beside it.
func (u *UI) framed(content fyne.CanvasObject) fyne.CanvasObject {
	content = u.moving(content)
	if u.wide {
		return container.New(&row{wide: 1, gap: 0, fill: true}, sized(railWidth, 0, u.rail()), content)
	}
	return container.New(&bottom{}, content, u.tabs())
}

// bottom keeps its last object at the foot.
type bottom struct{}

// Layout implements [fyne.Layout].
func (bottom) Layout(o []fyne.CanvasObject, size fyne.Size) {
	h := heightFor(o[1], size.Width)
	o[0].Move(fyne.Position{})
	o[0].Resize(fyne.NewSize(size.Width, size.Height-h))
	o[1].Move(fyne.NewPos(0, size.Height-h))
	o[1].Resize(fyne.NewSize(size.Width, h))
}

// MinSize implements [fyne.Layout].
func (bottom) MinSize(o []fyne.CanvasObject) fyne.Size { return stack{}.MinSize(o) }

func (u *UI) scan() { u.app.Scan() }

func (u *UI) tabs() fyne.CanvasObject {
	var all []fyne.CanvasObject
	for _, p := range places {
		if p.place == "" {
			button := sized(56, 48, over(block(u.accent, 14), container.NewCenter(icon(p.drawing, 24, u.onAccent))))
			name := u.text("place.scan")
			all = append(all, u.tap(name, radius, u.tabCell(button, name, u.accent, tabB), u.scan))
			continue
		}
		c, st := u.ink2, tab
		back := block(color.Transparent, 16)
		if u.app.Place() == p.place {
			c, st, back = u.onAccentSoft, tabB, block(u.accentSoft, 16)
		}
		drawing := over(back, container.NewCenter(u.dotted(p.place, icon(p.drawing, 24, c))))
		name := u.text("place." + string(p.place))
		place := p.place
		word := u.ink2
		if st == tabB {
			word = u.accent
		}
		all = append(all, u.tap(name, radius, u.tabCell(sized(64, 32, drawing), name, word, st), func() { u.app.Go(place) }))
	}
	bar := pad(8, 0, 8, 0, beside(0, -1, all...))
	return over(canvas.NewRectangle(u.surface), container.New(&column{}, u.hairline(), sized(0, 84, bar)))
}

// tabCell is a drawing with its word under it.
func (u *UI) tabCell(drawing fyne.CanvasObject, name string, c color.Color, s style) fyne.CanvasObject {
	return col(2, sized(0, 48, container.NewCenter(drawing)), u.paragraph(&words{text: name, style: s, colour: c, align: fyne.TextAlignCenter, most: 1}))
}

// dotted marks a place where something new waits.
func (u *UI) dotted(p vm.Place, o fyne.CanvasObject) fyne.CanvasObject {
	if !u.fresh(p) {
		return o
	}
	dot := container.NewWithoutLayout(block(u.stop, 5))
	dot.Objects[0].Resize(fyne.NewSize(10, 10))
	dot.Objects[0].Move(fyne.NewPos(16, -2))
	return over(o, dot)
}

// fresh says whether something new waits at a place.
func (u *UI) fresh(p vm.Place) bool { return p == vm.PlaceNotices && u.app.Unseen() }

func (u *UI) rail() fyne.CanvasObject {
	all := []fyne.CanvasObject{
		pad(0, 0, 0, 8, beside(12, 1, icon("sealplain", 40, u.accent), u.line(lead, u.ink, u.text("name")))),
		air(12),
		u.railScan(),
		air(8),
	}
	for _, p := range places {
		if p.place == "" {
			continue
		}
		place := p.place
		all = append(all, u.railRow(p.drawing, u.text("place."+string(place)), u.app.Within() == place, func() { u.app.Go(place) }, place))
	}
	all = append(all, push(), u.railRow("lock", u.text("place.lock"), false, u.app.LockNow, ""))
	side := container.New(&row{wide: 0, fill: true}, pad(32, 16, 24, 20, col(8, all...)), u.edgeLine())
	return over(canvas.NewRectangle(u.surface), side)
}

func (u *UI) edgeLine() fyne.CanvasObject {
	r := canvas.NewRectangle(u.hair)
	r.SetMinSize(fyne.NewSize(1, 1))
	return r
}

func (u *UI) railScan() fyne.CanvasObject {
	words := u.paragraph(&words{text: u.text("place.scan"), style: u.scaled(strong), colour: u.onAccent, most: 1})
	inner := container.New(&labelled{12}, icon("scan", 24, u.onAccent), words)
	t := u.tap(u.text("place.scan"), radius, sized(0, buttonHeight*u.scale, over(block(u.accent, radius), inner)), u.scan)
	t.soft = true
	return t
}

func (u *UI) railRow(drawing, name string, on bool, do func(), p vm.Place) fyne.CanvasObject {
	c, s, back := u.ink2, body, block(color.Transparent, 12)
	if on {
		c, s, back = u.onAccentSoft, strong, block(u.accentSoft, 12)
	}
	parts := []fyne.CanvasObject{icon(drawing, 24, c), u.line(s, c, name)}
	if u.fresh(p) {
		parts = append(parts, sized(10, 10, block(u.stop, 5)))
	}
	inner := pad(0, 16, 0, 14, beside(14, 1, parts...))
	return u.tap(name, 12, sized(0, 48*u.scale, over(back, inner)), do)
}

// page is a screen of its own: a way back, a title, content that scrolls, and buttons that stay at the foot.
func (u *UI) page(s vm.Screen, content fyne.CanvasObject, foot ...fyne.CanvasObject) fyne.CanvasObject {
	if len(foot) > 0 {
		foot = []fyne.CanvasObject{u.measured(col(12, foot...))}
	}
	return u.pageOf(s, u.measured(content), foot...)
}

// pageOf is page with content and buttons as wide as the window allows.
func (u *UI) pageOf(s vm.Screen, content fyne.CanvasObject, foot ...fyne.CanvasObject) fyne.CanvasObject {
	e := u.edge()
	var head []fyne.CanvasObject
	if u.app.CanGoBack() {
		head = append(head, pad(8, e, 0, e-12, beside(0, -2, u.glyph(u.text("back"), "back", u.app.Back))))
	} else {
		head = append(head, air(24))
	}
	if _, card := s.(*vm.Card); !card {
		head = append(head, pad(0, e, 8, e, u.write(title, u.ink, s.Title()))) // a card says its own name
	}
	body := u.scrolled("page", pad(8, e, 24, e, content))
	if len(foot) == 0 {
		return container.New(&top{}, col(0, head...), body)
	}
	body.rule = block(u.hair, 0)
	buttons := over(pad(16, e, 24, e, col(12, foot...)), container.New(&edge{}, body.rule))
	return u.stacked(col(0, head...), body, buttons)
}

// journey is a whole page for a step that is not a place: a cross that closes it, a small name of what this is, content
// that scrolls, and buttons at the foot. Without close there is no cross; seen is called when the end was in sight.
func (u *UI) journey(name string, close func(), content fyne.CanvasObject, seen func(), foot ...fyne.CanvasObject) fyne.CanvasObject {
	e := u.edge()
	head := fyne.CanvasObject(air(24))
	if close != nil {
		cross := u.glyph(u.text("close"), "close", close)
		head = pad(8, e, 0, e-12, beside(0, 1, cross, u.centred(smallB, u.ink2, name), sized(target, target, air(0))))
	}
	body := u.scrolled("page", pad(8, e, 24, e, u.measured(content)))
	body.seen = seen
	return container.New(&top{}, head, body, pad(8, e, 24, e, u.measured(col(12, foot...))))
}

// foot is where the buttons are.
func (u *UI) foot(buttons ...fyne.CanvasObject) fyne.CanvasObject {
	e := u.edge()
	return col(0, u.hairline(), pad(16, e, 24, e, u.measured(col(12, buttons...))))
}

// edge is a line along the top.
type edge struct{}

// Layout implements [fyne.Layout].
func (edge) Layout(o []fyne.CanvasObject, size fyne.Size) { o[0].Resize(fyne.NewSize(size.Width, 1)) }

// MinSize implements [fyne.Layout].
func (edge) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

// measured keeps lines short enough to read in a wide window, and begins them where the heading begins.
func (u *UI) measured(o fyne.CanvasObject) fyne.CanvasObject { return leftmost(640, o) }

// aloneWidest is how wide a screen gets that stands in a wide window by itself.
const aloneWidest = 480

// inMiddle keeps a screen narrow in the middle of a wide window. What scrolls does so up to the window's edge.
func (u *UI) inMiddle(screen fyne.CanvasObject) fyne.CanvasObject {
	c, ok := screen.(*fyne.Container)
	if !ok {
		return widest(aloneWidest, screen)
	}
	if _, ok := c.Layout.(*top); !ok {
		return widest(aloneWidest, screen)
	}
	for i, o := range c.Objects {
		if s, ok := o.(*scroll); ok {
			for i, in := range s.inner.Objects {
				s.inner.Objects[i] = widest(aloneWidest, in)
			}
			continue
		}
		c.Objects[i] = widest(aloneWidest, o)
	}
	return c
}

// top puts a head above and a foot under an object that takes the room between.
type top struct {
	close bool // the foot comes right after content that needs less
}

// stacked puts a page together. In a wide window its buttons stand right under the content: at the foot of the window they
// would be far from it.
func (u *UI) stacked(head, body, foot fyne.CanvasObject) fyne.CanvasObject {
	return container.New(&top{close: u.wide}, head, body, foot)
}

// Layout implements [fyne.Layout].
func (t top) Layout(o []fyne.CanvasObject, size fyne.Size) {
	head := heightFor(o[0], size.Width)
	foot := float32(0)
	if len(o) > 2 {
		foot = heightFor(o[2], size.Width)
		if s, ok := o[1].(*scroll); ok && t.close {
			size.Height = min(size.Height, head+s.whole(size.Width)+foot)
		}
		o[2].Move(fyne.NewPos(0, size.Height-foot))
		o[2].Resize(fyne.NewSize(size.Width, foot))
	}
	o[0].Move(fyne.Position{})
	o[0].Resize(fyne.NewSize(size.Width, head))
	o[1].Move(fyne.NewPos(0, head))
	o[1].Resize(fyne.NewSize(size.Width, max(0, size.Height-head-foot)))
}

// MinSize implements [fyne.Layout].
func (top) MinSize(o []fyne.CanvasObject) fyne.Size { return stack{}.MinSize(o) }

// overCards shows a journey as a sheet over the cards, or as a panel in a wide window.
func (u *UI) overCards(sheet fyne.CanvasObject) fyne.CanvasObject {
	under := fyne.CanvasObject(canvas.NewRectangle(u.bg))
	if c := u.app.Under(); c != nil {
		u.under = true
		under = u.framed(u.place(c))
		u.under = false
	}
	return u.sheetOver(under, sheet)
}

// sheetOver shows a sheet, or a panel in a wide window, over what cannot be used meanwhile.
func (u *UI) sheetOver(under, sheet fyne.CanvasObject) fyne.CanvasObject {
	layers := []fyne.CanvasObject{under, canvas.NewBlur(8), canvas.NewRectangle(u.scrim)}
	if u.wide {
		back := block(u.surface, radiusSheet)
		layers = append(layers, container.New(&panel{widest: panelWidth(sheet)}, u.rises(over(back, sheet))))
	} else {
		back := block(u.surface, radiusSheet)
		layers = append(layers, container.New(&rising{}, u.rises(over(container.New(&below{}, back), sheet))))
	}
	u.motion.veil = canvas.NewRectangle(color.Transparent)
	u.motion.veil.Hide()
	return over(append(layers, u.motion.veil)...)
}

// rising is a sheet at the foot: as high as its content, but for 64 of what lies under it.
type rising struct{}

// Layout implements [fyne.Layout].
func (rising) Layout(o []fyne.CanvasObject, size fyne.Size) {
	h := min(heightFor(o[0], size.Width), size.Height-64)
	o[0].Move(fyne.NewPos(0, size.Height-h))
	o[0].Resize(fyne.NewSize(size.Width, h))
}

// MinSize implements [fyne.Layout].
func (rising) MinSize(o []fyne.CanvasObject) fyne.Size { return fyne.NewSize(32, 32) }

// below lets the round corners at the foot of a sheet fall outside of the window.
type below struct{}

// Layout implements [fyne.Layout].
func (below) Layout(o []fyne.CanvasObject, size fyne.Size) {
	o[0].Move(fyne.Position{})
	o[0].Resize(size.AddWidthHeight(0, radiusSheet))
}

// MinSize implements [fyne.Layout].
func (below) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

// panelWidth is how wide a sheet is in a wide window: with two parts side by side more than with one.
func panelWidth(sheet fyne.CanvasObject) float32 {
	if c, ok := sheet.(*fyne.Container); ok {
		if _, two := c.Layout.(*halves); two {
			return 832
		}
	}
	return 560
}

// panel is a sheet in the middle of a wide window.
type panel struct{ widest float32 }

// Layout implements [fyne.Layout].
func (p *panel) Layout(o []fyne.CanvasObject, size fyne.Size) {
	w := min(p.widest, size.Width-64)
	h := min(heightFor(o[0], w), size.Height-64)
	o[0].Move(fyne.NewPos((size.Width-w)/2, (size.Height-h)/2))
	o[0].Resize(fyne.NewSize(w, h))
}

// MinSize implements [fyne.Layout].
func (p *panel) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(32, 32) }
