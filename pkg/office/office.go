// Package office is what the issuer and the verifier share as municipal services: tenants, staff, the audit chain, the page
// shell and opening the store.
//
// It deliberately leaves out what the two do: that is in their own packages.
package office

import (
	"context"
	"database/sql"
	"io/fs"
	"net/http"
	"time"
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

// Allows reports whether the person has the role.
func (s *Staff) Allows(role string) bool { panic("office: not built yet") }

// HashToken returns the hex SHA-256 under which a token is kept.
func HashToken(token string) string { panic("office: not built yet") }

// Bearer returns the member of staff whose token the request carries in Authorization, nil if none (constant time).
func Bearer(r *http.Request, staff []Staff) *Staff { panic("office: not built yet") }

// DB is an SQLite store with group commit: concurrent writers share one transaction and one fsync.
type DB struct {
	read  *sql.DB
	write *sql.DB
}

// OpenDB opens or makes the database file (mode 0600) and migrates it with the goose SQL files in migrations.
func OpenDB(ctx context.Context, path string, migrations fs.FS) (*DB, error) {
	panic("office: not built yet")
}

// Read is the pool for reading.
func (db *DB) Read() *sql.DB { return db.read }

// Write runs f in a transaction that may be shared with other writers; if f fails only its own changes are undone. It
// returns when the changes are on disk.
func (db *DB) Write(ctx context.Context, f func(tx *sql.Tx) error) error {
	panic("office: not built yet")
}

// Close closes the store.
func (db *DB) Close() error { panic("office: not built yet") }

// Event is a line of the audit chain. It holds no claim values, tokens or codes.
type Event struct {
	Time    time.Time
	Tenant  string
	Actor   string // staff name, or "wallet", "system"
	Action  string // as "session.create"
	Object  string // id
	Outcome string // category or "ok"
}

// AuditSchema is the goose migration that [DB] needs for [Audit]; stores embed it as their first file.
//
// Audit appends an event within tx; each line holds the hash of the line before.
func Audit(tx *sql.Tx, e Event) error { panic("office: not built yet") }

// VerifyAudit checks the chain and returns the number of the first bad line, 0 if unbroken.
func VerifyAudit(ctx context.Context, db *DB) (firstBad int64, err error) {
	panic("office: not built yet")
}
