package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// MinSize knows no width, so a text that wraps cannot say how high it is. Everything that holds text implements flow.
type flow interface {
	// heightFor returns the height that the object needs at a width.
	heightFor(width float32) float32
}

// flowing is a layout of which the same can be asked.
type flowing interface {
	fyne.Layout
	heightFor(objects []fyne.CanvasObject, width float32) float32
}

func heightFor(o fyne.CanvasObject, width float32) float32 {
	if !o.Visible() {
		return 0
	}
	if f, ok := o.(flow); ok {
		return f.heightFor(width)
	}
	if c, ok := o.(*fyne.Container); ok {
		if l, ok := c.Layout.(flowing); ok {
			return l.heightFor(c.Objects, width)
		}
	}
	return o.MinSize().Height
}

func visible(objects []fyne.CanvasObject) []fyne.CanvasObject {
	var out []fyne.CanvasObject
	for _, o := range objects {
		if o.Visible() {
			out = append(out, o)
		}
	}
	return out
}

// column puts objects under each other, each as wide as there is room. A spring takes what height is left.
type column struct{ gap float32 }

func col(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(&column{gap}, objects...)
}

// spring is an object of no size that pushes the others of a column or row apart.
type spring struct{ *fyne.Container }

func push() fyne.CanvasObject { return &spring{container.NewWithoutLayout()} }

func isSpring(o fyne.CanvasObject) bool { _, is := o.(*spring); return is }

// Layout implements [fyne.Layout].
func (c *column) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	all := visible(objects)
	left := size.Height - c.heightFor(objects, size.Width)
	springs := 0
	for _, o := range all {
		if isSpring(o) {
			springs++
		}
	}
	y := float32(0)
	for _, o := range all {
		h := heightFor(o, size.Width)
		if isSpring(o) && left > 0 {
			h = left / float32(springs)
		}
		o.Move(fyne.NewPos(0, y))
		o.Resize(fyne.NewSize(size.Width, h))
		y += h + c.gap
	}
}

// MinSize implements [fyne.Layout].
func (c *column) MinSize(objects []fyne.CanvasObject) fyne.Size {
	s := fyne.Size{}
	all := visible(objects)
	for _, o := range all {
		m := o.MinSize()
		s.Width = max(s.Width, m.Width)
		s.Height += m.Height
	}
	s.Height += c.gap * float32(max(0, len(all)-1))
	return s
}

func (c *column) heightFor(objects []fyne.CanvasObject, width float32) float32 {
	all := visible(objects)
	h := c.gap * float32(max(0, len(all)-1))
	for _, o := range all {
		h += heightFor(o, width)
	}
	return h
}

// row puts objects beside each other, each at its least width but for one that takes the rest.
type row struct {
	gap  float32
	wide int  // index of the object that takes the rest; -1: all share equally; -2: nobody takes it
	top  bool // aligned at the top instead of the middle
	fill bool // everything as high as the row
}

func beside(gap float32, wide int, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(&row{gap: gap, wide: wide}, objects...)
}

// atTop is beside with everything aligned at the top.
func atTop(gap float32, wide int, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(&row{gap: gap, wide: wide, top: true}, objects...)
}

func (r *row) widths(objects []fyne.CanvasObject, width float32) []float32 {
	w := make([]float32, len(objects))
	left, n := width, 0
	for i, o := range objects {
		if !o.Visible() {
			continue
		}
		n++
		if r.wide != -1 && i != r.wide {
			w[i] = o.MinSize().Width
			left -= w[i]
		}
	}
	left -= r.gap * float32(max(0, n-1))
	for i, o := range objects {
		switch {
		case !o.Visible():
		case r.wide == -1:
			w[i] = max(0, left/float32(n))
		case i == r.wide:
			w[i] = max(0, left)
		}
	}
	return w
}

// Layout implements [fyne.Layout].
func (r *row) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	w := r.widths(objects, size.Width)
	x := float32(0)
	for i, o := range objects {
		if !o.Visible() {
			continue
		}
		h := heightFor(o, w[i])
		if r.wide == -1 || r.fill {
			h = size.Height
		}
		y := float32(0)
		if !r.top {
			y = (size.Height - h) / 2
		}
		o.Move(fyne.NewPos(x, y))
		o.Resize(fyne.NewSize(w[i], h))
		x += w[i] + r.gap
	}
}

// MinSize implements [fyne.Layout].
func (r *row) MinSize(objects []fyne.CanvasObject) fyne.Size {
	s := fyne.Size{}
	all := visible(objects)
	for _, o := range all {
		m := o.MinSize()
		s.Width += m.Width
		s.Height = max(s.Height, m.Height)
	}
	s.Width += r.gap * float32(max(0, len(all)-1))
	return s
}

func (r *row) heightFor(objects []fyne.CanvasObject, width float32) float32 {
	w := r.widths(objects, width)
	h := float32(0)
	for i, o := range objects {
		if o.Visible() {
			h = max(h, heightFor(o, w[i]))
		}
	}
	return h
}

// padding keeps air around one object.
type padding struct{ top, right, bottom, left float32 }

func pad(top, right, bottom, left float32, o fyne.CanvasObject) *fyne.Container {
	return container.New(&padding{top, right, bottom, left}, o)
}

func padAll(by float32, o fyne.CanvasObject) *fyne.Container { return pad(by, by, by, by, o) }

