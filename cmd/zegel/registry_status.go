package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
)

type statusCmd struct{ readFlags }

// heartbeat is how often there is a block when nothing happens, as nodes are set up.
const heartbeat = 20 * time.Second

type nodeJSON struct {
	URL     string `json:"url"`
	Height  int64  `json:"height,omitempty"`
	Time    string `json:"time,omitempty"`
	Peers   int    `json:"peers,omitempty"`
	Syncing bool   `json:"syncing,omitempty"`
	Waiting int    `json:"waiting,omitempty"`
	Error   string `json:"error,omitempty"`
}

// Run shows how the network does, and what its nodes say about themselves.
func (c *statusCmd) Run(ctx context.Context, out *output) error {
	r, err := c.open(out)
	if err != nil {
		return err
	}
	nodes := []nodeJSON{}
	rows := [][]string{{"NODE", "HEIGHT", "PEERS", "STATE"}}
	for _, s := range r.reader.Nodes(ctx) {
		n := nodeJSON{URL: s.Node}
		row := []string{s.Node, "", "", "ready"}
		if s.Err != nil {
			n.Error = plain(fetch.Reason(s.Err))
			row[3] = n.Error
		} else {
			st := s.Status
			n.Height, n.Time, n.Peers, n.Syncing, n.Waiting = st.Height, plain(st.Time), st.Peers, st.Syncing, st.Waiting
			row[1], row[2] = fmt.Sprint(st.Height), fmt.Sprint(st.Peers)
			switch {
			case st.ChainID != r.network.ChainID:
				n.Error = fmt.Sprintf("it is of chain %q", plain(st.ChainID))
				row[3] = n.Error
			case st.Syncing:
				row[3] = "catching up"
			}
		}
		nodes, rows = append(nodes, n), append(rows, row)
	}
	p, err := r.ask(ctx, ledger.KeyMembers(), ledger.KeyStops(), ledger.KeyProposals())
	if err != nil {
		if !c.JSON {
			table(out.Stderr, rows...) // who looks for the trouble wants to see this most of all
		}
		if f := (*memberFailure)(nil); errors.As(err, &f) && errors.Is(err, ledger.ErrUnavailable) {
			f.hint = "no node gave a fresh proof: look at this machine's clock and its way to the nodes, and ask their operators; or ask another node with --node URL"
		}
		return err
	}
	members, err := p.Members()
	if err != nil {
		return r.failure(err)
	}
	stops, err := p.Stops()
	if err != nil {
		return r.failure(err)
	}
	proposals, err := r.proposals(ctx, p)
	if err != nil {
		return err
	}
	now := p.Time.Unix()
	stopped, voting := 0, 0
	for i := range stops {
		if stops[i].InForce(now) {
			stopped++
		}
	}
	for _, x := range proposals {
		if x.At(now) == ledger.Open {
			voting++
		}
	}
	object := struct {
		stamp
		ChainID    string     `json:"chain_id"`
		Members    int        `json:"members"`
		Validators int        `json:"validators"`
		Stops      int        `json:"stops_in_force"`
		Open       int        `json:"open_proposals"`
		Nodes      []nodeJSON `json:"nodes"` // what they say; not proven
	}{r.stamp(p), r.network.ChainID, len(members), len(p.Validators), stopped, voting, nodes}
	return r.print(p, object, func(w io.Writer) {
		fmt.Fprintf(w, "Network %s (chain %s)\n", r.network.Name, r.network.ChainID)
		if old := r.now().Sub(p.Time); old > 2*heartbeat {
			fmt.Fprintf(w, "Nothing is decided at the moment: the newest block is %s, and there is one every %d seconds when all is well.\n", age(old), int(heartbeat.Seconds()))
		}
		state := "nothing is stopped"
		if stopped > 0 {
			state = count(stopped, "stop counts", "stops count") + ": see zegel registry stops"
		}
		facts(w, "Members", fmt.Sprint(len(members)), "Validators", tolerance(len(p.Validators)), "Stops", state,
			"Votes", count(voting, "proposal is", "proposals are")+" voted on", "Newest block", when(now))
		fmt.Fprintln(w, "\nWhat the nodes say about themselves, which is not proven:")
		table(w, rows...)
	})
}

