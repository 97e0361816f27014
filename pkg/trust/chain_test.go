package trust

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/did"
)

func TestByChain(t *testing.T) {
	k := newKit(t)
	who := k.chain(t, "issuer", Issue, nil, k.issuer)
	want := &Identity{DID: town, Name: "Gemeente Voorbeeldstad", Registered: true, Key: k.issuer.key.Public(), Leaf: k.issuer.cert, Anchor: k.root.cert}
	if diff := cmp.Diff(want, who, cmp.Comparer((*x509.Certificate).Equal)); diff != "" {
		t.Error(diff)
	}
	k.chain(t, "verifier", Ask, nil, k.verifier, k.mid)
	k.chain(t, "verifier issues", Issue, ErrUntrusted, k.verifier, k.mid)
	k.chain(t, "issuer asks", Ask, ErrUntrusted, k.issuer)
	k.chain(t, "nothing", Ask, ErrUntrusted)

	asked := k.registry.asked.Load()
	who = k.chain(t, "foreign", Issue, nil, k.outsider)
	if who.Registered || who.DID != "" || who.Name != "Ville d'Exemple" || k.registry.asked.Load() != asked {
		t.Errorf("%+v; the registry was asked %d times", who, k.registry.asked.Load()-asked)
	}
	k.chain(t, "foreign asks", Ask, nil, k.outsider)
	k.chain(t, "registered leaf under a foreign anchor", Issue, ErrUntrusted, issue(t, k.abroad, k.issuer.key, "x", of(string(town))))
	k.chain(t, "no organisation under a registered anchor", Issue, ErrUntrusted, issue(t, k.root, k.issuer.key, "x"))
	k.chain(t, "two organisations", Issue, ErrUntrusted, issue(t, k.root, k.issuer.key, "x", of(string(town), "did:zegel:town:other")))
	k.chain(t, "the same twice", Issue, ErrUntrusted, issue(t, k.root, k.issuer.key, "x", of(string(town), string(town))))
	k.chain(t, "one more name", Issue, nil, issue(t, k.root, k.issuer.key, "x", of(string(town), "https://example.org")))
	k.chain(t, "extended key usage", Issue, nil, issue(t, k.root, k.issuer.key, "x", of(string(town)), func(c *x509.Certificate) {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}))
	k.chain(t, "key usage", Issue, ErrUntrusted, issue(t, k.root, k.issuer.key, "x", of(string(town)), func(c *x509.Certificate) {
		c.KeyUsage = x509.KeyUsageKeyAgreement
	}))
	for _, near := range []string{"did:zegel:town:VOORBEELDSTAD", "did:zegel:town", "did:ZEGEL:town:voorbeeldstad", "did:zegel", "did:zegel:town:voorbeeldstad#x"} {
		k.chain(t, near, Issue, ErrUntrusted, issue(t, k.abroad, k.outsider.key, "x", of(near)))
	}
	k.chain(t, "unknown organisation", Issue, ErrUntrusted, issue(t, k.root, k.issuer.key, "x", of("did:zegel:town:other")))
	k.chain(t, "another key", Issue, ErrUntrusted, issue(t, k.root, p256(t), "x", of(string(town))))

	for what, change := range map[string]func(*Anchor){
		"use":   func(a *Anchor) { a.Uses = []Use{Ask} },
		"type":  func(a *Anchor) { a.Types = []string{"urn:zegel:other:1"} },
		"time":  func(a *Anchor) { a.Until = noon },
		"later": func(a *Anchor) { a.From = noon.Add(time.Second) },
		"empty": func(a *Anchor) { *a = Anchor{} },
	} {
		k := newKit(t)
		change(&k.registry.anchors[0])
		change(&k.Foreign[0])
		k.chain(t, what, Issue, ErrUntrusted, k.issuer)
		k.chain(t, what+" of a foreign anchor", Issue, ErrUntrusted, k.outsider)
	}
	k.registry.anchors[0].Types, k.Foreign[0].Types = nil, nil
	k.chain(t, "registered anchor without types", Issue, ErrUntrusted, k.issuer)
	k.chain(t, "foreign anchor without types", Issue, nil, k.outsider)
	k.registry.anchors = append(k.registry.anchors, Anchor{Certificate: k.root.cert, Uses: []Use{Issue}, Types: []string{vct}, Until: noon.AddDate(1, 0, 0)})
	k.chain(t, "the same anchor with another scope", Issue, nil, k.issuer)
}

