package issuer

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/web"
)

// route is one line of the table: a handler answers itself, or returns an error for answer.
type route struct {
	method string
	path   string
	role   string // of staff; empty for wallets and everybody
	handle func(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error
}

var routes = []route{
	// Wallets (OpenID4VCI 1.0).
	{"GET", "/.well-known/" + openid4vci.WellKnownIssuer + "/issuer/{tenant}", "", getIssuerMetadata},
	{"GET", "/.well-known/" + openid4vci.WellKnownAuthorization + "/issuer/{tenant}", "", getAuthorizationMetadata},
	{"GET", "/.well-known/" + openid4vci.WellKnownJWTVCIssuer + "/issuer/{tenant}", "", getJWTIssuerMetadata},
	{"GET", "/issuer/{tenant}/offers/{reference}", "", getOffer},
	{"POST", "/issuer/{tenant}/par", "", postPush},
	{"POST", "/issuer/{tenant}/token", "", postToken},
	{"POST", "/issuer/{tenant}/nonce", "", postNonce},
	{"POST", "/issuer/{tenant}/credential", "", postCredential},
	{"POST", "/issuer/{tenant}/notification", "", postNotification},
	// Everybody.
	{"GET", "/issuer/{tenant}/authorize", "", getAuthorize},
	{"POST", "/issuer/{tenant}/authorize", "", postAuthorize},
	{"GET", "/issuer/{tenant}/assets/{rest:.*}", "", getAsset},
	{"GET", "/issuer/{tenant}/types/" + PersonalData, "", getType},
	{"GET", "/issuer/{tenant}/status/{list:[0-9]{1,9}}", "", getStatus},
	// Staff.
	{"POST", "/issuer/{tenant}/api/offers", office.RoleHandOut, postOffer},
	{"GET", "/issuer/{tenant}/api/offers/{id}", office.RoleHandOut, getOfferState},
	{"DELETE", "/issuer/{tenant}/api/offers/{id}", office.RoleHandOut, deleteOffer},
	{"GET", "/issuer/{tenant}/api/credentials", "", getCredentials},
	{"GET", "/issuer/{tenant}/api/credentials/{id}", "", getCredential},
	{"POST", "/issuer/{tenant}/api/credentials/{id}/{kind:revoke|suspend|resume}", office.RoleRevoke, postChange},
}

// routes makes the handler.
func (i *Issuer) routes() http.Handler {
	m := mux.NewRouter()
	for _, r := range routes {
		m.HandleFunc(r.path, i.serve(r)).Methods(r.method).Name(r.path)
	}
	for _, prefix := range []string{"", "/issuer"} {
		m.Handle(prefix+"/healthz", web.Healthz()).Methods("GET")
		m.Handle(prefix+"/readyz", web.Readyz(i.ready, i.log)).Methods("GET")
		m.Handle(prefix+"/metrics", i.metrics.handler()).Methods("GET")
		m.HandleFunc(prefix+"/openapi.json", getOpenAPI).Methods("GET")
	}
	i.deskRoutes(m)
	m.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.Problem{Title: "Not found", Status: http.StatusNotFound}.Write(w)
	})
	m.MethodNotAllowedHandler = web.MethodNotAllowed(func(r *http.Request) bool {
		var match mux.RouteMatch
		return m.Match(r, &match) && match.MatchErr == nil
	})
	return web.Secure(m, i.log)
}

// serve does what all routes need: tenant, caller's limit, staff's role, and one mapping of errors.
func (i *Issuer) serve(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		web.Route(r, rt.path)
		t, ok := i.tenants[mux.Vars(r)["tenant"]]
		if !ok {
			web.Problem{Title: "Not found", Status: http.StatusNotFound}.Write(w)
			return
		}
		staff := strings.Contains(rt.path, "/api/")
		caller := address(r)
		if staff {
			who := office.Bearer(r, t.Staff)
			if who == nil {
				// Guessing is limited by where it comes from.
				if !i.limits.allow(caller) {
					i.answer(w, true, errTooMany)
					return
				}
				w.Header().Set("WWW-Authenticate", "Bearer")
				web.Problem{Title: "Unauthorized", Status: http.StatusUnauthorized}.Write(w)
				return
			}
			caller = "staff " + t.ID + " " + who.Name
			if !who.Allows(rt.role) && !(rt.role == "" && (who.Allows(office.RoleHandOut) || who.Allows(office.RoleRevoke))) {
				web.Problem{Title: "Forbidden", Status: http.StatusForbidden, Detail: "your role does not allow this"}.Write(w)
				return
			}
			r = r.WithContext(context.WithValue(r.Context(), staffKey{}, who.Name))
		}
		if !i.limits.allow(caller) {
			i.answer(w, staff, errTooMany)
			return
		}
		if err := rt.handle(i, t, w, r); err != nil {
			i.answer(w, staff, err)
		}
	}
}

