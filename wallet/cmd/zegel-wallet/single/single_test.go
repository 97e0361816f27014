//go:build unix

package single

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const link = "openid4vp://?client_id=x&request_uri=https%3A%2F%2Fbalie.voorbeeld.example%2Fr%2F1"

// first starts the program of a directory; what is handed over comes out of the channel.
func first(t *testing.T, dir string) (*Instance, <-chan string) {
	t.Helper()
	i, is, err := Claim(dir, "")
	if err != nil || !is {
		t.Fatalf("first %v, %v", is, err)
	}
	got := make(chan string, 10)
	go func() {
		i.Serve(func(link string) { got <- link })
		close(got)
	}()
	t.Cleanup(func() {
		i.Close()
		for range got {
		}
	})
	return i, got
}

func TestHandsOver(t *testing.T) {
	dir := t.TempDir()
	_, got := first(t, dir)
	for in, want := range map[string]string{link: link, "": "", "two\nlines": "two lines"} {
		_, is, err := Claim(dir, in)
		if err != nil || is {
			t.Fatalf("%q: first %v, %v", in, is, err)
		}
		if out := <-got; out != want {
			t.Errorf("handed over %q, got %q", in, out)
		}
	}
	// Another directory is another wallet.
	other, is, err := Claim(t.TempDir(), link)
	if err != nil || !is {
		t.Fatalf("other directory: first %v, %v", is, err)
	}
	other.Close()
}

func TestOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	first(t, dir)
	info, err := os.Stat(filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	if p := info.Mode().Perm(); p != 0o600 {
		t.Errorf("permissions %o", p)
	}
}

// A program that was killed leaves its socket; one that ended well does not.
func TestAfterTheFirst(t *testing.T) {
	dir := t.TempDir()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "socket")})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	i, _ := first(t, dir)
	i.Close()
	first(t, dir)
}

// What is no line of a bearable length is dropped, and the next start is heard.
func TestHostileInput(t *testing.T) {
	dir := t.TempDir()
	_, got := first(t, dir)
	for name, data := range map[string]string{
		"nothing": "", "no end of line": "openid4vp://", "without end": strings.Repeat("a", 4*maxHanded), "too long": strings.Repeat("a", maxHanded) + "\n",
	} {
		c, err := net.Dial("unix", filepath.Join(dir, "socket"))
		if err != nil {
			t.Fatal(name, err)
		}
		c.Write([]byte(data)) // the program may have hung up already
		c.Close()
	}
	if _, is, err := Claim(dir, link); err != nil || is {
		t.Fatalf("first %v, %v", is, err)
	}
	if out := <-got; out != link {
		t.Errorf("got %.40q", out)
	}
	// Something that is no socket is not taken for one that was left, if it cannot be removed.
	blocked := t.TempDir()
	if err := os.MkdirAll(filepath.Join(blocked, "socket", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, is, err := Claim(blocked, link); err == nil || is {
		t.Errorf("a folder in place of the socket: first %v, %v", is, err)
	}
}
