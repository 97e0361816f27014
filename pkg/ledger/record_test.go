package ledger_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

// TestNewDID pins the identifier: it may never change for a record that is on a chain.
func TestNewDID(t *testing.T) {
	key := ed25519.PrivateKey(simKey("organisation"))
	r := orgRecord(t, key)
	d, err := ledger.NewDID(simNetwork, r)
	if err != nil {
		t.Fatal(err)
	}
	const want = "did:zegel:voorbeeld:s7twolks4ptuqkr7iyxunrq2vpju2sfpdkzvi3f6zrz7gvcy6lua"
	if d != want {
		t.Errorf("DID %q, want %q", d, want)
	}
	if _, err := did.Parse(string(d)); err != nil {
		t.Error(err)
	}
	// What the chain sets does not count, everything else does.
	stored := *r
	stored.ID, stored.Version = d, 1
	stored.Keys = append([]ledger.KeyRecord(nil), r.Keys...)
	stored.Keys[0].From = 5
	if again, err := ledger.NewDID(simNetwork, &stored); err != nil || again != d {
		t.Errorf("from the stored record: %q, %v", again, err)
	}
	if r.Keys[0].From != 0 {
		t.Error("the caller's record changed")
	}
	if other, _ := ledger.NewDID("elders", r); strings.HasSuffix(string(other), strings.TrimPrefix(string(d), "did:zegel:voorbeeld:")) {
		t.Error("the same id in another network")
	}
	r.Services[0].Endpoint += "x"
	if other, _ := ledger.NewDID(simNetwork, r); other == d {
		t.Error("the same id for another record")
	}
}

