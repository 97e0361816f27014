package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPagesLoadNothing: no page of the counter, the desk or the register has a place where a picture from outside could
// come, or loads anything but its own files. What comes from a card or from metadata can only be text on them.
func TestPagesLoadNothing(t *testing.T) {
	loads := regexp.MustCompile(`(?i)<(?:img|image|picture|iframe|object|embed|video|audio)\b|\b(?:src|srcset|data|poster|style|background|xlink:href)\s*=\s*["']?(\{\{\s*asset\b)?`)
	links := regexp.MustCompile(`(?i)<link\b[^>]*>`)
	root, files := tracked(t)
	pages := 0
	for _, file := range files {
		if filepath.Ext(file) != ".html" {
			continue
		}
		pages++
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range loads.FindAllStringSubmatch(string(text), -1) {
			if m[1] == "" {
				t.Errorf("%s holds %q", file, m[0])
			}
		}
		for _, link := range links.FindAllString(string(text), -1) {
			if !strings.Contains(link, "{{asset ") && !strings.Contains(link, `href="{{.Base}}`) {
				t.Errorf("%s holds %q", file, link)
			}
		}
	}
	if pages < 20 {
		t.Errorf("%d pages were read", pages)
	}
}
