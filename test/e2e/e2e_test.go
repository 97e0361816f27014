// Package e2e walks the journeys of the README as a person would: the real program, real HTTP, a real chain.
//
// The scripts in testdata/script are the journeys; this file gives them their few commands.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	// The program is built from these; importing them makes a change in any of them run the journeys again.
	_ "github.com/zegel-id/zegel/cmd/zegel/town"
)

// program is the built binary; the town is one process for all scripts, each of which has its own wallet.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "zegel-e2e-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "zegel")
		build := exec.Command("go", "build", "-o", program, "github.com/zegel-id/zegel/cmd/zegel")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		code := m.Run()
		stopTowns()
		return code
	}())
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			town, err := sharedTown()
			if err != nil {
				return err
			}
			env.Setenv("PATH", filepath.Dir(program)+string(os.PathListSeparator)+env.Getenv("PATH"))
			for name, value := range town.ready {
				env.Setenv(strings.ToUpper(name), value)
			}
			env.Setenv("ANCHOR", town.ready["anchor"])
			return os.WriteFile(filepath.Join(env.WorkDir, "pin"), []byte("728194\n"), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"api":     api,
			"field":   field,
			"prove":   prove,
			"bare":    bare,
			"collect": collect,
			"party":   party,
		},
	})
}

// process is a running town.
type process struct {
	cmd   *exec.Cmd
	ready map[string]string
	log   *bytes.Buffer
}

var towns struct {
	sync.Mutex
	shared *process
	all    []*process
	dirs   []string
}

func sharedTown() (*process, error) {
	towns.Lock()
	defer towns.Unlock()
	if towns.shared != nil {
		return towns.shared, nil
	}
	// Package main cannot be imported. A test result is kept only as long as the files that the test has read stay the
	// same, so read them.
	sources, err := filepath.Glob("../../cmd/zegel/*.go")
	if err != nil || len(sources) == 0 {
		return nil, fmt.Errorf("sources of the program: %v, %d found", err, len(sources))
	}
	for _, source := range sources {
		if _, err := os.ReadFile(source); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "zegel-e2e-town-")
	if err != nil {
		return nil, err
	}
	towns.dirs = append(towns.dirs, dir)
	anchor, err := foreignAnchorFile(dir)
	if err != nil {
		return nil, err
	}
	p, err := startTown(filepath.Join(dir, "town"), "--trust-anchor", anchor)
	if err != nil {
		return nil, err
	}
	p.ready["foreign_anchor"] = anchor
	towns.shared = p
	towns.all = append(towns.all, p)
	return p, nil
}

// startTown starts the program and waits for its ready line. A port of its own is asked from the system first.
func startTown(dir string, args ...string) (*process, error) {
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		args = append(args, "--port", strconv.Itoa(port))
	}
	p := &process{log: &bytes.Buffer{}}
	p.cmd = exec.Command(program, append([]string{"town", "--dir", dir, "--verbose"}, args...)...)
	p.cmd.Stderr = p.log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if line, ok := strings.CutPrefix(lines.Text(), "ready "); ok {
				ready <- json.Unmarshal([]byte(line), &p.ready)
				io.Copy(io.Discard, stdout)
				return
			}
		}
		ready <- fmt.Errorf("the town ended before it was ready: %s", p.log)
	}()
	select {
	case err = <-ready:
	case <-time.After(2 * time.Minute):
		err = fmt.Errorf("the town is not ready after two minutes")
	}
	if err != nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		return nil, err
	}
	return p, nil
}

// stop asks the town to close, as Ctrl-C does, and returns how it ended.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return p.cmd.Wait()
}

func stopTowns() {
	for _, p := range towns.all {
		p.stop()
	}
	for _, dir := range towns.dirs {
		os.RemoveAll(dir)
	}
}

// api METHOD URL [BODY] calls a staff API with the town's token and writes the answer to answer.json. With "!" any status
// of 400 and above is wanted; without, any below.
func api(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: api METHOD URL [BODY]")
	}
	var body io.Reader
	if len(args) == 3 {
		body = strings.NewReader(args[2])
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, args[0], args[1], body)
	ts.Check(err)
	r.Header.Set("Authorization", "Bearer "+ts.Getenv("TOKEN"))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d %s\n", answer.StatusCode, data)
	ts.Check(os.WriteFile(ts.MkAbs("answer.json"), data, 0o600))
	if (answer.StatusCode >= 400) != neg {
		ts.Fatalf("%s %s: %d %s", args[0], args[1], answer.StatusCode, data)
	}
}

// prove WALLET N lets a wallet prove "18 or older" to N counters.
func prove(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: prove WALLET N")
	}
	times, err := strconv.Atoi(args[1])
	ts.Check(err)
	for range times {
		api(ts, false, []string{"POST", ts.Getenv("VERIFIER") + "/api/sessions", `{"preset":"over-18"}`})
		field(ts, false, []string{"request_uri", "PROVE_REQUEST"})
		field(ts, false, []string{"id", "PROVE_SESSION"})
		ts.Check(ts.Exec(program, "wallet", "--store", args[0], "--pin-file", "pin", "present", ts.Getenv("PROVE_REQUEST"), "--yes"))
		api(ts, false, []string{"GET", ts.Getenv("VERIFIER") + "/api/sessions/" + ts.Getenv("PROVE_SESSION")})
		field(ts, false, []string{"outcome", "PROVE_OUTCOME"})
		if outcome := ts.Getenv("PROVE_OUTCOME"); outcome != "accepted" {
			ts.Fatalf("the counter says %q", outcome)
		}
	}
}

// field PATH VAR sets a variable from answer.json; PATH is dotted, with indices.
func field(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: field PATH VAR")
	}
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("answer.json")), &v))
	for part := range strings.SplitSeq(args[0], ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[part]
		case []any:
			i, err := strconv.Atoi(part)
			ts.Check(err)
			if i >= len(at) {
				ts.Fatalf("answer.json: %s: no element %d", args[0], i)
			}
			v = at[i]
		}
	}
	if v == nil {
		ts.Fatalf("answer.json has no %s", args[0])
	}
	ts.Setenv(args[1], fmt.Sprint(v))
}
