package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

// accreditSample is what an official fills in.
const accreditSample = `# An accreditation: who may do what, and why. Everybody can read it, also the people who are asked.
# Fill it in, then: zegel registry accredit FILE

# Id within the organisation: small letters, digits and dashes. It cannot be used again.
id = "over-18"

# The organisation, and its name as people see it on their phone.
subject = "did:zegel:voorbeeld:..."
name = "Gemeente Voorbeeldstad"

# "issue": hand out credentials of these types. "ask": ask people for claims from them. "accredit": let others do that, by
# itself and within this: with claims it lets them ask, without it lets them issue.
use = "ask"
types = ["urn:zegel:personal-data:1"]

# With "ask": the claims, each with all below it. A dot goes one level down. As little as the purpose needs.
claims = ["age_equal_or_over.18"]

# With "ask": why, in one sentence that a citizen understands. Nothing personal.
[purpose]
nl = "Leeftijd controleren bij verkoop van vuurwerk"
en = "Check the age for the sale of fireworks"

# With "ask": to whom answers are passed on, in one sentence. Leave it out if that is not laid down.
[passed_on]
nl = "Nee, aan niemand"
en = "No, to nobody"

[rules]
# The law that this rests on.
legal_basis = "Vuurwerkbesluit, artikel 2.3.5"
# With "ask": how many days the answers are kept; 0 is not at all.
keep_days = 0
# With "ask": for how many days it is kept whether an answer was good, without what it said; 0 says nothing about that.
outcome_days = 30
# Days begin at midnight UTC. Without from it counts as soon as it is decided.
from = "2027-01-01"
until = "2032-01-01"
`

// accreditFile is the file that an official fills in.
type accreditFile struct {
	ID      string            `toml:"id"`
	Subject string            `toml:"subject"`
	Name    string            `toml:"name"`
	Use     string            `toml:"use"`
	Types   []string          `toml:"types"`
	Claims  []string          `toml:"claims"`
	Purpose map[string]string `toml:"purpose"`
	Passed  map[string]string `toml:"passed_on"`
	Rules   struct {
		LegalBasis  string `toml:"legal_basis"`
		KeepDays    int    `toml:"keep_days"`
		OutcomeDays int    `toml:"outcome_days"`
		From        string `toml:"from"`
		Until       string `toml:"until"`
	} `toml:"rules"`
}

// accreditFlags say what is granted: in a file, by flags, or both; flags win.
type accreditFlags struct {
	proposeFlags
	File       string   `arg:"" optional:"" help:"File with the accreditation (TOML)." type:"existingfile" placeholder:"FILE"`
	ID         string   `name:"id" help:"Id of the accreditation." placeholder:"ID"`
	Subject    string   `help:"DID of the organisation." placeholder:"DID"`
	Name       string   `help:"Its name, as people see it." placeholder:"NAME"`
	Use        string   `help:"issue, ask, or accredit for letting others." placeholder:"USE"`
	Type       []string `help:"Credential type; may be repeated." placeholder:"VCT" sep:"none"`
	Claim      []string `help:"Claim that may be asked; may be repeated." placeholder:"CLAIM" sep:"none"`
	PurposeNL  string   `name:"purpose-nl" help:"Why, in Dutch." placeholder:"TEXT"`
	PurposeEN  string   `name:"purpose-en" help:"Why, in English." placeholder:"TEXT"`
	LegalBasis string   `help:"The law that it rests on." placeholder:"TEXT"`
	KeepDays   int      `help:"How many days answers are kept." default:"-1" placeholder:"N"`
	From       string   `help:"First day." placeholder:"YYYY-MM-DD"`
	Until      string   `help:"Day on which it ends." placeholder:"YYYY-MM-DD"`
}

func (f *accreditFlags) read(now time.Time) (*ledger.Accreditation, error) {
	var in accreditFile
	if f.File != "" {
		meta, err := toml.DecodeFile(f.File, &in)
		if err != nil {
			return nil, &usageError{fmt.Sprintf("%s: %v", f.File, err)}
		}
		if unknown := meta.Undecoded(); len(unknown) > 0 {
			return nil, &usageError{fmt.Sprintf("%s: unknown setting %q", f.File, unknown[0].String())}
		}
	}
	for given, into := range map[*string]*string{
		&f.ID: &in.ID, &f.Subject: &in.Subject, &f.Name: &in.Name, &f.Use: &in.Use, &f.LegalBasis: &in.Rules.LegalBasis,
		&f.From: &in.Rules.From, &f.Until: &in.Rules.Until,
	} {
		if *given != "" {
			*into = *given
		}
	}
	if len(f.Type) > 0 {
		in.Types = f.Type
	}
	if len(f.Claim) > 0 {
		in.Claims = f.Claim
	}
	if f.KeepDays >= 0 {
		in.Rules.KeepDays = f.KeepDays
	}
	for lang, text := range map[string]string{"nl": f.PurposeNL, "en": f.PurposeEN} {
		if text == "" {
			continue
		}
		if in.Purpose == nil {
			in.Purpose = map[string]string{}
		}
		in.Purpose[lang] = text
	}
	return in.accreditation(now)
}

