package office

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/pkg/web"
)

// PageTenant is a municipality whose staff may use the pages.
type PageTenant struct {
	ID    string
	Name  string
	Staff []Staff
}

// NavItem is a place in the rail.
type NavItem struct {
	Href, Icon, Key string
	Role            string // who lacks it does not see the item; empty: everybody
}

// PagesConfig describes one set of pages. All fields but Logger and Register are required.
type PagesConfig struct {
	App       string // "counter" or "desk": name of the set, and of its texts
	Base      string // path, as "/counter"
	Origin    string // scheme and host, as browsers send it in Origin
	Tenants   []PageTenant
	Roles     []string // who has none of them may not come in
	Nav       []NavItem
	Templates fs.FS            // files *.html in one folder; each defines "main", and parts.html what they share
	Register  func() Freshness // how fresh the registry's mirror is
	Now       func() time.Time
	Logger    *slog.Logger
}

// Freshness is the newest verified header of the registry, zero if there is none.
type Freshness struct {
	Height int64
	Time   time.Time
}

// Pages is the shell of the counter or the desk: layout, assets, languages, login, and the check where a request came from.
type Pages struct {
	cfg       PagesConfig
	secure    bool
	templates map[string]*template.Template
	logins    *logins
}

// NewPages parses the templates. Routes are the caller's; see [Pages.Login], [Pages.Logout], [Pages.Assets] and
// [Pages.Page].
func NewPages(cfg PagesConfig) (*Pages, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	origin, err := url.Parse(cfg.Origin)
	if err != nil || origin.Host == "" || origin.Path != "" {
		return nil, fmt.Errorf("origin %q is not scheme and host", cfg.Origin)
	}
	p := &Pages{cfg: cfg, secure: origin.Scheme == "https", logins: newLogins(cfg.Now)}
	if p.templates, err = parse(cfg.Templates); err != nil {
		return nil, err
	}
	return p, nil
}

