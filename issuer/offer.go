package issuer

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/openid4vci"
)

// OfferRequest is what staff asks. Exactly one of Subject and Claims is given.
type OfferRequest struct {
	ConfigurationIDs []string       `json:"configuration_ids"`
	Subject          string         `json:"subject,omitempty"`
	Claims           map[string]any `json:"claims,omitempty"`
	TxCode           bool           `json:"tx_code,omitempty"`
	ByReference      bool           `json:"by_reference,omitempty"`
	// Letter makes an offer to send home: the person types its code on our page and collects the card within two weeks. Only for a
	// subject; there is always a code.
	Letter bool `json:"letter,omitempty"`
}

// Offered is a made offer. URI and TxCode are told once: only their hashes are kept.
type Offered struct {
	ID        string    `json:"id"`
	URI       string    `json:"offer_uri"`
	TxCode    string    `json:"tx_code,omitempty"`
	ExpiresAt time.Time `json:"expires_at"`
}

// States of an offer.
const (
	OfferWaiting   = "waiting"   // nobody has traded the code yet
	OfferOpened    = "opened"    // a wallet has an access token
	OfferIssued    = "issued"    // the credentials were handed out
	OfferExpired   = "expired"   //
	OfferCancelled = "cancelled" // by staff
	OfferBlocked   = "blocked"   // too many wrong transaction codes
)

// OfferStatus is how far an offer is.
type OfferStatus struct {
	ID        string    `json:"id"`
	State     string    `json:"state"`
	Subject   string    `json:"subject,omitempty"`
	TxCode    bool      `json:"tx_code"`
	Letter    bool      `json:"letter,omitempty"`
	Tries     int       `json:"tries"` // wrong transaction codes
	ExpiresAt time.Time `json:"expires_at"`
	// Event is what the wallet said afterwards: "", "credential_accepted", "credential_failure", or
	// "credential_deleted" when the person did not want the card after seeing it; the card can then be revoked.
	Event string `json:"event,omitempty"`
	// CredentialIDs are the credentials that came of it.
	CredentialIDs []string `json:"credential_ids,omitempty"`
}

const maxTries = 5 // of the transaction code

