package issuer

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/web"
)

//go:embed desk/*.html
var deskFS embed.FS

const (
	maxPeople  = 12 // on the page; others are found by number
	pollEvery  = 3  // seconds, for browsers without script
	eventEvery = time.Second
)

// desk is the page of the issuing desk. Links and paper codes are told once, so the desk keeps those of the offers that
// are on screens; they are nowhere else.
type desk struct {
	i     *Issuer
	pages *office.Pages

	mu     sync.Mutex
	offers map[string]shownOffer
}

// shownOffer is an offer whose link and code can be seen until a time.
type shownOffer struct {
	*Offered
	until time.Time
}

func newDesk(i *Issuer) *desk {
	d := &desk{i: i, offers: map[string]shownOffer{}}
	cfg := office.PagesConfig{
		App: "desk", Base: "/desk", Origin: i.cfg.Origin,
		Roles:     []string{office.RoleHandOut, office.RoleRevoke},
		Templates: deskFS,
		Nav: []office.NavItem{
			{Href: "/desk", Icon: "card-add", Key: "desk.nav.hand-out", Role: office.RoleHandOut},
			{Href: "/desk/cards", Icon: "card", Key: "desk.nav.cards"},
		},
		Register: func() office.Freshness {
			s := i.ledger.State()
			return office.Freshness{Height: s.Height, Time: s.Time}
		},
		Now: i.now, Logger: i.log,
	}
	for _, id := range i.ids {
		t := i.tenants[id]
		cfg.Tenants = append(cfg.Tenants, office.PageTenant{ID: t.ID, Name: t.Name, Staff: t.Staff})
	}
	var err error
	if d.pages, err = office.NewPages(cfg); err != nil {
		panic("issuer: internal error: desk: " + err.Error())
	}
	return d
}

// fail shows the page for an error.
func (d *desk) fail(w http.ResponseWriter, r *http.Request, visit office.Visit, err error) {
	switch {
	case errors.Is(err, ErrNotFound):
		d.pages.Error(w, r, visit, http.StatusNotFound, nil)
	case errors.Is(err, ErrInvalid):
		d.pages.Error(w, r, visit, http.StatusBadRequest, nil)
	case errors.Is(err, ErrConflict):
		d.pages.Error(w, r, visit, http.StatusConflict, nil)
	case errors.Is(err, ErrUnavailable), office.IsStoreError(err):
		d.i.log.Warn("desk", "error", err)
		d.pages.Error(w, r, visit, http.StatusServiceUnavailable, nil)
	default:
		d.pages.Error(w, r, visit, http.StatusInternalServerError, err)
	}
}

// inhabitant is a person as the desk shows one.
type inhabitant struct{ ID, Name, Detail string }

// inhabitantOf names a person. The data were checked when they were loaded.
func inhabitantOf(s Subject, lang string) inhabitant {
	p, err := readPerson(s.Claims)
	if err != nil {
		return inhabitant{ID: s.ID, Name: s.ID}
	}
	detail := message.Date(lang, p.birthdate)
	if p.locality != "" {
		detail += ", " + p.locality
	}
	return inhabitant{ID: s.ID, Name: p.givenName + " " + p.familyName, Detail: detail}
}

// subject names whose card or offer it is; one without a number came with its own data.
func (d *desk) subject(tenantID, id, lang string) inhabitant {
	if t := d.i.tenants[tenantID]; t != nil {
		if s, ok := t.subjects[id]; ok {
			return inhabitantOf(s, lang)
		}
	}
	if id == "" {
		return inhabitant{Name: "–"}
	}
	return inhabitant{ID: id, Name: id}
}

// people lists inhabitants: the one with a number, or the first ones.
func (d *desk) people(visit office.Visit, number string) (list []inhabitant, more bool) {
	t := d.i.tenants[visit.Tenant.ID]
	if number != "" {
		if s, ok := t.subjects[number]; ok {
			list = append(list, inhabitantOf(s, visit.Lang))
		}
		return list, false
	}
	for _, s := range t.order {
		if len(list) == maxPeople {
			return list, true
		}
		list = append(list, inhabitantOf(s, visit.Lang))
	}
	return list, false
}

