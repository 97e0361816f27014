// Package web runs an HTTP handler safely: time-outs, body limits, security headers, one problem+json form, structured
// logs without personal data, health endpoints, and a graceful stop.
//
// Start with [Serve], and wrap handlers with [Secure]. Handlers read bodies with [ReadJSON] and [ReadForm], and answer
// with [WriteJSON], [Problem] and [Internal].
//
// It deliberately leaves out routing: that is gorilla/mux in the roles' http.go files. TLS is the listener's business.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits of a connection. They are short because everything that is served here is small; a handler that streams
// extends its own deadline, see [Stream].
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 12 * time.Second
	writeTimeout  = 20 * time.Second
	idleTimeout   = 12 * time.Second
	stopTimeout   = 10 * time.Second
	maxHeader     = 32 << 10
)

type stoppingKey struct{}

// Stopping is closed when the server that runs this request begins to stop, so that streams can end. It is nil, which never is ready,
// outside of [Serve].
func Stopping(ctx context.Context) <-chan struct{} {
	c, _ := ctx.Value(stoppingKey{}).(<-chan struct{})
	return c
}

// Serve serves h on l until ctx ends, then stops gracefully: open requests get 10 s. Idle and slow connections are
// closed within 15 s.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	base := context.WithValue(context.WithoutCancel(ctx), stoppingKey{}, ctx.Done())
	srv := &http.Server{
		Handler:           h,
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err := srv.Shutdown(grace)
	if err != nil {
		log.Warn("requests cut off at stop", "after", stopTimeout)
		err = srv.Close()
	}
	if e := <-served; !errors.Is(e, http.ErrServerClosed) {
		return e
	}
	return err
}

// Stream prepares a long reply such as server-sent events: no caching, no buffering, and no write deadline of the
// server. The handler ends when the request's context or [Stopping] says so, and calls the returned function to send what
// it has written.
func Stream(w http.ResponseWriter, contentType string) (flush func() error) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	rc := http.NewResponseController(w)
	// The body of a stream's request is empty; reading and writing each get a deadline again with every flush, so that a
	// reader that is gone is noticed.
	return func() error {
		_ = rc.SetReadDeadline(time.Time{})
		_ = rc.SetWriteDeadline(time.Now().Add(writeTimeout))
		return rc.Flush()
	}
}

// Healthz answers that the process runs.
func Healthz() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Route(r, "/healthz")
		WriteJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
}

// Readyz answers whether check says that work can be done. The reason goes to the log, not to the caller.
func Readyz(check func(context.Context) error, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		Route(r, "/readyz")
		if err := check(r.Context()); err != nil {
			log.Warn("not ready", "error", err)
			w.Header().Set("Retry-After", "5")
			Problem{Title: "Not ready", Status: http.StatusServiceUnavailable}.Write(w)
			return
		}
		WriteJSON(w, http.StatusOK, map[string]string{"status": "ready"})
	})
}
