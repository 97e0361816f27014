package registry

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

func mustHash(raw []byte) []byte {
	sum := sha256.Sum256(raw)
	return sum[:]
}

func testAnchor(t testing.TB, id string) *ledger.Anchor {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Voorbeeld " + id},
		NotBefore: time.Unix(1_700_000_000, 0), NotAfter: time.Unix(2_700_000_000, 0), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &ledger.Anchor{ID: id, Certificate: der, Uses: []trust.Use{trust.Issue}, Types: []string{"urn:zegel:test:1"}, From: 1_700_000_000, Until: 2_700_000_000}
}

// forgeries returns other ways to write a transaction, by what was done to it.
func forgeries(t testing.TB, raw []byte) map[string][]byte {
	t.Helper()
	// tag 18, array of 4: protected, unprotected, payload, signature
	var tag cbor.RawTag
	if err := cbor.Unmarshal(raw, &tag); err != nil {
		t.Fatal(err)
	}
	var parts []cbor.RawMessage
	if err := cbor.Unmarshal(tag.Content, &parts); err != nil {
		t.Fatal(err)
	}
	with := func(n int, content cbor.RawMessage) []byte {
		changed := append([]cbor.RawMessage{}, parts...)
		changed[n] = content
		content, err := cbor.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		out, err := cbor.Marshal(cbor.RawTag{Number: 18, Content: content})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	encode := func(v any) cbor.RawMessage {
		b, err := cbor.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var signature, payload, protected []byte
	for n, into := range map[int]*[]byte{0: &protected, 2: &payload, 3: &signature} {
		if err := cbor.Unmarshal(parts[n], into); err != nil {
			t.Fatal(err)
		}
	}
	if string(with(0, parts[0])) != string(raw) {
		t.Fatal("the parts do not make the whole")
	}
	// s + L is the same signature to a careless verifier.
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := make([]byte, 32)
	for i := range s {
		s[i] = signature[63-i]
	}
	big.NewInt(0).Add(new(big.Int).SetBytes(s), order).FillBytes(s)
	malleated := append([]byte{}, signature[:32]...)
	for i := range s {
		malleated = append(malleated, s[31-i])
	}
	var fields map[int]cbor.RawMessage
	if err := cbor.Unmarshal(payload, &fields); err != nil {
		t.Fatal(err)
	}
	fields[99] = encode("x")
	unknown := encode(fields)
	delete(fields, 99)
	// The same map with its first pair at the end.
	first := []byte{payload[0]}
	dec := encode(fields[1])
	reordered := append(append(append([]byte{}, first...), payload[2+len(dec):]...), payload[1:2+len(dec)]...)
	return map[string][]byte{
		"other signature":      with(3, encode(append([]byte{signature[0] ^ 1}, signature[1:]...))),
		"s plus the order":     with(3, encode(malleated)),
		"short signature":      with(3, encode(signature[:63])),
		"unprotected header":   with(1, encode(map[int]any{4: []byte("tx-1")})),
		"unknown field":        with(2, encode(unknown[:])),
		"reordered fields":     with(2, encode(reordered)),
		"long length":          append([]byte{0xd8, 18}, raw[1:]...),
		"without tag":          raw[1:],
		"trailing byte":        append(append([]byte{}, raw...), 0),
		"cut":                  raw[:len(raw)-1],
		"empty":                {},
		"indefinite payload":   with(2, append(append(cbor.RawMessage{0x5f}, parts[2]...), 0xff)),
		"payload not a string": with(2, payload),
	}
}

// public is the public half of a test key.
func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func mustDID(t testing.TB, r *ledger.DIDRecord) did.DID {
	t.Helper()
	d, err := ledger.NewDID(testNetwork, r)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
