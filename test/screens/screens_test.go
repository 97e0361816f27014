// Package screens walks through the wallet's screens as a person does, by what stands on the buttons, beside a real town.
// With ZEGEL_PICTURES=DIR it leaves a picture of each screen there.
package screens

import (
	"bytes"
	"encoding/json"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"github.com/zegel-id/zegel/cmd/zegel/town"
	"github.com/zegel-id/zegel/wallet/ui"
	"github.com/zegel-id/zegel/wallet/vm"
)

// platform is a machine whose clipboard, files and browser a test looks into.
type platform struct {
	paste, copied, opened string
	dark                  bool
	file, saved           []byte
}

func (p *platform) Scan(done func(string))     { done(p.paste) }
func (p *platform) Camera() bool               { return false }
func (p *platform) Paste() string              { return p.paste }
func (p *platform) Copy(s string)              { p.copied = s }
func (p *platform) OpenFile(done func([]byte)) { done(p.file) }
func (p *platform) OpenURL(u string) error     { p.opened = u; return nil }
func (p *platform) Dark() bool                 { return p.dark }
func (p *platform) SaveFile(_ string, data []byte, done func(error)) {
	p.saved = data
	done(nil)
}

// variant is a size, a colouring and a language.
type variant struct {
	name string
	w, h float32
	dark bool
	lang string
}

type kit struct {
	*platform
	variant
	t    *testing.T
	town *town.Town
	app  *vm.App
	ui   *ui.UI
	win  fyne.Window
	n    int
}

func openTown(t *testing.T) *town.Town {
	t.Helper()
	open, err := town.Open(t.Context(), town.Options{Dir: filepath.Join(t.TempDir(), "town"), Port: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := open.Close(); err != nil {
			t.Error(err)
		}
	})
	return open
}

func newKit(t *testing.T, in *town.Town, v variant) *kit {
	t.Helper()
	network, err := os.ReadFile(in.Ready.Network)
	if err != nil {
		t.Fatal(err)
	}
	k := &kit{platform: &platform{dark: v.dark}, variant: v, t: t, town: in}
	test.NewTempApp(t)
	k.win = test.NewTempWindow(t, nil)
	k.app = vm.New(vm.Deps{
		Dir: t.TempDir(), Network: network, Dev: true, Now: time.Now,
		Do: func(f func()) { f() }, Go: func(f func()) { f() },
		Changed: func() {
			if k.ui != nil {
				k.ui.Render()
			}
		},
	})
	t.Cleanup(func() {
		if err := k.app.Close(); err != nil {
			t.Error(err)
		}
	})
	k.app.SetPrefs(func(p *vm.Prefs) { p.Lang = v.lang })
	k.ui = ui.New(k.app, k.win, k.platform)
	k.win.Resize(fyne.NewSize(v.w, v.h))
	return k
}

// picture keeps what the window shows, if pictures are wanted.
func (k *kit) picture(name string) {
	k.t.Helper()
	dir := os.Getenv("ZEGEL_PICTURES")
	if dir == "" {
		return
	}
	k.n++
	k.win.Canvas().(test.WindowlessCanvas).SetScale(2)
	var out bytes.Buffer
	if err := png.Encode(&out, k.win.Canvas().Capture()); err != nil {
		k.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, k.variant.name+"-"+name+".png"), out.Bytes(), 0o644); err != nil {
		k.t.Fatal(err)
	}
}

