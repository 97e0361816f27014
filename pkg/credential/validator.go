package credential

import (
	"context"
	"crypto"
	"errors"
	"reflect"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

const typeCredential = "dc+sd-jwt"

// StatusFunc returns the status of an entry, and when it was known. The validator calls it last.
// Errors: [statuslist.ErrUnavailable], and *Error with a registry category.
type StatusFunc func(ctx context.Context, issuer *trust.Identity, ref statuslist.Ref) (statuslist.Status, time.Time, error)

// Validator validates. All fields are required.
type Validator struct {
	Trust  *trust.Policy
	Status StatusFunc
	Now    func() time.Time
}

// Expect is what a presentation must satisfy beside being valid.
type Expect struct {
	Nonce           string
	Audience        string
	Unbound         bool     // the query set require_cryptographic_holder_binding to false
	TransactionData []string // encoded, as in the request
	// Query, when not nil, checks the claims against the query; its error becomes [QueryUnsatisfied].
	Query func(*Credential) error
}

// Present validates a presentation. The error is an *Error.
func (v *Validator) Present(ctx context.Context, compact string, want Expect) (*Presentation, error) {
	now := v.Now()
	c, err := v.check(ctx, compact, now, want.Unbound)
	if err != nil {
		return nil, err
	}
	if err := bind(c, want, now); err != nil {
		return nil, err
	}
	if want.Query != nil {
		if err := want.Query(c); err != nil {
			return nil, &Error{Category: QueryUnsatisfied, Err: err}
		}
	}
	p := &Presentation{Credential: *c, AsOf: now}
	if c.Status != nil {
		if p.AsOf, err = v.status(ctx, c); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Issued validates a credential as the holder receives it, without a key binding JWT, bound to holder, of type vct.
// Status is not looked up. The error is an *Error.
func (v *Validator) Issued(ctx context.Context, compact, vct string, holder crypto.PublicKey) (*Credential, error) {
	c, err := v.check(ctx, compact, v.Now(), false)
	if err != nil {
		return nil, err
	}
	if c.SDJWT.HasKeyBinding() {
		return nil, reject(Malformed, "a fresh credential holds a key binding JWT")
	}
	if c.VCT != vct {
		return nil, reject(QueryUnsatisfied, "type %.200q, not %.200q", c.VCT, vct)
	}
	if key, ok := holder.(interface{ Equal(crypto.PublicKey) bool }); !ok || !key.Equal(c.Holder.Key) {
		return nil, reject(HolderBinding, "bound to another key")
	}
	return c, nil
}

// check does everything that presentations and fresh credentials share, up to the disclosures.
func (v *Validator) check(ctx context.Context, compact string, now time.Time, unbound bool) (*Credential, error) {
	sd, err := sdjwt.Parse(compact)
	if err != nil {
		return nil, categorize(err, Malformed)
	}
	payload, err := sd.Payload()
	if err != nil {
		return nil, categorize(err, Malformed)
	}
	head := sd.Header()
	if head.Type != typeCredential {
		return nil, reject(Malformed, "typ %.40q, not %q", head.Type, typeCredential)
	}
	// What can never verify needs no key: no certificate is read and no registry asked for it.
	switch head.Algorithm {
	case "ES256", "ES384", "EdDSA":
	default:
		return nil, reject(BadSignature, "alg %.40q", head.Algorithm)
	}
	c := &Credential{SDJWT: sd}
	if c.VCT, _ = payload["vct"].(string); c.VCT == "" {
		return nil, reject(Malformed, "no vct")
	}
	for name, into := range map[string]*time.Time{"iat": &c.IssuedAt, "nbf": &c.NotBefore, "exp": &c.Expires} {
		if err := date(payload, name, into); err != nil {
			return nil, err
		}
	}

	signedAt := c.IssuedAt
	if signedAt.IsZero() {
		signedAt = now
	}
	if c.Issuer, err = v.issuer(ctx, head, payload["iss"], c.VCT, signedAt, now); err != nil {
		return nil, err
	}
	if err := sd.VerifySignature(c.Issuer.Key); err != nil {
		return nil, categorize(err, BadSignature)
	}
	if err := v.Trust.MayIssue(ctx, c.Issuer, c.VCT, signedAt, now); err != nil {
		return nil, judge(err)
	}

	switch {
	case !c.Expires.IsZero() && !now.Before(c.Expires.Add(Tolerance)):
		return nil, reject(Expired, "exp is %v ago", now.Sub(c.Expires).Round(time.Second))
	case now.Before(c.NotBefore.Add(-Tolerance)):
		return nil, reject(NotYetValid, "nbf is %v ahead", c.NotBefore.Sub(now).Round(time.Second))
	// An issue date to come could carry a key or an accreditation past its end.
	case now.Before(c.IssuedAt.Add(-Tolerance)):
		return nil, reject(NotYetValid, "iat is %v ahead", c.IssuedAt.Sub(now).Round(time.Second))
	}

	if c.Claims, err = sd.Claims(); err != nil {
		return nil, categorize(err, BadDisclosure)
	}
	for _, name := range signedOnly {
		signed, plain := payload[name]
		value, there := c.Claims[name]
		if there != plain || there && !reflect.DeepEqual(signed, value) {
			return nil, reject(BadDisclosure, "the claim %q may not be hidden", name)
		}
	}
	// "iat" may be hidden. Then it was not there to judge by, and now was taken.
	if err := date(c.Claims, "iat", &c.IssuedAt); err != nil {
		return nil, err
	}
	return c, c.protocolClaims(unbound)
}

// protocolClaims reads "cnf" and "status" and checks that what must be there is.
func (c *Credential) protocolClaims(unbound bool) error {
	cnf, bound := c.Claims["cnf"]
	if !bound && !unbound {
		return reject(Malformed, "no cnf")
	}
	if bound {
		// Exactly one key, given as itself: RFC 7800, Section 3; HAIP 1.0, Section 6.1.
		m, _ := cnf.(map[string]any)
		key, ok := m["jwk"].(map[string]any)
		if !ok || len(m) != 1 {
			return reject(Malformed, "cnf does not hold exactly a jwk")
		}
		var err error
		if c.Holder, err = jose.JWKFromMap(key); err != nil {
			return reject(Malformed, "cnf: %w", err)
		}
		alg, err := jose.Algorithm(c.Holder.Key)
		if err != nil || c.Holder.Algorithm != "" && c.Holder.Algorithm != alg || c.Holder.Use == "enc" {
			return reject(Malformed, "cnf: a key that does not sign")
		}
	}
	status, there := c.Claims["status"]
	if there {
		ref, err := statuslist.ParseRef(status)
		if err != nil {
			return reject(Malformed, "status: %w", err)
		}
		c.Status = &ref
	} else if c.Issuer.Registered && c.Expires.IsZero() {
		return reject(Malformed, "neither exp nor status")
	}
	return nil
}

// issuer finds whose key must have signed. The message chooses neither the key nor, by offering two, the way to it.
func (v *Validator) issuer(ctx context.Context, head jose.Header, iss any, vct string, signedAt, now time.Time) (*trust.Identity, error) {
	byDID := strings.HasPrefix(strings.ToLower(head.KeyID), "did:")
	var who *trust.Identity
	var err error
	switch {
	case len(head.X5C) > 0 && byDID:
		return nil, reject(UntrustedIssuer, "both x5c and a DID as kid")
	case len(head.X5C) > 0:
		who, err = v.Trust.ByChain(ctx, head.X5C, trust.Issue, vct, signedAt, now)
	case byDID:
		if _, _, err := did.ParseURL(head.KeyID); err != nil {
			return nil, reject(Malformed, "kid: %w", err)
		}
		who, err = v.Trust.ByKeyID(ctx, head.KeyID, trust.Issue, signedAt, now)
	default:
		return nil, reject(UntrustedIssuer, "neither x5c nor a DID as kid")
	}
	if err != nil {
		return nil, judge(err)
	}
	// The "iss" of a foreign party is its own word; its leaf says who it is.
	if who.Registered && iss != string(who.DID) {
		return nil, reject(UntrustedIssuer, "iss is not %q", who.DID)
	}
	return who, nil
}

// bind checks the key binding. Whether it is needed follows from the query, never from its presence; one that is
// there unasked must hold too.
func bind(c *Credential, want Expect, now time.Time) error {
	if want.Unbound && !c.SDJWT.HasKeyBinding() {
		if len(want.TransactionData) > 0 {
			return reject(HolderBinding, "transaction data without key binding")
		}
		return nil
	}
	if c.Holder == nil {
		return reject(HolderBinding, "a key binding JWT without cnf")
	}
	err := c.SDJWT.VerifyKeyBinding(c.Holder.Key, sdjwt.Expect{
		Audience: want.Audience, Nonce: want.Nonce, Now: now, TransactionData: want.TransactionData,
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sdjwt.ErrNonce):
		return &Error{Category: Replayed, Err: err}
	case errors.Is(err, sdjwt.ErrAudience):
		return &Error{Category: WrongAudience, Err: err}
	}
	return &Error{Category: HolderBinding, Err: err}
}

// status looks up the entry and returns when its value was known.
func (v *Validator) status(ctx context.Context, c *Credential) (time.Time, error) {
	status, asOf, err := v.Status(ctx, c.Issuer, *c.Status)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			return time.Time{}, e
		}
		if cat := registryCategory(err); cat != "" {
			return time.Time{}, &Error{Category: cat, Err: err}
		}
		return time.Time{}, &Error{Category: StatusUnavailable, Err: err}
	}
	switch status {
	case statuslist.Valid:
		return asOf, nil
	case statuslist.Invalid:
		return time.Time{}, reject(Revoked, "status %d", status)
	case statuslist.Suspended:
		return time.Time{}, reject(Suspended, "status %d", status)
	}
	return time.Time{}, reject(StatusUnavailable, "status %d means nothing here", status)
}

// date reads a date of the claims; into stays as it is when the claim is absent.
func date(claims map[string]any, name string, into *time.Time) error {
	value, there := claims[name]
	if !there {
		return nil
	}
	t, err := jose.NumericDate(value)
	if err != nil {
		return reject(Malformed, "%s: %w", name, err)
	}
	*into = t
	return nil
}

// categorize names the category of an error of parsing and of cryptography; other is for the ones that have none of
// their own.
func categorize(err error, other Category) *Error {
	switch {
	case errors.Is(err, jose.ErrTooLarge):
		other = TooLarge
	case errors.Is(err, jose.ErrMalformed):
		other = Malformed
	case errors.Is(err, jose.ErrSignature):
		other = BadSignature
	case errors.Is(err, sdjwt.ErrDisclosure):
		other = BadDisclosure
	}
	return &Error{Category: other, Err: err}
}

// judge names the category of an error of the policy. What is neither its verdict nor known is no answer at all.
func judge(err error) *Error {
	if c := registryCategory(err); c != "" {
		return &Error{Category: c, Err: err}
	}
	switch {
	case errors.Is(err, trust.ErrTooManyCertificates):
		return &Error{Category: TooLarge, Err: err}
	case errors.Is(err, trust.ErrUntrusted):
		return &Error{Category: UntrustedIssuer, Err: err}
	}
	return &Error{Category: RegistryUnavailable, Err: err}
}
