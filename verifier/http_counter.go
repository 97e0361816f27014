package verifier

import (
	"net/http"

	"github.com/gorilla/mux"

	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/web"
)

// counterRoutes adds the counter page.
func (v *Verifier) counterRoutes(r *mux.Router) {
	c := newCounter(v)
	id := func(h func(http.ResponseWriter, *http.Request, office.Visit, string)) office.Handler {
		return func(w http.ResponseWriter, r *http.Request, visit office.Visit) { h(w, r, visit, mux.Vars(r)["id"]) }
	}
	for _, route := range []struct {
		method, path string
		handler      http.HandlerFunc
	}{
		{"GET", "/counter", c.pages.Page("/counter", c.picker)},
		{"GET", "/counter/login", c.pages.Login},
		{"POST", "/counter/login", c.pages.Login},
		{"POST", "/counter/logout", c.pages.Logout},
		{"GET", "/counter/history", c.pages.Page("/counter/history", c.history)},
		{"GET", "/counter/erasures", c.pages.Page("/counter/erasures", c.erasures)},
		{"POST", "/counter/erasures/{id}", c.pages.Page("/counter/erasures/{id}", id(c.decide))},
		{"POST", "/counter/check", c.pages.Page("/counter/check", c.ask)},
		{"GET", "/counter/check/{id}", c.pages.Page("/counter/check/{id}", id(c.check))},
		{"GET", "/counter/check/{id}/events", c.pages.Poll("/counter/check/{id}/events", id(c.events))},
		{"POST", "/counter/check/{id}/more", c.pages.Page("/counter/check/{id}/more", id(c.more))},
		{"POST", "/counter/check/{id}/stop", c.pages.Page("/counter/check/{id}/stop", id(c.stop))},
		{"POST", "/counter/check/{id}/keep", c.pages.Page("/counter/check/{id}/keep", id(c.keep))},
		{"POST", "/counter/check/{id}/clear", c.pages.Page("/counter/check/{id}/clear", id(c.clear))},
		{"GET", "/counter/assets/{rest:.*}", office.Assets},
	} {
		methods := []string{route.method}
		if route.method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		r.HandleFunc(route.path, route.handler).Methods(methods...)
	}
	r.PathPrefix("/counter/").Methods(http.MethodGet, http.MethodHead).HandlerFunc(c.pages.NotFound)
	refuse := func(w http.ResponseWriter, r *http.Request) {
		web.Route(r, "/counter/…")
		w.Header().Set("Allow", "GET, HEAD, POST")
		web.Problem{Title: "Method not allowed", Status: http.StatusMethodNotAllowed}.Write(w)
	}
	r.HandleFunc("/counter", refuse)
	r.PathPrefix("/counter/").HandlerFunc(refuse)
}
