package ui

import "image/color"

// palette is every colour of the wallet. Contrast of the pairs that are used is kept by a test.
type palette struct {
	dark bool

	bg, surface, sunk        color.NRGBA
	ink, ink2                color.NRGBA // text, quiet text
	accent, onAccent         color.NRGBA
	accentSoft, onAccentSoft color.NRGBA
	ok, okSoft               color.NRGBA
	warn, warnSoft           color.NRGBA
	stop, stopSoft           color.NRGBA
	quiet, quietSoft         color.NRGBA
	lineStrong, hair         color.NRGBA // edges of controls, decoration
	scrim, shadow, press     color.NRGBA
}

func rgb(hex uint32) color.NRGBA {
	return color.NRGBA{R: uint8(hex >> 16), G: uint8(hex >> 8), B: uint8(hex), A: 0xff}
}

func alpha(c color.NRGBA, percent uint32) color.NRGBA {
	c.A = uint8(percent * 255 / 100)
	return c
}

var light = palette{
	bg: rgb(0xf6f5f1), surface: rgb(0xffffff), sunk: rgb(0xeceae3),
	ink: rgb(0x12242a), ink2: rgb(0x4a5b60),
	accent: rgb(0x0b5563), onAccent: rgb(0xffffff), accentSoft: rgb(0xdcebec), onAccentSoft: rgb(0x08404b),
	ok: rgb(0x1b6438), okSoft: rgb(0xdff0e3), warn: rgb(0x744600), warnSoft: rgb(0xffefcc),
	stop: rgb(0x9c1d18), stopSoft: rgb(0xfce5e1), quiet: rgb(0x47535a), quietSoft: rgb(0xe9e8e2),
	lineStrong: rgb(0x7c827f), hair: rgb(0xdedbd2), scrim: alpha(rgb(0x0a161a), 55), shadow: alpha(rgb(0x12242a), 19),
	press: alpha(rgb(0x12242a), 8),
}

var dark = palette{
	dark: true,
	bg:   rgb(0x0d1518), surface: rgb(0x172226), sunk: rgb(0x111b1f),
	ink: rgb(0xecf2f2), ink2: rgb(0xa8b8bc),
	accent: rgb(0x86d2de), onAccent: rgb(0x05272e), accentSoft: rgb(0x14363e), onAccentSoft: rgb(0xb4e4ec),
	ok: rgb(0x8fd6a6), okSoft: rgb(0x173626), warn: rgb(0xf2c879), warnSoft: rgb(0x3b2d10),
	stop: rgb(0xffb1a8), stopSoft: rgb(0x451f1b), quiet: rgb(0xb9c6c9), quietSoft: rgb(0x243136),
	lineStrong: rgb(0x74868c), hair: rgb(0x2b3a40), scrim: alpha(rgb(0x020608), 71), shadow: alpha(rgb(0x000000), 0),
	press: alpha(rgb(0xffffff), 8),
}

// Sizes in Fyne's device-independent pixels.
const (
	edgePhone, edgeDesktop = 24, 32
	radius, radiusSheet    = 16, 24
	gapCards, gapGroups    = 16, 24
	target                 = 44 // the least side of anything that can be tapped
	buttonHeight           = 56
	keyHeight              = 64
	cardHeight             = 136
	railWidth              = 232
	cardWidest             = 420
	wideFrom               = 600 // from this width on: the rail instead of the tab bar
)

// style is one of the sizes of text.
type style struct {
	size, line float32
	weight     int
}

var (
	display = style{32, 40, 700}
	title   = style{26, 32, 700}
	lead    = style{21, 28, 700}
	heading = style{18, 24, 600}
	body    = style{16, 24, 400}
	strong  = style{16, 24, 600}
	small   = style{14, 20, 400}
	smallB  = style{14, 20, 600}
	pillT   = style{13, 16, 600}
	tab     = style{12, 16, 400}
	tabB    = style{12, 16, 700}
)
