package sdjwt

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/jose"
)

func TestRequired(t *testing.T) {
	for id, row := range map[string]func(*testing.T){
		"SDJ-01": testSDJ01, "SDJ-02": testSDJ02, "SDJ-03": testSDJ03, "SDJ-07": testSDJ07, "SDJ-10": testSDJ10, "SDJ-12": testSDJ12, "SDJ-14": testSDJ14,
		"DIS-01": testDIS01, "DIS-02": testDIS02, "DIS-03": testDIS03, "DIS-04": testDIS04, "DIS-05": testDIS05, "DIS-06": testDIS06,
		"DIS-07": testDIS07, "DIS-08": testDIS08, "DIS-09": testDIS09, "DIS-10": testDIS10, "DIS-11": testDIS11,
		"KB-01": testKB01, "KB-02": testKB02, "KB-03": testKB03, "KB-04": testKB04, "KB-05": testKB05, "KB-06": testKB06, "KB-07": testKB07,
		"KB-09": testKB09, "KB-10": testKB10, "KB-11": testKB11, "DCQL-07": testDCQL07, "DCQL-08": testDCQL08, "CLK-01": testKB05, "CLK-04": testCLK04,
	} {
		t.Run(id, row)
	}
}

func testSDJ01(t *testing.T) {
	f := good(t)
	_, rest, _ := strings.Cut(f.compact(), ".")
	body, rest, _ := strings.Cut(rest, ".")
	_, list, _ := strings.Cut(rest, "~")
	for _, alg := range []string{"none", "NONE", ""} {
		f.wantOf(alg, encode(t, fmt.Sprintf(`{"alg":%q,"typ":"dc+sd-jwt"}`, alg))+"."+body+".~"+list, jose.ErrSignature)
	}
}

func testSDJ02(t *testing.T) {
	f := good(t)
	secret, err := f.issuer.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(f.compact(), ".")
	body, rest, _ := strings.Cut(rest, ".")
	_, list, _ := strings.Cut(rest, "~")
	signed := encode(t, `{"alg":"HS256","typ":"dc+sd-jwt"}`) + "." + body
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	f.wantOf("HS256", signed+"."+base64.RawURLEncoding.EncodeToString(mac.Sum(nil))+"~"+list, jose.ErrSignature)
}

func testSDJ03(t *testing.T) {
	f := good(t)
	compact := f.compact()
	end := strings.IndexByte(compact, '~')
	for range 64 {
		at, err := rand.Int(rand.Reader, big.NewInt(int64(8*end)))
		if err != nil {
			t.Fatal(err)
		}
		bad := []byte(compact)
		bad[at.Int64()/8] ^= 1 << (at.Int64() % 8)
		if _, err := f.claims(string(bad)); !errors.Is(err, jose.ErrSignature) && !errors.Is(err, jose.ErrMalformed) {
			t.Errorf("bit %v: %v", at, err)
		}
	}
}

func testSDJ07(t *testing.T) {
	f := good(t)
	_, rest, _ := strings.Cut(f.compact(), ".")
	for _, extra := range []string{`"crit":["x"],"x":1`, `"crit":[]`, `"b64":false`} {
		f.wantOf(extra, encode(t, `{"alg":"ES256",`+extra+`}`)+"."+rest, jose.ErrMalformed)
	}
}

func testSDJ10(t *testing.T) {
	f := good(t)
	for _, payload := range []string{
		`{"vct":"a","vct":"b"}`, `{"cnf":{},"cnf":{}}`, `{"a":{"_sd":[],"_sd":[]}}`, `{"_sd_alg":"sha-256","_sd_alg":"sha-512"}`, `[]`, `"x"`, ``,
	} {
		f.wantOf(payload, f.sign(payload), jose.ErrMalformed)
	}
	f = newForge(t)
	f.payload["_sd"] = []any{f.disclose(`["salt","address",{"locality":"a","locality":"b"}]`)}
	f.want("twice in a disclosure", ErrDisclosure)
}

func testSDJ12(t *testing.T) {
	good(t)
	for _, alg := range []any{"sha-1", "md5", "sha-256-32", "SHA-256", "sha3-256", "", nil, 256, []any{"sha-256"}} {
		f := newForge(t)
		f.payload["_sd_alg"] = alg
		f.want(fmt.Sprint(alg), jose.ErrMalformed)
	}
	for _, alg := range []string{"sha-256", "sha-384", "sha-512"} {
		f := newForge(t)
		f.alg = alg
		f.payload["_sd"] = []any{f.disclose([]any{"salt", "given_name", "Noor"})}
		claims, err := f.claims(f.compact())
		if err != nil || claims["given_name"] != "Noor" || claims["_sd_alg"] != nil {
			t.Errorf("%s: %v, %v", alg, claims, err)
		}
	}
	f := newForge(t)
	f.payload["_sd"] = []any{f.disclose([]any{"salt", "given_name", "Noor"})}
	if claims, err := f.claims(f.compact()); err != nil || claims["given_name"] != "Noor" {
		t.Errorf("absent: %v, %v", claims, err)
	}
}

