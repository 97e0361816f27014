package ledger_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// sampleActions has every action there is, in good form.
func sampleActions(tb testing.TB, d did.DID) map[string]ledger.Action {
	record := orgRecord(tb, ed25519.PrivateKey(simKey("other organisation")))
	hash := bytes.Repeat([]byte{7}, 32)
	anchor := &ledger.Anchor{
		ID: "town", Certificate: simCertificate(tb), Uses: []trust.Use{trust.Issue}, Types: []string{simVct},
		From: genesisTime.Unix(), Until: genesisTime.AddDate(1, 0, 0).Unix(),
	}
	return map[string]ledger.Action{
		"admit a DID":    {Admit: &ledger.Admission{DID: d, Name: "Gemeente Voorbeeldstad", Validator: hash}},
		"admit a record": {Admit: &ledger.Admission{Record: record, Name: "Gemeente Voorbeelddorp"}},
		"remove":         {Remove: &ledger.Removal{DID: d}},
		"accredit":       {Accredit: &accreditations(d)[1]},
		"withdraw":       {Withdraw: &ledger.WithdrawAction{Subject: d, ID: "over-18", Distrust: true}},
		"anchor":         {Anchor: anchor},
		"remove anchor":  {RemoveAnchor: &ledger.AnchorRemoval{ID: "town"}},
		"parameters":     {Parameters: &ledger.Parameters{BlockBytes: 1 << 20, EvidenceBlocks: 1 << 16, EvidenceSeconds: 1 << 20, RetentionDays: 365, Guests: 1, Lists: 2, ProposalDays: 30}},
		"recover":        {Recover: &ledger.Recovery{DID: d, Record: *record}},
		"confirm":        {Confirm: &ledger.StopName{ID: hash}},
		"resume":         {Resume: &ledger.StopName{ID: hash}},
		"give a seat":    {Validator: &ledger.Seat{DID: d, Validator: hash}},
		"take a seat":    {Validator: &ledger.Seat{DID: d}},
	}
}

// governanceTxs has a transaction for every action, and the other kinds of governance.
func governanceTxs(tb testing.TB, d did.DID) map[string]*ledger.Tx {
	tx := func(k ledger.Kind) *ledger.Tx {
		return &ledger.Tx{ChainID: simChain, Sender: d, Sequence: 7, ValidUntil: 100, Kind: k}
	}
	hash := bytes.Repeat([]byte{9}, 32)
	out := map[string]*ledger.Tx{}
	for name, a := range sampleActions(tb, d) {
		t := tx(ledger.Propose)
		t.Propose = &ledger.ProposeAction{Action: a, Until: genesisTime.AddDate(0, 1, 0).Unix(), Why: "Besluit van de raad"}
		out["propose: "+name] = t
	}
	yes, no, cancel, object, execute := tx(ledger.Vote), tx(ledger.Vote), tx(ledger.Cancel), tx(ledger.Cancel), tx(ledger.Execute)
	yes.Vote, no.Vote = &ledger.VoteAction{Proposal: hash, Yes: true}, &ledger.VoteAction{Proposal: hash}
	cancel.Cancel, object.Cancel = &ledger.ProposalName{ID: hash}, &ledger.ProposalName{ID: hash, Key: hash}
	execute.Execute = &ledger.ProposalName{ID: hash}
	for name, t := range map[string]*ledger.Tx{"yes": yes, "no": no, "cancel": cancel, "cancel with a key": object, "execute": execute} {
		out[name] = t
	}
	return out
}

