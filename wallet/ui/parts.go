package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// primary is the one filled button of a screen.
func (l *look) primary(name string, do func()) *tap {
	return l.button(name, "", l.accent, nil, l.onAccent, do)
}

// secondary weighs as much as primary and is not filled.
func (l *look) secondary(name string, do func()) *tap {
	return l.button(name, "", l.surface, l.lineStrong, l.ink, do)
}

// danger is secondary with a text that warns.
func (l *look) danger(name string, do func()) *tap {
	return l.button(name, "", l.surface, l.lineStrong, l.stop, do)
}

// link is a button of text alone.
func (l *look) link(name string, do func()) *tap {
	return l.button(name, "", color.Transparent, nil, l.accent, do)
}

// withIcon is secondary with a drawing before the word.
func (l *look) withIcon(name, drawing string, do func()) *tap {
	return l.button(name, drawing, l.surface, l.lineStrong, l.ink, do)
}

func (l *look) button(name, drawing string, fill, edge, text color.Color, do func()) *tap {
	b := outline(fill, edge, 1.5, radius)
	if edge == nil {
		b.StrokeWidth = 0
	}
	label := l.paragraph(&words{text: name, style: l.scaled(strong), colour: text, align: fyne.TextAlignCenter})
	inner := pad(16*l.scale, 16, 16*l.scale, 16, beside(0, 0, label)) // in the middle of a button that is higher than its words
	if drawing != "" {
		label.Layout.(*words).align = fyne.TextAlignLeading
		inner = pad(16*l.scale, 16, 16*l.scale, 16, container.New(&labelled{10}, icon(drawing, 24, text), label))
	}
	t := l.tap(name, radius, over(b, inner), do)
	t.soft, t.drawn = true, drawing != ""
	return t
}

// two is a pair of buttons that go under each other where one of them would break its words.
func (l *look) two(a, b *tap) fyne.CanvasObject {
	least := float32(0)
	for _, t := range []*tap{a, b} {
		w := measure(t.name, l.scaled(strong)).Width + 33
		if t.drawn {
			w += 34
		}
		least = max(least, w)
	}
	return container.New(&twins{row{gap: 12, wide: -1}, column{12}, least}, a, b)
}

// disabled shows that a button cannot be used yet.
func (t *tap) disabled() *tap {
	t.off = true
	l := t.look
	t.content = over(outline(l.sunk, l.hair, 1.5, radius), pad(16*l.scale, 16, 16*l.scale, 16,
		beside(0, 0, l.centred(strong, l.ink2, t.name))))
	return t
}

// glyph is a button that is one drawing; its name is for those who do not see it.
func (l *look) glyph(name, drawing string, do func()) *tap {
	return l.tap(name, 12, sized(target, target, container.NewCenter(icon(drawing, 24, l.ink))), do)
}

// status is a word with a shape of its own, never a colour alone.
type status struct {
	drawing string
	colour  func(*palette) (strong, soft color.NRGBA)
}

var statuses = map[string]status{
	"valid":     {"tick", func(p *palette) (a, b color.NRGBA) { return p.ok, p.okSoft }},
	"expiring":  {"warn", func(p *palette) (a, b color.NRGBA) { return p.warn, p.warnSoft }},
	"expired":   {"minus", func(p *palette) (a, b color.NRGBA) { return p.quiet, p.quietSoft }},
	"revoked":   {"cross", func(p *palette) (a, b color.NRGBA) { return p.stop, p.stopSoft }},
	"suspended": {"pause", func(p *palette) (a, b color.NRGBA) { return p.warn, p.warnSoft }},
	"unknown":   {"question", func(p *palette) (a, b color.NRGBA) { return p.quiet, p.quietSoft }},
	"used":      {"warn", func(p *palette) (a, b color.NRGBA) { return p.warn, p.warnSoft }},
	"last":      {"warn", func(p *palette) (a, b color.NRGBA) { return p.warn, p.warnSoft }},
	"reissue":   {"add", func(p *palette) (a, b color.NRGBA) { return p.warn, p.warnSoft }},
	"warn":      {"warn", func(p *palette) (a, b color.NRGBA) { return p.warn, p.warnSoft }},
	"new":       {"add", func(p *palette) (a, b color.NRGBA) { return p.accent, p.accentSoft }},
}

// statusOf never fails: a kind that a newer issuer or wallet knows is shown as unknown.
func statusOf(kind string) status {
	if s, ok := statuses[kind]; ok {
		return s
	}
	return statuses["unknown"]
}

// ground is what a pill stands on: a page or list, the art of a card, or the paper of a card that does not work.
type ground int

const (
	onPage ground = iota
	onArt
	onPaper
)

