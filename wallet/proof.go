package wallet

import (
	"context"
	"slices"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Proof is what the registry says about the issuer of a card. The issuer gave it with the card, this device has checked
// it against the network file, and keeps it: nobody is asked for it.
type Proof struct {
	Card   string `json:"card"`
	Issuer string `json:"issuer"`
	// Registered: the registry knows the issuer. If not, the issuer stands under a foreign anchor of the configuration, and
	// nothing below is known.
	Registered bool      `json:"registered"`
	DID        did.DID   `json:"did,omitempty"`
	From       time.Time `json:"from,omitzero"` // since when the issuer may hand out this type of card, and until when
	Until      time.Time `json:"until,omitzero"`
	// GrantedBy is the organisation that let the issuer; empty: the members of the registry together.
	GrantedBy  did.DID   `json:"granted_by,omitempty"`
	LegalBasis string    `json:"legal_basis,omitempty"`
	Proven     time.Time `json:"proven,omitzero"` // time of the block that proves it, in whose header it is
	Height     int64     `json:"height,omitempty"`
}

// Proof returns what the registry says about the issuer of a card, as it was proven when a card of that issuer last came
// in. It needs no network. Errors: [ErrNoCard], and those of the proof if it does not hold any more.
func (w *Wallet) Proof(ctx context.Context, cardID string) (*Proof, error) {
	r, err := w.record(cardID)
	if err != nil {
		return nil, err
	}
	p := &Proof{Card: displayName(r.Names, w.lang(), r.Type), Issuer: r.Issuer.Name, Registered: r.Issuer.Registered, DID: r.Issuer.DID}
	policy, err := w.kept(proofName(r.Issuer))
	if err != nil {
		return nil, err
	}
	proven, ok := policy.Source.(*ledger.Proven)
	if !ok {
		return p, nil
	}
	p.Proven, p.Height = proven.Time, proven.Height
	all, err := proven.Accreditations(ctx, r.Issuer.DID)
	if err != nil {
		return nil, err
	}
	// Of several the one that counts longest is the one that the card hangs on.
	var best *trust.Accreditation
	for i, a := range all {
		if a.Use == trust.Issue && slices.Contains(a.Types, r.Type) && a.Withdrawn == nil && (best == nil || a.Until.After(best.Until)) {
			best = &all[i]
		}
	}
	if best != nil {
		p.From, p.Until, p.LegalBasis = best.From, best.Until, safe(best.LegalBasis, 200)
		if best.Under != "" {
			p.GrantedBy = best.GrantedBy
		}
	}
	return p, nil
}