func TestGovernanceRoundTrip(t *testing.T) {
	c := newChain(t, "a")
	for name, tx := range governanceTxs(t, c.org) {
		t.Run(name, func(t *testing.T) {
			raw, err := ledger.Sign(tx, "key-1", c.orgKey)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ledger.DecodeTx(raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(*tx, got.Tx); diff != "" {
				t.Error(diff)
			}
			if got.Propose != nil {
				if err := got.Propose.Check(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// What a vote or a name of a proposal must look like is known before the state is read.
func TestVoteForm(t *testing.T) {
	c := newChain(t, "a")
	good := governanceTxs(t, c.org)
	short := bytes.Repeat([]byte{9}, 31)
	for name, change := range map[string]func() *ledger.Tx{
		"vote on a short id": func() *ledger.Tx { tx := *good["yes"]; tx.Vote = &ledger.VoteAction{Proposal: short}; return &tx },
		"vote on nothing":    func() *ledger.Tx { tx := *good["yes"]; tx.Vote = &ledger.VoteAction{}; return &tx },
		"cancel a short id":  func() *ledger.Tx { tx := *good["cancel"]; tx.Cancel = &ledger.ProposalName{ID: short}; return &tx },
		"execute a long id": func() *ledger.Tx {
			tx := *good["execute"]
			tx.Execute = &ledger.ProposalName{ID: append(short, 1, 2)}
			return &tx
		},
		"execute with a key": func() *ledger.Tx { tx := *good["execute"]; tx.Execute = good["cancel with a key"].Cancel; return &tx },
		"cancel with half a key": func() *ledger.Tx {
			tx := *good["cancel"]
			tx.Cancel = &ledger.ProposalName{ID: append(short, 9), Key: short}
			return &tx
		},
		"a vote of another field": func() *ledger.Tx { tx := *good["yes"]; tx.Cancel = good["cancel"].Cancel; return &tx },
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ledger.Sign(change(), "key-1", c.orgKey); !errors.Is(err, ledger.ErrMalformed) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestProposalForm(t *testing.T) {
	c := newChain(t, "a")
	for name, x := range map[string]struct {
		from   string
		change func(p *ledger.ProposeAction)
		want   error
	}{
		"two lines":        {"remove", func(p *ledger.ProposeAction) { p.Why = "een\ntwee" }, ledger.ErrMalformed},
		"a long story":     {"remove", func(p *ledger.ProposeAction) { p.Why = strings.Repeat("a", 1025) }, ledger.ErrMalformed},
		"before 1970":      {"remove", func(p *ledger.ProposeAction) { p.Until = -1 }, ledger.ErrMalformed},
		"after 9999":       {"remove", func(p *ledger.ProposeAction) { p.Until = 1 << 60 }, ledger.ErrMalformed},
		"nothing":          {"remove", func(p *ledger.ProposeAction) { p.Action = ledger.Action{} }, ledger.ErrMalformed},
		"two things":       {"remove", func(p *ledger.ProposeAction) { p.Action.Confirm = &ledger.StopName{ID: make([]byte, 32)} }, ledger.ErrMalformed},
		"DID and record":   {"admit a record", func(p *ledger.ProposeAction) { p.Action.Admit.DID = c.org }, ledger.ErrMalformed},
		"nobody":           {"admit a DID", func(p *ledger.ProposeAction) { p.Action.Admit.DID = "" }, ledger.ErrMalformed},
		"a foreign DID":    {"admit a DID", func(p *ledger.ProposeAction) { p.Action.Admit.DID = "did:web:example.com" }, ledger.ErrMalformed},
		"no name":          {"admit a DID", func(p *ledger.ProposeAction) { p.Action.Admit.Name = "" }, ledger.ErrMalformed},
		"validator":        {"admit a DID", func(p *ledger.ProposeAction) { p.Action.Admit.Validator = make([]byte, 33) }, ledger.ErrMalformed},
		"too many keys":    {"admit a record", func(p *ledger.ProposeAction) { p.Action.Admit.Record.Keys = make([]ledger.KeyRecord, 17) }, jose.ErrTooLarge},
		"a broken record":  {"recover", func(p *ledger.ProposeAction) { p.Action.Recover.Record.NextKeyHash = nil }, ledger.ErrMalformed},
		"recover nobody":   {"recover", func(p *ledger.ProposeAction) { p.Action.Recover.DID = "" }, ledger.ErrMalformed},
		"an empty purpose": {"accredit", func(p *ledger.ProposeAction) { p.Action.Accredit.Purpose = map[string]string{"nl": ""} }, ledger.ErrMalformed},
		"a bad id":         {"withdraw", func(p *ledger.ProposeAction) { p.Action.Withdraw.ID = "a/b" }, ledger.ErrMalformed},
		"a bad anchor id":  {"remove anchor", func(p *ledger.ProposeAction) { p.Action.RemoveAnchor.ID = "" }, ledger.ErrMalformed},
		"no certificate":   {"anchor", func(p *ledger.ProposeAction) { p.Action.Anchor.Certificate = nil }, ledger.ErrMalformed},
		"a short stop":     {"confirm", func(p *ledger.ProposeAction) { p.Action.Confirm.ID = []byte{1} }, ledger.ErrMalformed},
		"a long stop":      {"resume", func(p *ledger.ProposeAction) { p.Action.Resume.ID = make([]byte, 33) }, ledger.ErrMalformed},
		"half a seat":      {"give a seat", func(p *ledger.ProposeAction) { p.Action.Validator.Validator = make([]byte, 16) }, ledger.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			p := &ledger.ProposeAction{Action: sampleActions(t, c.org)[x.from], Until: 5}
			if err := p.Check(); err != nil {
				t.Fatalf("control: %v", err)
			}
			x.change(p)
			if err := p.Check(); !errors.Is(err, x.want) {
				t.Errorf("%v, want %v", err, x.want)
			}
		})
	}
}

func TestTally(t *testing.T) {
	for n, want := range map[int][2]int{1: {1, 1}, 2: {2, 1}, 3: {2, 1}, 4: {3, 2}, 5: {4, 2}, 6: {4, 2}, 7: {5, 3}, 21: {14, 7}} {
		if got := [2]int{ledger.TwoThirds(n), ledger.ThirdOf(n)}; got != want {
			t.Errorf("of %d members: %v, want %v", n, got, want)
		}
	}
	p := &ledger.Proposal{Voters: []did.DID{"a", "b", "c", "d", "e"}, Yes: []did.DID{"a", "b"}, No: []did.DID{"c"}}
	yes, no, silent := p.Tally([]ledger.Member{{DID: "b"}, {DID: "c"}, {DID: "e"}, {DID: "new"}})
	if yes != 1 || no != 1 || silent != 1 {
		t.Errorf("%d yes, %d no, %d silent", yes, no, silent)
	}
}

// FuzzPropose reads a proposal as it stands in a transaction: what is read has one form, and its check does not panic.
func FuzzPropose(f *testing.F) {
	c := newChain(f, "a")
	actions := sampleActions(f, c.org)
	for _, name := range slices.Sorted(maps.Keys(actions)) {
		raw, err := ledger.Encode(ledger.ProposeAction{Action: actions[name], Until: genesisTime.Unix(), Why: name})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var p ledger.ProposeAction
		if err := ledger.Decode(raw, &p); err != nil {
			return
		}
		if again, err := ledger.Encode(p); err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("two forms of one proposal: %v", err)
		}
		if p.Check() != nil {
			return
		}
		// Good form is that of the stored value as well, so that whoever reads it finds nothing else.
		id := bytes.Repeat([]byte{1}, 32)
		stored, err := ledger.Encode(ledger.Proposal{
			ID: id, By: c.org, Action: p.Action, Why: p.Why, Until: p.Until, Voters: []did.DID{c.org}, Yes: []did.DID{c.org}, Outcome: ledger.Open,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.DecodeProposal(stored, id); err != nil {
			t.Fatalf("accepted and not read back: %v", err)
		}
	})
}
