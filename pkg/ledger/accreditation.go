package ledger

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Accreditation is the stored form of [trust.Accreditation].
type Accreditation struct {
	ID         string            `cbor:"1,keyasint"`
	Subject    did.DID           `cbor:"2,keyasint"`
	Use        trust.Use         `cbor:"3,keyasint"`
	Name       string            `cbor:"4,keyasint"`
	Types      []string          `cbor:"5,keyasint"`
	Claims     [][]byte          `cbor:"6,keyasint,omitempty"` // JSON paths
	Purpose    map[string]string `cbor:"7,keyasint,omitempty"`
	LegalBasis string            `cbor:"8,keyasint,omitempty"`
	KeepDays   int64             `cbor:"9,keyasint,omitempty"`
	From       int64             `cbor:"10,keyasint"` // unix seconds
	Until      int64             `cbor:"11,keyasint"`
	GrantedBy  did.DID           `cbor:"12,keyasint,omitempty"` // set by the chain
	EndedAt    int64             `cbor:"13,keyasint,omitempty"` // set by the chain
	Distrust   bool              `cbor:"14,keyasint,omitempty"`
	// A stop: from the first of these times until the second the accreditation does not count; the second is 0 while
	// nobody knows the end. Set by the chain.
	StoppedFrom  int64  `cbor:"15,keyasint,omitempty"`
	StoppedUntil int64  `cbor:"16,keyasint,omitempty"`
	Decision     []byte `cbor:"17,keyasint,omitempty"` // the proposal that granted it; set by the chain
	Under        string `cbor:"18,keyasint,omitempty"` // the id of the granter's accreditation to grant; set by the chain

	OutcomeDays int64             `cbor:"19,keyasint,omitempty"`
	PassedOn    map[string]string `cbor:"20,keyasint,omitempty"`
}

// WithdrawAction ends an accreditation.
type WithdrawAction struct {
	Subject  did.DID `cbor:"1,keyasint"`
	ID       string  `cbor:"2,keyasint"`
	Distrust bool    `cbor:"3,keyasint,omitempty"`
}

// Anchor is a stored X.509 anchor with its scope.
type Anchor struct {
	ID          string      `cbor:"1,keyasint"`
	Certificate []byte      `cbor:"2,keyasint"` // DER
	Uses        []trust.Use `cbor:"3,keyasint"`
	Types       []string    `cbor:"4,keyasint,omitempty"`
	From        int64       `cbor:"5,keyasint"`
	Until       int64       `cbor:"6,keyasint"`
}

// Limits of accreditations and anchors beyond those of the transaction.
const (
	maxText  = 1024
	maxItems = 64
)

// FromTrust returns the stored form. Error: [ErrMalformed].
func FromTrust(a *trust.Accreditation) (*Accreditation, error) {
	r := &Accreditation{
		ID: a.ID, Subject: a.Subject, Use: a.Use, Name: a.Name, Types: slices.Clone(a.Types), LegalBasis: a.LegalBasis,
		KeepDays: int64(a.KeepDays), From: a.From.Unix(), Until: a.Until.Unix(), GrantedBy: a.GrantedBy, Under: a.Under,
	}
	for _, p := range a.Claims {
		j, err := json.Marshal([]any(p))
		if err != nil {
			return nil, fmt.Errorf("%w: claim %v: %v", ErrMalformed, p, err)
		}
		r.Claims = append(r.Claims, j)
	}
	r.OutcomeDays = int64(a.OutcomeDays)
	if len(a.Purpose) > 0 {
		r.Purpose = map[string]string(a.Purpose)
	}
	if len(a.PassedOn) > 0 {
		r.PassedOn = map[string]string(a.PassedOn)
	}
	if a.Withdrawn != nil {
		r.EndedAt, r.Distrust = a.Withdrawn.At.Unix(), a.Withdrawn.Distrust
	}
	if a.Stopped != nil {
		r.StoppedFrom = a.Stopped.From.Unix()
		if !a.Stopped.Until.IsZero() {
			r.StoppedUntil = a.Stopped.Until.Unix()
		}
	}
	if _, err := r.Trust(); err != nil {
		return nil, err
	}
	return r, nil
}