func TestSourceErrorsPassUnchanged(t *testing.T) {
	k := newKit(t)
	unproven := errors.New("no proof")
	issuer, asker := k.chain(t, "control", Issue, nil, k.issuer), k.chain(t, "control", Ask, nil, k.verifier, k.mid)
	k.registry.err = unproven
	if _, err := k.ByChain(t.Context(), x5c(k.issuer), Issue, vct, noon, noon); err != unproven {
		t.Error(err)
	}
	if _, err := k.ByKeyID(t.Context(), string(town)+"#issue", Issue, noon, noon); err != unproven {
		t.Error(err)
	}
	if err := k.MayIssue(t.Context(), issuer, vct, noon, noon); err != unproven {
		t.Error(err)
	}
	if _, err := k.MayAsk(t.Context(), asker, nil, noon); err != unproven {
		t.Error(err)
	}
	none := &Policy{}
	if _, err := none.ByChain(t.Context(), x5c(k.issuer), Issue, vct, noon, noon); !errors.Is(err, ErrUntrusted) {
		t.Error(err)
	}
	if _, err := none.ByKeyID(t.Context(), string(town)+"#issue", Issue, noon, noon); !errors.Is(err, ErrUntrusted) {
		t.Error(err)
	}
	if err := none.MayIssue(t.Context(), issuer, vct, noon, noon); !errors.Is(err, ErrUntrusted) {
		t.Error(err)
	}
	if _, err := none.MayAsk(t.Context(), asker, nil, noon); !errors.Is(err, ErrUntrusted) {
		t.Error(err)
	}
	for _, who := range []*Identity{{}, {Anchor: k.root.cert}, {Anchor: k.abroad.cert}} {
		if err := none.MayIssue(t.Context(), who, vct, noon, noon); !errors.Is(err, ErrUntrusted) {
			t.Error(err)
		}
		if _, err := none.MayAsk(t.Context(), who, nil, noon); !errors.Is(err, ErrUntrusted) {
			t.Error(err)
		}
	}
}

