package screens

import (
	"net/http"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/test/browser"
	"github.com/zegel-id/zegel/wallet"
)

// TestLetter collects a card with the code of a letter, which the citizen types in the browser; the wallet locks meanwhile.
func TestLetter(t *testing.T) {
	k := newKit(t, openTown(t), phone)
	k.begin()
	offer := k.api(http.MethodPost, k.town.Ready.Issuer+"/api/offers", `{"configuration_ids":["personal-data"],"subject":"`+k.town.Ready.Subject+`","letter":true}`)
	k.app.Link(offer["offer_uri"].(string))
	k.shows("Er is een kaart voor u", "Gemeente Voorbeeldstad")
	k.press("Ophalen")
	k.shows("Verder in de browser", "In uw browser typt u de code uit uw brief.")
	k.press("Open de browser")
	callback, err := browser.Collect(t.Context(), k.opened, offer["tx_code"].(string))
	if err != nil || !strings.HasPrefix(callback, wallet.CallbackURI+"?") {
		t.Fatalf("%q, %v", callback, err)
	}
	k.app.LockNow()
	k.app.Link(callback)
	k.digits(pin)
	k.shows("Kloppen deze gegevens?", "Voorbeeldstad", "Geboortedatum")
	k.readOn()
	k.press("Ja, toevoegen")
	k.shows("1 kaart toegevoegd")
	k.press("Naar mijn kaarten")

	// What another program sends is no answer to anything.
	k.app.Link(callback)
	k.shows("Dit hoort niet bij uw vraag", "Er is niets opgehaald.")
}
