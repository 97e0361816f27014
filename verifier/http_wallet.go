package verifier

import (
	"errors"
	"net/http"

	"github.com/gorilla/mux"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/web"
)

// maxWalletForm bounds what a wallet posts to get a request object.
const maxWalletForm = 64 << 10

// GET …/r/{handle}
func (v *Verifier) serveRequest(w http.ResponseWriter, r *http.Request) {
	v.sendRequest(w, r, "")
}

// POST …/r/{handle} with wallet_nonce (OpenID4VP 1.0, Section 5.10)
func (v *Verifier) serveRequestPost(w http.ResponseWriter, r *http.Request) {
	form, status := web.ReadForm(w, r, maxWalletForm)
	if status != 0 {
		refuseWallet(w, status)
		return
	}
	nonce := ""
	if values := form["wallet_nonce"]; len(values) == 1 {
		nonce = values[0]
	}
	if len(nonce) > 512 {
		refuseWallet(w, http.StatusBadRequest)
		return
	}
	v.sendRequest(w, r, nonce)
}

func (v *Verifier) sendRequest(w http.ResponseWriter, r *http.Request, walletNonce string) {
	vars := mux.Vars(r)
	object, err := v.requestObject(r.Context(), vars["tenant"], vars["handle"], walletNonce)
	if err != nil {
		v.failWallet(w, err)
		return
	}
	w.Header().Set("Content-Type", openid4vp.RequestMediaType)
	w.Header().Set("Cache-Control", "no-store")
	w.Write([]byte(object))
}

// POST …/a/{handle}/{secret}
func (v *Verifier) serveAnswer(w http.ResponseWriter, r *http.Request) {
	vars := mux.Vars(r)
	a, err := v.begin(r.Context(), vars["tenant"], vars["handle"], vars["secret"])
	if err != nil {
		v.failWallet(w, err)
		return
	}
	form, status := web.ReadForm(w, r, openid4vp.MaxResponseSize)
	if status != 0 {
		category := credential.Malformed
		if status == http.StatusRequestEntityTooLarge {
			category = credential.TooLarge
		}
		v.bad(r.Context(), a, &credential.Error{Category: category, Err: errors.New("body")})
		refuseWallet(w, status)
		return
	}
	reply, err := v.judge(r.Context(), a, form)
	if err != nil {
		v.failWallet(w, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, reply)
}

// failWallet maps an error of the wallet's side to its reply. One body for every rejection, and one for every session
// that is not there, so that the replies tell nothing.
func (v *Verifier) failWallet(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errGone):
		web.WriteJSON(w, http.StatusNotFound, oauth.Error{Code: "not_found"})
	case errors.Is(err, errRejected), errors.Is(err, ErrEnded):
		refuseWallet(w, http.StatusBadRequest)
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", "60")
		refuseWallet(w, http.StatusTooManyRequests)
	default:
		v.fail(w, err)
	}
}

func refuseWallet(w http.ResponseWriter, status int) {
	(&oauth.Error{Status: status, Code: oauth.InvalidRequest}).Write(w)
}
