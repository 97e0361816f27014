package e2e

import (
	"bufio"
	"context"
	"os/exec"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/zegel-id/zegel/test/browser"
)

// collect WALLET OFFER CODE receives a card with the code of a letter: the wallet says which page to open, and waits until the
// browser comes back.
func collect(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: collect WALLET OFFER CODE")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "wallet", "--store", args[0], "--pin-file", "pin", "receive", args[1], "--yes")
	cmd.Dir = ts.Getenv("WORK")
	stdout, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if page := strings.TrimSpace(lines.Text()); strings.HasPrefix(page, "http") {
			callback, err := browser.Collect(ctx, page, args[2])
			if err != nil {
				ts.Logf("browser: %v", err)
				cancel() // the wallet would wait for a quarter of an hour
				continue
			}
			ts.Check(browser.Get(ctx, callback))
		}
	}
	if err := cmd.Wait(); (err != nil) != neg {
		ts.Fatalf("wallet: %v", err)
	}
}