func TestByKeyID(t *testing.T) {
	k := newKit(t)
	who, err := k.ByKeyID(t.Context(), string(town)+"#ask", Ask, noon, noon)
	if err != nil || who.DID != town || !who.Registered || who.Leaf != nil || !k.verifier.key.(*ecdsa.PrivateKey).PublicKey.Equal(who.Key) {
		t.Errorf("%+v, %v", who, err)
	}
	self, err := did.FromJWK(k.verifier.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	for _, kid := range []string{string(town) + "#issue", string(town) + "#none", string(town), "did:zegel:town:other#ask", string(self) + "#0", "did:web:example.org#ask", "ask", "", "#ask"} {
		if who, err := k.ByKeyID(t.Context(), kid, Ask, noon, noon); !errors.Is(err, ErrUntrusted) {
			t.Errorf("%q: %v, %v", kid, who, err)
		}
	}
}

func TestRequired(t *testing.T) {
	chains := func(t *testing.T, use Use) {
		k := newKit(t)
		var good []*party
		if use == Issue {
			good = []*party{issue(t, k.mid, k.issuer.key, "Voorbeeldstad", of(string(town))), k.mid}
		} else {
			good = []*party{k.verifier, k.mid}
		}
		leaf := good[0]
		k.chain(t, "control", use, nil, good...)
		expired := issue(t, k.root, k.mid.key, "Mid", isCA, func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) })
		notCA := issue(t, k.root, p256(t), "Not a CA")
		long := someRSA{n: new(big.Int).SetBit(big.NewInt(1), 100_000, 1)}
		heavy := issue(t, k.root, long, "Heavy", isCA)
		for what, bad := range map[string][]*party{
			"self-signed leaf":         {issue(t, nil, leaf.key, "Voorbeeldstad", of(string(town)))},
			"self-signed as root":      {issue(t, nil, leaf.key, "Root", of(string(town)))},
			"anchor alone":             {k.root},
			"anchor included":          {leaf, k.mid, k.root},
			"anchor next":              {issue(t, k.root, leaf.key, "x", of(string(town))), k.root},
			"foreign anchor included":  {issue(t, k.abroad, leaf.key, "x"), k.abroad},
			"expired intermediate":     {leaf, expired},
			"CA:TRUE leaf":             {issue(t, k.mid, leaf.key, "x", of(string(town)), isCA), k.mid},
			"permuted":                 {k.mid, leaf},
			"leaf twice":               {leaf, leaf, k.mid},
			"intermediate twice":       {leaf, k.mid, k.mid},
			"no intermediate":          {leaf},
			"one too many":             {issue(t, k.root, leaf.key, "x", of(string(town))), k.mid},
			"below a leaf":             {issue(t, notCA, leaf.key, "x", of(string(town))), notCA},
			"expired leaf":             {issue(t, k.root, leaf.key, "x", of(string(town)), func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Second) })},
			"leaf of tomorrow":         {issue(t, k.root, leaf.key, "x", of(string(town)), func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Second) })},
			"another root of one name": {issue(t, issue(t, nil, p256(t), "Root", isCA), leaf.key, "x", of(string(town)))},
			"a very long RSA key":      {issue(t, issue(t, nil, p256(t), "Heavy", isCA), leaf.key, "x", of(string(town))), heavy},
			"an RSA leaf":              {issue(t, k.root, someRSA{n: new(big.Int).SetBit(big.NewInt(1), 2047, 1)}, "x", of(string(town)))},
		} {
			// The work is bounded: at most 50 ms, the best of three because the machine is shared.
			best := time.Hour
			for range 3 {
				start := time.Now()
				k.chain(t, what, use, ErrUntrusted, bad...)
				best = min(best, time.Since(start))
			}
			if best > 50*time.Millisecond {
				t.Errorf("%s: %v", what, best)
			}
		}
		for _, n := range []int{MaxChain + 1, 20, 10_000} {
			x5c := slices.Repeat([][]byte{{0}}, n) // not even parsed
			if _, err := k.ByChain(t.Context(), x5c, use, vct, noon, noon); !errors.Is(err, ErrTooManyCertificates) {
				t.Errorf("%d certificates: %v", n, err)
			}
		}
		for _, der := range [][]byte{nil, {}, {0x30}, leaf.cert.Raw[1:], append(slices.Clone(leaf.cert.Raw), 0), make([]byte, maxCertificate+1)} {
			if _, err := k.ByChain(t.Context(), [][]byte{der, k.mid.cert.Raw}, use, vct, noon, noon); !errors.Is(err, ErrUntrusted) {
				t.Errorf("%d bytes: %v", len(der), err)
			}
		}
		k.chain(t, "control", use, nil, good...)
	}
	t.Run("SDJ-13", func(t *testing.T) { chains(t, Issue) })
	t.Run("REQ-04", func(t *testing.T) { chains(t, Ask) })

	t.Run("SDJ-11", func(t *testing.T) {
		k := newKit(t)
		m := &k.registry.docs[town].Methods[0]
		m.Until = noon.AddDate(0, 0, -2)
		by := func(signedAt time.Time) error {
			_, err := k.ByChain(t.Context(), x5c(k.issuer), Issue, vct, signedAt, noon)
			return err
		}
		if err := by(noon.AddDate(0, 0, -3)); err != nil {
			t.Errorf("rotated out: %v", err)
		}
		if err := by(noon); !errors.Is(err, ErrUntrusted) {
			t.Errorf("signed after the rotation: %v", err)
		}
		m.Compromised = true
		if err := by(noon.AddDate(0, 0, -3)); !errors.Is(err, ErrUntrusted) {
			t.Errorf("compromised: %v", err)
		}
	})

	t.Run("REQ-06", func(t *testing.T) {
		k := newKit(t)
		kid := string(town) + "#ask"
		by := func(kid string) error {
			who, err := k.ByKeyID(t.Context(), kid, Ask, noon, noon)
			if err == nil {
				_, err = k.MayAsk(t.Context(), who, []Question{{Types: []string{vct}}}, noon)
			}
			return err
		}
		if err := by(kid); err != nil {
			t.Fatalf("control: %v", err)
		}
		for _, bad := range []string{"did:zegel:town:other#ask", string(town) + "#issue"} {
			if err := by(bad); !errors.Is(err, ErrUntrusted) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		k.registry.docs[town].Deactivated = true
		if err := by(kid); !errors.Is(err, ErrUntrusted) {
			t.Errorf("deactivated: %v", err)
		}
		k.registry.docs[town].Deactivated = false
		for i := range k.registry.accs {
			k.registry.accs[i].Withdrawn = &Withdrawal{At: noon}
		}
		if err := by(kid); !errors.Is(err, ErrUntrusted) {
			t.Errorf("withdrawn: %v", err)
		}
	})

	t.Run("REQ-13", func(t *testing.T) {
		k := newKit(t)
		hostile := "Gemeente\u202e dasrevO\u2066\u200b\n\t\x00\x1b[31m Voorbeeldstad\u00ad\U000e0041" + strings.Repeat("x", 10_000)
		k.registry.accs[1].Name = hostile
		for _, who := range []*Identity{
			k.chain(t, "registered", Ask, nil, k.verifier, k.mid),
			k.chain(t, "foreign", Ask, nil, issue(t, k.abroad, p256(t), hostile)),
		} {
			if !strings.HasPrefix(who.Name, "Gemeente dasrevO [31m Voorbeeldstadxxx") || utf8.RuneCountInString(who.Name) > maxName {
				t.Errorf("%q", who.Name)
			}
		}
		k.registry.accs[1].Name = "\u202e\n"
		if who := k.chain(t, "another accreditation", Ask, nil, k.verifier, k.mid); who.Name != "Gemeente Voorbeeldstad" {
			t.Errorf("%q", who.Name)
		}
		k.registry.accs = nil
		if who := k.chain(t, "no accreditation", Ask, nil, k.verifier, k.mid); who.Name != string(town) {
			t.Errorf("%q", who.Name)
		}
	})
}

