package ledger

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
)

// didDomain begins what the id of a DID is the hash of.
const didDomain = "zegel/did/1"

// KeyRecord is a key in a DID record.
type KeyRecord struct {
	ID          string        `cbor:"1,keyasint"` // fragment without '#'
	JWK         []byte        `cbor:"2,keyasint"` // canonical JSON: as jose.JWK marshals it
	Purposes    []did.Purpose `cbor:"3,keyasint"`
	From        int64         `cbor:"4,keyasint"`           // unix seconds of the block that added it; set by the chain
	Until       int64         `cbor:"5,keyasint,omitempty"` // unix seconds of the block that rotated it out; set by the chain
	Compromised bool          `cbor:"6,keyasint,omitempty"`
}

// ServiceRecord is a service in a DID record.
type ServiceRecord struct {
	ID       string `cbor:"1,keyasint"`
	Type     string `cbor:"2,keyasint"`
	Endpoint string `cbor:"3,keyasint"`
}

// DIDRecord is what the chain stores for a did:zegel.
type DIDRecord struct {
	ID           did.DID         `cbor:"1,keyasint,omitempty"` // left out where the id is computed: id = hash of the first record
	Keys         []KeyRecord     `cbor:"2,keyasint"`
	Services     []ServiceRecord `cbor:"3,keyasint,omitempty"`
	NextKeyHash  []byte          `cbor:"4,keyasint"`           // SHA-256 of the next capabilityInvocation key
	RecoveryHash []byte          `cbor:"5,keyasint,omitempty"` // SHA-256 of the offline recovery key
	Version      uint64          `cbor:"6,keyasint"`
	Deactivated  bool            `cbor:"7,keyasint,omitempty"`
	Created      int64           `cbor:"8,keyasint,omitempty"` // unix seconds of the block with the first record; set by the chain
	Updated      int64           `cbor:"9,keyasint,omitempty"` // unix seconds of the block with this version; 0: the first; set by the chain
}

// NewKeyRecord returns the record of a public key as a transaction carries it.
func NewKeyRecord(id string, pub crypto.PublicKey, purposes ...did.Purpose) (KeyRecord, error) {
	j, err := json.Marshal(jose.JWK{Key: pub})
	if err != nil {
		return KeyRecord{}, fmt.Errorf("%w: key %q: %v", ErrMalformed, clip(id), err)
	}
	k := KeyRecord{ID: id, JWK: j, Purposes: purposes}
	_, err = k.Key()
	return k, err
}

// KeyHash returns the hash that commits to an Ed25519 key before it is used: SHA-256 of its 32 bytes.
func KeyHash(pub ed25519.PublicKey) []byte {
	sum := sha256.Sum256(pub)
	return sum[:]
}

// Key returns the public key after checking the record's form. Error: [ErrMalformed].
func (k *KeyRecord) Key() (*jose.JWK, error) {
	if err := checkFragment(k.ID); err != nil {
		return nil, err
	}
	if len(k.JWK) > 1024 {
		return nil, fmt.Errorf("%w: key %q: JWK of %d bytes", ErrMalformed, k.ID, len(k.JWK))
	}
	j, err := jose.ParseJWK(k.JWK)
	if err != nil {
		return nil, fmt.Errorf("%w: key %q: %v", ErrMalformed, k.ID, err)
	}
	again, err := json.Marshal(j)
	if err != nil || !bytes.Equal(again, k.JWK) {
		return nil, fmt.Errorf("%w: key %q: JWK is not in canonical form", ErrMalformed, k.ID)
	}
	if len(k.Purposes) == 0 {
		return nil, fmt.Errorf("%w: key %q has no purpose", ErrMalformed, k.ID)
	}
	for i, p := range k.Purposes {
		switch p {
		case did.AssertionMethod, did.Authentication, did.KeyAgreement:
		case did.CapabilityInvocation:
			if _, ok := j.Key.(ed25519.PublicKey); !ok {
				return nil, fmt.Errorf("%w: key %q: transactions are signed with Ed25519", ErrMalformed, k.ID)
			}
		default:
			return nil, fmt.Errorf("%w: key %q: purpose %q", ErrMalformed, k.ID, clip(string(p)))
		}
		if slices.Contains(k.Purposes[:i], p) {
			return nil, fmt.Errorf("%w: key %q: purpose %q twice", ErrMalformed, k.ID, p)
		}
	}
	if _, err := seconds(k.From); err != nil {
		return nil, err
	}
	if _, err := seconds(k.Until); err != nil {
		return nil, err
	}
	return j, nil
}

