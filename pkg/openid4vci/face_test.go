package openid4vci

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"runtime"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/pkg/jose"
)

// picture is a disc on nothing.
func picture(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			if dx, dy := x-w/2, y-h/2; dx*dx+dy*dy < w*h/5 {
				img.SetNRGBA(x, y, color.NRGBA{0x8e, 0x3e, 0x28, 0xff})
			}
		}
	}
	return img
}

func pngFile(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegFile(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bomb is a sound PNG of very many pixels in few bytes: one bit for each, all the same.
func bomb(t testing.TB, w, h int) []byte {
	t.Helper()
	var out bytes.Buffer
	out.WriteString("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, data []byte) {
		binary.Write(&out, binary.BigEndian, uint32(len(data)))
		body := append([]byte(kind), data...)
		out.Write(body)
		binary.Write(&out, binary.BigEndian, crc32.ChecksumIEEE(body))
	}
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	chunk("IHDR", append(head, 1, 0, 0, 0, 0))
	var data bytes.Buffer
	z, err := zlib.NewWriterLevel(&data, zlib.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	row := make([]byte, 1+(w+7)/8)
	for range h {
		if _, err := z.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	chunk("IDAT", data.Bytes())
	chunk("IEND", nil)
	return out.Bytes()
}

func dataURI(kind string, file []byte) string {
	return "data:" + kind + ";base64," + base64.StdEncoding.EncodeToString(file)
}

// allocated is how many bytes f takes from the heap, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestLogo(t *testing.T) {
	gray := image.NewGray16(image.Rect(-3, -5, 40, 40))
	for name, file := range map[string][]byte{
		"small": pngFile(t, picture(32, 20)), "large": pngFile(t, picture(1024, 1024)), "wide": pngFile(t, picture(900, 30)),
		"jpeg": jpegFile(t, picture(300, 200)), "gray": pngFile(t, gray), "one pixel": jpegFile(t, picture(1, 1)),
	} {
		l, err := NewLogo(file, "Wapen")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var out []byte
		if n := allocated(func() { out, err = l.Picture() }); err != nil || n > 32<<20 {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
		got, err := png.Decode(bytes.NewReader(out))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c, _, err := image.DecodeConfig(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		b := got.Bounds()
		if b.Dx() > LogoSide || b.Dy() > LogoSide || b.Dx() < 1 || b.Dy() < 1 || max(c.Width, c.Height) <= LogoSide && (b.Dx() != c.Width || b.Dy() != c.Height) {
			t.Errorf("%s: %v of %d by %d", name, b, c.Width, c.Height)
		}
		if back, err := l.File(); err != nil || !bytes.Equal(back, file) {
			t.Errorf("%s: the file is not published as it is: %v", name, err)
		}
	}
	// Shrinking keeps the colour, also where it fades into nothing.
	l, err := NewLogo(pngFile(t, picture(512, 512)), "")
	if err != nil {
		t.Fatal(err)
	}
	out, err := l.Picture()
	if err != nil {
		t.Fatal(err)
	}
	small, err := png.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range [][2]int{{64, 64}, {64, 8}, {20, 30}} {
		c := color.NRGBAModel.Convert(small.At(p[0], p[1])).(color.NRGBA)
		if c.A > 0x20 && (c.R < 0x86 || c.R > 0x96 || c.G < 0x36 || c.G > 0x46) {
			t.Errorf("at %v: %v", p, c)
		}
	}
}

func TestLogoRefused(t *testing.T) {
	file := pngFile(t, picture(40, 40))
	photo := jpegFile(t, picture(64, 64))
	noise := image.NewNRGBA(image.Rect(0, 0, 200, 200))
	seed := uint32(1)
	for i := range noise.Pix {
		seed = seed*1664525 + 1013904223
		noise.Pix[i] = byte(seed >> 24)
	}
	scans := append(append([]byte{}, photo[:len(photo)-2]...), bytes.Repeat([]byte{0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0}, maxScans)...)
	svg := []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script><image href="https://evil.example/x.png"/></svg>`)
	for name, uri := range map[string]string{
		"nothing":              "",
		"https":                "https://evil.example/logo.png",
		"http":                 "http://127.0.0.1:1/logo.png",
		"file":                 "file:///etc/passwd",
		"svg":                  dataURI("image/svg+xml", svg),
		"svg as png":           dataURI("image/png", svg),
		"gif":                  dataURI("image/gif", []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;")),
		"png as jpeg":          dataURI("image/jpeg", file),
		"jpeg as png":          dataURI("image/png", photo),
		"jpeg of many scans":   dataURI("image/jpeg", scans),
		"jpeg with other head": dataURI("image/jpeg", append([]byte{0, 0}, photo[2:]...)),
		"text":                 "data:image/png,hello",
		"parameters":           "data:image/png;charset=utf-8;base64," + base64.StdEncoding.EncodeToString(file),
		"not base64":           "data:image/png;base64,@@@@",
		"base64url":            "data:image/png;base64,__8_",
		"line breaks":          "data:image/png;base64,iVBO\nRw0K",
		"cut":                  dataURI("image/png", file[:len(file)/2]),
		"empty":                "data:image/png;base64,",
		"transparent":          dataURI("image/png", pngFile(t, image.NewNRGBA(image.Rect(0, 0, 40, 40)))),
		"65 KiB":               dataURI("image/png", pngFile(t, noise)),
		"10 MB":                dataURI("image/png", make([]byte, 10<<20)),
		"100 megapixels":       dataURI("image/png", bomb(t, 10_000, 10_000)),
		"just over":            dataURI("image/png", bomb(t, 1024, 1025)),
		"a line":               dataURI("image/png", bomb(t, 1<<30, 1)),
	} {
		l := &Logo{URI: uri}
		var got []byte
		var err error
		n := allocated(func() { got, err = l.Picture() })
		if err == nil || got != nil {
			t.Errorf("%s: taken", name)
		}
		if n > 512<<10 {
			t.Errorf("%s: %d bytes were allocated", name, n)
		}
	}
	for name, file := range map[string][]byte{
		"svg": svg, "nothing": nil, "gif": []byte("GIF89a"), "cut": file[:60], "100 megapixels": bomb(t, 10_000, 10_000), "too large": pngFile(t, noise),
	} {
		if l, err := NewLogo(file, ""); err == nil || l != nil {
			t.Errorf("%s: taken as a logo to publish", name)
		}
	}
	if _, err := (&Logo{URI: dataURI("image/PNG", file)}).Picture(); err != nil {
		t.Errorf("media types have no case: %v", err)
	}
	if got := bomb(t, 1024, 1024); len(got) > MaxLogo {
		t.Errorf("control: the bomb has %d bytes", len(got))
	} else if _, err := (&Logo{URI: dataURI("image/png", got)}).Picture(); err != nil {
		t.Errorf("control: %v", err)
	}
}

func TestColour(t *testing.T) {
	for s, want := range map[Colour]color.NRGBA{
		"#1b3a6B": {0x1b, 0x3a, 0x6b, 0xff}, "#fff": {0xff, 0xff, 0xff, 0xff}, "#0a0": {0, 0xaa, 0, 0xff},
	} {
		if got, ok := s.RGB(); !ok || got != want {
			t.Errorf("%q: %v, %v", s, got, ok)
		}
	}
	for _, s := range []Colour{"", "#", "fff", "#ff", "#ffff", "#12345", "#1234567", "#11223344", "#gggggg", "red", "rgb(1,2,3)", " #ffffff", "#ffffff ", "#é11", "##fffff",
		"url(https://evil.example)", "#fff;background:url(x)"} {
		if got, ok := s.RGB(); ok {
			t.Errorf("%q: %v", s, got)
		}
	}
}

// A face that is not understood is no reason to refuse a card.
func TestDisplayOfOtherShape(t *testing.T) {
	for _, text := range []string{
		`{"name":"Kaart","logo":"https://evil.example","background_color":7,"text_color":null,"background_image":{"uri":"https://evil.example"}}`,
		`{"name":"Kaart","logo":{"uri":["a"],"alt_text":{}},"background_color":{"r":1},"text_color":["#fff"]}`,
		`{"name":"Kaart","logo":{"url":"x"}}`, `{"name":"Kaart","logo":null}`, `{"name":"Kaart","logo":[1,2]}`,
	} {
		var d Display
		if err := jose.Unmarshal([]byte(text), &d); err != nil || d.Name != "Kaart" {
			t.Errorf("%s: %+v, %v", text, d, err)
			continue
		}
		if d.Logo != nil && *d.Logo != (Logo{}) || d.BackgroundColor != "" || d.TextColor != "" {
			t.Errorf("%s: %+v", text, d)
		}
	}
}

// FuzzLogo: whatever stands in the URI, there is no panic, what comes out is a small PNG, and the memory is bounded.
func FuzzLogo(f *testing.F) {
	file := pngFile(f, picture(40, 40))
	f.Add("data:image/png;base64,", file)
	f.Add("data:image/jpeg;base64,", jpegFile(f, picture(24, 24)))
	f.Add("data:image/png;base64,", bomb(f, 10_000, 10_000))
	f.Add("data:image/svg+xml;base64,", []byte("<svg/>"))
	f.Add("https://evil.example/", []byte{})
	f.Fuzz(func(t *testing.T, prefix string, file []byte) {
		l := &Logo{URI: prefix + base64.StdEncoding.EncodeToString(file)}
		out, err := l.Picture()
		if err != nil {
			return
		}
		if !strings.HasPrefix(strings.ToLower(l.URI), "data:image/") || len(file) > MaxLogo {
			t.Fatalf("%.60q is taken", l.URI)
		}
		c, err := png.DecodeConfig(bytes.NewReader(out))
		if err != nil || c.Width > LogoSide || c.Height > LogoSide || len(out) > LogoSide*LogoSide*4+4096 {
			t.Errorf("%d by %d, %d bytes, %v", c.Width, c.Height, len(out), err)
		}
		again := &Logo{URI: dataURI("image/png", out)}
		if len(out) <= MaxLogo {
			if _, err := again.Picture(); err != nil {
				t.Errorf("what came out does not go in: %v", err)
			}
		}
	})
}
