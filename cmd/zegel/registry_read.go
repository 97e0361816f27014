package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
)

type membersCmd struct{ readFlags }

// Run shows who governs.
func (c *membersCmd) Run(ctx context.Context, out *output) error {
	r, err := c.open(out)
	if err != nil {
		return err
	}
	p, err := r.ask(ctx, ledger.KeyMembers())
	if err != nil {
		return err
	}
	members, err := p.Members()
	if err != nil {
		return r.failure(err)
	}
	slices.SortFunc(members, func(a, b ledger.Member) int { return strings.Compare(a.Name+string(a.DID), b.Name+string(b.DID)) })
	object := struct {
		stamp
		Members []ledger.MemberHint `json:"members"`
		Needed  int                 `json:"votes_needed"`
	}{r.stamp(p), []ledger.MemberHint{}, ledger.TwoThirds(len(members))}
	rows := [][]string{{"NAME", "VALIDATOR", "MEMBER SINCE", "DID"}}
	for _, m := range members {
		power := powerOf(p.Validators, m.Validator)
		object.Members = append(object.Members, m.Hint())
		rows = append(rows, []string{plain(m.Name), seat(&m, power), day(m.Since), string(m.DID)})
	}
	return r.print(p, object, func(w io.Writer) {
		table(w, rows...)
		fmt.Fprintf(w, "\n%s; a decision takes %s.\n", count(len(members), "member", "members"), count(object.Needed, "vote", "votes"))
	})
}

// seat says whether a member signs blocks.
func seat(m *ledger.Member, power int64) string {
	switch {
	case m.Lost != 0 && len(m.Validator) == 0:
		return "lost its vote on " + day(m.Lost)
	case len(m.Validator) == 0:
		return "none"
	case power == 0:
		return shortID(m.Validator) + " (from the next blocks)"
	}
	return shortID(m.Validator)
}

func powerOf(set []ledger.NetworkValidator, key []byte) int64 {
	for _, v := range set {
		if len(key) > 0 && bytes.Equal(v.PubKey, key) {
			return v.Power
		}
	}
	return 0
}

type validatorsCmd struct{ readFlags }

// Run shows who signed the newest proven header.
func (c *validatorsCmd) Run(ctx context.Context, out *output) error {
	r, err := c.open(out)
	if err != nil {
		return err
	}
	p, err := r.ask(ctx, ledger.KeyMembers())
	if err != nil {
		return err
	}
	members, err := p.Members()
	if err != nil {
		return r.failure(err)
	}
	type validator struct {
		Key   string  `json:"pub_key"`
		Power int64   `json:"power"`
		Owner did.DID `json:"member,omitempty"`
		Name  string  `json:"name,omitempty"`
	}
	object := struct {
		stamp
		Validators []validator `json:"validators"`
	}{r.stamp(p), []validator{}}
	total := int64(0)
	for _, v := range p.Validators {
		total += v.Power
		one := validator{Key: hex.EncodeToString(v.PubKey), Power: v.Power}
		for _, m := range members {
			if bytes.Equal(m.Validator, v.PubKey) {
				one.Owner, one.Name = m.DID, m.Name
			}
		}
		object.Validators = append(object.Validators, one)
	}
	slices.SortFunc(object.Validators, func(a, b validator) int {
		return strings.Compare(a.Name+a.Key, b.Name+b.Key)
	})
	rows := [][]string{{"MEMBER", "KEY", "SHARE"}}
	for _, v := range object.Validators {
		name := plain(v.Name)
		if name == "" {
			name = "(leaving)"
		}
		rows = append(rows, []string{name, v.Key[:min(len(v.Key), 12)], fmt.Sprintf("%d of %d", v.Power, total)})
	}
	return r.print(p, object, func(w io.Writer) {
		table(w, rows...)
		fmt.Fprintf(w, "\n%s\n", tolerance(len(object.Validators)))
	})
}

// tolerance says what a number of validators withstands.
func tolerance(n int) string {
	switch faulty := (n - 1) / 3; {
	case n == 1:
		return "One validator: a signed log with one operator."
	case faulty == 0:
		return fmt.Sprintf("%d validators: every one must be up, and none may be faulty; tolerance begins at four.", n)
	default:
		return fmt.Sprintf("%d validators: the network goes on with %d of them down or faulty.", n, faulty)
	}
}

type stopsCmd struct{ readFlags }

