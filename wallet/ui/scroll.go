package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// scroll shows a part of content that is higher than the room there is. It remembers where it was, says when the end
// was seen, and shows a bar only while there is more.
type scroll struct {
	widget.BaseWidget
	inner *fyne.Container // the content
	flow  *tall
	box   *container.Scroll
	bar   *canvas.Rectangle
	rule  *canvas.Rectangle // between the content and what stands under it, while there is more; nil: none
	seen  func()
	moved func(top, height float32)
	gone  bool // the end was seen
	begin float32
}

// tall gives content the height that its width asks for.
type tall struct{ width float32 }

// Layout implements [fyne.Layout].
func (t *tall) Layout(objects []fyne.CanvasObject, size fyne.Size) { stack{}.Layout(objects, size) }

// MinSize implements [fyne.Layout].
func (t *tall) MinSize(objects []fyne.CanvasObject) fyne.Size {
	h := float32(0)
	for _, o := range objects {
		h = max(h, heightFor(o, t.width))
	}
	return fyne.NewSize(0, h)
}

// scrolled makes content scroll; name keeps the place.
func (u *UI) scrolled(name string, content fyne.CanvasObject) *scroll {
	s := &scroll{flow: &tall{}, begin: u.offset[name]}
	s.inner = container.New(s.flow, col(0, content))
	s.box = container.NewVScroll(s.inner)
	s.bar = block(alpha(u.lineStrong, 60), 2)
	s.box.OnScrolled = func(p fyne.Position) {
		u.offset[name] = p.Y
		s.track()
	}
	s.ExtendBaseWidget(s)
	return s
}

// CreateRenderer implements [fyne.Widget].
func (s *scroll) CreateRenderer() fyne.WidgetRenderer { return &scrollRenderer{s} }

type scrollRenderer struct{ s *scroll }

func (r *scrollRenderer) Layout(size fyne.Size) {
	s := r.s
	s.flow.width = size.Width
	s.box.Resize(size)
	s.box.Refresh()
	if s.begin > 0 {
		s.box.Offset = fyne.NewPos(0, s.begin)
		s.begin = 0
		s.box.Refresh()
	}
	s.track()
}
func (r *scrollRenderer) MinSize() fyne.Size { return fyne.NewSize(32, 64) }
func (r *scrollRenderer) Refresh()           { r.s.box.Refresh(); r.s.track() }
func (r *scrollRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.s.box, r.s.bar}
}
func (r *scrollRenderer) Destroy() {}

// track moves the bar and notices the end.
func (s *scroll) track() {
	room, whole := s.Size().Height, s.inner.MinSize().Height
	if s.moved != nil {
		s.moved(s.box.Offset.Y, room)
	}
	s.bar.Hidden = whole <= room+1
	if !s.bar.Hidden {
		h := max(32, room*room/whole)
		s.bar.Move(fyne.NewPos(s.Size().Width-8, s.box.Offset.Y/(whole-room)*(room-h)))
		s.bar.Resize(fyne.NewSize(4, h))
	}
	s.bar.Refresh()
	if s.rule != nil && s.rule.Hidden != s.bar.Hidden {
		s.rule.Hidden = s.bar.Hidden
		s.rule.Refresh()
	}
	if !s.gone && room > 0 && s.box.Offset.Y+room >= whole-8 {
		s.gone = true
		if s.seen != nil {
			s.seen()
		}
	}
}

// page scrolls with the keys that are for that.
func (s *scroll) page(key fyne.KeyName) {
	room, whole := s.Size().Height, s.inner.MinSize().Height
	to := s.box.Offset.Y
	switch key {
	case fyne.KeyUp:
		to -= 48
	case fyne.KeyDown:
		to += 48
	case fyne.KeyPageUp:
		to -= room * .9
	case fyne.KeyPageDown:
		to += room * .9
	case fyne.KeyHome:
		to = 0
	case fyne.KeyEnd:
		to = whole
	}
	s.to(max(0, min(to, whole-room)))
}

