package erasure

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
)

// Errors of asking that callers may test with [errors.Is]; those of package fetch come as they are.
var (
	// ErrDenied: the verifier does not take the request.
	ErrDenied = errors.New("the request was not taken")
	// ErrUnavailable: the verifier cannot answer now.
	ErrUnavailable = errors.New("no answer now")
)

// Challenge is what the endpoint gives out to be signed (GET).
type Challenge struct {
	Challenge string `json:"challenge"`
	ExpiresIn int    `json:"expires_in"` // seconds
}

const maxChallengeReply = 8 << 10

// Client is the holder's side. All fields are required.
type Client struct {
	Fetch *fetch.Client
	Now   func() time.Time
}

// Ask gets a challenge, sends one request for the receipt and returns the answer, which is one to this challenge. Whose
// signature it bears is the caller's to check, with [Answer.Verify]. Errors: [ErrDenied], [ErrUnavailable], [ErrMalformed],
// [ErrProof], and those of package fetch.
func (c *Client) Ask(ctx context.Context, holder crypto.Signer, r *Receipt) (*Answer, error) {
	resp, err := c.do(ctx, fetch.Request{URL: r.Endpoint, Header: http.Header{"Accept": {"application/json"}}, Limit: maxChallengeReply})
	if err != nil {
		return nil, err
	}
	var ch Challenge
	if err := jose.Unmarshal(resp.Body, &ch); err != nil {
		return nil, fmt.Errorf("%w: challenge: %v", ErrMalformed, err)
	}
	request, err := SignRequest(holder, r, ch.Challenge, c.Now())
	if err != nil {
		return nil, err
	}
	resp, err = c.do(ctx, fetch.Request{
		Method: http.MethodPost, URL: r.Endpoint, Header: http.Header{"Accept": {MediaType}}, ContentType: MediaType, Body: []byte(request), Limit: MaxAnswer,
	})
	if err != nil {
		return nil, err
	}
	a, err := ParseAnswer(string(resp.Body))
	if err != nil {
		return nil, err
	}
	if a.Challenge != ch.Challenge {
		return nil, fmt.Errorf("%w: the answer is to another challenge", ErrProof)
	}
	return a, nil
}

func (c *Client) do(ctx context.Context, r fetch.Request) (*fetch.Response, error) {
	resp, err := c.Fetch.Do(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case resp.Status == http.StatusOK:
		return resp, nil
	case resp.Status == http.StatusTooManyRequests || resp.Status >= 500:
		return nil, fmt.Errorf("%w: status %d", ErrUnavailable, resp.Status)
	}
	return nil, fmt.Errorf("%w: status %d", ErrDenied, resp.Status)
}