// Trust returns the form that package trust judges by, after a check of everything in it. Error: [ErrMalformed].
func (a *Accreditation) Trust() (*trust.Accreditation, error) {
	if err := checkFragment(a.ID); err != nil {
		return nil, err
	}
	bad := func(what string, v any) (*trust.Accreditation, error) {
		return nil, fmt.Errorf("%w: accreditation %q: %s %q", ErrMalformed, a.ID, what, clip(fmt.Sprint(v)))
	}
	if d, err := did.Parse(string(a.Subject)); err != nil || d.Method() != "zegel" {
		return bad("subject", a.Subject)
	}
	if a.GrantedBy != "" {
		if d, err := did.Parse(string(a.GrantedBy)); err != nil || d.Method() != "zegel" {
			return bad("granted by", a.GrantedBy)
		}
	}
	if !text(a.Name) || a.Name == "" {
		return bad("name", a.Name)
	}
	if len(a.Types) == 0 {
		return bad("types", a.Types)
	}
	if err := checkTypes(a.Types); err != nil {
		return nil, err
	}
	from, err := seconds(a.From)
	if err != nil {
		return nil, err
	}
	until, err := seconds(a.Until)
	if err != nil {
		return nil, err
	}
	if !from.Before(until) {
		return bad("until", a.Until)
	}
	t := &trust.Accreditation{
		ID: a.ID, Subject: a.Subject, Use: a.Use, Name: a.Name, Types: slices.Clone(a.Types), LegalBasis: a.LegalBasis,
		KeepDays: int(a.KeepDays), From: from, Until: until, GrantedBy: a.GrantedBy, Under: a.Under,
	}
	if a.Under != "" {
		if err := checkFragment(a.Under); err != nil {
			return nil, err
		}
	}
	if t.Stopped, err = a.stopped(); err != nil {
		return nil, err
	}
	switch a.Use {
	case trust.Issue:
		if len(a.Claims) != 0 || len(a.Purpose) != 0 || a.KeepDays != 0 || a.OutcomeDays != 0 || len(a.PassedOn) != 0 {
			return bad("use with claims, purpose, keeping time or passing on", a.Use)
		}
	case trust.Ask:
		if len(a.Purpose) == 0 {
			return bad("purpose", a.Purpose)
		}
	case trust.Grant:
		// What each one may ask for is said when it is granted.
		if len(a.Purpose) != 0 || len(a.PassedOn) != 0 || len(a.Claims) == 0 && (a.KeepDays != 0 || a.OutcomeDays != 0) {
			return bad("use with purpose or passing on, or a keeping time without claims", a.Use)
		}
	default:
		return bad("use", a.Use)
	}
	if len(a.Claims) > maxItems {
		return bad("number of claims", len(a.Claims))
	}
	for i, c := range a.Claims {
		p, err := sdjwt.ParsePath(c)
		if err != nil {
			return nil, fmt.Errorf("accreditation %q: claim %d: %w", a.ID, i, err)
		}
		if again, err := json.Marshal([]any(p)); err != nil || !bytes.Equal(again, c) {
			return bad("claim is not in canonical form", c)
		}
		t.Claims = append(t.Claims, p)
	}
	if t.Purpose, err = texts(a.Purpose); err != nil {
		return bad("purpose", err)
	}
	if t.PassedOn, err = texts(a.PassedOn); err != nil {
		return bad("passing on", err)
	}
	if !text(a.LegalBasis) {
		return bad("legal basis", a.LegalBasis)
	}
	for _, days := range []int64{a.KeepDays, a.OutcomeDays} {
		if days < 0 || days > 36525 {
			return bad("keeping time", days)
		}
	}
	t.OutcomeDays = int(a.OutcomeDays)
	if a.EndedAt != 0 {
		at, err := seconds(a.EndedAt)
		if err != nil {
			return nil, err
		}
		t.Withdrawn = &trust.Withdrawal{At: at, Distrust: a.Distrust}
	} else if a.Distrust {
		return bad("distrust without an end", a.Distrust)
	}
	return t, nil
}

// texts checks a text in several languages.
func texts(in map[string]string) (trust.Text, error) {
	if len(in) == 0 {
		return nil, nil
	}
	if len(in) > maxItems {
		return nil, fmt.Errorf("in %d languages", len(in))
	}
	out := trust.Text{}
	for lang, s := range in {
		if lang == "" || len(lang) > 35 || !text(s) || s == "" {
			return nil, fmt.Errorf("in %q", clip(lang))
		}
		out[lang] = s
	}
	return out, nil
}

func (a *Accreditation) stopped() (*trust.Stop, error) {
	from, err := seconds(a.StoppedFrom)
	if err != nil {
		return nil, err
	}
	until, err := seconds(a.StoppedUntil)
	if err != nil {
		return nil, err
	}
	switch {
	case a.StoppedFrom == 0 && a.StoppedUntil == 0:
		return nil, nil
	case a.StoppedFrom == 0, a.StoppedUntil != 0 && until.Before(from):
		return nil, fmt.Errorf("%w: accreditation %q: stopped from %d until %d", ErrMalformed, a.ID, a.StoppedFrom, a.StoppedUntil)
	case a.StoppedUntil == 0:
		return &trust.Stop{From: from}, nil
	}
	return &trust.Stop{From: from, Until: until}, nil
}