func (in *accreditFile) accreditation(now time.Time) (*ledger.Accreditation, error) {
	for name, value := range map[string]string{"id": in.ID, "subject": in.Subject, "name": in.Name, "use": in.Use, "until": in.Rules.Until} {
		if value == "" {
			return nil, &usageError{fmt.Sprintf("the accreditation has no %s\nhint: zegel registry accredit --sample > over-18.toml writes a file to fill in", name)}
		}
	}
	subject, err := parseDID(in.Subject)
	if err != nil {
		return nil, err
	}
	a := &trust.Accreditation{
		ID: in.ID, Subject: subject, Use: trust.Use(in.Use), Name: in.Name, Types: in.Types, Purpose: in.Purpose,
		LegalBasis: in.Rules.LegalBasis, KeepDays: in.Rules.KeepDays, OutcomeDays: in.Rules.OutcomeDays, PassedOn: in.Passed, From: now.Truncate(time.Second),
	}
	if a.Use == trust.Ask && (in.Purpose["nl"] == "" || in.Purpose["en"] == "") {
		return nil, &usageError{"whoever asks says why in Dutch and in English: purpose nl and en"}
	}
	for _, s := range in.Claims {
		c, err := parseClaim(s)
		if err != nil {
			return nil, err
		}
		a.Claims = append(a.Claims, c)
	}
	for given, into := range map[string]*time.Time{in.Rules.From: &a.From, in.Rules.Until: &a.Until} {
		if given == "" {
			continue
		}
		unix, err := parseDay(given)
		if err != nil {
			return nil, err
		}
		*into = time.Unix(unix, 0)
	}
	out, err := ledger.FromTrust(a)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	return out, nil
}

// parseClaim reads a claim as people write it, or a path in JSON.
func parseClaim(s string) (sdjwt.Path, error) {
	if !strings.HasPrefix(s, "[") {
		if s == "" || slices.Contains(strings.Split(s, "."), "") {
			return nil, &usageError{fmt.Sprintf("claim %q: as birthdate, address.locality or [\"address\",\"locality\"]", s)}
		}
		parts, err := json.Marshal(strings.Split(s, "."))
		if err != nil {
			return nil, err
		}
		s = string(parts)
	}
	p, err := sdjwt.ParsePath([]byte(s))
	if err != nil {
		return nil, &usageError{fmt.Sprintf("claim %s: %v", s, err)}
	}
	return p, nil
}

type accreditCmd struct {
	accreditFlags
	Sample bool `help:"Print a file to fill in."`
	Direct bool `help:"As a member, grant it alone under an accreditation of one's own to let others."`
}

// Run grants an accreditation directly where one organisation may decide it, and proposes it else.
func (c *accreditCmd) Run(ctx context.Context, out *output) error {
	if c.Sample {
		_, err := io.WriteString(out.Stdout, accreditSample)
		return err
	}
	a, granted, members, err := c.prepare(ctx, out)
	if err != nil {
		return err
	}
	how := "There is one member, so it counts at once."
	switch alone := len(members) == 1 && isMember(members, a.who.DID); {
	case alone:
	case c.Direct, !isMember(members, a.who.DID):
		how = "It is granted under an accreditation of its own to let others, so it counts at once."
	default:
		return a.propose(ctx, c.Days, c.Why, ledger.Action{Accredit: granted})
	}
	d, err := a.send(ctx, accreditWords(granted), ledger.Tx{Kind: ledger.Accredit, Accredit: granted})
	if err != nil {
		return err
	}
	return a.finish(d, how)
}

func (c *accreditFlags) prepare(ctx context.Context, out *output) (*acting, *ledger.Accreditation, []ledger.Member, error) {
	granted, err := c.read(time.Now())
	if err != nil {
		return nil, nil, nil, err
	}
	a, err := c.open(ctx, out)
	if err != nil {
		return nil, nil, nil, err
	}
	p, err := a.ask(ctx, ledger.KeyMembers())
	if err != nil {
		return nil, nil, nil, err
	}
	members, err := p.Members()
	return a, granted, members, a.failure(err)
}

type proposeAccreditCmd struct{ accreditFlags }

// Run proposes an accreditation.
func (c *proposeAccreditCmd) Run(ctx context.Context, out *output) error {
	a, granted, _, err := c.prepare(ctx, out)
	if err != nil {
		return err
	}
	return a.propose(ctx, c.Days, c.Why, ledger.Action{Accredit: granted})
}

type withdrawFlags struct {
	proposeFlags
	Subject  string `arg:"" help:"DID of the organisation."`
	ID       string `arg:"" help:"Id of its accreditation."`
	Distrust bool   `help:"What was issued before counts no more either. Without it, that stays good."`
}

func (c *withdrawFlags) action() (*ledger.WithdrawAction, error) {
	subject, err := parseDID(c.Subject)
	if err != nil {
		return nil, err
	}
	return &ledger.WithdrawAction{Subject: subject, ID: c.ID, Distrust: c.Distrust}, nil
}

