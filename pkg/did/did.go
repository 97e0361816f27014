// Package did reads decentralized identifiers (DID Core 1.0): did:jwk, did:key, and did:zegel, whose documents
// stand in the registry and are for organisations only.
//
// Start with [Parse] and a [Registry]. The document model and the method registry of hyperledger/aries are used
// behind this package and seen nowhere else.
//
// It deliberately leaves out writing: a did:zegel document is changed by a registry transaction (package ledger).
// A DID URL has no path and no query here: nothing in Zegel is found that way.
package did

import (
	"errors"
	"fmt"
	"strings"

	"github.com/zegel-id/zegel/pkg/jose"
)

// Errors that callers may test with [errors.Is], beside [jose.ErrMalformed].
var (
	ErrNotFound    = errors.New("DID not found")
	ErrDeactivated = errors.New("DID deactivated")
	ErrKey         = errors.New("key not usable for this purpose")
)

// MaxLength is how long a DID or DID URL may be in bytes.
const MaxLength = 2048

const (
	methodZegel = "zegel"
	methodJWK   = "jwk"
	methodKey   = "key"

	maxNetwork = 32
	maxID      = 128
)

// DID is a decentralized identifier without path, query or fragment.
type DID string

// Parse checks the syntax of DID Core, Section 3.1: lower case method, no path, query, fragment or empty part.
// A did:zegel must be did:zegel:<network>:<id> as [Zegel] makes it. Error: [jose.ErrMalformed].
func Parse(s string) (DID, error) {
	if len(s) > MaxLength {
		return "", fmt.Errorf("%w: DID of %d bytes, at most %d", jose.ErrMalformed, len(s), MaxLength)
	}
	rest, ok := strings.CutPrefix(s, "did:")
	method, id, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 || method == "" || id == "" {
		return "", fmt.Errorf("%w: %q is not did:<method>:<id>", jose.ErrMalformed, s)
	}
	if !all(method, lowerAlnum) {
		return "", fmt.Errorf("%w: DID method %q", jose.ErrMalformed, method)
	}
	for part := range strings.SplitSeq(id, ":") {
		// A part of dots is a path to whoever makes a file name of it.
		if part == "" || strings.Trim(part, ".") == "" {
			return "", fmt.Errorf("%w: DID %q has the part %q", jose.ErrMalformed, s, part)
		}
		// did:web writes a port as "%3A". No other escape is needed, and each would be a second spelling.
		if !all(strings.ReplaceAll(part, "%3A", ""), idchar) {
			return "", fmt.Errorf("%w: DID %q has a character that may not stand there", jose.ErrMalformed, s)
		}
	}
	if method == methodZegel {
		if network, name, _ := strings.Cut(id, ":"); !isNetwork(network) || !isID(name) {
			return "", fmt.Errorf("%w: %q is not did:zegel:<network>:<id>", jose.ErrMalformed, s)
		}
	}
	return DID(s), nil
}

// Method returns the method name, as "zegel".
func (d DID) Method() string {
	_, rest, _ := strings.Cut(string(d), ":")
	method, _, _ := strings.Cut(rest, ":")
	return method
}

// id returns what follows the method.
func (d DID) id() string {
	parts := strings.SplitN(string(d), ":", 3)
	return parts[len(parts)-1]
}

// ParseURL splits a DID URL "did:…#fragment". Without "#" the fragment is empty; a fragment holds unreserved
// characters only, so it cannot name another DID. Error: [jose.ErrMalformed].
func ParseURL(s string) (DID, string, error) {
	if len(s) > MaxLength {
		return "", "", fmt.Errorf("%w: DID URL of %d bytes, at most %d", jose.ErrMalformed, len(s), MaxLength)
	}
	base, fragment, found := strings.Cut(s, "#")
	d, err := Parse(base)
	if err != nil {
		return "", "", err
	}
	if found && (fragment == "" || !all(fragment, unreserved)) {
		return "", "", fmt.Errorf("%w: fragment %q of a DID URL", jose.ErrMalformed, fragment)
	}
	return d, fragment, nil
}

// Zegel returns the did:zegel with this network name and id. The network is 1 to 32 lower-case letters, digits
// and inner hyphens; the id is 1 to 128 lower-case letters and digits, so that one DID has one spelling.
// Error: [jose.ErrMalformed].
func Zegel(network, id string) (DID, error) {
	if !isNetwork(network) || !isID(id) {
		return "", fmt.Errorf("%w: network %q, id %q", jose.ErrMalformed, network, id)
	}
	return DID("did:zegel:" + network + ":" + id), nil
}

func isNetwork(s string) bool {
	return s != "" && len(s) <= maxNetwork && s[0] != '-' && s[len(s)-1] != '-' &&
		all(s, func(c byte) bool { return lowerAlnum(c) || c == '-' })
}

func isID(s string) bool { return s != "" && len(s) <= maxID && all(s, lowerAlnum) }

func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func lowerAlnum(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

func idchar(c byte) bool {
	return lowerAlnum(c) || 'A' <= c && c <= 'Z' || c == '.' || c == '-' || c == '_'
}

func unreserved(c byte) bool { return idchar(c) || c == '~' }
