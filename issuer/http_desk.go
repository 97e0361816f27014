package issuer

import (
	"net/http"

	"github.com/gorilla/mux"

	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/web"
)

// deskRoutes adds the desk page.
func (i *Issuer) deskRoutes(r *mux.Router) {
	d := newDesk(i)
	id := func(h func(http.ResponseWriter, *http.Request, office.Visit, string)) office.Handler {
		return func(w http.ResponseWriter, r *http.Request, visit office.Visit) { h(w, r, visit, mux.Vars(r)["id"]) }
	}
	for _, route := range []struct {
		method, path string
		handler      http.HandlerFunc
	}{
		{"GET", "/desk", d.pages.Page("/desk", d.choose)},
		{"GET", "/desk/login", d.pages.Login},
		{"POST", "/desk/login", d.pages.Login},
		{"POST", "/desk/logout", d.pages.Logout},
		{"POST", "/desk/offers", d.pages.Page("/desk/offers", d.handOut)},
		{"GET", "/desk/offers/{id}", d.pages.Page("/desk/offers/{id}", id(d.offer))},
		{"GET", "/desk/offers/{id}/events", d.pages.Poll("/desk/offers/{id}/events", id(d.events))},
		{"POST", "/desk/offers/{id}/stop", d.pages.Page("/desk/offers/{id}/stop", id(d.stop))},
		{"GET", "/desk/cards", d.pages.Page("/desk/cards", d.cards)},
		{"GET", "/desk/cards/{id}", d.pages.Page("/desk/cards/{id}", id(d.card))},
		{"GET", "/desk/cards/{id}/revoke", d.pages.Page("/desk/cards/{id}/revoke", id(d.askReason))},
		{"POST", "/desk/cards/{id}/revoke", d.pages.Page("/desk/cards/{id}/revoke", id(d.revoke))},
		{"GET", "/desk/assets/{rest:.*}", office.Assets},
	} {
		methods := []string{route.method}
		if route.method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
		r.HandleFunc(route.path, route.handler).Methods(methods...)
	}
	r.PathPrefix("/desk/").Methods(http.MethodGet, http.MethodHead).HandlerFunc(d.pages.NotFound)
	refuse := func(w http.ResponseWriter, r *http.Request) {
		web.Route(r, "/desk/…")
		w.Header().Set("Allow", "GET, HEAD, POST")
		web.Problem{Title: "Method not allowed", Status: http.StatusMethodNotAllowed}.Write(w)
	}
	r.HandleFunc("/desk", refuse)
	r.PathPrefix("/desk/").HandlerFunc(refuse)
}
