package openid4vci

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/fetch"
)

// examples returns the specification's files with this ending of the name; HTTP heads are cut off.
func examples(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatalf("no file fits testdata/%s", pattern)
	}
	all := map[string][]byte{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(data, []byte("HTTP/")) {
			_, data, _ = bytes.Cut(data, []byte("\n\n"))
		}
		all[filepath.Base(path)] = data
	}
	return all
}

func TestOfferExamples(t *testing.T) {
	pre := func(code string, tx *TxCode) *Grants {
		return &Grants{PreAuthorized: &PreAuthorized{Code: code, TxCode: tx}}
	}
	const issuer = "https://credential-issuer.example.com"
	want := map[string]*Offer{
		"credential_offer_authz_code.txt":    {issuer, []string{"UniversityDegreeCredential"}, &Grants{Code: &CodeGrant{IssuerState: "eyJhbGciOiJSU0Et...FYUaBy"}}},
		"credential_offer_by_reference.json": {issuer, []string{"UniversityDegree_LDP_VC"}, pre("adhjhdjajkdkhjhdj", &TxCode{})},
		"credential_offer_pre-authz_code.json": {issuer, []string{"UniversityDegreeCredential"}, pre("adhjhdjajkdkhjhdj",
			&TxCode{Description: "Please provide the one-time code which was sent to your mobile phone via SMS"})},
		"credential_offer_multiple_credentials.json": {issuer, []string{"UniversityDegreeCredential", "org.iso.18013.5.1.mDL"},
			pre("oaKazRN8I0IbtZ0C7JuMn5", &TxCode{Length: 4, InputMode: "numeric", Description: "Please provide the one-time code that was sent via e-mail"})},
	}
	got := examples(t, "credential_offer_*")
	if len(got) != len(want) {
		t.Errorf("%d examples, expected %d", len(got), len(want))
	}
	for name, data := range got {
		o, err := ParseOffer(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want[name], o); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestMetadataExample(t *testing.T) {
	for name, data := range examples(t, "credential_metadata_*") {
		// The example is a fragment; what it lacks is added.
		var m map[string]any
		if err := json.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		m["credential_issuer"], m["credential_endpoint"] = "https://i.example", "https://i.example/credential"
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := ParseIssuerMetadata(data, "https://i.example")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c := parsed.Configurations["SD_JWT_VC_example_in_OpenID4VCI"]
		if c.Format != FormatSDJWT || c.VCT == "" || c.Metadata == nil || len(c.Metadata.Claims) != 13 || c.Metadata.Display[0].Logo == nil {
			t.Errorf("%s: got %+v", name, c)
		}
		if string(c.Metadata.Claims[6].Path) != `["address","locality"]` {
			t.Errorf("%s: path %s", name, c.Metadata.Claims[6].Path)
		}
	}
}

func TestResponseExample(t *testing.T) {
	for name, data := range examples(t, "credential_response_*") {
		// The example is broken into lines for print.
		data = []byte(strings.ReplaceAll(string(data), "\n      ", ""))
		var got Issued
		if err := parseIssued(&fetch.Response{Status: 200, Body: data}, 1, &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(got.Credentials) != 1 || !strings.HasPrefix(got.Credentials[0], "eyJ") || !strings.HasSuffix(got.Credentials[0], "~") {
			t.Errorf("%s: got %q", name, got.Credentials)
		}
	}
}