type txCmd struct {
	readFlags
	DID  string `name:"did" help:"Who sent it, so that it can be proven. Default: the DID of member.toml." placeholder:"DID"`
	Hash string `arg:"" help:"Hash of the transaction, as the command that sent it printed."`
}

// Run says what became of a transaction: proven if it is its sender's newest one or made a proposal, else as nodes say.
func (c *txCmd) Run(ctx context.Context, out *output) error {
	hash, err := hex.DecodeString(c.Hash)
	if err != nil || len(hash) != 32 {
		return &usageError{fmt.Sprintf("%q is not the hash of a transaction: 64 hexadecimal digits", c.Hash)}
	}
	r, err := c.open(out)
	if err != nil {
		return err
	}
	if c.DID == "" {
		c.DID = r.file.DID
	}
	keys := []ledger.Key{ledger.KeyProposal(hash)}
	if c.DID != "" {
		d, err := parseDID(c.DID)
		if err != nil {
			return err
		}
		keys = append(keys, ledger.KeySequence(d))
	}
	p, err := r.ask(ctx, keys...)
	if err != nil {
		return err
	}
	_, proven, err := p.Value(keys[0])
	if err != nil {
		return r.failure(err)
	}
	object := struct {
		stamp
		Tx     string `json:"tx"`
		State  string `json:"state"` // done, refused, waiting, unknown
		Proven bool   `json:"proven"`
		Block  int64  `json:"block,omitempty"`
		Code   uint32 `json:"code,omitempty"`
		Log    string `json:"log,omitempty"`
		Later  bool   `json:"sender_went_on,omitempty"` // a later transaction is the newest one
	}{stamp: r.stamp(p), Tx: c.Hash, State: "unknown", Proven: proven}
	var last ledger.SequenceRecord
	if c.DID != "" {
		d, _ := parseDID(c.DID)
		if last, err = p.Sequence(d); err != nil {
			return r.failure(err)
		}
		object.Proven = proven || bytes.Equal(last.Tx, hash)
	}
	told, err := r.reader.Told(ctx, c.Hash)
	if err != nil && !errors.Is(err, ledger.ErrUnavailable) {
		return r.failure(err)
	}
	switch {
	case told != nil && told.Code != ledger.OK:
		object.State, object.Code, object.Log, object.Block = "refused", uint32(told.Code), plain(told.Log), told.Height
	case told != nil && told.Height > 0:
		object.State, object.Block = "done", told.Height
	case told != nil:
		object.State = "waiting"
	}
	if object.Proven {
		object.State = "done"
	}
	object.Later = !object.Proven && last.N > 0
	return r.print(p, object, func(w io.Writer) {
		fmt.Fprintf(w, "Transaction %s\n", c.Hash)
		switch {
		case object.Proven && object.Block > 0:
			fmt.Fprintf(w, "  It has had its effect, in block %d. That is proven.\n", object.Block)
		case object.Proven:
			fmt.Fprintln(w, "  It has had its effect. That is proven.")
		case object.State == "done":
			fmt.Fprintf(w, "  A node says it is in block %d. Its sender has sent others since, so that is not proven here.\n", object.Block)
		case object.State == "refused":
			fmt.Fprintf(w, "  A node says it was refused: %v\n", refused(ledger.Code(object.Code), object.Log))
		case object.State == "waiting":
			fmt.Fprintln(w, "  It waits for a block. Ask again in a minute.")
		default:
			fmt.Fprintln(w, "  No node knows it now, and it is not its sender's newest one. Nodes forget after some time: look whether its effect is there.")
		}
	})
}