func FuzzByChain(f *testing.F) {
	k := newKit(f)
	f.Add(k.issuer.cert.Raw, []byte{})
	f.Add(k.verifier.cert.Raw, k.mid.cert.Raw)
	f.Add(k.root.cert.Raw, k.root.cert.Raw)
	f.Fuzz(func(t *testing.T, leaf, next []byte) {
		chain := [][]byte{leaf}
		if len(next) > 0 {
			chain = append(chain, next)
		}
		who, err := k.ByChain(context.Background(), chain, Issue, vct, noon, noon)
		if err == nil && who.DID != town && who.Anchor != k.abroad.cert || err != nil && !errors.Is(err, ErrUntrusted) {
			t.Errorf("%v, %v", who, err)
		}
	})
}

func TestParseForeign(t *testing.T) {
	k := newKit(t)
	one := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.abroad.cert.Raw})
	two := append(slices.Clone(one), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.root.cert.Raw})...)
	anchors, err := ParseForeign(two)
	if err != nil || len(anchors) != 2 {
		t.Fatalf("%v, %v", anchors, err)
	}
	k.Foreign = anchors
	k.chain(t, "foreign", Issue, nil, k.outsider)
	for _, bad := range [][]byte{nil, []byte("x"), append(slices.Clone(one), 'x'), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}})} {
		if anchors, err := ParseForeign(bad); err == nil {
			t.Errorf("%q: %v", bad, anchors)
		}
	}
}

// A policy serves many presentations at once, and what it remembers never outlives the certificates.
func TestRememberedChains(t *testing.T) {
	k := newKit(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				k.chain(t, "verifier", Ask, nil, k.verifier, k.mid)
			}
		})
	}
	wg.Wait()
	if n := len(k.chains.chains); n != 1 {
		t.Errorf("%d chains", n)
	}
	for _, at := range []time.Time{noon.AddDate(0, 2, 0), noon.AddDate(0, -2, 0)} {
		if _, err := k.ByChain(t.Context(), x5c(k.verifier, k.mid), Ask, "", noon, at); !errors.Is(err, ErrUntrusted) {
			t.Errorf("at %v: %v", at, err)
		}
	}
	k.registry.anchors = nil
	k.chain(t, "anchor gone", Ask, ErrUntrusted, k.verifier, k.mid)
	for range maxVerified + 10 {
		k.chain(t, "many", Issue, nil, issue(t, k.abroad, k.outsider.key, "x"))
	}
	if n, m := len(k.chains.chains), len(k.chains.leaves); n > maxVerified || m > maxVerified*MaxChain {
		t.Errorf("%d chains, %d certificates", n, m)
	}
}

func BenchmarkByChain(b *testing.B) {
	k := newKit(b)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			p := &Policy{Source: k.Source, DIDs: k.DIDs}
			if _, err := p.ByChain(context.Background(), x5c(k.verifier, k.mid), Ask, "", noon, noon); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			if _, err := k.ByChain(context.Background(), x5c(k.verifier, k.mid), Ask, "", noon, noon); err != nil {
				b.Fatal(err)
			}
		}
	})
}
