// Package erasure is "ask to delete": a receipt for what was shown, a request that only its holder can make, and an answer
// that can be kept.
//
// A verifier signs a [Receipt] for each presentation that it accepts and keeps no copy of it. Later the holder proves with
// the key of that one presentation, over a fresh challenge, that the receipt is theirs ([Client.Ask]). The verifier checks
// that with [ParseRequest] and [Request.Verify], and signs an [Answer]. None of the three holds a value of a claim, a name
// or anything that two presentations have in common, so that asking tells the verifier nothing that it did not know.
//
// It deliberately leaves out who a key belongs to: package trust judges that, and callers bring the key. It imports jose,
// sdjwt and fetch, and no role.
package erasure

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

// The "typ" of each message. They differ from each other and from every other typ in use, so that a signature made for one
// purpose counts for no other (RFC 8725, Section 3.11).
const (
	ReceiptType = "zegel-receipt+jwt"
	RequestType = "zegel-erasure-request+jwt"
	AnswerType  = "zegel-erasure-answer+jwt"
)

// MediaType is the content type of requests and answers over HTTP (RFC 7519, Section 10.3.1).
const MediaType = "application/jwt"

// Limits of the messages, in bytes. A certificate chain takes the most of it.
const (
	MaxReceipt = 32 << 10
	MaxRequest = 64 << 10
	MaxAnswer  = 32 << 10
)

const (
	maxText      = 2048
	maxClaims    = 256
	maxLanguages = 8
	maxDate      = 253402300799 // end of the year 9999
)

// Errors that callers may test with [errors.Is].
var (
	// ErrMalformed: the message is not in the one form that this package writes.
	ErrMalformed = errors.New("malformed")
	// ErrProof: a signature does not hold, or the parts of a message do not belong together.
	ErrProof = errors.New("not proven")
)

// Outcome is what became of a request.
type Outcome string

// The outcomes.
const (
	// Erased: what was kept is gone.
	Erased Outcome = "erased"
	// NothingKept: there was nothing to erase any more.
	NothingKept Outcome = "nothing_kept"
	// Refused: the law says that it must be kept; the answer names the legal basis and until when.
	Refused Outcome = "refused"
	// InProgress: a person decides; the answer says until when at the latest.
	InProgress Outcome = "in_progress"
)

// Final reports whether asking again cannot lead to another outcome.
func (o Outcome) Final() bool { return o == Erased || o == NothingKept }

// Receipt says what was shown to whom, by the names of claims alone.
type Receipt struct {
	Verifier string            // DID of the verifier
	Session  string            // the verifier's name of the exchange
	Time     time.Time         // when the presentation was accepted
	Holder   string            // thumbprint of the key that bound the presentation (RFC 7638)
	Claims   []sdjwt.Path      // what was shown
	Purpose  map[string]string // by language
	// Accreditation is the id of the registered question; empty if it was none.
	Accreditation string
	// At ValuesUntil the values are gone, at OutcomeUntil the outcome, without anybody asking.
	ValuesUntil, OutcomeUntil time.Time
	// LegalBasis is why the outcome must be kept until then; empty: no law says so.
	LegalBasis string
	Endpoint   string // where requests go

	signed
}

// signed is a parsed message with its signature, which counts only once it is verified.
type signed struct {
	jws     *jose.JWS
	compact string
}

// Header returns the protected header, from which the caller finds the key.
func (s *signed) Header() *jose.Header { return &s.jws.Header }

// Compact returns the message as it was received.
func (s *signed) Compact() string { return s.compact }

// verify checks the signature.
func (s *signed) verify(key crypto.PublicKey) error {
	if s.jws == nil {
		return fmt.Errorf("%w: not signed", ErrProof)
	}
	if err := s.jws.Verify(key); err != nil {
		return fmt.Errorf("%w: %v", ErrProof, err)
	}
	return nil
}

type confirmation struct {
	Thumbprint string `json:"jkt"` // RFC 9449, Section 6.1
}

