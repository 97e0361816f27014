package sdjwt

import (
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/pkg/jose"
)

// saltSize is 128 bits (RFC 9901, Section 9.3).
const saltSize = 16

// Selective marks a claim value or an array element as selectively disclosable. Nested ones give recursive
// disclosures (RFC 9901, Section 4.2.6). It may stand in a map[string]any and in a []any.
type Selective struct{ Value any }

// MarshalJSON fails: a Selective in a place that [Issue] does not look into would be disclosed to everybody.
func (Selective) MarshalJSON() ([]byte, error) {
	return nil, errors.New("sdjwt: Selective outside of map[string]any and []any")
}

// Issue signs claims. [Selective] values anywhere in them become disclosures with fresh 128-bit salts; decoys is
// how many decoy digests each object or array that holds a digest gets. The order of digests and of disclosures is
// that of the digests themselves, which is random and says nothing about the claims.
// The header's Type is normally "dc+sd-jwt".
func Issue(signer crypto.Signer, h jose.Header, claims map[string]any, decoys int) (*SDJWT, error) {
	is := issuance{decoys: decoys}
	payload, err := is.object(claims, 1)
	if err != nil {
		return nil, err
	}
	if len(is.made) > MaxDisclosures {
		return nil, fmt.Errorf("%w: %d disclosures, at most %d", jose.ErrTooLarge, len(is.made), MaxDisclosures)
	}
	if len(is.made) > 0 {
		payload[memberAlg] = algSHA256
	}
	text, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("claims: %v", err)
	}
	jwt, err := jose.SignJWS(signer, h, text)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString(jwt)
	b.WriteByte('~')
	slices.SortFunc(is.made, func(x, y made) int { return strings.Compare(x.digest, y.digest) })
	for _, m := range is.made {
		b.WriteString(m.text)
		b.WriteByte('~')
	}
	return Parse(b.String())
}

type made struct{ digest, text string }

type issuance struct {
	decoys int
	made   []made
}

func (is *issuance) value(v any, depth int) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		return is.object(v, depth)
	case []any:
		return is.array(v, depth)
	case Selective:
		return nil, fmt.Errorf("Selective directly in a Selective")
	}
	return v, nil
}

func (is *issuance) object(m map[string]any, depth int) (map[string]any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: claims nest deeper than %d", jose.ErrTooLarge, MaxDepth)
	}
	out := make(map[string]any, len(m)+1)
	var digests []string
	for name, v := range m {
		if name == memberDigests || name == memberElement || name == memberAlg && depth == 1 {
			return nil, fmt.Errorf("%w: claim named %q", jose.ErrMalformed, name)
		}
		sel, hidden := v.(Selective)
		if hidden {
			v = sel.Value
		}
		v, err := is.value(v, depth+1)
		if err != nil {
			return nil, err
		}
		if !hidden {
			out[name] = v
			continue
		}
		digest, err := is.disclose(name, v)
		if err != nil {
			return nil, err
		}
		digests = append(digests, digest)
	}
	if len(digests) > 0 {
		for range is.decoys {
			digests = append(digests, decoy())
		}
		slices.Sort(digests)
		out[memberDigests] = digests
	}
	return out, nil
}

func (is *issuance) array(list []any, depth int) ([]any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("%w: claims nest deeper than %d", jose.ErrTooLarge, MaxDepth)
	}
	out := make([]any, 0, len(list))
	holds := false
	for _, v := range list {
		sel, hidden := v.(Selective)
		if hidden {
			v = sel.Value
		}
		v, err := is.value(v, depth+1)
		if err != nil {
			return nil, err
		}
		if hidden {
			digest, err := is.disclose(v)
			if err != nil {
				return nil, err
			}
			v, holds = map[string]any{memberElement: digest}, true
		}
		out = append(out, v)
	}
	if holds {
		for range is.decoys {
			// The order of an array has a meaning, so that decoys go to random places and the others stay in order.
			at, err := rand.Int(rand.Reader, big.NewInt(int64(len(out)+1)))
			if err != nil {
				return nil, err
			}
			out = slices.Insert(out, int(at.Int64()), any(map[string]any{memberElement: decoy()}))
		}
	}
	return out, nil
}

// disclose makes a disclosure of a salt and the parts, and returns its digest.
func (is *issuance) disclose(parts ...any) (string, error) {
	content, err := json.Marshal(append([]any{salt()}, parts...))
	if err != nil {
		return "", fmt.Errorf("disclosure: %v", err)
	}
	m := made{text: base64.RawURLEncoding.EncodeToString(content)}
	m.digest = digest(algSHA256, m.text)
	is.made = append(is.made, m)
	return m.digest, nil
}

func salt() string {
	var b [saltSize]byte
	rand.Read(b[:]) // never fails: the program ends when the system has no randomness
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// decoy is a digest over a salt only (RFC 9901, Section 4.2.5).
func decoy() string { return digest(algSHA256, salt()+salt()) }
