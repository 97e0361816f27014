// Package fetch is the one way in which Zegel calls out over HTTP.
//
// Start with a [Client] and [Client.Do]. It bounds time, size and redirects, asks for no compression, and checks
// the address at dial time, so that no name can point a service at an internal host (no SSRF; SD-JWT VC
// "Server-Side Request Forgery").
//
// It deliberately leaves out caching, cookies, retries and proxies: behind a proxy the address that is really
// called cannot be checked.
package fetch

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Errors that callers may test with [errors.Is].
var (
	// ErrRefused: the URL, its address, its certificate or its answer's redirect is not allowed. Nothing was
	// sent, or the redirect was not followed.
	ErrRefused = errors.New("endpoint refused")
	// ErrNetwork: no complete answer came in time.
	ErrNetwork = errors.New("network")
	// ErrTooLarge: the answer exceeds the caller's limit.
	ErrTooLarge = errors.New("too large")
)

// Reason returns the text of an error of this package without the words of its kind, for callers that have kinds of their
// own.
func Reason(err error) string {
	text := err.Error()
	for _, kind := range []error{ErrRefused, ErrNetwork, ErrTooLarge} {
		if errors.Is(err, kind) {
			return strings.TrimPrefix(text, kind.Error()+": ")
		}
	}
	return text
}

// Limits of the error contract.
const (
	ConnectTimeout = 5 * time.Second
	WholeTimeout   = 15 * time.Second
)

const (
	maxURL         = 8 << 10
	maxAnswerHeads = 64 << 10
)

// Client calls out. The zero value allows https to public addresses only. It is safe for concurrent use and must
// not be copied after the first call.
type Client struct {
	// Loopback also allows plain http, and https, to "localhost" and to literal loopback addresses. For
	// development only: whoever sets it refuses to do so in production.
	Loopback bool
	// Private also allows addresses of private networks (a wallet on a municipal network; services keep it off).
	Private bool

	once      sync.Once
	transport http.RoundTripper

	// Set by tests only.
	roots *x509.CertPool
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	whole time.Duration
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

// Response is a complete answer of any status code but a redirect.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do performs the call. Errors: [ErrRefused], [ErrNetwork], [ErrTooLarge]. They name the host only: the rest of a
// URL may hold a secret.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	if r.Limit <= 0 {
		return nil, fmt.Errorf("%w: no limit given", ErrTooLarge)
	}
	if err := c.Check(r.URL); err != nil {
		return nil, err
	}
	c.once.Do(c.open)

	whole := WholeTimeout
	if c.whole > 0 {
		whole = c.whole
	}
	ctx, cancel := context.WithTimeout(ctx, whole)
	defer cancel()
	// A certificate that does not hold is a refusal, not a fault of the network: nobody may retry it away.
	var handshake atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeDone: func(_ tlsState, err error) { handshake.Store(err != nil && !isTimeout(err)) },
	})

	method := r.Method
	if method == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(traced, method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, fmt.Errorf("%w: request for %q", ErrRefused, method)
	}
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if r.ContentType != "" {
		req.Header.Set("Content-Type", r.ContentType)
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "zegel")
	}

	client := http.Client{Transport: c.transport, CheckRedirect: c.redirect(r.Redirects)}
	resp, err := client.Do(req)
	if resp != nil {
		defer resp.Body.Close()
	}
	host := req.URL.Hostname()
	if err != nil {
		if errors.Is(err, ErrRefused) || handshake.Load() && ctx.Err() == nil {
			return nil, fmt.Errorf("%w: %q: %v", ErrRefused, host, bare(err))
		}
		return nil, fmt.Errorf("%w: %q: %v", ErrNetwork, host, bare(err))
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return nil, fmt.Errorf("%w: %q answers with redirect %d", ErrRefused, host, resp.StatusCode)
	}
	// None was asked for; a compressed body would be counted in the wrong bytes.
	if enc := resp.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return nil, fmt.Errorf("%w: %q answers with content encoding %q", ErrNetwork, host, enc)
	}
	if resp.ContentLength > r.Limit {
		return nil, fmt.Errorf("%w: %q answers with %d bytes, at most %d", ErrTooLarge, host, resp.ContentLength, r.Limit)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, r.Limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %q: %v", ErrNetwork, host, bare(err))
	}
	if int64(len(body)) > r.Limit {
		return nil, fmt.Errorf("%w: %q answers with more than %d bytes", ErrTooLarge, host, r.Limit)
	}
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// Check reports whether the URL is one that the client may call, before anything is sent: absolute, https (or
// http to a loopback address when Loopback is set), no user information, no fragment, no literal address that is
// not allowed. Error: [ErrRefused].
func (c *Client) Check(rawURL string) error {
	_, err := c.check(rawURL)
	return err
}

func (c *Client) check(rawURL string) (*url.URL, error) {
	if len(rawURL) > maxURL {
		return nil, fmt.Errorf("%w: URL of %d bytes", ErrRefused, len(rawURL))
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("%w: not a URL", ErrRefused)
	}
	host := u.Hostname()
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("%w: scheme %q", ErrRefused, u.Scheme)
	case u.Opaque != "" || host == "":
		return nil, fmt.Errorf("%w: URL without a host", ErrRefused)
	case u.User != nil:
		return nil, fmt.Errorf("%w: URL with user information", ErrRefused)
	case strings.Contains(rawURL, "#"):
		return nil, fmt.Errorf("%w: URL with a fragment", ErrRefused)
	case u.Scheme == "http" && !(c.Loopback && isLoopbackHost(host)):
		return nil, fmt.Errorf("%w: plain http to %q", ErrRefused, host)
	case isLocalName(host) && !c.Loopback:
		return nil, fmt.Errorf("%w: host %q", ErrRefused, host)
	}
	if ip, ok := literal(host); ok {
		if err := c.allowed(ip, host); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// redirect returns the client's redirect policy: at most n, to https, each target checked again.
func (c *Client) redirect(n int) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		if len(via) > n {
			return fmt.Errorf("%w: redirect %d", ErrRefused, len(via))
		}
		if req.URL.Scheme != "https" {
			return fmt.Errorf("%w: redirect to scheme %q", ErrRefused, req.URL.Scheme)
		}
		if req.Method != http.MethodGet || via[0].Method != http.MethodGet {
			return fmt.Errorf("%w: redirect of a %s", ErrRefused, via[0].Method)
		}
		// The page that sent us there is nobody's business.
		req.Header.Del("Referer")
		return c.Check(req.URL.String())
	}
}

// bare strips the URL that net/http puts into its errors.
func bare(err error) error {
	var u *url.Error
	for errors.As(err, &u) {
		err = u.Err
	}
	return err
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout() || errors.Is(err, context.Canceled)
}
