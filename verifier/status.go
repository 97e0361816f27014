package verifier

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

// status looks up a status: for a registered issuer in the mirror of the registry, without a call; for a foreign one in
// its signed token.
func (v *Verifier) status(ctx context.Context, issuer *trust.Identity, ref statuslist.Ref) (statuslist.Status, time.Time, error) {
	if issuer.Registered {
		return v.ledger.Status(ctx, issuer, ref)
	}
	return v.lists.Status(ctx, ref, foreignSigner(issuer), func(ctx context.Context, h jose.Header) (crypto.PublicKey, error) {
		return v.listKey(ctx, issuer, h)
	})
}

// foreignSigner names a foreign issuer for the cache: lists of one are not taken for another.
func foreignSigner(issuer *trust.Identity) string {
	if issuer.Leaf == nil {
		return issuer.Name
	}
	return string(issuer.Leaf.RawIssuer) + "\x00" + string(issuer.Leaf.RawSubject)
}

// listKey returns the key that may sign a foreign issuer's status list: of a certificate for the same subject under the same
// anchor, or the very key of the credential. Another party under the same anchor is not enough.
func (v *Verifier) listKey(ctx context.Context, issuer *trust.Identity, h jose.Header) (crypto.PublicKey, error) {
	if len(h.X5C) == 0 {
		return issuer.Key, nil
	}
	now := v.now()
	who, err := v.trust.ByChain(ctx, h.X5C, trust.Issue, "", now, now)
	if err != nil {
		return nil, err
	}
	same := func() bool {
		if key, ok := who.Key.(interface{ Equal(crypto.PublicKey) bool }); ok && key.Equal(issuer.Key) {
			return true
		}
		return who.Leaf != nil && issuer.Leaf != nil && bytes.Equal(who.Leaf.RawSubject, issuer.Leaf.RawSubject) &&
			who.Anchor.Equal(issuer.Anchor)
	}
	if who.Registered || !same() {
		return nil, fmt.Errorf("%w: the list is signed by another party than the credential", trust.ErrUntrusted)
	}
	return who.Key, nil
}

// categoryOf returns the category of an error, also of one that came from the registry.
func categoryOf(err error) credential.Category {
	if c := credential.CategoryOf(err); c != "" {
		return c
	}
	switch {
	case errors.Is(err, ledger.ErrUnproven):
		return credential.RegistryUnproven
	case errors.Is(err, ledger.ErrUnavailable):
		return credential.RegistryUnavailable
	case errors.Is(err, statuslist.ErrUnavailable):
		return credential.StatusUnavailable
	}
	return ""
}

// proofFormat is the format of a stapled registry proof.
const proofFormat = "urn:zegel:registry-proof:1"

// staple is the registry proof of a tenant in the form it goes out, kept as long as it is the newest.
type staple struct {
	mu     sync.Mutex
	height int64
	ready  []openid4vp.VerifierInfo
}

// info returns the proof for a request object, or nothing: a wallet that needs one says so, others do not care.
func (s *staple) info(ctx context.Context, v *Verifier, subject did.DID) []openid4vp.VerifierInfo {
	height := v.ledger.State().Height
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready != nil && s.height == height {
		return s.ready
	}
	bundle, err := v.ledger.Bundle(ctx, ledger.KeyDID(subject), ledger.KeyAccreditations(subject), ledger.KeyAnchors())
	if err != nil {
		v.log.Warn("no registry proof for requests", "error", err)
		return nil
	}
	data := make([]byte, 0, base64.RawURLEncoding.EncodedLen(len(bundle))+2)
	data = append(data, '"')
	data = base64.RawURLEncoding.AppendEncode(data, bundle)
	data = append(data, '"')
	s.height, s.ready = height, []openid4vp.VerifierInfo{{Format: proofFormat, Data: data}}
	return s.ready
}
