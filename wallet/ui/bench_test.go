//go:build unix

package ui

import (
	"slices"
	"syscall"
	"testing"

	"fyne.io/fyne/v2"
)

// scroller is a window with a list of n cards.
type scroller struct {
	g    *gallery
	list *scroll
	at   float32
	way  float32
}

func newScroller(b *testing.B, n int) *scroller {
	g := newGallery(b)
	g.in(forms[0])
	g.app.Stage(nil, g.many(n))
	return &scroller{g: g, list: g.list(), way: 40}
}

// step scrolls on by as much as a turn of a mouse wheel does, and back from the end.
func (s *scroller) step() {
	s.at += s.way
	if end := s.list.inner.MinSize().Height - s.list.Size().Height; s.at <= 0 || s.at >= end {
		s.way = -s.way
	}
	s.list.box.ScrollToOffset(fyne.NewPos(0, max(0, s.at)))
	s.list.box.OnScrolled(s.list.box.Offset)
}

// BenchmarkScroll compares a step through 1,000 cards with one through 10, layout and picture, in turns and in processor time.
// The picture is that of Fyne's painter without a graphics card, of a phone's window at scale 1: blending the whole window
// bounds it, not what it shows. Faces with their shadows, icons and sizes of texts are made once. In a real window the
// graphics card does this, so that layout is what is left for the processor.
func BenchmarkScroll(b *testing.B) {
	b.Run("ratio", func(b *testing.B) {
		many, few := newScroller(b, 1000), newScroller(b, 10)
		var ratios, frames []float64
		turn := func(s *scroller) float64 {
			const steps = 10
			start := cpu(b)
			for range steps {
				s.step()
				s.g.picture(1)
			}
			return (cpu(b) - start) / steps
		}
		turn(many)
		turn(few)
		for b.Loop() {
			m, f := turn(many), turn(few)
			ratios, frames = append(ratios, m/f), append(frames, 1e3*m)
		}
		b.ReportMetric(median(ratios), "ratio")
		b.ReportMetric(median(frames), "ms/frame")
	})
	b.Run("layout", func(b *testing.B) {
		s := newScroller(b, 1000)
		for b.Loop() {
			s.step()
		}
	})
}

// BenchmarkFace is the first picture of a card in a colour that was not seen before.
func BenchmarkFace(b *testing.B) {
	n := uint32(0)
	for b.Loop() {
		n++
		shadedImage(light.shadow, 20, artKey{face{rgb(n), rgb(0x0e5f6d)}, rosetteAlone, 684, 272, 32, 2})
	}
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// cpu returns the seconds of processor time that this process has used, its garbage collection included.
func cpu(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