type receiptPayload struct {
	Issuer        string            `json:"iss"`
	Session       string            `json:"session"`
	IssuedAt      int64             `json:"iat"`
	Confirmation  confirmation      `json:"cnf"`
	Claims        []sdjwt.Path      `json:"claims"`
	Purpose       map[string]string `json:"purpose,omitempty"`
	Accreditation string            `json:"accreditation,omitempty"`
	ValuesUntil   int64             `json:"values_until"`
	OutcomeUntil  int64             `json:"outcome_until"`
	LegalBasis    string            `json:"legal_basis,omitempty"`
	Endpoint      string            `json:"erasure_endpoint"`
}

func (r *Receipt) payload() receiptPayload {
	claims := r.Claims
	if claims == nil {
		claims = []sdjwt.Path{}
	}
	return receiptPayload{
		r.Verifier, r.Session, r.Time.Unix(), confirmation{r.Holder}, claims, r.Purpose, r.Accreditation,
		r.ValuesUntil.Unix(), r.OutcomeUntil.Unix(), r.LegalBasis, r.Endpoint,
	}
}

// Sign returns the receipt signed by the verifier. h carries x5c or kid. Error: [ErrMalformed] for a receipt that
// [ParseReceipt] would not take.
func (r *Receipt) Sign(signer crypto.Signer, h jose.Header) (string, error) {
	p := r.payload()
	if err := p.check(); err != nil {
		return "", err
	}
	return sign(signer, h, ReceiptType, p, MaxReceipt)
}

// ParseReceipt reads a receipt strictly. It proves nothing until [Receipt.Verify]. Error: [ErrMalformed].
func ParseReceipt(compact string) (*Receipt, error) {
	var p receiptPayload
	s, err := parse(compact, ReceiptType, MaxReceipt, &p)
	if err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return &Receipt{
		Verifier: p.Issuer, Session: p.Session, Time: at(p.IssuedAt), Holder: p.Confirmation.Thumbprint, Claims: p.Claims, Purpose: p.Purpose,
		Accreditation: p.Accreditation, ValuesUntil: at(p.ValuesUntil), OutcomeUntil: at(p.OutcomeUntil), LegalBasis: p.LegalBasis,
		Endpoint: p.Endpoint, signed: *s,
	}, nil
}

// Verify checks the verifier's signature. Error: [ErrProof].
func (r *Receipt) Verify(key crypto.PublicKey) error { return r.verify(key) }

func (p *receiptPayload) check() error {
	if err := texts(map[string]string{"iss": p.Issuer, "session": p.Session}, p.Accreditation, p.LegalBasis); err != nil {
		return err
	}
	if err := dates(p.IssuedAt, p.ValuesUntil, p.OutcomeUntil); err != nil {
		return err
	}
	if raw, err := jose.DecodeBase64(p.Confirmation.Thumbprint); err != nil || len(raw) != sha256.Size {
		return fmt.Errorf("%w: jkt %.60q", ErrMalformed, p.Confirmation.Thumbprint)
	}
	if p.Claims == nil || len(p.Claims) > maxClaims {
		return fmt.Errorf("%w: %d claims", ErrMalformed, len(p.Claims))
	}
	if len(p.Purpose) > maxLanguages {
		return fmt.Errorf("%w: purpose in %d languages", ErrMalformed, len(p.Purpose))
	}
	for lang, text := range p.Purpose {
		if len(lang) > 35 || len(text) > maxText {
			return fmt.Errorf("%w: purpose in %.40q", ErrMalformed, lang)
		}
	}
	return endpoint(p.Endpoint)
}

func endpoint(s string) error {
	u, err := url.Parse(s)
	if err != nil || len(s) > maxText || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" {
		return fmt.Errorf("%w: erasure_endpoint %.60q", ErrMalformed, s)
	}
	return nil
}

// Request asks to erase what a receipt is about.
type Request struct {
	Audience  string // the endpoint
	Challenge string
	Time      time.Time
	Receipt   *Receipt

	holder *jose.JWK
	signed
}

type requestPayload struct {
	Audience  string `json:"aud"`
	Challenge string `json:"challenge"`
	IssuedAt  int64  `json:"iat"`
	Receipt   string `json:"receipt"`
}

