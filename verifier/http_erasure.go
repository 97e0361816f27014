package verifier

import (
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"

	"github.com/gorilla/mux"

	"github.com/zegel-id/zegel/pkg/erasure"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/web"
)

// erasuresPerMinute is how many challenges and requests one address may ask on average.
const erasuresPerMinute = 600

// holder lets anyone through who does not ask too often. Nothing tells who it is, and nothing is asked.
func (v *Verifier) holder(h func(http.ResponseWriter, *http.Request, *tenant)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t := v.tenants[mux.Vars(r)["tenant"]]
		if t == nil {
			v.fail(w, ErrNotFound)
			return
		}
		if err := v.erasing.take(t.ID+"\x00"+network(r), v.elapsed()); err != nil {
			v.fail(w, err)
			return
		}
		h(w, r, t)
	}
}

// network names where a request comes from: of IPv6 the first 64 bits, which one household has for itself. It is used for
// nothing but the limit, and forgotten within minutes.
func network(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "?"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return "?"
	}
	bits := 32
	if ip = ip.Unmap(); ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return "?"
	}
	return p.String()
}

// GET …/erasure gives out a challenge.
func (v *Verifier) serveChallenge(w http.ResponseWriter, _ *http.Request, t *tenant) {
	web.WriteJSON(w, http.StatusOK, erasure.Challenge{
		Challenge: v.challenges.issue(t.ID, v.elapsed()), ExpiresIn: int(challengeLife.Seconds()),
	})
}

// POST …/erasure takes a request and answers it. Every request that does not hold gets the same reply.
func (v *Verifier) serveErasure(w http.ResponseWriter, r *http.Request, t *tenant) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != erasure.MediaType {
		web.Problem{Title: "Unsupported media type", Status: http.StatusUnsupportedMediaType, Detail: "send " + erasure.MediaType}.Write(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, erasure.MaxRequest))
	if err != nil {
		status := http.StatusBadRequest
		if errors.As(err, new(*http.MaxBytesError)) {
			status = http.StatusRequestEntityTooLarge
		}
		web.Problem{Title: http.StatusText(status), Status: status}.Write(w)
		return
	}
	answer, err := v.erase(r.Context(), t, string(body))
	switch {
	case errors.Is(err, erasure.ErrMalformed), errors.Is(err, errProof):
		v.log.Info("request to erase refused", "tenant", t.ID, "error", err)
		web.Problem{Title: "Bad request", Status: http.StatusBadRequest, Detail: "the request does not hold; get a new challenge and sign with the key of the receipt"}.Write(w)
		return
	case err != nil:
		v.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", erasure.MediaType)
	w.Header().Set("Cache-Control", "no-store")
	w.Write([]byte(answer))
}

// GET …/api/erasures lists requests that a person decides on.
func (v *Verifier) serveErasures(w http.ResponseWriter, r *http.Request, t *tenant, _ *office.Staff) {
	all, err := v.Erasures(r.Context(), t.ID)
	if err != nil {
		v.fail(w, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, struct {
		Erasures []Erasure `json:"erasures"`
	}{all})
}

// POST …/api/erasures/{id} decides.
func (v *Verifier) serveDecide(w http.ResponseWriter, r *http.Request, t *tenant, who *office.Staff) {
	var req struct {
		Decision Decision `json:"decision"`
	}
	if !web.ReadJSON(w, r, maxStaffBody, &req) {
		return
	}
	if err := v.Decide(r.Context(), t.ID, who.Name, mux.Vars(r)["id"], req.Decision); err != nil {
		v.fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
