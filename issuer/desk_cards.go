package issuer

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/pkg/office"
)

// reasons for revoking that a clerk can choose; what is stored is the Dutch text.
var reasons = []string{"lost", "changed", "asked", "mistake"}

// cardView is a card as the desk shows it.
type cardView struct {
	ID, Card, Since, Until string
	Copies                 int
	Pill                   office.Pill
	MayRevoke              bool
	Current                bool
}

// moment is one line of a card's timeline.
type moment struct{ Tone, Icon, Title, Time, Text string }

func (d *desk) view(c *Credential, visit office.Visit) cardView {
	v := cardView{
		ID: c.ID, Card: visit.T("desk.card." + PersonalData), Copies: c.Copies,
		Since: message.Date(visit.Lang, c.IssuedAt), Until: message.Date(visit.Lang, c.ExpiresAt),
		Pill: d.status(c, visit.Lang),
	}
	v.MayRevoke = visit.Staff.Allows(office.RoleRevoke) && c.State != StateRevoked && c.Pending != kindRevoke && !d.over(c)
	return v
}

func (d *desk) over(c *Credential) bool { return !d.i.now().Before(c.ExpiresAt.AddDate(0, 0, 1)) }

func (d *desk) status(c *Credential, lang string) office.Pill {
	switch {
	case c.State == StateRevoked:
		return office.Pill{Tone: "stop", Icon: "revoked", Text: message.Text(lang, "desk.cards.state.revoked")}
	case c.Pending == kindRevoke:
		return office.Pill{Tone: "stop", Icon: "clock", Text: message.Text(lang, "desk.cards.state.pending")}
	case d.over(c):
		return office.Pill{Tone: "none", Icon: "expired", Text: message.Text(lang, "desk.cards.state.expired")}
	case c.State == StateSuspended:
		return office.Pill{Tone: "warn", Icon: "paused", Text: message.Text(lang, "desk.cards.state.suspended")}
	}
	return office.Pill{Tone: "ok", Icon: "seal", Text: message.Text(lang, "desk.cards.state.valid")}
}

// cards finds the cards of an inhabitant. Every search is written down, as people are looked up here.
func (d *desk) cards(w http.ResponseWriter, r *http.Request, visit office.Visit) {
	n := number(r)
	data := map[string]any{"Number": n}
	if n == "" {
		data["People"], data["More"] = d.people(visit, "")
	} else if err := d.found(r.Context(), visit, n, "", data); err != nil {
		d.fail(w, r, visit, err)
		return
	}
	d.pages.Show(w, r, visit, office.Page{Name: "cards", Title: visit.T("desk.cards.title"), Active: "/desk/cards", Data: data})
}

// card shows one card among those of the same inhabitant.
func (d *desk) card(w http.ResponseWriter, r *http.Request, visit office.Visit, id string) {
	c, err := d.i.Credential(r.Context(), visit.Tenant.ID, id)
	if err != nil {
		d.fail(w, r, visit, err)
		return
	}
	data := map[string]any{"Number": c.Subject}
	if err := d.found(r.Context(), visit, c.Subject, id, data); err != nil {
		d.fail(w, r, visit, err)
		return
	}
	d.pages.Show(w, r, visit, office.Page{Name: "cards", Title: visit.T("desk.cards.title"), Active: "/desk/cards", Data: data})
}

// found fills in the cards of a subject; id chooses the one that is shown whole, the newest without it.
func (d *desk) found(ctx context.Context, visit office.Visit, subject, id string, data map[string]any) error {
	t := d.i.tenants[visit.Tenant.ID]
	err := d.i.db.Write(ctx, func(tx *sql.Tx) error { return d.i.audit(tx, t, visit.Staff.Name, "credential.search", subject, "ok") })
	if err != nil {
		return err
	}
	var all []Credential
	if subject == "" { // its data came with the offer: it stands alone
		c, err := d.i.Credential(ctx, t.ID, id)
		if err != nil {
			return err
		}
		all = []Credential{*c}
	} else if all, err = d.i.Credentials(ctx, t.ID, subject); err != nil {
		return err
	}
	_, known := t.subjects[subject]
	data["Unknown"] = !known && len(all) == 0
	data["Person"] = d.subject(t.ID, subject, visit.Lang)
	data["MayHandOut"] = known && visit.Staff.Allows(office.RoleHandOut)
	var list []cardView
	at := 0
	for n := range all {
		if all[n].ID == id {
			at = n
		}
		list = append(list, d.view(&all[n], visit))
	}
	if len(list) > 0 {
		list[at].Current = true
		data["One"] = list[at]
		if data["Moments"], err = d.timeline(ctx, &all[at], visit); err != nil {
			return err
		}
	}
	data["Cards"] = list
	return nil
}

