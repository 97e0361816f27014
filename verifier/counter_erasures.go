package verifier

import (
	"net/http"
	"slices"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/pkg/office"
)

// decides reports whether a tenant leaves requests to erase to a person, so that there is something to show.
func (c *Config) decides() bool {
	return slices.ContainsFunc(c.Tenants, func(t Tenant) bool { return t.Duty.Decide })
}

// erasureRow is a request to erase on the page.
type erasureRow struct {
	ID, Session, Asked, By string
	Late                   bool
	Pill                   *office.Pill // what was decided; nil: nothing yet
	Staff                  string
}

// erasures shows the requests to erase of the tenant, undecided ones first.
func (c *counter) erasures(w http.ResponseWriter, r *http.Request, visit office.Visit) {
	all, err := c.v.Erasures(r.Context(), visit.Tenant.ID)
	if err != nil {
		c.fail(w, r, visit, err)
		return
	}
	var rows []erasureRow
	for _, e := range all {
		row := erasureRow{
			ID: e.ID, Session: e.Session, Asked: message.Date(visit.Lang, message.Local(e.AskedAt)), By: message.Date(visit.Lang, message.Local(e.DecideBy)),
			Late: e.Decision == "" && c.v.now().After(e.DecideBy), Staff: e.Staff,
		}
		switch e.Decision {
		case DecideErase:
			row.Pill = &office.Pill{Tone: "ok", Icon: "valid", Text: visit.T("counter.erasures.erased")}
		case DecideRefuse:
			row.Pill = &office.Pill{Tone: "none", Icon: "stopped", Text: visit.T("counter.erasures.refused")}
		}
		rows = append(rows, row)
	}
	t := c.v.tenants[visit.Tenant.ID]
	c.pages.Show(w, r, visit, office.Page{Name: "erasures", Title: visit.T("counter.erasures.title"), Active: "/counter/erasures",
		Data: map[string]any{"Rows": rows, "LegalBasis": t.Duty.LegalBasis, "MayDecide": visit.Staff.Allows(office.RoleCheck)}})
}

// decide takes a decision from the page.
func (c *counter) decide(w http.ResponseWriter, r *http.Request, visit office.Visit, id string) {
	if err := c.v.Decide(r.Context(), visit.Tenant.ID, visit.Staff.Name, id, Decision(r.PostForm.Get("decision"))); err != nil {
		c.fail(w, r, visit, err)
		return
	}
	http.Redirect(w, r, "/counter/erasures", http.StatusSeeOther)
}
