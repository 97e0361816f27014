package registry

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/trust"
)

type otherRow struct {
	Org               org
	Issues, Questions int
}

func (l *look) organisations(*http.Request) (office.Page, error) {
	members, err := l.memberRows()
	if err != nil {
		return office.Page{}, err
	}
	var others []otherRow
	more := 0
	for _, d := range l.x.index().DIDs {
		if l.x.isMember(d) {
			continue
		}
		if len(others) == showOthers {
			more++
			continue
		}
		row := otherRow{Org: l.org(d)}
		row.Issues, row.Questions = l.tally(d)
		others = append(others, row)
	}
	slices.SortStableFunc(others, func(a, b otherRow) int { return strings.Compare(a.Org.Name, b.Org.Name) })
	return l.page("organisations", "organisations", l.t("registry.nav.organisations"), map[string]any{
		"Members": members, "Others": others, "More": more,
	}), nil
}

// permission is an accreditation in words.
type permission struct {
	Title         string
	Pill          office.Pill
	Ended         bool
	Claims, Types []string
	Purpose, Lang string
	Basis, Keep   string
	PassedOn      string
	Valid         string
	By            org
	Decision      *link
}

type keyRow struct {
	ID, Use, When string
	Pill          office.Pill
}

type serviceRow struct{ Name, Endpoint string }

func (l *look) organisationPage(d did.DID) (office.Page, error) {
	record, exists := l.x.record(d)
	if !exists {
		return office.Page{}, errNone
	}
	var questions, issues []permission
	for _, a := range l.x.accreditations(d) {
		p := l.permission(&a)
		if a.Use == trust.Ask {
			questions = append(questions, p)
		} else {
			issues = append(issues, p)
		}
	}
	// What has ended comes last.
	for _, all := range [][]permission{questions, issues} {
		slices.SortStableFunc(all, func(a, b permission) int {
			switch {
			case a.Ended == b.Ended:
				return 0
			case b.Ended:
				return -1
			}
			return 1
		})
	}
	var pills []office.Pill
	if m, is := l.x.member(d); is {
		pills = append(pills, office.Pill{Tone: "info", Icon: "seal", Text: l.t("registry.member.since.pill", "date", l.date(m.Since))})
	}
	if record.Deactivated {
		pills = append(pills, office.Pill{Tone: "stop", Icon: "revoked", Text: l.t("registry.deactivated")})
	}
	var services []serviceRow
	for _, s := range record.Services {
		name := s.Type
		switch s.Type {
		case did.ServiceIssuer:
			name = l.t("registry.service.issuer")
		case did.ServiceVerifier:
			name = l.t("registry.service.verifier")
		}
		services = append(services, serviceRow{name, s.Endpoint})
	}
	var lists []*listRow
	for _, uri := range l.x.index().Lists {
		if m := l.x.list(uri); m != nil && m.Owner == d && len(lists) < showLists {
			row, err := l.listRow(uri)
			if err != nil {
				return office.Page{}, err
			}
			lists = append(lists, row)
		}
	}
	proof := fmt.Sprintf("%s/v1/proof?key=%x,%x", l.base, []byte(ledger.KeyDID(d)), []byte(ledger.KeyAccreditations(d)))
	return l.page("organisation", "organisations", l.name(d), map[string]any{
		"DID": string(d), "Height": l.number(l.x.s.height), "Proof": proof, "Resolve": l.base + "/v1/dids/" + url.PathEscape(string(d)), "Pills": pills,
		"Questions": questions, "Issues": issues, "Keys": l.keys(record), "Services": services, "Lists": lists,
	}), nil
}

// permission puts an accreditation into words.
func (l *look) permission(a *ledger.Accreditation) permission {
	p := permission{
		Title: l.claimTitle(a), Types: l.types(a.Types), Basis: a.LegalBasis, By: l.org(a.GrantedBy), Claims: l.claims(a.Claims),
		Valid: l.t("registry.valid.sentence", "from", l.date(a.From), "until", l.date(a.Until)),
		Keep:  l.t("registry.question.keep.none"),
	}
	if a.Use == trust.Issue {
		p.Valid = l.t("registry.valid.between", "from", l.date(a.From), "until", l.date(a.Until))
	}
	if p.Basis == "" {
		p.Basis = l.t("registry.question.no-basis")
	}
	switch {
	case a.KeepDays > 0:
		p.Keep = message.Count(l.v.Lang, int(a.KeepDays), "time.day")
	case a.OutcomeDays > 0:
		p.Keep = l.t("registry.question.keep.outcome", "days", message.Count(l.v.Lang, int(a.OutcomeDays), "time.day"))
	}
	p.PassedOn = trust.Text(a.PassedOn).In(l.v.Lang)
	if p.Purpose = a.Purpose[l.v.Lang]; p.Purpose == "" {
		for _, lang := range slices.Sorted(maps.Keys(a.Purpose)) {
			p.Purpose, p.Lang = a.Purpose[lang], lang
			break
		}
	}
	if len(a.Decision) > 0 {
		id := hex.EncodeToString(a.Decision)
		p.Decision = &link{Name: l.t("registry.decision", "id", id[:min(8, len(id))])}
		if l.x.proposal(a.Decision) != nil {
			p.Decision.Href = l.base + "/proposals/" + id
		}
	}
	if a.GrantedBy == "" {
		p.By = org{Name: l.n.app.chain.Network}
	}
	now := l.x.at()
	switch {
	case a.EndedAt != 0 && a.Distrust:
		p.Pill, p.Ended = office.Pill{Tone: "stop", Icon: "revoked", Text: l.t("registry.state.distrust")}, true
	case a.EndedAt != 0:
		p.Pill, p.Ended = office.Pill{Tone: "none", Icon: "expired", Text: l.t("registry.state.ended")}, true
	case a.StoppedFrom != 0 && a.StoppedFrom <= now && (a.StoppedUntil == 0 || now < a.StoppedUntil):
		p.Pill = office.Pill{Tone: "stop", Icon: "stopped", Text: l.t("registry.state.stopped")}
	case a.Until <= now:
		p.Pill, p.Ended = office.Pill{Tone: "none", Icon: "expired", Text: l.t("registry.state.expired")}, true
	case a.From > now:
		p.Pill = office.Pill{Tone: "warn", Icon: "clock", Text: l.t("registry.state.early")}
	default:
		p.Pill = office.Pill{Tone: "ok", Icon: "valid", Text: l.t("registry.state.valid")}
	}
	return p
}

