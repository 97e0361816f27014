package fetch

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

type tlsState = tls.ConnectionState

// special lists the address blocks that are no public unicast (RFC 6890 and the IANA registries that grew out of
// it), beside those that net/netip knows.
var special = prefixes(
	"0.0.0.0/8",       // this network
	"100.64.0.0/10",   // shared address space of carriers
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // former 6to4 relays
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"240.0.0.0/4",     // reserved, broadcast

	"::/96",          // IPv4-compatible, unspecified, loopback
	"64:ff9b:1::/48", // local NAT64
	"100::/64",       // discard only
	"100:0:0:1::/64", // dummy prefix
	"2001::/23",      // protocol assignments, Teredo among them
	"2001:db8::/32",  // documentation
	"2002::/16",      // 6to4: reaches an IPv4 address of the sender's choice
	"3fff::/20",      // documentation
	"5f00::/16",      // segment routing
	"fec0::/10",      // former site-local
)

var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		list[i] = netip.MustParsePrefix(t)
	}
	return list
}

func (c *Client) open() {
	if c.transport != nil {
		return
	}
	dialer := &net.Dialer{Timeout: ConnectTimeout, KeepAlive: 15 * time.Second}
	c.transport = &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if c.dial != nil {
				return c.dial(ctx, network, address)
			}
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, fmt.Errorf("%w: address", ErrRefused)
			}
			d := *dialer
			// After resolution and before the connection: the name may say one thing now and another then.
			d.Control = func(network, resolved string, _ syscall.RawConn) error {
				to, err := netip.ParseAddrPort(resolved)
				if err != nil || !strings.HasPrefix(network, "tcp") {
					return fmt.Errorf("%w: %s address", ErrRefused, network)
				}
				return c.allowed(to.Addr(), host)
			}
			return d.DialContext(ctx, network, address)
		},
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.roots},
		TLSHandshakeTimeout:    ConnectTimeout,
		ResponseHeaderTimeout:  WholeTimeout,
		MaxResponseHeaderBytes: maxAnswerHeads,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        30 * time.Second,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
	}
}

// allowed reports whether ip, to which host resolved, may be called.
func (c *Client) allowed(ip netip.Addr, host string) error {
	refused := fmt.Errorf("%w: %q is at an address that is not public", ErrRefused, host)
	if ip.Zone() != "" {
		return refused
	}
	ip = ip.Unmap()
	if nat64.Contains(ip) {
		// A translator turns the last four bytes into the IPv4 address that is really called.
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	if isLoopbackHost(host) || ip.IsLoopback() {
		// A name that merely resolves to loopback gets nowhere, also in development.
		if c.Loopback && isLoopbackHost(host) && ip.IsLoopback() {
			return nil
		}
		return refused
	}
	if ip.IsPrivate() {
		if c.Private {
			return nil
		}
		return refused
	}
	if !ip.IsGlobalUnicast() || ip.IsMulticast() {
		return refused
	}
	for _, p := range special {
		if p.Contains(ip) {
			return refused
		}
	}
	return nil
}

func isLocalName(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func isLoopbackHost(host string) bool {
	if isLocalName(host) {
		return true
	}
	ip, ok := literal(host)
	return ok && ip.Unmap().IsLoopback()
}

func literal(host string) (netip.Addr, bool) {
	ip, err := netip.ParseAddr(host)
	return ip, err == nil
}
