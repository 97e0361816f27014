package registry

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/pkg/did"
)

const (
	typeDocument   = "application/did+ld+json"
	typeResolution = "application/did-resolution"
)

// getDID resolves a DID (W3C DID Resolution, HTTP(S) binding).
func (n *Node) getDID(w http.ResponseWriter, r *http.Request) {
	d, err := theDID(r)
	if err != nil {
		n.fail(w, err)
		return
	}
	x, _, ok := n.newest(w, r)
	if !ok {
		return
	}
	w.Header().Set("Vary", "Accept")
	record, exists := x.record(d)
	if x.failed != nil {
		n.fail(w, x.failed)
		return
	}
	if !exists {
		n.fail(w, errNone)
		return
	}
	doc, err := record.Document()
	if err != nil {
		n.fail(w, err)
		return
	}
	accept := r.Header.Get("Accept")
	plain := !record.Deactivated && (strings.Contains(accept, typeDocument) || strings.Contains(accept, "application/did+json"))
	var answer any = doc
	contentType := typeDocument
	if !plain {
		contentType = typeResolution
		result := struct {
			Document   *did.Document  `json:"didDocument"`
			Resolution map[string]any `json:"didResolutionMetadata"`
			Metadata   map[string]any `json:"didDocumentMetadata"`
		}{Resolution: map[string]any{}, Metadata: map[string]any{"versionId": strconv.FormatUint(record.Version, 10)}}
		if record.Deactivated {
			result.Metadata["deactivated"] = true
		} else {
			result.Document, result.Resolution["contentType"] = doc, typeDocument
		}
		answer = result
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		n.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(raw)))
	if record.Deactivated {
		w.WriteHeader(http.StatusGone)
	}
	_, _ = w.Write(raw) // the reader has gone
}
