package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// walk runs the commands of a page and holds what they print against what the page shows.
type walk struct {
	t      *testing.T
	hall   *hall
	home   string // each organisation has a directory here
	stick  string // stands for /media/stick
	ids    map[string]string
	newest string // the id that was printed last and has no short name yet
}

var (
	printedID = regexp.MustCompile(`(?:Proposal|Stop) ([0-9a-f]{12})`)
	shortName = regexp.MustCompile(`\b[0-9a-f]{4}\b`)
	pageDID   = regexp.MustCompile(`did:zegel:voorbeeld:(aadorp|beekdam|cederveen|duinhoek)\b`)
	pageWord  = regexp.MustCompile(`"[^"]*"|\S+`)
)

// TestRegistryPage runs every command of docs/registry-commands.md, so that the page stays true.
func TestRegistryPage(t *testing.T) {
	page := string(readFile(t, filepath.Join("..", "..", "docs", "registry-commands.md")))
	w := &walk{t: t, hall: newHall(t, 3), home: t.TempDir(), stick: t.TempDir(), ids: map[string]string{}}
	for i, name := range []string{"aadorp", "beekdam", "cederveen"} {
		dir := filepath.Join(w.home, name)
		if err := os.Rename(w.hall.members[i].dir, dir); err != nil {
			t.Fatal(err)
		}
		w.hall.members[i].dir = dir
	}
	if err := os.Mkdir(filepath.Join(w.home, "duinhoek"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.home, "duinhoek", createdNetwork), readFile(t, w.hall.network), 0o600); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for i, block := range strings.Split(page, "```console\n") {
		if i == 0 {
			continue
		}
		block, _, _ = strings.Cut(block, "```")
		var command string
		var shown []string
		for _, line := range append(strings.Split(strings.TrimSpace(block), "\n"), "end$ ") {
			if who, rest, ok := strings.Cut(line, "$ "); ok && !strings.Contains(who, " ") {
				if command != "" {
					w.run(command, shown)
					ran++
				}
				command, shown = who+" "+rest, nil
				continue
			}
			shown = append(shown, line)
		}
	}
	if ran < 40 {
		t.Errorf("only %d commands on the page", ran)
	}
	// The table of codes is the one that the program has.
	for code, known := range codes {
		if !strings.Contains(page, fmt.Sprintf("| %d | `%s` |", code, known[0])) {
			t.Errorf("code %d %s is not in the table", code, known[0])
		}
	}
	if len(codes) != int(ledger.Policy) {
		t.Errorf("%d codes have words", len(codes))
	}
}

// real puts what the page only names in its place.
func (w *walk) real(s string) string {
	s = pageDID.ReplaceAllStringFunc(s, func(d string) string {
		return string(w.hall.members[slices.Index([]string{"aadorp", "beekdam", "cederveen", "duinhoek"}, d[len("did:zegel:voorbeeld:"):])].did)
	})
	s = strings.ReplaceAll(s, "/media/stick", w.stick)
	return shortName.ReplaceAllStringFunc(s, func(id string) string {
		if !strings.ContainsAny(id, "abcdef") || !strings.ContainsAny(id, "0123456789") {
			return id
		}
		if w.ids[id] == "" {
			if w.newest == "" {
				w.t.Fatalf("the page names %s, and nothing was made", id)
			}
			w.ids[id], w.newest = w.newest, ""
		}
		return w.ids[id]
	})
}

func (w *walk) run(command string, shown []string) {
	w.t.Helper()
	who, line, _ := strings.Cut(command, " ")
	w.t.Chdir(filepath.Join(w.home, who))
	var args []string
	for _, word := range pageWord.FindAllString(line, -1) {
		args = append(args, w.real(strings.Trim(word, `"`)))
	}
	switch args[0] {
	case "mv":
		if err := os.Rename(args[1], args[2]); err != nil {
			w.t.Fatal(err)
		}
		return
	case "rm":
		for _, path := range args[1:] {
			if err := os.Remove(path); err != nil {
				w.t.Fatal(err)
			}
		}
		return
	}
	args, into := args[1:], ""
	if at := slices.Index(args, ">"); at >= 0 {
		args, into = args[:at], args[at+1]
	}
	// The page is about production, and its reader is asked.
	args = append(args, "--dev")
	if changes := []string{"propose", "accredit", "withdraw", "stop", "resume", "cancel", "execute", "did"}; slices.Contains(changes, args[1]) && !slices.Contains(args, "--yes") {
		args = append(args, "--yes")
	}
	var out, errs bytes.Buffer
	code := run(w.t.Context(), args, &output{Stdout: &out, Stderr: &errs, Stdin: strings.NewReader("")})
	want := exitDone
	if len(shown) > 0 && strings.HasPrefix(shown[0], "zegel: ") {
		want = exitFailed
	}
	if code != want {
		w.t.Fatalf("%s: exit %d\n%s%s", command, code, &out, &errs)
	}
	if into != "" {
		if err := os.WriteFile(into, out.Bytes(), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	if m := printedID.FindStringSubmatch(out.String()); m != nil && !slices.ContainsFunc(mapValues(w.ids), func(id string) bool { return strings.HasPrefix(m[1], id) }) {
		w.newest = m[1][:minPrefix]
	}
	w.compare(command, shown, out.String()+errs.String())
	if who == "duinhoek" && len(w.hall.members) == 3 { // it has keys now
		record, err := readRecord(createdRecord)
		if err != nil {
			w.t.Fatal(err)
		}
		id, err := ledger.NewDID("voorbeeld", record)
		if err != nil {
			w.t.Fatal(err)
		}
		w.hall.members = append(w.hall.members, hallMember{filepath.Join(w.home, who), id})
	}
}

func mapValues(m map[string]string) []string {
	var all []string
	for _, v := range m {
		all = append(all, v)
	}
	return all
}

// compare finds each line of the page in the output, in order. … stands for anything in the line.
func (w *walk) compare(command string, shown []string, output string) {
	w.t.Helper()
	lines := strings.Split(output, "\n")
	for _, want := range shown {
		at := slices.IndexFunc(lines, func(line string) bool { return fits(line, strings.Split(w.real(want), "…")) })
		if at < 0 {
			w.t.Fatalf("%s: no line as %q in\n%s", command, want, output)
		}
		lines = lines[at+1:]
	}
}

func fits(line string, parts []string) bool {
	for _, p := range parts {
		p = strings.TrimSpace(p)
		at := strings.Index(line, p)
		if at < 0 {
			return false
		}
		line = line[at+len(p):]
	}
	return true
}

// TestRegistryAges: how old an answer is, in words.
func TestRegistryAges(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"just now": -time.Second, "40 seconds old": 40 * time.Second, "5 minutes old": 5 * time.Minute, "3 hours old": 3 * time.Hour,
	} {
		if got := age(d); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for want, d := range map[string]int64{"over": 0, "30 minutes left": 1800, "5 hours left": 5 * 3600, "6 days left": 6*86400 - 5} {
		if got := left(someTime+d, someTime); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
