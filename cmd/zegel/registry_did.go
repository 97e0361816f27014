package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
)

// didCmd is about the organisation's own DID.
type didCmd struct {
	Create     didCreateCmd     `cmd:"" help:"Make keys and a new DID."`
	Update     didUpdateCmd     `cmd:"" help:"Change keys or services. The key for transactions is rotated as well."`
	Rotate     didRotateCmd     `cmd:"" help:"Replace the key for transactions by the next key, which the record committed to."`
	Recover    didRecoverCmd    `cmd:"" help:"Replace all keys for transactions with the recovery key."`
	Deactivate didDeactivateCmd `cmd:"" help:"End the DID, for ever."`
}

// changeFlags are what can be changed in a record.
type changeFlags struct {
	AddKey        []string `help:"Key to add, as USE:ID=FILE with the use issue, ask, registry or encrypt and a PEM file; may be repeated." placeholder:"USE:ID=FILE" sep:"none"`
	RemoveKey     []string `help:"Key that is rotated out: what it signed before stays good; may be repeated." placeholder:"ID" sep:"none"`
	Compromised   []string `help:"Key that somebody else has: what it signed counts no more; may be repeated." placeholder:"ID" sep:"none"`
	Issuer        string   `help:"Address of the organisation's issuer." placeholder:"URL"`
	Verifier      string   `help:"Address of the organisation's verifier." placeholder:"URL"`
	RemoveService []string `help:"Service to remove; may be repeated." placeholder:"ID" sep:"none"`
}

func (c *changeFlags) keys(development bool) ([]ledger.KeyRecord, error) {
	var all []ledger.KeyRecord
	for _, s := range c.AddKey {
		use, rest, _ := strings.Cut(s, ":")
		id, path, ok := strings.Cut(rest, "=")
		purpose := keyUses[use]
		if !ok || purpose == "" {
			return nil, &usageError{fmt.Sprintf("--add-key %s: USE:ID=FILE with the use issue, ask, registry or encrypt", s)}
		}
		pub, err := readPublic(path, development)
		if err != nil {
			return nil, err
		}
		k, err := ledger.NewKeyRecord(id, pub, purpose)
		if err != nil {
			return nil, &usageError{fmt.Sprintf("--add-key %s: %v", s, err)}
		}
		all = append(all, k)
	}
	return all, nil
}

func (c *changeFlags) services(have []ledger.ServiceRecord) []ledger.ServiceRecord {
	have = slices.Clone(have)
	put := func(id, kind, url string) {
		if url == "" {
			return
		}
		have = slices.DeleteFunc(have, func(s ledger.ServiceRecord) bool { return s.ID == id })
		have = append(have, ledger.ServiceRecord{ID: id, Type: kind, Endpoint: url})
	}
	put("issuer", did.ServiceIssuer, c.Issuer)
	put("verifier", did.ServiceVerifier, c.Verifier)
	return slices.DeleteFunc(have, func(s ledger.ServiceRecord) bool { return slices.Contains(c.RemoveService, s.ID) })
}

// successor returns the record that comes after one: its keys that still count but for the dropped ones, and what changed.
func (c *changeFlags) successor(record *ledger.DIDRecord, drop []string, development bool) (*ledger.DIDRecord, error) {
	next := &ledger.DIDRecord{Services: c.services(record.Services), RecoveryHash: record.RecoveryHash}
	for _, id := range slices.Concat(c.RemoveKey, c.Compromised) {
		if !slices.ContainsFunc(record.Keys, func(k ledger.KeyRecord) bool { return k.ID == id }) {
			return nil, &usageError{fmt.Sprintf("the record has no key %q", id)}
		}
	}
	for _, k := range record.Keys {
		bad := slices.Contains(c.Compromised, k.ID)
		if !bad && (k.Until != 0 || k.Compromised || slices.Contains(c.RemoveKey, k.ID) || slices.Contains(drop, k.ID)) {
			continue // the registry keeps what must stay visible
		}
		k.From, k.Until, k.Compromised = 0, 0, bad
		next.Keys = append(next.Keys, k)
	}
	added, err := c.keys(development)
	if err != nil {
		return nil, err
	}
	next.Keys = append(next.Keys, added...)
	for _, id := range c.RemoveService {
		if !slices.ContainsFunc(record.Services, func(s ledger.ServiceRecord) bool { return s.ID == id }) {
			return nil, &usageError{fmt.Sprintf("the record has no service %q", id)}
		}
	}
	return next, nil
}

