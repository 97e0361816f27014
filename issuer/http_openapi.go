package issuer

import (
	_ "embed"
	"net/http"

	"github.com/zegel-id/zegel/pkg/web"
)

//go:embed openapi.json
var openAPI []byte

// getOpenAPI serves the description of the staff API (Dutch API design rules).
func getOpenAPI(w http.ResponseWriter, r *http.Request) {
	web.Route(r, "/openapi.json")
	public(w)
	w.Header().Set("Content-Type", "application/json")
	w.Write(openAPI)
}