// number is what was searched for.
func number(r *http.Request) string {
	n := strings.TrimSpace(r.URL.Query().Get("number"))
	if len(n) > 128 {
		return n[:128]
	}
	return n
}

func (d *desk) choose(w http.ResponseWriter, r *http.Request, visit office.Visit) {
	if !visit.Staff.Allows(office.RoleHandOut) {
		http.Redirect(w, r, "/desk/cards", http.StatusSeeOther)
		return
	}
	n := number(r)
	people, more := d.people(visit, n)
	d.pages.Show(w, r, visit, office.Page{Name: "choose", Title: visit.T("desk.choose.title"), Active: "/desk", Data: map[string]any{
		"Number": n, "People": people, "More": more, "Configuration": PersonalData, "Card": visit.T("desk.card." + PersonalData),
	}})
}

func (d *desk) handOut(w http.ResponseWriter, r *http.Request, visit office.Visit) {
	if !visit.Staff.Allows(office.RoleHandOut) {
		d.pages.Error(w, r, visit, http.StatusForbidden, nil)
		return
	}
	offered, err := d.i.Offer(r.Context(), visit.Tenant.ID, visit.Staff.Name, OfferRequest{
		ConfigurationIDs: []string{r.PostForm.Get("configuration")},
		Subject:          r.PostForm.Get("subject"),
		TxCode:           r.PostForm.Get("code") != "",
		Letter:           r.PostForm.Get("how") == "letter",
		ByReference:      true, // a short link makes a code that every camera reads
	})
	if err != nil {
		d.fail(w, r, visit, err)
		return
	}
	d.mu.Lock()
	now := d.i.elapsed()
	for id, o := range d.offers {
		if !now.Before(o.until) {
			delete(d.offers, id)
		}
	}
	// A letter is printed at once; its code is not there to be read for two weeks.
	d.offers[offered.ID] = shownOffer{offered, now.Add(codeLife)}
	d.mu.Unlock()
	http.Redirect(w, r, "/desk/offers/"+offered.ID, http.StatusSeeOther)
}

// onScreen returns the link and paper code of an offer that waits, nil if they are not known any more.
func (d *desk) onScreen(id string, waiting bool) *Offered {
	d.mu.Lock()
	defer d.mu.Unlock()
	if o := d.offers[id]; waiting && d.i.elapsed().Before(o.until) {
		return o.Offered
	}
	delete(d.offers, id)
	return nil
}

// ends says which words belong to an offer that has ended, or was taken.
var ends = map[string]struct{ key, tone, icon string }{
	OfferOpened:    {"open", "info", "phone"},
	OfferIssued:    {"done", "ok", "seal"},
	OfferExpired:   {"expired", "none", "clock"},
	OfferCancelled: {"stopped", "none", "stopped"},
	OfferBlocked:   {"dead", "stop", "revoked"},
}

// endsOfLetter are those for which a letter has other words.
var endsOfLetter = map[string]string{OfferExpired: "desk.letter.expired", OfferBlocked: "desk.letter.dead"}

