package ui

import (
	"embed"
	"fmt"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Atkinson Hyperlegible Next, the letters that tell each other apart. SIL Open Font License 1.1: see fonts/OFL.txt.
//
//go:embed fonts/*.ttf
var fontFiles embed.FS

var fonts = map[int]fyne.Resource{400: font(400), 500: font(500), 600: font(600), 700: font(700)}

func font(weight int) fyne.Resource {
	name := fmt.Sprintf("fonts/ahn-%d.ttf", weight)
	data, err := fontFiles.ReadFile(name)
	if err != nil {
		panic("ui: internal error: " + err.Error())
	}
	return fyne.NewStaticResource(name, data)
}

// house is the theme for the few widgets of Fyne's own that the wallet uses: entries and scrolling. Our widgets take
// their colours from the palette.
type house struct {
	p     *palette
	scale float32
}

var _ fyne.Theme = house{}

// Color implements [fyne.Theme]. The variant of the system is not asked: the palette follows the settings.
func (h house) Color(name fyne.ThemeColorName, _ fyne.ThemeVariant) color.Color {
	p := h.p
	switch name {
	case theme.ColorNameBackground:
		return p.bg
	case theme.ColorNameForeground:
		return p.ink
	case theme.ColorNamePrimary, theme.ColorNameHyperlink:
		return p.accent
	case theme.ColorNameForegroundOnPrimary:
		return p.onAccent
	case theme.ColorNamePlaceHolder, theme.ColorNameDisabled:
		return p.ink2
	case theme.ColorNameInputBackground:
		return color.Transparent
	case theme.ColorNameInputBorder:
		return color.Transparent
	case theme.ColorNameFocus:
		return p.accentSoft
	case theme.ColorNameSelection:
		return p.accentSoft
	case theme.ColorNameScrollBar:
		return color.Transparent // scroll draws its own; one inside an entry would look like a cursor
	case theme.ColorNameScrollBarBackground, theme.ColorNameShadow:
		return color.Transparent
	case theme.ColorNameMenuBackground, theme.ColorNameOverlayBackground:
		return p.surface
	case theme.ColorNameHover, theme.ColorNamePressed:
		return p.press
	case theme.ColorNameError:
		return p.stop
	}
	variant := theme.VariantLight
	if p.dark {
		variant = theme.VariantDark
	}
	return theme.DefaultTheme().Color(name, variant)
}

// Font implements [fyne.Theme].
func (h house) Font(s fyne.TextStyle) fyne.Resource {
	switch {
	case s.Monospace, s.Symbol:
		return theme.DefaultTheme().Font(s)
	case s.Bold:
		return fonts[700]
	}
	return fonts[400]
}

// Icon implements [fyne.Theme].
func (h house) Icon(name fyne.ThemeIconName) fyne.Resource { return theme.DefaultTheme().Icon(name) }

// Size implements [fyne.Theme].
func (h house) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case theme.SizeNameText:
		return body.size * h.scale
	case theme.SizeNameScrollBar, theme.SizeNameScrollBarSmall:
		return 4
	case theme.SizeNameScrollBarRadius:
		return 2
	case theme.SizeNameInputRadius, theme.SizeNameSelectionRadius:
		return radius
	case theme.SizeNameInputBorder:
		return 0
	case theme.SizeNamePadding:
		return 4
	case theme.SizeNameInnerPadding:
		return 12
	}
	return theme.DefaultTheme().Size(name)
}
