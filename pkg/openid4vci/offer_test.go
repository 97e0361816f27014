package openid4vci

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func offerJSON(grants string) string {
	return `{"credential_issuer":"https://i.example/t","credential_configuration_ids":["a"]` + grants + `}`
}

func TestParseOffer(t *testing.T) {
	const pre = `,"grants":{"urn:ietf:params:oauth:grant-type:pre-authorized_code":`
	for _, test := range []struct {
		name, data string
		ok         bool
	}{
		{"no grants", offerJSON(""), true},
		{"unknown members", offerJSON(`,"grants":{"x":{}},"other":[1]`), true},
		{"code", offerJSON(pre + `{"pre-authorized_code":"c"}}`), true},
		{"tx_code", offerJSON(pre + `{"pre-authorized_code":"c","tx_code":{"length":6,"input_mode":"text","x":1}}}`), true},
		{"not JSON", "x", false},
		{"array", "[]", false},
		{"null", "null", false},
		{"grants null", offerJSON(`,"grants":null`), false},
		{"code empty", offerJSON(pre + `{"pre-authorized_code":""}}`), false},
		{"code absent", offerJSON(pre + `{}}`), false},
		{"code a number", offerJSON(pre + `{"pre-authorized_code":7}}`), false},
		{"code in other case", offerJSON(pre + `{"Pre-authorized_code":"c"}}`), false},
		{"tx_code a string", offerJSON(pre + `{"pre-authorized_code":"c","tx_code":"1"}}`), false},
		{"tx_code length negative", offerJSON(pre + `{"pre-authorized_code":"c","tx_code":{"length":-1}}}`), false},
		{"tx_code length huge", offerJSON(pre + `{"pre-authorized_code":"c","tx_code":{"length":1e9}}}`), false},
		{"tx_code mode", offerJSON(pre + `{"pre-authorized_code":"c","tx_code":{"input_mode":"voice"}}}`), false},
		{"tx_code description", offerJSON(pre + `{"pre-authorized_code":"c","tx_code":{"description":"` + strings.Repeat("é", 301) + `"}}}`), false},
		{"member twice", `{"credential_issuer":"https://i.example","credential_issuer":"https://j.example","credential_configuration_ids":["a"]}`, false},
		{"no configuration", `{"credential_issuer":"https://i.example","credential_configuration_ids":[]}`, false},
		{"configuration twice", `{"credential_issuer":"https://i.example","credential_configuration_ids":["a","a"]}`, false},
		{"configuration empty", `{"credential_issuer":"https://i.example","credential_configuration_ids":[""]}`, false},
		{"issuer absent", `{"credential_configuration_ids":["a"]}`, false},
		{"issuer with query", `{"credential_issuer":"https://i.example?x","credential_configuration_ids":["a"]}`, false},
		{"issuer with user", `{"credential_issuer":"https://u@i.example","credential_configuration_ids":["a"]}`, false},
		{"issuer of other scheme", `{"credential_issuer":"file:///etc","credential_configuration_ids":["a"]}`, false},
		{"too large", offerJSON(`,"x":"` + strings.Repeat("x", MaxOffer) + `"`), false},
		{"deep", offerJSON(`,"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40)), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseOffer([]byte(test.data))
			if test.ok && err != nil || !test.ok && !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestLink(t *testing.T) {
	o := &Offer{"https://i.example/t", []string{"a&b", "c d"}, &Grants{PreAuthorized: &PreAuthorized{Code: "x+y/z=", TxCode: &TxCode{Length: 6}}}}
	got, uri, err := ParseLink(o.Link())
	if err != nil || uri != "" {
		t.Fatalf("got %q, %v", uri, err)
	}
	if diff := cmp.Diff(o, got); diff != "" {
		t.Error(diff)
	}
	got, uri, err = ParseLink(LinkByReference("https://i.example/o?a=b&c=d"))
	if err != nil || got != nil || uri != "https://i.example/o?a=b&c=d" {
		t.Errorf("got %v, %q, %v", got, uri, err)
	}
	value := strings.TrimPrefix(o.Link(), "openid-credential-offer://")
	for link, ok := range map[string]bool{
		"haip-vci://" + value:                                                         true,
		"https://wallet.example/receive" + value:                                      true,
		"openid-credential-offer:" + value:                                            true,
		" " + o.Link() + "\n":                                                         true,
		"http://wallet.example/" + value:                                              false,
		"javascript:alert(1)" + value:                                                 false,
		"openid-credential-offer://":                                                  false,
		"openid-credential-offer://?credential_offer=x&credential_offer=y":            false,
		"openid-credential-offer://?credential_offer_uri=":                            false,
		"openid-credential-offer://?credential_offer=%zz":                             false,
		o.Link() + "&credential_offer_uri=https%3A%2F%2Fi.example":                    false,
		"openid-credential-offer://?credential_offer=" + strings.Repeat("x", MaxLink): false,
		"": false,
	} {
		if _, _, err := ParseLink(link); ok && err != nil || !ok && !errors.Is(err, ErrMalformed) {
			t.Errorf("%.60q: got %v", link, err)
		}
	}
}

func TestWellKnownURL(t *testing.T) {
	for issuer, want := range map[string]string{
		"https://i.example":          "https://i.example/.well-known/openid-credential-issuer",
		"https://i.example/":         "https://i.example/.well-known/openid-credential-issuer",
		"https://i.example/issuer/a": "https://i.example/.well-known/openid-credential-issuer/issuer/a",
		"http://localhost:1/a%2Fb/":  "http://localhost:1/.well-known/openid-credential-issuer/a%2Fb",
	} {
		if got, err := WellKnownURL(issuer, WellKnownIssuer); err != nil || got != want {
			t.Errorf("%s: got %q, %v", issuer, got, err)
		}
	}
}

func TestParseIssuerMetadata(t *testing.T) {
	good := `{"credential_issuer":"https://i.example","credential_endpoint":"https://i.example/c","x":{"y":[1]},
		"credential_configurations_supported":{
			"m":{"format":"mso_mdoc","credential_signing_alg_values_supported":[-7],"proof_types_supported":{"jwt":7}},
			"s":{"format":"dc+sd-jwt","vct":"v","unknown":1}}}`
	m, err := ParseIssuerMetadata([]byte(good), "https://i.example")
	if err != nil {
		t.Fatal(err)
	}
	if m.Configurations["m"].Format != "mso_mdoc" || m.Configurations["s"].VCT != "v" || m.Batch != nil {
		t.Errorf("got %+v", m)
	}
	for name, data := range map[string]string{
		"other issuer":  strings.Replace(good, `"https://i.example"`, `"https://j.example"`, 1),
		"trailing /":    strings.Replace(good, `"https://i.example"`, `"https://i.example/"`, 1),
		"in other case": strings.Replace(good, "credential_issuer", "Credential_Issuer", 1),
		"no endpoint":   strings.Replace(good, "credential_endpoint", "x_endpoint", 1),
		"batch of 1":    strings.Replace(good, `"x":`, `"batch_credential_issuance":{"batch_size":1},"x":`, 1),
		"not JSON":      "<html>",
		"type":          strings.Replace(good, `"vct":"v"`, `"vct":7`, 1),
	} {
		if _, err := ParseIssuerMetadata([]byte(data), "https://i.example"); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
