package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal returns the two ends of a pseudo-terminal: what a person types, and what the program reads.
func terminal(t *testing.T) (keyboard, program *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	t.Cleanup(func() { keyboard.Close() })
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	t.Cleanup(func() { program.Close() })
	return keyboard, program
}

// TestRegistryAsks: on a terminal people see what will be done, and nothing is sent unless they say yes.
func TestRegistryAsks(t *testing.T) {
	h := newHall(t, 2)
	typing := func(member int, typed string, args ...string) (int, string, string) {
		keyboard, program := terminal(t)
		if _, err := keyboard.WriteString(typed + "\n"); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		args = append([]string{"registry"}, append(args, "--dev", "--dir", h.members[member].dir)...)
		code := run(t.Context(), args, &output{Stdout: &out, Stderr: &errs, Stdin: program})
		return code, out.String(), errs.String()
	}
	code, stdout, stderr := typing(0, "n", "propose", "parameters", "guests=9")
	if code != exitFailed || stdout != "" {
		t.Errorf("no: exit %d, %s", code, stdout)
	}
	contains(t, stderr, `In the registry "voorbeeld", as `+string(h.members[0].did), "propose to set the network's parameters", "Do this? (y/n)", "declined: you said no; nothing was sent")
	contains(t, h.as(0, "proposals", "--all"), "Nothing is voted on.")

	code, stdout, stderr = typing(0, "y", "propose", "parameters", "guests=9")
	if code != exitDone {
		t.Fatalf("yes: exit %d, %s", code, stderr)
	}
	_, after, _ := strings.Cut(stdout, "zegel registry vote ")
	id := after[:minPrefix]
	code, _, stderr = typing(1, "later", "vote", id)
	if code != exitFailed {
		t.Errorf("no vote: exit %d", code)
	}
	contains(t, stderr, "256 -> 9", "Your vote? (yes/no, anything else is no vote)", "no vote was given")
	contains(t, h.as(1, "proposal", id), "1 of 2 needed votes; ends")
	code, stdout, stderr = typing(1, "yes", "vote", id)
	if code != exitDone {
		t.Fatalf("vote: exit %d, %s", code, stderr)
	}
	contains(t, stdout, "passed on")
}
