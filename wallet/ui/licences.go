package ui

import (
	_ "embed"
	"regexp"
	"slices"
	"strings"
)

// licenceFile holds the licence of this program, and of everything else that is built into the desktop or the phone
// program: each begins with a line for each part that it belongs to. The test of this package writes it anew with -update.
//
//go:embed licences.txt
var licenceFile string

// licence is what allows the use of a part. The first one is that of the program itself.
type licence struct {
	name    string // module and version
	kind    string // "MIT", in the words that people know it by
	content string
}

// licenceMark begins the lines that name a part.
const licenceMark = "%% "

var licences = parseLicences(licenceFile)

// text is the licence as paragraphs: lines that were broken at a fixed width are put together, so that they wrap on a
// screen of any width.
func (l licence) text() string {
	var out strings.Builder
	before := 0
	for _, line := range strings.Split(l.content, "\n") {
		words := strings.TrimSpace(line)
		switch {
		case words == "":
			out.WriteString("\n\n")
		case before == 0:
		case before < fullLine || item.MatchString(words):
			out.WriteString("\n")
		default:
			out.WriteString(" ")
		}
		out.WriteString(words)
		before = len(words)
	}
	return strings.TrimSpace(out.String())
}

// A line shorter than this ended by itself; one that begins an item of a list begins anew.
const fullLine = 48

var item = regexp.MustCompile(`^([*•-]|\(?[0-9a-z]{1,2}[.)]|Copyright) `)

func parseLicences(file string) (all []licence) {
	var named []licence
	var text strings.Builder
	end := func() {
		for _, l := range named {
			l.content = strings.TrimSpace(text.String())
			all = append(all, l)
		}
		named = nil
		text.Reset()
	}
	for _, line := range strings.Split(file, "\n") {
		name, is := strings.CutPrefix(line, licenceMark)
		if !is {
			text.WriteString(line + "\n")
			continue
		}
		if text.Len() > 0 {
			end()
		}
		name, kind, _ := strings.Cut(name, "\t")
		named = append(named, licence{name: name, kind: kind})
	}
	end()
	slices.SortStableFunc(all[1:], func(a, b licence) int { return strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)) })
	return all
}
