package ledger_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

func sampleTxs(d did.DID) map[string]*ledger.Tx {
	tx := func(k ledger.Kind) *ledger.Tx {
		return &ledger.Tx{ChainID: simChain, Sender: d, Sequence: 7, ValidUntil: 100, Kind: k}
	}
	record := &ledger.DIDRecord{Keys: []ledger.KeyRecord{}, NextKeyHash: make([]byte, 32)}
	create, update, off := tx(ledger.CreateDID), tx(ledger.UpdateDID), tx(ledger.DeactivateDID)
	create.DID, update.DID = record, record
	accredit, withdraw, anchor := tx(ledger.Accredit), tx(ledger.Withdraw), tx(ledger.PutAnchor)
	accredit.Accredit = &accreditations(d)[1]
	withdraw.Withdraw = &ledger.WithdrawAction{Subject: d, ID: "over-18", Distrust: true}
	anchor.Anchor = &ledger.Anchor{ID: "town", Certificate: []byte{1}, Uses: []trust.Use{trust.Ask}}
	list, set := tx(ledger.CreateList), tx(ledger.SetStatus)
	list.CreateList = &ledger.ListMeta{URI: simList, Bits: 1, Size: 8192, TTL: 60, Expiry: 5}
	set.SetStatus = &ledger.StatusChange{URI: simList, Indices: []uint64{0, 5, 1 << 40}, Values: []byte{1, 0, 1}}
	retire, recovery, stop := tx(ledger.RetireList), tx(ledger.RecoverDID), tx(ledger.CallStop)
	retire.RetireList = &ledger.ListName{URI: simList}
	recovery.Recover = &ledger.RecoverAction{Record: *record, Key: make([]byte, 32)}
	stop.Stop = &ledger.StopAction{Grade: ledger.StopAccreditation, Subject: d, Accreditation: "over-18", Why: "x"}
	out := map[string]*ledger.Tx{}
	for _, t := range []*ledger.Tx{create, update, off, accredit, withdraw, anchor, list, set, retire, recovery, stop} {
		out[string(t.Kind)] = t
	}
	return out
}

func TestTxRoundTrip(t *testing.T) {
	c := newChain(t, "a")
	pub := c.orgKey.Public().(ed25519.PublicKey)
	for kind, tx := range sampleTxs(c.org) {
		t.Run(kind, func(t *testing.T) {
			raw, err := ledger.Sign(tx, "key-1", c.orgKey)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ledger.DecodeTx(raw)
			if err != nil {
				t.Fatal(err)
			}
			if got.KeyID != "key-1" || !bytes.Equal(got.Raw, raw) {
				t.Errorf("key id %q", got.KeyID)
			}
			if diff := cmp.Diff(*tx, got.Tx); diff != "" {
				t.Error(diff)
			}
			if err := got.Verify(pub); err != nil {
				t.Error(err)
			}
			if err := got.Verify(simKey("other").PubKey().Bytes()); !errors.Is(err, jose.ErrSignature) {
				t.Errorf("other key: %v", err)
			}
		})
	}
}

