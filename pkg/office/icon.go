package office

import (
	"fmt"
	"html/template"

	"github.com/skip2/go-qrcode"
)

// The scalloped edge of the seal, on a grid of 24 and of 48.
const (
	scallop12 = `M12 3.1A2.35 2.35 0 0 1 16.45 4.29A2.35 2.35 0 0 1 19.71 7.55A2.35 2.35 0 0 1 20.9 12A2.35 2.35 0 0 1 19.71 16.45A2.35 2.35 0 0 1 16.45 19.71A2.35 2.35 0 0 1 12 20.9A2.35 2.35 0 0 1 7.55 19.71A2.35 2.35 0 0 1 4.29 16.45A2.35 2.35 0 0 1 3.1 12A2.35 2.35 0 0 1 4.29 7.55A2.35 2.35 0 0 1 7.55 4.29A2.35 2.35 0 0 1 12 3.1z`
	scallop24 = `M24 1.6A2.98 2.98 0 0 1 29.8 2.4A2.98 2.98 0 0 1 35.2 4.6A2.98 2.98 0 0 1 39.8 8.2A2.98 2.98 0 0 1 43.4 12.8A2.98 2.98 0 0 1 45.6 18.2A2.98 2.98 0 0 1 46.4 24A2.98 2.98 0 0 1 45.6 29.8A2.98 2.98 0 0 1 43.4 35.2A2.98 2.98 0 0 1 39.8 39.8A2.98 2.98 0 0 1 35.2 43.4A2.98 2.98 0 0 1 29.8 45.6A2.98 2.98 0 0 1 24 46.4A2.98 2.98 0 0 1 18.2 45.6A2.98 2.98 0 0 1 12.8 43.4A2.98 2.98 0 0 1 8.2 39.8A2.98 2.98 0 0 1 4.6 35.2A2.98 2.98 0 0 1 2.4 29.8A2.98 2.98 0 0 1 1.6 24A2.98 2.98 0 0 1 2.4 18.2A2.98 2.98 0 0 1 4.6 12.8A2.98 2.98 0 0 1 8.2 8.2A2.98 2.98 0 0 1 12.8 4.6A2.98 2.98 0 0 1 18.2 2.4A2.98 2.98 0 0 1 24 1.6z`
)

