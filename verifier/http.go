package verifier

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/gorilla/mux"

	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/web"
)

// routes are what the verifier answers to. The paths of wallets hold the session's handle, and the response address a
// secret beside it; one more is where holders of receipts ask to erase. Those of the staff hold the session's id and need a bearer token.
func (v *Verifier) routes() []route {
	return []route{
		{http.MethodGet, "/verifier/{tenant}/r/{handle}", v.serveRequest},
		{http.MethodPost, "/verifier/{tenant}/r/{handle}", v.serveRequestPost},
		{http.MethodPost, "/verifier/{tenant}/a/{handle}/{secret}", v.serveAnswer},
		{http.MethodGet, "/verifier/{tenant}" + erasurePath, v.holder(v.serveChallenge)},
		{http.MethodPost, "/verifier/{tenant}" + erasurePath, v.holder(v.serveErasure)},

		{http.MethodPost, "/verifier/{tenant}/api/sessions", v.staff(v.serveCreate)},
		{http.MethodGet, "/verifier/{tenant}/api/sessions", v.staff(v.serveHistory)},
		{http.MethodGet, "/verifier/{tenant}/api/sessions/{id}", v.staff(v.serveSession)},
		{http.MethodDelete, "/verifier/{tenant}/api/sessions/{id}", v.staff(v.serveDelete)},
		{http.MethodGet, "/verifier/{tenant}/api/sessions/{id}/events", v.staff(v.serveEvents)},
		{http.MethodGet, "/verifier/{tenant}/api/erasures", v.staff(v.serveErasures)},
		{http.MethodPost, "/verifier/{tenant}/api/erasures/{id}", v.staff(v.serveDecide)},

		{http.MethodGet, "/verifier/healthz", web.Healthz().ServeHTTP},
		{http.MethodGet, "/verifier/readyz", web.Readyz(v.ready, v.log).ServeHTTP},
		{http.MethodGet, "/verifier/metrics", v.metrics.handler().ServeHTTP},
		{http.MethodGet, "/verifier/openapi.json", serveOpenAPI},
		{http.MethodGet, "/healthz", web.Healthz().ServeHTTP},
		{http.MethodGet, "/readyz", web.Readyz(v.ready, v.log).ServeHTTP},
		{http.MethodGet, "/metrics", v.metrics.handler().ServeHTTP},
		{http.MethodGet, "/openapi.json", serveOpenAPI},
	}
}

type route struct {
	method, path string
	serve        http.HandlerFunc
}

// maxStaffBody bounds the bodies of the staff API.
const maxStaffBody = 256 << 10

//go:embed openapi.json
var openAPI []byte

// Handler serves /verifier/… and /counter: mount it for those at the origin. The service of its own also gets
// /healthz, /readyz, /metrics and /openapi.json from it.
func (v *Verifier) Handler() http.Handler {
	r := mux.NewRouter()
	for _, route := range v.routes() {
		r.HandleFunc(route.path, func(w http.ResponseWriter, req *http.Request) {
			web.Route(req, route.path)
			route.serve(w, req)
		}).Methods(route.method)
	}
	v.counterRoutes(r)
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		web.Problem{Title: "Not found", Status: http.StatusNotFound}.Write(w)
	})
	r.MethodNotAllowedHandler = web.MethodNotAllowed(func(q *http.Request) bool {
		var match mux.RouteMatch
		return r.Match(q, &match) && match.MatchErr == nil
	})
	return r
}

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(openAPI)
}

// ready reports whether sessions can be stored and judged.
func (v *Verifier) ready(ctx context.Context) error {
	if err := v.db.Read().PingContext(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if age := v.now().Sub(v.ledger.State().Time); age > marked {
		return fmt.Errorf("registry: newest header is %s old", age)
	}
	return nil
}

// staffHandler is a handler of the staff API: it knows the tenant and who calls.
type staffHandler func(w http.ResponseWriter, r *http.Request, t *tenant, who *office.Staff)

// staff lets members of the tenant's staff through. A key of another tenant learns as much as if nothing were there.
func (v *Verifier) staff(h staffHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t := v.tenants[mux.Vars(r)["tenant"]]
		if t != nil {
			if who := office.Bearer(r, t.Staff); who != nil {
				h(w, r, t, who)
				return
			}
		}
		for _, other := range v.tenants {
			if who := office.Bearer(r, other.Staff); who != nil && other != t {
				v.audit(r.Context(), other.ID, who.Name, "access.other-tenant", mux.Vars(r)["id"], "not_found")
				v.fail(w, ErrNotFound)
				return
			}
		}
		w.Header().Set("WWW-Authenticate", "Bearer")
		web.Problem{Title: "Unauthorized", Status: http.StatusUnauthorized, Detail: "a staff token is needed"}.Write(w)
	}
}

// fail maps an error of the staff's side to its reply; what is not in the table is ours.
func (v *Verifier) fail(w http.ResponseWriter, err error) {
	var limited *RateError
	switch {
	case errors.Is(err, ErrNotFound):
		web.Problem{Title: "Not found", Status: http.StatusNotFound}.Write(w)
	case errors.Is(err, ErrForbidden):
		web.Problem{Title: "Forbidden", Status: http.StatusForbidden, Detail: "the role for this is missing"}.Write(w)
	case errors.Is(err, ErrInvalid):
		web.Problem{Title: "Bad request", Status: http.StatusBadRequest, Detail: err.Error()}.Write(w)
	case errors.Is(err, ErrEnded), errors.Is(err, ErrDecided):
		web.Problem{Title: "Conflict", Status: http.StatusConflict, Detail: err.Error()}.Write(w)
	case errors.As(err, &limited):
		w.Header().Set("Retry-After", strconv.Itoa(int(limited.After.Seconds())))
		web.Problem{Title: "Too many requests", Status: http.StatusTooManyRequests}.Write(w)
	case errors.Is(err, errStore), errors.Is(err, context.DeadlineExceeded):
		v.log.Error("not stored", "error", err)
		w.Header().Set("Retry-After", "2")
		web.Problem{Title: "Service unavailable", Status: http.StatusServiceUnavailable}.Write(w)
	default:
		web.Internal(w, v.log, err)
	}
}
