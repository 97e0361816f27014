package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

// names are the names of organisations by their DID, as members granted them.
type names map[did.DID]string

func memberNames(members []ledger.Member) names {
	n := names{}
	for _, m := range members {
		n[m.DID] = plain(m.Name)
	}
	return n
}

// of returns the name of an organisation, or its DID.
func (n names) of(d did.DID) string {
	if name := n[d]; name != "" {
		return name
	}
	return string(d)
}

func (n names) list(all []did.DID) string {
	if len(all) == 0 {
		return "nobody"
	}
	out := make([]string, len(all))
	for i, d := range all {
		out[i] = n.of(d)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// shortID is as much of an id as people type.
func shortID(id []byte) string {
	s := hex.EncodeToString(id)
	return s[:min(len(s), 12)]
}

// when is a time as people read it.
func when(unix int64) string { return message.Local(time.Unix(unix, 0)).Format("Mon 2 Jan 2006 15:04") }

// day is a date as people read it.
func day(unix int64) string { return message.Local(time.Unix(unix, 0)).Format("2 Jan 2006") }

// iso is a time in an object; empty if there is none.
func iso(unix int64) string {
	if unix == 0 {
		return ""
	}
	return time.Unix(unix, 0).UTC().Format(time.RFC3339)
}

// age says how old a header is.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "just now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds old", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes old", int(d.Minutes()))
	}
	return fmt.Sprintf("%d hours old", int(d.Hours()))
}

// left says how long there is until a time.
func left(unix, now int64) string {
	switch d := unix - now; {
	case d <= 0:
		return "over"
	case d < 2*3600:
		return fmt.Sprintf("%d minutes left", (d+59)/60)
	case d < 48*3600:
		return fmt.Sprintf("%d hours left", (d+3599)/3600)
	default:
		return fmt.Sprintf("%d days left", (d+86399)/86400)
	}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func list(all []string) string {
	for i := range all {
		all[i] = plain(all[i])
	}
	return strings.Join(all, ", ")
}

// table writes aligned columns.
func table(w io.Writer, rows ...[]string) {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	t.Flush()
}

// facts writes one fact on each line; those without a value are left out.
func facts(w io.Writer, pairs ...string) {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fmt.Fprintf(t, "  %s\t%s\n", pairs[i], pairs[i+1])
		}
	}
	t.Flush()
}

// claims returns claim paths as people write them, address.locality; in JSON where that would be another path.
func claims(paths [][]byte) []string {
	out := make([]string, len(paths))
	for i, raw := range paths {
		out[i] = plain(string(raw))
		p, err := sdjwt.ParsePath(raw)
		if err != nil {
			continue
		}
		var parts []string
		for _, part := range p {
			if s, ok := part.(string); ok {
				parts = append(parts, s)
			}
		}
		short := strings.Join(parts, ".")
		if again, err := parseClaim(short); len(parts) == len(p) && err == nil && slices.Equal(again, p) && plain(short) == short {
			out[i] = short
		}
	}
	return out
}

// inWords says in one sentence what an action does.
func inWords(a *ledger.Action, n names) string {
	switch {
	case a.Admit != nil:
		return admitWords(a.Admit)
	case a.Remove != nil:
		return "remove " + n.of(a.Remove.DID) + " from the members, with its validator"
	case a.Validator != nil && len(a.Validator.Validator) == 0:
		return "take the validator of " + n.of(a.Validator.DID) + " away"
	case a.Validator != nil:
		return fmt.Sprintf("let %s sign blocks with key %s", n.of(a.Validator.DID), shortID(a.Validator.Validator))
	case a.Accredit != nil:
		return accreditWords(a.Accredit)
	case a.Withdraw != nil:
		return withdrawWords(a.Withdraw, n)
	case a.Anchor != nil:
		return fmt.Sprintf("trust the X.509 anchor %q to %s, until %s", plain(a.Anchor.ID), anchorUses(a.Anchor), day(a.Anchor.Until))
	case a.RemoveAnchor != nil:
		return fmt.Sprintf("trust the X.509 anchor %q no more", plain(a.RemoveAnchor.ID))
	case a.Parameters != nil:
		return "set the network's parameters"
	case a.Recover != nil:
		return fmt.Sprintf("give %s a new DID record with new keys, seven days after the vote", n.of(a.Recover.DID))
	case a.Confirm != nil:
		return fmt.Sprintf("let stop %s go on until members end it", shortID(a.Confirm.ID))
	case a.Resume != nil:
		return fmt.Sprintf("end stop %s", shortID(a.Resume.ID))
	}
	return "something that this program does not know"
}

func admitWords(a *ledger.Admission) string {
	s := "admit " + plain(a.Name) + " as a member"
	if len(a.Validator) > 0 {
		s += ", with a validator"
	}
	return s
}

func accreditWords(a *ledger.Accreditation) string {
	what := "issue "
	switch a.Use {
	case trust.Issue:
	case trust.Ask:
		what = "ask " + strings.Join(claims(a.Claims), ", ") + " from "
		if len(a.Claims) == 0 {
			what = "ask everything from "
		}
	default:
		what = "let others issue "
		if len(a.Claims) > 0 {
			what = "let others ask " + strings.Join(claims(a.Claims), ", ") + " from "
		}
	}
	return fmt.Sprintf("let %s %s%s, until %s", plain(a.Name), what, list(slices.Clone(a.Types)), day(a.Until))
}

func withdrawWords(w *ledger.WithdrawAction, n names) string {
	after := "what was issued before stays good"
	if w.Distrust {
		after = "what was issued before counts no more"
	}
	return fmt.Sprintf("end accreditation %q of %s; %s", plain(w.ID), n.of(w.Subject), after)
}

func anchorUses(a *ledger.Anchor) string {
	var uses []string
	for _, u := range a.Uses {
		switch u {
		case trust.Issue:
			uses = append(uses, "issue "+list(slices.Clone(a.Types)))
		case trust.Ask:
			uses = append(uses, "ask")
		}
	}
	return strings.Join(uses, " and ")
}

// stopWords says what a stop stops.
func stopWords(grade ledger.Grade, subject did.DID, accreditation string, n names) string {
	switch grade {
	case ledger.StopAccreditation:
		return fmt.Sprintf("accreditation %q of %s does not count", plain(accreditation), n.of(subject))
	case ledger.StopWrites:
		return "nothing new is written: no DIDs, lists, accreditations, anchors, members or parameters"
	case ledger.StopEverything:
		return "nothing is written but revocations, votes and the recovery of keys"
	}
	return plain(string(grade))
}

// parameterRows are the parameters as people read them.
func parameterRows(p *ledger.Parameters) [][2]string {
	return [][2]string{
		{"block_bytes", fmt.Sprint(p.BlockBytes)},
		{"evidence_blocks", fmt.Sprint(p.EvidenceBlocks)},
		{"evidence_seconds", fmt.Sprint(p.EvidenceSeconds)},
		{"retention_days", fmt.Sprint(p.RetentionDays)},
		{"guests", fmt.Sprint(p.Guests)},
		{"lists", fmt.Sprint(p.Lists)},
		{"proposal_days", fmt.Sprint(p.ProposalDays)},
	}
}

// parameterChanges says which parameters become what.
func parameterChanges(from, to *ledger.Parameters) string {
	var out []string
	was := parameterRows(from)
	for i, row := range parameterRows(to) {
		if was[i][1] != row[1] {
			out = append(out, row[0]+" "+was[i][1]+" -> "+row[1])
		}
	}
	if out == nil {
		return "they are so already"
	}
	return strings.Join(out, ", ")
}
