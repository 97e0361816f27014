package verifier

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/trust"
	"github.com/zegel-id/zegel/pkg/web"
)

//go:embed counter/*.html
var counterFS embed.FS

// How long an answer stays on the screen, and what "keep longer" adds. Nobody has to read in a hurry, and nobody should
// see the answer of the one before.
const (
	showFor   = time.Minute
	pollEvery = 3 // seconds, for browsers without script
)

// counter is the page at the counter. All it knows of its own is until when an answer is shown.
type counter struct {
	v     *Verifier
	pages *office.Pages

	mu    sync.Mutex
	until map[string]time.Time // by session id
}

func newCounter(v *Verifier) *counter {
	c := &counter{v: v, until: map[string]time.Time{}}
	cfg := office.PagesConfig{
		App: "counter", Base: "/counter", Origin: v.cfg.Origin,
		Roles:     []string{office.RoleCheck, office.RoleAskAny},
		Templates: counterFS,
		Nav: []office.NavItem{
			{Href: "/counter", Icon: "check", Key: "counter.nav.check"},
			{Href: "/counter/history", Icon: "history", Key: "counter.nav.history"},
		},
		Register: func() office.Freshness {
			s := v.State()
			return office.Freshness{Height: s.Height, Time: s.Time}
		},
		Now: v.now, Logger: v.log,
	}
	if v.cfg.decides() {
		cfg.Nav = append(cfg.Nav, office.NavItem{Href: "/counter/erasures", Icon: "eye-off", Key: "counter.nav.erasures"})
	}
	for _, t := range v.cfg.Tenants {
		cfg.Tenants = append(cfg.Tenants, office.PageTenant{ID: t.ID, Name: t.Name, Staff: t.Staff})
	}
	var err error
	if c.pages, err = office.NewPages(cfg); err != nil {
		panic("verifier: internal error: counter: " + err.Error())
	}
	return c
}

// question is a preset as the picker shows it.
type question struct {
	Name, Icon                    string
	Title, Answer, Why, LegalBase string
	See, Not                      string
}

var presetIcons = map[string]string{"over-18": "over18", "resident": "town", "name-and-birthdate": "id"}

func (c *counter) picker(w http.ResponseWriter, r *http.Request, visit office.Visit) {
	var questions []question
	for _, p := range c.v.tenants[visit.Tenant.ID].presets {
		key := presetKey(p.Name)
		questions = append(questions, question{
			Name: p.Name, Icon: presetIcons[p.Name], Title: inLang(p.Title, visit.Lang),
			Why: inLang(p.Purpose, visit.Lang), LegalBase: p.LegalBasis,
			Answer: visit.T(key + "answer"), See: visit.T(key + "see"), Not: visit.T(key + "not"),
		})
	}
	c.pages.Show(w, r, visit, office.Page{Name: "picker", Title: visit.T("counter.picker.title"), Active: "/counter",
		Data: map[string]any{"Questions": questions, "MayAsk": visit.Staff.Allows(office.RoleCheck)}})
}

// presetKey is where the texts of a preset begin.
func presetKey(name string) string {
	if key := "preset." + name + "."; message.Has(key + "see") {
		return key
	}
	return "preset.other."
}

// inLang picks a text of the register in the page's language, or else whatever there is.
func inLang(t trust.Text, lang string) string {
	for _, l := range []string{lang, "nl", "en"} {
		if s := t[l]; s != "" {
			return s
		}
	}
	return ""
}

// title names what a session asks.
func (c *counter) title(s *Session, lang string) string {
	if t := c.v.tenants[s.Tenant]; t != nil {
		if p := t.preset(s.Preset); p != nil {
			return inLang(p.Title, lang)
		}
	}
	return message.Text(lang, "preset.other.title")
}

func (c *counter) ask(w http.ResponseWriter, r *http.Request, visit office.Visit) {
	s, err := c.v.Create(r.Context(), visit.Tenant.ID, visit.Staff.Name, SessionRequest{Preset: r.PostForm.Get("preset")})
	if err != nil {
		c.fail(w, r, visit, err)
		return
	}
	http.Redirect(w, r, "/counter/check/"+s.ID, http.StatusSeeOther)
}

