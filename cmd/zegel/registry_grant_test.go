package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// TestRegistryGrant: an organisation that members let accredit others does so by itself, and ends it by itself.
func TestRegistryGrant(t *testing.T) {
	h := newHall(t, 2)
	for _, name := range []string{"p", "q"} {
		dir := filepath.Join(h.dir, name)
		made := object[sent](h, 0, "did", "create", "--out", dir, "--vouch", "--yes")
		if made.Height == 0 {
			t.Fatalf("%+v", made)
		}
		h.members = append(h.members, hallMember{dir: dir})
		file, err := loadMemberFile(dir)
		if err != nil {
			t.Fatal(err)
		}
		h.members[len(h.members)-1].did = did.DID(file.DID)
	}
	province, school := string(h.members[2].did), string(h.members[3].did)
	card := []string{"--type", "urn:zegel:test:1", "--until", "2030-01-01", "--from", "2026-01-01", "--yes"}
	p := object[sent](h, 0, append([]string{"accredit", "--id", "schools", "--subject", province, "--name", "Provincie Voorbeeld", "--use", "accredit"}, card...)...)
	contains(t, h.refuses(exitFailed, 2, append([]string{"accredit", "--id", "pass", "--subject", school, "--name", "Voorbeeldschool", "--use", "issue"}, card...)...), "code 6 unauthorized: ")
	contains(t, h.as(1, "vote", p.Proposal, "--yes"), "let Provincie Voorbeeld let others issue urn:zegel:test:1", "passed on")
	contains(t, h.as(2, append([]string{"accredit", "--id", "pass", "--subject", school, "--name", "Voorbeeldschool", "--use", "issue"}, card...)...),
		"Done: let Voorbeeldschool issue urn:zegel:test:1", "under an accreditation of its own")
	contains(t, h.as(0, "accreditations", school), "Granted by  "+province+", under its accreditation schools")
	all := object[struct {
		stamped
		Accreditations []ledger.AccreditationHint
	}](h, 0, "accreditations", school)
	if len(all.Accreditations) != 1 || all.Accreditations[0].Under != "schools" || all.Accreditations[0].GrantedBy != did.DID(province) {
		t.Errorf("%+v", all)
	}
	contains(t, h.as(2, "withdraw", school, "pass", "--yes"), "Done: end accreditation \"pass\"")
	contains(t, h.as(3, "accreditations", school), "withdrawn on")
}

// TestRegistryAnchors: an anchor is proposed from its certificate, and taken away again.
func TestRegistryAnchors(t *testing.T) {
	h := newHall(t, 1)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "Voorbeeldanker"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(4, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(h.dir, "anchor.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	contains(t, h.refuses(exitUsage, 0, "propose", "anchor", "rijk-1", file, "--use", "issue", "--yes"), "no type")
	contains(t, h.as(0, "propose", "anchor", "rijk-1", file, "--use", "issue", "--use", "ask", "--type", "urn:zegel:test:1", "--until", "2028-01-01", "--yes"),
		`Done: trust the X.509 anchor "rijk-1" to issue urn:zegel:test:1 and ask, until 1 Jan 2028 (there is one member, so this is decided at once)`)
	contains(t, h.as(0, "propose", "remove-anchor", "rijk-1", "--yes"), "no more")
	contains(t, h.refuses(exitFailed, 0, "propose", "remove-anchor", "rijk-1", "--yes"), "code 7 unknown_object: ")
	contains(t, h.refuses(exitFailed, 0, "list", "retire", "https://a.example/lists/1", "--yes"), "code 7 unknown_object: ")
}

// FuzzParseClaim: what people may write for a claim is one path, and a path is shown as what gives it back.
func FuzzParseClaim(f *testing.F) {
	for _, s := range []string{"birthdate", "address.locality", `["address","locality"]`, `["a.b"]`, `["nationalities",null,0]`, "", ".", "[", `["\u0000"]`, `[""]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parseClaim(s)
		if err != nil {
			return
		}
		raw, err := json.Marshal([]any(p))
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseClaim(string(raw))
		if err != nil || !slices.Equal(again, p) {
			t.Fatalf("%q: %s gives %v, %v", s, raw, again, err)
		}
		if plain(string(raw)) != string(raw) {
			return // shown with its hidden characters spelled out, for eyes alone
		}
		shown := claims([][]byte{raw})[0]
		if back, err := parseClaim(shown); err == nil && !slices.Equal(back, p) {
			t.Fatalf("%q is shown as %q, which is %v", raw, shown, back)
		}
	})
}