// api calls the town's staff interface.
func (k *kit) api(method, url, body string) map[string]any {
	k.t.Helper()
	req, err := http.NewRequestWithContext(k.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		k.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+k.town.Ready.Token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		k.t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode >= 400 {
		k.t.Fatalf("%s %s: %s, %v", method, url, res.Status, err)
	}
	return out
}

// all visits everything that the window shows.
func all(o fyne.CanvasObject, visit func(fyne.CanvasObject)) {
	if o == nil || !o.Visible() {
		return
	}
	visit(o)
	switch o := o.(type) {
	case *fyne.Container:
		for _, c := range o.Objects {
			all(c, visit)
		}
	case fyne.Widget:
		for _, c := range test.WidgetRenderer(o).Objects() {
			all(c, visit)
		}
	}
}

// texts is every line of text in the window.
func (k *kit) texts() string {
	var s strings.Builder
	all(k.win.Content(), func(o fyne.CanvasObject) {
		if t, ok := o.(*canvas.Text); ok {
			s.WriteString(t.Text + "\n")
		}
	})
	return s.String()
}

func (k *kit) shows(words ...string) {
	k.t.Helper()
	flat := strings.Join(strings.Fields(k.texts()), " ")
	for _, w := range words {
		if !strings.Contains(flat, w) {
			k.t.Errorf("%q is not on the screen:\n%s", w, k.texts())
		}
	}
}

func (k *kit) hides(words ...string) {
	k.t.Helper()
	flat := strings.Join(strings.Fields(k.texts()), " ")
	for _, w := range words {
		if strings.Contains(flat, w) {
			k.t.Errorf("%q is on the screen:\n%s", w, k.texts())
		}
	}
}

// named finds a control by its name, or by the beginning of it.
func (k *kit) named(name string) fyne.CanvasObject {
	k.t.Helper()
	var exact, begins fyne.CanvasObject
	all(k.win.Content(), func(o fyne.CanvasObject) {
		n, ok := o.(interface{ Name() string })
		switch {
		case !ok:
		case n.Name() == name:
			exact = o
		case strings.HasPrefix(n.Name(), name):
			begins = o
		}
	})
	if exact != nil {
		return exact
	}
	if begins == nil {
		k.t.Fatalf("there is no %q on the screen:\n%s", name, k.texts())
	}
	return begins
}

// press taps controls one after the other, by name.
func (k *kit) press(names ...string) {
	k.t.Helper()
	for _, name := range names {
		k.named(name).(fyne.Tappable).Tapped(&fyne.PointEvent{})
	}
}

// digits taps keys of the pad.
func (k *kit) digits(pin string) {
	k.t.Helper()
	for _, r := range pin {
		k.press(string(r))
	}
}

// write types into a field.
func (k *kit) write(field, text string) {
	k.t.Helper()
	f := k.named("field:" + field).(fyne.Focusable)
	k.win.Canvas().Focus(f)
	test.Type(f, text)
}

const pin = "604183"

// begin makes a wallet.
func (k *kit) begin() {
	k.t.Helper()
	k.shows("Uw gegevens blijven bij u", "Niemand kijkt mee. Ook wij niet.")
	k.picture("01-welcome")
	k.press("Beginnen")
	k.digits("123456")
	k.shows("Deze code is te makkelijk", "Dit is een proefversie")
	k.picture("02-pin")
	k.digits(pin + pin)
	k.shows("Nog geen kaarten")
	k.picture("03-empty")
}

// receive collects the card of a sample inhabitant.
func (k *kit) receive() {
	k.t.Helper()
	offer := k.api(http.MethodPost, k.town.Ready.Issuer+"/api/offers", `{"configuration_ids":["personal-data"],"subject":"`+k.town.Ready.Subject+`","tx_code":true}`)
	k.paste = "Uw kaart staat klaar: " + offer["offer_uri"].(string)
	k.press("Scannen", "Plak een link")
	k.shows("Er is een kaart voor u", "Gemeente Voorbeeldstad", "Staat in het register", "Persoonsgegevens")
	k.picture("04-offer")
	k.press("Ophalen")
	k.write("Code van uw brief", "000000")
	k.press("Ophalen")
	k.shows("Deze code klopt niet")
	k.picture("05-code")
	k.write("Code van uw brief", offer["tx_code"].(string))
	k.press("Ophalen")
	k.shows("Kloppen deze gegevens?", "Voorbeeldstad", "Geboortedatum")
	k.picture("06-preview")
	k.readOn()
	k.press("Ja, toevoegen")
	k.shows("1 kaart toegevoegd")
	k.picture("07-added")
	k.press("Naar mijn kaarten")
	k.shows("1 kaart, alleen op dit apparaat", "Persoonsgegevens", "Geldig")
	k.picture("08-cards")
}

// ask makes a session at the counter and opens its link; id names it.
func (k *kit) ask() (id string) {
	k.t.Helper()
	s := k.api(http.MethodPost, k.town.Ready.Verifier+"/api/sessions", `{"preset":"over-18"}`)
	k.app.Link(s["request_uri"].(string))
	return s["id"].(string)
}

func (k *kit) outcome(id string) string {
	k.t.Helper()
	s := k.api(http.MethodGet, k.town.Ready.Verifier+"/api/sessions/"+id, "")
	out, _ := s["outcome"].(string)
	return s["state"].(string) + " " + out
}

var phone = variant{"phone", 390, 844, false, "nl"}

// TestJourney is a citizen's first day: a wallet, a card, a proof, what happened, and the card revoked.
func TestJourney(t *testing.T) {
	k := newKit(t, openTown(t), phone)
	k.begin()
	k.receive()

	k.press("Persoonsgegevens, Geldig")
	k.shows("Nog 10 van 10 kopieën", "Bewezen in het register")
	k.hides("Noor", "1990")
	k.press("Woonplaats")
	k.shows("Woonplaats Voorbeeldstad")
	k.picture("09-detail")
	k.press("Terug")

	id := k.ask()
	k.shows("Vraag van", "Gemeente Voorbeeldstad", "Staat in het register", "U deelt 1 gegeven", "U bent 18 jaar of ouder: ja", "Niet gedeeld", "Geboortedatum", "Alleen de uitkomst, 30 dagen", "Nee, aan niemand", "localhost", "Daarna vragen we uw pincode")
	k.picture("10-consent")
	k.press("Stoppen")
	k.shows("Gestopt", "Er is niets gedeeld.")
	if got := k.outcome(id); !strings.HasPrefix(got, "refused") {
		t.Errorf("the counter saw %q", got)
	}
	k.press("Sluiten")

	id = k.ask()
	k.press("Delen")
	k.shows("Vul uw pincode in")
	k.digits("111112")
	k.shows("Dat klopt niet")
	k.picture("11-pin")
	k.digits(pin)
	k.shows("1 gegeven gedeeld", "Met Gemeente Voorbeeldstad", "Zij weten nu", "U bent 18 jaar of ouder", "Verder niets")
	k.picture("12-shared")
	if got := k.outcome(id); got != "completed accepted" {
		t.Errorf("the counter saw %q", got)
	}
	k.press("Bekijk in Activiteit")
	k.shows("Gemeente Voorbeeldstad", "18 jaar of ouder")
	k.press("Terug")
	k.shows("Vandaag", "1 gegeven gedeeld", "Gestopt, niets gedeeld", "Ontvangen: Persoonsgegevens")
	k.picture("13-activity")
	k.press("Gemeente Voorbeeldstad, 1 gegeven gedeeld")
	k.shows("18 jaar of ouder", "Niet wat erin stond.")
	k.press("Kopieer het bewijs")
	if !strings.Contains(k.copied, "18 jaar of ouder") {
		t.Errorf("receipt %q", k.copied)
	}
	k.picture("14-event")
	k.press("Meld misbruik")
	k.shows("Brief aan de toezichthouder", "Autoriteit Persoonsgegevens", "Zegel verstuurt niets.")
	k.press("Brief kopiëren", "Brief bewaren")
	if !strings.Contains(k.copied, "Gemeente Voorbeeldstad") || string(k.saved) != k.copied {
		t.Errorf("copied %q, saved %q", k.copied, k.saved)
	}
	k.press("Terug", "Vraag om verwijdering")
	k.shows("Antwoord op uw vraag", "Verwijderd op", "Ondertekend, vandaag", "Niet meer")
	k.picture("14-erased")
	k.press("Terug", "Zoeken")
	k.write("Zoeken", "gestopt")
	k.shows("Gestopt, niets gedeeld")
	k.hides("Ontvangen: Persoonsgegevens")
	k.press("Zoeken sluiten", "Wat weten zij?")
	k.shows("1 keer gedeeld, vandaag", "Niets meer: alles is verwijderd")
	k.press("Terug", "Meldingen")
	k.shows("Alles is in orde.")

	// The municipality revokes; the wallet sees it and says so.
	held := k.api(http.MethodGet, k.town.Ready.Issuer+"/api/credentials?subject="+k.town.Ready.Subject, "")
	card := held["credentials"].([]any)[0].(map[string]any)["id"].(string)
	k.api(http.MethodPost, k.town.Ready.Issuer+"/api/credentials/"+card+"/revoke", `{"reason":"lost"}`)
	k.press("Kaarten", "Persoonsgegevens, Geldig", "Nu controleren")
	k.shows("Deze kaart werkt niet meer", "Ingetrokken")
	k.picture("15-revoked")
	k.press("Terug")
	k.picture("15-unseen")
	k.press("Meldingen")
	k.shows("Persoonsgegevens is ingetrokken")
	k.picture("16-notices")

	k.press("Instellingen")
	k.picture("17-settings")
	k.press("Taal", "English")
	k.shows("Settings", "Language")
	k.press("Cards")
	k.shows("1 card, only on this device", "Revoked")
	k.app.LockNow()
	k.shows("Zegel is locked", "Enter your PIN")
	k.picture("18-lock")
}

// readOn reads a sheet to its end.
func (k *kit) readOn() {
	for range 8 {
		if strings.Contains(k.texts(), "Meer lezen") {
			k.press("Meer lezen")
		}
	}
}

// TestTooFar: the counter asks for a date of birth, and would take an age. The wallet proposes the age, and the counter
// takes it.
func TestTooFar(t *testing.T) {
	k := newKit(t, openTown(t), phone)
	k.begin()
	k.receive()
	ask := func(sets string) string {
		s := k.api(http.MethodPost, k.town.Ready.Verifier+"/api/sessions", `{"purpose":{"nl":"Proef","en":"Trial"},"dcql_query":{"credentials":[{"id":"c","format":"dc+sd-jwt",
			"meta":{"vct_values":["urn:zegel:personal-data:1"]},"claims":[{"id":"b","path":["birthdate"]},{"id":"a","path":["age_equal_or_over","18"]}]`+sets+`}]}}`)
		k.app.Link(s["request_uri"].(string))
		return s["id"].(string)
	}
	id := ask(`,"claim_sets":[["b"],["a"]]`)
	k.shows("Deze vraag gaat te ver", "vraagt uw", "geboortedatum", "alleen vragen of u", "18 jaar of ouder", "Ons voorstel", "In plaats van uw geboortedatum")
	k.picture("20-too-far")
	k.readOn()
	k.press("Deel alleen 18 jaar of ouder")
	k.digits(pin)
	k.shows("1 gegeven gedeeld", "U bent 18 jaar of ouder", "Verder niets")
	k.hides("1990", "Geboortedatum")
	if got := k.outcome(id); got != "completed accepted" {
		t.Errorf("the counter saw %q", got)
	}
	k.press("Klaar")

	// Without a way to answer with less there is no proposal; going on takes one more word, and stands in the history.
	id = ask("")
	k.shows("Deze vraag gaat te ver", "Dit is gevraagd")
	k.hides("Ons voorstel", "Deel alleen")
	k.readOn()
	k.press("Toch mijn geboortedatum delen")
	k.shows("Weet u het zeker?", "Het komt in uw activiteit te staan.")
	k.picture("21-sure")
	k.press("Toch mijn geboortedatum delen")
	k.digits(pin)
	k.shows("2 gegevens gedeeld", "Geboortedatum:")
	if got := k.outcome(id); got != "completed accepted" {
		t.Errorf("the counter saw %q", got)
	}
}