// fail shows the page for an error.
func (c *counter) fail(w http.ResponseWriter, r *http.Request, visit office.Visit, err error) {
	var rate *RateError
	switch {
	case errors.As(err, &rate):
		w.Header().Set("Retry-After", strconv.Itoa(int(rate.After/time.Second)+1))
		c.pages.Error(w, r, visit, http.StatusTooManyRequests, nil)
	case errors.Is(err, ErrNotFound):
		c.pages.Error(w, r, visit, http.StatusNotFound, nil)
	case errors.Is(err, ErrForbidden):
		c.pages.Error(w, r, visit, http.StatusForbidden, nil)
	case errors.Is(err, ErrInvalid), errors.Is(err, ErrDecided):
		c.pages.Error(w, r, visit, http.StatusBadRequest, nil)
	case errors.Is(err, errStore):
		c.v.log.Error("counter", "error", err)
		c.pages.Error(w, r, visit, http.StatusServiceUnavailable, nil)
	default:
		c.pages.Error(w, r, visit, http.StatusInternalServerError, err)
	}
}

// check shows a session in the state it is in.
func (c *counter) check(w http.ResponseWriter, r *http.Request, visit office.Visit, id string) {
	s, err := c.v.Session(r.Context(), visit.Tenant.ID, id)
	if err != nil {
		c.fail(w, r, visit, err)
		return
	}
	switch {
	case s.State.Open():
		c.showOpen(w, r, visit, s)
	case s.Outcome == Accepted && s.Claims != nil && c.left(s, visit.Staff.Name) > 0:
		c.showGreen(w, r, visit, s)
	case s.Outcome == Rejected || s.Outcome == Undetermined:
		c.showRefused(w, r, visit, s)
	default:
		c.showEnded(w, r, visit, s)
	}
}

// open is a session that waits for its answer.
type open struct {
	ID, State, Question string
	Link                template.URL
	QR                  template.HTML
	Left                string
	Seconds, Whole      int
	Problem             string // an answer came that was not for this session
}

func (c *counter) showOpen(w http.ResponseWriter, r *http.Request, visit office.Visit, s *Session) {
	left := max(0, s.ExpiresAt.Sub(c.v.now()))
	data := open{
		ID: s.ID, State: stateName(s), Question: c.title(s, visit.Lang), Left: message.Left(left),
		Seconds: int(left / time.Second), Whole: int(Lifetime / time.Second),
	}
	if s.Outcome == Rejected {
		data.Problem = visit.T(categoryKey(s.Category) + "text")
	}
	page := office.Page{Name: "opened", Title: visit.T("counter.opened.title"), Active: "/counter", Refresh: pollEvery}
	if s.State == Created {
		page.Name, page.Title = "waiting", visit.T("counter.waiting.title")
		// Templates refuse schemes that they do not know; this one is ours.
		if strings.HasPrefix(s.Link, "openid4vp://") {
			data.Link = template.URL(s.Link)
		}
		var err error
		if data.QR, err = office.QR(s.Link, visit.T("office.qr")); err != nil {
			c.fail(w, r, visit, err)
			return
		}
	}
	page.Data = data
	c.pages.Show(w, r, visit, page)
}

// stateName is what the page's script compares to see whether something happened.
func stateName(s *Session) string {
	return fmt.Sprintf("%s-%s-%d", s.State, s.Category, s.ExpiresAt.UnixMilli())
}

func (c *counter) showGreen(w http.ResponseWriter, r *http.Request, visit office.Visit, s *Session) {
	left := c.left(s, visit.Staff.Name)
	facts := factsOf(s.Claims, visit.Lang)
	data := map[string]any{
		"ID": s.ID, "Question": c.title(s, visit.Lang), "Facts": facts,
		"Nothing": visit.T(presetKey(s.Preset) + "nothing"),
		"Left":    message.Left(left), "Seconds": int(left / time.Second), "Whole": int(showFor / time.Second),
		"Known": knownAt(s, visit.Lang), "Issuers": strings.Join(s.Issuers, ", "),
	}
	if s.Stale {
		data["Aged"] = message.Clock(visit.Lang, message.Local(s.AsOf))
	}
	c.pages.Show(w, r, visit, office.Page{Name: "green", Title: visit.T("counter.green.word") + ": " + c.title(s, visit.Lang),
		Active: "/counter", Refresh: int(left/time.Second) + 1, Data: data})
}

