package office

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/pkg/web"
)

// Start is what the start page of a town says and where it leads.
type Start struct {
	Town     string           // as "Gemeente Voorbeeldstad"
	Counter  string           // link to the counter
	Desk     string           // link to the desk
	Registry string           // link to the registry's pages; may be empty
	Network  string           // name of the registry's network; may be empty
	Register func() Freshness // state of the registry; may be nil
	Now      func() time.Time // may be nil
}

// StartPage explains a town and links its pages. It serves "/" and the files that the page needs, and nothing else.
func StartPage(s Start) http.Handler {
	templates, err := parse(nil)
	if err != nil {
		panic("office: internal error: " + err.Error())
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			web.Problem{Title: "Method not allowed", Status: http.StatusMethodNotAllowed}.Write(w)
			return
		case strings.HasPrefix(r.URL.Path, "/assets/"):
			Assets(w, r)
			return
		case r.URL.Path == "/favicon.ico":
			http.Redirect(w, r, assetPath("", "seal.svg"), http.StatusSeeOther)
			return
		}
		web.Route(r, "/")
		v := View{Visit: Visit{Lang: chooseLang(w, r, "", false)}, App: "start", Path: "/"}
		if r.URL.Path != "/" {
			v.Title = v.T("office.error.title.404")
			v.Data = map[string]any{"Text": v.T("office.error.text.404")}
			render(w, templates["error"], v, http.StatusNotFound, slog.New(slog.DiscardHandler))
			return
		}
		data := map[string]any{"Town": s.Town, "Counter": s.Counter, "Desk": s.Desk, "Registry": s.Registry, "Network": s.Network}
		if s.Register != nil {
			f := s.Register()
			v.Pill = registerPill(v.Lang, f, s.Now())
			if !f.Time.IsZero() {
				data["Height"], data["Time"] = message.Number(v.Lang, f.Height), message.ClockSeconds(v.Lang, message.Local(f.Time))
			}
		}
		v.Title, v.Data = v.T("start.title"), data
		render(w, templates["start"], v, http.StatusOK, slog.New(slog.DiscardHandler))
	})
}