func testSDJ14(t *testing.T) {
	f := good(t)
	for _, s := range []string{`{"payload":"e30","signatures":[]}`, `{"payload":"e30","signatures":[]}~`, `{"payload":"e30","protected":"e30","signature":""}~`, "", "~"} {
		f.wantOf(s, s, jose.ErrMalformed)
	}
}

func testDIS01(t *testing.T) {
	f := good(t)
	for i, d := range f.list {
		raw, err := base64.RawURLEncoding.DecodeString(d)
		if err != nil {
			t.Fatal(err)
		}
		changed := *f
		changed.list = slices.Clone(f.list)
		changed.list[i] = encode(t, strings.Replace(string(raw), `"salt-`, `"salt+`, 1))
		changed.want(fmt.Sprint(i), ErrDisclosure)
	}
}

func testDIS02(t *testing.T) {
	f := good(t)
	f.disclose([]any{"salt", "age_over_18", true})
	f.want("extra object property", ErrDisclosure)
	f = good(t)
	f.disclose([]any{"salt", "NL"})
	f.want("extra array element", ErrDisclosure)
	f = good(t)
	f.disclose(`not JSON`)
	f.want("extra garbage", ErrDisclosure)
	// Without the parent nothing refers to the child.
	f = good(t)
	f.list = slices.Delete(f.list, 2, 3) // the child of address comes first: it is made first
	f.want("child without parent", ErrDisclosure)
}

func testDIS03(t *testing.T) {
	f := good(t)
	f.list = append(f.list, f.list[0])
	f.want("disclosure twice", ErrDisclosure)

	f = good(t)
	f.payload["_sd"] = append(f.payload["_sd"].([]any), f.payload["_sd"].([]any)[0])
	f.want("digest twice in one place", ErrDisclosure)

	f = good(t)
	f.payload["more"] = map[string]any{"_sd": []any{f.payload["_sd"].([]any)[0]}}
	f.want("digest at two places", ErrDisclosure)

	f = good(t)
	f.payload["more"] = []any{map[string]any{"...": digest(f.alg, "decoy")}}
	f.want("decoy at two places", ErrDisclosure)

	f = newForge(t)
	hidden := digest(f.alg, "hidden")
	f.payload["_sd"] = []any{hidden, f.disclose([]any{"salt", "a", map[string]any{"_sd": []any{hidden}}})}
	f.want("digest again inside a disclosure", ErrDisclosure)
}

func testDIS04(t *testing.T) {
	good(t)
	for _, name := range []string{"_sd", "..."} {
		f := newForge(t)
		f.payload["_sd"] = []any{f.disclose([]any{"salt", name, []any{}})}
		f.want(name, ErrDisclosure)
		f = newForge(t)
		f.payload["a"] = map[string]any{"_sd": []any{f.disclose([]any{"salt", name, "x"})}}
		f.want(name, ErrDisclosure)
	}
	f := newForge(t)
	f.payload["_sd"] = []any{f.disclose([]any{"salt", "_sd_alg", "sha-512"})}
	f.want("_sd_alg", ErrDisclosure)
}

func testDIS05(t *testing.T) {
	good(t)
	for _, name := range []string{"vct", "iss", "exp", "family_name"} {
		f := newForge(t)
		f.payload[name] = "plain"
		f.payload["_sd"] = []any{f.disclose([]any{"salt", name, "disclosed"})}
		f.want(name, ErrDisclosure)
	}
	f := newForge(t)
	f.payload["_sd"] = []any{f.disclose([]any{"salt-1", "a", 1}), f.disclose([]any{"salt-2", "a", 2})}
	f.want("two disclosures of one name", ErrDisclosure)
	f = newForge(t)
	f.payload["_sd"] = []any{f.disclose([]any{"salt", "a", map[string]any{"b": 1, "_sd": []any{f.disclose([]any{"salt", "b", 2})}}})}
	f.want("inside a disclosure", ErrDisclosure)
}