// icons are our own drawings on a grid of 24: strokes of 2, or filled shapes in which the sign is cut out.
var icons = map[string]string{
	// Strokes.
	"check":    `<path d="M4 9V6a2 2 0 0 1 2-2h3M15 4h3a2 2 0 0 1 2 2v3M20 15v3a2 2 0 0 1-2 2h-3M9 20H6a2 2 0 0 1-2-2v-3"/><path d="M8.5 8.5h3v3h-3zM14.5 9v.01M9 15v.01M14 14h1.5v1.5H14z"/>`,
	"history":  `<path d="M4 5v4h4"/><path d="M4.6 9A8 8 0 1 1 4 13"/><path d="M12 8v4.5l3 2"/>`,
	"logout":   `<path d="M10 4H6a2 2 0 0 0-2 2v12a2 2 0 0 0 2 2h4M15 8l4 4-4 4M19 12H9"/>`,
	"arrow":    `<path d="M5 12h14M13 6l6 6-6 6"/>`,
	"back":     `<path d="M19 12H5M11 6l-6 6 6 6"/>`,
	"eye-off":  `<path d="M4 4l16 16M9.5 6.3A9.5 9.5 0 0 1 12 6c5 0 8 4 9 6a14 14 0 0 1-2.4 3.2M6.2 8A14 14 0 0 0 3 12c1 2 4 6 9 6a9 9 0 0 0 3.6-.7M10 10.2a2.7 2.7 0 0 0 3.8 3.8"/>`,
	"tick":     `<path d="M5 12.5l4.5 4.5L19 7.5"/>`,
	"clock":    `<circle cx="12" cy="12" r="8.5"/><path d="M12 7v5.3l3.3 2"/>`,
	"phone":    `<rect x="7" y="3" width="10" height="18" rx="2.2" ry="2.2"/><path d="M11 17.8h2"/>`,
	"card":     `<rect x="3" y="5" width="18" height="14" rx="2.5" ry="2.5"/><path d="M3 10h18M7 15h3"/>`,
	"card-add": `<path d="M13 19H5.5A2.5 2.5 0 0 1 3 16.5v-9A2.5 2.5 0 0 1 5.5 5h13A2.5 2.5 0 0 1 21 7.5V12M3 10h18M18 15v6M15 18h6"/>`,
	"search":   `<circle cx="11" cy="11" r="6.5"/><path d="M16 16l4.5 4.5"/>`,
	"copy":     `<rect x="9" y="9" width="11" height="11" rx="2" ry="2"/><path d="M15 9V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v7a2 2 0 0 0 2 2h3"/>`,
	"print":    `<path d="M7 9V4h10v5M7 17H5a2 2 0 0 1-2-2v-4a2 2 0 0 1 2-2h14a2 2 0 0 1 2 2v4a2 2 0 0 1-2 2h-2"/><path d="M7 14h10v6H7z"/>`,
	"again":    `<path d="M20 5v4.5h-4.5"/><path d="M19.4 9.5A8 8 0 1 0 20 13"/>`,
	"home":     `<path d="M4 11l8-7 8 7M6 9.5V20h4.5v-5h3v5H18V9.5"/>`,
	"block":    `<path d="M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9"/>`,
	"offline":  `<path d="M4 4l16 16M3 9.5A14 14 0 0 1 7 7M10.5 5.6A14 14 0 0 1 21 9.5M6.3 13.3A9 9 0 0 1 10 11.2M15 12a9 9 0 0 1 2.7 1.3M9.6 16.7a4 4 0 0 1 4.3-.4M12 20v.01"/>`,
	"lock":     `<rect x="5" y="11" width="14" height="9" rx="2" ry="2"/><path d="M8 11V8a4 4 0 0 1 8 0v3"/>`,
	"pin":      `<path d="M12 21s7-6 7-11a7 7 0 0 0-14 0c0 5 7 11 7 11z"/><circle cx="12" cy="10" r="2.5"/>`,
	"person":   `<circle cx="12" cy="8" r="4"/><path d="M4.5 20a7.5 7.5 0 0 1 15 0"/>`,
	"shield":   `<path d="M12 3l7.5 3v5.5c0 4.5-3 8-7.5 9.5-4.5-1.5-7.5-5-7.5-9.5V6z"/><path d="M8.7 12l2.5 2.5 4.3-4.5"/>`,
	"id":       `<rect x="3" y="5" width="18" height="14" rx="2.5" ry="2.5"/><circle cx="8.5" cy="10.5" r="2"/><path d="M5.5 16a3 3 0 0 1 6 0M14.5 10h3.5M14.5 14h3.5"/>`,
	"over18":   `<circle cx="12" cy="12" r="9.5" stroke-width="1.8"/><path d="M6 9.8l1.7-1v6.7M10.3 10.3a1.5 1.5 0 1 0 3 0 1.5 1.5 0 1 0-3 0M10 13.9a1.8 1.7 0 1 0 3.6 0 1.8 1.7 0 1 0-3.6 0M15.3 12.2h3.4M17 10.5v3.4" stroke-width="1.5"/>`,
	"town":     `<path d="M3 20V11l5-4 5 4v9M3 20h18V5h-8v3M7 20v-4h2v4M16.5 9v.01M16.5 12.5v.01M16.5 16v.01"/>`,
	"vote":     `<path d="M4 13v6a1.5 1.5 0 0 0 1.5 1.5h13A1.5 1.5 0 0 0 20 19v-6M3 14h18M7.5 14l-1.3-6.2L14 4l3.4 8"/><path d="M9.6 8.9l1.7 1.7 2.6-3.4"/>`,
	"list":     `<rect x="3.5" y="4.5" width="17" height="15" rx="2" ry="2"/><path d="M3.5 9.5h17M3.5 14.5h17M8.5 4.5v15"/>`,
	"key":      `<circle cx="8" cy="15.5" r="4"/><path d="M11 12.7L19.5 4.5M16 8l2.5 2.5M13.5 10.5L15 12"/>`,
	"link":     `<path d="M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.300l-1 1M14 10a4 4 0 0 0-5.700 0l-3 3A4 4 0 0 0 11 18.700l1-1"/>`,
	// Shapes, with the sign cut out.
	"seal":    `<path class="f" fill-rule="evenodd" d="` + scallop12 + `M7.3 12.4l1.5-1.5 2.3 2.3 4.6-4.7 1.5 1.5-6.1 6.2z"/>`,
	"valid":   `<path class="f" fill-rule="evenodd" d="M12 2.5a9.5 9.5 0 1 0 0 19a9.5 9.5 0 0 0 0-19zM7 12.4l1.6-1.6 2.5 2.5 4.7-4.8 1.6 1.6-6.3 6.4z"/>`,
	"revoked": `<path class="f" fill-rule="evenodd" d="M8 2.5h8L21.5 8v8L16 21.5H8L2.5 16V8zM7.5 9l3 3-3 3 1.5 1.5 3-3 3 3 1.5-1.5-3-3 3-3-1.5-1.5-3 3-3-3z"/>`,
	"unknown": `<path class="f" fill-rule="evenodd" d="M12 1.8l10.2 10.2L12 22.2 1.8 12zM10.9 13.9h2.2v-.9c1.2-.4 2.4-1.3 2.4-3A3.3 3.3 0 0 0 12 6.7c-1.7 0-2.9.9-3.4 2.4l2 .8c.2-.7.7-1.1 1.4-1.1.8 0 1.3.5 1.3 1.2 0 1.2-2.4 1.1-2.4 3.2zM10.8 15.2h2.4v2.3h-2.4z"/>`,
	"expired": `<path class="f" fill-rule="evenodd" d="M6 3h12a3 3 0 0 1 3 3v12a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3V6a3 3 0 0 1 3-3zM7 10.8h10v2.4H7z"/>`,
	"paused":  `<path class="f" fill-rule="evenodd" d="M6 3h12a3 3 0 0 1 3 3v12a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3V6a3 3 0 0 1 3-3zM8.2 7.5h2.6v9H8.2zM13.2 7.5h2.6v9h-2.6z"/>`,
	"stopped": `<path class="f" fill-rule="evenodd" d="M12 2.5a9.5 9.5 0 1 0 0 19a9.5 9.5 0 0 0 0-19zM5.2 10.8h13.6v2.4H5.2z"/>`,
}