// Run shows what is stopped.
func (c *stopsCmd) Run(ctx context.Context, out *output) error {
	r, err := c.open(out)
	if err != nil {
		return err
	}
	p, err := r.ask(ctx, ledger.KeyStops(), ledger.KeyMembers())
	if err != nil {
		return err
	}
	stops, err := p.Stops()
	if err != nil {
		return r.failure(err)
	}
	members, err := p.Members()
	if err != nil {
		return r.failure(err)
	}
	now := p.Time.Unix()
	object := struct {
		stamp
		Stops []ledger.StopHint `json:"stops"`
	}{r.stamp(p), []ledger.StopHint{}}
	for i := range stops {
		s := &stops[i]
		object.Stops = append(object.Stops, s.Hint(now))
	}
	return r.print(p, object, func(w io.Writer) {
		n := memberNames(members)
		if len(stops) == 0 {
			fmt.Fprintln(w, "Nothing is stopped.")
		}
		for i := range stops {
			s := &stops[i]
			fmt.Fprintf(w, "Stop %s: %s\n", shortID(s.ID), stopWords(s.Grade, s.Subject, s.Accreditation, n))
			facts(w, "Called by", n.list(slices.Clone(s.Callers))+", "+when(s.Called), "Why", plain(s.Why), "State", stopState(s, now, len(members)))
		}
	})
}

// stopState says whether a stop counts and what comes next.
func stopState(s *ledger.Stop, now int64, members int) string {
	switch {
	case s.Resumed != 0 && s.Resumed <= now:
		return "ended by the members on " + when(s.Resumed)
	case s.From == 0 && now > s.Called+stopCallSeconds:
		return "never counted: no other member joined it within a day"
	case s.From == 0:
		return fmt.Sprintf("does not count yet: %d of %d members called it; another one joins with the same zegel registry stop", len(s.Callers), min(2, members))
	case !s.InForce(now):
		return "lapsed on " + when(s.Until)
	case s.Until == 0:
		return fmt.Sprintf("counts until members end it: zegel registry resume %s", shortID(s.ID)[:4])
	}
	return fmt.Sprintf("counts until %s (%s), or until members end it: zegel registry resume %s; to go on: zegel registry propose confirm %[3]s",
		when(s.Until), left(s.Until, now), shortID(s.ID)[:4])
}

type parametersCmd struct{ readFlags }

// Run shows what members set together.
func (c *parametersCmd) Run(ctx context.Context, out *output) error {
	r, err := c.open(out)
	if err != nil {
		return err
	}
	p, err := r.ask(ctx, ledger.KeyParameters())
	if err != nil {
		return err
	}
	params, err := p.Parameters()
	if err != nil {
		return r.failure(err)
	}
	if params == nil {
		params = &ledger.Parameters{}
	}
	object := struct {
		stamp
		Parameters ledger.ParametersHint `json:"parameters"`
	}{r.stamp(p), ledger.ParametersHint(*params)}
	return r.print(p, object, func(w io.Writer) {
		rows := [][]string{}
		for i, row := range parameterRows(params) {
			rows = append(rows, []string{row[0], row[1], parameterHelp[i]})
		}
		table(w, rows...)
	})
}

var parameterHelp = []string{
	"largest block in bytes", "blocks for which evidence against a validator counts", "seconds for which it counts",
	"days after which nodes delete the text of old transactions", "organisations that no member vouched for", "status lists of the network",
	"longest time for votes in days",
}

type resolveCmd struct {
	readFlags
	Subject string `arg:"" name:"did" help:"The DID."`
}

// Run shows a DID document.
func (c *resolveCmd) Run(ctx context.Context, out *output) error {
	d, err := parseDID(c.Subject)
	if err != nil {
		return err
	}
	r, err := c.open(out)
	if err != nil {
		return err
	}
	p, err := r.ask(ctx, ledger.KeyDID(d), ledger.KeyMembers())
	if err != nil {
		return err
	}
	record, err := r.record(p, d)
	if err != nil {
		return err
	}
	if record == nil {
		return &memberFailure{category: "unknown", text: fmt.Sprintf("%s is proven not to be in the registry, at height %d", d, p.Height)}
	}
	doc, err := record.Document()
	if err != nil {
		return r.failure(err)
	}
	document, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	members, err := p.Members()
	if err != nil {
		return r.failure(err)
	}
	object := struct {
		stamp
		Document json.RawMessage `json:"document"`
		Version  uint64          `json:"version"`
		Created  string          `json:"created,omitempty"`
		Updated  string          `json:"updated,omitempty"`
		NextKey  string          `json:"next_key_hash"`
		Recovery string          `json:"recovery_hash,omitempty"`
	}{r.stamp(p), document, record.Version, iso(record.Created), iso(record.Updated), hex.EncodeToString(record.NextKeyHash), hex.EncodeToString(record.RecoveryHash)}
	return r.print(p, object, func(w io.Writer) { writeRecord(w, record, memberNames(members)) })
}