// StoppedAt says whether a stop counts at a time in unix seconds.
func (a *Accreditation) StoppedAt(t int64) bool {
	return a.StoppedFrom != 0 && a.StoppedFrom <= t && (a.StoppedUntil == 0 || t < a.StoppedUntil)
}

// Trust returns the anchor that package trust judges by. Error: [ErrMalformed].
func (a *Anchor) Trust() (*trust.Anchor, error) {
	if err := checkFragment(a.ID); err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		return nil, fmt.Errorf("%w: anchor %q: %v", ErrMalformed, a.ID, err)
	}
	if len(a.Uses) == 0 {
		return nil, fmt.Errorf("%w: anchor %q has no use", ErrMalformed, a.ID)
	}
	for i, u := range a.Uses {
		if u != trust.Issue && u != trust.Ask || slices.Contains(a.Uses[:i], u) {
			return nil, fmt.Errorf("%w: anchor %q: use %q", ErrMalformed, a.ID, clip(string(u)))
		}
	}
	// Without types it would count for every type, which only anchors of the configuration may.
	if slices.Contains(a.Uses, trust.Issue) && len(a.Types) == 0 {
		return nil, fmt.Errorf("%w: anchor %q issues no type", ErrMalformed, a.ID)
	}
	if err := checkTypes(a.Types); err != nil {
		return nil, err
	}
	from, err := seconds(a.From)
	if err != nil {
		return nil, err
	}
	until, err := seconds(a.Until)
	if err != nil {
		return nil, err
	}
	if !from.Before(until) {
		return nil, fmt.Errorf("%w: anchor %q: until %d", ErrMalformed, a.ID, a.Until)
	}
	return &trust.Anchor{Certificate: cert, Uses: slices.Clone(a.Uses), Types: slices.Clone(a.Types), From: from, Until: until}, nil
}

// DecodeAccreditations reads the value of [KeyAccreditations] of a subject.
func DecodeAccreditations(value []byte, subject did.DID) ([]Accreditation, error) {
	var all []Accreditation
	if err := Decode(value, &all); err != nil {
		return nil, err
	}
	for _, a := range all {
		if a.Subject != subject {
			return nil, fmt.Errorf("%w: accreditation of %q under %q", ErrMalformed, clip(string(a.Subject)), clip(string(subject)))
		}
	}
	if !ascending(all, func(a Accreditation) string { return a.ID }) {
		return nil, fmt.Errorf("%w: accreditations of %q not sorted", ErrMalformed, clip(string(subject)))
	}
	return all, nil
}

// DecodeAnchors reads the value of [KeyAnchors].
func DecodeAnchors(value []byte) ([]Anchor, error) {
	var all []Anchor
	if err := Decode(value, &all); err != nil {
		return nil, err
	}
	if !ascending(all, func(a Anchor) string { return a.ID }) {
		return nil, fmt.Errorf("%w: anchors not sorted", ErrMalformed)
	}
	return all, nil
}

// DecodeIndex reads the value of [KeyIndex].
func DecodeIndex(value []byte) (*Index, error) {
	var x Index
	if err := Decode(value, &x); err != nil {
		return nil, err
	}
	if !ascending(x.DIDs, func(d did.DID) string { return string(d) }) || !ascending(x.Lists, func(s string) string { return s }) {
		return nil, fmt.Errorf("%w: index not sorted", ErrMalformed)
	}
	return &x, nil
}

// DecodeDID reads the value of [KeyDID].
func DecodeDID(value []byte, d did.DID) (*DIDRecord, error) {
	var r DIDRecord
	if err := Decode(value, &r); err != nil {
		return nil, err
	}
	if r.ID != d {
		return nil, fmt.Errorf("%w: record of %q under %q", ErrMalformed, clip(string(r.ID)), clip(string(d)))
	}
	return &r, nil
}

func ascending[T any](all []T, key func(T) string) bool {
	for i := 1; i < len(all); i++ {
		if cmp.Compare(key(all[i-1]), key(all[i])) >= 0 {
			return false
		}
	}
	return true
}

func checkTypes(types []string) error {
	if len(types) > maxItems {
		return fmt.Errorf("%w: %d types", ErrMalformed, len(types))
	}
	for i, t := range types {
		if t == "" || !text(t) || slices.Contains(types[:i], t) {
			return fmt.Errorf("%w: type %q", ErrMalformed, clip(t))
		}
	}
	return nil
}

// text reports whether s can be shown on one line: of bounded length and without control characters.
func text(s string) bool {
	if len(s) > maxText || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 {
			return false
		}
	}
	return true
}
