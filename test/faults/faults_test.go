package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	// The program is built from this; importing it makes a change there run the cases again.
	_ "github.com/zegel-id/zegel/cmd/zegel/town"
)

var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "zegel-faults-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "zegel")
		build := exec.Command("go", "build", "-o", program, "github.com/zegel-id/zegel/cmd/zegel")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// little is enough to see that a case works; "make faults" runs them in full.
var little = scale{rate: 6, kills: 1, partition: 4 * time.Second, pause: 3 * time.Second, flood: 2 * time.Second, cuts: 2}

func TestRequired(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a network of processes")
	}
	f := &field{scale: little, dir: t.TempDir(), program: program, shared: true}
	defer func() {
		if f.net != nil {
			f.net.close()
		}
	}()
	for _, row := range []struct {
		id    string
		cases []string
	}{
		{"VAL-01", []string{"kill-one", "kill-two", "kill-all"}},
		{"VAL-02", []string{"partition", "pause", "disconnect"}},
	} {
		t.Run(row.id, func(t *testing.T) {
			for _, name := range row.cases {
				at := slices.IndexFunc(trials, func(c trial) bool { return c.name == name })
				measured, err := trials[at].attempt(t.Context(), f)
				if err != nil {
					t.Fatalf("%s: %s; %v", name, measured, err)
				}
				t.Logf("%s: %s", name, measured)
			}
		})
	}
}

// A held link delivers late and loses nothing; a cut one ends its connections and takes new ones when it is open again.
func TestLink(t *testing.T) {
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	go func() {
		for {
			c, err := echo.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c) // until it ends
			}()
		}
	}()
	k, err := newLink(echo.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	dial := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", k.address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	hear := func(c net.Conn, text string, within time.Duration) error {
		if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(text))
		_, err := io.ReadFull(c, got)
		if err == nil && string(got) != text {
			t.Fatalf("%q instead of %q", got, text)
		}
		return err
	}
	say := func(c net.Conn, text string) {
		t.Helper()
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
	}
	c := dial()
	say(c, "one")
	if err := hear(c, "one", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	k.set(held)
	say(c, "two")
	during := dial() // of a cable that is out
	say(during, "three")
	if err := hear(c, "two", 100*time.Millisecond); err == nil {
		t.Fatal("a held link delivers")
	}
	k.set(open)
	if err := hear(c, "two", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := hear(during, "three", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	k.set(cut)
	if err := hear(c, "x", 5*time.Second); err == nil || os.IsTimeout(err) {
		t.Errorf("a cut link: %v", err)
	}
	if err := hear(dial(), "x", 5*time.Second); err == nil || os.IsTimeout(err) {
		t.Errorf("a new connection on a cut link: %v", err)
	}
	k.set(open)
	c = dial()
	say(c, "four")
	if err := hear(c, "four", 5*time.Second); err != nil {
		t.Fatal(err)
	}
	k.slow(50 * time.Millisecond)
	begun := time.Now()
	say(c, "five")
	if err := hear(c, "five", 5*time.Second); err != nil || time.Since(begun) < 100*time.Millisecond {
		t.Errorf("a slow link: %v after %v", err, time.Since(begun))
	}
}
