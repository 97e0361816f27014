package did

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
)

// Media types of what a resolver answers with.
const (
	TypeDocument   = "application/did+ld+json"    // DID Core, Section 6.3.1: the document alone
	TypeResolution = "application/did-resolution" // DID Resolution, "DID Resolution Result": the document with both kinds of metadata
)

// ResolutionError is why a DID was not resolved (DID Core, Section 7.1.2).
type ResolutionError string

// Errors of resolution.
const (
	InvalidDID                 ResolutionError = "invalidDid"
	NotFound                   ResolutionError = "notFound"
	MethodNotSupported         ResolutionError = "methodNotSupported"
	RepresentationNotSupported ResolutionError = "representationNotSupported"
	InternalError              ResolutionError = "internalError"
)

// Resolution is what resolving a DID gives: its document, what is known about the document, and how resolving went
// (DID Core, Section 7.1). With an Error it has nothing else.
//
// There is no canonicalId and no equivalentId: every method here gives one DID one spelling.
type Resolution struct {
	Document  *Document // of a deactivated DID it is kept here and not shown
	Created   time.Time // zero: not known
	Updated   time.Time // of the last change; zero: never, or not known
	VersionID string    // empty: not known
	Error     ResolutionError
}

// Unresolved returns the resolution that an error of [Parse], [Registry.Resolve] or a source stands for.
func Unresolved(err error) *Resolution {
	code := InternalError
	switch {
	case errors.Is(err, ErrNotFound):
		code = NotFound
	case errors.Is(err, jose.ErrMalformed):
		code = InvalidDID
	}
	return &Resolution{Error: code}
}

// Deactivated says whether the DID was ended.
func (r *Resolution) Deactivated() bool { return r.Document != nil && r.Document.Deactivated }

// Status returns the HTTP status of the answer (DID Resolution, "HTTP(S) Binding").
func (r *Resolution) Status() int {
	switch r.Error {
	case "":
		if r.Deactivated() {
			return http.StatusGone
		}
		return http.StatusOK
	case InvalidDID:
		return http.StatusBadRequest
	case NotFound:
		return http.StatusNotFound
	case RepresentationNotSupported:
		return http.StatusNotAcceptable
	case MethodNotSupported:
		return http.StatusNotImplemented
	}
	return http.StatusInternalServerError
}

type resolutionMetadata struct {
	ContentType string          `json:"contentType,omitempty"`
	Error       ResolutionError `json:"error,omitempty"`
}

type documentMetadata struct {
	Created     string `json:"created,omitempty"`
	Updated     string `json:"updated,omitempty"`
	VersionID   string `json:"versionId,omitempty"`
	Deactivated bool   `json:"deactivated,omitempty"`
}

// MarshalJSON returns the resolution result. A deactivated DID has no document any more, only metadata that say so.
func (r *Resolution) MarshalJSON() ([]byte, error) {
	out := struct {
		Document   *Document          `json:"didDocument"`
		Resolution resolutionMetadata `json:"didResolutionMetadata"`
		Metadata   documentMetadata   `json:"didDocumentMetadata"`
	}{Resolution: resolutionMetadata{Error: r.Error}}
	if r.Error == "" && r.Document != nil {
		out.Metadata = documentMetadata{
			Created: dateTime(r.Created), Updated: dateTime(r.Updated), VersionID: r.VersionID, Deactivated: r.Deactivated(),
		}
		if !r.Deactivated() {
			out.Document, out.Resolution.ContentType = r.Document, TypeDocument
		}
	}
	return json.Marshal(out)
}

// dateTime writes a time as DID Core, Section 7.1.3 asks: UTC without parts of a second.
func dateTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Truncate(time.Second).Format(time.RFC3339)
}
