package main

import (
	"strings"
	"testing"
)

func TestRowsAreAllThere(t *testing.T) {
	all := rows()
	if len(all) != 175 {
		t.Errorf("%d rows, want 175", len(all))
	}
	seen := map[string]bool{}
	for _, r := range all {
		if seen[r.id] || r.when == "" {
			t.Errorf("row %q repeated or empty", r.id)
		}
		seen[r.id] = true
	}
}

func TestReport(t *testing.T) {
	line := func(action, pkg, test string) string {
		return `{"Action":"` + action + `","Package":"github.com/zegel-id/zegel/` + pkg + `","Test":"` + test + `"}` + "\n"
	}
	for name, c := range map[string]struct {
		input string
		ok    bool
		want  []string
	}{
		"a pass":               {line("pass", "pkg/x", "TestRequired/SDJ-01"), true, []string{"pass  SDJ-01", "1 with a passing test, 0 failing, 174 without"}},
		"one of two fails":     {line("pass", "pkg/x", "TestRequired/SDJ-01") + line("fail", "pkg/y", "TestRequired/SDJ-01"), false, []string{"FAIL  SDJ-01   pkg/y"}},
		"a row twice":          {line("pass", "pkg/x", "TestRequired/SDJ-01") + line("fail", "pkg/x", "TestRequired/SDJ-01#01"), false, []string{"FAIL  SDJ-01   pkg/x"}},
		"a skip is no test":    {line("skip", "pkg/x", "TestRequired/SDJ-01"), true, []string{"0 with a passing test"}},
		"deeper is not a row":  {line("pass", "pkg/x", "TestRequired/SDJ-01/none"), true, []string{"0 with a passing test"}},
		"an id that is no row": {line("pass", "pkg/x", "TestRequired/ABC-01"), false, []string{`unknown row "ABC-01"`}},
		"does not compile":     {line("fail", "pkg/x", ""), false, []string{"package github.com/zegel-id/zegel/pkg/x failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			verdicts, broken, err := read(strings.NewReader(c.input))
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if ok := report(&b, verdicts, broken); ok != c.ok {
				t.Errorf("ok = %t, want %t", ok, c.ok)
			}
			for _, want := range c.want {
				if !strings.Contains(b.String(), want) {
					t.Errorf("report lacks %q:\n%s", want, b.String())
				}
			}
		})
	}
	if _, _, err := read(strings.NewReader("")); err == nil {
		t.Error("no test output passes for a report")
	}
}
