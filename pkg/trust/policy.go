package trust

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

// Identity is who signed, established from a certificate chain or a DID key.
type Identity struct {
	DID        did.DID           // empty for a foreign party
	Name       string            // registered name, or the leaf's subject for a foreign party, made safe for screens
	Registered bool              // stands in the registry; false: foreign anchor of the configuration
	Key        crypto.PublicKey  // the key that must verify the signature
	Leaf       *x509.Certificate // nil without x5c
	Anchor     *x509.Certificate // where the chain of Leaf ends; nil without x5c
}

// Policy judges. Foreign anchors come from the configuration only ("--trust-anchor"). Keep one policy for as long as
// its source lives: it remembers the chains that it has verified. It must not be copied after the first use.
type Policy struct {
	Source  Source
	DIDs    did.Resolver
	Foreign []Anchor

	chains verified
}

const day = 24 * time.Hour

func untrusted(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUntrusted, fmt.Sprintf(format, args...))
}

// ByKeyID establishes the identity behind a DID URL: a key of a registered document. A did:jwk or did:key is
// [ErrUntrusted], since it came with the message and nothing anchors it. A kid that is no DID URL is
// [jose.ErrMalformed] too. Other errors as [Policy.ByChain].
func (p *Policy) ByKeyID(ctx context.Context, kid string, use Use, signedAt, now time.Time) (*Identity, error) {
	d, fragment, err := did.ParseURL(kid)
	if err != nil {
		return nil, fmt.Errorf("%w: key id: %w", ErrUntrusted, err)
	}
	if d.Method() != "zegel" {
		return nil, untrusted("nothing anchors the key of %q", d)
	}
	if fragment == "" {
		return nil, untrusted("%q names no key", kid)
	}
	return p.registered(ctx, d, use, now, func(doc *did.Document) (*did.VerificationMethod, error) {
		return doc.Key("#"+fragment, purpose(use), signedAt)
	})
}

func purpose(use Use) did.Purpose {
	if use == Issue {
		return did.AssertionMethod
	}
	return did.Authentication
}

// registered makes the identity of an organisation of the registry whose document has the key.
func (p *Policy) registered(ctx context.Context, d did.DID, use Use, now time.Time, key func(*did.Document) (*did.VerificationMethod, error)) (*Identity, error) {
	if p.DIDs == nil || p.Source == nil {
		return nil, untrusted("no registry to look up %q in", d)
	}
	doc, err := p.DIDs.Resolve(ctx, d)
	if err != nil {
		return nil, judge(err)
	}
	m, err := key(doc)
	if err != nil {
		return nil, judge(err)
	}
	name, err := p.name(ctx, d, use, now)
	if err != nil {
		return nil, err
	}
	return &Identity{DID: d, Name: name, Registered: true, Key: m.Key.Key}, nil
}

// judge turns what a proven document says into ErrUntrusted and leaves every other error as it is.
func judge(err error) error {
	for _, known := range []error{did.ErrNotFound, did.ErrDeactivated, did.ErrKey, jose.ErrMalformed} {
		if errors.Is(err, known) {
			return fmt.Errorf("%w: %v", ErrUntrusted, err)
		}
	}
	return err
}

// name returns the name that those who accredited d gave it, best one that the members gave, that counts now, for this
// use.
func (p *Policy) name(ctx context.Context, d did.DID, use Use, now time.Time) (string, error) {
	all, err := p.Source.Accreditations(ctx, d)
	if err != nil {
		return "", err
	}
	best, score := string(d), 0
	for i := range all {
		a := &all[i]
		n := 1
		if a.Use == use {
			n++
		}
		if a.holds(now) && a.Withdrawn == nil {
			n += 2
		}
		if a.Under == "" {
			n += 4 // what the members decided goes before what one organisation calls another
		}
		if name := Safe(a.Name); name != "" && a.Subject == d && n > score {
			best, score = name, n
		}
	}
	return best, nil
}

// holds reports whether now lies in the accreditation's time and in no stop.
func (a *Accreditation) holds(now time.Time) bool {
	return !now.Before(a.From) && now.Before(a.Until) && !a.Stopped.at(now)
}

// at reports whether the stop counts now.
func (s *Stop) at(now time.Time) bool {
	return s != nil && !now.Before(s.From) && (s.Until.IsZero() || now.Before(s.Until))
}

