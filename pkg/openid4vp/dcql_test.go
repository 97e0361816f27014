package openid4vp

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/credential"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/oauth"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

func jsonOf(t testing.TB, s string) any {
	t.Helper()
	v, err := jose.Decode([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// one wraps the inside of a credential query.
func one(inside string) string {
	return `{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":["urn:x:card"]}` + inside + `}]}`
}

func claimsOf(t testing.TB, s string) map[string]any {
	t.Helper()
	return jsonOf(t, s).(map[string]any)
}

const sample = `{"vct":"urn:x:card","given_name":"Saar","family_name":"Proefpersoon","age":41,"member":true,"none":null,
"address":{"city":"Voorbeeldstad","street":"Dorpsstraat","geo":{"lat":1}},"nationalities":["NL","BE","NL"],
"degrees":[{"type":"Bachelor","year":2001},{"type":"Master","year":2003}],"age_equal_or_over":{"12":true,"18":true,"65":false}}`

func heldCard(t testing.TB) Held {
	return Held{ID: "h1", Format: FormatSDJWT, VCT: "urn:x:card", Claims: claimsOf(t, sample)}
}

func testDCQL(t *testing.T) {
	t.Run("DCQL-01", func(t *testing.T) {
		m, err := query(t, one(`,"claims":[{"path":["given_name"]},{"path":["age_equal_or_over","18"]}]`)).Match([]Held{heldCard(t)})
		if err != nil {
			t.Fatal(err)
		}
		want := []Candidate{{HeldID: "h1", Disclose: []sdjwt.Path{{"given_name"}, {"age_equal_or_over", "18"}}}}
		if diff := cmp.Diff(want, m.Default()["c"]); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("DCQL-02", func(t *testing.T) {
		m, err := query(t, one("")).Match([]Held{heldCard(t)})
		if err != nil || len(m.ByQuery["c"]) != 1 || len(m.ByQuery["c"][0].Disclose) != 0 {
			t.Errorf("%+v, %v", m, err)
		}
	})
	t.Run("DCQL-03", func(t *testing.T) {
		q := query(t, `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["urn:x:card"]}},{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["urn:x:other"]}}],
			"credential_sets":[{"options":[["a"]]},{"options":[["b"],["a","b"]]}]}`)
		if m, err := q.Match([]Held{heldCard(t)}); !errors.Is(err, ErrNoMatch) || m != nil {
			t.Errorf("%+v, %v", m, err)
		}
		if _, err := q.Match([]Held{heldCard(t), {ID: "h2", Format: FormatSDJWT, VCT: "urn:x:other"}}); err != nil {
			t.Errorf("control: %v", err)
		}
	})
	t.Run("DCQL-04", func(t *testing.T) {
		q := query(t, `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["urn:x:card"]}},{"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["urn:x:other"]}}],
			"credential_sets":[{"options":[["a"]]},{"options":[["b"]],"required":false}]}`)
		m, err := q.Match([]Held{heldCard(t)})
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Default(); len(got) != 1 || len(got["a"]) != 1 {
			t.Errorf("%v", got)
		}
		if m.Sets[1].Required || len(m.Sets[1].Options) != 0 {
			t.Errorf("%+v", m.Sets)
		}
		// An optional set that can be met is left out of the smallest answer too.
		m, err = q.Match([]Held{heldCard(t), {ID: "h2", Format: FormatSDJWT, VCT: "urn:x:other"}})
		if err != nil || len(m.Default()) != 1 || len(m.Sets[1].Options) != 1 {
			t.Errorf("%+v, %v", m, err)
		}
	})
	t.Run("DCQL-05", func(t *testing.T) {
		k := newKit(t)
		for _, bad := range badQueries {
			if _, err := ParseDCQL([]byte(bad)); !errors.Is(err, ErrRequestMalformed) {
				t.Errorf("%s: %v", bad, err)
			}
			if !json.Valid([]byte(bad)) {
				continue
			}
			if jose.CheckJSON([]byte(bad)) != nil {
				continue // then the whole request object is malformed
			}
			_, err := k.changed(func(m map[string]any) { m["dcql_query"] = jsonRaw(bad) })
			var e *oauth.Error
			if !errors.As(err, &e) || e.Code != oauth.InvalidRequest {
				t.Errorf("%s: %v", bad, err)
			}
		}
		k.control()
	})
	t.Run("DCQL-06", func(t *testing.T) {
		none := func(inside string, held ...Held) string {
			_, err := query(t, one(inside)).Match(held)
			if !errors.Is(err, ErrNoMatch) {
				t.Errorf("%s: %v", inside, err)
				return ""
			}
			return err.Error()
		}
		unheld := none(`,"claims":[{"path":["given_name"]}]`)
		for _, inside := range []string{
			`,"claims":[{"path":["given_name"],"values":["Joris"]}]`,
			`,"claims":[{"path":["age"],"values":["41"]}]`,
			`,"claims":[{"path":["age"],"values":[true,40]}]`,
			`,"claims":[{"path":["member"],"values":["true",1]}]`,
			`,"claims":[{"path":["age_equal_or_over","65"],"values":[true]}]`,
			`,"claims":[{"path":["address"],"values":["Voorbeeldstad"]}]`,
			`,"claims":[{"path":["none"],"values":["null"]}]`,
		} {
			if got := none(inside, heldCard(t)); got != unheld {
				t.Errorf("%s: %q can be told from %q", inside, got, unheld)
			}
		}
		m, err := query(t, one(`,"claims":[{"path":["age"],"values":[40,41]},{"path":["given_name"],"values":["Saar"]},{"path":["nationalities",null],"values":["NL"]}]`)).Match([]Held{heldCard(t)})
		if err != nil {
			t.Fatal(err)
		}
		want := []sdjwt.Path{{"age"}, {"given_name"}, {"nationalities", 0}, {"nationalities", 2}}
		if diff := cmp.Diff(want, m.ByQuery["c"][0].Disclose); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("DCQL-07", func(t *testing.T) {
		for _, path := range []string{`[-1]`, `[1.5]`, `[9223372036854775808]`, `[1e400]`, `[true]`, `[{}]`, `[]`, `"x"`, `null`,
			`[` + strings.Repeat(`"a",`, 999) + `"a"]`} {
			if _, err := ParseDCQL([]byte(one(`,"claims":[{"path":` + path + `}]`))); !errors.Is(err, ErrRequestMalformed) {
				t.Errorf("%.30s: %v", path, err)
			}
		}
		for _, path := range []string{`["address",null]`, `["address",0]`, `["nationalities",9]`, `["nationalities","x"]`, `["given_name","x"]`, `[0]`, `[null]`, `["given_name",null]`} {
			for _, values := range []string{"", `,"values":["NL"]`} {
				if _, err := query(t, one(`,"claims":[{"path":`+path+values+`}]`)).Match([]Held{heldCard(t)}); !errors.Is(err, ErrNoMatch) {
					t.Errorf("%s: %v", path, err)
				}
			}
		}
	})
	t.Run("DCQL-08", func(t *testing.T) {
		key, holder := newKey(t), newKey(t)
		sd, err := sdjwt.Issue(key, jose.Header{Type: FormatSDJWT}, map[string]any{
			"vct": "urn:x:card", "cnf": map[string]any{"jwk": jose.JWK{Key: holder.Public()}},
			"address": sdjwt.Selective{Value: map[string]any{"city": sdjwt.Selective{Value: "Voorbeeldstad"}, "street": sdjwt.Selective{Value: "Dorpsstraat"}}},
		}, 2)
		if err != nil {
			t.Fatal(err)
		}
		claims, err := sd.Claims()
		if err != nil {
			t.Fatal(err)
		}
		m, err := query(t, one(`,"claims":[{"path":["address","city"]}]`)).Match([]Held{{ID: "h", Format: FormatSDJWT, VCT: "urn:x:card", Claims: claims}})
		if err != nil {
			t.Fatal(err)
		}
		sent, err := sd.Select(m.Default()["c"][0].Disclose)
		if err != nil {
			t.Fatal(err)
		}
		got, err := sent.Claims()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]any{"city": "Voorbeeldstad"}, got["address"]); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("DCQL-09", func(t *testing.T) {
		for inside, want := range map[string]string{
			``:                                    `{}`,
			`,"claims":[{"path":["given_name"]}]`: `{"given_name":"Saar"}`,
			`,"claims":[{"path":["age_equal_or_over","18"],"values":[true]}]`:                               `{"age_equal_or_over":{"18":true}}`,
			`,"claims":[{"path":["address","city"]},{"path":["address","geo"]}]`:                            `{"address":{"city":"Voorbeeldstad","geo":{"lat":1}}}`,
			`,"claims":[{"path":["address"]},{"path":["address","city"]}]`:                                  `{"address":{"city":"Voorbeeldstad","street":"Dorpsstraat","geo":{"lat":1}}}`,
			`,"claims":[{"path":["degrees",null,"type"]}]`:                                                  `{"degrees":[{"type":"Bachelor"},{"type":"Master"}]}`,
			`,"claims":[{"path":["degrees",1]}]`:                                                            `{"degrees":[{"type":"Master","year":2003}]}`,
			`,"claims":[{"path":["nationalities",null],"values":["BE"]}]`:                                   `{"nationalities":["BE"]}`,
			`,"claims":[{"id":"x","path":["absent"]},{"id":"y","path":["age"]}],"claim_sets":[["x"],["y"]]`: `{"age":41}`,
			`,"claims":[{"path":["absent"]}]`:                                                               `{}`,
		} {
			q := query(t, one(inside))
			got := q.Credentials[0].Filter(&credential.Credential{VCT: "urn:x:card", Claims: claimsOf(t, sample)})
			if diff := cmp.Diff(jsonOf(t, want), any(got)); diff != "" {
				t.Errorf("%s: %s", inside, diff)
			}
		}
	})
	t.Run("DCQL-10", func(t *testing.T) {
		q := query(t, `{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["urn:x:card"]},"claims":[{"path":["age"],"values":[41]}]},
			{"id":"b","format":"dc+sd-jwt","multiple":true,"meta":{"vct_values":["urn:x:card"]}}],"credential_sets":[{"options":[["a"]]},{"options":[["b"]],"required":false}]}`)
		for what, token := range map[string]map[string][]string{
			"unknown id": {"a": {"x"}, "z": {"x"}}, "two": {"a": {"x", "y"}}, "none": {}, "only the optional one": {"b": {"x"}}, "empty": {"a": {}},
		} {
			if q.CheckAll(token) == nil {
				t.Errorf("%s passes", what)
			}
		}
		for what, token := range map[string]map[string][]string{"one": {"a": {"x"}}, "all": {"a": {"x"}, "b": {"x", "y"}}} {
			if err := q.CheckAll(token); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		a := q.ByID("a")
		good := &credential.Credential{VCT: "urn:x:card", Claims: claimsOf(t, sample)}
		if err := a.CheckOne(good); err != nil {
			t.Errorf("control: %v", err)
		}
		if a.CheckOne(&credential.Credential{VCT: "urn:x:other", Claims: good.Claims}) == nil {
			t.Error("another vct passes")
		}
		if a.CheckOne(&credential.Credential{VCT: "urn:x:card", Claims: claimsOf(t, `{"age":17}`)}) == nil {
			t.Error("another value passes")
		}
		if a.CheckOne(&credential.Credential{VCT: "urn:x:card", Claims: claimsOf(t, `{}`)}) == nil {
			t.Error("a missing claim passes")
		}
	})
	t.Run("DCQL-11", func(t *testing.T) {
		k := newKit(t)
		a, err := k.changed(func(m map[string]any) {
			m["dcql_query"] = jsonRaw(one(`,"claims":[{"path":["age_equal_or_over","18"]},{"path":["family_name"]}]`))
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(a.Permission.Extra) != 1 || a.Permission.Extra[0].Path.String() != "family_name" {
			t.Errorf("%+v", a.Permission)
		}
		k.control()
	})
}

func jsonRaw(s string) json.RawMessage { return json.RawMessage(s) }

var badQueries = []string{
	``, `[]`, `{}`, `{"credentials":[]}`, `{"credentials":null}`, `{"credentials":{}}`, `{"credentials":[{}]}`, `{"credentials":[null]}`,
	strings.Replace(one(""), `"c"`, `""`, 1), strings.Replace(one(""), `"c"`, `"a/b"`, 1), strings.Replace(one(""), `"c"`, `"é"`, 1), strings.Replace(one(""), `"c"`, `7`, 1),
	`{"credentials":[` + strings.Repeat(`{"id":"c","format":"x","meta":{}},`, 1) + `{"id":"c","format":"x","meta":{}}]}`,
	`{"credentials":[{"id":"c","format":"dc+sd-jwt"}]}`, `{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":{}}]}`, `{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":[]}]}`,
	`{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":null}]}`, `{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":[]}}]}`, `{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":"x"}}]}`,
	`{"credentials":[{"id":"c","format":"","meta":{}}]}`, `{"credentials":[{"id":"c","meta":{}}]}`,
	one(`,"id":"d"`), one(`,"multiple":"yes"`), one(`,"require_cryptographic_holder_binding":1`),
	one(`,"claims":[]`), one(`,"claims":null`), one(`,"claims":{}`), one(`,"claims":[{}]`), one(`,"claims":[{"path":["a"],"values":[]}]`),
	one(`,"claims":[{"path":["a"],"values":[1.5]}]`), one(`,"claims":[{"path":["a"],"values":[null]}]`), one(`,"claims":[{"path":["a"],"values":[{}]}]`),
	one(`,"claims":[{"id":"","path":["a"]}]`), one(`,"claims":[{"id":"x.y","path":["a"]}]`), one(`,"claims":[{"id":"x","path":["a"]},{"id":"x","path":["b"]}]`),
	one(`,"claim_sets":[["x"]]`), one(`,"claims":[{"path":["a"]}],"claim_sets":[["x"]]`), one(`,"claims":[{"id":"x","path":["a"]}],"claim_sets":[["y"]]`),
	one(`,"claims":[{"id":"x","path":["a"]},{"path":["b"]}],"claim_sets":[["x"]]`), one(`,"claims":[{"id":"x","path":["a"]}],"claim_sets":[]`), one(`,"claims":[{"id":"x","path":["a"]}],"claim_sets":[[]]`),
	one(`,"trusted_authorities":[]`), one(`,"trusted_authorities":[{"type":"aki"}]`), one(`,"trusted_authorities":[{"type":"aki","values":[]}]`), one(`,"trusted_authorities":[{"values":["x"]}]`),
	strings.Replace(one(""), `}]}`, `}],"credential_sets":[]}`, 1), strings.Replace(one(""), `}]}`, `}],"credential_sets":[{"options":[]}]}`, 1),
	strings.Replace(one(""), `}]}`, `}],"credential_sets":[{"options":[["d"]]}]}`, 1), strings.Replace(one(""), `}]}`, `}],"credential_sets":[{"options":[[]]}]}`, 1),
	strings.Replace(one(""), `}]}`, `}],"credential_sets":[{}]}`, 1), strings.Replace(one(""), `}]}`, `}],"credential_sets":[{"options":[["c"]],"required":"no"}]}`, 1),
	`{"credentials":[` + queries(MaxCredentialQueries+1) + `]}`, one(`,"claims":[` + paths(MaxClaims+1) + `]`),
	one("") + "x", `{"credentials":[],"credentials":[]}`,
}

func queries(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"id":"c%d","format":"dc+sd-jwt","meta":{"vct_values":["x"]}}`, i))
	}
	return strings.Join(all, ",")
}

func paths(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"path":["a%d"]}`, i))
	}
	return strings.Join(all, ",")
}

func TestLimitsAreReached(t *testing.T) {
	query(t, `{"credentials":[`+queries(MaxCredentialQueries)+`]}`)
	query(t, one(`,"claims":[`+paths(MaxClaims)+`]`))
	query(t, one(`,"unknown":{"a":1},"claims":[{"path":["a"],"unknown":1}]`))
	query(t, `{"credentials":[{"id":"m","format":"mso_mdoc","meta":{"doctype_value":"x"},"claims":[{"path":["ns","a"]}]}]}`)
}

func TestMatchSets(t *testing.T) {
	q := query(t, `{"credentials":[
		{"id":"own","format":"dc+sd-jwt","meta":{"vct_values":["urn:x:card"]},"claims":[{"path":["age_equal_or_over","18"],"values":[true]}]},
		{"id":"pid","format":"dc+sd-jwt","meta":{"vct_values":["urn:eudi:pid:1"]},"claims":[{"id":"n","path":["age_equal_or_over","18"],"values":[true]},{"id":"f","path":["age_over_18"],"values":[true]}],"claim_sets":[["n"],["f"]]},
		{"id":"doc","format":"mso_mdoc","meta":{}}],
		"credential_sets":[{"options":[["own"],["pid"],["doc"]]}]}`)
	pid := Held{ID: "h2", Format: FormatSDJWT, VCT: "urn:eudi:pid:1", Claims: claimsOf(t, `{"age_over_18":true}`)}
	m, err := q.Match([]Held{pid, heldCard(t)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]MatchedSet{{Required: true, Options: [][]string{{"own"}, {"pid"}}}}, m.Sets); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string][]Candidate{"own": {{HeldID: "h1", Disclose: []sdjwt.Path{{"age_equal_or_over", "18"}}}}}, m.Default()); diff != "" {
		t.Error(diff)
	}
	if m, err = q.Match([]Held{pid}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]Candidate{"pid": {{HeldID: "h2", Disclose: []sdjwt.Path{{"age_over_18"}}}}}, m.Default()); diff != "" {
		t.Error(diff)
	}
	if got := len(q.Questions()); got != 4 {
		t.Errorf("%d questions", got)
	}
}

func TestTrustedAuthorities(t *testing.T) {
	ca := newAuthority(t, "Voorbeeld CA")
	ids := AuthorityKeyIDs([][]byte{ca.leaf("Gemeente", newKey(t).Public(), ""), []byte("junk")})
	if len(ids) != 1 || !slices.Equal(ids[0], ca.cert.SubjectKeyId) {
		t.Fatalf("%x", ids)
	}
	held := heldCard(t)
	held.AuthorityKeyIDs = ids
	aki := strings.TrimRight(mustJSON(t, ids[0]), "=") // standard base64; the query has base64url
	aki = strings.NewReplacer("+", "-", "/", "_", `"`, "", "=", "").Replace(aki)
	for inside, ok := range map[string]bool{
		`{"type":"aki","values":["` + aki + `"]}`:                                          true,
		`{"type":"aki","values":["AAAA"]}`:                                                 false,
		`{"type":"etsi_tl","values":["https://x"]}`:                                        false,
		`{"type":"etsi_tl","values":["x"]},{"type":"aki","values":["AAAA","` + aki + `"]}`: true,
	} {
		_, err := query(t, one(`,"trusted_authorities":[`+inside+`]`)).Match([]Held{held})
		if (err == nil) != ok {
			t.Errorf("%s: %v", inside, err)
		}
	}
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestVectors reads the examples of the specification, each with its expected outcome.
func TestVectors(t *testing.T) {
	expected := map[string]error{
		"query_lang/simple.json":                           nil,
		"query_lang/value_matching_simple.json":            nil,
		"query_lang/multi_credentials.json":                nil,
		"client_metadata/sd_jwt_vc_verifier_metadata.json": nil,
		"request/request_header_client_id_did.json":        nil,
		"request/request_object_client_id_did.json":        ErrRequestMalformed, // a fragment
	}
	root := filepath.Join("testdata", "openid4vp-1.0")
	files := 0
	for name, want := range expected {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		files++
		text := string(data)
		switch {
		case strings.HasPrefix(name, "query_lang/"):
			q, err := ParseDCQL([]byte(text))
			if !errors.Is(err, want) {
				t.Errorf("%s: %v", name, err)
				continue
			}
			again, err := ParseDCQL([]byte(mustJSON(t, q)))
			if name != "query_lang/multi_credentials.json" && (err != nil || cmp.Diff(q, again) != "") {
				t.Errorf("%s: %v %s", name, err, cmp.Diff(q, again))
			}
		case strings.HasPrefix(name, "client_metadata/"):
			var m ClientMetadata
			if err := jose.Unmarshal(data, &m); err != nil || !formats(m.VPFormats) {
				t.Errorf("%s: %v", name, err)
			}
		case strings.HasPrefix(name, "request/request_object"):
			if _, err := parsePayload(data); !errors.Is(err, want) {
				t.Errorf("%s: %v", name, err)
			}
			p, err := parsePayload([]byte(strings.Replace(text, "{ ... }", overEighteen, 1)))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			kind, value, err := prefix(p.ClientID)
			if err != nil || kind != PrefixDID || value != "did:example:123" || !urlSafe(p.Nonce) {
				t.Errorf("%s: %q %q, %v", name, kind, value, err)
			}
			// The example has a redirect_uri, since it is not for direct_post.
			if fault := p.read(&Request{}); fault == nil || fault.Code != oauth.InvalidRequest {
				t.Errorf("%s: %v", name, fault)
			}
		default:
			var h struct {
				Type, KeyID string
			}
			m := jsonOf(t, text).(map[string]any)
			h.Type, _ = m["typ"].(string)
			h.KeyID, _ = m["kid"].(string)
			if h.Type != RequestType || !strings.HasPrefix(h.KeyID, "did:example:123#") {
				t.Errorf("%s: %+v", name, h)
			}
		}
	}
	found := 0
	if err := filepath.WalkDir(root, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found++
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if found == 0 || found != files {
		t.Errorf("%d files, %d with an expected outcome", found, files)
	}
}

// A wallet may take a later claim set, and a verifier takes what comes of it (Section 6.4.1).
func TestLaterClaimSets(t *testing.T) {
	q := query(t, one(`,"claims":[{"id":"b","path":["birthdate"]},{"id":"n","path":["given_name"]},{"id":"a","path":["age_equal_or_over","18"]},{"id":"x","path":["absent"]}],
		"claim_sets":[["b","n"],["x"],["n"],["a"],["a","x"]]`))
	held := heldCard(t)
	held.Claims["birthdate"] = "2000-01-31"
	m, err := q.Match([]Held{held})
	if err != nil {
		t.Fatal(err)
	}
	want := []Candidate{{
		HeldID: "h1", Disclose: []sdjwt.Path{{"birthdate"}, {"given_name"}},
		Later: [][]sdjwt.Path{{{"given_name"}}, {{"age_equal_or_over", "18"}}},
	}}
	if diff := cmp.Diff(want, m.ByQuery["c"]); diff != "" {
		t.Error(diff)
	}
	delete(held.Claims, "birthdate")
	if m, err = q.Match([]Held{held}); err != nil || len(m.ByQuery["c"][0].Later) != 1 || len(m.ByQuery["c"][0].Disclose) != 1 {
		t.Errorf("without the first: %+v, %v", m, err)
	}
}
