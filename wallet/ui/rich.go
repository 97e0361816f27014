package ui

import (
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
)

// rich is a text that wraps, in which **some words** are bold. Its pieces are one canvas object for each run of a line.
type rich struct {
	words  []richWord
	plain  style
	strong style
	colour color.Color
	bold   color.Color
	align  fyne.TextAlign

	lines [][]run
	width float32
	owner *fyne.Container
}

// richWord is a word with the style it is in; glued ones have no space before them.
type richWord struct {
	text  string
	bold  bool
	glued bool
}

// run is a part of a line in one style.
type run struct {
	text  string
	bold  bool
	x     float32
	width float32
}

// rich returns a text that wraps; what stands between two asterisks on both sides is bold, and in full ink.
func (l *look) rich(s style, c color.Color, text string) *fyne.Container {
	plain := l.scaled(s)
	bold := plain
	bold.weight = 700
	r := &rich{words: richWords(text), plain: plain, strong: bold, colour: c, bold: l.ink}
	r.owner = container.New(r)
	return r.owner
}

// centredRich is rich in the middle.
func (l *look) centredRich(s style, c color.Color, text string) *fyne.Container {
	o := l.rich(s, c, text)
	o.Layout.(*rich).align = fyne.TextAlignCenter
	return o
}

func richWords(text string) (all []richWord) {
	bold, glued := false, false
	for i, part := range strings.Split(text, "**") {
		if i > 0 {
			bold = !bold
		}
		if part == "" {
			continue
		}
		glued = glued && !strings.HasPrefix(part, " ")
		for _, w := range strings.Fields(part) {
			all = append(all, richWord{w, bold, glued && len(all) > 0})
			glued = false
		}
		glued = !strings.HasSuffix(part, " ")
	}
	return all
}

func (r *rich) styleOf(bold bool) style {
	if bold {
		return r.strong
	}
	return r.plain
}

func (r *rich) wrap(width float32) {
	if r.lines != nil && r.width == width {
		return
	}
	r.width, r.lines = width, nil
	r.cut(width)
	var line []run
	at := float32(0)
	space := measure(" ", r.plain).Width
	for i := 0; i < len(r.words); {
		// Words that are glued to each other stay together.
		n := i + 1
		whole := measure(r.words[i].text, r.styleOf(r.words[i].bold)).Width
		for n < len(r.words) && r.words[n].glued {
			whole += measure(r.words[n].text, r.styleOf(r.words[n].bold)).Width
			n++
		}
		gap := space
		if len(line) == 0 {
			gap = 0
		}
		if len(line) > 0 && at+gap+whole > width {
			r.lines, line, at, gap = append(r.lines, line), nil, 0, 0
		}
		at += gap
		for ; i < n; i++ {
			w := r.words[i]
			wide := measure(w.text, r.styleOf(w.bold)).Width
			if k := len(line) - 1; k >= 0 && line[k].bold == w.bold && !w.glued {
				line[k].text += " " + w.text
				line[k].width = measure(line[k].text, r.styleOf(w.bold)).Width
				at = line[k].x + line[k].width
				continue
			}
			line = append(line, run{w.text, w.bold, at, wide})
			at += wide
		}
	}
	r.lines = append(r.lines, line)
}

// cut takes words that are wider than a line apart, as names and addresses of others can be.
func (r *rich) cut(width float32) {
	var all []richWord
	for _, w := range r.words {
		s := r.styleOf(w.bold)
		for i, piece := range (&words{style: s}).pieces(w.text, width) {
			all = append(all, richWord{piece, w.bold, w.glued && i == 0})
		}
	}
	r.words = all
}

// Layout implements [fyne.Layout].
func (r *rich) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	r.wrap(size.Width)
	var all []fyne.CanvasObject
	for i, line := range r.lines {
		shift := float32(0)
		if k := len(line) - 1; k >= 0 && r.align == fyne.TextAlignCenter {
			shift = (size.Width - line[k].x - line[k].width) / 2
		}
		for _, part := range line {
			s, c := r.styleOf(part.bold), r.colour
			if part.bold {
				c = r.bold
			}
			t := &canvas.Text{Text: part.text, TextSize: s.size, Color: c, FontSource: fonts[s.weight], TextStyle: fyne.TextStyle{Bold: part.bold}}
			h := measure(part.text, s).Height
			t.Move(fyne.NewPos(shift+part.x, float32(i)*s.line+(s.line-h)/2))
			t.Resize(fyne.NewSize(part.width+1, h))
			all = append(all, t)
		}
	}
	r.owner.Objects = all
}

// MinSize implements [fyne.Layout].
func (r *rich) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(0, float32(max(1, len(r.lines)))*r.plain.line)
}

func (r *rich) heightFor(_ []fyne.CanvasObject, width float32) float32 {
	r.wrap(width)
	return float32(len(r.lines)) * r.plain.line
}