// icon returns a drawing. It says nothing to a screen reader: the word stands beside it.
func icon(name string) (template.HTML, error) {
	inner, ok := icons[name]
	if !ok {
		return "", fmt.Errorf("no icon %q", name)
	}
	return template.HTML(`<svg class="i" viewBox="0 0 24 24" aria-hidden="true" focusable="false">` + inner + `</svg>`), nil
}

// brand returns the seal of Zegel.
func brand() template.HTML {
	return template.HTML(`<svg class="seal" viewBox="0 0 48 48" aria-hidden="true" focusable="false"><path class="s1" d="` + scallop24 +
		`"/><circle class="s2" cx="24" cy="24" r="17.5"/><path class="s3" d="M17.5 15.5h13v4.2l-7.6 8.6h7.9v4.2h-13.8v-4.2l7.7-8.6h-7.2z"/></svg>`)
}

// QR draws text as a QR code in SVG, with the quiet zone that readers need and a label for who cannot see it.
func QR(text, label string) (template.HTML, error) {
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return "", fmt.Errorf("qr code of %d characters: %v", len(text), err)
	}
	code.DisableBorder = true
	rows := code.Bitmap()
	const quiet = 4
	size := len(rows) + 2*quiet
	d := make([]byte, 0, 8<<10)
	for y, row := range rows {
		for x := 0; x < len(row); x++ {
			if !row[x] {
				continue
			}
			start := x
			for x < len(row) && row[x] {
				x++
			}
			d = fmt.Appendf(d, "M%d %dh%dv1h-%dz", start+quiet, y+quiet, x-start, x-start)
		}
	}
	return template.HTML(fmt.Sprintf(`<svg class="qr" viewBox="0 0 %d %d" role="img" aria-label="%s" shape-rendering="crispEdges"><rect width="%d" height="%d" fill="#fff"/><path fill="#000" d="%s"/></svg>`,
		size, size, template.HTMLEscapeString(label), size, size, d)), nil
}
