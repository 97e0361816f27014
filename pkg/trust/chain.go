package trust

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
)

// Bounds on the work that a chain can cause before it is known to lead anywhere.
const (
	maxCertificate = 16 << 10 // bytes; real ones stay under 4 KiB
	maxRSA         = 4096     // bits
)

// ByChain establishes the identity behind an x5c: a chain (leaf first, anchor not included, leaf not self-signed
// and not a CA) to an anchor for this use and, for Issue, this type. With vct "" the type is not judged yet. A leaf
// with a did:zegel SAN URI is judged by the registry alone: its key must stand in the document (assertionMethod for
// Issue, authentication for Ask) and the anchor on the chain. A leaf without one is judged by the foreign anchors alone.
//
// signedAt is when the signature was made as far as known, else now. It matters for the key in the document; the
// certificates must all be valid now, because a date that the signer wrote cannot vouch for an expired certificate.
// Errors: [ErrUntrusted], [ErrTooManyCertificates], and those of the source.
func (p *Policy) ByChain(ctx context.Context, x5c [][]byte, use Use, vct string, signedAt, now time.Time) (*Identity, error) {
	switch {
	case len(x5c) == 0:
		return nil, untrusted("no certificate")
	case len(x5c) > MaxChain:
		return nil, ErrTooManyCertificates
	}
	for _, der := range x5c {
		if len(der) > maxCertificate {
			return nil, untrusted("certificate of %d bytes", len(der))
		}
	}
	certs := make([]*x509.Certificate, len(x5c))
	for i, der := range x5c {
		if known := p.chains.certificate(der); known != nil {
			certs[i] = known
			continue
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, untrusted("certificate %d: %v", i, err)
		}
		certs[i] = c
	}
	if err := form(certs); err != nil {
		return nil, err
	}
	subject, err := organisation(certs[0])
	if err != nil {
		return nil, err
	}

	anchors := p.Foreign
	if subject != "" {
		if p.Source == nil {
			return nil, untrusted("no registry to look up %q in", subject)
		}
		if anchors, err = p.Source.Anchors(ctx); err != nil {
			return nil, err
		}
	}
	anchor, err := p.chains.lead(certs, anchors, use, vct, subject != "", now)
	if err != nil {
		return nil, err
	}

	leaf := certs[0]
	if subject == "" {
		return &Identity{Name: subjectName(leaf), Key: leaf.PublicKey, Leaf: leaf, Anchor: anchor}, nil
	}
	who, err := p.registered(ctx, subject, use, now, func(doc *did.Document) (*did.VerificationMethod, error) {
		return doc.HasKey(leaf.PublicKey, purpose(use), signedAt)
	})
	if err != nil {
		return nil, err
	}
	who.Leaf, who.Anchor = leaf, anchor
	return who, nil
}

// form checks what RFC 5280 and HAIP 1.0, Section 6.1.1, ask of the certificates by themselves.
func form(certs []*x509.Certificate) error {
	for i, c := range certs {
		// The anchor may not come along, and a leaf may not vouch for itself. A name on both sides is enough
		// to refuse: an honest chain never holds one.
		if string(c.RawIssuer) == string(c.RawSubject) {
			return untrusted("certificate %d is self-signed", i)
		}
		switch k := c.PublicKey.(type) {
		case *ecdsa.PublicKey, ed25519.PublicKey:
		case *rsa.PublicKey:
			if k.N.BitLen() > maxRSA {
				return untrusted("certificate %d has an RSA key of %d bits", i, k.N.BitLen())
			}
		default:
			return untrusted("certificate %d has a key of type %T", i, k)
		}
		if i > 0 && string(certs[i-1].RawIssuer) != string(c.RawSubject) {
			return untrusted("certificate %d did not issue the one before it", i)
		}
	}
	leaf := certs[0]
	switch {
	case leaf.IsCA:
		return untrusted("the leaf is a CA")
	case leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return untrusted("the leaf may not sign")
	}
	if _, err := jose.Algorithm(leaf.PublicKey); err != nil {
		return untrusted("the leaf: %v", err)
	}
	return nil
}

// organisation returns the did:zegel of a leaf, "" if it has none. One that is almost a did:zegel is refused: it may
// not be judged as a foreign party.
func organisation(leaf *x509.Certificate) (did.DID, error) {
	var found did.DID
	for _, u := range leaf.URIs {
		s := u.String()
		if !strings.HasPrefix(strings.ToLower(s), "did:zegel") {
			continue
		}
		d, err := did.Parse(s)
		if err != nil {
			return "", untrusted("the leaf: %v", err)
		}
		if found != "" {
			return "", untrusted("the leaf names two organisations")
		}
		found = d
	}
	return found, nil
}

