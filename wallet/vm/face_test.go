package vm

import (
	"bytes"
	"image/png"
	"testing"

	"github.com/zegel-id/zegel/pkg/openid4vci"
)

// faces: what the municipality chose for its cards is on them, and the picture is read when it is drawn, not with the list.
func (p *place) faces(t *testing.T, a *App) {
	a.Go(PlaceCards)
	items := on[*Cards](t, a).Items
	if len(items) != 1 || items[0].Colour == "" || items[0].Logo != nil {
		t.Fatalf("%+v", items)
	}
	c, err := png.DecodeConfig(bytes.NewReader(a.Logo(items[0])))
	if err != nil || max(c.Width, c.Height) > openid4vci.LogoSide {
		t.Errorf("a logo of %d by %d, %v", c.Width, c.Height, err)
	}
	if a.Logo(Item{ID: "another"}) != nil {
		t.Error("a card that there is not has a logo")
	}
}
