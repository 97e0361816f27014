package issuer

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/zegel-id/zegel/pkg/openid4vci"
)

// square is a picture of one colour.
func square(side int) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	for i := range img.Pix {
		img.Pix[i] = 0xc0
	}
	return img
}

func pngOf(t testing.TB, img image.Image) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A municipality's colour and logo are in the type metadata and in the issuer metadata, with nothing to fetch.
func TestFacePublished(t *testing.T) {
	file := pngOf(t, square(64))
	path := filepath.Join(t.TempDir(), "logo.png")
	write(t, path, file)
	w := newTown(t, func(c *Config) {
		c.Tenants[0].Cards = map[string]Face{PersonalData: {Colour: "#7A2F1D", Logo: path, LogoAlt: "Trapgevel"}}
	})
	offered, _ := w.offer(OfferRequest{})
	opened, err := w.wallet().Open(t.Context(), offered.URI)
	if err != nil {
		t.Fatal(err)
	}
	shown := opened.Metadata.Configurations[PersonalData].Metadata.Display
	if len(shown) != 2 {
		t.Fatalf("%d displays", len(shown))
	}
	for _, d := range shown {
		if d.BackgroundColor != "#7A2F1D" || d.TextColor != "#FFFFFF" || d.Logo == nil || d.Logo.AltText != "Trapgevel" {
			t.Errorf("%+v", d)
			continue
		}
		if got, err := d.Logo.File(); err != nil || string(got) != file {
			t.Errorf("another file is published: %v", err)
		}
	}
	type simple struct {
		Background string `json:"background_color"`
		Text       string `json:"text_color"`
		Logo       map[string]string
	}
	var doc struct {
		Display []struct {
			Locale    string
			Rendering map[string]simple
		}
	}
	a := w.call("GET", "/types/personal-data", "", "", "")
	if err := json.Unmarshal(a.body, &doc); err != nil || len(doc.Display) != 2 {
		t.Fatalf("%v: %s", err, a.body)
	}
	sum := sha256.Sum256([]byte(file))
	for _, d := range doc.Display {
		s := d.Rendering["simple"]
		if s.Background != "#7A2F1D" || s.Text != "#FFFFFF" || s.Logo["alt_text"] != "Trapgevel" || s.Logo["uri"] != shown[0].Logo.URI ||
			s.Logo["uri#integrity"] != "sha256-"+base64.StdEncoding.EncodeToString(sum[:]) {
			t.Errorf("%+v", d)
		}
	}
	// Served as what they are, and nothing in them counts as a page (SD-JWT VC, "Serving Documents and Rendering Resources").
	if a.header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(a.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("headers %v", a.header)
	}

	// Another municipality, which chose nothing, leaves its face to the wallets.
	other := w.call("GET", w.server.URL+"/issuer/proefdorp/types/personal-data", "", "", "")
	if other.status != 200 || bytes.Contains(other.body, []byte("rendering")) {
		t.Errorf("%d %s", other.status, other.body)
	}
}

func TestTextOnColour(t *testing.T) {
	for colour, want := range map[string]openid4vci.Colour{"#ffffff": "#000000", "#ff0": "#000000", "#0e5f6d": "#FFFFFF", "#000": "#FFFFFF", "#00f": "#FFFFFF"} {
		l := &tenant{Tenant: Tenant{Cards: map[string]Face{PersonalData: {Colour: colour}}}}
		if err := l.loadFace(); err != nil || l.face.TextColor != want {
			t.Errorf("%s: %q, %v", colour, l.face.TextColor, err)
		}
	}
}

// faceSettings is WEB-07: a logo that no wallet should show is refused when the issuer starts, with its setting named.
func faceSettings(t *testing.T) {
	w := newTown(t)
	dir := t.TempDir()
	noise := image.NewNRGBA(image.Rect(0, 0, 120, 120))
	seed := uint32(1)
	for i := range noise.Pix {
		seed = seed*1664525 + 1013904223
		noise.Pix[i] = byte(seed >> 24)
	}
	plain := image.NewPaletted(image.Rect(0, 0, 10_000, 1000), color.Palette{color.Black, color.White})
	var photo bytes.Buffer
	if err := jpeg.Encode(&photo, square(40), nil); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"script.svg": `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`,
		"svg.png":    `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`,
		"noise.png":  pngOf(t, noise),
		"large.png":  pngOf(t, plain),
		"cut.png":    pngOf(t, square(40))[:50],
		"moving.gif": "GIF89a\x01\x00\x01\x00\x00\x00\x00;",
		"empty.png":  "",
		"good.png":   pngOf(t, square(40)),
		"good.jpeg":  photo.String(),
	}
	for name, content := range files {
		write(t, filepath.Join(dir, name), content)
	}
	if len(files["large.png"]) > maxLogoFile || len(files["noise.png"]) <= maxLogoFile {
		t.Fatal("control: the files are not what they are for")
	}
	open := func(cards map[string]Face) error {
		cfg := w.cfg
		cfg.Dir = filepath.Join(t.TempDir(), "issuer")
		cfg.Tenants = slices.Clone(cfg.Tenants)
		cfg.Tenants[0].Cards = cards
		i, err := Open(t.Context(), cfg, Deps{Ledger: w.chain, Now: w.clock.now, ChainID: testChain})
		if err == nil {
			i.Close()
		}
		return err
	}
	for name, face := range map[string]Face{
		"a colour in words":     {Colour: "red"},
		"an address as colour":  {Colour: "url(https://evil.example)"},
		"words without logo":    {LogoAlt: "Wapen"},
		"a file that is absent": {Logo: filepath.Join(dir, "absent.png")},
		"an address":            {Logo: "https://evil.example/logo.png"},
		"a folder":              {Logo: dir},
	} {
		if err := open(map[string]Face{PersonalData: face}); err == nil || !strings.Contains(err.Error(), "setting tenants[voorbeeldstad].cards: personal-data.") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		err := open(map[string]Face{PersonalData: {Logo: filepath.Join(dir, name)}})
		if good := strings.HasPrefix(name, "good"); good && err != nil || !good && (err == nil || !strings.Contains(err.Error(), name)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := open(map[string]Face{"diploma": {Colour: "#123"}}); err == nil || !strings.Contains(err.Error(), `"diploma"`) {
		t.Errorf("a card that there is not: %v", err)
	}
}

// What "init" writes shows every setting there is, and nothing else.
func TestSampleConfig(t *testing.T) {
	var c Config
	meta, err := toml.Decode(SampleConfig, &c)
	if err != nil || len(meta.Undecoded()) > 0 {
		t.Fatalf("%v, unknown %v", err, meta.Undecoded())
	}
	if face := c.Tenants[0].Cards[PersonalData]; face.Colour == "" || face.Logo == "" || face.LogoAlt == "" || len(c.Tenants[0].Staff) != 1 {
		t.Errorf("%+v", c.Tenants[0])
	}
}