type staffKey struct{}

func staffName(r *http.Request) string {
	name, _ := r.Context().Value(staffKey{}).(string)
	return name
}

var errTooMany = errors.New("too many requests")

// answer maps an error to what the caller hears: OAuth errors as they are, all others as a problem. Unknown ones are
// internal outside and whole in the log.
func (i *Issuer) answer(w http.ResponseWriter, staff bool, err error) {
	var refused *oauth.Error
	problem := web.Problem{}
	switch {
	case errors.As(err, &refused):
		i.metrics.refusals.WithLabelValues(string(refused.Code)).Inc()
		refused.Write(w)
		return
	case errors.Is(err, errTooMany):
		retryAfter(w, 1)
		problem = web.Problem{Title: "Too many requests", Status: http.StatusTooManyRequests}
	case errors.Is(err, ErrNotFound):
		problem = web.Problem{Title: "Not found", Status: http.StatusNotFound}
	case errors.Is(err, ErrInvalid):
		problem = web.Problem{Title: "Bad request", Status: http.StatusBadRequest}
	case errors.Is(err, ErrConflict):
		problem = web.Problem{Title: "Conflict", Status: http.StatusConflict}
	case errors.Is(err, ErrUnavailable), office.IsStoreError(err), errors.Is(err, context.DeadlineExceeded):
		i.log.Warn("not available", "error", err)
		retryAfter(w, 5)
		web.Problem{Title: "Not available now", Status: http.StatusServiceUnavailable}.Write(w)
		return
	case errors.Is(err, context.Canceled):
		return // the caller is gone
	default:
		web.Internal(w, i.log, err)
		return
	}
	if staff && problem.Status != http.StatusTooManyRequests {
		problem.Detail = err.Error()
	}
	problem.Write(w)
}

// ready tells whether credentials can be issued.
func (i *Issuer) ready(ctx context.Context) error {
	if err := i.db.Read().PingContext(ctx); err != nil {
		return err
	}
	for _, t := range i.tenants {
		var lists int
		if err := i.db.Read().QueryRowContext(ctx, "SELECT COUNT(*) FROM list WHERE tenant = ? AND state = ?", t.ID, listActive).Scan(&lists); err != nil {
			return err
		}
		if lists == 0 {
			return errors.New("no status list on the chain yet for " + t.ID)
		}
	}
	if age := i.now().Sub(i.ledger.State().Time); age > maxStale {
		return errors.New("the registry was last heard " + age.Round(time.Second).String() + " ago")
	}
	return nil
}

func postOffer(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	var request OfferRequest
	if !web.ReadJSON(w, r, 64<<10, &request) {
		return nil
	}
	offered, err := i.Offer(r.Context(), t.ID, staffName(r), request)
	if err != nil {
		return err
	}
	w.Header().Set("Location", t.base+"/api/offers/"+offered.ID)
	web.WriteJSON(w, http.StatusCreated, offered)
	return nil
}

func getOfferState(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	state, err := i.OfferState(r.Context(), t.ID, mux.Vars(r)["id"])
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, state)
	return nil
}

func deleteOffer(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	if err := i.CancelOffer(r.Context(), t.ID, staffName(r), mux.Vars(r)["id"]); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func getCredentials(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	all, err := i.Credentials(r.Context(), t.ID, r.URL.Query().Get("subject"))
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"credentials": all})
	return nil
}

func getCredential(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	c, err := i.Credential(r.Context(), t.ID, mux.Vars(r)["id"])
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, c)
	return nil
}

// postChange answers 200 when the change stands on the chain, 202 when it is stored and on its way.
func postChange(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Reason string `json:"reason"`
	}
	if !web.ReadJSON(w, r, 8<<10, &body) {
		return nil
	}
	changed, err := i.change(r.Context(), t.ID, staffName(r), mux.Vars(r)["id"], mux.Vars(r)["kind"], body.Reason)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if changed.Pending {
		status = http.StatusAccepted
	}
	web.WriteJSON(w, status, changed)
	return nil
}

// takes reports whether the caller's Accept names the media type, one that covers it, or nothing.
func takes(r *http.Request, mediaType string) bool {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if strings.TrimSpace(accept) == "" {
		return true
	}
	kind, _, _ := strings.Cut(mediaType, "/")
	for part := range strings.SplitSeq(accept, ",") {
		name, parameters, _ := strings.Cut(part, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if slices.Contains([]string{mediaType, kind + "/*", "*/*"}, name) && strings.ReplaceAll(parameters, " ", "") != "q=0" {
			return true
		}
	}
	return false
}