func parse(role fs.FS) (map[string]*template.Template, error) {
	funcs := template.FuncMap{"icon": icon, "brand": brand, "asset": assetPath}
	shell, err := template.New("shell").Funcs(funcs).ParseFS(pageFS, "page/layout.html", "page/parts.html")
	if err != nil {
		return nil, err
	}
	if role != nil {
		own, err := fs.Glob(role, "*/parts.html")
		if err == nil && len(own) > 0 {
			_, err = shell.ParseFS(role, own...)
		}
		if err != nil {
			return nil, err
		}
	}
	templates := map[string]*template.Template{}
	for _, dir := range []fs.FS{pageFS, role} {
		if dir == nil {
			continue
		}
		err := fs.WalkDir(dir, ".", func(path string, d fs.DirEntry, err error) error {
			name, ok := strings.CutSuffix(d.Name(), ".html")
			if err != nil || d.IsDir() || !ok || name == "layout" || name == "parts" {
				return err
			}
			t, err := shell.Clone()
			if err != nil {
				return err
			}
			if templates[name], err = t.ParseFS(dir, path); err != nil {
				return err
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return templates, nil
}

// Visit is one request by a member of staff.
type Visit struct {
	Tenant *PageTenant
	Staff  *Staff
	Lang   string
}

// T returns a text in the visitor's language.
func (v Visit) T(key string, pairs ...any) string { return message.Text(v.Lang, key, pairs...) }

// View is what a template sees.
type View struct {
	Visit
	App, Base string
	Title     string
	Path      string // for the language switch
	Keep      template.URL
	Bare      bool
	Nav       []NavItem
	Active    string // Href of the place in the rail
	Pill      Pill
	Refresh   int // seconds until a browser without script looks again; 0: never
	Data      any
}

// Pill is a status: word, shape and colour.
type Pill struct{ Tone, Icon, Text string }

// Rich returns a text in which **words** are bold.
func (v View) Rich(key string, pairs ...any) template.HTML {
	parts := strings.Split(html.EscapeString(message.Text(v.Lang, key)), "**")
	var b strings.Builder
	for i, part := range parts {
		if i%2 == 1 {
			part = "<strong>" + part + "</strong>"
		}
		b.WriteString(part)
	}
	for i := 1; i < len(pairs); i += 2 {
		pairs[i] = html.EscapeString(fmt.Sprint(pairs[i]))
	}
	return template.HTML(message.Fill(b.String(), pairs...))
}

// N returns a text that counts.
func (v View) N(key string, n int) string { return message.Count(v.Lang, n, key) }

// OtherLang is the language to switch to.
func (v View) OtherLang() string {
	if v.Lang == "en" {
		return "nl"
	}
	return "en"
}

// Page is what a handler wants shown.
type Page struct {
	Name    string // template
	Title   string
	Active  string
	Status  int // default 200
	Refresh int
	Keep    template.URL // parameters of the query that another language keeps, with & at the end
	Data    any
}

// Show renders a page.
func (p *Pages) Show(w http.ResponseWriter, r *http.Request, visit Visit, page Page) {
	view := View{
		Visit: visit, App: p.cfg.App, Base: p.cfg.Base, Title: page.Title, Path: r.URL.Path, Active: page.Active,
		Pill: p.register(visit.Lang), Refresh: page.Refresh, Data: page.Data,
	}
	for _, n := range p.cfg.Nav {
		if visit.Staff != nil && (n.Role == "" || visit.Staff.Allows(n.Role)) {
			view.Nav = append(view.Nav, n)
		}
	}
	render(w, p.templates[page.Name], view, page.Status, p.cfg.Logger)
}

func render(w http.ResponseWriter, t *template.Template, view View, status int, log *slog.Logger) {
	if t == nil {
		web.Internal(w, log, errors.New("no such template"))
		return
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "layout", view); err != nil {
		web.Internal(w, log, err)
		return
	}
	pageHeaders(w.Header())
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// pageHeaders are those of every page. A page tells its own site where a form came from; without that a browser sends
// "Origin: null", which says nothing.
func pageHeaders(h http.Header) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
}

// register says in words how fresh the registry's mirror is.
func (p *Pages) register(lang string) Pill {
	if p.cfg.Register == nil {
		return Pill{}
	}
	return registerPill(lang, p.cfg.Register(), p.cfg.Now())
}

func registerPill(lang string, f Freshness, now time.Time) Pill {
	age := now.Sub(f.Time)
	switch {
	case f.Time.IsZero():
		return Pill{"stop", "offline", message.Text(lang, "office.register.none")}
	case age <= time.Minute:
		return Pill{"ok", "valid", message.Text(lang, "office.register.fresh")}
	case age <= 10*time.Minute:
		return Pill{"warn", "clock", message.Text(lang, "office.register.aged", "time", message.Clock(lang, message.Local(f.Time)))}
	}
	return Pill{"stop", "offline", message.Text(lang, "office.register.lost", "time", message.Clock(lang, message.Local(f.Time)))}
}

// Error shows an error page: 400, 403, 404, 409, 429, 500 or 503. An error that is not the caller's goes to the log under an id.
func (p *Pages) Error(w http.ResponseWriter, r *http.Request, visit Visit, status int, cause error) {
	if visit.Lang == "" {
		visit.Lang = p.lang(w, r)
	}
	id := ""
	if status == http.StatusInternalServerError {
		id = web.LogInternal(p.cfg.Logger, cause)
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "30")
	}
	words := status
	if status == http.StatusRequestEntityTooLarge || status == http.StatusUnsupportedMediaType {
		words = http.StatusBadRequest // to a person it is a form that is not correct
	}
	title := visit.T(fmt.Sprintf("office.error.title.%d", words))
	p.Show(w, r, visit, Page{Name: "error", Title: title, Status: status,
		Data: map[string]any{"Text": visit.T(fmt.Sprintf("office.error.text.%d", words), "id", id)}})
}

// lang is the language of a page: asked for, remembered, or Dutch.
func (p *Pages) lang(w http.ResponseWriter, r *http.Request) string {
	return chooseLang(w, r, p.cfg.Base, p.secure)
}

func chooseLang(w http.ResponseWriter, r *http.Request, base string, secure bool) string {
	if asked := r.URL.Query().Get("lang"); slices.Contains(message.Languages, asked) {
		http.SetCookie(w, &http.Cookie{Name: langCookie(secure), Value: asked, Path: "/", MaxAge: 365 * 86400,
			HttpOnly: true, Secure: secure, SameSite: http.SameSiteStrictMode})
		return asked
	}
	if c, err := r.Cookie(langCookie(secure)); err == nil && slices.Contains(message.Languages, c.Value) {
		return c.Value
	}
	return message.Languages[0]
}

func langCookie(secure bool) string { return cookieName("zegel-lang", secure) }

// cookieName uses the prefix with which browsers refuse cookies from other hosts, where they can.
func cookieName(name string, secure bool) string {
	if secure {
		return "__Host-" + name
	}
	return name
}
