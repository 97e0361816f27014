package issuer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

// States of a credential.
const (
	StateValid     = "valid"
	StateSuspended = "suspended"
	StateRevoked   = "revoked"
)

// issuedResponse is the answer at the credential endpoint (OpenID4VCI 1.0, Section 8.3).
type issuedResponse struct {
	Credentials    []issuedCopy `json:"credentials"`
	NotificationID string       `json:"notification_id"`
}

type issuedCopy struct {
	Credential string `json:"credential"`
}

// wanted is a checked credential request.
type wanted struct {
	configuration string
	keys          []*jose.JWK
	nonces        map[string]time.Time // with their ends
	person        *person
	subject       string
}

// issue answers a credential request: one signed copy for each proof. All copies are one credential for staff. The error
// may be *oauth.Error; then nothing was issued.
func (i *Issuer) issue(ctx context.Context, t *tenant, token *accessToken, body []byte) (*issuedResponse, error) {
	request, err := openid4vci.ParseCredentialRequest(body)
	if err != nil {
		return nil, err
	}
	w := &wanted{}
	if w.configuration, err = t.configuration(request, token); err != nil {
		return nil, err
	}
	if request.Encryption {
		return nil, refuse(oauth.InvalidEncryption, "encrypted answers are not supported")
	}
	if err := i.checkProofs(t, token, request.Proofs, w); err != nil {
		return nil, err
	}
	if err := i.content(ctx, t, token, w); err != nil {
		return nil, err
	}
	issued := day(i.now())
	notification := newSecret()
	var taken *indices
	err = i.db.Write(ctx, func(tx *sql.Tx) error {
		taken = nil
		for nonce, expires := range w.nonces {
			// Kept longer than the nonce counts, in case the clock is set back.
			res, err := tx.Exec("INSERT INTO used_nonce (hash, expires) VALUES (?,?) ON CONFLICT DO NOTHING", hashed("nonce", nonce), expires.Add(24*time.Hour).UnixMilli())
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n != 1 {
				return errors.Join(err, refuse(oauth.InvalidNonce, "the nonce was used"))
			}
		}
		return i.record(tx, t, token, w, issued, notification, &taken)
	})
	if err != nil {
		return nil, err
	}
	out := &issuedResponse{NotificationID: notification}
	for n, key := range w.keys {
		copy, err := t.sign(w.person, key, issued, taken.uri, taken.all[n])
		if err != nil {
			return nil, err
		}
		out.Credentials = append(out.Credentials, issuedCopy{copy})
	}
	if taken.low {
		t.poke()
	}
	return out, nil
}

// configuration finds out what is asked.
func (t *tenant) configuration(r *openid4vci.CredentialRequest, token *accessToken) (string, error) {
	if r.Identifier != "" {
		if token.details && r.Identifier == identifier(token.offer, PersonalData) {
			return PersonalData, nil
		}
		return "", refuse(oauth.UnknownIdentifier, "no such credential identifier")
	}
	if r.ConfigurationID != PersonalData {
		return "", refuse(oauth.UnknownConfiguration, "no such credential configuration")
	}
	if token.details {
		return "", refuse(oauth.InvalidCredentialRequest, "the token response named credential identifiers")
	}
	return r.ConfigurationID, nil
}

