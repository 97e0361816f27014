// Bench runs the benchmarks whose figures are promised, and writes them as a table to docs/benchmarks.md.
//
// Each is a ratio or a difference that the benchmark takes itself, in one run, in processor time, as the median of its
// rounds. This program only runs them and writes the table.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// figure is a line of the table.
type figure struct {
	pkg, benchmark, unit string
	what                 string
	most, least          float64 // the target; 0: none
	scale                float64 // multiplies the measured value; 0: 1
	as                   string  // unit in the table
	rounds               string  // instead of the usual number
}

var figures = []figure{
	{pkg: "./pkg/sdjwt", benchmark: "BenchmarkVerifyRatio", unit: "ratio", as: "×", most: 1.3,
		what: "verify an SD-JWT with key binding and 10 disclosures, against its two raw P-256 verifications and hashing"},
	{pkg: "./pkg/sdjwt", benchmark: "BenchmarkVerifyPerDisclosure", unit: "ns/disclosure", as: "µs", scale: 1e-3, most: 2.5,
		what: "each further disclosure"},
	{pkg: "./verifier", benchmark: "BenchmarkTransaction", unit: "ratio", as: "×", most: 2.5,
		what: "a whole OpenID4VP transaction (create, fetch, post, read), against its cryptography, four plain round trips and its raw store writes"},
	{pkg: "./pkg/ledger", benchmark: "BenchmarkBundleVerify/4-validators/1-key", unit: "ns/op", as: "ms", scale: 1e-6, most: 0.5,
		what: "check a registry proof of one key, four validators, from the network file alone (wall time)"},
	{pkg: "./registry", benchmark: "BenchmarkLoad/1-validators", unit: "share", as: "%", scale: 100, least: 60, rounds: "9x",
		what: "status changes committed a second, against CometBFT's example application with one Ed25519 verification (wall time), one validator"},
	{pkg: "./registry", benchmark: "BenchmarkLoad/4-validators", unit: "share", as: "%", scale: 100, least: 60, rounds: "5x",
		what: "the same with four validators, all in one process with those of the example"},
	{pkg: "./registry", benchmark: "BenchmarkLone", unit: "ms", as: "ms", most: 150, rounds: "50x",
		what: "a lone write with four validators until another node proves it (wall time)"},
	{pkg: "./registry", benchmark: "BenchmarkProvenRead/ratio", unit: "ratio", as: "×", most: 3, rounds: "30x",
		what: "read one key with its proof from a state with a million status entries, against a plain answer of its size from the same server (wall time)"},
	{pkg: "./registry", benchmark: "BenchmarkApply1000", unit: "ms", as: "ms", most: 10, rounds: "100x",
		what: "a block of 16 status changes with 1,024 entries, from received bytes to saved state (wall time)"},
	{pkg: "./wallet", benchmark: "BenchmarkUnlock/10-cards", unit: "ratio", as: "×", most: 1.1,
		what: "unlock a wallet of 10 cards with 100 copies, against the bare Argon2id call"},
	{pkg: "./wallet", benchmark: "BenchmarkUnlock/100-cards", unit: "ratio", as: "×", most: 1.1, what: "the same with 100 cards"},
	{pkg: "./wallet", benchmark: "BenchmarkUnlock/1000-cards", unit: "ratio", as: "×", most: 1.1, what: "the same with 1,000 cards"},
	{pkg: "./wallet", benchmark: "BenchmarkUnlock/1000-cards", unit: "clock-ratio", as: "×", most: 1.1,
		what: "that on the clock, with the waits for the disk (wall time)"},
	{pkg: "./wallet", benchmark: "BenchmarkList", unit: "ms", as: "ms", most: 10,
		what: "list 1,000 cards of a wallet that was just unlocked (wall time)"},
	{pkg: "./wallet", benchmark: "BenchmarkPresentation", unit: "ratio", as: "×", most: 2.5,
		what: "build a presentation of one of 11 claims (read the copy, select, bind), against one P-256 signature; in turns of one"},
	{pkg: "./wallet", benchmark: "BenchmarkCommit", unit: "ms", as: "ms",
		what: "the durable write before it is sent: copy used, line of the history (wall time)"},
	{pkg: "./wallet/ui", benchmark: "BenchmarkScroll/ratio", unit: "ratio", as: "×", most: 1.2, rounds: "9x",
		what: "a step of scrolling through 1,000 cards, layout and picture, against one through 10"},
	{pkg: "./wallet/ui", benchmark: "BenchmarkScroll/ratio", unit: "ms/frame", as: "ms", most: 100, rounds: "9x",
		what: "that step through 1,000 cards, drawn without a graphics card: blending the window of 390x844 bounds it"},
	{pkg: "./wallet/ui", benchmark: "BenchmarkScroll/layout", unit: "ns/op", as: "µs", scale: 1e-3, most: 1000,
		what: "what of it is left for the processor where there is a graphics card: layout, and the cards that come in sight (wall time)"},
}

