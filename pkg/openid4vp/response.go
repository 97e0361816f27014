package openid4vp

import (
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
)

// maxPresentations bounds the presentations of one answer.
const maxPresentations = 64

// Response is a wallet's parsed answer, unverified.
type Response struct {
	Token            map[string][]string // credential query id -> presentations
	State            string
	Error            oauth.Code // set when the wallet answered with an error; Token is nil then
	ErrorDescription string
}

// ParseResponse reads the form a wallet posted for the given response mode. key is the session's decryption key for
// [DirectPostJWT]. The error is a *credential.Error: malformed, too_large or decryption_failed. An unencrypted answer
// to direct_post.jwt is malformed; an error response may come unencrypted.
func ParseResponse(form url.Values, mode string, key *ecdsa.PrivateKey) (*Response, error) {
	for name, values := range form {
		if len(values) > 1 {
			return nil, reject(credential.Malformed, "parameter %q given twice", shorten(name))
		}
	}
	if form.Has("error") {
		return errorResponse(form.Get("error"), form.Get("error_description"), form.Get("state"))
	}
	switch mode {
	case DirectPost:
		if form.Has("response") {
			return nil, reject(credential.Malformed, "encrypted answer to %q", mode)
		}
		token, err := parseToken([]byte(form.Get("vp_token")))
		if err != nil {
			return nil, err
		}
		return &Response{Token: token, State: form.Get("state")}, nil
	case DirectPostJWT:
		if form.Has("vp_token") || !form.Has("response") {
			return nil, reject(credential.Malformed, "unencrypted answer to %q", mode)
		}
		return decrypt(form.Get("response"), key)
	}
	return nil, reject(credential.Malformed, "response mode %q", shorten(mode))
}

func decrypt(compact string, key *ecdsa.PrivateKey) (*Response, error) {
	plain, err := jose.Decrypt(compact, MaxResponseSize, key)
	if errors.Is(err, jose.ErrTooLarge) {
		return nil, &credential.Error{Category: credential.TooLarge, Err: err}
	}
	if err != nil {
		return nil, &credential.Error{Category: credential.DecryptionFailed, Err: err}
	}
	var body struct {
		Token            json.RawMessage `json:"vp_token"`
		State            string          `json:"state"`
		Error            *string         `json:"error"`
		ErrorDescription string          `json:"error_description"`
	}
	if err := jose.Unmarshal(plain, &body); err != nil {
		// The decoder's error may quote what the wallet sent.
		return nil, reject(credential.Malformed, "answer is not the JSON object that is wanted")
	}
	if body.Error != nil {
		return errorResponse(*body.Error, body.ErrorDescription, body.State)
	}
	token, err := parseToken(body.Token)
	if err != nil {
		return nil, err
	}
	return &Response{Token: token, State: body.State}, nil
}

// parseToken reads vp_token: an object from credential query id to an array of presentations (Section 8.1).
func parseToken(data []byte) (map[string][]string, error) {
	if len(data) == 0 {
		return nil, reject(credential.Malformed, "answer without vp_token")
	}
	var token map[string][]string
	if err := jose.Unmarshal(data, &token); err != nil {
		if errors.Is(err, jose.ErrTooLarge) {
			return nil, reject(credential.TooLarge, "vp_token nests too deep")
		}
		return nil, reject(credential.Malformed, "vp_token is not an object of arrays of strings")
	}
	n := 0
	for _, presentations := range token {
		if len(presentations) == 0 {
			return nil, reject(credential.Malformed, "vp_token holds an empty array")
		}
		if n += len(presentations); n > maxPresentations {
			return nil, reject(credential.TooLarge, "vp_token holds more than %d presentations", maxPresentations)
		}
	}
	if n == 0 {
		return nil, reject(credential.Malformed, "vp_token is empty")
	}
	return token, nil
}

func errorResponse(code, description, state string) (*Response, error) {
	if code == "" || len(code) > 64 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return nil, reject(credential.Malformed, "error code %q", shorten(code))
	}
	if len(description) > 512 {
		description = description[:512]
	}
	return &Response{Error: oauth.Code(code), ErrorDescription: strings.ToValidUTF8(description, "?"), State: state}, nil
}

func reject(c credential.Category, format string, args ...any) error {
	return &credential.Error{Category: c, Err: fmt.Errorf(format, args...)}
}
