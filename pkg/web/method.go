package web

import (
	"net/http"
	"strings"
)

// MethodNotAllowed answers 405 with the Allow header that RFC 9110, Section 15.5.6 demands. serves tells whether a route
// takes a request, which is asked for each usual method.
func MethodNotAllowed(serves func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var allow []string
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			other := new(http.Request)
			*other = *r
			other.Method = method
			if method != r.Method && serves(other) {
				allow = append(allow, method)
			}
		}
		w.Header().Set("Allow", strings.Join(allow, ", "))
		Problem{Title: "Method not allowed", Status: http.StatusMethodNotAllowed}.Write(w)
	})
}