// claimTitle is a short name of a question: what it asks for.
func (l *look) claimTitle(a *ledger.Accreditation) string {
	claims := l.claims(a.Claims)
	if len(claims) > 3 || len(a.Claims) == 0 {
		return a.ID
	}
	short, _, _ := strings.Cut(strings.Join(claims, ", "), ":")
	return short
}

// claims names what a question asks for.
func (l *look) claims(all [][]byte) []string {
	if len(all) == 0 {
		return []string{l.t("registry.question.everything")}
	}
	var names []string
	for _, raw := range all {
		var path []any
		if json.Unmarshal(raw, &path) != nil {
			continue
		}
		name := l.claim(path)
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// claim says a claim path in words if there are any, else as it is.
func (l *look) claim(path []any) string {
	var parts []string
	for _, p := range path {
		if p == nil {
			p = "*"
		}
		parts = append(parts, fmt.Sprint(p))
	}
	if n := len(parts); n > 0 {
		age, is := strings.CutPrefix(parts[0], "age_over_")
		if n == 2 && parts[0] == "age_equal_or_over" {
			age, is = parts[1], true
		}
		if is && strings.Trim(age, "0123456789") == "" {
			return l.t("registry.claim.age", "n", age)
		}
		if key := "claim." + parts[n-1]; message.Has(key) {
			return l.t(key)
		}
	}
	return strings.Join(parts, " › ")
}

// types names kinds of cards.
func (l *look) types(all []string) []string {
	var names []string
	for _, t := range all {
		name := t
		if id, ok := strings.CutPrefix(t, "urn:zegel:"); ok {
			id, _, _ = strings.Cut(id, ":")
			if key := "desk.card." + id; message.Has(key) {
				name = l.t(key)
			}
		}
		names = append(names, name)
	}
	return names
}

// keys lists the keys of an organisation with the time they count.
func (l *look) keys(record *ledger.DIDRecord) []keyRow {
	var rows []keyRow
	for _, k := range record.Keys {
		row := keyRow{ID: "#" + k.ID}
		var uses []string
		for _, p := range k.Purposes {
			uses = append(uses, l.t("registry.use."+string(p)))
		}
		row.Use = strings.Join(uses, ", ")
		row.When = l.t("registry.key.since", "from", l.date(k.From))
		if k.Until != 0 {
			row.When = l.t("registry.key.between", "from", l.date(k.From), "until", l.date(k.Until))
		}
		switch {
		case k.Compromised:
			row.Pill = office.Pill{Tone: "stop", Icon: "revoked", Text: l.t("registry.key.leaked")}
		case k.Until != 0 && k.Until <= l.x.at():
			row.Pill = office.Pill{Tone: "none", Icon: "history", Text: l.t("registry.key.replaced")}
		case record.Deactivated:
			row.Pill = office.Pill{Tone: "none", Icon: "expired", Text: l.t("registry.state.ended")}
		default:
			row.Pill = office.Pill{Tone: "ok", Icon: "valid", Text: l.t("registry.key.used")}
		}
		rows = append(rows, row)
	}
	kept := office.Pill{Tone: "none", Icon: "lock", Text: l.t("registry.key.offline")}
	if len(record.NextKeyHash) > 0 && !record.Deactivated {
		rows = append(rows, keyRow{ID: l.t("registry.key.next"), Use: l.t("registry.use.capabilityInvocation"), When: l.t("registry.key.committed"), Pill: kept})
	}
	if len(record.RecoveryHash) > 0 && !record.Deactivated {
		rows = append(rows, keyRow{ID: l.t("registry.key.recovery"), Use: l.t("registry.use.recovery"), When: l.t("registry.key.committed"), Pill: kept})
	}
	return rows
}
