package test

import (
	"bytes"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func fileImports(t *testing.T, path string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, i := range f.Imports {
		s, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// tracked returns the paths of the files of the tree, from its root.
func tracked(t *testing.T) (root string, files []string) {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("not a git checkout: %v", err)
	}
	files = strings.Fields(string(out))
	if len(files) < 50 {
		t.Fatalf("only %d files", len(files))
	}
	return root, files
}

// TestFileLength keeps one idea a file.
func TestFileLength(t *testing.T) {
	const limit = 520
	root, files := tracked(t)
	for _, f := range files {
		if !strings.HasSuffix(f, ".go") || strings.HasSuffix(f, "_test.go") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, f))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(data, []byte("\n")); n > limit {
			t.Errorf("%s has %d lines: which two ideas are in it?", f, n)
		}
	}
}

// TestNoLooseEnds refuses promises in place of work, and sleeping tests.
func TestNoLooseEnds(t *testing.T) {
	root, files := tracked(t)
	loose := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b|not built` + ` yet`)
	sleep := regexp.MustCompile(`\btime\.Sle` + `ep\(`)
	for _, f := range files {
		if !strings.HasSuffix(f, ".go") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, f))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if m := loose.Find(data); m != nil {
			t.Errorf("%s holds %q", f, m)
		}
		if strings.HasSuffix(f, "_test.go") && sleep.Match(data) {
			t.Errorf("%s sleeps: wait for what must happen", f)
		}
	}
}
