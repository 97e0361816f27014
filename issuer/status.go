package issuer

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/statuslist"
)

// Status List Tokens.
const (
	statusLife = 12 * time.Hour
	// A token is made anew after this time, or when the list has changed.
	statusFresh = listTTL * time.Second / 5
	// maxStale is how old the newest header may be for a token to say that this is how things stand.
	maxStale = 10 * time.Minute
)

// statusCache keeps signed tokens: one fetch serves many checks, and so does one signature.
type statusCache struct {
	mu     sync.Mutex
	tokens map[string]statusToken
}

type statusToken struct {
	compact string
	root    []byte
	made    time.Time
}

// statusToken returns the signed token of a list from the same bits that stand on the chain. Errors: [ErrNotFound], [ErrUnavailable].
func (i *Issuer) statusToken(ctx context.Context, t *tenant, n int64) (string, error) {
	var state string
	err := i.db.Read().QueryRowContext(ctx, "SELECT state FROM list WHERE tenant = ? AND n = ?", t.ID, n).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) || err == nil && state == listNew {
		return "", fmt.Errorf("%w: status list", ErrNotFound)
	}
	if err != nil {
		return "", err
	}
	uri := t.listURI(n)
	now := i.now()
	if age := now.Sub(i.ledger.State().Time); age > maxStale {
		return "", fmt.Errorf("%w: the newest header of the registry is %v old", ErrUnavailable, age.Round(time.Second))
	}
	meta, list, err := i.ledger.List(ctx, uri)
	if err != nil {
		return "", fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	if meta.Owner != t.did {
		return "", fmt.Errorf("%w: status list is not ours on the chain", ErrNotFound)
	}
	t.statuses.mu.Lock()
	defer t.statuses.mu.Unlock()
	if old, ok := t.statuses.tokens[uri]; ok && bytes.Equal(old.root, meta.Root) {
		if age := now.Sub(old.made); age >= 0 && age < statusFresh {
			return old.compact, nil
		}
	}
	token := statuslist.Token{URI: uri, IssuedAt: now, Expires: now.Add(statusLife), TTL: listTTL * time.Second, List: list}
	compact, err := token.Sign(t.signer, jose.Header{X5C: t.chain})
	if err != nil {
		return "", err
	}
	if t.statuses.tokens == nil {
		t.statuses.tokens = map[string]statusToken{}
	}
	t.statuses.tokens[uri] = statusToken{compact: compact, root: meta.Root, made: now}
	return compact, nil
}
