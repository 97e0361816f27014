package wallet

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/oauth"
)

// inside is a query of the person card with more members.
func inside(members string) string {
	return `{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":["` + personType + `"]}` + members + `}]}`
}

func paths(claims []Claim) (out []string) {
	for _, c := range claims {
		out = append(out, c.Path)
	}
	return out
}

// valueless checks that no line of the history holds a value of the card.
func valueless(t *testing.T, wal *Wallet) []Entry {
	t.Helper()
	entries, err := wal.History(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{canaryName, canaryNumber, "Canarina", "2000-01-31", `"Proefstad"`, "Teststraat"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the history holds %q", secret)
		}
	}
	return entries
}

// testQueries are DCQL-02, DCQL-05, DCQL-06 and DCQL-08 at the wallet that holds the cards.
func testQueries(t *testing.T) {
	t.Run("DCQL-02", func(t *testing.T) {
		b := newTarget(t)
		defer control(t, b.world, b.wal)
		link, a := b.ask(inside(""), nil)
		d := present(t, b.wal, link)
		if claims := d.Sets[0].Options[0].Answers[0].Cards[0].Claims; len(claims) != 0 {
			t.Errorf("the consent lists %q", paths(claims))
		}
		if _, err := d.Share(t.Context(), Choice{AllowExtra: true}); err != nil {
			t.Fatal(err)
		}
		// Between the signed part and the proof of the key there is nothing, and what is signed says nothing about the person.
		if n := strings.Count(a.raw[0], "~"); n != 1 {
			t.Errorf("%d disclosures were sent", n-1)
		}
		if diff := cmp.Diff(map[string]any{"age_equal_or_over": map[string]any{}}, a.shown[0].Subject()); diff != "" {
			t.Error(diff)
		}
		if e := valueless(t, b.wal)[0]; e.Kind != "shared" || e.Outcome != "ok" || len(e.Claims) != 0 || e.Card != "Persoonsgegevens" {
			t.Errorf("history: %+v", e)
		}
	})
	t.Run("DCQL-05", func(t *testing.T) {
		b := newTarget(t)
		defer control(t, b.world, b.wal)
		good := inside("")
		twice := strings.TrimSuffix(strings.TrimPrefix(good, `{"credentials":[`), `]}`)
		for what, query := range map[string]string{
			"id repeated":                `{"credentials":[` + twice + `,` + twice + `]}`,
			"id empty":                   strings.Replace(good, `"c"`, `""`, 1),
			"id with a slash":            strings.Replace(good, `"c"`, `"a/b"`, 1),
			"claim_sets without claims":  inside(`,"claim_sets":[["x"]]`),
			"claims empty":               inside(`,"claims":[]`),
			"unknown id in options":      `{"credentials":[` + twice + `],"credential_sets":[{"options":[["d"]]}]}`,
			"unknown id in a claim set":  inside(`,"claims":[{"id":"x","path":["a"]}],"claim_sets":[["y"]]`),
			"options empty":              `{"credentials":[` + twice + `],"credential_sets":[{"options":[]}]}`,
			"credentials empty":          `{"credentials":[]}`,
			"nothing":                    `{}`,
			"a text instead of a query":  `"credentials"`,
			"values that cannot be held": inside(`,"claims":[{"path":["a"],"values":[{}]}]`),
		} {
			b.told(t, what, oauth.InvalidRequest, crafted{members: member("dcql_query", json.RawMessage(query))})
		}
		valueless(t, b.wal)
	})
	t.Run("DCQL-06", func(t *testing.T) {
		b := newTarget(t)
		defer control(t, b.world, b.wal)
		// refusal is all that the verifier gets to see: the form, and how often it came.
		refusal := func(query string) url.Values {
			t.Helper()
			link, a := b.ask(query, nil)
			var forms []url.Values
			address, err := url.Parse(a.request.ResponseURI)
			if err != nil {
				t.Fatal(err)
			}
			b.mu.Lock()
			b.serve[address.Path] = func(w http.ResponseWriter, r *http.Request) {
				r.ParseForm()
				forms = append(forms, r.PostForm)
				reply(w, map[string]any{})
			}
			b.mu.Unlock()
			d := present(t, b.wal, link)
			if len(d.Sets) != 0 {
				t.Errorf("%s: a card is offered: %+v", query, d.Sets)
			}
			if _, err := d.Share(t.Context(), Choice{AllowExtra: true, AllowReuse: true}); CategoryOf(err) != NoMatch || len(forms) != 0 {
				t.Errorf("%s: shared: %v", query, err)
			}
			if err := d.Refuse(t.Context()); err != nil || len(forms) != 1 {
				t.Fatalf("%s: %d answers, %v", query, len(forms), err)
			}
			if got := forms[0].Get("state"); got != a.request.State {
				t.Errorf("%s: state %q", query, got)
			}
			forms[0].Del("state")
			b.unchanged(t, query)
			// The history knows the difference from a refusal by the person, and not what the value was.
			if e := valueless(t, b.wal)[0]; e.Kind != "refused" || len(e.Claims) != 0 || len(e.Withheld) != 0 || len(e.Cards) != 0 {
				t.Errorf("%s: history: %+v", query, e)
			}
			return forms[0]
		}
		unheld := refusal(strings.ReplaceAll(inside(`,"claims":[{"path":["family_name"]}]`), personType, "urn:example:nobody:1"))
		if unheld.Get("error") != string(oauth.AccessDenied) {
			t.Errorf("%v", unheld)
		}
		for _, claims := range []string{
			`{"path":["family_name"],"values":["Iemand Anders"]}`,
			`{"path":["age_equal_or_over","65"],"values":[true]}`,
			`{"path":["age_equal_or_over","18"],"values":["true",1]}`,
			`{"path":["age_equal_or_over","18"]},{"path":["family_name"],"values":["Iemand Anders"]}`,
			`{"path":["address"],"values":["Proefstad"]}`,
		} {
			if diff := cmp.Diff(unheld, refusal(inside(`,"claims":[`+claims+`]`))); diff != "" {
				t.Errorf("%s can be told from a card that is not there: %s", claims, diff)
			}
		}
		// Control: the value that is there.
		link, _ := b.ask(inside(`,"claims":[{"path":["age_equal_or_over","18"],"values":[true]}]`), nil)
		if d := present(t, b.wal, link); len(d.Sets) != 1 {
			t.Error("the value that is there does not match")
		}
	})
	t.Run("DCQL-08", func(t *testing.T) {
		b := newTarget(t)
		defer control(t, b.world, b.wal)
		link, a := b.ask(query(`["address","locality"]`), nil)
		d := present(t, b.wal, link)
		if got := paths(d.Sets[0].Options[0].Answers[0].Cards[0].Claims); !slices.Equal(got, []string{"address.locality"}) {
			t.Errorf("the consent lists %q", got)
		}
		if _, err := d.Share(t.Context(), Choice{AllowExtra: true}); err != nil {
			t.Fatal(err)
		}
		// The parent, the town, and nothing beside it.
		if n := strings.Count(a.raw[0], "~"); n != 3 {
			t.Errorf("%d disclosures, want 2", n-1)
		}
		want := map[string]any{"address": map[string]any{"locality": "Proefstad"}, "age_equal_or_over": map[string]any{}}
		if diff := cmp.Diff(want, a.shown[0].Subject()); diff != "" {
			t.Error(diff)
		}
		if e := valueless(t, b.wal)[0]; !slices.Equal(e.Claims, []string{"address.locality"}) {
			t.Errorf("history: %+v", e)
		}
	})
}