// pill shows a status as shape and word: white on art in both themes, plain on paper, a soft tint elsewhere.
func (l *look) pill(kind, word string, on ground) fyne.CanvasObject {
	s := statusOf(kind)
	p := l.palette
	if on == onArt {
		p = &light
	}
	c, fill := s.colour(p)
	if on != onPage {
		fill = p.surface
	}
	back := block(fill, 14*l.scale)
	if on == onPaper { // which is nearly as light
		back.StrokeColor, back.StrokeWidth = l.lineStrong, 1
	}
	return over(back, pad(6, 12, 6, 8, beside(6, -2, icon(s.drawing, 16, c), l.line(pillT, c, word))))
}

// note is a remark that people should read: shape, strong line, plain line on a soft tint.
func (l *look) note(kind, head, text string) fyne.CanvasObject {
	c, soft := statusOf(kind).colour(l.palette)
	lines := []fyne.CanvasObject{l.write(strong, c, head)}
	if text != "" {
		lines = append(lines, l.rich(body, l.ink, text))
	}
	return over(block(soft, radius), padAll(16, atTop(12, 1, icon(statusOf(kind).drawing, 24, c), col(4, lines...))))
}

// entry is a row of a list: drawing, name, maybe a second line, maybe a value at the right.
type entry struct {
	drawing, name, detail, value string
	opens                        bool              // something; shown as a chevron
	under                        fyne.CanvasObject // below the name
	colour                       color.Color
	tint                         color.Color       // of the drawing; nil: as the name
	bold                         bool              // the name
	end                          fyne.CanvasObject // instead of the value
}

func (l *look) row(e entry, do func()) fyne.CanvasObject {
	c := e.colour
	if c == nil {
		c = l.ink
	}
	if e.value != "" && l.tight() {
		e.detail, e.value = e.value, "" // no room beside the name
	}
	tint, weight := e.tint, body
	if tint == nil {
		tint = c
	}
	if e.bold {
		weight = strong
	}
	lines := []fyne.CanvasObject{l.write(weight, c, e.name)}
	height := float32(56)
	if e.detail != "" {
		lines = append(lines, l.write(small, l.ink2, e.detail))
		height = 72
	}
	if e.under != nil {
		lines = append(lines, air(4), beside(0, -2, e.under))
	}
	var parts []fyne.CanvasObject
	wide := 0
	if e.drawing != "" {
		parts, wide = append(parts, icon(e.drawing, 24, tint)), 1
	}
	parts = append(parts, col(0, lines...))
	switch {
	case e.end != nil:
		parts = append(parts, e.end)
	case e.value != "":
		parts = append(parts, l.line(small, l.ink2, e.value))
	}
	if e.opens {
		parts = append(parts, icon("next", 20, l.ink2))
	}
	inner := over(sized(0, height*l.scale, air(0)), pad(8, 16, 8, 16, beside(14, wide, parts...)))
	if do == nil {
		return inner
	}
	return l.tap(e.name, radius, inner, do)
}

// rows is a group of rows with hairlines between them.
func (l *look) rows(all ...fyne.CanvasObject) fyne.CanvasObject {
	var out []fyne.CanvasObject
	for i, o := range all {
		if i > 0 {
			out = append(out, pad(0, 0, 0, 16, l.hairline()))
		}
		out = append(out, o)
	}
	return l.group(col(0, out...))
}

// section is the heading of a part of a page, maybe with a button at the right.
func (l *look) section(name string, end ...fyne.CanvasObject) fyne.CanvasObject {
	return beside(12, 0, append([]fyne.CanvasObject{l.write(heading, l.ink, name)}, end...)...)
}

// toggle is a switch; on shows a tick and not only a colour.
func (l *look) toggle(on bool) fyne.CanvasObject {
	track := outline(l.sunk, l.lineStrong, 1.5, 14)
	knob := over(block(l.lineStrong, 10))
	left := float32(4)
	if on {
		track = block(l.accent, 14)
		knob = over(block(l.onAccent, 10), padAll(3, icon("check", 14, l.accent)))
		left = 24
	}
	return sized(48, 28, over(track, pad(4, 48-20-left, 4, left, knob)))
}

// meter shows how many of some are left, in cells: ten for more than twelve.
func (l *look) meter(left, of int) fyne.CanvasObject {
	n := of
	if of > 12 {
		n, left = 10, (left*10+of-1)/of
	}
	var cells []fyne.CanvasObject
	for i := range n {
		c := l.hair
		if i < left {
			c = l.accent
		}
		cells = append(cells, sized(8, 16, block(c, 3)))
	}
	return beside(3, -2, cells...)
}