// Layout implements [fyne.Layout].
func (p *padding) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Move(fyne.NewPos(p.left, p.top))
		o.Resize(fyne.NewSize(max(0, size.Width-p.left-p.right), max(0, size.Height-p.top-p.bottom)))
	}
}

// MinSize implements [fyne.Layout].
func (p *padding) MinSize(objects []fyne.CanvasObject) fyne.Size {
	s := fyne.Size{}
	for _, o := range objects {
		s = s.Max(o.MinSize())
	}
	return s.AddWidthHeight(p.left+p.right, p.top+p.bottom)
}

func (p *padding) heightFor(objects []fyne.CanvasObject, width float32) float32 {
	h := float32(0)
	for _, o := range objects {
		h = max(h, heightFor(o, width-p.left-p.right))
	}
	return h + p.top + p.bottom
}

// stack lays objects over each other, all as large as the room there is.
type stack struct{}

func over(objects ...fyne.CanvasObject) *fyne.Container { return container.New(stack{}, objects...) }

// Layout implements [fyne.Layout].
func (stack) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, o := range objects {
		o.Move(fyne.Position{})
		o.Resize(size)
	}
}

// MinSize implements [fyne.Layout].
func (stack) MinSize(objects []fyne.CanvasObject) fyne.Size {
	s := fyne.Size{}
	for _, o := range objects {
		s = s.Max(o.MinSize())
	}
	return s
}

func (stack) heightFor(objects []fyne.CanvasObject, width float32) float32 {
	h := float32(0)
	for _, o := range objects {
		h = max(h, heightFor(o, width))
	}
	return h
}

// frame gives its one object a fixed size, in the middle or at the left of the room there is.
type frame struct {
	size fyne.Size // a zero side: as much as there is
	left bool
}

func sized(w, h float32, o fyne.CanvasObject) *fyne.Container {
	return container.New(&frame{size: fyne.NewSize(w, h)}, o)
}

// sizedHeight gives an object a height and leaves its width.
func sizedHeight(h float32, o fyne.CanvasObject) *fyne.Container { return sized(0, h, o) }

// widest keeps an object at most this wide, in the middle.
func widest(w float32, o fyne.CanvasObject) *fyne.Container {
	return container.New(&narrow{most: w}, o)
}

// Layout implements [fyne.Layout].
func (f *frame) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	s := f.size
	if s.Width == 0 {
		s.Width = size.Width
	}
	if s.Height == 0 {
		s.Height = size.Height
	}
	pos := fyne.NewPos((size.Width-s.Width)/2, (size.Height-s.Height)/2)
	if f.left {
		pos.X = 0
	}
	for _, o := range objects {
		o.Move(pos)
		o.Resize(s)
	}
}

// MinSize implements [fyne.Layout].
func (f *frame) MinSize(objects []fyne.CanvasObject) fyne.Size {
	m := stack{}.MinSize(objects)
	if f.size.Width != 0 {
		m.Width = f.size.Width
	}
	if f.size.Height != 0 {
		m.Height = f.size.Height
	}
	return m
}

func (f *frame) heightFor(objects []fyne.CanvasObject, width float32) float32 {
	if f.size.Height != 0 {
		return f.size.Height
	}
	if f.size.Width != 0 {
		width = f.size.Width
	}
	return stack{}.heightFor(objects, width)
}

// leftmost keeps an object at most this wide, at the left, where the heading begins.
func leftmost(w float32, o fyne.CanvasObject) *fyne.Container {
	return container.New(&narrow{most: w, left: true}, o)
}

type narrow struct {
	most float32
	left bool
}

// Layout implements [fyne.Layout].
func (n *narrow) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	w := min(n.most, size.Width)
	for _, o := range objects {
		x := (size.Width - w) / 2
		if n.left {
			x = 0
		}
		o.Move(fyne.NewPos(x, 0))
		o.Resize(fyne.NewSize(w, size.Height))
	}
}

// MinSize implements [fyne.Layout].
func (n *narrow) MinSize(objects []fyne.CanvasObject) fyne.Size {
	m := stack{}.MinSize(objects)
	m.Width = min(m.Width, n.most)
	return m
}

func (n *narrow) heightFor(objects []fyne.CanvasObject, width float32) float32 {
	return stack{}.heightFor(objects, min(n.most, width))
}

// labelled is a drawing with words after it: together in the middle if they fit on a line, else the words wrap.
type labelled struct{ gap float32 }

func (b *labelled) widths(o []fyne.CanvasObject, width float32) (before, text float32) {
	d := o[0].MinSize().Width + b.gap
	w := o[1].(*fyne.Container).Layout.(*words).whole()
	return d, min(w, max(0, width-d))
}

// Layout implements [fyne.Layout].
func (b *labelled) Layout(o []fyne.CanvasObject, size fyne.Size) {
	d, w := b.widths(o, size.Width)
	x := (size.Width - d - w) / 2
	m, h := o[0].MinSize(), heightFor(o[1], w)
	o[0].Move(fyne.NewPos(x, (size.Height-m.Height)/2))
	o[0].Resize(m)
	o[1].Move(fyne.NewPos(x+d, (size.Height-h)/2))
	o[1].Resize(fyne.NewSize(w, h))
}

// MinSize implements [fyne.Layout].
func (b *labelled) MinSize(o []fyne.CanvasObject) fyne.Size { return o[0].MinSize() }

func (b *labelled) heightFor(o []fyne.CanvasObject, width float32) float32 {
	_, w := b.widths(o, width)
	return heightFor(o[1], w)
}
