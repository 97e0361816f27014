package issuer

import "github.com/gorilla/mux"

// deskRoutes adds the desk page.
func (i *Issuer) deskRoutes(r *mux.Router) {}