// counts reports why the anchor does not count, nil if it does. Only the configuration may have one for every type.
func (a *Anchor) counts(use Use, vct string, now time.Time) error {
	switch {
	case !slices.Contains(a.Uses, use):
		return untrusted("the anchor is not for this use")
	case now.Before(a.From) || !now.Before(a.Until):
		return untrusted("the anchor does not count now")
	case use == Issue && vct != "" && len(a.Types) > 0 && !slices.Contains(a.Types, vct):
		return untrusted("the anchor is not for the type %.200q", vct)
	}
	return nil
}

// verified remembers chains whose signatures and constraints were verified up to an anchor. Those are facts about fixed
// bytes; times and scopes are judged each time. Verifying one costs as much as verifying a presentation.
type verified struct {
	mu     sync.Mutex
	chains map[[sha256.Size]byte]*span
	leaves map[string]*x509.Certificate
}

// span is when all certificates of a chain and its anchor are valid.
type span struct{ from, until time.Time }

// maxVerified bounds the memory. Honest use has a handful; whoever fills it only makes it start again.
const maxVerified = 256

// certificate returns the parsed form of a certificate that is part of a verified chain.
func (v *verified) certificate(der []byte) *x509.Certificate {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.leaves[string(der)]
}

// lead finds the anchor that the chain leads to and that counts for the use and type now.
func (v *verified) lead(certs []*x509.Certificate, anchors []Anchor, use Use, vct string, registry bool, now time.Time) (*x509.Certificate, error) {
	why := untrusted("the chain leads to no anchor")
	last := certs[len(certs)-1]
	for i := range anchors {
		a := &anchors[i]
		if a.Certificate == nil {
			continue
		}
		for _, c := range certs {
			if string(c.Raw) == string(a.Certificate.Raw) {
				return nil, untrusted("the chain includes its anchor")
			}
		}
	}
	for i := range anchors {
		a := &anchors[i]
		if a.Certificate == nil || string(last.RawIssuer) != string(a.Certificate.RawSubject) {
			continue
		}
		if err := a.counts(use, vct, now); err != nil {
			why = err
			continue
		}
		if registry && use == Issue && vct != "" && len(a.Types) == 0 {
			why = untrusted("the anchor is for no type")
			continue
		}
		if err := v.verify(certs, a.Certificate, now); err != nil {
			why = err
			continue
		}
		return a.Certificate, nil
	}
	return nil, why
}

func (v *verified) verify(certs []*x509.Certificate, anchor *x509.Certificate, now time.Time) error {
	key := chainKey(certs, anchor)
	v.mu.Lock()
	known := v.chains[key]
	v.mu.Unlock()
	if known != nil {
		if now.Before(known.from) || now.After(known.until) {
			return untrusted("a certificate of the chain is not valid now")
		}
		return nil
	}

	opts := x509.VerifyOptions{
		Roots:         x509.NewCertPool(),
		Intermediates: x509.NewCertPool(),
		CurrentTime:   now,
		// What the keys may be used for is said by the anchor's scope and the DID document.
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	opts.Roots.AddCert(anchor)
	for _, c := range certs[1:] {
		opts.Intermediates.AddCert(c)
	}
	chains, err := certs[0].Verify(opts)
	if err != nil {
		return untrusted("%v", err)
	}
	// The path must be the one that was sent, whole and in order, not another that can be made of its parts.
	want := append(slices.Clone(certs), anchor)
	if !slices.ContainsFunc(chains, func(c []*x509.Certificate) bool {
		return slices.EqualFunc(c, want, (*x509.Certificate).Equal)
	}) {
		return untrusted("the chain is not in order")
	}

	s := &span{from: anchor.NotBefore, until: anchor.NotAfter}
	for _, c := range certs {
		if c.NotBefore.After(s.from) {
			s.from = c.NotBefore
		}
		if c.NotAfter.Before(s.until) {
			s.until = c.NotAfter
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.chains == nil || len(v.chains) >= maxVerified {
		v.chains = map[[sha256.Size]byte]*span{}
		v.leaves = map[string]*x509.Certificate{}
	}
	v.chains[key] = s
	for _, c := range certs {
		v.leaves[string(c.Raw)] = c
	}
	return nil
}

func chainKey(certs []*x509.Certificate, anchor *x509.Certificate) [sha256.Size]byte {
	h := sha256.New()
	var n [8]byte
	for _, c := range append(slices.Clone(certs), anchor) {
		binary.BigEndian.PutUint64(n[:], uint64(len(c.Raw)))
		h.Write(n[:])
		h.Write(c.Raw)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
