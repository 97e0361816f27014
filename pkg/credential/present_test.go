package credential

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/statuslist"
)

func TestRequired(t *testing.T) {
	testIssuerSigned(t)
	testDisclosures(t)
	testKeyBinding(t)
	testStatus(t)
	testClock(t)
}

func testKeyBinding(t *testing.T) {
	set := func(name string, v any) func(*binding) {
		return func(b *binding) {
			if b.claims[name] = v; v == nil {
				delete(b.claims, name)
			}
		}
	}

	t.Run("KB-01", func(t *testing.T) {
		k := newKit(t)
		good := k.card().sign(t)
		k.refuses(t, "stripped", good, HolderBinding)

		// Where the query does not ask for it, it need not be there; one that is there must hold.
		unbound := want
		unbound.Unbound = true
		if _, err := k.validator().Present(t.Context(), good, unbound); err != nil {
			t.Errorf("unbound: %v", err)
		}
		k.statuses = 0
		k.refusesWant(t, "unbound, bad nonce", k.bind(t, good, set("nonce", "x")), unbound, Replayed)
		c := k.card()
		delete(c.claims, "cnf")
		k.refusesWant(t, "unbound, key binding without cnf", k.bind(t, c.sign(t)), unbound, HolderBinding)
		unbound.TransactionData = []string{"e30"}
		k.refusesWant(t, "unbound, transaction data", good, unbound, HolderBinding)
		k.control(t)
	})

	t.Run("KB-02", func(t *testing.T) {
		k := newKit(t)
		good := k.card().sign(t)
		for _, n := range []any{"bm9uY2Ugb2YgYW5vdGhlciBzZXNzaW9u", "", nil, nonce + " ", []string{nonce}, 1} {
			k.refuses(t, fmt.Sprint(n), k.bind(t, good, set("nonce", n)), Replayed)
		}
		none := want
		none.Nonce = ""
		k.refusesWant(t, "no nonce asked", k.bind(t, good, set("nonce", "")), none, Replayed)
		k.control(t)
	})

	t.Run("KB-03", func(t *testing.T) {
		k := newKit(t)
		good := k.card().sign(t)
		_, bare, _ := strings.Cut(audience, ":")
		for _, aud := range []any{"x509_hash:other", bare, []string{audience, "other"}, []string{audience}, "", nil, audience + "/"} {
			k.refuses(t, fmt.Sprint(aud), k.bind(t, good, set("aud", aud)), WrongAudience)
		}
		k.control(t)
	})

	t.Run("KB-04", func(t *testing.T) {
		k := newKit(t)
		c := k.card()
		good := k.bind(t, c.sign(t))
		k.refuses(t, "one removed", strings.Replace(good, c.disclosures[0]+"~", "", 1), HolderBinding)
		k.refuses(t, "all removed", strings.Replace(good, strings.Join(c.disclosures, "~")+"~", "", 1), HolderBinding)
		k.refuses(t, "swapped", strings.Replace(good, c.disclosures[0]+"~"+c.disclosures[1], c.disclosures[1]+"~"+c.disclosures[0], 1), HolderBinding)
		jws, _, _ := strings.Cut(c.sign(t), "~")
		fewer := k.bind(t, join(jws, c.disclosures[1]))
		k.refuses(t, "one added", strings.Replace(fewer, c.disclosures[1], c.disclosures[0]+"~"+c.disclosures[1], 1), HolderBinding)
		for _, h := range []any{"", nil, digest(sha256.New(), "x"), 1} {
			k.refuses(t, fmt.Sprint(h), k.bind(t, c.sign(t), set("sd_hash", h)), HolderBinding)
		}
		k.accepts(t, fewer)
		k.control(t)
	})

	t.Run("KB-05", func(t *testing.T) {
		k := newKit(t)
		good := k.card().sign(t)
		at := func(d time.Duration) string { return k.bind(t, good, set("iat", k.now.Add(d).Unix())) }
		for _, d := range []time.Duration{-365 * 24 * time.Hour, 365 * 24 * time.Hour, -301 * time.Second, 61 * time.Second} {
			k.refuses(t, d.String(), at(d), HolderBinding)
		}
		for _, iat := range []any{nil, "now", -1, 1e30, true} {
			k.refuses(t, fmt.Sprint(iat), k.bind(t, good, set("iat", iat)), HolderBinding)
		}
		k.accepts(t, at(-299*time.Second))
		k.accepts(t, at(59*time.Second))
		k.control(t)
	})

	t.Run("KB-06", func(t *testing.T) {
		k := newKit(t)
		good := k.card().sign(t)
		for _, typ := range []any{nil, "", "JWT", "KB+JWT", "dc+sd-jwt", "application/kb+jwt"} {
			k.refuses(t, fmt.Sprint(typ), k.bind(t, good, func(b *binding) {
				if b.header["typ"] = typ; typ == nil {
					delete(b.header, "typ")
				}
			}), HolderBinding)
		}
		k.control(t)
	})

	t.Run("KB-07", func(t *testing.T) {
		k := newKit(t)
		good := k.card().sign(t)
		k.refuses(t, "issuer's key", k.bind(t, good, func(b *binding) { b.key = k.key }), HolderBinding)
		k.refuses(t, "key in the header", k.bind(t, good, func(b *binding) {
			b.key = p256(t, "thief")
			b.header["jwk"] = jwkOf(&b.key.PublicKey)
		}), HolderBinding)
		for _, alg := range []string{"none", "HS256", "ES384"} {
			k.refuses(t, alg, k.bind(t, good, func(b *binding) { b.header["alg"] = alg }), HolderBinding)
		}
		bound := k.bind(t, good)
		k.refuses(t, "no signature", bound[:strings.LastIndexByte(bound, '.')+1], HolderBinding)
		k.control(t)
	})

	t.Run("KB-08", func(t *testing.T) {
		k := newKit(t)
		jwk := func(change func(map[string]any)) map[string]any {
			m := jwkOf(&k.holder.PublicKey)
			change(m)
			return m
		}
		good := jwk(func(map[string]any) {})
		secret, err := k.holder.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		for what, cnf := range map[string]any{
			"private":        map[string]any{"jwk": jwk(func(m map[string]any) { m["d"] = b64.EncodeToString(secret) })},
			"symmetric":      map[string]any{"jwk": map[string]any{"kty": "oct", "k": "AAAA"}},
			"jku only":       map[string]any{"jku": "https://example.org/keys"},
			"kid only":       map[string]any{"kid": "1"},
			"jku and kid":    map[string]any{"jku": "https://example.org/keys", "kid": "1"},
			"x5t":            map[string]any{"x5t#S256": "AAAA"},
			"two keys":       map[string]any{"jwk": good, "jwe": "x"},
			"two ways":       map[string]any{"jwk": good, "jku": "https://example.org/keys"},
			"array of keys":  map[string]any{"jwk": []any{good, good}},
			"set of keys":    map[string]any{"jwk": map[string]any{"keys": []any{good}}},
			"bare key":       good,
			"empty":          map[string]any{},
			"null":           nil,
			"string":         "x",
			"array":          []any{map[string]any{"jwk": good}},
			"RSA":            map[string]any{"jwk": map[string]any{"kty": "RSA", "n": "AQAB", "e": "AQAB"}},
			"off the curve":  map[string]any{"jwk": jwk(func(m map[string]any) { m["x"] = m["y"] })},
			"no y":           map[string]any{"jwk": jwk(func(m map[string]any) { delete(m, "y") })},
			"other curve":    map[string]any{"jwk": jwk(func(m map[string]any) { m["crv"] = "P-521" })},
			"short":          map[string]any{"jwk": jwk(func(m map[string]any) { m["x"] = m["x"].(string)[:40] })},
			"for encryption": map[string]any{"jwk": jwk(func(m map[string]any) { m["use"] = "enc" })},
			"other alg":      map[string]any{"jwk": jwk(func(m map[string]any) { m["alg"] = "ES384" })},
		} {
			k.refuses(t, what, k.present(t, func(c *card) { c.claims["cnf"] = cnf }), Malformed)
		}
		k.control(t)
	})

	t.Run("KB-09", func(t *testing.T) {
		k := newKit(t)
		c := k.card()
		c.claims["_sd_alg"] = "sha-512"
		signed := c.sign(t)
		k.refuses(t, "sha-256", k.bind(t, signed), HolderBinding)
		k.accepts(t, k.bind(t, signed, set("sd_hash", digest(sha512.New(), signed))))
		k.control(t)
	})

	t.Run("KB-11", func(t *testing.T) {
		k := newKit(t)
		good := k.card().sign(t)
		data := []string{b64.EncodeToString([]byte(`{"type":"a"}`)), b64.EncodeToString([]byte(`{"type":"b"}`))}
		asked := want
		asked.TransactionData = data
		hashes := []any{digest(sha256.New(), data[0]), digest(sha256.New(), data[1])}
		for what, h := range map[string]any{
			"absent": nil, "short": hashes[:1], "long": append(slices.Clone(hashes), "x"), "empty": []any{}, "string": hashes[0],
			"over decoded bytes": []any{digest(sha256.New(), `{"type":"a"}`), digest(sha256.New(), `{"type":"b"}`)},
			"other order":        []any{hashes[1], hashes[0]},
		} {
			k.refusesWant(t, what, k.bind(t, good, set("transaction_data_hashes", h)), asked, HolderBinding)
		}
		if _, err := k.validator().Present(t.Context(), k.bind(t, good, set("transaction_data_hashes", hashes)), asked); err != nil {
			t.Errorf("control: %v", err)
		}
		k.control(t)
	})

	t.Run("KB-12", func(t *testing.T) {
		k := newKit(t)
		p := k.accepts(t, k.present(t, func(c *card) {
			c.claims["cnf"] = map[string]any{"jwk": map[string]any{
				"kty": "EC", "crv": "P-256", "x": jwkOf(&k.holder.PublicKey)["x"], "y": jwkOf(&k.holder.PublicKey)["y"],
			}}
		}))
		if !k.holder.PublicKey.Equal(p.Holder.Key) {
			t.Error("another key")
		}
	})

	t.Run("DCQL-10", func(t *testing.T) {
		k := newKit(t)
		asked := want
		asked.Query = func(c *Credential) error {
			if c.VCT != "urn:zegel:other:1" {
				return errors.New("another type")
			}
			return nil
		}
		k.refusesWant(t, "another vct", k.present(t), asked, QueryUnsatisfied)
		k.control(t)
	})
}

