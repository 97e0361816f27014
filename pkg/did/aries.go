package did

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"fmt"

	"github.com/hyperledger/aries-framework-go/component/models/did/endpoint"
	ariesdid "github.com/hyperledger/aries-framework-go/pkg/doc/did"

	"github.com/zegel-id/zegel/pkg/jose"
)

const jsonWebKey2020 = "JsonWebKey2020"

var relationships = []struct {
	purpose Purpose
	aries   ariesdid.VerificationRelationship
	list    func(*ariesdid.Doc) *[]ariesdid.Verification
}{
	{AssertionMethod, ariesdid.AssertionMethod, func(d *ariesdid.Doc) *[]ariesdid.Verification { return &d.AssertionMethod }},
	{Authentication, ariesdid.Authentication, func(d *ariesdid.Doc) *[]ariesdid.Verification { return &d.Authentication }},
	{CapabilityInvocation, ariesdid.CapabilityInvocation, func(d *ariesdid.Doc) *[]ariesdid.Verification { return &d.CapabilityInvocation }},
	{KeyAgreement, ariesdid.KeyAgreement, func(d *ariesdid.Doc) *[]ariesdid.Verification { return &d.KeyAgreement }},
}

func toAries(d *Document) (*ariesdid.DocResolution, error) {
	doc := &ariesdid.Doc{Context: []string{ariesdid.ContextV1}, ID: string(d.ID)}
	for i := range d.Methods {
		m := &d.Methods[i]
		value, err := keyBytes(m.Key.Key)
		if err != nil {
			return nil, fmt.Errorf("key %q: %w", m.ID, err)
		}
		vm := ariesdid.NewVerificationMethodFromBytes(m.ID, jsonWebKey2020, string(d.ID), value)
		doc.VerificationMethod = append(doc.VerificationMethod, *vm)
		for _, r := range relationships {
			if m.has(r.purpose) {
				list := r.list(doc)
				*list = append(*list, *ariesdid.NewReferencedVerification(vm, r.aries))
			}
		}
	}
	for _, s := range d.Services {
		doc.Service = append(doc.Service, ariesdid.Service{ID: s.ID, Type: s.Type, ServiceEndpoint: endpoint.NewDIDCoreEndpoint([]string{s.Endpoint})})
	}
	return &ariesdid.DocResolution{DIDDocument: doc, DocumentMetadata: &ariesdid.DocumentMetadata{Deactivated: d.Deactivated}}, nil
}

// keyBytes is the value of a verification method as aries keeps it beside a JWK. Its own way there, through the JSON
// of the JWK, costs as much as a signature check, and would be taken for each presentation.
func keyBytes(pub crypto.PublicKey) ([]byte, error) {
	if _, err := jose.Algorithm(pub); err != nil {
		return nil, err
	}
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		return k.Bytes()
	case ed25519.PublicKey:
		return k, nil
	}
	panic("did: internal error: a key type of package jose is missing here")
}

// fromAries reads back what the method registry answered. known adds what its model cannot hold.
func fromAries(d DID, res *ariesdid.DocResolution, known []VerificationMethod) (*Document, error) {
	in := res.DIDDocument
	if in == nil || in.ID != string(d) {
		return nil, fmt.Errorf("%w: %q", ErrNotFound, d)
	}
	doc := &Document{ID: d, Deactivated: res.DocumentMetadata != nil && res.DocumentMetadata.Deactivated}
	for i := range in.VerificationMethod {
		vm := &in.VerificationMethod[i]
		m := VerificationMethod{ID: vm.ID}
		if i < len(known) && known[i].ID == m.ID {
			m = known[i]
			m.Purposes = nil
		} else if j := vm.JSONWebKey(); j != nil {
			m.Key.Key = j.Key
		} else if len(vm.Value) == ed25519.PublicKeySize {
			m.Key.Key = ed25519.PublicKey(vm.Value)
		}
		if _, err := jose.Algorithm(m.Key.Key); err != nil {
			return nil, fmt.Errorf("key %q: %w", vm.ID, err)
		}
		for _, r := range relationships {
			for _, v := range *r.list(in) {
				if v.VerificationMethod.ID == vm.ID {
					m.Purposes = append(m.Purposes, r.purpose)
					break
				}
			}
		}
		doc.Methods = append(doc.Methods, m)
	}
	for _, s := range in.Service {
		kind, _ := s.Type.(string)
		uri, err := s.ServiceEndpoint.URI()
		if err != nil {
			return nil, fmt.Errorf("%w: service %q: %v", jose.ErrMalformed, s.ID, err)
		}
		doc.Services = append(doc.Services, Service{ID: s.ID, Type: kind, Endpoint: uri})
	}
	return doc, nil
}