func testDIS06(t *testing.T) {
	good(t)
	for _, content := range []any{
		[]any{"salt", "value"}, []any{"salt"}, []any{}, []any{"salt", "name", "value", "more"}, map[string]any{"salt": "a"}, "text", `"text"`, `null`, `{`, "",
		[]any{1, "name", "value"}, []any{nil, "name", "value"}, []any{"salt", 1, "value"}, []any{"salt", nil, "value"},
	} {
		f := newForge(t)
		f.payload["_sd"] = []any{f.disclose(content)}
		if f.list[0] == "" {
			f.want("empty", jose.ErrMalformed)
			continue
		}
		f.want(fmt.Sprint("object: ", content), ErrDisclosure)
	}
	for _, content := range []any{[]any{"salt", "name", "value"}, []any{"salt"}, []any{1, "value"}, map[string]any{}, `"text"`} {
		f := newForge(t)
		f.payload["a"] = []any{map[string]any{"...": f.disclose(content)}}
		f.want(fmt.Sprint("array: ", content), ErrDisclosure)
	}
	// The members of the mechanism in places where they cannot be.
	for _, payload := range []string{
		`{"_sd":"x"}`, `{"_sd":{}}`, `{"_sd":null}`, `{"_sd":[1]}`, `{"_sd":[null]}`, `{"...":"x"}`, `{"a":{"...":"x"}}`, `{"a":[{"...":1}]}`, `{"a":[{"...":"x","b":1}]}`,
	} {
		f := newForge(t)
		f.wantOf(payload, f.sign(payload), ErrDisclosure)
	}
}

