package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/web"
	"github.com/zegel-id/zegel/registry"
)

// hall is a network with one node and the directories of its members.
type hall struct {
	t       testing.TB
	dir     string
	network string // file
	members []hallMember
}

type hallMember struct {
	dir string
	did did.DID
}

var hallNames = []string{"Gemeente Aadorp", "Gemeente Beekdam", "Gemeente Cederveen", "Gemeente Duinhoek", "Gemeente Eikenrode"}

// newHall founds a network; the first member runs its one validator.
func newHall(t testing.TB, members int) *hall {
	t.Helper()
	h := &hall{t: t, dir: t.TempDir()}
	g := registry.Genesis{Network: "voorbeeld", ChainID: "zegel-voorbeeld"}
	unfounded := &reading{network: &ledger.Network{Name: g.Network, Nodes: []string{}}}
	for i := range members {
		c := &didCreateCmd{Out: filepath.Join(h.dir, string(rune('a'+i))), Issuer: fmt.Sprintf("https://%c.example/issuer", 'a'+i)}
		c.Dev = true
		record, err := c.write(t.Context(), unfounded)
		if err != nil {
			t.Fatal(err)
		}
		id, err := ledger.NewDID(g.Network, record)
		if err != nil {
			t.Fatal(err)
		}
		h.members = append(h.members, hallMember{c.Out, id})
		g.Members = append(g.Members, registry.Founder{Name: hallNames[i], Record: *record})
	}
	dir := filepath.Join(h.dir, "node")
	if err := registry.Init(dir, g); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	quiet := slog.New(slog.DiscardHandler)
	node, err := registry.Open(ctx, registry.Config{Dir: dir, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(web.Secure(node.Handler(), quiet))
	t.Cleanup(func() {
		srv.Close()
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	network, err := node.Network([]string{srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	network.Development = true
	h.network = filepath.Join(h.dir, "network.json")
	for _, path := range append([]string{h.network}, h.files(createdNetwork)...) {
		if err := os.WriteFile(path, network.Encode(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// files returns a file of every member's directory.
func (h *hall) files(name string) []string {
	var all []string
	for _, m := range h.members {
		all = append(all, filepath.Join(m.dir, name))
	}
	return all
}

// zegel runs one command as a shell would.
func zegel(t testing.TB, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"registry"}, args...), &output{Stdout: &out, Stderr: &errs, Stdin: strings.NewReader("")})
	return code, out.String(), errs.String()
}

// as runs a command of a member that must succeed.
func (h *hall) as(member int, args ...string) string {
	h.t.Helper()
	args = append(args, "--dev", "--dir", h.members[member].dir)
	code, stdout, stderr := zegel(h.t, args...)
	if code != exitDone {
		h.t.Fatalf("member %d: %q: exit %d\n%s%s", member, args, code, stdout, stderr)
	}
	return stdout
}

// refuses runs a command of a member that must fail and returns what it says.
func (h *hall) refuses(exit, member int, args ...string) string {
	h.t.Helper()
	args = append(args, "--dev", "--dir", h.members[member].dir)
	code, stdout, stderr := zegel(h.t, args...)
	if code != exit || !strings.HasPrefix(stderr, "zegel: ") {
		h.t.Fatalf("member %d: %q: exit %d\n%s%s", member, args, code, stdout, stderr)
	}
	return stderr
}

// object runs a command with --json, which must print one object without unknown members, and reads it.
func object[T any](h *hall, member int, args ...string) T {
	h.t.Helper()
	stdout := h.as(member, append(args, "--json")...)
	var v T
	dec := json.NewDecoder(strings.NewReader(stdout))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		h.t.Fatalf("%q: %v in %s", args, err, stdout)
	}
	if dec.More() {
		h.t.Fatalf("%q: more than one object: %s", args, stdout)
	}
	return v
}

func contains(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("no %q in:\n%s", p, text)
		}
	}
}
