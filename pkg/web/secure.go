package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"
)

// ContentSecurityPolicy is the policy of every reply. Pages have their styles, scripts and fonts in files of their own.
const ContentSecurityPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; font-src 'self'; img-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Limits of a query.
const (
	maxQuery      = 8 << 10
	maxParameters = 64
)

type infoKey struct{}

// info is what the log line of a request is made of.
type info struct{ route string }

// Route tells the log under which route the request goes, as "/issuer/{tenant}/api/offers". Paths themselves are never
// logged, since they hold ids.
func Route(r *http.Request, route string) {
	if i, ok := r.Context().Value(infoKey{}).(*info); ok {
		i.route = route
	}
}

// Secure adds the security headers that every reply carries, refuses queries with very many or repeated parameters, recovers panics to
// a 500 with an error id only, and logs one line a request: method, route (never the query or ids in the path), status,
// duration. A handler inside another Secure is left as it is.
func Secure(h http.Handler, log *slog.Logger) http.Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Context().Value(infoKey{}) != nil {
			h.ServeHTTP(w, r)
			return
		}
		start := time.Now()
		in := &info{}
		rec := &recorder{ResponseWriter: w}
		r = r.WithContext(context.WithValue(r.Context(), infoKey{}, in))
		setHeaders(w.Header())
		defer func() {
			aborted := false
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler {
					aborted = true
				} else {
					id := errorID()
					log.Error("panic", "id", id, "value", fmt.Sprint(v), "stack", string(debug.Stack()))
					aborted = rec.status != 0
					if !aborted {
						internal(rec, id)
					}
				}
			}
			route := in.route
			if route == "" {
				route = r.Pattern // as http.ServeMux sets it
			}
			log.Info("request", "method", method(r.Method), "route", route, "status", rec.status,
				"ms", float64(time.Since(start).Microseconds())/1000)
			if aborted {
				panic(http.ErrAbortHandler)
			}
		}()
		if !soundQuery(r.URL.RawQuery) {
			Problem{Title: "Bad query", Status: http.StatusBadRequest, Detail: "too long, too many or repeated parameters"}.Write(rec)
			return
		}
		h.ServeHTTP(rec, r)
		if rec.status == 0 {
			rec.WriteHeader(http.StatusOK)
		}
	})
}

func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", ContentSecurityPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	// Browsers take this over https only, so it does no harm on a loopback town.
	h.Set("Strict-Transport-Security", "max-age=31536000")
}

// soundQuery bounds a query before anything parses it whole: repeated parameters mean different things to different
// readers, so nobody gets to choose.
func soundQuery(raw string) bool {
	if raw == "" {
		return true
	}
	if len(raw) > maxQuery {
		return false
	}
	q, err := url.ParseQuery(raw)
	if err != nil || len(q) > maxParameters {
		return false
	}
	for _, v := range q {
		if len(v) > 1 {
			return false
		}
	}
	return true
}

// method keeps made-up methods out of the log.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

func errorID() string {
	b := make([]byte, 8)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// Internal answers an unexpected error: the caller gets an error id, the log gets the rest.
func Internal(w http.ResponseWriter, log *slog.Logger, err error) {
	internal(w, LogInternal(log, err))
}

// LogInternal logs an unexpected error and returns its id, for replies that are not problems.
func LogInternal(log *slog.Logger, err error) (id string) {
	id = errorID()
	log.Error("internal error", "id", id, "error", err)
	return id
}

func internal(w http.ResponseWriter, id string) {
	Problem{Title: "Internal error", Status: http.StatusInternalServerError, Instance: "urn:zegel:error:" + id}.Write(w)
}

// recorder remembers the status for the log.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Flush is for handlers that ask for an http.Flusher.
func (r *recorder) Flush() { _ = http.NewResponseController(r.ResponseWriter).Flush() }
