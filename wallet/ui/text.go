package ui

import (
	"image/color"
	"strings"
	"sync"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
)

// words is a text in one style that wraps at the width it gets, one canvas object for each line, in the middle of its
// line height.
type words struct {
	text   string
	style  style
	colour color.Color
	align  fyne.TextAlign
	most   int  // lines; the last one ends with an ellipsis. 0: as many as it takes
	cut    bool // a text on one line may get less width than it needs

	lines []string
	width float32
	owner *fyne.Container
}

// write returns a text that wraps.
func (l *look) write(s style, c color.Color, text string) *fyne.Container {
	return l.paragraph(&words{text: text, style: l.scaled(s), colour: c})
}

// centred is write in the middle.
func (l *look) centred(s style, c color.Color, text string) *fyne.Container {
	return l.paragraph(&words{text: text, style: l.scaled(s), colour: c, align: fyne.TextAlignCenter})
}

// line is write on one line only.
func (l *look) line(s style, c color.Color, text string) *fyne.Container {
	return l.paragraph(&words{text: text, style: l.scaled(s), colour: c, most: 1})
}

func (l *look) paragraph(w *words) *fyne.Container {
	w.owner = container.New(w)
	return w.owner
}

func (l *look) scaled(s style) style {
	by := l.scale
	if s.size > heading.size {
		by = 1 + (by-1)/2 // headings are large already; at full size one word would fill a line
	}
	s.size *= by
	s.line *= by
	return s
}

// Layout implements [fyne.Layout].
func (w *words) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	w.wrap(size.Width)
	if len(w.owner.Objects) != len(w.lines) {
		w.owner.Objects = nil
		for range w.lines {
			w.owner.Objects = append(w.owner.Objects, &canvas.Text{})
		}
	}
	for i, line := range w.lines {
		t := w.owner.Objects[i].(*canvas.Text)
		t.Text, t.TextSize, t.Color, t.Alignment = line, w.style.size, w.colour, w.align
		t.FontSource = fonts[w.style.weight]
		t.TextStyle = fyne.TextStyle{Bold: w.style.weight >= 600}
		h := measure(line, w.style).Height
		t.Move(fyne.NewPos(0, float32(i)*w.style.line+(w.style.line-h)/2))
		t.Resize(fyne.NewSize(size.Width, h))
	}
}

// MinSize implements [fyne.Layout]. A text that wraps can be as narrow as it must; one that does not asks for its whole
// width.
func (w *words) MinSize([]fyne.CanvasObject) fyne.Size {
	if w.most == 1 && !w.cut {
		return fyne.NewSize(measure(w.text, w.style).Width, w.style.line)
	}
	n := len(w.lines)
	if n == 0 {
		n = 1
	}
	return fyne.NewSize(0, float32(n)*w.style.line)
}

func (w *words) heightFor(_ []fyne.CanvasObject, width float32) float32 {
	w.wrap(width)
	return float32(len(w.lines)) * w.style.line
}

// whole is the width of the text on one line.
func (w *words) whole() float32 { return measure(w.text, w.style).Width + 1 }

// wrap breaks the text into lines of at most width.
func (w *words) wrap(width float32) {
	if w.lines != nil && w.width == width {
		return
	}
	w.width, w.lines = width, nil
	for _, paragraph := range strings.Split(w.text, "\n") {
		line := ""
		for _, word := range strings.Fields(paragraph) {
			for _, piece := range w.pieces(word, width) {
				longer := piece
				if line != "" {
					longer = line + " " + piece
				}
				if line != "" && measure(longer, w.style).Width > width {
					w.lines = append(w.lines, line)
					longer = piece
				}
				line = longer
			}
		}
		w.lines = append(w.lines, line)
	}
	if w.most > 0 && len(w.lines) > w.most {
		last := strings.Join(w.lines[w.most-1:], " ")
		w.lines = w.lines[:w.most]
		w.lines[w.most-1] = shorten(last, w.style, width)
	}
}

// pieces cuts a word that is wider than a line, as a web address can be.
func (w *words) pieces(word string, width float32) []string {
	if width <= 0 || measure(word, w.style).Width <= width {
		return []string{word}
	}
	hyphen := "-"
	if strings.ContainsFunc(strings.TrimRight(word, ".,:;!?"), func(r rune) bool { return !unicode.IsLetter(r) }) {
		hyphen = "" // an address or a key must stay as it is
	}
	var out []string
	runes := []rune(word)
	for len(runes) > 0 {
		n := 1
		for n < len(runes) && measure(string(runes[:n+1])+hyphen, w.style).Width <= width {
			n++
		}
		if n == len(runes)-1 && measure(string(runes), w.style).Width <= width {
			n++ // the last piece needs none
		}
		if hyphen == "" && n < len(runes) {
			n = seam(runes, n)
		}
		piece := string(runes[:n])
		if n < len(runes) {
			piece += hyphen
		}
		out = append(out, piece)
		runes = runes[n:]
	}
	return out
}

// seam is where an address of which n signs fit on a line is best cut: after the last sign between its parts.
func seam(address []rune, n int) int {
	for i := n; i > 1; i-- {
		if strings.ContainsRune(".-/:", address[i-1]) && !strings.ContainsRune(".-/:", address[i]) {
			return i
		}
	}
	return n
}

func shorten(text string, s style, width float32) string {
	if measure(text, s).Width <= width {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 {
		runes = runes[:len(runes)-1]
		short := strings.TrimRight(string(runes), " ,.") + "…"
		if measure(short, s).Width <= width {
			return short
		}
	}
	return "…"
}

// measured remembers sizes of texts: the same words are measured at each layout.
var measured struct {
	sync.Mutex
	sizes map[measureKey]fyne.Size
}

type measureKey struct {
	text   string
	size   float32
	weight int
}

func measure(text string, s style) fyne.Size {
	key := measureKey{text, s.size, s.weight}
	measured.Lock()
	defer measured.Unlock()
	if size, ok := measured.sizes[key]; ok {
		return size
	}
	if measured.sizes == nil || len(measured.sizes) > 8192 {
		measured.sizes = map[measureKey]fyne.Size{}
	}
	size, _ := fyne.CurrentApp().Driver().RenderedTextSize(text, s.size, fyne.TextStyle{Bold: s.weight >= 600}, fonts[s.weight])
	measured.sizes[key] = size
	return size
}
