package wallet

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// plain is a picture of one colour that takes no memory, however large it is.
type plain struct{ w, h int }

var twoColours = color.Palette{color.NRGBA{0x8e, 0x3e, 0x28, 0xff}, color.White}

func (p plain) ColorModel() color.Model     { return twoColours }
func (p plain) Bounds() image.Rectangle     { return image.Rect(0, 0, p.w, p.h) }
func (p plain) At(x, y int) color.Color     { return twoColours[0] }
func (p plain) ColorIndexAt(x, y int) uint8 { return 0 }
func pngOf(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func dataURI(kind string, file []byte) string {
	return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(file)
}

// faced makes the town publish a colour and pictures for its cards.
func (w *world) faced(colour, logo any, background string) {
	w.dress = func(m map[string]any) {
		card := m["credential_configurations_supported"].(map[string]any)["person"].(map[string]any)["credential_metadata"].(map[string]any)
		for _, d := range card["display"].([]any) {
			d := d.(map[string]any)
			d["background_color"], d["logo"], d["background_image"] = colour, logo, map[string]any{"uri": background}
		}
		m["display"] = []any{map[string]any{"name": "Proefstad", "logo": logo}}
	}
}

// watched counts the requests that anything at all makes of it.
type watched struct {
	mu   sync.Mutex
	seen []string
	url  string
}

func watch(t *testing.T) *watched {
	w := &watched{}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen = append(w.seen, r.Method+" "+r.URL.Path)
		rw.Header().Set("Content-Type", "image/png")
		png.Encode(rw, plain{8, 8})
	}))
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *watched) requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen
}

// testFaces is WEB-07: whatever an issuer publishes as a logo, the card comes in, nothing is asked of anybody for it, and
// what is kept is a small picture of the wallet's own, or none.
func testFaces(t *testing.T) {
	other := watch(t)
	svg := `<svg xmlns="http://www.w3.org/2000/svg"><script href="` + other.url + `/script"/><image href="` + other.url + `/in-svg.png"/></svg>`
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, image.NewGray(image.Rect(0, 0, 60, 60)), nil); err != nil {
		t.Fatal(err)
	}
	bomb := pngOf(t, plain{10_000, 10_000})
	if len(bomb) > 60<<10 {
		t.Fatalf("control: the bomb has %d bytes", len(bomb))
	}
	uri := func(s string) any { return map[string]any{"uri": s, "alt_text": "<b>Wapen</b>"} }
	for name, logo := range map[string]any{
		"svg with script":            uri(dataURI("image/svg+xml", []byte(svg))),
		"svg as text":                uri("data:image/svg+xml;utf8," + svg),
		"svg that says png":          uri(dataURI("image/png", []byte(svg))),
		"remote picture, http":       uri(other.url + "/logo.png"),
		"remote picture, https":      uri(strings.Replace(other.url, "http:", "https:", 1) + "/logo.png"),
		"remote svg":                 uri(other.url + "/logo.svg"),
		"no scheme":                  uri(strings.TrimPrefix(other.url, "http:") + "/logo.png"),
		"a file of the device":       uri("file:///etc/passwd"),
		"100 megapixels":             uri(dataURI("image/png", bomb)),
		"jpeg that says png":         uri(dataURI("image/png", photo.Bytes())),
		"jpeg with another header":   uri(dataURI("image/jpeg", append([]byte("GIF89a"), photo.Bytes()[6:]...))),
		"more than 64 KiB":           uri(dataURI("image/png", append(pngOf(t, plain{40, 40}), make([]byte, 64<<10)...))),
		"a list":                     []any{other.url},
		"a text":                     other.url + "/logo.png",
		"another member for address": map[string]any{"url": other.url + "/logo.png", "uri": nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.faced("url("+other.url+"/colour)", logo, other.url+"/background.png")
			wal := w.wallet(nil)
			i, err := wal.Receive(t.Context(), w.offer())
			if err != nil {
				t.Fatal(err)
			}
			seen, err := i.Fetch(t.Context(), "")
			if err != nil || len(seen) != 1 || seen[0].Logo != nil || seen[0].Colour != "" {
				t.Fatalf("%d cards, %v", len(seen), err)
			}
			if _, err := i.Accept(t.Context()); err != nil {
				t.Fatal(err)
			}
			c := one(t, wal)
			if got, err := wal.Logo(t.Context(), c.ID); got != nil || err != nil || has(t, wal, logoPrefix+c.ID) {
				t.Errorf("%d bytes of a logo, %v", len(got), err)
			}
			if c.Name != "Persoonsgegevens" || c.Status != "valid" || c.Colour != "" {
				t.Errorf("the card suffers: %+v", c)
			}
			if all := other.requests(); len(all) > 0 {
				t.Errorf("asked for: %q", all)
			}
			for _, r := range must(wal.records()) {
				for _, d := range r.Names {
					if d.Logo != nil || d.BackgroundColor != "" {
						t.Errorf("kept of the display: %+v", d)
					}
				}
			}
		})
	}
	t.Run("10 MB", func(t *testing.T) {
		w := newWorld(t)
		w.faced(nil, uri(dataURI("image/png", make([]byte, 10<<20))), "")
		if _, err := w.wallet(nil).Receive(t.Context(), w.offer()); err == nil {
			t.Error("metadata of more than 20 MB were read")
		}
		if all := other.requests(); len(all) > 0 {
			t.Errorf("asked for: %q", all)
		}
	})
}