// rounds is how many times a benchmark's loop runs; each round of its own compares both sides.
const rounds = "15x"

func run(f figure) (float64, error) {
	bench := rounds
	if f.unit == "ns/op" {
		bench = "1s"
	}
	if f.rounds != "" {
		bench = f.rounds
	}
	// A pattern matches a sub-benchmark level by level.
	pattern := "^" + strings.ReplaceAll(f.benchmark, "/", "$/^") + "$"
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", pattern, "-benchtime", bench, f.pkg)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %v\n%s", f.benchmark, err, out)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !regexp.MustCompile("^"+f.benchmark+`(-\d+)?$`).MatchString(fields[0]) {
			continue
		}
		for i := 2; i+1 < len(fields); i += 2 {
			if fields[i+1] != f.unit {
				continue
			}
			v, err := strconv.ParseFloat(fields[i], 64)
			if f.scale != 0 {
				v *= f.scale
			}
			return v, err
		}
	}
	return 0, fmt.Errorf("%s printed no %s:\n%s", f.benchmark, f.unit, out)
}

// inWindow are the figures of the built wallet in a real window.
var inWindow = []figure{
	{pkg: "./test/window", benchmark: "BenchmarkStart/0-cards", unit: "ms", as: "ms", most: 1000, rounds: "9x",
		what: "start of the program to its first picture, a locked wallet without cards; with what seeing it takes (wall time)"},
	{pkg: "./test/window", benchmark: "BenchmarkStart/1000-cards", unit: "ms", as: "ms", most: 1000, rounds: "9x", what: "the same with 1,000 cards"},
	{pkg: "./test/window", benchmark: "BenchmarkMemory/0-cards", unit: "MiB", as: "MiB", rounds: "1x",
		what: "resident memory with the list of cards on the screen, no cards; the drawing of OpenGL in software included"},
	{pkg: "./test/window", benchmark: "BenchmarkMemory/1000-cards", unit: "MiB", as: "MiB", rounds: "1x", what: "the same with 1,000 cards and 10,000 copies"},
}

// table measures and returns the lines of a table.
func table(figures []figure) (string, error) {
	var b strings.Builder
	fmt.Fprint(&b, "| What | Measured | Target |\n|---|---|---|\n")
	missed := false
	for _, f := range figures {
		v, err := run(f)
		if err != nil {
			return "", err
		}
		target := fmt.Sprintf("at most %g %s", f.most, f.as)
		if f.least != 0 {
			target = fmt.Sprintf("at least %g %s", f.least, f.as)
		}
		if f.most == 0 && f.least == 0 {
			target = "stated only"
		}
		if f.most != 0 && v > f.most || v < f.least {
			target += " (missed)"
			missed = true
		}
		line := fmt.Sprintf("| %s | %.2f %s | %s |", f.what, v, f.as, target)
		fmt.Println(line)
		fmt.Fprintln(&b, line)
	}
	if missed {
		fmt.Fprintln(&b, "\nWhat bounds a missed figure is said in the benchmark's comment.")
	}
	return b.String(), nil
}

const (
	file = "docs/benchmarks.md"
	head = "\n## In a window\n"
)

// measure measures one half of the file and keeps the other.
func measure(window bool) error {
	old, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	machine := fmt.Sprintf("a virtual machine with %d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	first, second, found := strings.Cut(string(old), head)
	if found {
		second = head + second
	}
	if window {
		lines, err := table(inWindow)
		if err != nil {
			return err
		}
		second = head + `
Measured with ` + "`make bench-window`" + ` on ` + machine + `: the built wallet in a real window of 1024x768, on a
display without a graphics card (Xvfb, OpenGL in software).

` + lines
	} else {
		lines, err := table(figures)
		if err != nil {
			return err
		}
		first = `# Benchmarks

Measured with ` + "`make bench`" + ` on ` + machine + `. A ratio compares two things measured in turns in the same
run, in processor time unless it says otherwise, as the median of its rounds; it does not depend much on the machine. Nothing here is a test.

` + lines
	}
	return os.WriteFile(file, []byte(first+second), 0o644)
}

func main() {
	window := flag.Bool("window", false, "measure what takes a display and bin/zegel-wallet, instead of all else")
	flag.Parse()
	if err := measure(*window); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}
