package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
	"github.com/zegel-id/zegel/pkg/office"
)

// memberCmds are the commands with which people read the registry and take part in it.
type memberCmds struct {
	Members        membersCmd        `cmd:"" group:"Read the registry:" help:"Show the members."`
	Validators     validatorsCmd     `cmd:"" group:"Read the registry:" help:"Show who signs blocks."`
	Proposals      proposalsCmd      `cmd:"" group:"Read the registry:" help:"Show what is voted on."`
	Proposal       proposalCmd       `cmd:"" group:"Read the registry:" help:"Show one proposal with its votes."`
	Stops          stopsCmd          `cmd:"" group:"Read the registry:" help:"Show what is stopped."`
	Parameters     parametersCmd     `cmd:"" group:"Read the registry:" help:"Show what members set together."`
	Resolve        resolveCmd        `cmd:"" group:"Read the registry:" help:"Show the document of a DID."`
	Accreditations accreditationsCmd `cmd:"" group:"Read the registry:" help:"Show what an organisation may issue and ask."`
	Lists          listsCmd          `cmd:"" group:"Read the registry:" help:"Show the status lists."`
	Status         statusCmd         `cmd:"" group:"Read the registry:" help:"Show how the network and its nodes are doing."`
	Tx             txCmd             `cmd:"" group:"Read the registry:" help:"Show what became of a transaction."`

	Propose  proposeCmd  `cmd:"" group:"Decide together:" help:"Propose something for the members to decide."`
	Vote     voteCmd     `cmd:"" group:"Decide together:" help:"Vote on a proposal."`
	Cancel   cancelCmd   `cmd:"" group:"Decide together:" help:"Take back a proposal, or stop what was decided and waits."`
	Execute  executeCmd  `cmd:"" group:"Decide together:" help:"Carry out what was decided and had to wait."`
	Stop     stopCmd     `cmd:"" group:"Decide together:" help:"Call an emergency stop, or join one."`
	Resume   resumeCmd   `cmd:"" group:"Decide together:" help:"End a stop: propose it, or vote yes."`
	Accredit accreditCmd `cmd:"" group:"Decide together:" help:"Let an organisation issue or ask."`
	Withdraw withdrawCmd `cmd:"" group:"Decide together:" help:"End an accreditation."`

	DID  didCmd  `cmd:"" name:"did" group:"The own DID and lists:" help:"Create, change and recover the organisation's own DID."`
	List listCmd `cmd:"" group:"The own DID and lists:" help:"End a status list of one's own."`
}

// readFlags are of every command that asks the registry something.
type readFlags struct {
	Dir     string        `help:"Directory with member.toml, which fills in what is not given here." default:"." type:"path"`
	Network string        `help:"Network file: the root of all trust." placeholder:"FILE" type:"path"`
	Node    []string      `help:"Node to ask first; may be repeated. Default: those of the network file." placeholder:"URL" sep:"none"`
	MaxAge  time.Duration `help:"How old the newest proven header may be." default:"10m" placeholder:"DURATION"`
	Dev     bool          `help:"Development: plain http and development keys, on loopback addresses only."`
	JSON    bool          `name:"json" help:"Print one JSON object."`
}

// writeFlags are of every command that sends a transaction.
type writeFlags struct {
	readFlags
	DID   string        `name:"did" help:"Organisation that acts." placeholder:"DID"`
	Key   string        `help:"Key that signs its transactions (PEM)." placeholder:"FILE" type:"path"`
	KeyID string        `name:"key-id" help:"Id of the key in the DID document. Default: found by the key." placeholder:"ID"`
	Yes   bool          `help:"Do not ask."`
	Wait  time.Duration `help:"How long to wait for the block." default:"2m" placeholder:"DURATION"`
}

// memberFile is what a member's directory says, so that nobody types it again. Paths are relative to the file.
type memberFile struct {
	Network     string   `toml:"network"`
	Nodes       []string `toml:"nodes"`
	DID         string   `toml:"did"`
	Key         string   `toml:"key"`
	NextKey     string   `toml:"next_key"`
	RecoveryKey string   `toml:"recovery_key"`
}

const memberFileName = "member.toml"

func loadMemberFile(dir string) (memberFile, error) {
	var m memberFile
	path := filepath.Join(dir, memberFileName)
	meta, err := toml.DecodeFile(path, &m)
	if errors.Is(err, fs.ErrNotExist) {
		return memberFile{}, nil
	}
	if err != nil {
		return m, &usageError{fmt.Sprintf("%s: %v", path, err)}
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return m, &usageError{fmt.Sprintf("%s: unknown setting %q", path, unknown[0].String())}
	}
	for _, p := range []*string{&m.Network, &m.Key, &m.NextKey, &m.RecoveryKey} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	return m, nil
}

