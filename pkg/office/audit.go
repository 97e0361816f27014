package office

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Event is a line of the audit chain. It holds no claim values, tokens or codes.
type Event struct {
	Time    time.Time
	Tenant  string
	Actor   string // staff name, or "wallet", "system"
	Action  string // as "session.create"
	Object  string // id
	Outcome string // category or "ok"
}

// auditSchema is made by OpenDB. The head is kept beside the chain, so that a missing last line is noticed too.
const auditSchema = `
CREATE TABLE IF NOT EXISTS audit (
	seq     INTEGER PRIMARY KEY,
	time    INTEGER NOT NULL, -- ms since 1970
	tenant  TEXT NOT NULL,
	actor   TEXT NOT NULL,
	action  TEXT NOT NULL,
	object  TEXT NOT NULL,
	outcome TEXT NOT NULL,
	hash    BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS audit_head (
	one  INTEGER PRIMARY KEY CHECK (one = 1),
	seq  INTEGER NOT NULL,
	hash BLOB NOT NULL
) STRICT;
INSERT OR IGNORE INTO audit_head (one, seq, hash) VALUES (1, 0, zeroblob(32));
CREATE TRIGGER IF NOT EXISTS audit_moves_head AFTER INSERT ON audit BEGIN
	UPDATE audit_head SET seq = new.seq, hash = new.hash;
END;`

// maxAuditField bounds each text of a line.
const maxAuditField = 256

// Audit appends an event within tx; each line holds the hash of the line before.
func Audit(tx *sql.Tx, e Event) error {
	e = e.bounded()
	var seq int64
	var prev []byte
	if err := tx.QueryRow("SELECT seq, hash FROM audit_head").Scan(&seq, &prev); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	seq++
	ms := e.Time.UnixMilli()
	_, err := tx.Exec("INSERT INTO audit (seq, time, tenant, actor, action, object, outcome, hash) VALUES (?,?,?,?,?,?,?,?)",
		seq, ms, e.Tenant, e.Actor, e.Action, e.Object, e.Outcome, e.hash(prev, seq, ms))
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// bounded keeps one event one line, whatever a name or an id from outside holds.
func (e Event) bounded() Event {
	for _, s := range []*string{&e.Tenant, &e.Actor, &e.Action, &e.Object, &e.Outcome} {
		text := *s
		if len(text) > maxAuditField {
			text = text[:maxAuditField]
		}
		*s = strings.Map(func(r rune) rune {
			if r < ' ' || r >= 0x7f && r < 0xa0 {
				return ' '
			}
			return r
		}, strings.ToValidUTF8(text, "?"))
	}
	return e
}

// hash covers the line before, the number and every field with its length, so that no two lines have one encoding.
func (e Event) hash(prev []byte, seq, ms int64) []byte {
	h := sha256.New()
	h.Write([]byte("zegel audit 1\x00"))
	h.Write(prev)
	b := binary.BigEndian.AppendUint64(nil, uint64(seq))
	b = binary.BigEndian.AppendUint64(b, uint64(ms))
	for _, s := range []string{e.Tenant, e.Actor, e.Action, e.Object, e.Outcome} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	h.Write(b)
	return h.Sum(nil)
}

// VerifyAudit checks the chain and returns the number of the first bad line, 0 if unbroken. A missing line is bad.
//
// The chain shows a change by someone who does not make all later hashes anew; who can write the whole file can.
func VerifyAudit(ctx context.Context, db *DB) (firstBad int64, err error) {
	tx, err := db.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return 0, err
	}
	defer tx.Rollback()
	var headSeq int64
	var headHash []byte
	if err := tx.QueryRowContext(ctx, "SELECT seq, hash FROM audit_head").Scan(&headSeq, &headHash); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return 1, nil
		}
		return 0, err
	}
	rows, err := tx.QueryContext(ctx, "SELECT seq, time, tenant, actor, action, object, outcome, hash FROM audit ORDER BY seq")
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	prev, want := make([]byte, sha256.Size), int64(1)
	for rows.Next() {
		var e Event
		var seq, ms int64
		var hash []byte
		if err := rows.Scan(&seq, &ms, &e.Tenant, &e.Actor, &e.Action, &e.Object, &e.Outcome, &hash); err != nil {
			return 0, err
		}
		if seq != want || !bytes.Equal(hash, e.hash(prev, seq, ms)) {
			return want, nil
		}
		prev = hash
		want++
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	if headSeq != want-1 {
		return min(want, headSeq+1), nil
	}
	if !bytes.Equal(headHash, prev) {
		return max(1, headSeq), nil
	}
	return 0, nil
}
