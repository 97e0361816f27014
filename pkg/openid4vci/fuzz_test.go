package openid4vci

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/oauth"
)

func FuzzParseOffer(f *testing.F) {
	for _, data := range examples(f, "credential_offer_*") {
		f.Add(data)
	}
	f.Add([]byte(offerJSON("")))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := ParseOffer(data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		again, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if len(again) > MaxOffer {
			return // escapes can grow
		}
		got, err := ParseOffer(again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if diff := cmp.Diff(o, got); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzParseLink(f *testing.F) {
	o := &Offer{"https://i.example/t", []string{"a"}, &Grants{PreAuthorized: &PreAuthorized{Code: "c"}}}
	f.Add(o.Link())
	f.Add(LinkByReference("https://i.example/o"))
	f.Add("https://w.example/?credential_offer_uri=x&credential_offer=y")
	f.Fuzz(func(t *testing.T, link string) {
		offer, uri, err := ParseLink(link)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if (offer == nil) == (uri == "") {
			t.Fatalf("offer %v and uri %q", offer, uri)
		}
		again := LinkByReference(uri)
		if offer != nil {
			again = offer.Link()
		}
		if len(again) > MaxLink {
			return
		}
		o2, uri2, err := ParseLink(again)
		if offer != nil && err != nil {
			return // the offer may have grown beyond its limit
		}
		if err != nil || uri2 != uri || cmp.Diff(offer, o2) != "" {
			t.Errorf("%q became %q, %v", uri, uri2, err)
		}
	})
}

func FuzzParseIssuerMetadata(f *testing.F) {
	f.Add([]byte(`{"credential_issuer":"https://i.example","credential_endpoint":"https://i.example/c","credential_configurations_supported":{"s":{"format":"dc+sd-jwt","vct":"v"}}}`))
	for _, data := range examples(f, "credential_metadata_*") {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseIssuerMetadata(data, "https://i.example")
		if err != nil {
			return
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseIssuerMetadata(again, "https://i.example")
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		third, err := json.Marshal(got)
		if err != nil || string(third) != string(again) {
			t.Errorf("%s became %s, %v", again, third, err)
		}
	})
}

func FuzzParseCredentialRequest(f *testing.F) {
	f.Add([]byte(`{"credential_configuration_id":"a","proofs":{"jwt":["x"]}}`))
	f.Add([]byte(`{"credential_identifier":"a","proofs":{"jwt":["x","y"]},"credential_response_encryption":{}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := ParseCredentialRequest(body)
		var refused *oauth.Error
		if err != nil {
			if !errors.As(err, &refused) || refused.Status != 400 {
				t.Fatal(err)
			}
			return
		}
		if (r.ConfigurationID == "") == (r.Identifier == "") || len(r.Proofs) > MaxProofs {
			t.Errorf("got %+v", r)
		}
	})
}

func FuzzVerifyProof(f *testing.F) {
	now := time.Unix(1_800_000_000, 0)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	good, err := SignProof(key, "https://i.example", "n", now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("..")
	f.Fuzz(func(t *testing.T, compact string) {
		p, err := VerifyProof(compact, "https://i.example", now)
		var refused *oauth.Error
		if err != nil {
			if !errors.As(err, &refused) || refused.Code != oauth.InvalidProof {
				t.Fatal(err)
			}
			return
		}
		if p.Nonce == "" || p.Key == nil {
			t.Errorf("got %+v", p)
		}
	})
}

func FuzzParseToken(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","token_type":"Bearer","expires_in":300}`))
	f.Add([]byte(`{"access_token":"a","token_type":"bearer","authorization_details":[{"type":"openid_credential","credential_configuration_id":"c","credential_identifiers":["i"]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		g, err := parseToken(body, true, time.Unix(1_800_000_000, 0))
		if err != nil && !errors.Is(err, ErrMalformed) || err == nil && g.AccessToken == "" {
			t.Fatalf("got %v, %v", g, err)
		}
	})
}
