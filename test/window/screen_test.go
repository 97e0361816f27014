package window

import (
	"bufio"
	"bytes"
	"fmt"
	"image"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/message"
)

// patience is how long anything may take; nothing waits that long when it works.
const patience = 40 * time.Second

// Colours of the wallet by day, as package ui has them: buttons that lead on, the ring around what has the focus, and the
// word on a card that is dead.
var (
	paper  = color.NRGBA{0xf6, 0xf5, 0xf1, 0xff}
	accent = color.NRGBA{0x0b, 0x55, 0x63, 0xff}
	ink    = color.NRGBA{0x12, 0x24, 0x2a, 0xff}
	stop   = color.NRGBA{0x9c, 0x1d, 0x18, 0xff}
)

const wide, high = 1024, 768

// still is how many pictures in a row are the same once nothing moves: a slow machine draws late.
const still = 3

// failed is the name of the picture of a failure, when the screen may never stand still.
const failed = "failed"

// rail is how wide the part at the left is that all screens have.
const rail = 232

// screen is a display with one window on it, and a hand that has only a mouse and a keyboard.
type screen struct {
	t      testing.TB
	env    []string
	window string
	dir    string // of the pictures
	shots  int
	last   *image.NRGBA // the newest one that was looked at
}

// newScreen starts a display.
func newScreen(t testing.TB) *screen {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("Xvfb", "-noreset", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", wide, high), "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{w}
	start(t, cmd)
	w.Close()
	number, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("Xvfb: %v", err)
	}
	r.Close()
	dir := os.Getenv("ZEGEL_WINDOW_PICTURES")
	if dir == "" {
		dir = t.TempDir()
	} else if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "DISPLAY=:"+strings.TrimSpace(number), "FYNE_THEME=light", "LANG=nl_NL.UTF-8", "LC_ALL=", "WAYLAND_DISPLAY=", "DBUS_SESSION_BUS_ADDRESS=")
	return &screen{t: t, env: env, dir: dir}
}

// start starts a program that ends with the test.
func start(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// begin starts the wallet in a directory, and returns when its first picture is there.
func (s *screen) begin(dir string, args ...string) *exec.Cmd {
	s.t.Helper()
	cmd := exec.Command("../../bin/zegel-wallet", append([]string{"--dev", "--dir", dir}, args...)...)
	cmd.Env = append(s.env, "HOME="+dir, "XDG_CONFIG_HOME="+dir)
	start(s.t, cmd)
	s.until("a window", func() bool {
		out, err := s.run("xdotool", "search", "--onlyvisible", "--name", "^Zegel")
		s.window = strings.TrimSpace(out)
		return err == nil && s.window != ""
	})
	s.until("a first picture", func() bool {
		img, err := s.picture()
		return err == nil && img.NRGBAAt(5, 5) == paper
	})
	return cmd
}

func (s *screen) run(name string, args ...string) (string, error) {
	cmd := exec.CommandContext(s.t.Context(), name, args...)
	cmd.Env = s.env
	out, err := cmd.Output()
	return string(out), err
}

func (s *screen) do(args ...string) {
	s.t.Helper()
	if out, err := s.run("xdotool", args...); err != nil {
		s.t.Fatalf("xdotool %s: %v %s", strings.Join(args, " "), err, out)
	}
}

// until waits for what must happen, and fails with a picture if it does not.
func (s *screen) until(what string, happened func() bool) {
	s.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); !happened(); {
		select {
		case <-tick.C:
		case <-end:
			s.keep(failed)
			s.t.Fatalf("%s: did not happen; the window is %q, pictures are in %s", what, s.title(), s.dir)
		}
	}
}

// title is the title of the window, which says what screen it shows.
func (s *screen) title() string {
	out, _ := s.run("xdotool", "getwindowname", s.window) // no window has no title
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(out), "Zegel –"))
}

// shows waits for a screen by its title, as a text of package message.
func (s *screen) shows(key string, pairs ...any) {
	s.t.Helper()
	want := message.Text("nl", key, pairs...)
	s.becomes(want, func(title string) bool { return title == want })
}

// becomes waits for a screen by its title. The title is ahead of the picture: that must be another one too.
func (s *screen) becomes(what string, is func(title string) bool) {
	s.t.Helper()
	s.until(what, func() bool { return is(s.title()) })
	s.until(what+" to be drawn", func() bool {
		img, err := s.picture()
		return err == nil && (s.last == nil || !bytes.Equal(img.Pix, s.last.Pix))
	})
}

