package did

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/base64"
	"fmt"
	"strings"

	ariesdid "github.com/hyperledger/aries-framework-go/pkg/doc/did"
	vdrapi "github.com/hyperledger/aries-framework-go/pkg/framework/aries/api/vdr"
	"github.com/hyperledger/aries-framework-go/pkg/vdr/fingerprint"
	"github.com/hyperledger/aries-framework-go/pkg/vdr/key"

	"github.com/zegel-id/zegel/pkg/jose"
)

// FromKey returns the did:key of a public key.
func FromKey(pub crypto.PublicKey) (DID, error) {
	if _, err := jose.Algorithm(pub); err != nil {
		return "", err
	}
	var name string
	switch k := pub.(type) {
	case ed25519.PublicKey:
		name, _ = fingerprint.CreateDIDKey(k)
	case *ecdsa.PublicKey:
		code := uint64(fingerprint.P256PubKeyMultiCodec)
		if k.Curve == elliptic.P384() {
			code = fingerprint.P384PubKeyMultiCodec
		}
		name, _ = fingerprint.CreateDIDKeyByCode(code, elliptic.MarshalCompressed(k.Curve, k.X, k.Y))
	}
	return Parse(name)
}

// FromJWK returns the did:jwk of a public key.
func FromJWK(pub crypto.PublicKey) (DID, error) {
	j, err := jose.JWK{Key: pub}.MarshalJSON()
	if err != nil {
		return "", err
	}
	return DID("did:jwk:" + base64.RawURLEncoding.EncodeToString(j)), nil
}

// jwkMethod is did:jwk: the id is the key itself.
type jwkMethod struct{ readOnly }

func (jwkMethod) Accept(method string, _ ...vdrapi.DIDMethodOption) bool { return method == methodJWK }

func (jwkMethod) Read(name string, opts ...vdrapi.DIDMethodOption) (*ariesdid.DocResolution, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(DID(name).id())
	if err != nil {
		return nil, fail(opts, fmt.Errorf("%w: %q: base64url: %v", jose.ErrMalformed, name, err))
	}
	k, err := jose.ParseJWK(raw)
	if err != nil {
		return nil, fail(opts, fmt.Errorf("%q: %w", name, err))
	}
	purposes := []Purpose{AssertionMethod, Authentication, CapabilityInvocation, KeyAgreement}
	switch k.Use {
	case "sig":
		purposes = purposes[:3]
	case "enc":
		purposes = purposes[3:]
	}
	doc := &Document{ID: DID(name), Methods: []VerificationMethod{{ID: name + "#0", Key: *k, Purposes: purposes}}}
	queryOf(opts).methods = doc.Methods
	return toAries(doc)
}

// keyMethod is the did:key of aries behind a gate: it panics on some keys, and takes several spellings of one.
type keyMethod struct {
	readOnly
	aries *key.VDR
}

func newKeyMethod() keyMethod { return keyMethod{aries: key.New()} }

func (keyMethod) Accept(method string, _ ...vdrapi.DIDMethodOption) bool { return method == methodKey }

// keyForms are the multibase spellings of the keys of package jose: the prefix follows from the multicodec and the
// length from the size of the key.
var keyForms = []struct {
	prefix string
	length int
}{
	{"z6Mk", 48}, // Ed25519
	{"zDn", 49},  // P-256
	{"z82", 71},  // P-384
}

func (m keyMethod) Read(name string, opts ...vdrapi.DIDMethodOption) (*ariesdid.DocResolution, error) {
	id := DID(name).id()
	known := false
	for _, f := range keyForms {
		known = known || len(id) == f.length && strings.HasPrefix(id, f.prefix)
	}
	if !known {
		return nil, fail(opts, fmt.Errorf("%w: %q is not a did:key of Ed25519, P-256 or P-384", jose.ErrMalformed, name))
	}
	res, err := m.aries.Read(name, opts...)
	if err != nil {
		return nil, fail(opts, fmt.Errorf("%w: %q: %v", jose.ErrMalformed, name, err))
	}
	doc, err := fromAries(DID(name), res, nil)
	if err != nil {
		return nil, fail(opts, err)
	}
	for _, vm := range doc.Methods {
		if again, err := FromKey(vm.Key.Key); err != nil || again != doc.ID {
			return nil, fail(opts, fmt.Errorf("%w: %q is another spelling of %q", jose.ErrMalformed, name, again))
		}
	}
	return res, nil
}

// zegelMethod is did:zegel over the proven documents of the registry.
type zegelMethod struct {
	readOnly
	source Source
}

func (zegelMethod) Accept(method string, _ ...vdrapi.DIDMethodOption) bool {
	return method == methodZegel
}

func (m zegelMethod) Read(name string, opts ...vdrapi.DIDMethodOption) (*ariesdid.DocResolution, error) {
	q := queryOf(opts)
	doc, err := m.source.Document(q.ctx, DID(name))
	if err == nil && (doc == nil || doc.ID != DID(name)) {
		err = fmt.Errorf("document of %q is another one", name)
	}
	var res *ariesdid.DocResolution
	if err == nil {
		q.methods = doc.Methods
		res, err = toAries(doc)
	}
	if err != nil {
		q.err = err
		return nil, err
	}
	return res, nil
}

func fail(opts []vdrapi.DIDMethodOption, err error) error {
	queryOf(opts).err = err
	return err
}
