package verifier

import "github.com/gorilla/mux"

// counterRoutes adds the counter page.
func (v *Verifier) counterRoutes(r *mux.Router) {}