// A sound logo and colour come with the card, are the wallet's own picture, follow a renewal and go with the card.
func TestFace(t *testing.T) {
	w := newWorld(t)
	w.renewable()
	wal := w.wallet(nil)
	file := pngOf(t, plain{300, 200})
	w.faced("#8E3e28", map[string]any{"uri": dataURI("image/png", append(file, "canary after the end"...))}, dataURI("image/png", file))
	i, err := wal.Receive(t.Context(), w.offer())
	if err != nil {
		t.Fatal(err)
	}
	preview, err := i.Fetch(t.Context(), "")
	if err != nil || len(preview) != 1 || preview[0].Colour != "#8e3e28" || preview[0].Logo == nil {
		t.Fatalf("%+v, %v", preview, err)
	}
	if has(t, wal, logoPrefix+preview[0].ID) {
		t.Error("stored before it was accepted")
	}
	if _, err := i.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := one(t, wal)
	logo, err := wal.Logo(t.Context(), c.ID)
	if err != nil || !bytes.Equal(logo, preview[0].Logo) || bytes.Contains(logo, []byte("canary")) || c.Colour != "#8e3e28" {
		t.Fatalf("%d bytes, %v, %q", len(logo), err, c.Colour)
	}
	img, err := png.Decode(bytes.NewReader(logo))
	if err != nil || img.Bounds() != image.Rect(0, 0, 128, 85) {
		t.Errorf("%v, %v", img.Bounds(), err)
	}

	// A renewal brings the new face, or takes the old one away.
	renew := func() Card {
		t.Helper()
		r, err := wal.Renew(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
		return one(t, wal)
	}
	w.faced("#063", map[string]any{"uri": dataURI("image/png", pngOf(t, plain{20, 20}))}, "")
	if got := renew(); got.Colour != "#006633" {
		t.Errorf("colour %q", got.Colour)
	}
	if now, err := wal.Logo(t.Context(), c.ID); err != nil || now == nil || bytes.Equal(now, logo) {
		t.Errorf("%d bytes, %v", len(now), err)
	}
	w.faced(nil, nil, "")
	if got := renew(); got.Colour != "" {
		t.Errorf("colour %q", got.Colour)
	}
	if now, err := wal.Logo(t.Context(), c.ID); err != nil || now != nil {
		t.Errorf("%d bytes, %v", len(now), err)
	}
	w.faced("#063", map[string]any{"uri": dataURI("image/png", file)}, "")
	renew()
	if !has(t, wal, logoPrefix+c.ID) {
		t.Fatal("control: there is no logo to delete")
	}
	if err := wal.Delete(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	if has(t, wal, logoPrefix+c.ID) {
		t.Error("the logo outlives the card")
	}
}

// The language of the wallet chooses among displays, and the issuer's own logo stands in where a card has none.
func TestFaceOfDisplays(t *testing.T) {
	w := newWorld(t)
	red, white := map[string]any{"uri": dataURI("image/png", pngOf(t, plain{10, 10}))}, map[string]any{"uri": dataURI("image/png", pngOf(t, plain{30, 10}))}
	width := func(c Card) int {
		if c.Logo == nil {
			return 0
		}
		k, err := png.DecodeConfig(bytes.NewReader(c.Logo))
		if err != nil {
			t.Fatal(err)
		}
		return k.Width
	}
	for name, x := range map[string]struct {
		displays []any
		issuer   any
		colour   string
		width    int
	}{
		"in its language": {[]any{map[string]any{"name": "P", "locale": "en", "logo": white, "background_color": "#111111"},
			map[string]any{"name": "P", "locale": "nl-NL", "logo": red, "background_color": "#222222"}}, white, "#222222", 10},
		"in another":    {[]any{map[string]any{"name": "P", "locale": "nl"}, map[string]any{"name": "P", "locale": "en", "logo": white, "background_color": "#111111"}}, red, "#111111", 30},
		"of the issuer": {[]any{map[string]any{"name": "P", "locale": "nl", "logo": map[string]any{"uri": "https://evil.example/x"}}}, white, "", 30},
		"of nobody":     {[]any{map[string]any{"name": "P", "locale": "nl"}}, nil, "", 0},
	} {
		w.dress = func(m map[string]any) {
			m["credential_configurations_supported"].(map[string]any)["person"].(map[string]any)["credential_metadata"].(map[string]any)["display"] = x.displays
			m["display"] = []any{map[string]any{"name": "Proefstad", "logo": x.issuer}}
		}
		wal := w.wallet(nil)
		cards := receive(t, wal, w.offer(), "")
		if len(cards) != 1 || cards[0].Colour != x.colour || width(cards[0]) != x.width {
			t.Errorf("%s: %q, %d wide", name, cards[0].Colour, width(cards[0]))
		}
	}
}

// A backup moves the colour of a card; its logo stays behind, and comes again with new copies.
func TestFaceInBackup(t *testing.T) {
	w := newWorld(t)
	w.renewable()
	w.faced("#8e3e28", map[string]any{"uri": dataURI("image/png", pngOf(t, plain{50, 50}))}, "")
	wal := w.wallet(nil)
	receive(t, wal, w.offer(), "")
	const passphrase = "zes losse woorden zijn hier genoeg appel"
	setUp(t, wal, RecoverySetup{Passphrase: passphrase})
	file, err := wal.Backup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := OpenBackup(file, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if cards := b.Cards("nl", w.now()); len(cards) != 1 || cards[0].Colour != "#8e3e28" || cards[0].Logo != nil {
		t.Errorf("%+v", cards)
	}
	o := memOptions(nil, w.now)
	o.Dir, o.fs = t.TempDir()+"/again", nil
	restored, err := b.Restore(t.Context(), o, testPIN, false)
	if err != nil {
		t.Fatal(err)
	}
	again := restored.Wallet
	defer again.Close()
	c := one(t, again)
	if logo, err := again.Logo(t.Context(), c.ID); err != nil || logo != nil || c.Colour != "#8e3e28" {
		t.Errorf("%d bytes, %v, %q", len(logo), err, c.Colour)
	}
	r, err := again.Renew(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	if logo, err := again.Logo(t.Context(), c.ID); err != nil || logo == nil {
		t.Errorf("%d bytes, %v", len(logo), err)
	}
}
