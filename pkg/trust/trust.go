// Package trust decides who may issue which credential and who may ask which claims.
//
// A [Policy] judges an [Identity] by the accreditations and anchors of a [Source], which is the registry seen through
// proofs (package ledger), and by foreign anchors from the configuration. A key is never trusted because it came
// with a message.
//
// It deliberately leaves out fetching and proving: a Source has proven what it returns.
package trust

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
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

// The two uses.
const (
	Issue Use = "issue"
	Ask   Use = "ask"
)

// Text is a text in several languages by language tag ("nl", "en").
type Text map[string]string

// In returns the text in lang, else in Dutch, else in any language.
func (t Text) In(lang string) string { panic("trust: not built yet") }

// Withdrawal is the end of an accreditation before its time.
type Withdrawal struct {
	At       time.Time
	Distrust bool // true: cards issued before no longer count ("distrust"); false: only new ones ("no_new")
}

// Accreditation says that an organisation may issue types, or may ask claims for a purpose.
type Accreditation struct {
	ID         string // unique per subject, as "over-18"
	Subject    did.DID
	Use        Use
	Name       string       // registered name of the subject, given by those who granted it; this is what people see
	Types      []string     // credential types ("vct")
	Claims     []sdjwt.Path // for Ask: the claims, each with all below it
	Purpose    Text         // for Ask
	LegalBasis string
	KeepDays   int // for Ask: how long answers are kept; 0 is "not kept"
	From       time.Time
	Until      time.Time
	GrantedBy  did.DID
	Withdrawn  *Withdrawal
}

// Anchor is an X.509 trust anchor with its scope.
type Anchor struct {
	Certificate *x509.Certificate
	Uses        []Use
	Types       []string // for Issue: credential types; empty means every type (foreign anchors of the configuration only)
	From, Until time.Time
}

// Source gives proven registry content. Nothing found is an empty result; anything unproven is an error.
type Source interface {
	Accreditations(ctx context.Context, subject did.DID) ([]Accreditation, error)
	Anchors(ctx context.Context) ([]Anchor, error)
}

// Identity is who signed, established from a certificate chain or a DID key.
type Identity struct {
	DID        did.DID           // empty for a foreign party
	Name       string            // registered name, or the leaf's subject for a foreign party, made safe for screens
	Registered bool              // stands in the registry; false: foreign anchor of the configuration
	Key        crypto.PublicKey  // the key that must verify the signature
	Leaf       *x509.Certificate // nil without x5c
}

// Policy judges. Foreign anchors come from the configuration only ("--trust-anchor").
type Policy struct {
	Source  Source
	DIDs    did.Resolver
	Foreign []Anchor
}

// ByChain establishes the identity behind an x5c: a chain (leaf first, anchor not included, leaf not self-signed
// and not a CA) to an anchor for this use and, for Issue, this type. A leaf with a did:zegel SAN URI is judged
// by the registry alone: its key must stand in the document (assertionMethod for Issue, authentication for Ask).
// signedAt is when the signature was made as far as known, else now. Errors: [ErrUntrusted], [ErrTooManyCertificates],
// and those of the source.
func (p *Policy) ByChain(ctx context.Context, x5c [][]byte, use Use, vct string, signedAt, now time.Time) (*Identity, error) {
	panic("trust: not built yet")
}

// ByKeyID establishes the identity behind a DID URL. Errors as [Policy.ByChain].
func (p *Policy) ByKeyID(ctx context.Context, kid string, use Use, signedAt, now time.Time) (*Identity, error) {
	panic("trust: not built yet")
}

// MayIssue checks that the identity may have issued this type at issuedAt and that this still counts now.
// Registered parties need an accreditation; foreign ones an anchor whose types allow it. Error: [ErrUntrusted].
func (p *Policy) MayIssue(ctx context.Context, who *Identity, vct string, issuedAt, now time.Time) error {
	panic("trust: not built yet")
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

// MayAsk judges the questions at now. A registered party without any Ask accreditation is [ErrUntrusted]; one that
// asks too much gets a Permission with Extra. A foreign party gets a Permission without an accreditation.
func (p *Policy) MayAsk(ctx context.Context, who *Identity, questions []Question, now time.Time) (*Permission, error) {
	panic("trust: not built yet")
}