func testStatus(t *testing.T) {
	t.Run("STL-01", func(t *testing.T) {
		k := newKit(t)
		for _, err := range []error{statuslist.ErrUnavailable, fmt.Errorf("list: %w", statuslist.ErrUnavailable), errors.New("no key"), context.DeadlineExceeded} {
			k.statusErr = err
			k.refuses(t, err.Error(), k.present(t), StatusUnavailable)
		}
		for err, category := range map[error]Category{
			registryError("registry_unproven"):                                                            RegistryUnproven,
			&Error{Category: RegistryUnavailable, Err: errors.New("old")}:                                 RegistryUnavailable,
			fmt.Errorf("list: %w", &Error{Category: StatusUnavailable, Err: registryError("registry_x")}): StatusUnavailable,
		} {
			k.statusErr = err
			if _, err := k.validator().Present(t.Context(), k.present(t), want); CategoryOf(err) != category {
				t.Errorf("%v, want %s", err, category)
			}
		}
		k.statusErr = nil
		k.control(t)
	})

	t.Run("STL-02", func(t *testing.T) {
		// Every other refusal in this file checks it too.
		k := newKit(t)
		k.status = statuslist.Invalid
		asked := want
		asked.Query = func(*Credential) error { return errors.New("no") }
		k.refuses(t, "expired and revoked", k.present(t, func(c *card) { c.claims["exp"] = 1 }), Expired)
		k.refuses(t, "stripped and revoked", k.card().sign(t), HolderBinding)
		k.refusesWant(t, "unsatisfying and revoked", k.present(t), asked, QueryUnsatisfied)
		k.status = statuslist.Valid
		k.control(t)
	})

	t.Run("STL-03", func(t *testing.T) {
		k := newKit(t)
		const uri = "https://example.org/lists/1"
		for what, idx := range map[string]any{
			"negative": -1, "2^63": json.Number("9223372036854775808"), "2^64": json.Number("18446744073709551616"), "fraction": 1.5, "string": "1", "null": nil,
			"exponent": json.Number("1e2"), "array": []int{1}, "true": true, "huge": json.Number("1e400"), "minus zero": json.Number("-0"),
		} {
			k.refuses(t, what, k.present(t, func(c *card) {
				c.claims["status"] = map[string]any{"status_list": map[string]any{"idx": idx, "uri": uri}}
			}), Malformed)
		}
		for what, status := range map[string]any{
			"null": nil, "empty": map[string]any{}, "string": "x", "list": map[string]any{"status_list": []any{}}, "no idx": map[string]any{"status_list": map[string]any{"uri": uri}},
			"no uri": map[string]any{"status_list": map[string]any{"idx": 1}}, "uri": map[string]any{"status_list": map[string]any{"idx": 1, "uri": 1}}, "unknown": map[string]any{"other": map[string]any{}},
		} {
			k.refuses(t, what, k.present(t, func(c *card) { c.claims["status"] = status }), Malformed)
		}
		list, err := statuslist.New(2, 8)
		if err != nil {
			t.Fatal(err)
		}
		_, k.statusErr = list.Get(8)
		k.refuses(t, "past the end", k.present(t), StatusUnavailable)
		k.statusErr = nil
		k.control(t)
	})

	t.Run("STL-08", func(t *testing.T) {
		k := newKit(t)
		for s := range 256 {
			category := StatusUnavailable
			switch s {
			case 0:
				continue
			case 1:
				category = Revoked
			case 2:
				category = Suspended
			}
			k.status = statuslist.Status(s)
			k.refuses(t, fmt.Sprint(s), k.present(t), category)
		}
		k.status = statuslist.Valid
		k.control(t)
	})
}

func testClock(t *testing.T) {
	t.Run("CLK-04", func(t *testing.T) {
		k := newKit(t)
		for _, n := range []string{
			"9007199254740992", "9223372036854775807", "9223372036854775808", "1e400", "-1", "-0.5", "253402300800", "1e12", "-9223372036854775809",
			`"1"`, "null", "true", "[]", "{}", strings.Repeat("9", 250),
		} {
			for _, name := range []string{"exp", "iat", "nbf"} {
				k.refuses(t, fmt.Sprintf("%s %.40s", name, n), k.present(t, func(c *card) { c.claims[name] = json.RawMessage(n) }), Malformed)
			}
		}
		k.accepts(t, k.present(t, func(c *card) { c.claims["exp"] = json.Number("253402300799") }))
		k.accepts(t, k.present(t, func(c *card) { c.claims["nbf"] = 0 }))
		k.refuses(t, "exp 0", k.present(t, func(c *card) { c.claims["exp"] = 0 }), Expired)
		k.control(t)
	})
}
