package issuer

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vci"
)

// tokenResponse is the answer of RFC 6749, Section 5.1.
type tokenResponse struct {
	AccessToken  string                `json:"access_token"`
	TokenType    string                `json:"token_type"`
	ExpiresIn    int                   `json:"expires_in"`
	RefreshToken string                `json:"refresh_token,omitempty"`
	Details      []authorizationDetail `json:"authorization_details,omitempty"`
}

// authorizationDetail is of OpenID4VCI 1.0, Sections 5.1.1 and 6.2.
type authorizationDetail struct {
	Type          string   `json:"type"`
	Configuration string   `json:"credential_configuration_id"`
	Identifiers   []string `json:"credential_identifiers"`
}

func refuse(code oauth.Code, description string) *oauth.Error {
	return &oauth.Error{Status: http.StatusBadRequest, Code: code, Description: description}
}

// parameter returns a parameter that was given exactly once.
func parameter(form map[string][]string, name string) (string, bool) {
	v, ok := form[name]
	if !ok || len(v) != 1 {
		return "", false
	}
	return v[0], true
}

// token answers a token request; proof is of the key that asks, nil if there is none. The error may be *oauth.Error.
func (i *Issuer) token(ctx context.Context, t *tenant, form map[string][]string, proof *oauth.DPoP) (*tokenResponse, error) {
	switch grantType, _ := parameter(form, "grant_type"); grantType {
	case "":
		return nil, refuse(oauth.InvalidRequest, "grant_type is missing")
	case openid4vci.GrantPreAuthorized:
		return i.redeem(ctx, t, form, proof)
	case openid4vci.GrantCode:
		return i.redeemCode(ctx, t, form, proof)
	case openid4vci.GrantRefresh:
		secret, _ := parameter(form, "refresh_token")
		return i.refresh(ctx, t, secret, proof)
	}
	return nil, refuse(oauth.UnsupportedGrantType, "only the pre-authorized code, the authorization code and the refresh token are supported")
}

