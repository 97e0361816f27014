// Package fetch is the one way in which Zegel calls out over HTTP.
//
// Start with a [Client] and [Client.Do]. It bounds time, size and redirects, asks for no compression, and checks
// the address at dial time, so that no name can point a service at an internal host (no SSRF; SD-JWT VC
// "Server-Side Request Forgery").
//
// It deliberately leaves out caching, cookies and retries.
package fetch

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Errors that callers may test with [errors.Is].
var (
	// ErrRefused: the URL, its address or its answer's redirect is not allowed. Nothing was sent, or the redirect
	// was not followed.
	ErrRefused = errors.New("endpoint refused")
	// ErrNetwork: no complete answer came in time.
	ErrNetwork = errors.New("network")
	// ErrTooLarge: the answer exceeds the caller's limit.
	ErrTooLarge = errors.New("too large")
)

// Limits of the error contract.
const (
	ConnectTimeout = 5 * time.Second
	WholeTimeout   = 15 * time.Second
)

// Client calls out. The zero value allows https to public addresses only.
type Client struct {
	// Loopback allows plain http, and https, to loopback addresses. Development only: see [CheckDev].
	Loopback bool
	// Private allows addresses of private networks (a wallet on a municipal network; services keep it off).
	Private bool

	transport http.RoundTripper
}

// Request is one call. Method GET when empty.
type Request struct {
	Method      string
	URL         string
	Header      http.Header
	ContentType string
	Body        []byte
	Limit       int64 // bytes of the answer's body; required
	Redirects   int   // how many redirects may be followed; 0 for all but status lists
}

// Response is a complete answer of any status code.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do performs the call. Errors: [ErrRefused], [ErrNetwork], [ErrTooLarge].
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) { panic("fetch: not built yet") }

// Check reports whether the URL is one that the client may call, before anything is sent: absolute, https (or
// http to a loopback address when Loopback is set), no user information, no fragment. Error: [ErrRefused].
func (c *Client) Check(rawURL string) error { panic("fetch: not built yet") }
