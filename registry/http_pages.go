package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/zegel-id/zegel/pkg/office"
)

// pages adds the explorer: pages for people, without script, that show what the read interface says.
func (n *Node) pages(r *mux.Router) {
	p := n.publicPages()
	page := func(path string, build func(*look, *http.Request) (office.Page, error)) {
		r.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { n.show(p, w, r, build) }).Methods(http.MethodGet, http.MethodHead)
	}
	page("/", (*look).overview)
	page("/organisations", (*look).organisations)
	page("/organisations/{did}", (*look).organisation)
	page("/proposals", (*look).proposals)
	page("/proposals/{id:[0-9a-f]{64}}", (*look).proposal)
	page("/lists", (*look).lists)
	page("/blocks", (*look).blocks)
	page("/blocks/{height:[0-9]{1,18}}", (*look).block)
	get := func(path string, h http.HandlerFunc) { r.HandleFunc(path, h).Methods(http.MethodGet, http.MethodHead) }
	get("/assets/{version}/{name}", office.Assets)
	get("/page.css", getStyle)
	none := problem(http.StatusNotFound, "Not found")
	r.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path+"/", "/v1/") || !strings.Contains(r.Header.Get("Accept"), "text/html") {
			none.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		n.show(p, w, r, func(*look, *http.Request) (office.Page, error) { return office.Page{}, errNone })
	})
}

// publicPages is the shell that the pages share with the services of the town.
func (n *Node) publicPages() *office.Public {
	p, err := office.NewPublic(office.PublicConfig{
		App: "registry", Templates: pageFS, Now: time.Now, Logger: n.cfg.Logger,
		Nav: []office.NavItem{
			{Href: "", Icon: "home", Key: "registry.nav.overview"},
			{Href: "organisations", Icon: "town", Key: "registry.nav.organisations"},
			{Href: "proposals", Icon: "vote", Key: "registry.nav.proposals"},
			{Href: "lists", Icon: "list", Key: "registry.nav.lists"},
			{Href: "blocks", Icon: "block", Key: "registry.nav.blocks"},
		},
		Register: func() office.Freshness {
			s := n.app.state.snapshot()
			return office.Freshness{Height: s.height, Time: s.time}
		},
	})
	if err != nil {
		panic("registry: internal error: " + err.Error())
	}
	return p
}

// show builds a page from the newest state.
func (n *Node) show(p *office.Public, w http.ResponseWriter, r *http.Request, build func(*look, *http.Request) (office.Page, error)) {
	w.Header().Del("Access-Control-Allow-Origin") // pages are for people
	visit := p.Visit(w, r)
	visit.Tenant.Name = visit.T("registry.who", "network", n.app.chain.Network)
	l := &look{n: n, x: n.reader(), v: visit, base: office.Base(r)}
	if l.x.s.height == 0 {
		p.Error(w, r, visit, http.StatusServiceUnavailable, nil)
		return
	}
	page, err := build(l, r)
	if err == nil {
		err = l.x.failed
	}
	var bad badQuestion
	switch {
	case err == nil:
		p.Show(w, r, visit, page)
	case errors.As(err, &bad):
		p.Error(w, r, visit, http.StatusBadRequest, err)
	case errors.Is(err, errNone), errors.Is(err, errGone):
		p.Error(w, r, visit, http.StatusNotFound, err)
	default:
		p.Error(w, r, visit, http.StatusInternalServerError, err)
	}
}

// organisation shows one organisation: what it may issue and ask, its keys and services.
func (l *look) organisation(r *http.Request) (office.Page, error) {
	d, err := theDID(r)
	if err != nil {
		return office.Page{}, err
	}
	return l.organisationPage(d)
}

func (l *look) proposal(r *http.Request) (office.Page, error) {
	p := l.x.theProposal(r)
	if p == nil {
		return office.Page{}, errNone
	}
	return l.proposalPage(p)
}

func (l *look) block(r *http.Request) (office.Page, error) {
	height, err := strconv.ParseInt(mux.Vars(r)["height"], 10, 64)
	if err != nil || height > l.x.s.height {
		return office.Page{}, errNone
	}
	return l.blockPage(height)
}

var styleTag = func() string {
	sum := sha256.Sum256(pageStyle)
	return fmt.Sprintf("%q", hex.EncodeToString(sum[:8]))
}()

func getStyle(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "public, no-cache")
	w.Header().Set("ETag", styleTag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(pageStyle))
}