// MayIssue checks that the identity may have issued this type at issuedAt and that this still counts now.
// Registered parties need an accreditation; foreign ones an anchor whose types allow it. Error: [ErrUntrusted] and
// those of the source.
//
// A withdrawal with distrust and an expiry end what was issued before; one without ("no_new") leaves it. In a stop
// nothing counts, and after it what was issued before counts again. Credentials say the UTC day of their issue only, so the first and the last day of an accreditation count as whole days.
func (p *Policy) MayIssue(ctx context.Context, who *Identity, vct string, issuedAt, now time.Time) error {
	if !who.Registered {
		if who.Anchor == nil {
			return untrusted("no anchor")
		}
		for i := range p.Foreign {
			a := &p.Foreign[i]
			if a.Certificate != nil && a.Certificate.Equal(who.Anchor) && a.counts(Issue, vct, now) == nil {
				return nil
			}
		}
		return untrusted("no anchor for the type %.200q", vct)
	}
	if p.Source == nil {
		return untrusted("no registry")
	}
	all, err := p.Source.Accreditations(ctx, who.DID)
	if err != nil {
		return err
	}
	why := fmt.Sprintf("no accreditation of %q to issue %.200q", who.DID, vct)
	for i := range all {
		a := &all[i]
		if a.Use != Issue || a.Subject != who.DID || !slices.Contains(a.Types, vct) {
			continue
		}
		switch {
		case a.Stopped.at(now):
			why = fmt.Sprintf("accreditation %q is stopped", a.ID)
		case !a.holds(now):
			why = fmt.Sprintf("accreditation %q does not count now", a.ID)
		case issuedAt.Before(a.From.Truncate(day)) || !issuedAt.Before(a.Until):
			why = fmt.Sprintf("accreditation %q did not count at the time of issue", a.ID)
		case a.Withdrawn != nil && a.Withdrawn.Distrust:
			why = fmt.Sprintf("accreditation %q is withdrawn with distrust", a.ID)
		case a.Withdrawn != nil && issuedAt.After(a.Withdrawn.At):
			why = fmt.Sprintf("accreditation %q was withdrawn before the issue", a.ID)
		default:
			return nil
		}
	}
	return untrusted("%s", why)
}

// Question is one claim asked of one of these types. An empty path asks the type without any claim.
type Question struct {
	Types []string
	Path  sdjwt.Path
}

// Permission is what the register says about a set of questions.
type Permission struct {
	Accreditation *Accreditation // the one that covers all questions, or the one that covers most; nil for foreign parties
	Extra         []Question     // what lies outside it; empty: all may be asked
}

// Allows reports whether one question lies within the accreditation. Of a question about several types that goes too far, a
// part can lie within. Without an accreditation there is nothing to go beyond.
func (p *Permission) Allows(q Question) bool {
	return p.Accreditation == nil || p.Accreditation.covers(q)
}

// MayAsk judges the questions at now. A registered party without any Ask accreditation is [ErrUntrusted]; one that
// asks too much gets a Permission with Extra. A foreign party gets a Permission without an accreditation.
//
// The questions must all fall under one accreditation, because the citizen agrees to one purpose.
func (p *Policy) MayAsk(ctx context.Context, who *Identity, questions []Question, now time.Time) (*Permission, error) {
	if !who.Registered {
		if who.Anchor == nil {
			return nil, untrusted("no anchor")
		}
		for i := range p.Foreign {
			a := &p.Foreign[i]
			if a.Certificate != nil && a.Certificate.Equal(who.Anchor) && a.counts(Ask, "", now) == nil {
				return &Permission{}, nil
			}
		}
		return nil, untrusted("no anchor for asking")
	}
	if p.Source == nil {
		return nil, untrusted("no registry")
	}
	all, err := p.Source.Accreditations(ctx, who.DID)
	if err != nil {
		return nil, err
	}
	var best *Permission
	for i := range all {
		a := &all[i]
		// A question is asked now: for it, every withdrawal is the end.
		if a.Use != Ask || a.Subject != who.DID || !a.holds(now) || a.Withdrawn != nil {
			continue
		}
		perm := &Permission{Accreditation: a}
		for _, q := range questions {
			if !a.covers(q) {
				perm.Extra = append(perm.Extra, q)
			}
		}
		// Of two that cover as much, the narrower purpose is the one to measure by.
		if best == nil || len(perm.Extra) < len(best.Extra) ||
			len(perm.Extra) == len(best.Extra) && len(a.Claims) < len(best.Accreditation.Claims) {
			best = perm
		}
	}
	if best == nil {
		return nil, untrusted("no accreditation of %q to ask", who.DID)
	}
	return best, nil
}

func (a *Accreditation) covers(q Question) bool {
	if len(a.Types) > 0 {
		if len(q.Types) == 0 {
			return false
		}
		for _, t := range q.Types {
			if !slices.Contains(a.Types, t) {
				return false
			}
		}
	}
	if len(q.Path) == 0 {
		return true
	}
	return slices.ContainsFunc(a.Claims, func(c sdjwt.Path) bool { return c.Covers(q.Path) })
}
