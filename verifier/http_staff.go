package verifier

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/web"
)

// POST …/api/sessions
func (v *Verifier) serveCreate(w http.ResponseWriter, r *http.Request, t *tenant, who *office.Staff) {
	var req SessionRequest
	if !web.ReadJSON(w, r, maxStaffBody, &req) {
		return
	}
	s, err := v.Create(r.Context(), t.ID, who.Name, req)
	if err != nil {
		v.fail(w, err)
		return
	}
	w.Header().Set("Location", t.base+"/api/sessions/"+s.ID)
	web.WriteJSON(w, http.StatusCreated, struct {
		ID         string    `json:"id"`
		RequestURI string    `json:"request_uri"`
		ExpiresAt  time.Time `json:"expires_at"`
	}{s.ID, s.Link, s.ExpiresAt})
}

// GET …/api/sessions/{id}
func (v *Verifier) serveSession(w http.ResponseWriter, r *http.Request, t *tenant, who *office.Staff) {
	s, err := v.session(r.Context(), t.ID, mux.Vars(r)["id"], r.URL.Query().Get("response_code"))
	if err == nil && s.State == Cancelled {
		err = ErrNotFound
	}
	if err != nil {
		v.missing(r, t, who, err)
		v.fail(w, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, s)
}

// missing notes that somebody asked for a session that is not theirs.
func (v *Verifier) missing(r *http.Request, t *tenant, who *office.Staff, err error) {
	if err == ErrNotFound {
		v.audit(r.Context(), t.ID, who.Name, "session.read", mux.Vars(r)["id"], "not_found")
	}
}

// DELETE …/api/sessions/{id} cancels an open session, and wipes the values of one that has ended.
func (v *Verifier) serveDelete(w http.ResponseWriter, r *http.Request, t *tenant, who *office.Staff) {
	if err := v.Clear(r.Context(), t.ID, who.Name, mux.Vars(r)["id"]); err != nil {
		v.missing(r, t, who, err)
		v.fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// GET …/api/sessions lists sessions without values; ?before= pages on.
func (v *Verifier) serveHistory(w http.ResponseWriter, r *http.Request, t *tenant, _ *office.Staff) {
	limit, before := 50, time.Time{}
	q := r.URL.Query()
	if s := q.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 200 {
			web.Problem{Title: "Bad request", Status: http.StatusBadRequest, Detail: "limit is 1 to 200"}.Write(w)
			return
		}
		limit = n
	}
	if s := q.Get("before"); s != "" {
		var err error
		if before, err = time.Parse(time.RFC3339, s); err != nil {
			web.Problem{Title: "Bad request", Status: http.StatusBadRequest, Detail: "before is a time as in RFC 3339"}.Write(w)
			return
		}
	}
	all, err := v.History(r.Context(), t.ID, before, limit)
	if err != nil {
		v.fail(w, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, struct {
		Sessions []Session `json:"sessions"`
	}{all})
}

// keepAlive is how often an event stream shows that it lives.
const keepAlive = 10 * time.Second

// GET …/api/sessions/{id}/events sends the session, without values, after every change until it ends.
func (v *Verifier) serveEvents(w http.ResponseWriter, r *http.Request, t *tenant, who *office.Staff) {
	id := mux.Vars(r)["id"]
	changed, done := v.Subscribe(id)
	defer done()
	s, err := v.peek(r, t, id)
	if err == nil && s.State == Cancelled {
		err = ErrNotFound
	}
	if err != nil {
		v.missing(r, t, who, err)
		v.fail(w, err)
		return
	}
	flush := web.Stream(w, "text/event-stream")
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for {
		data, err := json.Marshal(s)
		if err != nil {
			return
		}
		if _, err := w.Write([]byte("event: session\ndata: " + string(data) + "\n\n")); err != nil || flush() != nil {
			return
		}
		if !s.State.Open() {
			return
		}
	wait:
		for {
			select {
			case <-r.Context().Done():
				return
			case <-web.Stopping(r.Context()):
				return
			case <-changed:
				break wait
			case <-tick.C:
				if _, err := w.Write([]byte(": \n\n")); err != nil || flush() != nil {
					return
				}
			}
		}
		if s, err = v.peek(r, t, id); err != nil {
			return
		}
	}
}

// peek returns a session without its values.
func (v *Verifier) peek(r *http.Request, t *tenant, id string) (*Session, error) {
	l := v.find(t.ID, handleOf(id))
	if l == nil {
		return v.stored(r.Context(), t.ID, handleOf(id))
	}
	if err := v.expire(r.Context(), l); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.copy()
	s.Claims, s.Issuers = nil, nil
	return s, nil
}