// known is the block that an outcome is based on.
type known struct {
	Time, Day, Height string
}

func knownAt(s *Session, lang string) *known {
	if s.AsOf.IsZero() {
		return nil
	}
	t := message.Local(s.AsOf)
	return &known{Time: message.ClockSeconds(lang, t), Day: message.Date(lang, t), Height: message.Number(lang, s.Height)}
}

// checkLine is one line of what was checked.
type checkLine struct{ Tone, Icon, Text, Result string }

func (c *counter) showRefused(w http.ResponseWriter, r *http.Request, visit office.Visit, s *Session) {
	key := categoryKey(s.Category)
	title := visit.T(key + "title")
	data := map[string]any{
		"ID": s.ID, "Preset": s.Preset, "Question": c.title(s, visit.Lang), "Title": title, "Text": visit.T(key + "text"),
		"Say": visit.T(key + "say"), "Do": visit.T(key + "do"), "Checks": checks(visit, s), "Known": knownAt(s, visit.Lang),
		"MayAsk": s.Preset != "" && visit.Staff.Allows(office.RoleCheck),
	}
	page := office.Page{Name: "red", Title: visit.T("counter.red.word") + ": " + title, Active: "/counter", Data: data}
	if s.Outcome == Undetermined {
		page.Name, page.Title = "amber", visit.T("category.registry_unavailable.title")
		if state := c.v.State(); state.Time.IsZero() {
			data["Never"] = true
		} else if age := c.v.now().Sub(state.Time); age > time.Minute {
			data["Since"] = message.Clock(visit.Lang, message.Local(state.Time))
			data["Age"] = message.Ago(visit.Lang, age)
		}
	}
	c.pages.Show(w, r, visit, page)
}

// categoryKey is where the texts of a category begin.
func categoryKey(category credential.Category) string {
	if key := "category." + string(category) + "."; message.Has(key + "say") {
		return key
	}
	return "category.other."
}

