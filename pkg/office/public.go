package office

import (
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/pkg/web"
)

// PublicConfig describes pages that everybody may read, without a login. All fields but Nav, Register and Logger are required.
type PublicConfig struct {
	App       string           // name of the set, and of its texts
	Nav       []NavItem        // Href below the base, without a slash in front
	Templates fs.FS            // as in [PagesConfig]; what they define as "head" stands in the head of each page
	Register  func() Freshness // nil: the pages say nothing about it
	Now       func() time.Time
	Logger    *slog.Logger
	// Bare pages stand alone: they lead nowhere, and have their assets beside them.
	Bare bool
}

// Public is the shell of pages without a login. Its links are relative, so that it can stand under any path.
type Public struct {
	cfg       PublicConfig
	templates map[string]*template.Template
}

// NewPublic parses the templates. Routes are the caller's; see [Assets].
func NewPublic(cfg PublicConfig) (*Public, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	templates, err := parse(cfg.Templates)
	if err != nil {
		return nil, err
	}
	return &Public{cfg: cfg, templates: templates}, nil
}

// Base is the relative way from the page of a request to where the pages begin: ".", "..", and so on.
func Base(r *http.Request) string {
	up := strings.Count(r.URL.EscapedPath(), "/") - 1
	if up <= 0 {
		return "."
	}
	return strings.TrimSuffix(strings.Repeat("../", up), "/")
}

// Visit is that of a request by anybody; its tenant is whose pages they are, for the caller to name. The language is the one asked for, remembered, or preferred by the browser.
func (p *Public) Visit(w http.ResponseWriter, r *http.Request) Visit {
	secure := r.TLS != nil
	lang := chooseLang(w, r, "", secure)
	if _, err := r.Cookie(langCookie(secure)); err != nil && !r.URL.Query().Has("lang") {
		lang = preferred(r.Header.Get("Accept-Language"))
	}
	return Visit{Tenant: &PageTenant{}, Lang: lang}
}

// preferred is the first of our languages in Accept-Language, else the first of ours. Browsers write them in the order of
// preference, so that the weights need no reading.
func preferred(header string) string {
	for part := range strings.SplitSeq(header, ",") {
		tag, _, _ := strings.Cut(strings.TrimSpace(part), ";")
		tag, _, _ = strings.Cut(strings.ToLower(tag), "-")
		if slices.Contains(message.Languages, tag) {
			return tag
		}
	}
	return message.Languages[0]
}

// Show renders a page. Active is the Href of its place in the rail.
func (p *Public) Show(w http.ResponseWriter, r *http.Request, visit Visit, page Page) {
	base := Base(r)
	if p.cfg.Bare {
		base = "."
	}
	view := View{
		Visit: visit, App: p.cfg.App, Base: base, Title: page.Title, Active: base + "/" + page.Active, Keep: page.Keep, Bare: p.cfg.Bare, Data: page.Data,
	}
	if p.cfg.Register != nil {
		view.Pill = registerPill(visit.Lang, p.cfg.Register(), p.cfg.Now())
	}
	for _, n := range p.cfg.Nav {
		n.Href = base + "/" + n.Href
		view.Nav = append(view.Nav, n)
	}
	w.Header().Add("Vary", "Accept-Language, Cookie")
	render(w, p.templates[page.Name], view, page.Status, p.cfg.Logger)
}

// Error shows an error page: 400, 404, 500 or 503.
func (p *Public) Error(w http.ResponseWriter, r *http.Request, visit Visit, status int, cause error) {
	id := ""
	if status == http.StatusInternalServerError {
		id = web.LogInternal(p.cfg.Logger, cause)
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	text := fmt.Sprintf("office.error.text.%d", status)
	if own := fmt.Sprintf("%s.error.%d", p.cfg.App, status); message.Has(own) {
		text = own
	}
	p.Show(w, r, visit, Page{Name: "error", Title: visit.T(fmt.Sprintf("office.error.title.%d", status)), Status: status,
		Data: map[string]any{"Text": visit.T(text, "id", id)}})
}
