package issuer

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/web"
)

// public lets pages of other origins, such as a web wallet, read what is for everybody.
func public(w http.ResponseWriter) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
}

// getIssuerMetadata answers JSON, or the signed form to who asks application/jwt (Section 12.2.2).
func getIssuerMetadata(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	public(w)
	w.Header().Set("Vary", "Accept")
	if !takes(r, "application/json") && takes(r, "application/jwt") {
		signed, err := i.signedMetadata(t)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/jwt")
		w.Header().Set("Cache-Control", "no-cache")
		_, err = io.WriteString(w, signed)
		return err
	}
	m, err := i.issuerMetadata(r.Context(), t)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, m)
	return nil
}

func getAuthorizationMetadata(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	public(w)
	web.WriteJSON(w, http.StatusOK, t.authorizationMetadata())
	return nil
}

func getJWTIssuerMetadata(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	public(w)
	web.WriteJSON(w, http.StatusOK, t.jwtIssuerMetadata())
	return nil
}

func getType(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	public(w)
	web.WriteJSON(w, http.StatusOK, t.typeMetadata())
	return nil
}

func getAsset(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	office.Assets(w, r)
	return nil
}

func getOffer(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	offer, err := i.offerByReference(r.Context(), t, mux.Vars(r)["reference"])
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, offer)
	return nil
}

// getStatus serves the Status List Token. The request tells the list and nothing else: no cookie, no index, no login.
func getStatus(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	public(w)
	if !takes(r, "application/statuslist+jwt") {
		web.Problem{Title: "Not acceptable", Status: http.StatusNotAcceptable, Detail: "lists are served as application/statuslist+jwt"}.Write(w)
		return nil
	}
	n, err := strconv.ParseInt(mux.Vars(r)["list"], 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != mux.Vars(r)["list"] {
		return ErrNotFound // one list has one address
	}
	token, err := i.statusToken(r.Context(), t, n)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/statuslist+jwt")
	w.Header().Set("Cache-Control", "public, max-age="+strconv.Itoa(int(statusFresh.Seconds())))
	_, err = io.WriteString(w, token)
	return err
}

const maxTokenRequest = 16 << 10

// tokenForm reads the form of a wallet with the proof of its key, if there is one.
func (i *Issuer) tokenForm(t *tenant, w http.ResponseWriter, r *http.Request) (url.Values, *oauth.DPoP, error) {
	i.proofNonce(t, w)
	form, status := web.ReadForm(w, r, maxTokenRequest)
	if status != 0 {
		return nil, nil, &oauth.Error{Status: status, Code: oauth.InvalidRequest, Description: "the body is not a form within the limits"}
	}
	proof, err := i.prove(t, r, "")
	return form, proof, err
}

// postPush takes a request that a person is to be asked (RFC 9126, Section 2).
func postPush(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	form, proof, err := i.tokenForm(t, w, r)
	if err != nil {
		return err
	}
	uri, err := i.push(r.Context(), t, form, proof)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusCreated, map[string]any{"request_uri": uri, "expires_in": int(pushedLife.Seconds())})
	return nil
}

func postToken(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	form, proof, err := i.tokenForm(t, w, r)
	if err != nil {
		return err
	}
	token, err := i.token(r.Context(), t, form, proof)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, token)
	return nil
}

// postNonce gives a nonce to anybody (Section 7), and one for proofs of a token's key. The request needs no body.
func postNonce(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	i.proofNonce(t, w)
	// A body beyond the cap is a wrong address or an attack.
	if _, err := readBody(w, r, maxTokenRequest, oauth.InvalidRequest); err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, map[string]string{"c_nonce": i.nonces.make(t.ID, i.elapsed())})
	return nil
}

func postCredential(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	i.proofNonce(t, w)
	token, err := i.authorize(t, r)
	if err != nil {
		return err
	}
	body, err := readJSON(w, r, openid4vci.MaxRequest, oauth.InvalidCredentialRequest)
	if err != nil {
		return err
	}
	issued, err := i.issue(r.Context(), t, token, body)
	if err != nil {
		return err
	}
	i.metrics.copies.WithLabelValues(t.ID).Add(float64(len(issued.Credentials)))
	web.WriteJSON(w, http.StatusOK, issued)
	return nil
}

func postNotification(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	i.proofNonce(t, w)
	token, err := i.authorize(t, r)
	if err != nil {
		return err
	}
	body, err := readJSON(w, r, 16<<10, oauth.InvalidNotification)
	if err != nil {
		return err
	}
	if err := i.notify(r.Context(), t, token, body); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// authorize reads the access token from the header, and from nowhere else: a query ends up in logs (RFC 6750, Section 2.3).
func (i *Issuer) authorize(t *tenant, r *http.Request) (*accessToken, error) {
	if r.URL.Query().Has("access_token") {
		return nil, &oauth.Error{Status: http.StatusUnauthorized, Code: oauth.InvalidRequest, Description: "the access token belongs in the Authorization header"}
	}
	values := r.Header.Values("Authorization")
	scheme, secret := "", ""
	if len(values) == 1 {
		if s, rest, ok := strings.Cut(values[0], " "); ok && (strings.EqualFold(s, "Bearer") || strings.EqualFold(s, oauth.SchemeDPoP)) {
			scheme, secret = strings.ToLower(s), strings.TrimSpace(rest)
		}
	}
	a, err := i.access(r.Context(), t, secret)
	var refused *oauth.Error
	switch {
	case errors.As(err, &refused):
		refused.DPoP = scheme == "dpop"
		return nil, err
	case err != nil:
		return nil, err
	case a.thumbprint != "":
		return a, i.bound(t, r, scheme, a)
	case scheme != "bearer":
		return nil, &oauth.Error{Status: http.StatusUnauthorized, Code: oauth.InvalidToken, Description: "the token is not bound to a key"}
	}
	return a, nil
}

// readJSON reads a body of at most limit bytes; the endpoints of OpenID4VCI answer faults with their own codes.
func readJSON(w http.ResponseWriter, r *http.Request, limit int64, code oauth.Code) ([]byte, error) {
	if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mt != "application/json" || r.Header.Get("Content-Encoding") != "" {
		return nil, &oauth.Error{Status: http.StatusUnsupportedMediaType, Code: code, Description: "send application/json"}
	}
	return readBody(w, r, limit, code)
}

func readBody(w http.ResponseWriter, r *http.Request, limit int64, code oauth.Code) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &oauth.Error{Status: http.StatusRequestEntityTooLarge, Code: code, Description: "the body is too large"}
	case err != nil:
		return nil, refuse(code, "the body cannot be read")
	}
	return body, nil
}