// Offer makes an offer in the name of a member of staff. Errors: [ErrNotFound], [ErrInvalid].
func (i *Issuer) Offer(ctx context.Context, tenantID, staffName string, r OfferRequest) (*Offered, error) {
	t, err := i.tenant(tenantID)
	if err != nil {
		return nil, err
	}
	if err := t.checkOffer(r); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrInvalid, err)
	}
	now, life, kind := i.elapsed(), codeLife, "code"
	if r.Letter {
		r.TxCode, life, kind = true, letterLife, "issuer_state"
	}
	out := &Offered{ID: newID(), ExpiresAt: now.Add(life).UTC().Truncate(time.Second)}
	// An offer by reference is made again from its address when a wallet asks, so that no code has to be stored.
	reference := newSecret()
	code := offerCode(reference)
	if r.TxCode {
		if out.TxCode, err = newTxCode(); err != nil {
			return nil, err
		}
	}
	offer := t.offer(r.ConfigurationIDs, code, r.TxCode, r.Letter)
	out.URI = offer.Link()
	var referenceHash, txHash, sealed []byte
	if r.ByReference {
		out.URI = openid4vci.LinkByReference(t.base + "/offers/" + reference)
		referenceHash = hashed("reference", reference)
	}
	if r.TxCode {
		txHash = hashedTxCode(code, out.TxCode)
	}
	if r.Subject == "" {
		plain, err := json.Marshal(r.Claims)
		if err != nil {
			return nil, fmt.Errorf("%w: claims", ErrInvalid)
		}
		if sealed, err = seal(code, plain); err != nil {
			return nil, err
		}
	}
	ids, err := json.Marshal(r.ConfigurationIDs)
	if err != nil {
		return nil, err
	}
	err = i.db.Write(ctx, func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO offer (id, tenant, code, reference, tx_code, configurations, subject, claims, staff, state, created, expires, letter)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)`, out.ID, t.ID, hashed(kind, code), referenceHash, txHash, string(ids), r.Subject, sealed,
			staffName, OfferWaiting, now.UnixMilli(), now.Add(life).UnixMilli(), r.Letter)
		if err != nil {
			return err
		}
		return i.audit(tx, t, staffName, "offer.create", out.ID, "ok")
	})
	if err != nil {
		return nil, err
	}
	i.metrics.offers.WithLabelValues(t.ID).Inc()
	return out, nil
}

func (t *tenant) checkOffer(r OfferRequest) error {
	if len(r.ConfigurationIDs) == 0 {
		return errors.New("configuration_ids is empty")
	}
	for n, id := range r.ConfigurationIDs {
		if id != PersonalData || slices.Contains(r.ConfigurationIDs[:n], id) {
			return fmt.Errorf("configuration %.64q is unknown or given twice", id)
		}
	}
	switch {
	case r.Letter && r.Subject == "":
		return errors.New("a letter is for a subject")
	case (r.Subject == "") == (r.Claims == nil):
		return errors.New("exactly one of subject and claims is needed")
	case r.Claims != nil:
		_, err := readPerson(r.Claims)
		return err
	}
	if _, ok := t.subjects[r.Subject]; !ok {
		return errors.New("no inhabitant with this id")
	}
	return nil
}

func (t *tenant) offer(configurations []string, code string, txCode, letter bool) *openid4vci.Offer {
	if letter { // its code is for our page, not for the wallet
		return &openid4vci.Offer{CredentialIssuer: t.base, ConfigurationIDs: configurations,
			Grants: &openid4vci.Grants{Code: &openid4vci.CodeGrant{IssuerState: code}}}
	}
	grant := &openid4vci.PreAuthorized{Code: code}
	if txCode {
		grant.TxCode = &openid4vci.TxCode{InputMode: "numeric", Length: 6}
	}
	return &openid4vci.Offer{CredentialIssuer: t.base, ConfigurationIDs: configurations, Grants: &openid4vci.Grants{PreAuthorized: grant}}
}

func offerCode(reference string) string {
	return base64.RawURLEncoding.EncodeToString(derive(reference, "pre-authorized code"))
}

// offerByReference returns the offer at an address that we gave out, while it can be traded. Error: [ErrNotFound].
func (i *Issuer) offerByReference(ctx context.Context, t *tenant, reference string) (*openid4vci.Offer, error) {
	var ids string
	var txCode []byte
	var letter bool
	err := i.db.Read().QueryRowContext(ctx, `SELECT configurations, tx_code, letter FROM offer
		WHERE reference = ? AND tenant = ? AND state = ? AND expires > ?`,
		hashed("reference", reference), t.ID, OfferWaiting, i.elapsed().UnixMilli()).Scan(&ids, &txCode, &letter)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: offer", ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	var configurations []string
	if err := json.Unmarshal([]byte(ids), &configurations); err != nil {
		return nil, err
	}
	return t.offer(configurations, offerCode(reference), txCode != nil, letter), nil
}

// OfferState returns how far an offer is. Error: [ErrNotFound].
func (i *Issuer) OfferState(ctx context.Context, tenantID, id string) (*OfferStatus, error) {
	t, err := i.tenant(tenantID)
	if err != nil {
		return nil, err
	}
	s := &OfferStatus{ID: id}
	var expires int64
	err = i.db.Read().QueryRowContext(ctx, `SELECT state, subject, tx_code IS NOT NULL, letter, tries, expires FROM offer WHERE id = ? AND tenant = ?`, id, t.ID).
		Scan(&s.State, &s.Subject, &s.TxCode, &s.Letter, &s.Tries, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: offer", ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	s.ExpiresAt = time.UnixMilli(expires).UTC()
	if s.State == OfferWaiting && !i.elapsed().Before(s.ExpiresAt) {
		s.State = OfferExpired
	}
	rows, err := i.db.Read().QueryContext(ctx, `SELECT id, event FROM credential WHERE offer = ? AND tenant = ? ORDER BY configuration`, id, t.ID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var credential, event string
		if err := rows.Scan(&credential, &event); err != nil {
			return nil, err
		}
		s.CredentialIDs = append(s.CredentialIDs, credential)
		// One failure among several is what the desk needs to know.
		if s.Event != openid4vci.CredentialFailure {
			s.Event = event
		}
	}
	return s, rows.Err()
}

// CancelOffer takes an offer back. One that was traded already is [ErrConflict]. Errors: [ErrNotFound], [ErrConflict].
func (i *Issuer) CancelOffer(ctx context.Context, tenantID, staffName, id string) error {
	t, err := i.tenant(tenantID)
	if err != nil {
		return err
	}
	return i.db.Write(ctx, func(tx *sql.Tx) error {
		var state string
		err := tx.QueryRow("SELECT state FROM offer WHERE id = ? AND tenant = ?", id, t.ID).Scan(&state)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("%w: offer", ErrNotFound)
		case err != nil:
			return err
		case state == OfferCancelled:
			return nil
		case state != OfferWaiting:
			return fmt.Errorf("%w: the offer is %s", ErrConflict, state)
		}
		if _, err := tx.Exec("UPDATE offer SET state = ?, claims = NULL WHERE id = ?", OfferCancelled, id); err != nil {
			return err
		}
		return i.audit(tx, t, staffName, "offer.cancel", id, "ok")
	})
}

func (i *Issuer) audit(tx *sql.Tx, t *tenant, actor, action, object, outcome string) error {
	return office.Audit(tx, office.Event{Time: i.now(), Tenant: t.ID, Actor: actor, Action: action, Object: object, Outcome: outcome})
}
