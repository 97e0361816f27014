package wallet

import (
	"context"
	"crypto"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Refresh looks up the status of every card that has one. A status that cannot be looked up leaves the card as it was last
// known, with the time of that. What is revoked stays so.
func (w *Wallet) Refresh(ctx context.Context) ([]Card, error) {
	w.mu.Lock()
	records, err := w.records()
	w.mu.Unlock()
	if err != nil {
		return nil, err
	}
	// Nothing waits for the net: a person may share meanwhile.
	client := &statuslist.Client{Fetch: w.opts.Fetch, Now: w.opts.Now}
	found := map[string]string{}
	for _, r := range records {
		if r.Status == "revoked" || r.Status == ReissueStatus || r.expired(w.opts.Now()) {
			continue
		}
		if status, ok := w.status(ctx, client, r); ok {
			found[r.ID] = status
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	have, err := w.listed()
	if err != nil {
		return nil, err
	}
	if records, err = w.records(); err != nil {
		return nil, err
	}
	for _, r := range records {
		status, ok := found[r.ID]
		if !ok || r.Status == "revoked" {
			continue // also a card that came or went meanwhile
		}
		writes := []write{}
		if status == "revoked" {
			// The issuer renews it no more.
			writes = append(writes, endGrants(have, r.ID)...)
			r.Grant = ""
			writes = append(writes, w.entry(Entry{
				Kind: "revoked", Party: r.Issuer.Name, Registered: r.Issuer.Registered, Card: displayName(r.Names, w.lang(), r.Type), Cards: []string{r.ID},
				Outcome: "ok",
			}))
		}
		r.Status, r.Checked = status, w.opts.Now().UTC().Truncate(time.Second)
		if err := w.commit(ctx, append(writes, put(cardPrefix+r.ID, r))...); err != nil {
			return nil, err
		}
	}
	return w.cards(records), nil
}

// status looks up the copies that can still be shown; the worst counts. ok is false if it cannot be known.
func (w *Wallet) status(ctx context.Context, client *statuslist.Client, r *cardRecord) (string, bool) {
	policy, err := w.kept(proofName(r.Issuer))
	if err != nil {
		return "", false
	}
	key := func(ctx context.Context, h jose.Header) (crypto.PublicKey, error) {
		now := w.opts.Now()
		var who *trust.Identity
		if len(h.X5C) > 0 {
			who, err = policy.ByChain(ctx, h.X5C, trust.Issue, r.Type, now, now)
		} else {
			who, err = policy.ByKeyID(ctx, h.KeyID, trust.Issue, now, now)
		}
		if err != nil {
			return nil, err
		}
		signer := issuerRecord{DID: who.DID, Registered: who.Registered}
		if !who.Registered && who.Leaf != nil {
			signer.Subject = who.Leaf.RawSubject
		}
		if !r.Issuer.same(signer) {
			return nil, fmt.Errorf("status list signed by %q", who.Name)
		}
		return who.Key, nil
	}
	worst, known := statuslist.Valid, false
	for i, c := range r.Copies {
		// Of the used copies the last one may still be shown again, and speaks for a card that has no others.
		if c.Status == nil || (c.Used && i < len(r.Copies)-1) {
			continue
		}
		s, _, err := client.Status(ctx, *c.Status, string(r.Issuer.DID)+"\x00"+r.Issuer.Name, key)
		if err != nil {
			return "", false
		}
		known = true
		switch {
		case s == statuslist.Invalid || worst == statuslist.Invalid:
			worst = statuslist.Invalid
		case s != statuslist.Valid:
			worst = s
		}
	}
	if !known {
		return "", false
	}
	switch worst {
	case statuslist.Valid:
		return "valid", true
	case statuslist.Invalid:
		return "revoked", true
	case statuslist.Suspended:
		return "suspended", true
	}
	return "unknown", true
}
