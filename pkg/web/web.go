// Package web runs an HTTP handler safely: time-outs, body limits, security headers, one problem+json form, structured
// logs without personal data, health and metrics endpoints, and a graceful stop.
//
// Start with [Serve], and wrap handlers with [Secure].
//
// It deliberately leaves out routing: that is gorilla/mux in the roles' http.go files.
package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
)

// Serve serves h on l until ctx ends, then stops gracefully: open requests get 10 s. Idle and slow connections are
// closed within 15 s.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	panic("web: not built yet")
}

// Secure adds the security headers that every reply carries, recovers panics to a 500 with an error id only, and logs one line
// a request: method, route (never the query or ids in the path), status, duration.
func Secure(h http.Handler, log *slog.Logger) http.Handler { panic("web: not built yet") }

// Problem is an RFC 9457 problem, as the staff API answers errors (Dutch API design rules).
type Problem struct {
	Type     string `json:"type,omitempty"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance,omitempty"` // error id
}

// Write sends the problem as application/problem+json with no-store.
func (p Problem) Write(w http.ResponseWriter) { panic("web: not built yet") }

// ReadJSON reads a JSON body of at most limit bytes strictly into v (unknown members are an error) and answers 400, 413 or 415
// itself; ok tells whether the handler may go on.
func ReadJSON(w http.ResponseWriter, r *http.Request, limit int64, v any) (ok bool) {
	panic("web: not built yet")
}

// ReadForm reads an application/x-www-form-urlencoded body of at most limit bytes. Repeated parameters are refused.
// status is 0, or the HTTP status to refuse with: 400, 413 or 415.
func ReadForm(w http.ResponseWriter, r *http.Request, limit int64) (form map[string][]string, status int) {
	panic("web: not built yet")
}

// WriteJSON sends v with the status and Cache-Control: no-store.
func WriteJSON(w http.ResponseWriter, status int, v any) { panic("web: not built yet") }