func TestRecordCheck(t *testing.T) {
	key := ed25519.PrivateKey(simKey("organisation"))
	for name, c := range map[string]struct {
		change func(*ledger.DIDRecord)
		want   error
	}{
		"good":               {func(*ledger.DIDRecord) {}, nil},
		"17 keys":            {func(r *ledger.DIDRecord) { r.Keys = make([]ledger.KeyRecord, 17) }, jose.ErrTooLarge},
		"17 services":        {func(r *ledger.DIDRecord) { r.Services = make([]ledger.ServiceRecord, 17) }, jose.ErrTooLarge},
		"32 KiB + 1":         {func(r *ledger.DIDRecord) { r.Services[0].Type = strings.Repeat("x", ledger.MaxDocumentSize) }, jose.ErrTooLarge},
		"id twice":           {func(r *ledger.DIDRecord) { r.Services[0].ID = "key-1" }, ledger.ErrMalformed},
		"key id":             {func(r *ledger.DIDRecord) { r.Keys[0].ID = "a#b" }, ledger.ErrMalformed},
		"no purpose":         {func(r *ledger.DIDRecord) { r.Keys[0].Purposes = nil }, ledger.ErrMalformed},
		"unknown purpose":    {func(r *ledger.DIDRecord) { r.Keys[0].Purposes = []did.Purpose{"x"} }, ledger.ErrMalformed},
		"purpose twice":      {func(r *ledger.DIDRecord) { r.Keys[0].Purposes = []did.Purpose{did.KeyAgreement, did.KeyAgreement} }, ledger.ErrMalformed},
		"JWK spaced":         {func(r *ledger.DIDRecord) { r.Keys[0].JWK = append([]byte(" "), r.Keys[0].JWK...) }, ledger.ErrMalformed},
		"JWK garbage":        {func(r *ledger.DIDRecord) { r.Keys[0].JWK = []byte("{}") }, ledger.ErrMalformed},
		"next hash missing":  {func(r *ledger.DIDRecord) { r.NextKeyHash = nil }, ledger.ErrMalformed},
		"recovery hash cut":  {func(r *ledger.DIDRecord) { r.RecoveryHash = make([]byte, 31) }, ledger.ErrMalformed},
		"endpoint not http":  {func(r *ledger.DIDRecord) { r.Services[0].Endpoint = "javascript:x" }, ledger.ErrMalformed},
		"endpoint with user": {func(r *ledger.DIDRecord) { r.Services[0].Endpoint = "https://u@h" }, ledger.ErrMalformed},
		"time overflow":      {func(r *ledger.DIDRecord) { r.Keys[0].From = 253402300800 }, ledger.ErrMalformed},
		"time negative":      {func(r *ledger.DIDRecord) { r.Keys[0].Until = -1 }, ledger.ErrMalformed},
	} {
		r := orgRecord(t, key)
		c.change(r)
		if err := r.Check(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTxKey(t *testing.T) {
	key := ed25519.PrivateKey(simKey("organisation"))
	r := orgRecord(t, key)
	r.Keys[0].From, r.Keys[0].Until = 100, 200
	for at, good := range map[int64]bool{99: false, 100: true, 199: true, 200: false} {
		pub, err := r.TxKey("key-1", time.Unix(at, 0))
		if good != (err == nil) || good && !pub.Equal(key.Public()) {
			t.Errorf("at %d: %v", at, err)
		}
	}
	if _, err := r.TxKey("key-2", time.Unix(150, 0)); !errors.Is(err, jose.ErrSignature) {
		t.Errorf("unknown key: %v", err)
	}
	r.Keys[0].Compromised = true
	if _, err := r.TxKey("key-1", time.Unix(150, 0)); !errors.Is(err, jose.ErrSignature) {
		t.Errorf("compromised key: %v", err)
	}
}

func TestAccreditationForms(t *testing.T) {
	at := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	for _, a := range []trust.Accreditation{
		{ID: "cards", Subject: "did:zegel:voorbeeld:a2", Use: trust.Issue, Name: "Gemeente Voorbeeldstad", Types: []string{simVct}, From: at, Until: at.AddDate(1, 0, 0),
			GrantedBy: "did:zegel:voorbeeld:a3", Withdrawn: &trust.Withdrawal{At: at.AddDate(0, 1, 0), Distrust: true}},
		{ID: "over-18", Subject: "did:zegel:voorbeeld:a2", Use: trust.Ask, Name: "Gemeente Voorbeeldstad", Types: []string{simVct},
			Claims:  []sdjwt.Path{{"age_equal_or_over", "18"}, {"nationalities", nil}, {"degrees", 0, "type"}},
			Purpose: trust.Text{"nl": "Leeftijd", "en": "Age"}, LegalBasis: "Wet X, artikel 1", KeepDays: 30, From: at, Until: at.AddDate(1, 0, 0),
			OutcomeDays: 90, PassedOn: trust.Text{"nl": "Nee, aan niemand", "en": "No, to nobody"},
			GrantedBy: "did:zegel:voorbeeld:a3", Under: "region", Stopped: &trust.Stop{From: at, Until: at.Add(72 * time.Hour)}},
		{ID: "region", Subject: "did:zegel:voorbeeld:a3", Use: trust.Grant, Name: "Regio Voorbeeld", Types: []string{simVct},
			Claims: []sdjwt.Path{{"age_equal_or_over"}}, KeepDays: 30, From: at, Until: at.AddDate(1, 0, 0), Stopped: &trust.Stop{From: at}},
		{ID: "issuers", Subject: "did:zegel:voorbeeld:a3", Use: trust.Grant, Name: "Regio Voorbeeld", Types: []string{simVct}, From: at, Until: at.AddDate(1, 0, 0)},
	} {
		stored, err := ledger.FromTrust(&a)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := ledger.Encode(stored)
		if err != nil {
			t.Fatal(err)
		}
		var read ledger.Accreditation
		if err := ledger.Decode(raw, &read); err != nil {
			t.Fatal(err)
		}
		back, err := read.Trust()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, *back); diff != "" {
			t.Error(diff)
		}
	}
	for name, change := range map[string]func(*ledger.Accreditation){
		"id":                      func(a *ledger.Accreditation) { a.ID = "" },
		"subject":                 func(a *ledger.Accreditation) { a.Subject = "did:web:x.example" },
		"use":                     func(a *ledger.Accreditation) { a.Use = "both" },
		"name empty":              func(a *ledger.Accreditation) { a.Name = "" },
		"name with line":          func(a *ledger.Accreditation) { a.Name = "a\nb" },
		"name too long":           func(a *ledger.Accreditation) { a.Name = strings.Repeat("x", 1025) },
		"no types":                func(a *ledger.Accreditation) { a.Types = nil },
		"type twice":              func(a *ledger.Accreditation) { a.Types = []string{"x", "x"} },
		"claim not a path":        func(a *ledger.Accreditation) { a.Claims = [][]byte{[]byte(`{}`)} },
		"claim spaced":            func(a *ledger.Accreditation) { a.Claims = [][]byte{[]byte(`[ "a"]`)} },
		"no purpose":              func(a *ledger.Accreditation) { a.Purpose = nil },
		"purpose empty":           func(a *ledger.Accreditation) { a.Purpose = map[string]string{"nl": ""} },
		"keeps for ever":          func(a *ledger.Accreditation) { a.KeepDays = 1 << 40 },
		"ends before it begins":   func(a *ledger.Accreditation) { a.Until = a.From },
		"time overflow":           func(a *ledger.Accreditation) { a.Until = 1 << 62 },
		"distrust without end":    func(a *ledger.Accreditation) { a.Distrust = true },
		"issuer with purpose":     func(a *ledger.Accreditation) { a.Use = trust.Issue },
		"granter with purpose":    func(a *ledger.Accreditation) { a.Use = trust.Grant },
		"keeps outcomes for ever": func(a *ledger.Accreditation) { a.OutcomeDays = 1 << 40 },
		"outcome kept since":      func(a *ledger.Accreditation) { a.OutcomeDays = -1 },
		"passed on to nothing":    func(a *ledger.Accreditation) { a.PassedOn = map[string]string{"nl": ""} },
		"passed on in lines":      func(a *ledger.Accreditation) { a.PassedOn = map[string]string{"nl": "a\nb"} },
		"issuer passes on": func(a *ledger.Accreditation) {
			a.Use, a.Purpose, a.Claims, a.KeepDays, a.PassedOn = trust.Issue, nil, nil, 0, map[string]string{"nl": "x"}
		},
		"issuer keeps outcomes": func(a *ledger.Accreditation) {
			a.Use, a.Purpose, a.Claims, a.KeepDays, a.OutcomeDays = trust.Issue, nil, nil, 0, 1
		},
		"granter keeps nothing": func(a *ledger.Accreditation) { a.Use, a.Purpose, a.Claims, a.KeepDays = trust.Grant, nil, nil, 1 },
		"under no name":         func(a *ledger.Accreditation) { a.Under = "a b" },
		"stop without begin":    func(a *ledger.Accreditation) { a.StoppedUntil = 5 },
		"stop ends first":       func(a *ledger.Accreditation) { a.StoppedFrom, a.StoppedUntil = 5, 4 },
		"stop overflow":         func(a *ledger.Accreditation) { a.StoppedFrom = 1 << 62 },
	} {
		a := accreditations("did:zegel:voorbeeld:a2")[1]
		a.Purpose = maps.Clone(a.Purpose)
		change(&a)
		if _, err := a.Trust(); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnchorForms(t *testing.T) {
	good := ledger.Anchor{ID: "a", Certificate: simCertificate(t), Uses: []trust.Use{trust.Issue}, Types: []string{simVct}, From: 1, Until: 2}
	if _, err := good.Trust(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*ledger.Anchor){
		"certificate":   func(a *ledger.Anchor) { a.Certificate = []byte{1} },
		"no use":        func(a *ledger.Anchor) { a.Uses = nil },
		"unknown use":   func(a *ledger.Anchor) { a.Uses = []trust.Use{"x"} },
		"use twice":     func(a *ledger.Anchor) { a.Uses = []trust.Use{trust.Issue, trust.Issue} },
		"for all types": func(a *ledger.Anchor) { a.Types = nil },
		"never valid":   func(a *ledger.Anchor) { a.Until = 1 },
	} {
		a := good
		change(&a)
		if _, err := a.Trust(); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValuesBelongToTheirKey(t *testing.T) {
	encode := func(v any) []byte {
		raw, err := ledger.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	const a, b = did.DID("did:zegel:voorbeeld:a2"), did.DID("did:zegel:voorbeeld:a3")
	all := accreditations(a)
	if _, err := ledger.DecodeAccreditations(encode(all), a); err != nil {
		t.Errorf("control: %v", err)
	}
	m := ledger.ListMeta{URI: simList, Bits: 1, Size: 8192, TTL: 60, Expiry: 5}
	if _, err := ledger.DecodeList(encode(m), simList); err != nil {
		t.Errorf("control: %v", err)
	}
	for name, err := range map[string]error{
		"another subject": second(ledger.DecodeAccreditations(encode(all), b)),
		"not sorted":      second(ledger.DecodeAccreditations(encode([]ledger.Accreditation{all[1], all[0]}), a)),
		"id twice":        second(ledger.DecodeAccreditations(encode([]ledger.Accreditation{all[1], all[1]}), a)),
		"another DID":     second(ledger.DecodeDID(encode(ledger.DIDRecord{ID: b}), a)),
		"another list":    second(ledger.DecodeList(encode(m), simList+"x")),
		"index":           second(ledger.DecodeIndex(encode(ledger.Index{DIDs: []did.DID{b, a}}))),
		"anchors":         second(ledger.DecodeAnchors(encode([]ledger.Anchor{{ID: "b"}, {ID: "a"}}))),
		"trailing":        second(ledger.DecodeIndex(append(encode(ledger.Index{}), 0))),
	} {
		if !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestListMeta(t *testing.T) {
	good := ledger.ListMeta{URI: simList, Bits: 2, Size: 4096 * 3, TTL: 60, Expiry: 5}
	if err := good.Check(); err != nil || good.Chunks() != 3 {
		t.Fatalf("control: %v, %d chunks", err, good.Chunks())
	}
	for name, change := range map[string]func(*ledger.ListMeta){
		"uri":       func(m *ledger.ListMeta) { m.URI = "ftp://x" },
		"fragment":  func(m *ledger.ListMeta) { m.URI += "#x" },
		"3 bits":    func(m *ledger.ListMeta) { m.Bits = 3 },
		"0 bits":    func(m *ledger.ListMeta) { m.Bits = 0 },
		"part":      func(m *ledger.ListMeta) { m.Size++ },
		"empty":     func(m *ledger.ListMeta) { m.Size = 0 },
		"too large": func(m *ledger.ListMeta) { m.Size = 4096 * (16<<10 + 1) },
		"ttl":       func(m *ledger.ListMeta) { m.TTL = 59 },
		"ttl long":  func(m *ledger.ListMeta) { m.TTL = 86401 },
		"expiry":    func(m *ledger.ListMeta) { m.Expiry = -1 },
	} {
		m := good
		change(&m)
		if err := m.Check(); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestListRoot(t *testing.T) {
	data := make([]byte, 40*ledger.ChunkSize)
	for i := range data {
		data[i] = byte(i * 7)
	}
	for n := range 41 {
		part := data[:n*ledger.ChunkSize]
		var hashes [][]byte
		for i := range n {
			hashes = append(hashes, ledger.ChunkHash(part[i*ledger.ChunkSize:(i+1)*ledger.ChunkSize]))
		}
		if !bytes.Equal(ledger.ListRoot(part), ledger.ListRootOfHashes(hashes)) {
			t.Errorf("%d chunks: two roots", n)
		}
	}
}

func TestNetworkFile(t *testing.T) {
	c := newChain(t, "a", "b")
	n := c.network(1, "https://node.example/registry")
	raw := n.Encode()
	got, err := ledger.ParseNetwork(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(n, got); diff != "" {
		t.Error(diff)
	}
	edit := func(f func(m map[string]any)) []byte {
		var m map[string]any
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		f(m)
		out, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	set := func(k string, v any) []byte { return edit(func(m map[string]any) { m[k] = v }) }
	val := func(k string, v any) []byte {
		return edit(func(m map[string]any) { m["validators"].([]any)[0].(map[string]any)[k] = v })
	}
	if _, err := ledger.ParseNetwork(set("name", "elders")); err != nil {
		t.Errorf("control: %v", err)
	}
	genesis := edit(func(m map[string]any) { m["trusted_height"] = 0; delete(m, "trusted_hash") })
	if n, err := ledger.ParseNetwork(genesis); err != nil || n.From() != 1 {
		t.Errorf("root at genesis: %v", err)
	} else if again, err := ledger.ParseNetwork(n.Encode()); err != nil || !cmp.Equal(n, again) {
		t.Errorf("root at genesis, encoded: %v", err)
	}
	for name, bad := range map[string][]byte{
		"unknown member":       set("x", 1),
		"other case":           set("Chain_ID", "y"),
		"null":                 set("nodes", nil),
		"name":                 set("name", "Voor Beeld"),
		"no chain":             set("chain_id", ""),
		"long chain":           set("chain_id", strings.Repeat("x", 51)),
		"height 0 with a hash": set("trusted_height", 0),
		"height below 0":       edit(func(m map[string]any) { m["trusted_height"] = -1; delete(m, "trusted_hash") }),
		"no height":            edit(func(m map[string]any) { delete(m, "trusted_height"); delete(m, "trusted_hash") }),
		"no hash":              edit(func(m map[string]any) { delete(m, "trusted_hash") }),
		"height fraction":      set("trusted_height", 1.5),
		"hash upper case":      set("trusted_hash", strings.ToUpper(n.Hash)),
		"hash short":           set("trusted_hash", n.Hash[2:]),
		"time":                 set("trusted_time", "yesterday"),
		"time zero":            set("trusted_time", "0001-01-01T00:00:00Z"),
		"no validators":        set("validators", []any{}),
		"power 0":              val("power", 0),
		"power overflow":       val("power", int64(1)<<62),
		"key cut":              val("pub_key", "AAAA"),
		"validator member":     val("weight", 1),
		"node":                 set("nodes", []string{"node.example"}),
		"node with query":      set("nodes", []string{"https://x.example?a"}),
		"node twice":           set("nodes", []string{"https://x.example", "https://x.example"}),
		"trailing":             append(bytes.Clone(raw), '1'),
		"empty":                {},
		"member twice":         bytes.Replace(raw, []byte("{"), []byte(`{"name":"a",`), 1),
		"too large":            bytes.Repeat([]byte(" "), 1<<20),
		"two equal validators": edit(func(m map[string]any) { v := m["validators"].([]any); v[1] = v[0] }),
	} {
		if _, err := ledger.ParseNetwork(bad); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeysForLogs(t *testing.T) {
	for k, want := range map[string]string{
		ledger.KeyAnchors().String():         `"anchors"`,
		ledger.KeyIndex().String():           `"index"`,
		ledger.KeyList("x").String()[:6]:     "lst/2d",
		ledger.KeyDID("x").String()[:6]:      "did/2d",
		ledger.KeySequence("x").String()[:6]: "seq/2d",
	} {
		if k != want {
			t.Errorf("%s, want %s", k, want)
		}
	}
	if got := fmt.Sprintln(errors.Is(ledger.ErrExpired, ledger.ErrUnproven), ledger.Category(ledger.ErrExpired), ledger.Category(errors.New("x"))); got != "true registry_unproven \n" {
		t.Error(got)
	}
}

// What the chain knows about a record is what DID Core calls document metadata.
func TestRecordResolution(t *testing.T) {
	c := newChain(t, "a")
	r := orgRecord(t, c.orgKey)
	r.ID, r.Version, r.Created = c.org, 1, genesisTime.Unix()
	res, err := r.Resolution()
	if err != nil || res.Document.ID != c.org || res.VersionID != "1" || !res.Created.Equal(genesisTime.Truncate(time.Second)) || !res.Updated.IsZero() || res.Status() != 200 {
		t.Errorf("%+v, %v", res, err)
	}
	r.Version, r.Updated, r.Deactivated = 12, r.Created+5, true
	res, err = r.Resolution()
	if err != nil || res.VersionID != "12" || res.Updated.Sub(res.Created) != 5*time.Second || res.Status() != 410 {
		t.Errorf("%+v, %v", res, err)
	}
	for _, change := range []func(*ledger.DIDRecord){
		func(r *ledger.DIDRecord) { r.Updated = -1 },
		func(r *ledger.DIDRecord) { r.Created = 1 << 60 },
		func(r *ledger.DIDRecord) { r.ID = "did:web:x.example" },
	} {
		bad := *r
		change(&bad)
		if _, err := bad.Resolution(); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	// The times are the chain's, so they make no other DID.
	again := orgRecord(t, c.orgKey)
	again.Created, again.Updated = 5, 6
	if d, err := ledger.NewDID(simNetwork, again); err != nil || d != c.org {
		t.Errorf("%q, %v", d, err)
	}
}
