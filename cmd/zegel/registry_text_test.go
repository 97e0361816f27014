package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
	"github.com/zegel-id/zegel/pkg/trust"
)

const (
	didA = did.DID("did:zegel:voorbeeld:aaaa")
	didB = did.DID("did:zegel:voorbeeld:bbbb")
	didC = did.DID("did:zegel:voorbeeld:cccc")
)

var (
	threeMembers = []ledger.Member{{DID: didA, Name: "Gemeente Aadorp"}, {DID: didB, Name: "Gemeente Beekdam"}, {DID: didC, Name: "Gemeente Cederveen\x1b[31m"}}
	someID       = []byte{0x3f, 0xa9, 0xc2, 0xd1, 0x00, 0x01, 0x02, 0x03}
	someTime     = time.Date(2026, 11, 27, 11, 0, 0, 0, time.UTC).Unix()
)

// TestInWords: each action in one sentence that an official understands.
func TestInWords(t *testing.T) {
	n := memberNames(threeMembers)
	key := make([]byte, 32)
	for want, a := range map[string]ledger.Action{
		"admit Gemeente Duinhoek as a member, with a validator":                                      {Admit: &ledger.Admission{Name: "Gemeente Duinhoek", Validator: key}},
		"admit Gemeente Duinhoek as a member":                                                        {Admit: &ledger.Admission{Name: "Gemeente Duinhoek"}},
		"remove Gemeente Beekdam from the members, with its validator":                               {Remove: &ledger.Removal{DID: didB}},
		"take the validator of Gemeente Beekdam away":                                                {Validator: &ledger.Seat{DID: didB}},
		"let Gemeente Beekdam sign blocks with key 000000000000":                                     {Validator: &ledger.Seat{DID: didB, Validator: key}},
		"let Gemeente Beekdam issue urn:zegel:test:1, urn:zegel:test:2, until 27 Nov 2026":           {Accredit: &ledger.Accreditation{Name: "Gemeente Beekdam", Use: trust.Issue, Types: []string{"urn:zegel:test:1", "urn:zegel:test:2"}, Until: someTime}},
		"let Gemeente Beekdam ask address.locality, birthdate from urn:zegel:t:1, until 27 Nov 2026": {Accredit: &ledger.Accreditation{Name: "Gemeente Beekdam", Use: trust.Ask, Types: []string{"urn:zegel:t:1"}, Claims: [][]byte{[]byte(`["address","locality"]`), []byte(`["birthdate"]`)}, Until: someTime}},
		"let Gemeente Beekdam ask everything from urn:zegel:t:1, until 27 Nov 2026":                  {Accredit: &ledger.Accreditation{Name: "Gemeente Beekdam", Use: trust.Ask, Types: []string{"urn:zegel:t:1"}, Until: someTime}},
		"let Provincie Voorbeeld let others issue urn:zegel:t:1, until 27 Nov 2026":                  {Accredit: &ledger.Accreditation{Name: "Provincie Voorbeeld", Use: trust.Grant, Types: []string{"urn:zegel:t:1"}, Until: someTime}},
		`end accreditation "x" of Gemeente Aadorp; what was issued before stays good`:                {Withdraw: &ledger.WithdrawAction{Subject: didA, ID: "x"}},
		`end accreditation "x" of did:zegel:voorbeeld:dddd; what was issued before counts no more`:   {Withdraw: &ledger.WithdrawAction{Subject: "did:zegel:voorbeeld:dddd", ID: "x", Distrust: true}},
		`trust the X.509 anchor "rijk-1" to issue urn:zegel:t:1 and ask, until 27 Nov 2026`:          {Anchor: &ledger.Anchor{ID: "rijk-1", Uses: []trust.Use{trust.Issue, trust.Ask}, Types: []string{"urn:zegel:t:1"}, Until: someTime}},
		`trust the X.509 anchor "rijk-1" no more`:                                                    {RemoveAnchor: &ledger.AnchorRemoval{ID: "rijk-1"}},
		"set the network's parameters":                                                               {Parameters: &ledger.Parameters{}},
		"give Gemeente Aadorp a new DID record with new keys, seven days after the vote":             {Recover: &ledger.Recovery{DID: didA}},
		"let stop 3fa9c2d10001 go on until members end it":                                           {Confirm: &ledger.StopName{ID: someID}},
		"end stop 3fa9c2d10001":                     {Resume: &ledger.StopName{ID: someID}},
		"something that this program does not know": {},
	} {
		if got := inWords(&a, n); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if a != (ledger.Action{}) {
			h := actionHint(&a, didA)
			if raw, err := json.Marshal(h); err != nil || h.Kind == "" {
				t.Errorf("%s: as an object %s, %v", want, raw, err)
			}
		}
	}
}

