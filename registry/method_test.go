package registry

import (
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

var updateDocs = flag.Bool("update", false, "write the test vectors into docs/did-method-zegel.md")

// TestMethodVectors makes the test vectors of the method's specification from transactions that the registry accepts,
// and compares them with what the document says.
func TestMethodVectors(t *testing.T) {
	const file, begin, end = "../docs/did-method-zegel.md", "<!-- vectors: written by the tests of package registry -->\n", "<!-- end of vectors -->\n"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for vectors", file)
	}
	if want := before + begin + methodVectors(t) + end + after; want != string(page) {
		if !*updateDocs {
			t.Fatalf("%s: the vectors are not those that the registry makes; run this test with -update", file)
		}
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func methodVectors(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	show := func(name string, value any) {
		switch v := value.(type) {
		case []byte:
			value = fmt.Sprintf("%x", v)
		case *did.Resolution:
			raw, err := json.MarshalIndent(v, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			value = string(raw)
		}
		fmt.Fprintf(&out, "%s:\n\n```\n%v\n```\n\n", name, value)
	}
	seed := func(n byte) ed25519.PrivateKey {
		return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(n)), ed25519.SeedSize)))
	}
	control, next, later, offline, recovered := seed(1), seed(2), seed(3), seed(4), seed(5)
	hash := func(k ed25519.PrivateKey) []byte { return ledger.KeyHash(public(k)) }
	encode := func(v any) []byte {
		raw, err := ledger.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}

	w := newWorld(t, 1)
	c := newChain(t, w)
	first := ledger.DIDRecord{
		Keys:        []ledger.KeyRecord{keyRecord(t, "tx-1", control, did.CapabilityInvocation), keyRecord(t, "issuer-1", seed(6), did.AssertionMethod)},
		Services:    []ledger.ServiceRecord{{ID: "issuer", Type: did.ServiceIssuer, Endpoint: "https://issuer.example/voorbeeldstad"}},
		NextKeyHash: hash(next), RecoveryHash: hash(offline),
	}
	id := mustDID(t, &first)
	sequence := uint64(0)
	send := func(name string, tx ledger.Tx, keyID string, key ed25519.PrivateKey) {
		t.Helper()
		sequence++
		tx.ChainID, tx.Sender, tx.Sequence, tx.ValidUntil = testChain, id, sequence, 1000
		raw, err := ledger.Sign(&tx, keyID, key)
		if err != nil {
			t.Fatal(err)
		}
		c.must(raw)
		show(name, raw)
	}
	resolve := func(name string) *ledger.DIDRecord {
		t.Helper()
		r, _ := c.overlay().record(id)
		res, err := r.Resolution()
		if err != nil {
			t.Fatal(err)
		}
		show(name, res)
		return r
	}

	fmt.Fprintf(&out, "Network `%s`, chain id `%s`. Key n is the Ed25519 key whose seed is 32 times the byte n.\n\n", testNetwork, testChain)
	show("First record: control key 1, issuer key 6, next key 2, recovery key 4", encode(first))
	show("Identifier", id)
	show("State key of the record", []byte(ledger.KeyDID(id)))
	send("Create (`did.create`), signed by key 1 as `tx-1`", ledger.Tx{Kind: ledger.CreateDID, DID: &first}, "tx-1", control)
	show("Stored value", encode(resolve("Resolution")))

	second := first
	second.Keys = []ledger.KeyRecord{keyRecord(t, "tx-2", next, did.CapabilityInvocation), keyRecord(t, "issuer-2", seed(7), did.AssertionMethod)}
	second.NextKeyHash = hash(later)
	send("Update (`did.update`), signed by key 2 as `tx-2`: the control key is rotated, issuer key 7 takes over from 6", ledger.Tx{Kind: ledger.UpdateDID, DID: &second}, "tx-2", next)
	resolve("Resolution")

	third := second
	third.Keys = []ledger.KeyRecord{keyRecord(t, "tx-3", recovered, did.CapabilityInvocation), second.Keys[1]}
	third.Keys[1].Compromised = true
	third.NextKeyHash, third.RecoveryHash = hash(seed(8)), hash(seed(9))
	send("Recover (`did.recover`), signed by key 4 as `recovery`: control key 5, and issuer key 7 is compromised",
		ledger.Tx{Kind: ledger.RecoverDID, Recover: &ledger.RecoverAction{Record: third, Key: public(offline)}}, ledger.RecoveryKeyID, offline)
	resolve("Resolution")

	send("Deactivate (`did.deactivate`), signed by key 5 as `tx-3`", ledger.Tx{Kind: ledger.DeactivateDID}, "tx-3", recovered)
	resolve("Resolution")
	return out.String()
}
