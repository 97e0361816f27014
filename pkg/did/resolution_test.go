package did

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
)

func TestResolution(t *testing.T) {
	const id = DID("did:zegel:test:abc")
	born := time.Date(2026, 11, 25, 13, 0, 0, 999, time.FixedZone("x", 3600))
	doc := &Document{ID: id}
	for name, x := range map[string]struct {
		r      *Resolution
		status int
		want   string
	}{
		"new": {&Resolution{Document: doc, Created: born, VersionID: "1"}, 200,
			`{"didDocument":{"@context":["https://www.w3.org/ns/did/v1","https://w3id.org/security/suites/jws-2020/v1"],"id":"did:zegel:test:abc"},` +
				`"didResolutionMetadata":{"contentType":"application/did+ld+json"},"didDocumentMetadata":{"created":"2026-11-25T12:00:00Z","versionId":"1"}}`},
		"updated": {&Resolution{Document: doc, Created: born, Updated: born.Add(time.Hour), VersionID: "2"}, 200,
			`{"didDocument":{"@context":["https://www.w3.org/ns/did/v1","https://w3id.org/security/suites/jws-2020/v1"],"id":"did:zegel:test:abc"},` +
				`"didResolutionMetadata":{"contentType":"application/did+ld+json"},"didDocumentMetadata":{"created":"2026-11-25T12:00:00Z","updated":"2026-11-25T13:00:00Z","versionId":"2"}}`},
		"deactivated": {&Resolution{Document: &Document{ID: id, Deactivated: true}, Created: born, Updated: born, VersionID: "3"}, 410,
			`{"didDocument":null,"didResolutionMetadata":{},"didDocumentMetadata":{"created":"2026-11-25T12:00:00Z","updated":"2026-11-25T12:00:00Z","versionId":"3","deactivated":true}}`},
		"not found": {Unresolved(fmt.Errorf("x: %w", ErrNotFound)), 404,
			`{"didDocument":null,"didResolutionMetadata":{"error":"notFound"},"didDocumentMetadata":{}}`},
		"invalid": {Unresolved(fmt.Errorf("x: %w", jose.ErrMalformed)), 400,
			`{"didDocument":null,"didResolutionMetadata":{"error":"invalidDid"},"didDocumentMetadata":{}}`},
		"other trouble": {Unresolved(fmt.Errorf("disk on fire")), 500,
			`{"didDocument":null,"didResolutionMetadata":{"error":"internalError"},"didDocumentMetadata":{}}`},
		"method": {&Resolution{Error: MethodNotSupported}, 501,
			`{"didDocument":null,"didResolutionMetadata":{"error":"methodNotSupported"},"didDocumentMetadata":{}}`},
		"representation, with a document that is not to be seen": {&Resolution{Document: doc, Error: RepresentationNotSupported}, 406,
			`{"didDocument":null,"didResolutionMetadata":{"error":"representationNotSupported"},"didDocumentMetadata":{}}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(x.r)
			if err != nil || string(got) != x.want || x.r.Status() != x.status {
				t.Errorf("status %d, %v\n got %s\nwant %s", x.r.Status(), err, got, strings.TrimSpace(x.want))
			}
		})
	}
}