// timeline tells what happened to a card, newest first.
func (d *desk) timeline(ctx context.Context, c *Credential, visit office.Visit) ([]moment, error) {
	var moments []moment
	at := func(ms int64) string {
		t := message.Local(time.UnixMilli(ms))
		return message.Date(visit.Lang, t) + ", " + message.Clock(visit.Lang, t)
	}
	if d.over(c) {
		moments = append(moments, moment{"none", "expired", visit.T("desk.event.expired"), message.Date(visit.Lang, c.ExpiresAt), ""})
	}
	type event struct {
		at int64
		moment
	}
	var events []event
	rows, err := d.i.db.Read().QueryContext(ctx, "SELECT kind, reason, staff, created, done, height FROM action WHERE credential = ? ORDER BY id DESC LIMIT 50", c.ID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var kind, reason, staff string
		var created, done, height int64
		if err := rows.Scan(&kind, &reason, &staff, &created, &done, &height); err != nil {
			return nil, err
		}
		if done == actionRefused {
			continue
		}
		m := moment{Time: at(created), Text: staff + ", “" + reason + "”"}
		switch kind {
		case kindRevoke:
			m.Tone, m.Icon, m.Title = "stop", "revoked", visit.T("desk.event.revoked")
		case kindSuspend:
			m.Tone, m.Icon, m.Title = "warn", "paused", visit.T("desk.event.suspended")
		default:
			m.Tone, m.Icon, m.Title = "ok", "valid", visit.T("desk.event.resumed")
		}
		if done == actionDone {
			m.Text += ", " + visit.T("desk.event.block", "n", message.Number(visit.Lang, height))
		} else {
			m.Text += ", " + visit.T("desk.event.pending")
		}
		events = append(events, event{created, m})
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	batches, err := d.i.db.Read().QueryContext(ctx, "SELECT id, indices, issued FROM credential WHERE card = ? ORDER BY id = card, rowid DESC", c.ID)
	if err != nil {
		return nil, err
	}
	defer batches.Close()
	for batches.Next() {
		var id string
		var own []byte
		var issued int64
		if err := batches.Scan(&id, &own, &issued); err != nil {
			return nil, err
		}
		copies, err := decodeIndices(own)
		if err != nil {
			return nil, err
		}
		key := "desk.event.renewed"
		if id == c.ID {
			key = "desk.event.issued"
		}
		// Of the time of issue only the day is kept.
		events = append(events, event{issued, moment{"info", "phone", visit.T(key), message.Date(visit.Lang, time.UnixMilli(issued).UTC()), message.Count(visit.Lang, len(copies), "desk.event.copies")}})
	}
	if err := batches.Err(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(b.at, a.at) })
	for _, e := range events {
		moments = append(moments, e.moment)
	}
	var staff string
	var created int64
	err = d.i.db.Read().QueryRowContext(ctx, "SELECT o.staff, o.created FROM offer o JOIN credential c ON c.offer = o.id WHERE c.id = ?", c.ID).Scan(&staff, &created)
	switch {
	case err == nil:
		moments = append(moments, moment{"info", "card-add", visit.T("desk.event.offered"), at(created), staff})
	case !errors.Is(err, sql.ErrNoRows): // old offers are not kept
		return nil, err
	}
	return moments, nil
}

// revocable finds a card that may still be revoked by the visitor. It answers itself if not.
func (d *desk) revocable(w http.ResponseWriter, r *http.Request, visit office.Visit, id string) *Credential {
	if !visit.Staff.Allows(office.RoleRevoke) {
		d.pages.Error(w, r, visit, http.StatusForbidden, nil)
		return nil
	}
	c, err := d.i.Credential(r.Context(), visit.Tenant.ID, id)
	if err != nil {
		d.fail(w, r, visit, err)
		return nil
	}
	return c
}

func (d *desk) askReason(w http.ResponseWriter, r *http.Request, visit office.Visit, id string) {
	if c := d.revocable(w, r, visit, id); c != nil {
		d.showRevoke(w, r, visit, c, http.StatusOK, "", "")
	}
}

// showRevoke shows the reasons, or with a chosen one the last question.
func (d *desk) showRevoke(w http.ResponseWriter, r *http.Request, visit office.Visit, c *Credential, status int, chosen, problem string) {
	type choice struct{ Code, Text string }
	var all []choice
	for _, code := range reasons {
		all = append(all, choice{code, visit.T("desk.reason." + code)})
	}
	data := map[string]any{
		"One": d.view(c, visit), "Person": d.subject(visit.Tenant.ID, c.Subject, visit.Lang), "Reasons": all, "Problem": problem,
		"Tenant": visit.Tenant.Name,
	}
	page := office.Page{Name: "reason", Title: visit.T("desk.revoke.title"), Active: "/desk/cards", Status: status, Data: data}
	if chosen != "" {
		page.Name, page.Title = "confirm", visit.T("desk.confirm.title")
		data["Chosen"] = choice{chosen, visit.T("desk.reason." + chosen)}
	}
	d.pages.Show(w, r, visit, page)
}

// revoke takes the reason, asks once more, and then revokes.
func (d *desk) revoke(w http.ResponseWriter, r *http.Request, visit office.Visit, id string) {
	c := d.revocable(w, r, visit, id)
	if c == nil {
		return
	}
	chosen := ""
	for _, code := range reasons {
		if r.PostForm.Get("reason") == code {
			chosen = code
		}
	}
	switch {
	case chosen == "":
		d.showRevoke(w, r, visit, c, http.StatusBadRequest, "", visit.T("desk.revoke.reason.need"))
		return
	case r.PostForm.Get("sure") == "":
		d.showRevoke(w, r, visit, c, http.StatusOK, chosen, "")
		return
	}
	if _, err := d.i.Revoke(r.Context(), visit.Tenant.ID, visit.Staff.Name, id, message.Text("nl", "desk.reason."+chosen)); err != nil {
		d.fail(w, r, visit, err)
		return
	}
	http.Redirect(w, r, "/desk/cards/"+id, http.StatusSeeOther)
}
