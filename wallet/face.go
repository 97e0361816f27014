package wallet

import (
	"context"
	"encoding/hex"
	"slices"

	"github.com/zegel-id/zegel/pkg/openid4vci"
)

// logoPrefix names the records of logos. They stand apart from the cards, so that a list of cards is read without them.
const logoPrefix = "logo/"

// logoRecord is the picture on a card's face. The wallet drew it itself at receipt; nothing of the issuer's file is kept.
type logoRecord struct {
	PNG []byte `json:"png"`
}

// maxLooks is how many of an issuer's displays are looked at for a logo and a colour.
const maxLooks = 8

// look takes the colour ("#rrggbb", or "") and the logo (nil: none) of a card's face out of what an issuer publishes: of
// the credential in the language of the wallet, of the credential in any language, of the issuer. What is of another kind,
// too large or broken counts as not there, and nothing is ever fetched for it.
func look(m *openid4vci.IssuerMetadata, id, lang string) (colour string, logo []byte) {
	var all []openid4vci.Display
	if c := m.Configurations[id].Metadata; c != nil {
		all = slices.Clone(c.Display)
	}
	slices.SortStableFunc(all, func(a, b openid4vci.Display) int { return speaks(b, lang) - speaks(a, lang) })
	for _, d := range append(all, m.Display...)[:min(maxLooks, len(all)+len(m.Display))] {
		if rgb, ok := d.BackgroundColor.RGB(); ok && colour == "" {
			colour = "#" + hex.EncodeToString([]byte{rgb.R, rgb.G, rgb.B})
		}
		if d.Logo != nil && logo == nil {
			if picture, err := d.Logo.Picture(); err == nil {
				logo = picture
			}
		}
	}
	return colour, logo
}

// speaks is 1 for a display in the language, else 0.
func speaks(d openid4vci.Display, lang string) int {
	if language(d.Locale) == lang {
		return 1
	}
	return 0
}

// textsOf leaves of displays what is kept: texts. Logos in particular would stand in every record of the card.
func textsOf(all []openid4vci.Display) []openid4vci.Display {
	var texts []openid4vci.Display
	for _, d := range all {
		texts = append(texts, openid4vci.Display{Name: d.Name, Locale: d.Locale})
	}
	return texts
}

// keepLogo writes the logo of a card, or takes away the one that was there.
func keepLogo(card string, logo []byte) write {
	if logo == nil {
		return write{name: logoPrefix + card}
	}
	return put(logoPrefix+card, logoRecord{logo})
}

// Logo returns the logo on the face of a card: a PNG of the wallet's own making, at most [openid4vci.LogoSide] wide and high;
// nil if the card has none.
func (w *Wallet) Logo(ctx context.Context, cardID string) ([]byte, error) {
	data, err := w.store.get(logoPrefix + cardID)
	if err != nil || data == nil {
		return nil, err
	}
	var r logoRecord
	if err := read(data, &r); err != nil {
		return nil, err
	}
	return r.PNG, nil
}
