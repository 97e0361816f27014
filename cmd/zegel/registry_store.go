package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/zegel-id/zegel/registry"
)

// storeCmds are for whoever operates a node: they look at what it has on its disk.
type storeCmds struct {
	Snapshot snapshotCmd `cmd:"" group:"A node's disk:" help:"Make a snapshot of a stopped node's state, or list the snapshots."`
	Restore  restoreCmd  `cmd:"" group:"A node's disk:" help:"Start a new node's directory from a snapshot."`
	Prune    pruneCmd    `cmd:"" group:"A node's disk:" help:"Remove what is past its time from a stopped node, as a running one does by itself."`
	Verify   verifyCmd   `cmd:"" group:"A node's disk:" help:"Execute the blocks of a stopped node once more and check every root and signature."`
}

type storeFlags struct {
	Config string `help:"The node's node.toml, or the directory it is in." required:"" type:"path" placeholder:"FILE"`
	JSON   bool   `name:"json" help:"Print one JSON object."`
}

func (f *storeFlags) dir() string {
	if filepath.Base(f.Config) == "node.toml" {
		return filepath.Dir(f.Config)
	}
	return f.Config
}

// answer prints the object or the text.
func (f *storeFlags) answer(out *output, object any, format string, args ...any) error {
	if f.JSON {
		return printJSON(out.Stdout, object)
	}
	_, err := fmt.Fprintf(out.Stdout, format+"\n", args...)
	return err
}

// storeFailure gives an error its category and says what to do.
func storeFailure(err error) error {
	var bad *registry.BadBlock
	f := &memberFailure{category: "failed", err: err}
	switch {
	case err == nil:
		return nil
	case errors.As(err, &bad):
		f.category = "not_verified"
		f.hint = "this node's blocks are damaged or were changed: keep its disk for the members to look at, and restore the node from a snapshot of another one"
	case errors.Is(err, registry.ErrRuns):
		f.category, f.hint = "in_use", "stop the node, or do this with a copy of its directory; a running node makes snapshots and prunes by itself"
	case errors.Is(err, registry.ErrAlone):
		f.category, f.hint = "refused", "restore a copy of the whole directory that was made while the node was stopped; if there is none, --lose-blocks goes on from the snapshot"
	case errors.Is(err, fs.ErrExist):
		f.category, f.hint = "conflict", "a snapshot is restored into a directory with keys, genesis.json and node.toml, and no blocks"
	case errors.Is(err, context.Canceled):
		f.category = "interrupted"
	}
	f.text = err.Error()
	return f
}

type snapshotJSON struct {
	Height int64  `json:"height"`
	Time   string `json:"time"` // of the block's header
	Dir    string `json:"dir"`
	Chunks int    `json:"chunks"`
}

func snapshotOf(s *registry.Snapshot) snapshotJSON {
	return snapshotJSON{Height: s.Height, Time: s.Time.UTC().Format(time.RFC3339), Dir: s.Dir, Chunks: s.Chunks}
}

type snapshotCmd struct {
	storeFlags
	List bool `help:"List the snapshots instead; the node may run."`
}

// Run makes a snapshot or lists those there are.
func (c *snapshotCmd) Run(ctx context.Context, out *output) error {
	if c.List {
		all, err := registry.Snapshots(c.dir())
		if err != nil {
			return storeFailure(err)
		}
		list := []snapshotJSON{}
		rows := [][]string{{"HEIGHT", "TIME", "DIRECTORY"}}
		for i := range all {
			s := snapshotOf(&all[i])
			list, rows = append(list, s), append(rows, []string{fmt.Sprint(s.Height), s.Time, s.Dir})
		}
		if c.JSON || len(list) == 0 {
			return c.answer(out, map[string]any{"snapshots": list}, "There are no snapshots. A running node makes them by itself: see snapshot_every in node.toml.")
		}
		table(out.Stdout, rows...)
		return nil
	}
	s, err := registry.MakeSnapshot(ctx, c.dir(), slog.New(slog.DiscardHandler))
	if err != nil {
		return storeFailure(err)
	}
	return c.answer(out, snapshotOf(s), "Made a snapshot of height %d (%s) in %s.", s.Height, s.Time.UTC().Format(time.RFC3339), s.Dir)
}

type restoreCmd struct {
	storeFlags
	LoseBlocks bool   `help:"Restore the network's only validator, although what it wrote after the snapshot is lost."`
	Snapshot   string `arg:"" help:"Directory of the snapshot." type:"existingdir"`
}

// Run fills a node's directory from a snapshot.
func (c *restoreCmd) Run(ctx context.Context, out *output) error {
	s, err := registry.Restore(ctx, c.dir(), c.Snapshot, c.LoseBlocks, slog.New(slog.DiscardHandler))
	if err != nil {
		return storeFailure(err)
	}
	return c.answer(out, snapshotOf(s), "Restored the state of height %d (%s). Start the node: it gets the later blocks from its peers.", s.Height, s.Time.UTC().Format(time.RFC3339))
}

type pruneCmd struct{ storeFlags }

// Run removes what is past its time.
func (c *pruneCmd) Run(out *output) error {
	p, err := registry.Prune(c.dir(), slog.New(slog.DiscardHandler))
	if err != nil {
		return storeFailure(err)
	}
	return c.answer(out, map[string]any{"first_block": p.Base, "removed_blocks": p.Blocks},
		"Removed %s. The first that is kept is %d. The stores were written anew without what was deleted.", count(int(p.Blocks), "block", "blocks"), p.Base)
}

type verifyCmd struct{ storeFlags }

// Run executes the blocks once more.
func (c *verifyCmd) Run(ctx context.Context, out *output) error {
	v, err := registry.Verify(ctx, c.dir(), slog.New(slog.DiscardHandler))
	var bad *registry.BadBlock
	if errors.As(err, &bad) && c.JSON {
		return errors.Join(printJSON(out.Stdout, map[string]any{"verified": false, "bad_block": bad.Height, "reason": bad.Reason}), storeFailure(err))
	}
	if err != nil {
		return storeFailure(err)
	}
	from := "the genesis file"
	if v.From > 0 {
		from = fmt.Sprintf("the snapshot of height %d", v.From)
	}
	return c.answer(out, map[string]any{"verified": true, "from": v.From, "to": v.To, "transactions": v.Transactions},
		"Good: from %s to block %d, with %s. Every root is the one that the next header carries, and two thirds of the validators signed each block.",
		from, v.To, count(v.Transactions, "transaction", "transactions"))
}