// redeem trades a pre-authorized code for an access token (OpenID4VCI 1.0, Section 6). With a proof the token is bound to its
// key, and comes with a refresh token; without one it is as good as it is short. The error may be *oauth.Error.
func (i *Issuer) redeem(ctx context.Context, t *tenant, form map[string][]string, proof *oauth.DPoP) (*tokenResponse, error) {
	get := func(name string) (string, bool) { return parameter(form, name) }
	code, _ := get("pre-authorized_code")
	txCode, withTxCode := get("tx_code")
	client, _ := get("client_id")
	switch {
	case code == "":
		return nil, refuse(oauth.InvalidRequest, "pre-authorized_code is missing")
	case len(client) > 512:
		return nil, refuse(oauth.InvalidRequest, "client_id is too long")
	}
	var wanted []string
	details, withDetails := get("authorization_details")
	if withDetails {
		var err error
		if wanted, err = parseDetails(details); err != nil {
			return nil, refuse(oauth.InvalidRequest, "authorization_details cannot be used")
		}
	}
	var out *tokenResponse
	var refused error
	proofUsed := false
	// One writer at a time: of two that come with one code the first wins, and wrong tries are counted before the next is
	// looked at. A refusal is not an error of the transaction: its count must stay.
	err := i.db.Write(ctx, func(tx *sql.Tx) (err error) {
		out, refused = nil, nil
		invalid := refuse(oauth.InvalidGrant, "the code or the transaction code does not hold")
		var o struct {
			state, ids     string
			txHash, claims []byte
			tries          int
			expires        int64
		}
		g := grantedOffer{client: client, details: withDetails, wanted: wanted, millis: i.elapsed().UnixMilli()}
		err = tx.QueryRow("SELECT id, state, configurations, subject, tx_code, claims, tries, expires FROM offer WHERE code = ? AND tenant = ?",
			hashed("code", code), t.ID).Scan(&g.id, &o.state, &o.ids, &g.subject, &o.txHash, &o.claims, &o.tries, &o.expires)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			refused = invalid
			return nil
		case err != nil:
			return err
		case o.state != OfferWaiting || g.millis >= o.expires:
			refused = invalid
			return nil
		case withTxCode && o.txHash == nil:
			refused = refuse(oauth.InvalidRequest, "tx_code is not expected")
			return nil
		case !withTxCode && o.txHash != nil:
			refused = refuse(oauth.InvalidRequest, "tx_code is missing")
			return nil
		}
		if o.txHash != nil && !hmac.Equal(o.txHash, hashedTxCode(code, txCode)) {
			refused = invalid
			return i.wrongTxCode(tx, t, g.id, o.tries+1)
		}
		if err := json.Unmarshal([]byte(o.ids), &g.ids); err != nil {
			return err
		}
		if proof != nil && !proofUsed {
			if refused = i.useProof(proof); refused != nil {
				return nil
			}
			proofUsed = true
		}
		var plain []byte
		if o.claims != nil {
			if plain, err = unseal(code, o.claims); err != nil {
				return err
			}
		}
		if out, err = i.hand(tx, t, g, proof, plain); err == nil && out == nil {
			refused = refuse(oauth.InvalidRequest, "authorization_details name no credential of the offer")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return nil, refused
	}
	return out, nil
}

// grantedOffer is an offer whose code was good.
type grantedOffer struct {
	id, subject, client string
	ids                 []string // its configurations
	details             bool     // authorization_details were sent
	wanted              []string // those that they name; none: all
	millis              int64    // now
}

// hand gives out the tokens of an offer, and writes down that it was taken. With a proof they are bound to its key, and a refresh
// token is among them. claims came with the offer. Nil if nothing of the offer is wanted: then nothing has changed.
func (i *Issuer) hand(tx *sql.Tx, t *tenant, g grantedOffer, proof *oauth.DPoP, claims []byte) (*tokenResponse, error) {
	answer := &tokenResponse{AccessToken: newSecret(), TokenType: "Bearer", ExpiresIn: int(tokenLife.Seconds())}
	for _, id := range g.ids {
		if g.details && (len(g.wanted) == 0 || slices.Contains(g.wanted, id)) {
			answer.Details = append(answer.Details, authorizationDetail{"openid_credential", id, []string{identifier(g.id, id)}})
		}
	}
	if g.details && len(answer.Details) == 0 {
		return nil, nil
	}
	thumbprint := ""
	if proof != nil {
		thumbprint, answer.TokenType = proof.Thumbprint, oauth.SchemeDPoP
		// Data that came with the offer are not kept, so there is nothing to renew them from.
		if g.subject != "" && t.RenewDays > 0 {
			expires := g.millis + (time.Duration(t.RenewDays) * 24 * time.Hour).Milliseconds()
			var err error
			if answer.RefreshToken, err = newRefresh(tx, t, g.id, g.client, g.details, thumbprint, expires); err != nil {
				return nil, err
			}
		}
	}
	var sealed []byte
	if claims != nil {
		var err error
		if sealed, err = seal(answer.AccessToken, claims); err != nil {
			return nil, err
		}
	}
	if _, err := tx.Exec("UPDATE offer SET state = ?, claims = NULL WHERE id = ?", OfferOpened, g.id); err != nil {
		return nil, err
	}
	_, err := tx.Exec("INSERT INTO token (hash, tenant, offer, client, details, claims, expires, thumbprint) VALUES (?,?,?,?,?,?,?,?)",
		hashed("token", answer.AccessToken), t.ID, g.id, g.client, g.details, sealed, g.millis+tokenLife.Milliseconds(), thumbprint)
	if err != nil {
		return nil, err
	}
	return answer, i.audit(tx, t, "wallet", "offer.redeem", g.id, "ok")
}

// wrongTxCode counts a wrong try. The last one ends the offer; the clerk sees that in its state.
func (i *Issuer) wrongTxCode(tx *sql.Tx, t *tenant, offer string, tries int) error {
	state, outcome := OfferWaiting, "wrong"
	if tries >= maxTries {
		state, outcome = OfferBlocked, "blocked"
	}
	_, err := tx.Exec("UPDATE offer SET tries = ?, state = ?, claims = CASE WHEN ? = 'blocked' THEN NULL ELSE claims END WHERE id = ?",
		tries, state, outcome, offer)
	if err != nil {
		return err
	}
	return i.audit(tx, t, "wallet", "offer.tx_code", offer, outcome)
}

// parseDetails reads authorization_details: which configurations are asked, none for all.
func parseDetails(text string) ([]string, error) {
	var details []struct {
		Type          string `json:"type"`
		Configuration string `json:"credential_configuration_id"`
	}
	if err := jose.Unmarshal([]byte(text), &details); err != nil {
		return nil, err
	}
	var ids []string
	for _, d := range details {
		if d.Type != "openid_credential" || d.Configuration == "" {
			return nil, errors.New("unknown type")
		}
		ids = append(ids, d.Configuration)
	}
	if len(ids) == 0 {
		return nil, errors.New("empty")
	}
	return ids, nil
}

// identifier names the one data set that an offer has for a configuration (OpenID4VCI 1.0, Section 3.3.4).
func identifier(offer, configuration string) string { return configuration + "." + offer }

// accessToken is a stored token.
type accessToken struct {
	secret  string
	hash    []byte
	offer   string
	client  string
	details bool
	claims  []byte // sealed under the token
	// thumbprint of the key that the token is bound to, "" for a bearer token.
	thumbprint string
	renews     bool // for one more batch of a card that was issued
}

// access looks up the access token of a request. The error is an *oauth.Error with status 401 for every token that does
// not count here.
func (i *Issuer) access(ctx context.Context, t *tenant, secret string) (*accessToken, error) {
	a := &accessToken{secret: secret, hash: hashed("token", secret)}
	err := i.db.Read().QueryRowContext(ctx, "SELECT offer, client, details, claims, thumbprint, renews FROM token WHERE hash = ? AND tenant = ? AND expires > ?",
		a.hash, t.ID, i.elapsed().UnixMilli()).Scan(&a.offer, &a.client, &a.details, &a.claims, &a.thumbprint, &a.renews)
	if secret == "" || errors.Is(err, sql.ErrNoRows) {
		return nil, &oauth.Error{Status: http.StatusUnauthorized, Code: oauth.InvalidToken, Description: "the access token is missing, unknown or expired"}
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}