// reading is one command's use of the registry.
type reading struct {
	flags   *readFlags
	out     *output
	in      *bufio.Reader
	file    memberFile
	network *ledger.Network
	reader  *follow.Reader
	now     func() time.Time
}

func (f *readFlags) open(out *output) (*reading, error) {
	r := &reading{flags: f, out: out, in: bufio.NewReader(out.Stdin), now: time.Now}
	var err error
	if r.file, err = loadMemberFile(f.Dir); err != nil {
		return nil, err
	}
	path := f.Network
	if path == "" {
		path = r.file.Network
	}
	if path == "" {
		return nil, &usageError{fmt.Sprintf("no network file: give --network FILE, or --dir with a %s", memberFileName)}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &usageError{fmt.Sprintf("network file: %v", err)}
	}
	if r.network, err = ledger.ParseNetwork(data); err != nil {
		return nil, &usageError{fmt.Sprintf("%s: %v", path, err)}
	}
	if r.network.Development && !f.Dev {
		return nil, &usageError{path + " is of a development network; that takes --dev"}
	}
	var nodes []string
	for _, n := range slices.Concat(f.Node, r.file.Nodes, r.network.Nodes) {
		if n = strings.TrimRight(n, "/"); !slices.Contains(nodes, n) {
			nodes = append(nodes, n)
		}
	}
	r.reader, err = follow.NewReader(follow.Config{
		Network: r.network, Nodes: nodes, Fetch: &fetch.Client{Loopback: f.Dev, Private: true}, Now: time.Now,
	}, f.MaxAge)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	return r, nil
}

// ask reads proven values, any number of keys. The height and the time are those of the oldest answer.
func (r *reading) ask(ctx context.Context, keys ...ledger.Key) (*proof, error) {
	p := &proof{}
	for part := range slices.Chunk(keys, follow.MaxKeys) {
		a, err := r.reader.Read(ctx, part...)
		if err != nil {
			return nil, r.failure(err)
		}
		p.add(a)
	}
	return p, nil
}

// proof is what the nodes proved to one command. Several answers may be of different heights.
type proof struct {
	*follow.Answer // the oldest
	all            []*follow.Answer
}

func (p *proof) add(a *follow.Answer) {
	if p.Answer == nil || a.Height < p.Height {
		p.Answer = a
	}
	p.all = append(p.all, a)
}

// of returns the answer that holds a key.
func (p *proof) of(k ledger.Key) *follow.Answer {
	for _, a := range p.all {
		if _, _, err := a.Value(k); err == nil {
			return a
		}
	}
	return p.Answer // which says that it does not have it
}

// stamp is how fresh an answer is, in every object that is printed.
type stamp struct {
	Network string `json:"network"`
	Height  int64  `json:"height"`
	Time    string `json:"time"` // of the header
}

func (r *reading) stamp(p *proof) stamp {
	return stamp{r.network.Name, p.Height, p.Time.Format(time.RFC3339)}
}

// print shows an answer: one object for programs, text for people, who also hear how fresh it is.
func (r *reading) print(p *proof, object any, people func(w io.Writer)) error {
	if r.flags.JSON {
		return printJSON(r.out.Stdout, object)
	}
	people(r.out.Stdout)
	if p != nil {
		fmt.Fprintf(r.out.Stdout, "\n%s: proven at height %d, %s.\n", r.network.Name, p.Height, age(r.now().Sub(p.Time)))
	}
	return nil
}

func printJSON(w io.Writer, object any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(object)
}

// acting is a reading by an organisation that sends a transaction.
type acting struct {
	*reading
	flags *writeFlags
	who   follow.Writer
}

// open finds who acts. The key's id is found in the proven record: it changes with each rotation.
func (f *writeFlags) open(ctx context.Context, out *output) (*acting, error) {
	r, err := f.readFlags.open(out)
	if err != nil {
		return nil, err
	}
	a := &acting{reading: r, flags: f}
	if f.DID == "" {
		f.DID = r.file.DID
	}
	if f.Key == "" {
		f.Key = r.file.Key
	}
	if f.DID == "" || f.Key == "" {
		return nil, &usageError{fmt.Sprintf("no organisation that acts: give --did and --key, or --dir with a %s", memberFileName)}
	}
	if a.who.DID, err = parseDID(f.DID); err != nil {
		return nil, err
	}
	if a.who.Key, err = r.loadKey(f.Key); err != nil {
		return nil, err
	}
	if a.who.KeyID = f.KeyID; a.who.KeyID != "" {
		return a, nil
	}
	p, err := r.ask(ctx, ledger.KeyDID(a.who.DID))
	if err != nil {
		return nil, err
	}
	record, err := r.record(p, a.who.DID)
	if err != nil {
		return nil, err
	}
	if record == nil {
		return nil, &memberFailure{category: "unknown", text: fmt.Sprintf("%s is not in the registry", a.who.DID)}
	}
	if a.who.KeyID = keyID(record, a.who.Key.Public().(ed25519.PublicKey)); a.who.KeyID == "" {
		return nil, &memberFailure{category: "key", text: fmt.Sprintf("%s is not among the keys of %s that sign transactions", f.Key, a.who.DID),
			hint: "after a rotation that was interrupted: zegel registry did rotate puts the new key in place"}
	}
	return a, nil
}

