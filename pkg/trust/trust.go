// Package trust decides who may issue which credential and who may ask which claims.
//
// A [Policy] judges an [Identity] by the accreditations and anchors of a [Source], which is the registry seen through
// proofs (package ledger), and by foreign anchors from the configuration. A key is never trusted because it came
// with a message.
//
// Call [Policy.ByChain] or [Policy.ByKeyID] to learn whose key it is, then [Policy.MayIssue] or [Policy.MayAsk].
//
// It deliberately leaves out fetching and proving: a Source has proven what it returns. It reads no certificate
// revocation list: an organisation of the registry ends a key in its DID document, and a foreign anchor is trusted as
// it was configured.
package trust

import (
	"context"
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

// Errors that callers may test with [errors.Is].
var (
	// ErrUntrusted: the chain, key or organisation does not lead to an anchor, a document or an accreditation.
	ErrUntrusted = errors.New("untrusted")
	// ErrTooManyCertificates: more than [MaxChain] certificates.
	ErrTooManyCertificates = errors.New("too many certificates")
)

// MaxChain is how many certificates an x5c may hold.
const MaxChain = 5

// Use is what a party is trusted for.
type Use string

// The uses. Grant is for organisations that the members let accredit others within a scope: it is judged by the registry
// when it is used, and gives no right to issue or ask.
const (
	Issue Use = "issue"
	Ask   Use = "ask"
	Grant Use = "accredit"
)

// Text is a text in several languages by language tag ("nl", "en").
type Text map[string]string

// In returns the text in lang, else in Dutch, else in the first language there is.
func (t Text) In(lang string) string {
	for _, l := range []string{lang, "nl"} {
		if s, ok := t[l]; ok {
			return s
		}
	}
	for _, l := range slices.Sorted(maps.Keys(t)) {
		return t[l]
	}
	return ""
}

// Withdrawal is the end of an accreditation before its time.
type Withdrawal struct {
	At       time.Time
	Distrust bool // true: cards issued before no longer count ("distrust"); false: only new ones ("no_new")
}

// Stop is a time in which an accreditation does not count, whatever was issued before. Afterwards everything counts as if
// it had not been.
type Stop struct {
	From  time.Time
	Until time.Time // zero: the end is not known
}

// Accreditation says that an organisation may issue types, or may ask claims for a purpose. It counts from From until
// Until, which both must be set.
type Accreditation struct {
	ID         string // unique per subject, as "over-18"
	Subject    did.DID
	Use        Use
	Name       string       // registered name of the subject, given by those who granted it; this is what people see
	Types      []string     // credential types ("vct")
	Claims     []sdjwt.Path // for Ask: the claims, each with all below it; for Grant: what others may be let ask
	Purpose    Text         // for Ask
	LegalBasis string
	KeepDays   int // for Ask: how long answers are kept; 0 is "not kept"
	// For Ask: for how many days it is kept whether an answer was good, without what it said; 0: the register does not say.
	OutcomeDays int
	PassedOn    Text // for Ask: to whom answers are passed on, as people read it ("No, to nobody"); empty: the register does not say
	From        time.Time
	Until       time.Time
	GrantedBy   did.DID
	Under       string // the id of the granter's accreditation to grant; empty: the members decided
	Withdrawn   *Withdrawal
	Stopped     *Stop // the last one; nil: never
}

// Anchor is an X.509 trust anchor with its scope. It counts from From until Until, which both must be set.
type Anchor struct {
	Certificate *x509.Certificate
	Uses        []Use
	Types       []string // for Issue: credential types; empty means every type (foreign anchors of the configuration only)
	From, Until time.Time
}

// Source gives proven registry content. Nothing found is an empty result; anything unproven is an error that names
// its category by a method RegistryCategory() string. A policy passes it through unchanged.
type Source interface {
	Accreditations(ctx context.Context, subject did.DID) ([]Accreditation, error)
	Anchors(ctx context.Context) ([]Anchor, error)
}
