package issuer

import (
	"embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/web"
)

//go:embed collect/*.html
var collectFS embed.FS

// newCollect makes the pages on which a person collects a card with the code of a letter: the authorization endpoint (RFC 6749, Section
// 3.1). Nothing of it is kept in the browser: each form brings what the page before it told.
func newCollect(i *Issuer) *office.Public {
	p, err := office.NewPublic(office.PublicConfig{App: "collect", Templates: collectFS, Now: i.now, Logger: i.log, Bare: true})
	if err != nil {
		panic("issuer: internal error: pages to collect: " + err.Error())
	}
	return p
}

// collecting is one look at the pages.
type collecting struct {
	i       *Issuer
	t       *tenant
	visit   office.Visit
	client  string
	request string // request_uri
}

func (i *Issuer) collecting(t *tenant, w http.ResponseWriter, r *http.Request, get func(string) string) *collecting {
	c := &collecting{i: i, t: t, visit: i.collect.Visit(w, r), client: get("client_id"), request: get("request_uri")}
	c.visit.Tenant = &office.PageTenant{ID: t.ID, Name: t.Name}
	return c
}

// getAuthorize shows the first page. Only a request that was pushed has one (RFC 9126, Section 4).
func getAuthorize(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	c := i.collecting(t, w, r, r.URL.Query().Get)
	a, err := i.pushed(r.Context(), i.db.Read(), t, c.request, c.client)
	if err != nil {
		c.end(w, r, err)
		return nil
	}
	c.letter(w, r, a, http.StatusOK, "")
	return nil
}

// postAuthorize takes a form: the code of the letter, the answer, or that the person stops.
func postAuthorize(i *Issuer, t *tenant, w http.ResponseWriter, r *http.Request) error {
	form, status := web.ReadForm(w, r, 8<<10)
	get := func(name string) string {
		v, _ := parameter(form, name)
		return v
	}
	c := i.collecting(t, w, r, get)
	switch {
	case !office.OwnForm(r, i.cfg.Origin):
		i.collect.Error(w, r, c.visit, http.StatusForbidden, nil)
		return nil
	case status != 0:
		i.collect.Error(w, r, c.visit, http.StatusBadRequest, nil)
		return nil
	}
	ctx := r.Context()
	if do := get("do"); do == "prove" {
		// As people write it down: in groups.
		code := strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, get("code"))
		step, left, err := i.identify(ctx, t, c.request, c.client, code)
		if err != nil && !errors.Is(err, errWrongLetter) {
			c.end(w, r, err)
			return nil
		}
		a, failed := i.pushed(ctx, i.db.Read(), t, c.request, c.client)
		switch {
		case failed != nil:
			c.end(w, r, failed)
		case err != nil:
			c.letter(w, r, a, http.StatusForbidden, message.Count(c.visit.Lang, left, "collect.letter.wrong"))
		default:
			c.consent(w, r, a, step)
		}
		return nil
	} else if do != "yes" && do != "no" {
		i.collect.Error(w, r, c.visit, http.StatusBadRequest, nil)
		return nil
	}
	to, err := i.decide(ctx, t, c.request, c.client, get("step"), get("do") == "yes")
	if err != nil {
		c.end(w, r, err)
		return nil
	}
	// The address holds a code: no cache keeps it, and nobody is told where the person came from.
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

func (c *collecting) card() string { return c.visit.T("desk.card." + PersonalData) }

// show shows a page whose forms may lead back to the wallet.
func (c *collecting) show(w http.ResponseWriter, r *http.Request, a *asked, p office.Page, data map[string]any) {
	data["Client"], data["Request"], data["Card"] = c.client, c.request, c.card()
	p.Data = data
	p.Keep = template.URL(url.Values{"client_id": {c.client}, "request_uri": {c.request}}.Encode() + "&")
	if u, err := url.Parse(a.request.RedirectURI); err == nil {
		source := u.Scheme + ":"
		if u.Host != "" && !strings.Contains(u.Host, "[") { // a policy has no way to write an address of IPv6
			source += "//" + u.Host
		}
		w.Header().Set("Content-Security-Policy", strings.Replace(web.ContentSecurityPolicy, "form-action 'self'", "form-action 'self' "+source, 1))
	}
	c.i.collect.Show(w, r, c.visit, p)
}

func (c *collecting) letter(w http.ResponseWriter, r *http.Request, a *asked, status int, problem string) {
	c.show(w, r, a, office.Page{Name: "letter", Title: c.visit.T("collect.letter.title"), Status: status}, map[string]any{"Problem": problem})
}

// consent says what happens next, to a person who has shown who they are.
func (c *collecting) consent(w http.ResponseWriter, r *http.Request, a *asked, step string) {
	c.show(w, r, a, office.Page{Name: "consent", Title: c.visit.T("collect.consent.title")}, map[string]any{
		"Person": inhabitantOf(c.t.subjects[a.subject], c.visit.Lang).Name, "Wallet": c.i.cfg.client(a.request.ClientID).Name, "Step": step,
	})
}

// end says why there is nothing to do here.
func (c *collecting) end(w http.ResponseWriter, r *http.Request, err error) {
	word, status := "", 0
	switch {
	case errors.Is(err, errBlocked):
		word, status = "blocked", http.StatusForbidden
	case errors.Is(err, ErrConflict):
		word, status = "done", http.StatusOK
	case errors.Is(err, ErrNotFound):
		word, status = "gone", http.StatusNotFound
	case errors.Is(err, ErrUnavailable), office.IsStoreError(err):
		c.i.log.Warn("collect", "error", err)
		c.i.collect.Error(w, r, c.visit, http.StatusServiceUnavailable, nil)
		return
	default:
		c.i.collect.Error(w, r, c.visit, http.StatusInternalServerError, err)
		return
	}
	c.i.collect.Show(w, r, c.visit, office.Page{Name: "end", Title: c.visit.T("collect." + word + ".title"), Status: status,
		Data: map[string]any{"Text": c.visit.T("collect." + word + ".text"), "Bad": word != "done"}})
}