func (i *Issuer) checkProofs(t *tenant, token *accessToken, proofs []string, w *wanted) error {
	if n := len(proofs); n == 0 || n > t.BatchSize {
		return refuse(oauth.InvalidProof, fmt.Sprintf("%d proofs, at least 1 and at most %d", n, t.BatchSize))
	}
	w.nonces = map[string]time.Time{}
	seen := map[string]bool{}
	now := i.now()
	for _, compact := range proofs {
		p, err := openid4vci.VerifyProof(compact, t.base, now)
		if err != nil {
			return err
		}
		key, ok := p.Key.Key.(*ecdsa.PublicKey)
		if !ok || key.Curve != elliptic.P256() {
			return refuse(oauth.InvalidProof, "only proofs with ES256 are taken")
		}
		// A DID there was checked to be the proving key's.
		if p.Issuer != "" && p.Issuer != token.client && !openid4vci.IsDID(p.Issuer) {
			return refuse(oauth.InvalidProof, "iss is not the client of the access token")
		}
		// Two copies with one key would be known as one person's wherever they are shown.
		print, err := p.Key.Thumbprint()
		if err != nil {
			return err
		}
		if seen[print] {
			return refuse(oauth.InvalidProof, "two proofs with one key")
		}
		seen[print] = true
		w.keys = append(w.keys, p.Key)
		w.nonces[p.Nonce] = time.Time{}
	}
	for nonce := range w.nonces {
		expires, ok := i.nonces.check(t.ID, nonce, i.elapsed())
		if !ok {
			return refuse(oauth.InvalidNonce, "the nonce is unknown or expired")
		}
		w.nonces[nonce] = expires
	}
	return nil
}

// content finds whose credential it is: the offer says so, never the request.
func (i *Issuer) content(ctx context.Context, t *tenant, token *accessToken, w *wanted) error {
	// A card outlives the offer that it came of.
	err := i.db.Read().QueryRowContext(ctx, `SELECT subject FROM offer WHERE id = ?1 AND tenant = ?2
		UNION ALL SELECT subject FROM credential WHERE offer = ?1 AND tenant = ?2 LIMIT 1`, token.offer, t.ID).Scan(&w.subject)
	if errors.Is(err, sql.ErrNoRows) {
		return refuse(oauth.RequestDenied, "the offer was used")
	}
	if err != nil {
		return err
	}
	claims := t.subjects[w.subject].Claims
	if w.subject == "" {
		if token.claims == nil {
			return refuse(oauth.RequestDenied, "the offer was used")
		}
		plain, err := unseal(token.secret, token.claims)
		if err != nil {
			return err
		}
		if err := jose.Unmarshal(plain, &claims); err != nil {
			return err
		}
	}
	if w.person, err = readPerson(claims); err != nil {
		return refuse(oauth.RequestDenied, "there are no data any more")
	}
	return nil
}

// record writes down a credential before any copy of it exists.
func (i *Issuer) record(tx *sql.Tx, t *tenant, token *accessToken, w *wanted, issued time.Time, notification string, taken **indices) error {
	var alive bool
	if err := tx.QueryRow("SELECT EXISTS (SELECT 1 FROM token WHERE hash = ? AND renews = ?)", token.hash, token.renews).Scan(&alive); err != nil {
		return err
	}
	if !alive {
		return refuse(oauth.RequestDenied, "the offer was used")
	}
	id := newID()
	var card string
	err := tx.QueryRow("SELECT id FROM credential WHERE offer = ? AND configuration = ?", token.offer, w.configuration).Scan(&card)
	again := err == nil
	switch {
	case errors.Is(err, sql.ErrNoRows):
		card = id
	case err != nil:
		return err
	case !token.renews:
		return refuse(oauth.RequestDenied, "the credential was issued already")
	default:
		if err := i.checkRenewal(tx, card, issued); err != nil {
			return err
		}
	}
	if *taken, err = i.take(tx, t, len(w.keys)); err != nil {
		return err
	}
	offer := token.offer
	if again {
		offer = ""
	}
	_, err = tx.Exec(`INSERT INTO credential (id, tenant, card, offer, configuration, subject, list, indices, issued, expires, state, notification)
		VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`, id, t.ID, card, offer, w.configuration, w.subject, (*taken).list, encodeIndices((*taken).all),
		issued.UnixMilli(), lastExpiry(issued).UnixMilli(), StateValid, hashed("notification", notification))
	if err != nil {
		return err
	}
	if again {
		// One batch for one trade of the refresh token. The token stays for the notification.
		if _, err := tx.Exec("UPDATE token SET renews = 0 WHERE hash = ?", token.hash); err != nil {
			return err
		}
		return i.audit(tx, t, "wallet", "credential.renew", card, "ok")
	}
	var ids string
	if err := tx.QueryRow("SELECT configurations FROM offer WHERE id = ?", token.offer).Scan(&ids); err != nil {
		return err
	}
	var configurations []string
	if err := json.Unmarshal([]byte(ids), &configurations); err != nil {
		return err
	}
	var issuedSoFar int
	if err := tx.QueryRow("SELECT COUNT(*) FROM credential WHERE offer = ?", token.offer).Scan(&issuedSoFar); err != nil {
		return err
	}
	if issuedSoFar == len(configurations) {
		if _, err := tx.Exec("UPDATE offer SET state = ? WHERE id = ?", OfferIssued, token.offer); err != nil {
			return err
		}
		// The token stays for the notification; what it can open goes.
		if _, err := tx.Exec("UPDATE token SET claims = NULL WHERE hash = ?", token.hash); err != nil {
			return err
		}
	}
	return i.audit(tx, t, "wallet", "credential.issue", id, "ok")
}