// to scrolls to a place.
func (s *scroll) to(y float32) {
	if y != s.box.Offset.Y {
		s.box.ScrollToOffset(fyne.NewPos(0, y))
		s.box.OnScrolled(s.box.Offset)
	}
}

// follow scrolls until the object is in sight, with the ring around it.
func (s *scroll) follow(o fyne.CanvasObject) {
	at, found := placeIn(s.inner, o, 0)
	room, whole := s.Size().Height, s.inner.MinSize().Height
	if !found || room <= 0 {
		return
	}
	const ring = 8
	to := s.box.Offset.Y
	to = max(to, at+o.Size().Height+ring-room)
	to = max(0, min(to, at-ring, whole-room))
	s.to(to)
}

// placeIn finds how far under the top of a tree an object lies.
func placeIn(tree, o fyne.CanvasObject, top float32) (float32, bool) {
	if tree == o {
		return top, true
	}
	var inner []fyne.CanvasObject
	switch tree := tree.(type) {
	case *fyne.Container:
		inner = tree.Objects
	case *tap:
		inner = []fyne.CanvasObject{tree.content}
	}
	for _, c := range inner {
		if at, found := placeIn(c, o, top+c.Position().Y); found {
			return at, true
		}
	}
	return 0, false
}

// lazy is a list of rows of one height of which only those in sight are made.
type lazy struct {
	count       int
	height, gap float32
	columns     func(width float32) (n int, each float32)
	build       func(i int) fyne.CanvasObject
	made        map[int]fyne.CanvasObject
	owner       *fyne.Container
	top, room   float32
	first, last int // what is laid out now
}

func newLazy(count int, height, gap float32, columns func(float32) (int, float32), build func(int) fyne.CanvasObject) *fyne.Container {
	l := &lazy{count: count, height: height, gap: gap, columns: columns, build: build, made: map[int]fyne.CanvasObject{}}
	l.owner = container.New(l)
	return l.owner
}

func (l *lazy) heightFor(_ []fyne.CanvasObject, width float32) float32 {
	n, _ := l.columns(width)
	rows := (l.count + n - 1) / n
	return float32(rows)*(l.height+l.gap) - l.gap
}

// MinSize implements [fyne.Layout].
func (l *lazy) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(0, l.height) }

// sight is the range of what is in sight, with a row more on both sides for the keyboard to go to.
func (l *lazy) sight(n int) (first, last int) {
	step := l.height + l.gap
	room := l.room
	if room == 0 {
		room = 1200
	}
	return max(0, int((l.top-step)/step)) * n, min(l.count, (int((l.top+room+step)/step)+1)*n)
}

// Layout implements [fyne.Layout].
func (l *lazy) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	n, each := l.columns(size.Width)
	l.first, l.last = l.sight(n)
	l.owner.Objects = l.owner.Objects[:0]
	var all []int
	for i := l.first; i < l.last; i++ {
		all = append(all, i)
	}
	for i, o := range l.made {
		if t, ok := o.(*tap); ok && t.focused {
			if i < l.first || i >= l.last {
				all = append(all, i) // the keyboard goes on from there, also when it is out of sight
			}
			continue
		}
		if i < l.first-8*n || i >= l.last+8*n {
			delete(l.made, i)
		}
	}
	slices.Sort(all)
	for _, i := range all {
		o := l.made[i]
		if o == nil {
			o = l.build(i)
			l.made[i] = o
		}
		o.Move(fyne.NewPos(float32(i%n)*(each+l.gap), float32(i/n)*(l.height+l.gap)))
		o.Resize(fyne.NewSize(each, l.height))
		l.owner.Objects = append(l.owner.Objects, o)
	}
}

// scrolledTo moves the part in sight. It refreshes nothing: that would throw away the pictures of all cards on the graphics
// card at each step, and what scrolls is drawn anew anyway.
func (l *lazy) scrolledTo(top, room float32) {
	l.top, l.room = top, room
	n, _ := l.columns(l.owner.Size().Width)
	if first, last := l.sight(n); first != l.first || last != l.last {
		l.Layout(nil, l.owner.Size())
	}
}
