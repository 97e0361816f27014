package credential

import (
	"crypto/sha256"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/sdjwt"
)

func testDisclosures(t *testing.T) {
	// add puts a disclosure into the card whose digest is in the payload.
	add := func(content string) func(*card) {
		return func(c *card) { c.disclosures = append(c.disclosures, disclose(content)) }
	}

	t.Run("DIS-01", func(t *testing.T) {
		k := newKit(t)
		for i, content := range []string{
			`["c2FsdDAwMDAwMDAwMDAwMA","family_name","Anders"]`, `["c2FsdDAwMDAwMDAwMDAwMQ","age_over_18",false]`,
		} {
			c := k.card()
			good := c.sign(t)
			k.refuses(t, content, k.bind(t, strings.Replace(good, c.disclosures[i], disclose(content), 1)), BadDisclosure)
		}
		k.control(t)
	})

	t.Run("DIS-02", func(t *testing.T) {
		k := newKit(t)
		good := k.card().sign(t)
		for _, content := range []string{`["c2FsdDk","nationality","NL"]`, `["c2FsdDk",true]`, `["c2FsdDk","age_over_18",true]`} {
			k.refuses(t, content, k.bind(t, good+disclose(content)+"~"), BadDisclosure)
		}
		k.control(t)
	})

	t.Run("DIS-03", func(t *testing.T) {
		k := newKit(t)
		c := k.card()
		good := c.sign(t)
		k.refuses(t, "disclosure twice", k.bind(t, good+c.disclosures[0]+"~"), BadDisclosure)
		k.refuses(t, "digest twice", k.present(t, func(c *card) {
			d := digest(sha256.New(), c.disclosures[0])
			c.claims["_sd"] = []string{d, digest(sha256.New(), c.disclosures[1]), d}
		}), BadDisclosure)
		k.refuses(t, "digest at two places", k.present(t, func(c *card) {
			d := digest(sha256.New(), c.disclosures[0])
			c.claims["_sd"] = []string{d, digest(sha256.New(), c.disclosures[1])}
			c.claims["address"] = map[string]any{"_sd": []string{d}}
		}), BadDisclosure)
		k.control(t)
	})

	t.Run("DIS-04", func(t *testing.T) {
		k := newKit(t)
		for _, content := range []string{`["c2FsdDk","_sd",["x"]]`, `["c2FsdDk","...","x"]`, `["c2FsdDk","\u005fsd",[]]`, `["c2FsdDk","_sd_alg","sha-256"]`} {
			k.refuses(t, content, k.present(t, add(content)), BadDisclosure)
		}
		k.control(t)
	})

	t.Run("DIS-05", func(t *testing.T) {
		k := newKit(t)
		for _, content := range []string{
			`["c2FsdDk","vct","urn:zegel:other:1"]`, `["c2FsdDk","exp",253402300799]`, `["c2FsdDk","iss","x"]`, `["c2FsdDk","cnf",{}]`,
			`["c2FsdDk","given_name","Ander"]`, `["c2FsdDk","family_name","Ander"]`,
		} {
			k.refuses(t, content, k.present(t, add(content), func(c *card) { c.claims["given_name"] = "Sam" }), BadDisclosure)
		}
		// The same names where the payload does not have them: an issuer may not hide them either.
		for name, content := range map[string]string{
			"exp": `["c2FsdDk","exp",253402300799]`, "nbf": `["c2FsdDk","nbf",1]`, "status": `["c2FsdDk","status",{"status_list":{"idx":1,"uri":"https://example.org/l"}}]`,
			"vct#integrity": `["c2FsdDk","vct#integrity","sha256-x"]`, "aka_vcts": `["c2FsdDk","aka_vcts",[]]`, "cnf": `["c2FsdDk","cnf",{"jwk":` + marshal(t, jwkOf(&k.holder.PublicKey)) + `}]`,
		} {
			k.refuses(t, "hidden "+name, k.present(t, add(content), func(c *card) { delete(c.claims, name) }), BadDisclosure)
		}
		inner := disclose(`["c2FsdDk","uri","https://example.org/other"]`)
		k.refuses(t, "hidden below status", k.present(t, func(c *card) {
			c.claims["status"] = map[string]any{"status_list": map[string]any{"idx": 1, "_sd": []string{digest(sha256.New(), inner)}}}
			c.claims["_sd"] = []string{digest(sha256.New(), c.disclosures[0]), digest(sha256.New(), c.disclosures[1])}
			c.disclosures = append(c.disclosures, inner)
		}), BadDisclosure)
		p := k.accepts(t, k.present(t, add(fmt.Sprintf(`["c2FsdDk","iat",%d]`, day(noon))), func(c *card) { delete(c.claims, "iat") }))
		if !p.IssuedAt.Equal(noon.Truncate(24 * time.Hour)) {
			t.Errorf("hidden iat: %v", p.IssuedAt)
		}
		k.control(t)
	})

	t.Run("DIS-06", func(t *testing.T) {
		k := newKit(t)
		for _, content := range []string{
			`["c2FsdDk","x"]`, `["c2FsdDk"]`, `[]`, `["c2FsdDk","x",1,2]`, `[1,"x",1]`, `[null,"x",1]`, `["c2FsdDk",1,1]`, `{"salt":"c2FsdDk"}`, `"x"`, `null`, `1`, `[`, ``, "\xff",
		} {
			category := BadDisclosure
			if content == "" { // "~~"
				category = Malformed
			}
			k.refuses(t, content, k.present(t, add(content)), category)
		}
		element := disclose(`["c2FsdDk","x",1]`)
		k.refuses(t, "three elements in an array", k.present(t, func(c *card) {
			c.claims["nationalities"] = []any{map[string]any{"...": digest(sha256.New(), element)}}
			c.claims["_sd"] = []string{digest(sha256.New(), c.disclosures[0]), digest(sha256.New(), c.disclosures[1])}
			c.disclosures = append(c.disclosures, element)
		}), BadDisclosure)
		k.control(t)
	})

	t.Run("DIS-07", func(t *testing.T) {
		k := newKit(t)
		nest := func(levels int) string {
			c := k.card()
			inner := `["c2FsdDk","end",true]`
			for range levels {
				c.disclosures = append(c.disclosures, disclose(inner))
				inner = `["c2FsdDk","level",{"_sd":["` + digest(sha256.New(), c.disclosures[len(c.disclosures)-1]) + `"]}]`
			}
			c.disclosures = append(c.disclosures, disclose(inner))
			c.claims["_sd"] = []string{
				digest(sha256.New(), c.disclosures[0]), digest(sha256.New(), c.disclosures[1]), digest(sha256.New(), c.disclosures[len(c.disclosures)-1]),
			}
			return k.bind(t, c.sign(t))
		}
		for _, levels := range []int{17, 200, 5000} {
			compact := nest(levels)
			heap := allocated(func() { k.refuses(t, fmt.Sprintf("%d levels", levels), compact, TooLarge) })
			if heap > 64<<20 {
				t.Errorf("%d levels: %d MiB", levels, heap>>20)
			}
		}
		k.accepts(t, nest(8))
		k.control(t)
	})

	t.Run("DIS-08", func(t *testing.T) {
		k := newKit(t)
		c := k.card()
		good := c.sign(t)
		d := c.disclosures[1]
		jws, _, _ := strings.Cut(good, "~")
		respell := func(s string) string { return k.bind(t, join(jws, c.disclosures[0], s)) }
		for _, s := range []string{d + "=", d + "==", d + " ", " " + d, d[:4] + "\n" + d[4:], d[:4] + "\r\n" + d[4:], d[:4] + "+" + d[5:], d[:4] + "/" + d[5:], d + "\t", d[:4] + "%" + d[5:]} {
			k.refuses(t, fmt.Sprintf("%q", s), respell(s), Malformed)
		}
		// Non-zero trailing bits: the last character of a text whose length is not a multiple of four.
		for _, content := range []string{`["c2FsdA","a",1]`, `["c2FsdDk","a",1]`, `["c2FsdDkw","a",1]`} {
			s := disclose(content)
			if len(s)%4 == 0 {
				continue
			}
			last := s[:len(s)-1] + string(s[len(s)-1]+1)
			k.refuses(t, "trailing bits", k.present(t, func(c *card) { c.disclosures = append(c.disclosures, last) }), Malformed)
		}
		k.refuses(t, "padded payload", k.bind(t, strings.Replace(good, "~", "=~", 1)), Malformed)
		k.control(t)
	})

	t.Run("DIS-09", func(t *testing.T) {
		k := newKit(t)
		many := func(n int) string {
			c := k.card()
			for i := len(c.disclosures); i < n; i++ {
				c.disclosures = append(c.disclosures, disclose(fmt.Sprintf(`["%d","%d",0]`, i, i)))
			}
			return k.bind(t, c.sign(t))
		}
		k.refuses(t, "257", many(257), TooLarge)
		compact := k.card().sign(t) + strings.Repeat("YQ~", 100_000)
		heap := allocated(func() { k.refuses(t, "100,000", compact, TooLarge) })
		if heap > 1<<20 {
			t.Errorf("%d bytes for what is refused by its length", heap)
		}
		k.refuses(t, "256 KiB", k.card().sign(t)+strings.Repeat("a", sdjwt.MaxSize), TooLarge)
		k.accepts(t, many(256))
		k.control(t)
	})

	t.Run("DIS-10", func(t *testing.T) {
		k := newKit(t)
		good := k.card().sign(t)
		jws, _, _ := strings.Cut(good, "~")
		k.refuses(t, "no tilde", jws, Malformed)
		k.refuses(t, "no trailing tilde", strings.TrimSuffix(good, "~"), Malformed)
		k.refuses(t, "two tildes", k.bind(t, strings.Replace(good, "~", "~~", 1)), Malformed)
		k.refuses(t, "two tildes at the end", k.bind(t, good+"~"), Malformed)
		k.refuses(t, "leading tilde", "~"+k.bind(t, good), Malformed)
		k.refuses(t, "only tildes", "~~~~", Malformed)
		k.refuses(t, "nothing", "", Malformed)
		k.control(t)
	})
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
