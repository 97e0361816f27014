// Package office is what the issuer and the verifier share as municipal services: staff and their roles, the store with
// its audit chain, and the page shell with login.
//
// Start with [OpenDB] for the store.
//
// It deliberately leaves out what the two services do: that is in their own packages. It imports pkg/web and
// pkg/message only.
package office

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

// Staff is a person, or a program, that may use a tenant's staff API or pages. Only the hash of the token is kept.
type Staff struct {
	Name        string   `toml:"name"`
	TokenSHA256 string   `toml:"token_sha256"` // hex
	Roles       []string `toml:"roles"`
}

// Roles. Check ones serve the counter, hand-out ones the desk.
const (
	RoleCheck   = "check"    // ask presets
	RoleAskAny  = "ask-any"  // ask a query of one's own
	RoleHandOut = "hand-out" // make offers
	RoleRevoke  = "revoke"   // revoke, suspend, resume
)

// Allows reports whether the person has the role. Nobody (nil) has none.
func (s *Staff) Allows(role string) bool { return s != nil && slices.Contains(s.Roles, role) }

// HashToken returns the hex SHA-256 under which a token is kept. Tokens are random and long, so that no slow hash is
// needed.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Bearer returns the member of staff whose token the request carries in Authorization, nil if none (constant time).
func Bearer(r *http.Request, staff []Staff) *Staff {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return nil
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	return byToken(strings.TrimLeft(token, " "), staff)
}

// byToken compares with every member of staff, so that the time tells nothing.
func byToken(token string, staff []Staff) *Staff {
	if token == "" || len(token) > 512 {
		return nil
	}
	hash := []byte(HashToken(token))
	var found *Staff
	for i := range staff {
		if subtle.ConstantTimeCompare(hash, []byte(strings.ToLower(staff[i].TokenSHA256))) == 1 {
			found = &staff[i]
		}
	}
	return found
}