func (d *desk) offer(w http.ResponseWriter, r *http.Request, visit office.Visit, id string) {
	state, err := d.i.OfferState(r.Context(), visit.Tenant.ID, id)
	if err != nil {
		d.fail(w, r, visit, err)
		return
	}
	left := max(0, state.ExpiresAt.Sub(d.i.elapsed()))
	data := map[string]any{
		"ID": id, "State": offerState(state), "Person": d.subject(visit.Tenant.ID, state.Subject, visit.Lang),
		"Card": visit.T("desk.card." + PersonalData), "Until": message.Clock(visit.Lang, message.Local(state.ExpiresAt)),
		"Today": message.Date(visit.Lang, message.Local(d.i.now())), "Left": message.Left(left), "Seconds": int(left / time.Second),
		"Code": state.TxCode,
	}
	page := office.Page{Name: "offer", Title: visit.T("desk.offer.title"), Active: "/desk", Data: data}
	offered := d.onScreen(id, state.State == OfferWaiting)
	if state.Letter {
		page.Title = visit.T("desk.letter.title")
		data["Until"] = message.Date(visit.Lang, message.Local(state.ExpiresAt))
	}
	if state.State == OfferWaiting {
		if state.Letter {
			page.Name = "letter"
		} else {
			page.Refresh = pollEvery
		}
		if offered != nil {
			if data["QR"], err = office.QR(offered.URI, visit.T("office.qr")); err != nil {
				d.fail(w, r, visit, err)
				return
			}
			// Templates refuse schemes that they do not know; this one is ours.
			if strings.HasPrefix(offered.URI, "openid-credential-offer://") {
				data["Link"] = template.URL(offered.URI)
			}
			data["TxCode"] = spaced(offered.TxCode)
		}
		d.pages.Show(w, r, visit, page)
		return
	}
	end := ends[state.State]
	if state.State == OfferIssued && state.Event == openid4vci.CredentialFailure {
		end = struct{ key, tone, icon string }{"refused", "warn", "unknown"}
	}
	if state.State == OfferOpened {
		page.Refresh = pollEvery
	}
	data["Tone"], data["Icon"] = end.tone, end.icon
	data["Title"], data["Text"] = visit.T("desk.offer."+end.key), visit.T("desk.offer."+end.key+".text")
	if key := endsOfLetter[state.State]; state.Letter && key != "" {
		data["Text"] = visit.T(key)
	}
	data["Live"] = state.State == OfferOpened || state.State == OfferIssued && state.Event == ""
	data["Done"] = end.key == "done"
	page.Name, page.Title = "offered", visit.T("desk.offer."+end.key)
	d.pages.Show(w, r, visit, page)
}

// spaced writes a code in groups of three, as people read it out.
func spaced(code string) string {
	if len(code) != 6 {
		return code
	}
	return code[:3] + " " + code[3:]
}

// offerState is what the page's script compares to see whether something happened.
func offerState(s *OfferStatus) string { return s.State + "-" + s.Event }

func (d *desk) stop(w http.ResponseWriter, r *http.Request, visit office.Visit, id string) {
	if !visit.Staff.Allows(office.RoleHandOut) {
		d.pages.Error(w, r, visit, http.StatusForbidden, nil)
		return
	}
	err := d.i.CancelOffer(r.Context(), visit.Tenant.ID, visit.Staff.Name, id)
	if err != nil && !errors.Is(err, ErrConflict) { // then the page says what came first
		d.fail(w, r, visit, err)
		return
	}
	http.Redirect(w, r, "/desk/offers/"+id, http.StatusSeeOther)
}

// events tells the page's script when to look again.
func (d *desk) events(w http.ResponseWriter, r *http.Request, visit office.Visit, id string) {
	state, err := d.i.OfferState(r.Context(), visit.Tenant.ID, id)
	if err != nil {
		d.fail(w, r, visit, err)
		return
	}
	flush := web.Stream(w, "text/event-stream")
	tick := time.NewTicker(eventEvery)
	defer tick.Stop()
	told, quiet := "", 0
	for {
		if now := offerState(state); now != told || quiet >= 10 {
			fmt.Fprintf(w, "event: state\ndata: %s\n\n", now)
			if flush() != nil {
				return
			}
			told, quiet = now, 0
		}
		live := state.State == OfferWaiting || state.State == OfferOpened || state.State == OfferIssued && state.Event == ""
		if !live || d.i.elapsed().After(state.ExpiresAt.Add(10*time.Minute)) {
			return
		}
		select {
		case <-tick.C:
			quiet++
		case <-r.Context().Done():
			return
		case <-web.Stopping(r.Context()):
			return
		}
		if state, err = d.i.OfferState(context.WithoutCancel(r.Context()), visit.Tenant.ID, id); err != nil {
			return
		}
	}
}
