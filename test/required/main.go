// Required reads the output of "go test -json" and prints which rows of the required behaviour have a passing test,
// which fail, and which have no test yet. A row's test is any subtest TestRequired/<id>, in any package.
package main

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

//go:embed rows.tsv
var table string

// row is a required behaviour: its id and the situation it is about.
type row struct{ id, when string }

func rows() []row {
	var all []row
	for line := range strings.Lines(table) {
		id, when, _ := strings.Cut(strings.TrimSpace(line), "\t")
		all = append(all, row{id, when})
	}
	return all
}

// event is a line of "go test -json".
type event struct {
	Action, Package, Test, Output string
}

// verdict counts what the tests of a row did, by package.
type verdict struct {
	passed, failed, skipped []string
}

// read collects the verdicts. builds lists packages that failed outside any test, as when they do not compile.
func read(r io.Reader) (verdicts map[string]*verdict, broken []string, err error) {
	verdicts = map[string]*verdict{}
	failedTests := map[string]bool{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	seen := false
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, nil, fmt.Errorf("not the output of go test -json: %q", lines.Text())
		}
		seen = true
		if e.Test == "" {
			if e.Action == "fail" && !failedTests[e.Package] {
				broken = append(broken, e.Package)
			}
			continue
		}
		if e.Action == "fail" {
			failedTests[e.Package] = true
		}
		id, ok := strings.CutPrefix(e.Test, "TestRequired/")
		if !ok || strings.Contains(id, "/") {
			continue
		}
		// A package that runs a row twice, as with two kinds of root, gets a number behind the second.
		id, _, _ = strings.Cut(id, "#")
		v := verdicts[id]
		if v == nil {
			v = &verdict{}
			verdicts[id] = v
		}
		where := strings.TrimPrefix(e.Package, "github.com/zegel-id/zegel/")
		switch e.Action {
		case "pass":
			v.passed = append(v.passed, where)
		case "fail":
			v.failed = append(v.failed, where)
		case "skip":
			v.skipped = append(v.skipped, where)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, nil, err
	}
	if !seen {
		return nil, nil, fmt.Errorf("no test output")
	}
	return verdicts, broken, nil
}

// report prints the table and returns whether nothing failed.
func report(w io.Writer, verdicts map[string]*verdict, broken []string) bool {
	known := map[string]bool{}
	var passing, failing, none int
	var missing []row
	all := rows()
	for _, r := range all {
		known[r.id] = true
		v := verdicts[r.id]
		switch {
		case v == nil || len(v.passed)+len(v.failed) == 0:
			none++
			missing = append(missing, r)
		case len(v.failed) > 0:
			failing++
			fmt.Fprintf(w, "FAIL  %-8s %s\n", r.id, strings.Join(v.failed, ", "))
		default:
			passing++
			fmt.Fprintf(w, "pass  %-8s %s\n", r.id, strings.Join(v.passed, ", "))
		}
	}
	fmt.Fprintf(w, "\nno test yet:\n")
	for _, r := range missing {
		fmt.Fprintf(w, "      %-8s %s\n", r.id, r.when)
	}
	ok := failing == 0
	for id := range verdicts {
		if !known[id] {
			ok = false
			fmt.Fprintf(w, "unknown row %q has a test\n", id)
		}
	}
	for _, p := range broken {
		ok = false
		fmt.Fprintf(w, "package %s failed outside its tests\n", p)
	}
	fmt.Fprintf(w, "\n%d rows: %d with a passing test, %d failing, %d without a test yet\n", len(all), passing, failing, none)
	return ok
}

func main() {
	verdicts, broken, err := read(os.Stdin)
	if err != nil {
		fmt.Fprintf(os.Stderr, "required: %v\n", err)
		os.Exit(2)
	}
	if !report(os.Stdout, verdicts, broken) {
		os.Exit(1)
	}
}
