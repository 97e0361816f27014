package issuer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/pkg/oauth"
)

// defaultRenewDays is for how long after a visit a card can be renewed without another one.
const (
	defaultRenewDays = 365
	maxRenewDays     = 5 * 365
)

// maxRenewals is how many batches of a card are issued on one day: a wallet in a loop must not use up the status lists.
const maxRenewals = 8

// States of a refresh token. The one before the current still counts: an answer may be lost on its way, and the person
// would have to come again. Once the current one was used, whoever brings an older one is not the only holder, and the right
// to renew ends (RFC 9700, Section 4.14.2).
const (
	refreshCurrent  = "current"
	refreshPrevious = "previous"
	refreshSpent    = "spent"
)

// prove checks the proof of a request to an address of the tenant (RFC 9449, Section 4.3): nil if it has none. The proof is not
// marked as used yet. The error is an *oauth.Error with status 400.
func (i *Issuer) prove(t *tenant, r *http.Request, accessToken string) (*oauth.DPoP, error) {
	compact, err := oauth.DPoPHeader(r.Header)
	if err != nil || compact == "" {
		return nil, err
	}
	p, err := oauth.VerifyDPoP(compact, r.Method, i.cfg.Origin+r.URL.EscapedPath(), accessToken, i.now())
	if err != nil {
		return nil, err
	}
	if _, ok := i.proofNonces.check(t.ID, p.Nonce, i.elapsed()); !ok {
		return nil, refuse(oauth.UseDPoPNonce, "the proof needs the nonce of this answer")
	}
	return p, nil
}

// proofNonce brings the caller a nonce for the next proof, whatever the answer is.
func (i *Issuer) proofNonce(t *tenant, w http.ResponseWriter) {
	w.Header().Set(oauth.HeaderDPoPNonce, i.proofNonces.make(t.ID, i.elapsed()))
}

// useProof marks a proof as used; only those of requests that are good otherwise are remembered.
func (i *Issuer) useProof(p *oauth.DPoP) error {
	err := i.replays.Use(p, i.elapsed())
	if errors.Is(err, oauth.ErrFull) {
		return fmt.Errorf("%w: %v", ErrUnavailable, err)
	}
	return err
}

// bound checks that who shows a token holds the key that it is bound to (RFC 9449, Section 7.1).
func (i *Issuer) bound(t *tenant, r *http.Request, scheme string, a *accessToken) error {
	p, err := i.prove(t, r, a.secret)
	switch {
	case err != nil:
	case p == nil:
		err = refuse(oauth.InvalidDPoPProof, "the token is bound to a key, and there is no proof")
	case scheme != "dpop":
		err = refuse(oauth.InvalidToken, "the token is bound to a key and is no bearer token")
	case p.Thumbprint != a.thumbprint:
		err = refuse(oauth.InvalidDPoPProof, "the token is bound to another key")
	default:
		err = i.useProof(p)
	}
	var refused *oauth.Error
	if errors.As(err, &refused) {
		refused.Status, refused.DPoP = http.StatusUnauthorized, true
	}
	return err
}

// newRefresh makes a refresh token for what comes of an offer. Only its hash is kept.
func newRefresh(tx *sql.Tx, t *tenant, offer, client string, details bool, thumbprint string, expires int64) (string, error) {
	secret := newSecret()
	_, err := tx.Exec("INSERT INTO refresh (hash, tenant, offer, client, details, thumbprint, state, expires) VALUES (?,?,?,?,?,?,?,?)",
		hashed("refresh", secret), t.ID, offer, client, details, thumbprint, refreshCurrent, expires)
	return secret, err
}

