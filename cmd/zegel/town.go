package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"

	"github.com/zegel-id/zegel/cmd/zegel/town"
)

type townCmd struct {
	Dir          string   `help:"Directory of the town; it is made if missing. Default: ./town" placeholder:"DIR" type:"path"`
	Port         int      `help:"Port on localhost; kept with the town. Default: 8420" placeholder:"N"`
	Validators   int      `help:"Nodes that run the registry together, as processes of their own; kept with the town. Default: 1" placeholder:"1..4"`
	TrustAnchors []string `name:"trust-anchor" help:"PEM file with anchors of foreign parties to accept; may be repeated." placeholder:"FILE" sep:"none" type:"existingfile"`
	Once         bool     `help:"Run the journeys issue, prove and revoke with a headless wallet, print each step, and stop."`
	Verbose      bool     `help:"Write the services' logs to standard error."`
}

// Run starts the town and waits until it is told to stop.
func (c *townCmd) Run(ctx context.Context, out *output) error {
	if c.Port < 0 || c.Port > 65535 {
		return &usageError{fmt.Sprintf("--port %d is not a port", c.Port)}
	}
	if c.Validators < 0 || c.Validators > 4 {
		return &usageError{fmt.Sprintf("--validators %d: a town has 1 to 4", c.Validators)}
	}
	opts := town.Options{Dir: c.Dir, Port: c.Port, Validators: c.Validators, TrustAnchors: c.TrustAnchors}
	if c.Verbose {
		opts.Logger = slog.New(slog.NewTextHandler(out.Stderr, nil))
	}
	if c.Once {
		return c.once(ctx, out, opts)
	}
	if opts.Dir == "" {
		opts.Dir = "town"
	}
	t, err := town.Open(ctx, opts)
	if err != nil {
		return err
	}
	line, err := json.Marshal(t.Ready)
	if err != nil {
		return err
	}
	fmt.Fprintf(out.Stdout, "ready %s\n%s", line, t.Welcome())
	select {
	case <-ctx.Done():
		fmt.Fprintln(out.Stdout, "\nThe town is closing. Start it again with the same directory and it goes on where it was.")
	case err := <-t.Done():
		t.Close()
		return fmt.Errorf("the listener stopped: %w", err)
	}
	return t.Close()
}

func (c *townCmd) once(ctx context.Context, out *output, opts town.Options) error {
	if opts.Dir == "" {
		dir, err := os.MkdirTemp("", "zegel-town-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		opts.Dir = dir
		if opts.Port == 0 {
			opts.Port = -1
		}
	}
	return town.Once(ctx, opts, out.Stdout)
}