// inWords says what changes beside the key for transactions.
func (c *changeFlags) inWords() string {
	var all []string
	add := func(what string, ids []string) {
		if len(ids) > 0 {
			all = append(all, what+" "+strings.Join(ids, ", "))
		}
	}
	add("add key", c.AddKey)
	add("rotate out key", c.RemoveKey)
	add("mark as compromised key", c.Compromised)
	if c.Issuer != "" {
		add("issuer at", []string{c.Issuer})
	}
	if c.Verifier != "" {
		add("verifier at", []string{c.Verifier})
	}
	add("remove service", c.RemoveService)
	return strings.Join(all, "; ")
}

// ownFlags are of commands that change a record.
type ownFlags struct {
	writeFlags
	NextKey string `help:"Next key (PEM), which the record committed to." placeholder:"FILE" type:"path"`
}

// own opens the organisation's own record. These commands sign with other keys than the one in use.
func (f *ownFlags) own(ctx context.Context, out *output) (*acting, *ledger.DIDRecord, *keyFiles, error) {
	r, err := f.readFlags.open(out)
	if err != nil {
		return nil, nil, nil, err
	}
	for given, known := range map[*string]string{&f.DID: r.file.DID, &f.Key: r.file.Key, &f.NextKey: r.file.NextKey} {
		if *given == "" {
			*given = known
		}
		if *given == "" {
			return nil, nil, nil, &usageError{fmt.Sprintf("give --did, --key and --next-key, or --dir with a %s that names them", memberFileName)}
		}
	}
	a := &acting{reading: r, flags: &f.writeFlags}
	if a.who.DID, err = parseDID(f.DID); err != nil {
		return nil, nil, nil, err
	}
	record, err := a.ownRecord(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	return a, record, &keyFiles{key: f.Key, next: f.NextKey, recovery: r.file.RecoveryKey, development: f.Dev}, nil
}

func (a *acting) ownRecord(ctx context.Context) (*ledger.DIDRecord, error) {
	p, err := a.ask(ctx, ledger.KeyDID(a.who.DID))
	if err != nil {
		return nil, err
	}
	record, err := a.record(p, a.who.DID)
	if err == nil && record == nil {
		err = &memberFailure{category: "unknown", text: fmt.Sprintf("%s is not in the registry", a.who.DID)}
	}
	return record, err
}

type didRotateCmd struct{ ownFlags }

// Run replaces the key for transactions.
func (c *didRotateCmd) Run(ctx context.Context, out *output) error {
	return c.rotate(ctx, out, &changeFlags{})
}

type didUpdateCmd struct {
	ownFlags
	changeFlags
}

// Run changes the record.
func (c *didUpdateCmd) Run(ctx context.Context, out *output) error {
	if c.changeFlags.inWords() == "" {
		return &usageError{"nothing to change: see zegel registry did update --help, or use zegel registry did rotate"}
	}
	return c.rotate(ctx, out, &c.changeFlags)
}

// rotate shows the next key and commits to a new one, with what else changes.
func (f *ownFlags) rotate(ctx context.Context, out *output, change *changeFlags) error {
	a, record, files, err := f.own(ctx, out)
	if err != nil {
		return err
	}
	if placed, err := files.made(rotated, record); err != nil {
		return err
	} else if placed {
		if err := files.placeRotated(); err != nil {
			return err
		}
		return a.print(nil, map[string]any{"done": "placed the keys of an earlier rotation", "rotated": false}, func(w io.Writer) {
			fmt.Fprintf(w, "An earlier rotation counts already; its keys are in place now: %s, %s.\n", files.key, files.next)
			if change.inWords() != "" {
				fmt.Fprintln(w, "Nothing else was changed: give the command again if the record does not have it.")
			}
		})
	}
	next, err := files.load(files.next)
	if err != nil {
		return &usageError{fmt.Sprintf("next key: %v", err)}
	}
	if !commits(record.NextKeyHash, next) {
		return &memberFailure{category: "key", text: fmt.Sprintf("%s is not the next key that the record of %s commits to", files.next, a.who.DID),
			hint: "look for the right file; without it the recovery key helps: zegel registry did recover"}
	}
	old := ""
	if now, err := files.load(files.key); err == nil {
		old = keyID(record, now.Public().(ed25519.PublicKey))
	} else if !errors.Is(err, fs.ErrNotExist) {
		return &usageError{err.Error()}
	}
	to, err := change.successor(record, []string{old}, files.development)
	if err != nil {
		return err
	}
	id := nextKeyID(record)
	shown, err := ledger.NewKeyRecord(id, next.Public(), did.CapabilityInvocation)
	if err != nil {
		return err
	}
	to.Keys = append([]ledger.KeyRecord{shown}, to.Keys...)
	what := fmt.Sprintf("rotate the key for transactions of %s to %s", a.who.DID, id)
	if words := change.inWords(); words != "" {
		what += "; " + words
	}
	if err := a.confirm(what); err != nil {
		return err
	}
	made, err := files.make(files.next + rotated)
	if err != nil {
		return err
	}
	to.NextKeyHash = ledger.KeyHash(made.Public().(ed25519.PublicKey))
	if err := to.Check(); err != nil {
		return &usageError{err.Error()}
	}
	a.who.KeyID, a.who.Key = id, next
	return a.replace(ctx, what, ledger.Tx{Kind: ledger.UpdateDID, DID: to}, files, rotated, files.placeRotated)
}

// replace sends a transaction that changes keys and puts the new ones in place.
func (a *acting) replace(ctx context.Context, what string, tx ledger.Tx, files *keyFiles, end string, place func() error) error {
	a.flags.Yes = true // asked already, before a file was made
	d, err := a.send(ctx, what, tx)
	if err != nil {
		// An earlier try may have had its effect meanwhile, which is why this one was refused.
		record, again := a.ownRecord(ctx)
		if again != nil {
			return err
		}
		if made, again := files.made(end, record); again != nil || !made {
			return err
		}
		d = &done{Done: what + " (by an earlier try)"}
	}
	if err := place(); err != nil {
		return &memberFailure{category: "files", text: fmt.Sprintf("the registry has the new keys, and they are not in their places yet: %v", err), hint: "make room or rights, then run the same command again"}
	}
	lines := []string{fmt.Sprintf("Keys: %s signs from now on, %s is the next one. Keep copies of both in different places.", files.key, files.next)}
	if tx.Kind == ledger.RecoverDID {
		lines = append(lines, fmt.Sprintf("A new recovery key was made too: %s. The one that you used counts no more; take the new one off this machine.", files.recovery))
	}
	return a.finish(d, lines...)
}

// governing returns the ids of the keys for transactions.
func governing(record *ledger.DIDRecord) []string {
	var ids []string
	for _, k := range record.Keys {
		if slices.Contains(k.Purposes, did.CapabilityInvocation) {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

// nextKeyID returns an id that no key of the record has: the number at the end goes up.
func nextKeyID(record *ledger.DIDRecord) string {
	name, highest := "registry", 0
	for i := range record.Keys {
		k := &record.Keys[i]
		if !slices.Contains(k.Purposes, did.CapabilityInvocation) {
			continue
		}
		if at := strings.LastIndexByte(k.ID, '-'); at > 0 {
			if n, err := strconv.Atoi(k.ID[at+1:]); err == nil && n >= highest && n < 1<<30 {
				name, highest = k.ID[:at], n
			}
		}
	}
	for {
		highest++
		id := fmt.Sprintf("%s-%d", name, highest)
		if !slices.ContainsFunc(record.Keys, func(k ledger.KeyRecord) bool { return k.ID == id }) {
			return id
		}
	}
}

type didRecoverCmd struct {
	ownFlags
	changeFlags
	RecoveryKey string `help:"Recovery key (PEM), from where it was kept." placeholder:"FILE" type:"path"`
}

// Run replaces all keys for transactions.
func (c *didRecoverCmd) Run(ctx context.Context, out *output) error {
	a, record, files, err := c.own(ctx, out)
	if err != nil {
		return err
	}
	if c.RecoveryKey != "" {
		files.recovery = c.RecoveryKey
	}
	if files.recovery == "" {
		return &usageError{"give --recovery-key FILE"}
	}
	if placed, err := files.made(recovered, record); err != nil {
		return err
	} else if placed {
		if err := files.placeRecovered(); err != nil {
			return err
		}
		return a.print(nil, map[string]any{"done": "placed the keys of an earlier recovery", "recovered": false}, func(w io.Writer) {
			fmt.Fprintf(w, "An earlier recovery counts already; its keys are in place now: %s, %s, %s.\n", files.key, files.next, files.recovery)
		})
	}
	recovery, err := files.load(files.recovery)
	if err != nil {
		return &usageError{fmt.Sprintf("recovery key: %v", err)}
	}
	if !commits(record.RecoveryHash, recovery) {
		return &memberFailure{category: "key", text: fmt.Sprintf("%s is not the recovery key that the record of %s commits to", files.recovery, a.who.DID),
			hint: "without it the members can help: zegel registry propose recover"}
	}
	to, err := c.successor(record, governing(record), files.development)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("replace all keys for transactions of %s by new ones", a.who.DID)
	if words := c.changeFlags.inWords(); words != "" {
		what += "; " + words
	}
	if err := a.confirm(what); err != nil {
		return err
	}
	var made [3]ed25519.PublicKey
	for i, path := range []string{files.key, files.next, files.recovery} {
		key, err := files.make(path + recovered)
		if err != nil {
			return err
		}
		made[i] = key.Public().(ed25519.PublicKey)
	}
	shown, err := ledger.NewKeyRecord(nextKeyID(record), made[0], did.CapabilityInvocation)
	if err != nil {
		return err
	}
	to.Keys = append([]ledger.KeyRecord{shown}, to.Keys...)
	to.NextKeyHash, to.RecoveryHash = ledger.KeyHash(made[1]), ledger.KeyHash(made[2])
	if err := to.Check(); err != nil {
		return &usageError{err.Error()}
	}
	a.who = follow.Writer{DID: a.who.DID, KeyID: ledger.RecoveryKeyID, Key: recovery}
	tx := ledger.Tx{Kind: ledger.RecoverDID, Recover: &ledger.RecoverAction{Record: *to, Key: recovery.Public().(ed25519.PublicKey)}}
	return a.replace(ctx, what, tx, files, recovered, files.placeRecovered)
}

type didDeactivateCmd struct{ writeFlags }

// Run ends the DID.
func (c *didDeactivateCmd) Run(ctx context.Context, out *output) error {
	a, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	d, err := a.send(ctx, fmt.Sprintf("end %s for ever: nothing that it issued or asks counts any more", a.who.DID), ledger.Tx{Kind: ledger.DeactivateDID})
	if err != nil {
		return err
	}
	return a.finish(d)
}

type listCmd struct {
	Retire listRetireCmd `cmd:"" help:"End a status list that has expired: it leaves the registry."`
}

type listRetireCmd struct {
	writeFlags
	URI string `arg:"" help:"The list's exact URI."`
}

// Run retires a list.
func (c *listRetireCmd) Run(ctx context.Context, out *output) error {
	a, err := c.open(ctx, out)
	if err != nil {
		return err
	}
	d, err := a.send(ctx, "retire the status list "+plain(c.URI)+"; it leaves the registry after its expiry", ledger.Tx{Kind: ledger.RetireList, RetireList: &ledger.ListName{URI: c.URI}})
	if err != nil {
		return err
	}
	return a.finish(d)
}
