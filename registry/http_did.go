package registry

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gorilla/mux"

	"github.com/zegel-id/zegel/pkg/did"
)

// getDID resolves a DID (W3C DID Resolution, HTTP(S) binding).
func (n *Node) getDID(w http.ResponseWriter, r *http.Request) {
	d, err := did.Parse(mux.Vars(r)["did"])
	switch {
	case !accepts(r, did.TypeResolution, did.TypeDocument, typeJSONDocument, "application/json"):
		n.resolved(w, r, &did.Resolution{Error: did.RepresentationNotSupported})
		return
	case err != nil:
		n.resolved(w, r, did.Unresolved(err))
		return
	case d.Method() != "zegel":
		n.resolved(w, r, &did.Resolution{Error: did.MethodNotSupported})
		return
	}
	x, _, ok := n.newest(w, r)
	if !ok {
		return
	}
	record, exists := x.record(d)
	switch {
	case x.failed != nil:
		n.fail(w, x.failed)
	case !exists:
		n.resolved(w, r, &did.Resolution{Error: did.NotFound})
	default:
		res, err := record.Resolution()
		if err != nil {
			n.fail(w, err)
			return
		}
		n.resolved(w, r, res)
	}
}

// resolved writes the result, or the document alone for who asks for a document and there is one.
func (n *Node) resolved(w http.ResponseWriter, r *http.Request, res *did.Resolution) {
	var answer any = res
	contentType := did.TypeResolution
	if accept := strings.Join(r.Header.Values("Accept"), ","); res.Status() == http.StatusOK && (strings.Contains(accept, did.TypeDocument) || strings.Contains(accept, typeJSONDocument)) {
		answer, contentType = res.Document, did.TypeDocument
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		n.fail(w, errors.Join(errors.New("resolution"), err))
		return
	}
	h := w.Header()
	h.Set("Vary", "Accept")
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(raw)))
	w.WriteHeader(res.Status())
	_, _ = w.Write(raw) // the reader has gone
}

// typeJSONDocument asks for the document alone as well; its name stands in DID Core, Section 6.2.
const typeJSONDocument = "application/did+json"

// accepts reports whether one of the types is among those that a question accepts (RFC 9110, Section 12.5.1).
func accepts(r *http.Request, types ...string) bool {
	asked := r.Header.Values("Accept")
	if len(asked) == 0 {
		return true
	}
	for part := range strings.SplitSeq(strings.Join(asked, ","), ",") {
		part, _, _ = strings.Cut(part, ";")
		if part = strings.ToLower(strings.TrimSpace(part)); part == "*/*" || part == "application/*" || slices.Contains(types, part) {
			return true
		}
	}
	return false
}
