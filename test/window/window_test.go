// Package window uses the wallet as a person does: the built program in a real window, a real town, a mouse and a
// keyboard. Run it with "make wallet-window".
//
// It deliberately looks at the window from outside only: at its title, its pixels, and at what the town says.
package window

import (
	"bufio"
	"encoding/json"
	"image"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/message"
)

const pin = "728194"

// town is a running "zegel town".
type town struct {
	t     *testing.T
	ready map[string]string
}

func newTown(t *testing.T, dir string) *town {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	cmd := exec.Command("../../bin/zegel", "town", "--dir", dir, "--port", strconv.Itoa(port))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	start(t, cmd)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
			w := &town{t: t}
			if err := json.Unmarshal([]byte(text), &w.ready); err != nil {
				t.Fatal(err)
			}
			go func() {
				for lines.Scan() {
				}
			}()
			return w
		}
	}
	t.Fatalf("the town did not open: %v", lines.Err())
	return nil
}

// staff calls the staff API.
func (w *town) staff(method, url, body string, into any) {
	w.t.Helper()
	answer := w.ask(method, url, body)
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		w.t.Fatal(err)
	}
}

func (w *town) ask(method, url, body string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.ready["token"])
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	if answer.StatusCode >= 400 {
		w.t.Fatalf("%s %s: %s", method, url, answer.Status)
	}
	return answer
}

// counter asks "18 or older" and follows what becomes of it, as the page at the counter does.
func (w *town) counter() (link string, outcome func() string) {
	w.t.Helper()
	var session struct {
		ID  string `json:"id"`
		URI string `json:"request_uri"`
	}
	w.staff("POST", w.ready["verifier"]+"/api/sessions", `{"preset":"over-18"}`, &session)
	events := w.ask("GET", w.ready["verifier"]+"/api/sessions/"+session.ID+"/events", "")
	end := make(chan string, 1)
	go func() {
		defer events.Body.Close()
		last := ""
		for lines := bufio.NewScanner(events.Body); lines.Scan(); {
			var e struct{ State, Outcome, Category string }
			if data, ok := strings.CutPrefix(lines.Text(), "data:"); ok && json.Unmarshal([]byte(data), &e) == nil {
				last = strings.TrimSpace(e.State + " " + e.Outcome + " " + e.Category)
			}
		}
		end <- last
	}()
	return session.URI, func() string {
		select {
		case last := <-end:
			return last
		case <-time.After(patience):
			return "nothing"
		}
	}
}

// paste puts a link on the clipboard and has the wallet, which shows the screen where things come in, take it.
func (s *screen) paste(link string) {
	s.t.Helper()
	s.shows("wallet.add.title")
	// It stays in the background to hand the text out, with what it was given as output: that must be nothing.
	clip := exec.CommandContext(s.t.Context(), "xclip", "-selection", "clipboard")
	clip.Env, clip.Stdin = s.env, strings.NewReader(link)
	if err := clip.Run(); err != nil {
		s.t.Fatal(err)
	}
	// In the page: back, scan, paste.
	n := 0
	s.focus("paste", func(ring image.Rectangle) bool {
		if ring.Min.X > rail {
			n++
		}
		return n == 3
	})
	s.key("Return")
}

// share answers the request of the counter that comes up, which ends with a screen of this title.
func (s *screen) share(end string) {
	s.t.Helper()
	asked := "Vraag van Gemeente Voorbeeldstad"
	s.becomes(asked, func(title string) bool { return title == asked })
	s.keep("asked")
	// The button says "more" until all was seen, then "share"; then there is none: the PIN is asked.
	for range 6 {
		b := largest(s.look(), accent)
		if b.Dx() < 150 || b.Dy() < 40 {
			break
		}
		s.click(b.Min.Add(b.Size().Div(2)))
	}
	s.keep("pin")
	s.typed(pin)
	s.becomes(end, func(title string) bool { return title == end })
	s.keep("answered")
	s.focus("the first button", func(image.Rectangle) bool { return true })
	s.key("Return")
	s.shows("wallet.cards.title")
}

