package office

import (
	"net/http"
	"strings"

	"github.com/zegel-id/zegel/pkg/web"
)

// Handler serves a request of a member of staff who is logged in.
type Handler func(w http.ResponseWriter, r *http.Request, v Visit)

// Page wraps a handler for staff: without a session it shows the login page. A POST must come from our own pages and is
// a form of at most 8 KiB, found in r.PostForm. Polls do not keep a session alive.
func (p *Pages) Page(route string, h Handler) http.HandlerFunc { return p.page(route, true, h) }

// Poll is [Pages.Page] for what a page asks by itself.
func (p *Pages) Poll(route string, h Handler) http.HandlerFunc { return p.page(route, false, h) }

func (p *Pages) page(route string, touch bool, h Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		web.Route(r, route)
		visit := Visit{Lang: p.lang(w, r)}
		if r.Method == http.MethodPost && !p.ownForm(r) {
			p.Error(w, r, visit, http.StatusForbidden, nil)
			return
		}
		id := p.cookie(r)
		s := p.logins.find(id, touch)
		if s == nil {
			if id == "" && r.Method != http.MethodPost {
				http.Redirect(w, r, p.cfg.Base+"/login", http.StatusSeeOther)
				return
			}
			p.dropCookie(w)
			p.loginPage(w, r, visit, http.StatusUnauthorized, "office.login.ended")
			return
		}
		visit.Tenant, visit.Staff = s.tenant, s.staff
		if r.Method == http.MethodPost {
			form, status := web.ReadForm(w, r, 8<<10)
			if status != 0 {
				p.Error(w, r, visit, status, nil)
				return
			}
			r.PostForm = form
		}
		h(w, r, visit)
	}
}

func (p *Pages) ownForm(r *http.Request) bool { return OwnForm(r, p.cfg.Origin) }

// OwnForm reports whether a request that changes something comes from our own pages, which are at an origin. A request that does
// not say where it comes from does not.
func OwnForm(r *http.Request, own string) bool {
	origin, site := r.Header.Values("Origin"), r.Header.Values("Sec-Fetch-Site")
	if len(origin) == 0 && len(site) == 0 {
		return false
	}
	for _, o := range origin {
		if o != own {
			return false
		}
	}
	for _, s := range site {
		if s != "same-origin" {
			return false
		}
	}
	return true
}

func (p *Pages) cookieName() string { return cookieName("zegel-"+p.cfg.App, p.secure) }

func (p *Pages) cookie(r *http.Request) string {
	if c, err := r.Cookie(p.cookieName()); err == nil {
		return c.Value
	}
	return ""
}

func (p *Pages) setCookie(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{Name: p.cookieName(), Value: value, Path: "/", MaxAge: age, HttpOnly: true,
		Secure: p.secure, SameSite: http.SameSiteStrictMode})
}

func (p *Pages) dropCookie(w http.ResponseWriter) { p.setCookie(w, "", -1) }

// Login shows and takes the login form. It always leads to the start of the pages, never to an address from the
// request.
func (p *Pages) Login(w http.ResponseWriter, r *http.Request) {
	web.Route(r, p.cfg.Base+"/login")
	visit := Visit{Lang: p.lang(w, r)}
	if r.Method != http.MethodPost {
		if p.logins.find(p.cookie(r), false) != nil {
			http.Redirect(w, r, p.cfg.Base, http.StatusSeeOther)
			return
		}
		p.loginPage(w, r, visit, http.StatusOK, "")
		return
	}
	if !p.ownForm(r) {
		p.Error(w, r, visit, http.StatusForbidden, nil)
		return
	}
	if !p.logins.mayTry(r) {
		w.Header().Set("Retry-After", "60")
		p.loginPage(w, r, visit, http.StatusTooManyRequests, "office.login.slow")
		return
	}
	form, status := web.ReadForm(w, r, 4<<10)
	if status != 0 {
		p.Error(w, r, visit, status, nil)
		return
	}
	token := ""
	if v := form["token"]; len(v) == 1 {
		token = strings.TrimSpace(v[0])
	}
	tenant, staff := p.byToken(token)
	if staff == nil {
		p.cfg.Logger.Warn("login refused", "pages", p.cfg.App)
		p.loginPage(w, r, visit, http.StatusUnauthorized, "office.login.wrong")
		return
	}
	allowed := false
	for _, role := range p.cfg.Roles {
		allowed = allowed || staff.Allows(role)
	}
	if !allowed {
		p.Error(w, r, visit, http.StatusForbidden, nil)
		return
	}
	p.logins.end(p.cookie(r))
	p.setCookie(w, p.logins.start(tenant, staff), 0)
	http.Redirect(w, r, p.cfg.Base, http.StatusSeeOther)
}

func (p *Pages) byToken(token string) (*PageTenant, *Staff) {
	var tenant *PageTenant
	var staff *Staff
	for i := range p.cfg.Tenants {
		if s := byToken(token, p.cfg.Tenants[i].Staff); s != nil {
			tenant, staff = &p.cfg.Tenants[i], s
		}
	}
	return tenant, staff
}

// Logout ends the session. It needs no valid one.
func (p *Pages) Logout(w http.ResponseWriter, r *http.Request) {
	web.Route(r, p.cfg.Base+"/logout")
	if !p.ownForm(r) {
		p.Error(w, r, Visit{Lang: p.lang(w, r)}, http.StatusForbidden, nil)
		return
	}
	p.logins.end(p.cookie(r))
	p.dropCookie(w)
	http.Redirect(w, r, p.cfg.Base+"/login", http.StatusSeeOther)
}

func (p *Pages) loginPage(w http.ResponseWriter, r *http.Request, visit Visit, status int, problem string) {
	p.Show(w, r, visit, Page{Name: "login", Title: visit.T("office.login.title." + p.cfg.App), Status: status,
		Data: map[string]any{"Problem": problem}})
}

// NotFound is for paths below the base that do not exist.
func (p *Pages) NotFound(w http.ResponseWriter, r *http.Request) {
	web.Route(r, p.cfg.Base+"/…")
	visit := Visit{Lang: p.lang(w, r)}
	if s := p.logins.find(p.cookie(r), false); s != nil {
		visit.Tenant, visit.Staff = s.tenant, s.staff
	}
	p.Error(w, r, visit, http.StatusNotFound, nil)
}