func testDIS07(t *testing.T) {
	good(t)
	f := newForge(t)
	chain := func(levels int) {
		f.list = nil
		var value any = "end"
		for i := range levels {
			value = map[string]any{"_sd": []any{f.disclose([]any{fmt.Sprint("salt-", i), "a", value})}}
		}
		f.payload["top"] = value
	}
	chain(5000)
	long := f.compact()
	chain(MaxDisclosures)
	deep := f.compact()
	nested := strings.Repeat(`{"a":`, 30) + "1" + strings.Repeat("}", 30)
	f.list = nil
	plain := f.sign(nested)
	f.payload = map[string]any{"_sd": []any{f.disclose(`["salt","a",` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `]`)}}
	bracket := f.compact()

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := cpuTime(t)
	f.wantOf("5,000 levels", long, jose.ErrTooLarge)
	f.wantOf("256 levels", deep, jose.ErrTooLarge)
	f.wantOf("30 levels, open", plain, jose.ErrTooLarge)
	f.wantOf("40 arrays in a disclosure", bracket, jose.ErrTooLarge)
	if d := cpuTime(t) - start; d > time.Second {
		t.Errorf("took %v", d)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("%d bytes allocated", grown)
	}

	// The deepest that passes: an object, one below "top" and so on.
	f.payload = map[string]any{}
	chain(MaxDepth - 1)
	f.want("the limit", nil)
	chain(MaxDepth)
	f.want("the limit and one", jose.ErrTooLarge)
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func testDIS08(t *testing.T) {
	f := good(t)
	for _, change := range []func(string) string{
		func(d string) string { return d + "=" },
		func(d string) string { return d + "==" },
		func(d string) string { return d + " " },
		func(d string) string { return " " + d },
		func(d string) string { return d + "\n" },
		func(d string) string { return d[:4] + "\r\n" + d[4:] },
		func(d string) string { return d[:4] + "+" + d[5:] },
		func(d string) string { return d[:4] + "/" + d[5:] },
		func(d string) string { return d[:4] + "\x00" + d[5:] },
	} {
		for i := range f.list {
			changed := *f
			changed.list = slices.Clone(f.list)
			changed.list[i] = change(changed.list[i])
			if err := parseError(changed.compact()); !errors.Is(err, jose.ErrMalformed) {
				t.Errorf("%q: %v", changed.list[i], err)
			}
		}
	}
	// Trailing bits that are not zero.
	g := newForge(t)
	g.payload["_sd"] = []any{g.disclose(`["salt","name",1]`)} // 17 bytes: two bits are left over
	d := g.list[0]
	last := strings.IndexByte(alphabet, d[len(d)-1])
	g.list[0] = d[:len(d)-1] + string(alphabet[last+1])
	g.want("trailing bits", jose.ErrMalformed)
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func parseError(compact string) error {
	s, err := Parse(compact)
	if err != nil {
		return err
	}
	_, err = s.Claims()
	return err
}

func testDIS09(t *testing.T) {
	f := newForge(t)
	var digests []any
	for i := range MaxDisclosures {
		digests = append(digests, f.disclose([]any{"salt", fmt.Sprint("claim-", i), i}))
	}
	f.payload["_sd"] = digests
	f.want("256", nil)
	f.payload["_sd"] = append(digests, f.disclose([]any{"salt", "one more", 1}))
	f.want("257", jose.ErrTooLarge)
	jwt, _, _ := strings.Cut(f.compact(), "~")
	f.wantOf("100,000", jwt+strings.Repeat("~WyJhIl0", 100_000)+"~", jose.ErrTooLarge)
	f.wantOf("100,000 empty ones", jwt+strings.Repeat("~", 100_000), jose.ErrTooLarge)
	f.wantOf("too long", jwt+"~"+strings.Repeat("A", MaxSize)+"~", jose.ErrTooLarge)
}

func testDIS10(t *testing.T) {
	f := good(t)
	compact := f.compact()
	jwt, _, _ := strings.Cut(compact, "~")
	for name, bad := range map[string]string{
		"no trailing tilde":    strings.TrimSuffix(compact, "~"),
		"two trailing tildes":  compact + "~",
		"two tildes":           strings.Replace(compact, "~", "~~", 1),
		"leading tilde":        "~" + compact,
		"only the JWT":         jwt,
		"a JWT in the middle":  strings.Replace(compact, "~", "~"+jwt+"~", 1),
		"garbage at the end":   compact + "x",
		"a space at the end":   compact + " ",
		"a line at the end":    compact + "\n",
		"a space at the start": " " + compact,
	} {
		f.wantOf(name, bad, jose.ErrMalformed)
	}
	f.list = nil
	f.wantOf("no disclosures", f.compact(), nil)
}

func testDIS11(t *testing.T) {
	issuer := newKey(t)
	const rounds = 500 // times 20 claims: 10,000 salts
	salts := map[string]bool{}
	first := map[string]int{} // how often a claim's digest comes first
	for range rounds {
		claims := map[string]any{"list": []any{Selective{"a"}, Selective{"b"}, "c"}}
		for i := range 10 {
			claims[fmt.Sprint("claim-", i)] = Selective{i}
		}
		for i := range 8 {
			claims[fmt.Sprint("obj-", i)] = map[string]any{"x": Selective{i}}
		}
		s, err := Issue(issuer, jose.Header{Type: "dc+sd-jwt"}, claims, 3)
		if err != nil {
			t.Fatal(err)
		}
		order := s.payload["_sd"].([]any)
		if len(order) != 13 {
			t.Fatalf("%d digests in an object of 10 claims and 3 decoys", len(order))
		}
		if list := s.payload["list"].([]any); len(list) != 6 {
			t.Fatalf("%d elements in an array of 3 and 3 decoys", len(list))
		}
		for _, d := range s.disclosures {
			v, err := jose.Decode(d.content)
			if err != nil {
				t.Fatal(err)
			}
			content := v.([]any)
			salt, err := base64.RawURLEncoding.DecodeString(content[0].(string))
			if err != nil || len(salt) < 16 || salts[string(salt)] {
				t.Fatalf("salt %q, %v", salt, err)
			}
			salts[string(salt)] = true
			if name, ok := content[1].(string); ok && len(content) == 3 && digest(algSHA256, d.text) == order[0] {
				first[name]++
			}
		}
		if claims, err := s.Claims(); err != nil || !cmp.Equal(claims["list"], []any{"a", "b", "c"}) {
			t.Fatalf("%v, %v", claims, err)
		}
	}
	if len(salts) != rounds*20 {
		t.Errorf("%d salts", len(salts))
	}
	// Each of the 10 claims comes first in about 1 of 13 credentials: 38 of 500. Less than 8 or more than 90 does
	// not happen once in a thousand million runs.
	for i := range 10 {
		if n := first[fmt.Sprint("claim-", i)]; n < 8 || n > 90 {
			t.Errorf("claim %d comes first %d times of %d", i, n, rounds)
		}
	}
	for _, bad := range []map[string]any{
		{"_sd": []any{}}, {"a": map[string]any{"...": 1}}, {"_sd_alg": "md5"}, {"a": Selective{Selective{1}}},
		{"a": []Selective{{1}}}, {"a": map[string]Selective{"b": {1}}}, {"a": Selective{[]any{map[string]any{"_sd": 1}}}}, {"a": func() {}},
	} {
		if s, err := Issue(issuer, jose.Header{}, bad, 0); err == nil {
			t.Errorf("issued %v as %v", bad, s.payload)
		}
	}
}

func testCLK04(t *testing.T) {
	p := newBound(t)
	for _, iat := range []string{"9007199254740992", "9223372036854775807", "9223372036854775808", "1e400", "-1", "253402300800", `"1795132800"`, "null", "[]"} {
		p.wantClaims(iat, `"iat":`+iat, ErrHolderBinding)
	}
	p.wantClaims("good", fmt.Sprintf(`"iat":%d`, now.Unix()), nil)
}