func TestTxForm(t *testing.T) {
	c := newChain(t, "a")
	sign := func(change func(*ledger.Tx)) error {
		tx := *sampleTxs(c.org)["did.deactivate"]
		change(&tx)
		_, err := ledger.Sign(&tx, "key-1", c.orgKey)
		return err
	}
	if err := sign(func(*ledger.Tx) {}); err != nil {
		t.Fatalf("control: %v", err)
	}
	for name, change := range map[string]func(*ledger.Tx){
		"unknown kind":  func(t *ledger.Tx) { t.Kind = "vote" },
		"field missing": func(t *ledger.Tx) { t.Kind = ledger.Withdraw },
		"surplus field": func(t *ledger.Tx) { t.Withdraw = &ledger.WithdrawAction{} },
		"two fields": func(t *ledger.Tx) {
			t.Kind = ledger.Withdraw
			t.Withdraw = &ledger.WithdrawAction{}
			t.Anchor = &ledger.Anchor{}
		},
		"another's field":  func(t *ledger.Tx) { t.Kind = ledger.Withdraw; t.Anchor = &ledger.Anchor{} },
		"no chain":         func(t *ledger.Tx) { t.ChainID = "" },
		"sequence 0":       func(t *ledger.Tx) { t.Sequence = 0 },
		"no end":           func(t *ledger.Tx) { t.ValidUntil = 0 },
		"sender not zegel": func(t *ledger.Tx) { t.Sender = "did:web:example.com" },
		"sender malformed": func(t *ledger.Tx) { t.Sender = "did:zegel:../x" },
		"descending": func(t *ledger.Tx) {
			t.Kind, t.SetStatus = ledger.SetStatus, &ledger.StatusChange{Indices: []uint64{5, 4}, Values: []byte{0, 0}}
		},
		"repeated": func(t *ledger.Tx) {
			t.Kind, t.SetStatus = ledger.SetStatus, &ledger.StatusChange{Indices: []uint64{5, 5}, Values: []byte{0, 0}}
		},
		"values missing": func(t *ledger.Tx) {
			t.Kind, t.SetStatus = ledger.SetStatus, &ledger.StatusChange{Indices: []uint64{5}}
		},
	} {
		if err := sign(change); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := sign(func(t *ledger.Tx) {
		t.Kind, t.Withdraw = ledger.Withdraw, &ledger.WithdrawAction{ID: strings.Repeat("x", ledger.MaxTxSize)}
	}); !errors.Is(err, jose.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, err := ledger.DecodeTx(make([]byte, ledger.MaxTxSize+1)); !errors.Is(err, jose.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	for _, id := range []string{"", "a b", "é", "#key", strings.Repeat("k", 65)} {
		if _, err := ledger.Sign(sampleTxs(c.org)["did.deactivate"], id, c.orgKey); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("key id %q: %v", id, err)
		}
	}
}

// requireCanonicalTx: one transaction has one encoding. Every other spelling is refused, by form or by signature.
func requireCanonicalTx(t *testing.T, c *chain) {
	raw, err := ledger.Sign(sampleTxs(c.org)["withdraw"], "key-1", c.orgKey)
	if err != nil {
		t.Fatal(err)
	}
	pub := c.orgKey.Public().(ed25519.PublicKey)
	good, err := ledger.DecodeTx(raw)
	if err != nil || good.Verify(pub) != nil {
		t.Fatalf("control: %v", err)
	}
	var parts []cbor.RawMessage
	if err := cbor.Unmarshal(raw[1:], &parts); err != nil { // without the tag
		t.Fatal(err)
	}
	var protected, payload, signature []byte
	for i, p := range []*[]byte{&protected, nil, &payload, &signature} {
		if p != nil {
			if err := cbor.Unmarshal(parts[i], p); err != nil {
				t.Fatal(err)
			}
		}
	}
	compose := func(protected []byte, unprotected any, payload, signature []byte) []byte {
		out, err := cbor.Marshal(cbor.Tag{Number: 18, Content: []any{protected, unprotected, payload, signature}})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	none := map[int]int{}
	if !bytes.Equal(compose(protected, none, payload, signature), raw) {
		t.Fatal("control: the parts do not make the whole")
	}
	// s + L is the other encoding of the same Ed25519 scalar.
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := slicesReversed(signature[32:])
	sum := new(big.Int).Add(new(big.Int).SetBytes(s), order)
	malleable := append(bytes.Clone(signature[:32]), slicesReversed(sum.FillBytes(make([]byte, 32)))...)

	// The payload's map with its first member moved to the end, and with a member nobody knows.
	var members map[int]cbor.RawMessage
	if err := cbor.Unmarshal(payload, &members); err != nil {
		t.Fatal(err)
	}
	moved := []byte{payload[0]}
	for _, k := range []int{2, 3, 4, 5, 12, 1} {
		moved = append(append(moved, byte(k)), members[k]...)
	}
	unknown := append([]byte{payload[0] + 1}, payload[1:]...)
	unknown = append(unknown, 0x18, 0x63, 0x01)
	twice := append([]byte{payload[0] + 1}, payload[1:]...)
	twice = append(append(twice, 0x01), members[1]...)
	long := bytes.Replace(payload, []byte{0x03, 0x07}, []byte{0x03, 0x18, 0x07}, 1)
	null := append([]byte{payload[0] + 1}, payload[1:]...)
	null = append(null, 0x0f, 0xf6)
	indefinite := append(append([]byte{0xbf}, payload[1:]...), 0xff)

	for name, bad := range map[string][]byte{
		"malleated signature":      compose(protected, none, payload, malleable),
		"members in another order": compose(protected, none, moved, signature),
		"unknown member":           compose(protected, none, unknown, signature),
		"member twice":             compose(protected, none, twice, signature),
		"longer integer":           compose(protected, none, long, signature),
		"null member":              compose(protected, none, null, signature),
		"indefinite length":        compose(protected, none, indefinite, signature),
		"trailing byte":            append(bytes.Clone(raw), 0),
		"trailing in payload":      compose(protected, none, append(bytes.Clone(payload), 0), signature),
		"unprotected header":       compose(protected, map[int]int{99: 1}, payload, signature),
		"no tag":                   raw[1:],
		"other tag":                append([]byte{0xd1}, raw[1:]...),
		"two tags":                 append([]byte{0xd2}, raw...),
		"algorithm ES256":          compose(mustHex(t, "a20126044 56b65792d31"), none, payload, signature),
		"more protected headers":   compose(append(append([]byte{0xa3}, protected[1:]...), 0x18, 0x63, 0x01), none, payload, signature),
		"short signature":          compose(protected, none, payload, signature[:63]),
		"no payload":               compose(protected, none, nil, signature),
		"JSON":                     []byte(`{"kind":"withdraw"}`),
		"empty":                    {},
	} {
		tx, err := ledger.DecodeTx(bad)
		if err == nil {
			err = tx.Verify(pub)
			if err == nil {
				t.Errorf("%s: accepted", name)
			} else if !errors.Is(err, jose.ErrSignature) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A signature over the same payload for another purpose is no transaction.
	plain := ed25519.Sign(c.orgKey, payload)
	if tx, err := ledger.DecodeTx(compose(protected, none, payload, plain)); err != nil || tx.Verify(pub) == nil {
		t.Errorf("signature without the domain: %v", err)
	}
}

func slicesReversed(b []byte) []byte {
	out := bytes.Clone(b)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func mustHex(t testing.TB, s string) []byte {
	t.Helper()
	out, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return out
}
