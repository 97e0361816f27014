package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/wallet"
)

// TestWalletFailures: what people read says the category once, and what to do in their language.
func TestWalletFailures(t *testing.T) {
	for _, c := range []struct {
		lang string
		err  error
		want []string
	}{
		{"nl", &wallet.Error{Category: wallet.NoMatch, Err: &wallet.UsedError{Card: "Stadspas"}}, []string{"no_match: elke kopie van Stadspas is één keer gebruikt", "de gemeente", "--allow-reuse", "herkennen"}},
		{"en", &wallet.Error{Category: wallet.NoMatch, Err: &wallet.UsedError{Card: "Stadspas"}}, []string{"no_match: every copy of Stadspas was used once", "the municipality", "--allow-reuse", "recognise"}},
		{"nl", &wallet.Error{Category: wallet.EndpointRefused, Err: wallet.ErrWrongCode}, []string{"de code klopt niet", "5 keer, binnen 10 minuten"}},
		{"nl", &wallet.Error{Category: wallet.EndpointRefused, Err: wallet.ErrNotAccepted}, []string{"De balie heeft het antwoord niet aangenomen.", "Vraag de medewerker wat er aan de hand is."}},
		{"en", &wallet.Error{Category: wallet.EndpointRefused, Err: wallet.ErrNotAccepted}, []string{"The counter did not accept the answer."}},
		{"nl", &wallet.Error{Category: wallet.Network, Err: errors.New("network: network: no route")}, []string{"network: no route", "kijk of er verbinding is"}},
		{"en", &wallet.Error{Category: wallet.RequestExpired, Err: errors.New("request_expired: gone")}, []string{"request_expired: gone", "ask for a new code"}},
		{"nl", wallet.ErrExists, []string{"er is al een wallet in", "--store"}},
		{"nl", &wallet.WeakError{Reason: "bits", Bits: 12}, []string{"ongeveer 12 bits", "60 is nodig"}},
		{"en", &wallet.WeakError{Reason: "row"}, []string{"following digits"}},
	} {
		s := (&walletCmd{Lang: c.lang}).session(&output{Stdin: strings.NewReader("")})
		got := s.failure(c.err).Error()
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%q lacks %q", got, want)
			}
		}
		if category := string(wallet.CategoryOf(c.err)); category != "" && strings.Count(got, category) != 1 {
			t.Errorf("%q names the category again", got)
		}
	}
}

func TestWalletWords(t *testing.T) {
	s := (&walletCmd{Lang: "nl"}).session(&output{Stdin: strings.NewReader("")})
	var out bytes.Buffer
	day := time.Date(2027, 11, 25, 11, 0, 0, 0, time.UTC)
	s.writeEntry(&out, wallet.Entry{Time: day, Kind: "failed", Party: "balie.example", Unknown: true, Outcome: "request_expired"})
	s.writeEntry(&out, wallet.Entry{Time: day, Kind: "shared", Party: "Proefstad", Registered: true, Claims: []string{"a.18"}, Labels: []string{"18 jaar of ouder"}, Outcome: "ok"})
	s.writeCard(&out, wallet.Card{Name: "Stadspas", Status: "valid", Registered: true, Expires: day, Copies: 2,
		Claims: map[string]any{"a": map[string]any{"18": true}}, Labels: map[string]string{"a.18": "18 jaar of ouder"}})
	got := out.String()
	for _, want := range []string{"25 november 2027 12.00 uur", "balie.example (onbekend)", "Proefstad: 18 jaar of ouder", "geldig tot: 25 november 2027", "kopieën over: 2", "18 jaar of ouder: ja"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "niet geregistreerd") {
		t.Errorf("an unknown party is called not registered:\n%s", got)
	}
	for key, text := range walletTexts {
		if strings.Contains(text[0], "portemonnee") || strings.Contains(text[0], "exempla") {
			t.Errorf("%s: %q", key, text[0])
		}
	}
	for link, want := range map[string]string{
		"openid4vp://?client_id=x": "request", "https://w.example/?request_uri=x": "request",
		"openid-credential-offer://?credential_offer_uri=x": "offer", "haip-vci://?credential_offer=x": "offer", "https://w.example/": "", "%": "",
	} {
		if got := linkKind(link); got != want {
			t.Errorf("%q is %q", link, got)
		}
	}
}
