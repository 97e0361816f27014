package registry

import (
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/trust"
)

// proposalRow is a proposal in a list.
type proposalRow struct {
	Title, Line, Href string
	Pill              office.Pill
}

func (l *look) proposalRow(p *ledger.Proposal) proposalRow {
	title, _, _ := l.action(p)
	if at := p.At(l.x.at()); p.Action.Parameters != nil && (at == ledger.Open || at == ledger.Waiting) {
		now := l.parameters(l.x.parameters())
		for i, f := range l.parameters(*p.Action.Parameters) {
			if f.Value != now[i].Value {
				title += "; " + f.Name + " " + now[i].Value + " → " + f.Value
			}
		}
	}
	return proposalRow{
		Title: title, Href: l.base + "/proposals/" + hex.EncodeToString(p.ID), Pill: l.outcome(p),
		Line: l.t("registry.proposals.line", "by", l.name(p.By), "yes", len(p.Yes), "voters", len(p.Voters), "needed", p.Needed(), "until", l.moment(p.Until)),
	}
}

func (l *look) outcome(p *ledger.Proposal) office.Pill {
	at := p.At(l.x.at())
	pill := office.Pill{Text: l.t("registry.outcome." + string(at))}
	switch at {
	case ledger.Open:
		pill.Tone, pill.Icon = "warn", "clock"
	case ledger.Passed:
		pill.Tone, pill.Icon = "ok", "valid"
	case ledger.Waiting:
		pill.Tone, pill.Icon = "info", "clock"
	case ledger.Rejected:
		pill.Tone, pill.Icon = "stop", "revoked"
	default:
		pill.Tone, pill.Icon = "none", "expired"
	}
	return pill
}

func (l *look) proposals(*http.Request) (office.Page, error) {
	var rows []proposalRow
	for _, p := range l.x.proposals() {
		rows = append(rows, l.proposalRow(p))
	}
	return l.page("proposals", "proposals", l.t("registry.proposals.title"), map[string]any{
		"Rows": rows, "Parameters": l.parameters(l.x.parameters()),
	}), nil
}

func (l *look) parameters(p ledger.Parameters) []fact {
	const day = 24 * 60 * 60
	var all []fact
	for _, v := range []struct {
		key   string
		value int64
	}{
		{"retention", p.RetentionDays}, {"proposal", p.ProposalDays}, {"lists", p.Lists}, {"guests", p.Guests},
		{"evidence", p.EvidenceSeconds / day}, {"block-bytes", p.BlockBytes},
	} {
		all = append(all, fact{Name: l.t("registry.parameter." + v.key), Value: l.number(v.value)})
	}
	return all
}

// voteBar is the bar of votes: those in favour, those who have not voted, those against, and the line that must be reached.
type voteBar struct {
	Width, Mark int
	Parts       []ballotPart
	Label       string
}

type ballotPart struct {
	Tone     string
	X, Width int
}

// vote is what one member says.
type voteRow struct {
	Org  org
	Pill office.Pill
}

func (l *look) proposalPage(p *ledger.Proposal) (office.Page, error) {
	title, text, facts := l.action(p)
	yes, no, needed, voters := len(p.Yes), len(p.No), p.Needed(), len(p.Voters)
	data := map[string]any{
		"Pill": l.outcome(p), "Line": l.t("registry.proposal.line", "by", l.name(p.By), "made", l.moment(p.Made)),
		"Threshold": l.t("registry.proposal.threshold", "needed", needed, "voters", voters),
		"Text":      text, "Facts": facts, "Why": p.Why, "ID": hex.EncodeToString(p.ID),
	}
	switch at := p.At(l.x.at()); {
	case yes >= needed:
		data["Count"] = l.t("registry.proposal.enough", "yes", yes, "voters", voters)
	case at == ledger.Open:
		data["Count"] = l.t("registry.proposal.count", "yes", yes, "voters", voters, "more", needed-yes)
	default:
		data["Count"] = l.t("registry.proposal.ended", "yes", yes, "voters", voters, "needed", needed)
	}
	const cell, gap = 100, 3
	b := voteBar{Width: max(1, voters) * cell, Mark: needed*cell - gap, Label: l.t("registry.proposal.ballot", "yes", yes, "no", no, "open", voters-yes-no)}
	for i := range voters {
		tone := "none"
		switch {
		case i < yes:
			tone = "ok"
		case i >= voters-no:
			tone = "stop"
		}
		b.Parts = append(b.Parts, ballotPart{Tone: tone, X: i * cell, Width: cell - gap})
	}
	data["Ballot"] = b
	var votes []voteRow
	for _, d := range p.Voters {
		row := voteRow{Org: l.org(d), Pill: office.Pill{Tone: "none", Icon: "clock", Text: l.t("registry.vote.open")}}
		switch {
		case slices.Contains(p.Yes, d):
			row.Pill = office.Pill{Tone: "ok", Icon: "valid", Text: l.t("registry.vote.yes")}
		case slices.Contains(p.No, d):
			row.Pill = office.Pill{Tone: "stop", Icon: "revoked", Text: l.t("registry.vote.no")}
		}
		votes = append(votes, row)
	}
	slices.SortStableFunc(votes, func(a, b voteRow) int { return strings.Compare(a.Org.Name, b.Org.Name) })
	data["Votes"] = votes
	times := []fact{{Name: l.t("registry.proposal.made"), Value: l.moment(p.Made)}, {Name: l.t("registry.proposal.until"), Value: l.moment(p.Until)}}
	if p.Decided != 0 {
		times = append(times, fact{Name: l.t("registry.proposal.decided"), Value: l.moment(p.Decided)})
	}
	if p.Due != 0 {
		times = append(times, fact{Name: l.t("registry.proposal.due"), Value: l.moment(p.Due)})
	}
	data["Times"] = times
	return l.page("proposal", "proposals", title, data), nil
}