// Check checks a record's form: limits, ids without repeats, keys, services. Errors: [ErrMalformed], [jose.ErrTooLarge].
func (r *DIDRecord) Check() error {
	if len(r.Keys) > MaxKeys {
		return fmt.Errorf("%w: %d keys", jose.ErrTooLarge, len(r.Keys))
	}
	if len(r.Services) > MaxKeys {
		return fmt.Errorf("%w: %d services", jose.ErrTooLarge, len(r.Services))
	}
	if raw, err := Encode(r); err != nil {
		return err
	} else if len(raw) > MaxDocumentSize {
		return fmt.Errorf("%w: document of %d bytes", jose.ErrTooLarge, len(raw))
	}
	ids := map[string]bool{}
	unique := func(id string) error {
		if ids[id] {
			return fmt.Errorf("%w: id %q twice", ErrMalformed, id)
		}
		ids[id] = true
		return nil
	}
	for i := range r.Keys {
		if _, err := r.Keys[i].Key(); err != nil {
			return err
		}
		if err := unique(r.Keys[i].ID); err != nil {
			return err
		}
	}
	for _, s := range r.Services {
		if err := checkFragment(s.ID); err != nil {
			return err
		}
		if err := unique(s.ID); err != nil {
			return err
		}
		if s.Type == "" || len(s.Type) > 64 {
			return fmt.Errorf("%w: service %q: type %q", ErrMalformed, s.ID, clip(s.Type))
		}
		u, err := url.Parse(s.Endpoint)
		if err != nil || len(s.Endpoint) > 1024 || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.Fragment != "" {
			return fmt.Errorf("%w: service %q: endpoint %q", ErrMalformed, s.ID, clip(s.Endpoint))
		}
	}
	if len(r.NextKeyHash) != sha256.Size {
		return fmt.Errorf("%w: next key hash of %d bytes", ErrMalformed, len(r.NextKeyHash))
	}
	if n := len(r.RecoveryHash); n != 0 && n != sha256.Size {
		return fmt.Errorf("%w: recovery key hash of %d bytes", ErrMalformed, n)
	}
	for _, s := range []int64{r.Created, r.Updated} {
		if _, err := seconds(s); err != nil {
			return err
		}
	}
	return nil
}

// TxKey returns the Ed25519 key with this id if it may sign transactions at the time of a block. Error: [jose.ErrSignature].
func (r *DIDRecord) TxKey(id string, at time.Time) (ed25519.PublicKey, error) {
	k, err := r.TxKeyRecord(id, at)
	if err != nil {
		return nil, err
	}
	j, err := k.Key()
	if err != nil {
		return nil, err
	}
	return j.Key.(ed25519.PublicKey), nil
}

// TxKeyRecord is [DIDRecord.TxKey] without reading the key.
func (r *DIDRecord) TxKeyRecord(id string, at time.Time) (*KeyRecord, error) {
	for i := range r.Keys {
		k := &r.Keys[i]
		if k.ID == id && !k.Compromised && k.From <= at.Unix() && (k.Until == 0 || k.Until > at.Unix()) &&
			slices.Contains(k.Purposes, did.CapabilityInvocation) {
			return k, nil
		}
	}
	return nil, fmt.Errorf("%w: %q is no key for transactions", jose.ErrSignature, clip(id))
}

// NewDID computes the self-certifying identifier of a first record in a network: the lower-case base32 of the SHA-256
// over a domain tag, the network's name and the record without what the chain sets (id, version, deactivation, times).
func NewDID(network string, first *DIDRecord) (did.DID, error) {
	plain := *first
	plain.ID, plain.Version, plain.Deactivated, plain.Created, plain.Updated = "", 0, false, 0, 0
	plain.Keys = slices.Clone(first.Keys)
	for i := range plain.Keys {
		plain.Keys[i].From, plain.Keys[i].Until, plain.Keys[i].Compromised = 0, 0, false
	}
	if err := plain.Check(); err != nil {
		return "", err
	}
	raw, err := Encode([]any{didDomain, network, plain})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	id := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))
	return did.Zegel(network, id)
}

// Document returns the DID document of a record.
func (r *DIDRecord) Document() (*did.Document, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	if d, err := did.Parse(string(r.ID)); err != nil || d.Method() != "zegel" {
		return nil, fmt.Errorf("%w: record with id %q", ErrMalformed, clip(string(r.ID)))
	}
	doc := &did.Document{ID: r.ID, Deactivated: r.Deactivated}
	for i := range r.Keys {
		k := &r.Keys[i]
		j, err := k.Key()
		if err != nil {
			return nil, err
		}
		m := did.VerificationMethod{ID: string(r.ID) + "#" + k.ID, Key: *j, Purposes: slices.Clone(k.Purposes), Compromised: k.Compromised}
		if k.From != 0 {
			m.From = time.Unix(k.From, 0).UTC()
		}
		if k.Until != 0 {
			m.Until = time.Unix(k.Until, 0).UTC()
		}
		doc.Methods = append(doc.Methods, m)
	}
	for _, s := range r.Services {
		doc.Services = append(doc.Services, did.Service{ID: string(r.ID) + "#" + s.ID, Type: s.Type, Endpoint: s.Endpoint})
	}
	return doc, nil
}

// Resolution returns the document with what DID Core, Section 7.1.3, wants to know about it.
func (r *DIDRecord) Resolution() (*did.Resolution, error) {
	doc, err := r.Document()
	if err != nil {
		return nil, err
	}
	out := &did.Resolution{Document: doc, VersionID: strconv.FormatUint(r.Version, 10)}
	if r.Created != 0 {
		out.Created = time.Unix(r.Created, 0).UTC()
	}
	if r.Updated != 0 {
		out.Updated = time.Unix(r.Updated, 0).UTC()
	}
	return out, nil
}

// seconds returns the time of unix seconds between 1970 and the year 9999; later ones overflow elsewhere.
func seconds(s int64) (time.Time, error) {
	if s < 0 || s > 253402300799 {
		return time.Time{}, fmt.Errorf("%w: time %d", ErrMalformed, s)
	}
	return time.Unix(s, 0).UTC(), nil
}
