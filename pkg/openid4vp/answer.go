package openid4vp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
)

// maxReply bounds what a verifier says to an answer.
const maxReply = 64 << 10

// Reply is what a verifier says to an answer that it accepted (Section 8.2).
type Reply struct {
	RedirectURI string `json:"redirect_uri,omitempty"`
	// Receipt is an extension of ours, which other wallets ignore as they ignore every member that they do not know. It
	// is unchecked; see package erasure.
	Receipt string `json:"zegel_receipt,omitempty"`
}

// Answer sends the presentations, encrypted if the mode asks so, and returns the verifier's reply, whose redirect_uri
// ("" if none) is https (or loopback http in development). Answer is never repeated, and once it was tried it counts as
// sent: nobody can know what arrived.
// Errors: [ErrEndpointRefused] (a bad redirect_uri counts as sent: sent is true), [ErrNetwork], or *oauth.Error as
// the verifier replied.
func (c *Client) Answer(ctx context.Context, a *Asked, token map[string][]string) (reply Reply, sent bool, err error) {
	form, err := a.Request.form(token)
	if err != nil {
		return Reply{}, false, err
	}
	if err := c.Fetch.Check(a.Request.ResponseURI); err != nil {
		return Reply{}, false, fmt.Errorf("%w: response_uri: %s", ErrEndpointRefused, fetch.Reason(err))
	}
	body, err := c.post(ctx, a.Request.ResponseURI, form)
	if err != nil {
		return Reply{}, true, err
	}
	reply, err = c.reply(body)
	return reply, true, err
}

// form returns the parameters of an answer.
func (r *Request) form(token map[string][]string) (url.Values, error) {
	vp, err := json.Marshal(token)
	if err != nil {
		return nil, fmt.Errorf("vp_token: %v", err)
	}
	if r.ResponseMode == DirectPost {
		form := url.Values{"vp_token": {string(vp)}}
		if r.State != "" {
			form.Set("state", r.State)
		}
		return form, nil
	}
	key, enc, err := r.encryption()
	if err != nil {
		// Open has checked this; an answer never goes out in plain text instead.
		return nil, malformed("client_metadata: %v", err)
	}
	plain, err := json.Marshal(struct {
		Token json.RawMessage `json:"vp_token"`
		State string          `json:"state,omitempty"`
	}{vp, r.State})
	if err != nil {
		return nil, fmt.Errorf("vp_token: %v", err)
	}
	jwe, err := jose.Encrypt(key, enc, plain, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("encrypt the answer: %v", err)
	}
	return url.Values{"response": {jwe}}, nil
}

// Refuse sends an error response, normally access_denied. It is not encrypted: it holds nothing about the holder, and
// reads the same for "declined" and "nothing matches".
func (c *Client) Refuse(ctx context.Context, a *Asked, code oauth.Code) error {
	form := url.Values{"error": {string(code)}}
	if a.Request.State != "" {
		form.Set("state", a.Request.State)
	}
	_, err := c.post(ctx, a.Request.ResponseURI, form)
	return err
}

// answerError tells the verifier what is wrong with its request. Whether that arrives changes nothing for the caller.
func (c *Client) answerError(ctx context.Context, a *Asked, fault *oauth.Error) error {
	_ = c.Refuse(ctx, a, fault.Code)
	return fmt.Errorf("%w: %w", ErrRequestMalformed, fault)
}

func (c *Client) post(ctx context.Context, uri string, form url.Values) ([]byte, error) {
	resp, err := c.Fetch.Do(ctx, fetch.Request{
		Method:      http.MethodPost,
		URL:         uri,
		Header:      http.Header{"Accept": {"application/json"}},
		ContentType: "application/x-www-form-urlencoded",
		Body:        []byte(form.Encode()),
		Limit:       maxReply,
	})
	if errors.Is(err, fetch.ErrTooLarge) {
		return nil, fmt.Errorf("%w: the reply is too large: %s", ErrNetwork, fetch.Reason(err))
	}
	if err != nil {
		return nil, category(err)
	}
	if resp.Status < 200 || resp.Status > 299 {
		refused := oauth.ParseError(resp.Status, resp.Body)
		if resp.Status >= 500 && refused.Code == "" {
			// Something between, or a server that fell over, says nothing about whether the answer was taken.
			return nil, fmt.Errorf("%w: status %d for the answer", ErrNetwork, resp.Status)
		}
		return nil, refused
	}
	return resp.Body, nil
}

// reply reads what the verifier says. A reply without anything is a plain 200 (Section 8.2).
func (c *Client) reply(body []byte) (Reply, error) {
	var r Reply
	// The answer has arrived; a reply that cannot be read is as good as none.
	if len(body) == 0 || jose.Unmarshal(body, &r) != nil {
		return Reply{}, nil
	}
	if r.RedirectURI == "" {
		return r, nil
	}
	// The response code may travel in the fragment, which never goes to a server.
	address, _, _ := strings.Cut(r.RedirectURI, "#")
	if err := c.Fetch.Check(address); err != nil {
		r.RedirectURI = ""
		return r, fmt.Errorf("%w: redirect_uri: %s", ErrEndpointRefused, fetch.Reason(err))
	}
	return r, nil
}