// SignRequest makes a request with the key of the presentation that the receipt is about. Errors: [ErrProof] when it is
// another key, [ErrMalformed] for a challenge that nobody would take.
func SignRequest(holder crypto.Signer, r *Receipt, challenge string, now time.Time) (string, error) {
	jwk := jose.JWK{Key: holder.Public()}
	thumbprint, err := jwk.Thumbprint()
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if thumbprint != r.Holder {
		return "", fmt.Errorf("%w: the receipt is of another key", ErrProof)
	}
	p := requestPayload{r.Endpoint, challenge, now.Unix(), r.compact}
	if err := p.check(); err != nil {
		return "", err
	}
	return sign(holder, jose.Header{JWK: &jwk}, RequestType, p, MaxRequest)
}

// ParseRequest reads a request with its receipt. Neither proves anything until [Request.Verify]. Error: [ErrMalformed].
func ParseRequest(compact string) (*Request, error) {
	var p requestPayload
	s, err := parse(compact, RequestType, MaxRequest, &p)
	if err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	// The key is the one that the receipt names and nothing else: who holds it is what the receipt keeps to itself.
	if s.jws.Header.JWK == nil || len(s.jws.Header.X5C) > 0 || s.jws.Header.KeyID != "" {
		return nil, fmt.Errorf("%w: a request carries the key as jwk and in no other way", ErrMalformed)
	}
	r, err := ParseReceipt(p.Receipt)
	if err != nil {
		return nil, err
	}
	return &Request{p.Audience, p.Challenge, at(p.IssuedAt), r, s.jws.Header.JWK, *s}, nil
}

func (p *requestPayload) check() error {
	if err := texts(map[string]string{"challenge": p.Challenge}); err != nil {
		return err
	}
	if err := dates(p.IssuedAt); err != nil {
		return err
	}
	return endpoint(p.Audience)
}

// Verify checks that the request was made for endpoint by the holder of the receipt, and the receipt by the verifier's
// key. Whether the challenge is fresh is the caller's to know. Error: [ErrProof].
func (r *Request) Verify(endpoint string, verifier crypto.PublicKey) error {
	if r.Audience != endpoint || r.Receipt.Endpoint != endpoint {
		return fmt.Errorf("%w: made for %.80q", ErrProof, r.Audience)
	}
	thumbprint, err := r.holder.Thumbprint()
	if err != nil || thumbprint != r.Receipt.Holder {
		return fmt.Errorf("%w: the key is not the one of the receipt", ErrProof)
	}
	if err := r.Receipt.Verify(verifier); err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	return r.verify(r.holder.Key)
}

// Answer is what the verifier says to a request.
type Answer struct {
	Verifier  string // DID
	Session   string
	Challenge string
	Receipt   string // SHA-256 of the receipt in base64url
	Time      time.Time
	Outcome   Outcome
	// LegalBasis and Until say, when [Refused], why and until when it is kept; when [InProgress], Until is when there is
	// a decision at the latest. Otherwise both are empty.
	LegalBasis string
	Until      time.Time

	signed
}

type answerPayload struct {
	Issuer     string  `json:"iss"`
	Session    string  `json:"session"`
	Challenge  string  `json:"challenge"`
	Receipt    string  `json:"receipt_hash"`
	IssuedAt   int64   `json:"iat"`
	Outcome    Outcome `json:"outcome"`
	LegalBasis string  `json:"legal_basis,omitempty"`
	Until      int64   `json:"until,omitempty"`
}

// Answer makes the answer to a verified request; the caller adds why and until when.
func (r *Request) Answer(o Outcome, now time.Time) *Answer {
	return &Answer{Verifier: r.Receipt.Verifier, Session: r.Receipt.Session, Challenge: r.Challenge, Receipt: r.Receipt.hash(), Time: now, Outcome: o}
}

