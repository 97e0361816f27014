package verifier

import (
	"bytes"
	"encoding/base64"
	"html"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/zegel-id/zegel/pkg/sdjwt"
)

// tags are the elements of a page. What a page shows as text has no bare < in it.
var tags = regexp.MustCompile(`<([a-zA-Z][a-zA-Z0-9]*)\b([^<>]*)>`)

// testFaces is WEB-07 on the counter: a card that names remote pictures, scripts and picture bombs, in its type and in its
// facts, is shown as text. The page loads nothing but its own files, and the counter asks nothing of anybody.
func testFaces(t *testing.T) {
	s := newSite(t)
	var mu sync.Mutex
	var asked []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Method+" "+r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"vct":"`+r.Host+`","display":[{"locale":"nl","name":"Kaart","rendering":{"simple":{"logo":{"uri":"http://`+r.Host+`/logo.svg"}}}}]}`)
	}))
	t.Cleanup(other.Close)

	// The type has an address where its metadata can be had, with a logo in them.
	vct := other.URL + "/type"
	for i := range s.ledger.accs {
		if a := &s.ledger.accs[i]; a.ID == "personal-data" {
			a.Types = append(a.Types, vct)
		}
	}
	for i := range s.ledger.anchors {
		s.ledger.anchors[i].Types = append(s.ledger.anchors[i].Types, vct)
	}
	var bomb bytes.Buffer
	if err := png.Encode(&bomb, megapixels{}); err != nil {
		t.Fatal(err)
	}
	svg := `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script><image href="` + other.URL + `/in.png"/></svg>`
	evil := map[string]string{
		"given_name":  other.URL + "/logo.png",
		"family_name": `"><img src="` + other.URL + `/x.png" onerror=alert(1)>`,
		"birthdate":   svg,
		"portrait":    "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(svg)),
		"picture":     "data:image/png;base64," + base64.StdEncoding.EncodeToString(bomb.Bytes()),
		"logo":        `url(` + other.URL + `/css.png)`,
	}
	over := map[string]any{"vct": vct, "vct#integrity": "sha256-AAAA"}
	var claims []path
	query := ""
	for name, v := range evil {
		over[name] = sdjwt.Selective{Value: v}
		claims = append(claims, path{name})
		query += `,{"path":["` + name + `"]}`
	}
	id, link := s.create(`{"dcql_query":{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]},"claims":[` + query[1:] + `]}]},"purpose":{"nl":"Proef"}}`)
	a := s.wallet(link)
	before := heap()
	if status, body := s.post(a.Request.ResponseURI, s.form(a, map[string][]string{"c": {s.present(a, s.issue(over), claims)}})); status != 200 {
		t.Fatalf("%d %q", status, body)
	}
	s.want(id, map[string]any{"outcome": "accepted"})

	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	login, err := http.NewRequest("POST", s.cfg.Origin+"/counter/login", strings.NewReader(url.Values{"token": {allToken}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	login.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	login.Header.Set("Origin", s.cfg.Origin)
	do := func(r *http.Request) (string, http.Header) {
		t.Helper()
		res, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		data, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%s: %d, %v", r.URL, res.StatusCode, err)
		}
		return string(data), res.Header
	}
	do(login)
	shown := false
	for _, page := range []string{"/counter/check/" + id, "/counter", "/counter/history"} {
		r, err := http.NewRequest("GET", s.cfg.Origin+page, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, h := do(r)
		shown = shown || strings.Contains(html.UnescapeString(body), evil["given_name"])
		for _, policy := range []string{"default-src 'none'", "img-src 'self';", "script-src 'self';"} {
			if !strings.Contains(h.Get("Content-Security-Policy"), policy) {
				t.Errorf("%s: %q lacks %q", page, h.Get("Content-Security-Policy"), policy)
			}
		}
		if h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s may be sniffed", page)
		}
		for _, m := range tags.FindAllStringSubmatch(body, -1) {
			inside := strings.ToLower(html.UnescapeString(m[2]))
			switch strings.ToLower(m[1]) {
			case "img", "image", "picture", "iframe", "object", "embed", "video", "audio":
				t.Errorf("%s holds %.120q", page, m[0])
			case "script", "link":
				if !strings.Contains(inside, `="/counter/assets/`) {
					t.Errorf("%s holds %.120q", page, m[0])
				}
			}
			for _, bad := range []string{other.URL, "data:", "javascript:", " style", "url(", " onload", " onerror"} {
				if strings.Contains(inside, bad) {
					t.Errorf("%s holds %.120q", page, m[0])
				}
			}
		}
		if len(body) > 256<<10 {
			t.Errorf("%s has %d bytes", page, len(body))
		}
	}
	if !shown {
		t.Error("control: no page shows the facts")
	}
	if n := heap() - before; n > 64<<20 {
		t.Errorf("%d bytes were allocated: is a picture decoded?", n)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(asked) > 0 {
		t.Errorf("the counter asked for %q", asked)
	}
}

// heap is how many bytes were ever taken from it.
func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// megapixels is a picture of a hundred of them that takes no memory until somebody decodes it.
type megapixels struct{}

func (megapixels) ColorModel() color.Model     { return color.Palette{color.Black, color.White} }
func (megapixels) Bounds() image.Rectangle     { return image.Rect(0, 0, 10_000, 10_000) }
func (megapixels) At(x, y int) color.Color     { return color.Black }
func (megapixels) ColorIndexAt(x, y int) uint8 { return 0 }