// checks says how far the check came. The validator's order is fixed, so that a category tells what was good before it.
func checks(visit office.Visit, s *Session) []checkLine {
	order := []struct {
		text       string
		categories []credential.Category
	}{
		{"counter.checked.issuer", []credential.Category{credential.UntrustedIssuer}},
		{"counter.checked.signature", []credential.Category{credential.BadSignature, credential.BadDisclosure, credential.HolderBinding}},
		{"counter.checked.status", []credential.Category{credential.NotYetValid, credential.Expired, credential.Revoked, credential.Suspended,
			credential.StatusUnavailable, credential.RegistryUnavailable, credential.RegistryUnproven}},
	}
	at := -1
	for i, o := range order {
		for _, category := range o.categories {
			if category == s.Category {
				at = i
			}
		}
	}
	if at < 0 || s.Outcome == Undetermined && s.Category != credential.StatusUnavailable {
		return nil // nothing can be said that was not said above
	}
	var lines []checkLine
	for i, o := range order {
		line := checkLine{"none", "stopped", visit.T(o.text), visit.T("counter.checked.not")}
		switch {
		case i < at && i == 0:
			line.Tone, line.Icon, line.Result = "ok", "valid", visit.T("counter.checked.known")
		case i < at:
			line.Tone, line.Icon, line.Result = "ok", "valid", visit.T("counter.checked.good")
		case i == at && s.Outcome == Undetermined:
			line.Tone, line.Icon, line.Result = "warn", "unknown", visit.T("counter.checked.unknown")
		case i == at:
			line.Tone, line.Icon, line.Result = "stop", "revoked", visit.T("counter.checked.bad")
			if i == 2 {
				line.Result = strings.ToLower(visit.T(categoryKey(s.Category) + "title"))
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func (c *counter) showEnded(w http.ResponseWriter, r *http.Request, visit office.Visit, s *Session) {
	key := "category.cleared."
	switch s.State {
	case Refused:
		key = "category.declined."
	case Expired:
		key = "category.timed_out."
	case Cancelled:
		key = "category.stopped."
	}
	data := map[string]any{"Title": visit.T(key + "title"), "Text": visit.T(key + "text"), "Preset": s.Preset,
		"Cleared": key == "category.cleared.", "MayAsk": s.Preset != "" && visit.Staff.Allows(office.RoleCheck)}
	if s.State == Refused {
		data["Say"], data["Do"] = visit.T("category.declined.say"), visit.T("category.declined.do")
	}
	c.pages.Show(w, r, visit, office.Page{Name: "ended", Title: visit.T(key + "title"), Active: "/counter", Data: data})
}

// left is how long the answer is still shown. The first look at it starts that time; at its end the values are wiped,
// whether or not a browser is looking.
func (c *counter) left(s *Session, staff string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.v.now()
	until, ok := c.until[s.ID]
	if !ok {
		until = now.Add(showFor)
		c.until[s.ID] = until
		c.wipeAfter(s.Tenant, s.ID, staff, showFor)
	}
	return max(0, until.Sub(now))
}

func (c *counter) wipeAfter(tenant, id, staff string, d time.Duration) {
	time.AfterFunc(d, func() {
		c.mu.Lock()
		left := c.until[id].Sub(c.v.now())
		c.mu.Unlock()
		if left > 0 {
			c.wipeAfter(tenant, id, staff, left)
			return
		}
		if err := c.wipe(context.Background(), tenant, staff, id); err != nil && !errors.Is(err, ErrNotFound) {
			c.v.log.Warn("answer not wiped in time", "error", err)
		}
	})
}

func (c *counter) wipe(ctx context.Context, tenant, staff, id string) error {
	if err := c.v.Clear(ctx, tenant, staff, id); err != nil {
		return err
	}
	c.mu.Lock()
	delete(c.until, id)
	c.mu.Unlock()
	return nil
}

func (c *counter) keep(w http.ResponseWriter, r *http.Request, visit office.Visit, id string) {
	s, err := c.v.Session(r.Context(), visit.Tenant.ID, id)
	if err != nil {
		c.fail(w, r, visit, err)
		return
	}
	c.mu.Lock()
	if until, ok := c.until[s.ID]; ok && until.After(c.v.now()) {
		c.until[s.ID] = c.v.now().Add(showFor)
	}
	c.mu.Unlock()
	c.back(w, r, id)
}

func (c *counter) clear(w http.ResponseWriter, r *http.Request, visit office.Visit, id string) {
	if err := c.wipe(r.Context(), visit.Tenant.ID, visit.Staff.Name, id); err != nil {
		c.fail(w, r, visit, err)
		return
	}
	if r.PostForm.Get("next") != "" {
		http.Redirect(w, r, "/counter", http.StatusSeeOther)
		return
	}
	c.back(w, r, id)
}

func (c *counter) more(w http.ResponseWriter, r *http.Request, visit office.Visit, id string) {
	if _, err := c.v.Extend(r.Context(), visit.Tenant.ID, visit.Staff.Name, id); err != nil && !errors.Is(err, ErrEnded) {
		c.fail(w, r, visit, err)
		return
	}
	c.back(w, r, id)
}

func (c *counter) stop(w http.ResponseWriter, r *http.Request, visit office.Visit, id string) {
	err := c.v.Cancel(r.Context(), visit.Tenant.ID, visit.Staff.Name, id)
	if err != nil && !errors.Is(err, ErrEnded) {
		c.fail(w, r, visit, err)
		return
	}
	c.back(w, r, id)
}

// back leads to the session again. The id was found in the store, so that it is one of ours.
func (c *counter) back(w http.ResponseWriter, r *http.Request, id string) {
	http.Redirect(w, r, "/counter/check/"+id, http.StatusSeeOther)
}

// events tells the page's script when to look again.
func (c *counter) events(w http.ResponseWriter, r *http.Request, visit office.Visit, id string) {
	changed, end := c.v.Subscribe(id)
	defer end()
	s, err := c.v.Session(r.Context(), visit.Tenant.ID, id)
	if err != nil {
		c.fail(w, r, visit, err)
		return
	}
	flush := web.Stream(w, "text/event-stream")
	alive := time.NewTicker(10 * time.Second)
	defer alive.Stop()
	for {
		fmt.Fprintf(w, "event: state\ndata: %s\n\n", stateName(s))
		if flush() != nil || !s.State.Open() {
			return
		}
		select {
		case <-changed:
		case <-alive.C:
		case <-r.Context().Done():
			return
		case <-web.Stopping(r.Context()):
			return
		}
		if s, err = c.v.Session(r.Context(), visit.Tenant.ID, id); err != nil {
			return
		}
	}
}