// refresh trades a refresh token for an access token and the next refresh token (RFC 6749, Section 6). Both are bound to the
// key that the first was bound to. The error may be *oauth.Error.
func (i *Issuer) refresh(ctx context.Context, t *tenant, secret string, proof *oauth.DPoP) (*tokenResponse, error) {
	switch {
	case secret == "":
		return nil, refuse(oauth.InvalidRequest, "refresh_token is missing")
	case proof == nil:
		return nil, refuse(oauth.InvalidDPoPProof, "a refresh token needs a proof of its key")
	}
	var out *tokenResponse
	var refused error
	used := false
	// As in redeem: a refusal is not an error of the transaction, so that what it ends stays ended.
	err := i.db.Write(ctx, func(tx *sql.Tx) error {
		out, refused = nil, nil
		invalid := refuse(oauth.InvalidGrant, "the refresh token does not hold")
		var o struct {
			offer, client, thumbprint, state string
			details                          bool
			expires                          int64
		}
		now := i.elapsed().UnixMilli()
		err := tx.QueryRow("SELECT offer, client, details, thumbprint, state, expires FROM refresh WHERE hash = ? AND tenant = ?",
			hashed("refresh", secret), t.ID).Scan(&o.offer, &o.client, &o.details, &o.thumbprint, &o.state, &o.expires)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			refused = invalid
			return nil
		case err != nil:
			return err
		case now >= o.expires || o.thumbprint != proof.Thumbprint:
			// Who does not have the key ends nothing.
			refused = invalid
			return nil
		case !used:
			if refused = i.useProof(proof); refused != nil {
				return nil
			}
			used = true
		}
		if o.state == refreshSpent {
			refused = invalid
			if err := endRenewal(tx, o.offer); err != nil {
				return err
			}
			return i.audit(tx, t, "wallet", "offer.refresh", o.offer, "reused")
		}
		alive, err := i.renewable(tx, t, o.offer)
		if err != nil {
			return err
		}
		if !alive {
			refused = invalid
			if err := endRenewal(tx, o.offer); err != nil {
				return err
			}
			return i.audit(tx, t, "wallet", "offer.refresh", o.offer, "ended")
		}
		// An answer that was lost: what it held counts no more. Else one generation on.
		if o.state == refreshCurrent {
			if _, err := tx.Exec("UPDATE refresh SET state = ? WHERE offer = ? AND state = ?", refreshSpent, o.offer, refreshPrevious); err != nil {
				return err
			}
			_, err = tx.Exec("UPDATE refresh SET state = ? WHERE offer = ? AND state = ?", refreshPrevious, o.offer, refreshCurrent)
		} else {
			_, err = tx.Exec("UPDATE refresh SET state = ? WHERE offer = ? AND state = ?", refreshSpent, o.offer, refreshCurrent)
		}
		if err != nil {
			return err
		}
		answer := &tokenResponse{AccessToken: newSecret(), TokenType: oauth.SchemeDPoP, ExpiresIn: int(tokenLife.Seconds())}
		if o.details {
			answer.Details = []authorizationDetail{{"openid_credential", PersonalData, []string{identifier(o.offer, PersonalData)}}}
		}
		if answer.RefreshToken, err = newRefresh(tx, t, o.offer, o.client, o.details, o.thumbprint, o.expires); err != nil {
			return err
		}
		_, err = tx.Exec("INSERT INTO token (hash, tenant, offer, client, details, expires, thumbprint, renews) VALUES (?,?,?,?,?,?,?,1)",
			hashed("token", answer.AccessToken), t.ID, o.offer, o.client, o.details, now+tokenLife.Milliseconds(), o.thumbprint)
		if err != nil {
			return err
		}
		out = answer
		return i.audit(tx, t, "wallet", "offer.refresh", o.offer, "ok")
	})
	if err != nil {
		return nil, err
	}
	return out, refused
}

// renewable reports whether there is anything left to renew: the person's data are here, and the card was not revoked, is not
// about to be, and has not expired. One that is suspended, or was not issued yet, can wait.
func (i *Issuer) renewable(tx *sql.Tx, t *tenant, offer string) (bool, error) {
	var subject string
	err := tx.QueryRow("SELECT subject FROM offer WHERE id = ?1 UNION ALL SELECT subject FROM credential WHERE offer = ?1 LIMIT 1", offer).Scan(&subject)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, ok := t.subjects[subject]; !ok {
		return false, nil
	}
	var revoked bool
	var expires sql.NullInt64
	err = tx.QueryRow(`SELECT COALESCE(MAX(b.state = ?1 OR EXISTS (SELECT 1 FROM action a WHERE a.credential = b.id AND a.done = 0 AND a.kind = ?2)), 0), MAX(b.expires)
		FROM credential c JOIN credential b ON b.card = c.id WHERE c.offer = ?3`, StateRevoked, kindRevoke, offer).Scan(&revoked, &expires)
	return !revoked && (!expires.Valid || expires.Int64 > i.now().UnixMilli()), err
}

// endRenewal takes back the right to renew what came of an offer, and what is under way of it.
func endRenewal(tx *sql.Tx, offer string) error {
	if _, err := tx.Exec("DELETE FROM refresh WHERE offer = ?", offer); err != nil {
		return err
	}
	_, err := tx.Exec("DELETE FROM token WHERE offer = ? AND renews = 1", offer)
	return err
}

// checkRenewal says whether a card gets one more batch now. The error may be *oauth.Error.
func (i *Issuer) checkRenewal(tx *sql.Tx, card string, issued time.Time) error {
	var stopped bool
	var today int
	err := tx.QueryRow(`SELECT MAX(b.state <> ?1 OR EXISTS (SELECT 1 FROM action a WHERE a.credential = b.id AND a.done = 0)), COUNT(*) FILTER (WHERE b.issued = ?2 AND b.id <> b.card)
		FROM credential b WHERE b.card = ?3`, StateValid, issued.UnixMilli(), card).Scan(&stopped, &today)
	switch {
	case err != nil:
		return err
	case stopped:
		return refuse(oauth.RequestDenied, "the credential is suspended or revoked")
	case today >= maxRenewals:
		return refuse(oauth.RequestDenied, "the credential was renewed too often today")
	}
	return nil
}