// action says what a proposal does: in a title, in a sentence, and in facts.
func (l *look) action(p *ledger.Proposal) (title, text string, facts []fact) {
	a := &p.Action
	say := func(key, name string) {
		title, text = l.t("registry.action."+key, "name", name), l.t("registry.action."+key+".text", "name", name)
	}
	who := func(d did.DID) {
		facts = append(facts, fact{Name: l.t("registry.fact.did"), Value: string(d), Href: l.org(d).Href})
	}
	key := func(validator []byte) {
		if len(validator) > 0 {
			facts = append(facts, fact{Name: l.t("registry.fact.validator"), Value: hex.EncodeToString(validator)})
		}
	}
	switch {
	case a.Admit != nil:
		say("admit", a.Admit.Name)
		if a.Admit.DID != "" {
			who(a.Admit.DID)
		} else {
			facts = append(facts, fact{Name: l.t("registry.fact.did"), Value: l.t("registry.fact.new-organisation")})
		}
		facts = append(facts, fact{Name: l.t("registry.fact.name"), Value: a.Admit.Name})
		key(a.Admit.Validator)
	case a.Remove != nil:
		say("remove", l.name(a.Remove.DID))
		who(a.Remove.DID)
	case a.Accredit != nil:
		say(string(a.Accredit.Use), a.Accredit.Name)
		if a.Accredit.Use == trust.Ask {
			title = l.t("registry.action.ask", "name", a.Accredit.Name, "what", l.claimTitle(a.Accredit))
		}
		who(a.Accredit.Subject)
		facts = append(facts, l.permissionFacts(a.Accredit)...)
	case a.Withdraw != nil:
		say("withdraw", l.name(a.Withdraw.Subject))
		if a.Withdraw.Distrust {
			text = l.t("registry.action.distrust.text", "name", l.name(a.Withdraw.Subject))
		}
		who(a.Withdraw.Subject)
		facts = append(facts, fact{Name: l.t("registry.fact.accreditation"), Value: a.Withdraw.ID})
	case a.Anchor != nil:
		say("anchor", "")
		facts = append(facts, fact{Name: l.t("registry.fact.anchor"), Value: l.certificate(a.Anchor)}, fact{Name: l.t("registry.card"), Value: strings.Join(l.types(a.Anchor.Types), ", ")},
			fact{Name: l.t("registry.valid"), Value: l.t("registry.valid.between", "from", l.date(a.Anchor.From), "until", l.date(a.Anchor.Until))})
	case a.RemoveAnchor != nil:
		say("unanchor", "")
		facts = append(facts, fact{Name: l.t("registry.fact.anchor"), Value: a.RemoveAnchor.ID})
	case a.Parameters != nil:
		say("parameters", "")
		facts = l.parameters(*a.Parameters)
	case a.Recover != nil:
		say("recover", l.name(a.Recover.DID))
		who(a.Recover.DID)
	case a.Confirm != nil:
		say("confirm", "")
	case a.Resume != nil:
		say("resume", "")
	case a.Validator != nil && len(a.Validator.Validator) > 0:
		say("seat", l.name(a.Validator.DID))
		key(a.Validator.Validator)
	case a.Validator != nil:
		say("unseat", l.name(a.Validator.DID))
	default:
		title = fmt.Sprintf("%x", p.ID[:min(8, len(p.ID))])
	}
	return title, text, facts
}

// permissionFacts says what an accreditation would allow; both languages of the purpose, since members decide about both.
func (l *look) permissionFacts(a *ledger.Accreditation) []fact {
	w := l.permission(a)
	var facts []fact
	if a.Use == trust.Ask {
		facts = append(facts, fact{Name: l.t("registry.question.claims"), Value: strings.Join(w.Claims, ", ")})
		for _, lang := range []string{"nl", "en"} {
			if s := a.Purpose[lang]; s != "" {
				facts = append(facts, fact{Name: l.t("registry.fact." + lang), Value: s, Lang: lang})
			}
		}
		facts = append(facts, fact{Name: l.t("registry.question.basis"), Value: w.Basis}, fact{Name: l.t("registry.question.keep"), Value: w.Keep})
		for _, lang := range slices.Sorted(maps.Keys(a.PassedOn)) {
			facts = append(facts, fact{Name: l.t("registry.question.passed"), Value: a.PassedOn[lang], Lang: lang})
		}
	}
	return append(facts, fact{Name: l.t("registry.card"), Value: strings.Join(w.Types, ", ")},
		fact{Name: l.t("registry.valid"), Value: l.t("registry.valid.between", "from", l.date(a.From), "until", l.date(a.Until))})
}

func (l *look) certificate(a *ledger.Anchor) string {
	if t, err := a.Trust(); err == nil {
		return t.Certificate.Subject.String()
	}
	return a.ID
}
