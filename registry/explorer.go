package registry

import (
	"embed"
	"fmt"
	"math"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/trust"
)

//go:embed page/*.html
var pageFS embed.FS

//go:embed page/page.css
var pageStyle []byte

// look is one visit to the explorer: the state that is shown, and for whom. Names, purposes and reasons in it were written
// by strangers; they are text to the templates and nothing else.
type look struct {
	n    *Node
	x    *reader
	v    office.Visit
	base string // relative, see office.Base

	names map[did.DID]string
}

// org is an organisation in a sentence or a table.
type org struct{ Name, Href string }

// link is something with a name that leads on.
type link struct{ Name, Href string }

// fact is a name with a value.
type fact struct{ Name, Value, Href, Lang string }

func (l *look) t(key string, pairs ...any) string { return l.v.T(key, pairs...) }

func (l *look) count(key string, n int) string { return message.Count(l.v.Lang, n, key) }

// number writes a whole number, zero included.
func (l *look) number(n int64) string {
	if n == 0 {
		return "0"
	}
	return message.Number(l.v.Lang, n)
}

// decimal writes a number with one digit behind the comma.
func (l *look) decimal(f float64) string {
	s := fmt.Sprintf("%.1f", f)
	if l.v.Lang == "nl" {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

func (l *look) date(seconds int64) string {
	if seconds == 0 {
		return ""
	}
	return message.Date(l.v.Lang, message.Local(time.Unix(seconds, 0)))
}

func (l *look) moment(seconds int64) string {
	if seconds == 0 {
		return ""
	}
	t := message.Local(time.Unix(seconds, 0))
	return message.Date(l.v.Lang, t) + ", " + message.Clock(l.v.Lang, t)
}

// share writes a part of a whole; it is only all or nothing when it is exactly that.
func (l *look) share(part, whole int64) string {
	if whole <= 0 {
		return "–"
	}
	f := 100 * float64(part) / float64(whole)
	switch {
	case part > 0 && f < 0.1:
		return "< " + l.decimal(0.1) + "%"
	case part == 0 || part == whole:
		return fmt.Sprintf("%.0f%%", f)
	}
	return l.decimal(min(f, 99.9)) + "%"
}

// name returns how an organisation is called: as a member, as its permissions say, or by the end of its DID.
func (l *look) name(d did.DID) string {
	if l.names == nil {
		l.names = map[did.DID]string{}
		for _, m := range l.x.members() {
			l.names[m.DID] = m.Name
		}
	}
	if name, known := l.names[d]; known && name != "" {
		return name
	}
	name := shortDID(d)
	for _, a := range l.x.accreditations(d) {
		name = a.Name
		if a.EndedAt == 0 {
			break
		}
	}
	l.names[d] = name
	return name
}

func shortDID(d did.DID) string {
	if s := string(d); len(s) > 40 {
		return s[:len(s)-40] + s[len(s)-40:len(s)-32] + "…" + s[len(s)-6:]
	}
	return string(d)
}

func (l *look) org(d did.DID) org {
	return org{Name: l.name(d), Href: l.base + "/organisations/" + url.PathEscape(string(d))}
}

// page completes a page with what stands on all of them.
func (l *look) page(name, active, title string, data map[string]any) office.Page {
	data["Stops"] = l.halts()
	return office.Page{Name: name, Title: title, Active: active, Data: data}
}

// halt is a stop in force, in words.
type halt struct{ Title, Text, Why, Since, Until string }

func (l *look) halts() []halt {
	var all []halt
	for _, s := range l.x.inForce() {
		h := halt{Why: s.Why}
		switch s.Grade {
		case ledger.StopEverything:
			h.Title, h.Text = l.t("registry.stop.title.everything"), l.t("registry.stop.text.everything")
		case ledger.StopWrites:
			h.Title, h.Text = l.t("registry.stop.title.writes"), l.t("registry.stop.text.writes")
		default:
			h.Title, h.Text = l.t("registry.stop.title.accreditation"), l.t("registry.stop.text.accreditation", "id", s.Accreditation, "name", l.name(s.Subject))
		}
		h.Since = l.t("registry.stop.since", "time", l.moment(s.From), "names", l.sentence(s.Callers))
		if h.Until = l.t("registry.stop.confirmed"); s.Until != 0 {
			h.Until = l.t("registry.stop.until", "time", l.moment(s.Until))
		}
		all = append(all, h)
	}
	return all
}

// sentence lists names in a sentence.
func (l *look) sentence(all []did.DID) string {
	var names []string
	for _, d := range all {
		names = append(names, l.name(d))
	}
	if n := len(names); n > 1 {
		return l.t("registry.stop.and", "a", strings.Join(names[:n-1], ", "), "b", names[n-1])
	}
	return strings.Join(names, "")
}

// grade is one step of the stop on the overview.
type grade struct {
	Text, Icon, Tone string
	On               bool
}

func (l *look) grades() []grade {
	now := ledger.Grade("")
	if stops := l.x.inForce(); len(stops) > 0 {
		now = stops[0].Grade
	}
	return []grade{
		{l.t("registry.grade.none"), "seal", "ok", now == ""},
		{l.t("registry.grade.accreditation"), "paused", "warn", now == ledger.StopAccreditation},
		{l.t("registry.grade.writes"), "stopped", "stop", now == ledger.StopWrites},
		{l.t("registry.grade.everything"), "stopped", "stop", now == ledger.StopEverything},
	}
}

// memberRow is a member in a table.
type memberRow struct {
	Org       org
	Role      office.Pill
	Signs     string
	Since     string
	Questions int
}

func (l *look) memberRows() ([]memberRow, error) {
	validators, err := l.n.validators(l.x)
	if err != nil {
		return nil, err
	}
	var rows []memberRow
	for _, m := range l.x.members() {
		row := memberRow{Org: l.org(m.DID), Role: l.role(&m), Signs: "–", Since: l.date(m.Since)}
		for _, v := range validators {
			if v.Member == m.DID {
				row.Signs = l.share(int64(v.Signed), int64(v.Blocks))
			}
		}
		_, row.Questions = l.tally(m.DID)
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b memberRow) int { return strings.Compare(a.Org.Name, b.Org.Name) })
	return rows, nil
}

func (l *look) role(m *ledger.Member) office.Pill {
	switch {
	case len(m.Validator) > 0:
		return office.Pill{Tone: "ok", Icon: "seal", Text: l.t("registry.role.signs")}
	case m.Lost != 0:
		return office.Pill{Tone: "stop", Icon: "revoked", Text: l.t("registry.role.lost")}
	}
	return office.Pill{Tone: "none", Icon: "person", Text: l.t("registry.role.reads")}
}

// tally counts what an organisation may issue and ask now.
func (l *look) tally(d did.DID) (issues, questions int) {
	for _, a := range l.x.accreditations(d) {
		if a.EndedAt != 0 || a.From > l.x.at() || a.Until <= l.x.at() {
			continue
		}
		if a.Use == trust.Ask {
			questions++
		} else {
			issues++
		}
	}
	return issues, questions
}

// listRow is a status list in a table.
type listRow struct {
	Label, Share, Used, Size, Expiry, URI string
	Bits, Meter                           int
	Owner                                 org
	used                                  float64
}

func (l *look) listRow(uri string) (*listRow, error) {
	m := l.x.list(uri)
	if m == nil {
		return nil, l.x.failed
	}
	used, err := l.n.used(l.x.s, m)
	if err != nil {
		return nil, err
	}
	row := &listRow{
		Label: l.t("registry.list.label", "name", l.name(m.Owner), "id", path.Base(uri)), URI: uri, Owner: l.org(m.Owner), Bits: m.Bits,
		Share: l.share(int64(used), int64(m.Size)), Used: l.number(int64(used)), Size: l.number(int64(m.Size)), Expiry: l.date(m.Expiry),
		used: float64(used) / float64(m.Size),
	}
	if m.Expiry <= l.x.at() {
		row.Expiry = l.t("registry.list.expired", "date", row.Expiry)
	}
	row.Meter = int(math.Round(1000 * row.used))
	if used > 0 {
		row.Meter = max(row.Meter, 4) // to be seen
	}
	return row, nil
}