// picture is what the screen shows now.
func (s *screen) picture() (*image.NRGBA, error) {
	data, err := s.run("import", "-window", "root", "-depth", "8", "rgb:-")
	if err != nil || len(data) != 3*wide*high {
		return nil, fmt.Errorf("a picture of %d bytes: %v", len(data), err)
	}
	img := image.NewNRGBA(image.Rect(0, 0, wide, high))
	for i := range wide * high {
		copy(img.Pix[4*i:], data[3*i:3*i+3])
		img.Pix[4*i+3] = 0xff
	}
	return img, nil
}

// look makes a picture once nothing moves any more.
func (s *screen) look() *image.NRGBA {
	s.t.Helper()
	var last *image.NRGBA
	same := 0
	s.until("a picture that stands still", func() bool {
		img, err := s.picture()
		if err == nil && last != nil && bytes.Equal(img.Pix, last.Pix) {
			same++
		} else {
			same = 0
		}
		last = img
		return same == still
	})
	s.last = last
	return last
}

// keep writes a picture for people.
func (s *screen) keep(name string) {
	if name != failed {
		s.look()
	}
	s.shots++
	path := filepath.Join(s.dir, fmt.Sprintf("%02d-%s.png", s.shots, name))
	if out, err := s.run("import", "-window", "root", path); err != nil {
		s.t.Logf("picture %s: %v %s", path, err, out)
	}
}

func (s *screen) click(at image.Point) {
	s.t.Helper()
	s.do("mousemove", strconv.Itoa(at.X), strconv.Itoa(at.Y), "click", "1")
	s.do("mousemove", strconv.Itoa(wide-1), strconv.Itoa(high-1)) // what the mouse is on has another colour
}

// key presses a key, and waits for nothing.
func (s *screen) key(names ...string) {
	s.t.Helper()
	s.do(append([]string{"key", "--delay", "40"}, names...)...)
}

func (s *screen) typed(text string) {
	s.t.Helper()
	s.do("type", "--delay", "40", text)
}

// primary clicks the button that leads on: the largest block of the accent in sight.
func (s *screen) primary() {
	s.t.Helper()
	var b image.Rectangle
	s.until("a button that leads on", func() bool {
		b = largest(s.look(), accent)
		return b.Dx() >= 150 && b.Dy() >= 40
	})
	s.click(b.Min.Add(b.Size().Div(2)))
}

// focus presses Tab until the ring is around something for which found says so.
func (s *screen) focus(what string, found func(ring image.Rectangle) bool) {
	s.t.Helper()
	for range 40 {
		before := s.look()
		s.key("Tab")
		s.until("the focus to move", func() bool {
			img, err := s.picture()
			return err == nil && !bytes.Equal(img.Pix, before.Pix)
		})
		after := s.look()
		var ring image.Rectangle
		for y := range high {
			for x := range wide {
				if after.NRGBAAt(x, y) == ink && before.NRGBAAt(x, y) != ink {
					ring = ring.Union(image.Rect(x, y, x+1, y+1))
				}
			}
		}
		if !ring.Empty() && found(ring) {
			return
		}
	}
	s.keep(failed)
	s.t.Fatalf("%s: Tab does not lead there; pictures are in %s", what, s.dir)
}

// largest finds the largest rectangle around pixels of a colour that touch.
func largest(img *image.NRGBA, c color.NRGBA) (best image.Rectangle) {
	seen := make([]bool, wide*high)
	for y := range high {
		for x := range wide {
			if seen[y*wide+x] || img.NRGBAAt(x, y) != c {
				continue
			}
			var box image.Rectangle
			for next := []image.Point{{x, y}}; len(next) > 0; {
				p := next[len(next)-1]
				next = next[:len(next)-1]
				if !p.In(img.Rect) || seen[p.Y*wide+p.X] || img.NRGBAAt(p.X, p.Y) != c {
					continue
				}
				seen[p.Y*wide+p.X] = true
				box = box.Union(image.Rect(p.X, p.Y, p.X+1, p.Y+1))
				for _, d := range []image.Point{{1, 0}, {-1, 0}, {0, 1}, {0, -1}} {
					next = append(next, p.Add(d))
				}
			}
			if box.Dx()*box.Dy() > best.Dx()*best.Dy() {
				best = box
			}
		}
	}
	return best
}