// TestWhatVotersCompare: who votes on keys sees which keys they are.
func TestWhatVotersCompare(t *testing.T) {
	record := &ledger.DIDRecord{NextKeyHash: bytes.Repeat([]byte{7}, 32), RecoveryHash: bytes.Repeat([]byte{8}, 32)}
	id, err := ledger.NewDID("voorbeeld", record)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := ledger.Encode(record)
	if err != nil {
		t.Fatal(err)
	}
	key := bytes.Repeat([]byte{0xab}, 32)
	for name, c := range map[string]struct {
		action ledger.Action
		want   string
	}{
		"a new organisation":   {ledger.Action{Admit: &ledger.Admission{Record: record, Validator: key}}, "Organisation " + string(id) + " Validator " + strings.Repeat("ab", 32)},
		"one that is known":    {ledger.Action{Admit: &ledger.Admission{DID: didB}}, "Organisation " + string(didB)},
		"a validator":          {ledger.Action{Validator: &ledger.Seat{DID: didB, Validator: key}}, "Validator " + strings.Repeat("ab", 32)},
		"an anchor":            {ledger.Action{Anchor: &ledger.Anchor{Certificate: []byte("x")}}, "SHA-256 " + fingerprint([]byte("x"))},
		"new keys":             {ledger.Action{Recover: &ledger.Recovery{DID: didB, Record: *record}}, "SHA-256 " + fingerprint(raw)},
		"a member that leaves": {ledger.Action{Remove: &ledger.Removal{DID: didB}}, "Organisation " + string(didB)},
	} {
		if got := strings.Join(actionFacts(&c.action, didA, nil), " "); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestStanding: where a proposal stands and what comes next.
func TestStanding(t *testing.T) {
	voters := []did.DID{didA, didB, didC}
	for _, c := range []struct {
		name           string
		p              ledger.Proposal
		at             int64
		standing, next string
	}{
		{"open", ledger.Proposal{Outcome: ledger.Open, Yes: voters[:1]}, someTime, "1 of 2 needed votes; ends Fri 27 Nov 2026 12:00", "counts after 1 more yes vote: zegel registry vote 3fa9 --yes"},
		{"one against", ledger.Proposal{Outcome: ledger.Open, Yes: voters[:1], No: voters[1:2]}, someTime, "1 of 2 needed votes, 1 against; ends Fri 27 Nov 2026 12:00", "counts after 1 more yes vote: zegel registry vote 3fa9 --yes"},
		{"over", ledger.Proposal{Outcome: ledger.Open, Yes: voters[:1]}, someTime + 1, "lapsed on Fri 27 Nov 2026 12:00 with 1 of 2 needed votes", "nothing: it changes nothing"},
		{"passed", ledger.Proposal{Outcome: ledger.Passed, Decided: someTime}, someTime, "passed on Fri 27 Nov 2026 12:00", "nothing: it counts"},
		{"rejected", ledger.Proposal{Outcome: ledger.Rejected, Decided: someTime}, someTime, "rejected on Fri 27 Nov 2026 12:00", "nothing: it changes nothing"},
		{"cancelled", ledger.Proposal{Outcome: ledger.Cancelled, Decided: someTime}, someTime, "cancelled on Fri 27 Nov 2026 12:00", "nothing: it changes nothing"},
		{"waiting", ledger.Proposal{Outcome: ledger.Waiting, Due: someTime}, someTime - 3*86400, "passed, and waits until Fri 27 Nov 2026 12:00 (3 days left)", "0 of 1 members needed to stop it have said so: zegel registry cancel 3fa9; the recovery key of the organisation is enough by itself"},
		{"due", ledger.Proposal{Outcome: ledger.Waiting, Due: someTime}, someTime, "passed, and can be carried out since Fri 27 Nov 2026 12:00", "a member carries it out: zegel registry execute 3fa9"},
	} {
		c.p.ID, c.p.Until, c.p.Voters = someID, someTime, voters
		if got := standing(&c.p, c.at, threeMembers); got != c.standing {
			t.Errorf("%s: %q, want %q", c.name, got, c.standing)
		}
		if got := comesNext(&c.p, c.at, threeMembers); got != c.next {
			t.Errorf("%s: next %q, want %q", c.name, got, c.next)
		}
	}
	for want, s := range map[string]ledger.Stop{
		"does not count yet: 1 of 2 members called it; another one joins with the same zegel registry stop":                                                        {Callers: voters[:1], Called: someTime},
		"never counted: no other member joined it within a day":                                                                                                    {Callers: voters[:1], Called: someTime - 90_000},
		"counts until Fri 27 Nov 2026 13:00 (60 minutes left), or until members end it: zegel registry resume 3fa9; to go on: zegel registry propose confirm 3fa9": {From: someTime - 10, Until: someTime + 3600},
		"counts until members end it: zegel registry resume 3fa9":                                                                                                  {From: someTime - 10},
		"lapsed on Fri 27 Nov 2026 12:00":               {From: someTime - 10, Until: someTime},
		"ended by the members on Fri 27 Nov 2026 12:00": {From: someTime - 10, Resumed: someTime},
	} {
		s.ID = someID
		if got := stopState(&s, someTime, 3); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestHostileText: what the registry says moves no cursor and writes no second line.
func TestHostileText(t *testing.T) {
	p := ledger.Proposal{ID: someID, By: didC, Why: "goed\n\x1b[2Jbesluit\u202e", Voters: []did.DID{didA, didC}, Yes: []did.DID{didC},
		Action: ledger.Action{Admit: &ledger.Admission{Name: "Gemeente\r\nAadorp\x07"}}, Outcome: ledger.Open}
	b := &ballot{Proposal: &p, members: threeMembers, names: memberNames(threeMembers), proof: &proof{Answer: &follow.Answer{Proven: &ledger.Proven{Time: time.Unix(someTime, 0)}}}}
	var out strings.Builder
	b.write(&out)
	for _, bad := range []string{"\x1b", "\r", "\x07", "\u202e"} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("%q in %q", bad, out.String())
		}
	}
	if strings.Contains(out.String(), "\nbesluit") {
		t.Errorf("a second line: %q", out.String())
	}
}

// TestSampleAccreditation: the file that an official fills in is one that counts, and flags win over it.
func TestSampleAccreditation(t *testing.T) {
	code, stdout, _ := zegel(t, "accredit", "--sample")
	if code != exitDone || stdout != accreditSample {
		t.Fatalf("exit %d: %s", code, stdout)
	}
	path := filepath.Join(t.TempDir(), "a.toml")
	if err := os.WriteFile(path, []byte(stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	f := accreditFlags{File: path, Subject: string(didA), KeepDays: 7, Claim: []string{`["nationalities",null]`, "birthdate"}, PurposeEN: "Check"}
	got, err := f.read(time.Unix(someTime, 0))
	if err != nil {
		t.Fatal(err)
	}
	want := &ledger.Accreditation{
		ID: "over-18", Subject: didA, Use: trust.Ask, Name: "Gemeente Voorbeeldstad", Types: []string{"urn:zegel:personal-data:1"},
		Claims:     [][]byte{[]byte(`["nationalities",null]`), []byte(`["birthdate"]`)},
		Purpose:    map[string]string{"nl": "Leeftijd controleren bij verkoop van vuurwerk", "en": "Check"},
		LegalBasis: "Vuurwerkbesluit, artikel 2.3.5", KeepDays: 7, OutcomeDays: 30,
		PassedOn: map[string]string{"nl": "Nee, aan niemand", "en": "No, to nobody"},
		From:     time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), Until: time.Date(2032, 1, 1, 0, 0, 0, 0, time.UTC).Unix(),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := claims(want.Claims); got[0] != `["nationalities",null]` || got[1] != "birthdate" {
		t.Errorf("claims %q", got)
	}
}

// TestPick: an id is found by its beginning, and only if that is enough.
func TestPick(t *testing.T) {
	ids := [][]byte{{0x3f, 0xa9, 0x01}, {0x3f, 0xa9, 0x02}, {0x40, 0, 0}}
	for typed, want := range map[string]string{
		"4000": "", "3FA901": "", "3fa9": "more than one", "400": "at least 4", "40zz": "at least 4", "5000": "there is no",
	} {
		id, err := pick("proposal", typed, ids)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %x, %v", typed, id, err)
		}
	}
}

// TestPolicyHint: who is told to propose is one who acted alone.
func TestPolicyHint(t *testing.T) {
	for why, want := range map[string]bool{"one of 3 members cannot decide this alone": true, "block_bytes: 1 is not between 262144 and 8388608": false} {
		if got := strings.Contains(refused(ledger.Policy, why).Error(), "zegel registry propose"); got != want {
			t.Errorf("%q: %v", why, refused(ledger.Policy, why))
		}
	}
}

// TestParameterChanges: a list of proposals names what changes.
func TestParameterChanges(t *testing.T) {
	was := &ledger.Parameters{RetentionDays: 365, Guests: 256}
	for want, to := range map[string]ledger.Parameters{
		"retention_days 365 -> 180":                   {RetentionDays: 180, Guests: 256},
		"retention_days 365 -> 180, guests 256 -> 10": {RetentionDays: 180, Guests: 10},
		"they are so already":                         *was,
	} {
		if got := parameterChanges(was, &to); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
