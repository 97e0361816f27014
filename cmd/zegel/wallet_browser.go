package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/pkg/web"
	"github.com/zegel-id/zegel/wallet"
)

// browserTime is how long the terminal waits for the browser.
const browserTime = 15 * time.Minute

// browse sends the person to the issuer's page and waits on a loopback address until the browser comes back (RFC 8252, Section 7.3).
func (s *session) browse(ctx context.Context, i *wallet.Issuance) (*wallet.Issuance, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	redirect := "http://" + l.Addr().String() + "/callback"
	came := make(chan string, 1)
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: web.Secure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/callback" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		text := html.EscapeString(s.text("receive.browser.back"))
		fmt.Fprintf(w, "<!doctype html><html lang=\"%s\"><meta name=\"viewport\" content=\"width=device-width\"><title>Zegel</title><h1>Zegel</h1><p>%s</p></html>", html.EscapeString(s.Lang), text)
		select {
		case came <- redirect + "?" + r.URL.RawQuery:
		default: // the first answer counts
		}
	}), nil)}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	defer func() {
		// The page that the browser asked for is still on its way.
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if server.Shutdown(stop) != nil {
			server.Close()
		}
		<-ended
	}()
	page, err := i.Authorize(ctx, redirect)
	if err != nil {
		return nil, err
	}
	s.say("receive.browser")
	w := s.out.Stdout
	if s.JSON {
		w = s.out.Stderr
	}
	fmt.Fprintln(w, "  "+page)
	late := time.NewTimer(browserTime)
	defer late.Stop()
	select {
	case link := <-came:
		return s.wallet.Return(ctx, link)
	case <-late.C:
		return nil, &wallet.Error{Category: wallet.UserDeclined, Err: errors.New(s.text("receive.browser.late"))}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