// Decoys per object that holds digests: the number is drawn, so that it does not tell how many claims there are.
const (
	minDecoys = 2
	maxDecoys = 5
)

// sign makes one copy. It holds nothing that another copy of the same person also holds, but for the day and the type.
func (t *tenant) sign(p *person, key *jose.JWK, issued time.Time, uri string, index uint64) (string, error) {
	expires, err := p.expiry(issued)
	if err != nil {
		return "", err
	}
	claims := p.claims(issued)
	claims["iss"] = string(t.did)
	claims["iat"] = issued.Unix()
	claims["nbf"] = issued.Unix()
	claims["exp"] = expires.Unix()
	claims["vct"] = PersonalDataVCT
	claims["cnf"] = map[string]any{"jwk": jose.JWK{Key: key.Key}}
	claims["status"] = map[string]any{"status_list": map[string]any{"uri": uri, "idx": index}}
	var b [1]byte
	rand.Read(b[:])
	decoys := minDecoys + int(b[0])%(maxDecoys-minDecoys+1)
	s, err := sdjwt.Issue(t.signer, jose.Header{Type: openid4vci.FormatSDJWT, X5C: t.chain}, claims, decoys)
	if err != nil {
		return "", err
	}
	return s.String(), nil
}

// notify takes a wallet's word on how it went (OpenID4VCI 1.0, Section 11).
func (i *Issuer) notify(ctx context.Context, t *tenant, token *accessToken, body []byte) error {
	var n struct {
		ID          string `json:"notification_id"`
		Event       string `json:"event"`
		Description string `json:"event_description"`
	}
	if err := jose.Unmarshal(body, &n); err != nil {
		return refuse(oauth.InvalidNotification, "the body is not a notification")
	}
	known := []string{openid4vci.CredentialAccepted, openid4vci.CredentialFailure, "credential_deleted"}
	if n.ID == "" || !slices.Contains(known, n.Event) {
		return refuse(oauth.InvalidNotification, "notification_id or event is missing or unknown")
	}
	return i.db.Write(ctx, func(tx *sql.Tx) error {
		var id, event string
		err := tx.QueryRow(`SELECT b.id, b.event FROM credential b JOIN credential c ON c.id = b.card WHERE b.notification = ? AND b.tenant = ? AND c.offer = ?`,
			hashed("notification", n.ID), t.ID, token.offer).Scan(&id, &event)
		if errors.Is(err, sql.ErrNoRows) {
			return refuse(oauth.InvalidNotificationID, "no such notification_id")
		}
		if err != nil || event == n.Event {
			return err
		}
		if _, err := tx.Exec("UPDATE credential SET event = ? WHERE id = ?", n.Event, id); err != nil {
			return err
		}
		return i.audit(tx, t, "wallet", "credential.notify", id, n.Event)
	})
}