// writeRecord shows an organisation's keys and services.
func writeRecord(w io.Writer, record *ledger.DIDRecord, n names) {
	state := "in use"
	if record.Deactivated {
		state = "deactivated: it has ended, and nothing of it counts any more"
	}
	recovery := "none: if the keys are lost, only a vote of the members helps"
	if len(record.RecoveryHash) > 0 {
		recovery = "there is one"
	}
	fmt.Fprintln(w, record.ID)
	created, updated := "", ""
	if record.Created != 0 {
		created = when(record.Created)
	}
	if record.Updated != 0 {
		updated = when(record.Updated)
	}
	facts(w, "Created", created, "Changed", updated, "Name", n[record.ID], "State", state, "Version", fmt.Sprint(record.Version), "Recovery key", recovery)
	rows := [][]string{{"KEY", "FOR", "FROM", "UNTIL"}}
	for i := range record.Keys {
		k := &record.Keys[i]
		until := ""
		if k.Until != 0 {
			until = when(k.Until)
		}
		if k.Compromised {
			until += " (compromised)"
		}
		rows = append(rows, []string{k.ID, keyUse(k.Purposes), when(k.From), until})
	}
	fmt.Fprintln(w)
	table(w, rows...)
	if len(record.Services) > 0 {
		rows = [][]string{{"SERVICE", "TYPE", "ADDRESS"}}
		for _, s := range record.Services {
			rows = append(rows, []string{s.ID, plain(s.Type), plain(s.Endpoint)})
		}
		fmt.Fprintln(w)
		table(w, rows...)
	}
}

// keyUses are the words for what a key is for, here and in --add-key.
var keyUses = map[string]did.Purpose{
	"issue": did.AssertionMethod, "ask": did.Authentication, "registry": did.CapabilityInvocation, "encrypt": did.KeyAgreement,
}

func keyUse(purposes []did.Purpose) string {
	var out []string
	for _, word := range slices.Sorted(maps.Keys(keyUses)) {
		if slices.Contains(purposes, keyUses[word]) {
			out = append(out, word)
		}
	}
	return strings.Join(out, ", ")
}

type listsCmd struct{ readFlags }

// Run shows all status lists.
func (c *listsCmd) Run(ctx context.Context, out *output) error {
	r, err := c.open(out)
	if err != nil {
		return err
	}
	p, err := r.ask(ctx, ledger.KeyIndex(), ledger.KeyMembers())
	if err != nil {
		return err
	}
	members, err := p.Members()
	if err != nil {
		return r.failure(err)
	}
	value, present, err := p.Value(ledger.KeyIndex())
	if err != nil {
		return r.failure(err)
	}
	index := &ledger.Index{}
	if present {
		if index, err = ledger.DecodeIndex(value); err != nil {
			return r.failure(err)
		}
	}
	type listJSON struct {
		URI    string  `json:"uri"`
		Owner  did.DID `json:"owner"`
		Bits   int     `json:"bits"`
		Size   uint64  `json:"size"`
		TTL    int64   `json:"ttl"`
		Expiry string  `json:"expiry"`
		Root   string  `json:"root"`
		Height int64   `json:"changed_at_height"`
	}
	lists := []listJSON{}
	for part := range slices.Chunk(index.Lists, follow.MaxKeys) {
		keys := make([]ledger.Key, len(part))
		for i, uri := range part {
			keys[i] = ledger.KeyList(uri)
		}
		a, err := r.reader.Read(ctx, keys...)
		if err != nil {
			return r.failure(err)
		}
		p.add(a)
		for _, uri := range part {
			m, err := a.List(uri)
			if err != nil {
				return r.failure(err)
			}
			if m == nil {
				continue // retired between the two answers
			}
			lists = append(lists, listJSON{m.URI, m.Owner, m.Bits, m.Size, m.TTL, iso(m.Expiry), hex.EncodeToString(m.Root), m.Height})
		}
	}
	object := struct {
		stamp
		Lists []listJSON `json:"lists"`
	}{r.stamp(p), lists}
	return r.print(p, object, func(w io.Writer) {
		if len(lists) == 0 {
			fmt.Fprintln(w, "There are no status lists.")
			return
		}
		n := memberNames(members)
		rows := [][]string{{"OWNER", "ENTRIES", "BITS", "EXPIRES", "URI"}}
		for _, l := range lists {
			expiry, _ := time.Parse(time.RFC3339, l.Expiry)
			rows = append(rows, []string{n.of(l.Owner), fmt.Sprint(l.Size), fmt.Sprint(l.Bits), day(expiry.Unix()), plain(l.URI)})
		}
		table(w, rows...)
	})
}