// TestWindow is the life of a card in a real window: first use, received, shared, revoked.
func TestWindow(t *testing.T) {
	if os.Getenv("ZEGEL_WINDOW") != "1" {
		t.Skip("make wallet-window runs this with a display of its own")
	}
	dir := t.TempDir()
	w := newTown(t, filepath.Join(dir, "town"))
	s := newScreen(t)

	began := time.Now()
	cmd := s.begin(filepath.Join(dir, "wallet"), "--network", w.ready["network"])
	t.Logf("start to first picture: %v", time.Since(began).Round(10*time.Millisecond))
	s.do("windowmove", s.window, "0", "0")
	s.do("windowsize", s.window, strconv.Itoa(wide), strconv.Itoa(high))
	s.do("windowfocus", s.window)

	// First use, the PIN by keyboard.
	s.shows("wallet.welcome.title")
	s.keep("welcome")
	s.primary()
	s.shows("wallet.secret.choose.pin")
	s.typed(pin)
	s.shows("wallet.secret.again.pin")
	s.typed(pin)
	s.shows("wallet.cards.title")
	s.keep("empty")

	// A card, by the clipboard.
	var offer struct {
		URI string `json:"offer_uri"`
	}
	w.staff("POST", w.ready["issuer"]+"/api/offers", `{"configuration_ids":["personal-data"],"subject":"`+w.ready["subject"]+`"}`, &offer)
	s.primary()
	s.paste(offer.URI)
	s.shows("wallet.offer.title")
	s.keep("offer")
	s.primary()
	s.shows("wallet.offer.preview.title")
	s.keep("preview")
	preview := s.title()
	for range 8 { // the button says "more" until every value was seen
		if s.look(); s.title() != preview {
			break
		}
		s.primary()
	}
	kept := message.Count("nl", 1, "wallet.offer.done")
	s.becomes(kept, func(title string) bool { return title == kept })
	s.keep("received")
	s.primary()
	s.shows("wallet.cards.title")
	s.keep("cards")

	// Shared, while the counter looks on.
	link, outcome := w.counter()
	s.primary() // "scan" in the rail, the only block of the accent on the cards
	s.paste(link)
	s.share(message.Count("nl", 1, "wallet.share.done"))
	if got := outcome(); got != "completed accepted" {
		t.Fatalf("the counter saw %q", got)
	}

	// Revoked: the counter refuses, and the wallet sees why when it asks.
	var list struct {
		Credentials []struct {
			ID string `json:"id"`
		} `json:"credentials"`
	}
	w.staff("GET", w.ready["issuer"]+"/api/credentials", "", &list)
	if len(list.Credentials) != 1 {
		t.Fatalf("%d cards were given out", len(list.Credentials))
	}
	w.staff("POST", w.ready["issuer"]+"/api/credentials/"+list.Credentials[0].ID+"/revoke", `{"reason":"proef"}`, &struct{}{})
	link, outcome = w.counter()
	// As when a link is clicked in a browser: a second start, which hands it to the window and ends.
	second := exec.CommandContext(t.Context(), "../../bin/zegel-wallet", append(cmd.Args[1:], link)...)
	second.Env = cmd.Env
	if out, err := second.CombinedOutput(); err != nil {
		t.Fatalf("second start: %v\n%s", err, out)
	}
	s.share(message.Text("nl", "wallet.trouble.notaccepted.head"))
	if got := outcome(); got != "failed rejected revoked" {
		t.Fatalf("after the revocation the counter saw %q", got)
	}
	if b := largest(s.look(), stop); b.Dx() > 4 {
		t.Errorf("something is red before the wallet can know: %v", b)
	}
	s.focus("the card", func(ring image.Rectangle) bool { return ring.Min.X > rail && ring.Dy() > 100 })
	s.key("Return")
	s.becomes("the card", func(title string) bool { return title != message.Text("nl", "wallet.cards.title") })
	s.keep("card")
	// Backwards from the end of the page: delete, check now.
	s.key("shift+Tab", "shift+Tab")
	s.look()
	s.key("Return")
	s.until("the shape of a revoked card", func() bool {
		b := largest(s.look(), stop)
		return b.Dx() > 15 && b.Dy() > 15
	})
	s.keep("revoked")

	status, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "VmHWM") {
			t.Log(strings.Join(strings.Fields(line), " "))
		}
	}
}