func (r *Receipt) hash() string {
	sum := sha256.Sum256([]byte(r.compact))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Sign returns the answer signed by the verifier. Error: [ErrMalformed] for an answer that [ParseAnswer] would not take.
func (a *Answer) Sign(signer crypto.Signer, h jose.Header) (string, error) {
	p := answerPayload{a.Verifier, a.Session, a.Challenge, a.Receipt, a.Time.Unix(), a.Outcome, a.LegalBasis, 0}
	if !a.Until.IsZero() {
		p.Until = a.Until.Unix()
	}
	if err := p.check(); err != nil {
		return "", err
	}
	return sign(signer, h, AnswerType, p, MaxAnswer)
}

// ParseAnswer reads an answer strictly. It proves nothing until [Answer.Verify]. Error: [ErrMalformed].
func ParseAnswer(compact string) (*Answer, error) {
	var p answerPayload
	s, err := parse(compact, AnswerType, MaxAnswer, &p)
	if err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	a := &Answer{
		Verifier: p.Issuer, Session: p.Session, Challenge: p.Challenge, Receipt: p.Receipt, Time: at(p.IssuedAt), Outcome: p.Outcome,
		LegalBasis: p.LegalBasis, signed: *s,
	}
	if p.Until != 0 {
		a.Until = at(p.Until)
	}
	return a, nil
}

func (p *answerPayload) check() error {
	if err := texts(map[string]string{"iss": p.Issuer, "session": p.Session, "challenge": p.Challenge}, p.LegalBasis); err != nil {
		return err
	}
	if err := dates(p.IssuedAt, p.Until); err != nil {
		return err
	}
	if raw, err := jose.DecodeBase64(p.Receipt); err != nil || len(raw) != sha256.Size {
		return fmt.Errorf("%w: receipt_hash %.60q", ErrMalformed, p.Receipt)
	}
	basis, until := p.LegalBasis != "", p.Until != 0
	switch p.Outcome {
	case Erased, NothingKept:
		if basis || until {
			return fmt.Errorf("%w: %q with a reason to keep", ErrMalformed, p.Outcome)
		}
	case Refused:
		// A refusal without its reason is none.
		if !basis || !until {
			return fmt.Errorf("%w: %q without legal basis or date", ErrMalformed, p.Outcome)
		}
	case InProgress:
		if basis || !until {
			return fmt.Errorf("%w: %q without date, or with a legal basis", ErrMalformed, p.Outcome)
		}
	default:
		return fmt.Errorf("%w: outcome %.40q", ErrMalformed, p.Outcome)
	}
	return nil
}

// Verify checks the verifier's signature, and that this is its answer about the receipt. Error: [ErrProof].
func (a *Answer) Verify(key crypto.PublicKey, r *Receipt) error {
	if a.Receipt != r.hash() || a.Verifier != r.Verifier || a.Session != r.Session {
		return fmt.Errorf("%w: the answer is about another receipt", ErrProof)
	}
	return a.verify(key)
}

func at(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// texts bounds texts; those with a name must be there.
func texts(required map[string]string, optional ...string) error {
	for name, s := range required {
		if s == "" || len(s) > maxText {
			return fmt.Errorf("%w: %s of %d bytes", ErrMalformed, name, len(s))
		}
	}
	for _, s := range optional {
		if len(s) > maxText {
			return fmt.Errorf("%w: text of %d bytes", ErrMalformed, len(s))
		}
	}
	return nil
}

func dates(all ...int64) error {
	for _, d := range all {
		if d < 0 || d > maxDate {
			return fmt.Errorf("%w: date %d", ErrMalformed, d)
		}
	}
	return nil
}

func sign(signer crypto.Signer, h jose.Header, kind string, payload any, limit int) (string, error) {
	body, err := json.Marshal(payload)
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	h.Type = kind
	compact, err := jose.SignJWS(signer, h, body)
	if err == nil && len(compact) > limit {
		err = fmt.Errorf("%w: %s of %d bytes", ErrMalformed, kind, len(compact))
	}
	return compact, err
}

func parse(compact, kind string, limit int, payload any) (*signed, error) {
	j, err := jose.ParseJWS(compact, limit)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if j.Header.Type != kind {
		return nil, fmt.Errorf("%w: type %.60q, want %q", ErrMalformed, j.Header.Type, kind)
	}
	if err := jose.Unmarshal(j.Payload, payload); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	return &signed{j, compact}, nil
}
