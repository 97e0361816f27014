package window

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// filled makes the directory of a program whose wallet has cards.
func filled(b *testing.B, cards int) string {
	b.Helper()
	if os.Getenv("ZEGEL_WINDOW") != "1" {
		b.Skip("make bench-window runs this with a display of its own")
	}
	dir := b.TempDir()
	cmd := exec.CommandContext(b.Context(), "go", "test", "-count", "1", "-run", "^TestFill$", "../../wallet")
	cmd.Env = append(os.Environ(), "ZEGEL_FILL_WALLET="+filepath.Join(dir, "wallet"), "ZEGEL_FILL_CARDS="+strconv.Itoa(cards))
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// end ends the program, and returns when its window is gone.
func (s *screen) end(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
	s.until("no picture", func() bool {
		img, err := s.picture()
		return err == nil && img.NRGBAAt(5, 5) != paper
	})
}

// BenchmarkStart takes the time from the start of the program to its first picture. Somebody has to look for that picture:
// the time that one look takes, some tens of milliseconds, is in it.
func BenchmarkStart(b *testing.B) {
	for _, cards := range []int{0, 1000} {
		b.Run(fmt.Sprint(cards, "-cards"), func(b *testing.B) {
			dir := filled(b, cards)
			s := newScreen(b)
			var times []float64
			for b.Loop() {
				began := time.Now()
				cmd := s.begin(dir)
				times = append(times, float64(time.Since(began).Milliseconds()))
				s.end(cmd)
			}
			slices.Sort(times)
			b.ReportMetric(times[len(times)/2], "ms")
		})
	}
}

// BenchmarkMemory takes the resident memory of the program while the list of cards stands still on the screen.
func BenchmarkMemory(b *testing.B) {
	for _, cards := range []int{0, 1000} {
		b.Run(fmt.Sprint(cards, "-cards"), func(b *testing.B) {
			dir := filled(b, cards)
			s := newScreen(b)
			for b.Loop() {
				cmd := s.begin(dir)
				s.do("windowmove", s.window, "0", "0")
				s.do("windowsize", s.window, strconv.Itoa(wide), strconv.Itoa(high))
				s.do("windowfocus", s.window)
				s.typed(pin)
				s.shows("wallet.cards.title")
				s.look()
				status, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/status")
				if err != nil {
					b.Fatal(err)
				}
				for line := range strings.Lines(string(status)) {
					if fields := strings.Fields(line); fields[0] == "VmRSS:" {
						kib, err := strconv.ParseFloat(fields[1], 64)
						if err != nil {
							b.Fatal(err)
						}
						b.ReportMetric(kib/1024, "MiB")
					}
				}
				s.end(cmd)
			}
		})
	}
}