type withdrawCmd struct{ withdrawFlags }

// Run ends an accreditation directly where one organisation may decide it, and proposes it else.
func (c *withdrawCmd) Run(ctx context.Context, out *output) error {
	w, err := c.action()
	if err != nil {
		return err
	}
	a, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	p, err := a.ask(ctx, ledger.KeyMembers(), ledger.KeyAccreditations(w.Subject))
	if err != nil {
		return err
	}
	members, err := p.Members()
	if err != nil {
		return a.failure(err)
	}
	all, err := accreditationsOf(p, w.Subject)
	if err != nil {
		return a.failure(err)
	}
	n := memberNames(members)
	found := slices.IndexFunc(all, func(x ledger.Accreditation) bool { return x.ID == w.ID })
	if found < 0 {
		return &memberFailure{category: "unknown", text: fmt.Sprintf("%s has no accreditation %q", n.of(w.Subject), w.ID), hint: "see zegel registry accreditations " + string(w.Subject)}
	}
	// Who granted it under its own accreditation ends it alone, and so does a lone member.
	own := all[found].GrantedBy == a.who.DID && all[found].Under != ""
	if len(members) > 1 && isMember(members, a.who.DID) && !own {
		return a.propose(ctx, c.Days, c.Why, ledger.Action{Withdraw: w})
	}
	d, err := a.send(ctx, withdrawWords(w, n), ledger.Tx{Kind: ledger.Withdraw, Withdraw: w})
	if err != nil {
		return err
	}
	return a.finish(d)
}

type proposeWithdrawCmd struct{ withdrawFlags }

// Run proposes the end of an accreditation.
func (c *proposeWithdrawCmd) Run(ctx context.Context, out *output) error {
	w, err := c.action()
	if err != nil {
		return err
	}
	a, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	return a.propose(ctx, c.Days, c.Why, ledger.Action{Withdraw: w})
}

func accreditationsOf(p *proof, d did.DID) ([]ledger.Accreditation, error) {
	value, present, err := p.of(ledger.KeyAccreditations(d)).Value(ledger.KeyAccreditations(d))
	if err != nil || !present {
		return nil, err
	}
	return ledger.DecodeAccreditations(value, d)
}

type accreditationsCmd struct {
	readFlags
	Subject string `arg:"" name:"did" help:"DID of the organisation."`
}

// Run shows what an organisation may do.
func (c *accreditationsCmd) Run(ctx context.Context, out *output) error {
	d, err := parseDID(c.Subject)
	if err != nil {
		return err
	}
	r, err := c.open(out)
	if err != nil {
		return err
	}
	p, err := r.ask(ctx, ledger.KeyAccreditations(d), ledger.KeyMembers())
	if err != nil {
		return err
	}
	all, err := accreditationsOf(p, d)
	if err != nil {
		return r.failure(err)
	}
	members, err := p.Members()
	if err != nil {
		return r.failure(err)
	}
	object := struct {
		stamp
		Accreditations []ledger.AccreditationHint `json:"accreditations"`
	}{r.stamp(p), []ledger.AccreditationHint{}}
	for i := range all {
		object.Accreditations = append(object.Accreditations, all[i].Hint())
	}
	return r.print(p, object, func(w io.Writer) {
		n := memberNames(members)
		if len(all) == 0 {
			fmt.Fprintf(w, "%s may issue nothing and ask nothing. That is proven.\n", n.of(d))
		}
		for i := range all {
			a := &all[i]
			fmt.Fprintf(w, "%s: %s\n", a.ID, accreditWords(a))
			pairs := append(accreditationFacts(a), "State", accreditationState(a, p.Time.Unix()))
			if a.GrantedBy != "" {
				by := n.of(a.GrantedBy)
				if a.Under != "" {
					by += ", under its accreditation " + a.Under
				}
				pairs = append(pairs, "Granted by", by)
			}
			if len(a.Decision) > 0 {
				pairs = append(pairs, "Decision", "proposal "+shortID(a.Decision))
			}
			facts(w, pairs...)
		}
	})
}

// accreditationState says whether an accreditation counts.
func accreditationState(a *ledger.Accreditation, now int64) string {
	switch {
	case a.EndedAt != 0 && a.Distrust:
		return "withdrawn on " + when(a.EndedAt) + "; what was issued before counts no more"
	case a.EndedAt != 0:
		return "withdrawn on " + when(a.EndedAt) + "; what was issued before stays good"
	case a.StoppedAt(now):
		return "stopped since " + when(a.StoppedFrom)
	case now < a.From:
		return "does not count yet"
	case now >= a.Until:
		return "has expired"
	}
	return "counts"
}

// newAnchor describes an authority's certificate.
func newAnchor(id string, der []byte, types []string) (*ledger.Anchor, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	return &ledger.Anchor{ID: id, Certificate: der, Types: types, From: cert.NotBefore.Unix(), Until: cert.NotAfter.Unix()}, nil
}
