package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
)

// Files that did create makes in a directory of their own.
const (
	createdKey      = "registry-key.pem"
	createdNext     = "registry-next-key.pem"
	createdRecovery = "recovery-key.pem"
	createdRecord   = "record.cbor"
	createdNetwork  = "network.json"
)

type didCreateCmd struct {
	writeFlags
	Out      string   `help:"Directory for the keys and the record; it is made if missing." required:"" type:"path" placeholder:"DIR"`
	AddKey   []string `help:"Further key, as USE:ID=FILE with the use issue, ask, registry or encrypt and a PEM file; may be repeated." placeholder:"USE:ID=FILE" sep:"none"`
	Issuer   string   `help:"Address of the organisation's issuer." placeholder:"URL"`
	Verifier string   `help:"Address of the organisation's verifier." placeholder:"URL"`
	Vouch    bool     `help:"Create it as a member for another organisation: signed with the member's key."`
	NoSend   bool     `help:"Make the files only: for zegel registry propose admit."`
	For      string   `help:"Make the files only, for this DID whose keys are lost: for zegel registry propose recover." placeholder:"DID"`
}

// Run makes a DID. The files come first, so that no key is lost; with the files there, the command sends the same record.
func (c *didCreateCmd) Run(ctx context.Context, out *output) error {
	r, err := c.readFlags.open(out)
	if err != nil {
		return err
	}
	var record *ledger.DIDRecord
	if c.holds(memberFileName) && c.holds(createdRecord) { // of an earlier run
		record, err = readRecord(filepath.Join(c.Out, createdRecord))
	} else {
		record, err = c.write(ctx, r)
	}
	if err != nil {
		return err
	}
	where := fmt.Sprintf("Keys are in %s. Move %s to a safe place that is not connected, and keep a copy of %s apart.", c.Out, createdRecovery, createdNext)
	id := did.DID(c.For)
	if c.For == "" {
		if id, err = ledger.NewDID(r.network.Name, record); err != nil {
			return err
		}
	}
	if c.NoSend || c.For != "" {
		object := map[string]any{"done": "made files", "did": id, "dir": c.Out}
		return r.print(nil, object, func(w io.Writer) {
			fmt.Fprintf(w, "DID: %s. Nothing was sent.\n%s\nFingerprint of %s: %s\n", id, where, createdRecord, recordFingerprint(record))
		})
	}
	files := &keyFiles{development: c.Dev}
	a := &acting{reading: r, flags: &c.writeFlags}
	what := fmt.Sprintf("create %s", id)
	if c.Vouch {
		if a, err = c.open(ctx, out); err != nil {
			return err
		}
		what += ", for which this member vouches"
	} else {
		key, err := files.load(filepath.Join(c.Out, createdKey))
		if err != nil {
			return &usageError{err.Error()}
		}
		a.who = follow.Writer{DID: id, KeyID: record.Keys[0].ID, Key: key}
	}
	p, err := a.ask(ctx, ledger.KeyDID(id))
	if err != nil {
		return err
	}
	if have, err := a.record(p, id); err != nil {
		return err
	} else if have != nil {
		return &memberFailure{category: "conflict", text: fmt.Sprintf("%s is in the registry already, from an earlier run", id)}
	}
	d, err := a.send(ctx, what, ledger.Tx{Kind: ledger.CreateDID, DID: record})
	if err != nil {
		return err
	}
	return a.finish(d, where)
}

func (c *didCreateCmd) holds(name string) bool {
	_, err := os.Lstat(filepath.Join(c.Out, name))
	return !errors.Is(err, fs.ErrNotExist)
}

// write makes the files. It touches none that is there: a key cannot be made again.
func (c *didCreateCmd) write(ctx context.Context, r *reading) (*ledger.DIDRecord, error) {
	before := &ledger.DIDRecord{}
	if c.For != "" {
		a := &acting{reading: r, flags: &c.writeFlags}
		var err error
		if a.who.DID, err = parseDID(c.For); err != nil {
			return nil, err
		}
		if before, err = a.ownRecord(ctx); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{createdKey, createdNext, createdRecovery, createdRecord, memberFileName} {
		if c.holds(name) {
			return nil, &usageError{fmt.Sprintf("%s is in %s already, of another DID or of a run that was cut off: choose another --out", name, c.Out)}
		}
	}
	dir := c.Out
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	files := &keyFiles{development: c.Dev}
	made := map[string]ed25519.PublicKey{}
	for _, name := range []string{createdKey, createdNext, createdRecovery} {
		key, err := files.make(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		made[name] = key.Public().(ed25519.PublicKey)
	}
	change := &changeFlags{AddKey: c.AddKey, Issuer: c.Issuer, Verifier: c.Verifier}
	record, err := change.successor(before, governing(before), c.Dev)
	if err != nil {
		return nil, err
	}
	first, err := ledger.NewKeyRecord(nextKeyID(before), made[createdKey], did.CapabilityInvocation)
	if err != nil {
		return nil, err
	}
	record.Keys = append([]ledger.KeyRecord{first}, record.Keys...)
	record.NextKeyHash, record.RecoveryHash = ledger.KeyHash(made[createdNext]), ledger.KeyHash(made[createdRecovery])
	id := before.ID
	if id == "" {
		if id, err = ledger.NewDID(r.network.Name, record); err != nil {
			return nil, &usageError{err.Error()}
		}
	}
	raw, err := ledger.Encode(record)
	if err != nil {
		return nil, err
	}
	if !c.holds(createdNetwork) {
		if err := write(filepath.Join(dir, createdNetwork), r.network.Encode()); err != nil {
			return nil, err
		}
	}
	if err := write(filepath.Join(dir, createdRecord), raw); err != nil {
		return nil, err
	}
	file := fmt.Appendf(nil, memberSample, createdNetwork, id, createdKey, createdNext, createdRecovery)
	return record, write(filepath.Join(dir, memberFileName), file)
}

// memberSample is the file that fills in what the commands need.
const memberSample = `# What the commands zegel registry use when they run with this directory (--dir). Paths are relative to this file.

# The network file: the root of all trust.
network = %q

# The organisation that acts.
did = %q

# The key that signs its transactions, and the next one, which the registry has the hash of.
key = %q
next_key = %q

# The recovery key. Move it to a place that is not connected, and give --recovery-key when it is needed.
recovery_key = %q
`