// keyID returns the id of a key that signs transactions, or "".
func keyID(record *ledger.DIDRecord, key ed25519.PublicKey) string {
	for i := range record.Keys {
		k := &record.Keys[i]
		if j, err := k.Key(); err == nil && k.Until == 0 && slices.Contains(k.Purposes, did.CapabilityInvocation) && key.Equal(j.Key) {
			return k.ID
		}
	}
	return ""
}

func (r *reading) record(p *proof, d did.DID) (*ledger.DIDRecord, error) {
	value, present, err := p.of(ledger.KeyDID(d)).Value(ledger.KeyDID(d))
	if err != nil || !present {
		return nil, r.failure(err)
	}
	record, err := ledger.DecodeDID(value, d)
	return record, r.failure(err)
}

func (r *reading) loadKey(path string) (ed25519.PrivateKey, error) {
	signer, err := office.LoadKey(path, r.flags.Dev)
	if errors.Is(err, office.ErrDevelopmentKey) {
		return nil, &usageError{err.Error() + "; that takes --dev"}
	}
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		fmt.Fprintf(r.out.Stderr, "warning: others on this machine can read %s\n", path)
	}
	key, ok := signer.(ed25519.PrivateKey)
	if !ok {
		return nil, &usageError{fmt.Sprintf("key file %q: transactions are signed with Ed25519", path)}
	}
	return key, nil
}

func parseDID(s string) (did.DID, error) {
	d, err := did.Parse(s)
	if err != nil || d.Method() != "zegel" {
		return "", &usageError{fmt.Sprintf("%q is not a did:zegel", s)}
	}
	return d, nil
}

// confirm says what will be done and asks, unless --yes has answered.
func (a *acting) confirm(what string) error {
	if a.flags.Yes {
		return nil
	}
	if !isTerminal(a.out.Stdin) {
		return &usageError{"this changes the registry: " + what + "\nhint: look at it, then give --yes; on a terminal you are asked"}
	}
	fmt.Fprintf(a.out.Stderr, "In the registry %q, as %s:\n  %s\nDo this? (y/n) ", a.network.Name, a.who.DID, what)
	answer, _ := a.in.ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes", "j", "ja":
		return nil
	}
	return &memberFailure{category: "declined", text: "you said no; nothing was sent"}
}

// done is what a command that sent a transaction prints.
type done struct {
	Done     string `json:"done"`
	Tx       string `json:"tx"`
	Height   int64  `json:"height"`
	Proposal string `json:"proposal,omitempty"`
}

// send asks, sends and waits until the transaction is in a block and that is proven.
func (a *acting) send(ctx context.Context, what string, tx ledger.Tx) (*done, error) {
	if err := a.confirm(what); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.flags.Wait)
	defer cancel()
	sent, err := a.reader.Send(ctx, a.who, tx)
	switch {
	case err != nil && sent.Hash != nil:
		return nil, &memberFailure{category: "unknown_outcome", text: fmt.Sprintf("transaction %x was sent, and it is not known yet what became of it: %v", sent.Hash, err),
			hint: fmt.Sprintf("ask again before doing anything twice: zegel registry tx %x", sent.Hash)}
	case err != nil:
		return nil, a.failure(err)
	case sent.Code != ledger.OK:
		return nil, refused(sent.Code, sent.Log)
	}
	return &done{Done: what, Tx: fmt.Sprintf("%x", sent.Hash), Height: sent.Height}, nil
}

// finish prints what was done.
func (a *acting) finish(d *done, more ...string) error {
	return a.print(nil, d, func(w io.Writer) {
		fmt.Fprintf(w, "Done: %s.\n", d.Done)
		for _, line := range more {
			fmt.Fprintln(w, line)
		}
		fmt.Fprintf(w, "Transaction %s is in block %d, and that is proven.\n", d.Tx, d.Height)
	})
}
