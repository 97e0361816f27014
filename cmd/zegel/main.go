// Zegel is the one headless program: a sample town, the services for real use, and the command line wallet.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes of the program.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

type program struct {
	Town     townCmd     `cmd:"" help:"Run a small municipality on this machine: registry, issuer, verifier and sample inhabitants."`
	Registry registryCmd `cmd:"" help:"Run a node of the registry, read it, and take part in its decisions."`
	Issuer   issuerCmd   `cmd:"" help:"Run an issuer."`
	Verifier verifierCmd `cmd:"" help:"Run a verifier."`
	Wallet   walletCmd   `cmd:"" help:"Use a wallet on the command line."`
}

// output is where a command writes and reads.
type output struct {
	Stdout, Stderr io.Writer
	Stdin          io.Reader
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], &output{Stdout: os.Stdout, Stderr: os.Stderr, Stdin: os.Stdin})
	stop()
	os.Exit(code)
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, out *output) int {
	var p program
	exited := -1
	parser, err := kong.New(&p,
		kong.Name("zegel"),
		kong.Description("Zegel: proofs that show one fact and nothing else."),
		kong.UsageOnError(),
		kong.Writers(out.Stdout, out.Stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(out),
	)
	if err != nil {
		panic("zegel: internal error: " + err.Error())
	}
	command, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(out.Stderr, "zegel: %v\nhint: zegel --help lists the commands\n", err)
		return exitUsage
	}
	err = command.Run()
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, new(*usageError)):
		fmt.Fprintf(out.Stderr, "zegel: %v\n", err)
		return exitUsage
	default:
		fmt.Fprintf(out.Stderr, "zegel: %v\n", err)
		return exitFailed
	}
}

// usageError is a wrong use of the program, which exits with 2.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }
