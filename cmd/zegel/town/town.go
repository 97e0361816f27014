// Package town runs a small municipality in one process on one loopback origin: a registry, an issuer, a verifier and
// sample inhabitants, all of them the real parts. The registry has one validator, or more that other municipalities run,
// as processes of their own.
//
// Start with [Open]. It is for trying and testing: its keys are marked for development and its wallet proofs end in
// its own network file.
//
// It deliberately leaves out anything for production: there each service has its own configuration and start.
package town

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
	"github.com/zegel-id/zegel/pkg/web"
	"github.com/zegel-id/zegel/registry"
	"github.com/zegel-id/zegel/verifier"
)

// Tenant is the sample municipality's path part.
const Tenant = "voorbeeldstad"

// DefaultPort is the port of a new town.
const DefaultPort = 8420

// Options of a town.
type Options struct {
	Dir          string
	Port         int           // 0: the port that the directory remembers, else [DefaultPort]; -1: a free one
	Validators   int           // of the registry, 1 to 4; 0: as many as the directory was founded with, else 1
	Program      string        // runs the other nodes: zegel; empty: this program
	TrustAnchors []string      // PEM files with anchors of foreign parties
	Duty         verifier.Duty // of the counter; zero: no law says that outcomes must be kept
	Logger       *slog.Logger
	Now          func() time.Time // default time.Now
}

// Ready is the line that programs read when the town is up.
type Ready struct {
	Registry string `json:"registry"`
	Issuer   string `json:"issuer"`
	Verifier string `json:"verifier"`
	Counter  string `json:"counter"`
	Desk     string `json:"desk"`
	Token    string `json:"token"`
	Subject  string `json:"subject"`
	Anchor   string `json:"anchor"`
	Network  string `json:"network"`
}

// Town is a running town.
type Town struct {
	Ready Ready

	opts      Options
	papers    *papers
	node      *registry.Node
	processes []*process
	follower  *follow.Client
	issuer    *issuer.Issuer
	verifier  *verifier.Verifier

	handler atomic.Pointer[http.ServeMux]
	stop    context.CancelFunc
	served  chan error
}

// Open starts the town in a directory and returns when everything answers. A directory that held a town goes on
// where it was. The caller calls Close.
func Open(ctx context.Context, opts Options) (_ *Town, err error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Validators < 0 || opts.Validators > 1+len(neighbourNames) {
		return nil, fmt.Errorf("a town has 1 to %d validators, not %d", 1+len(neighbourNames), opts.Validators)
	}
	if opts.Dir, err = filepath.Abs(opts.Dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, err
	}
	listener, err := listen(opts)
	if err != nil {
		return nil, err
	}
	t := &Town{opts: opts, served: make(chan error, 1)}
	defer func() {
		if err != nil {
			t.Close()
		}
	}()

	// The services read the registry over HTTP like everybody else, so the listener comes first and gets its
	// handlers one by one.
	serving, stop := context.WithCancel(context.Background())
	t.stop = stop
	t.handler.Store(http.NewServeMux())
	go func() {
		t.served <- web.Serve(serving, listener, web.Secure(http.HandlerFunc(t.serve), opts.Logger), opts.Logger)
	}()

	origin := fmt.Sprintf("http://localhost:%d", listener.Addr().(*net.TCPAddr).Port)
	if t.papers, err = openPapers(opts.Dir, origin, opts.Validators, opts.Now()); err != nil {
		return nil, err
	}
	if err := t.openRegistry(ctx, origin); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	if err := t.openServices(ctx, origin); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Town) serve(w http.ResponseWriter, r *http.Request) { t.handler.Load().ServeHTTP(w, r) }

// mount adds handlers; the multiplexer is replaced whole, so that requests under way are not disturbed.
func (t *Town) mount(routes map[string]http.Handler) {
	mux := http.NewServeMux()
	for pattern, h := range routes {
		mux.Handle(pattern, h)
	}
	t.handler.Store(mux)
}

func (t *Town) openRegistry(ctx context.Context, origin string) error {
	if err := t.openNodes(ctx, filepath.Join(t.opts.Dir, "registry")); err != nil {
		return err
	}
	base := origin + "/registry"
	t.mount(map[string]http.Handler{"/registry/": http.StripPrefix("/registry", t.node.Handler())})
	network, err := t.network(base)
	if err != nil {
		return err
	}
	t.follower, err = follow.Open(ctx, follow.Config{
		Network: network,
		Dir:     filepath.Join(t.opts.Dir, "follow"),
		Fetch:   &fetch.Client{Loopback: true},
		Now:     t.opts.Now,
		Logger:  t.opts.Logger,
	})
	if err != nil {
		return err
	}
	return t.accredit(ctx)
}

// network returns the network file, which is written once: it is the root of trust of every wallet of this town.
func (t *Town) network(base string) (*ledger.Network, error) {
	path := t.papers.path("network.json")
	data, err := os.ReadFile(path)
	if err == nil {
		return ledger.ParseNetwork(data)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	nodes := []string{base}
	for _, n := range t.papers.neighbours {
		nodes = append(nodes, n.url())
	}
	network, err := t.node.Network(nodes)
	if err != nil {
		return nil, err
	}
	return network, writeFile(path, network.Encode())
}

// accredit writes the accreditations that the chain does not have yet.
func (t *Town) accredit(ctx context.Context) error {
	// The first proof comes with the first block after genesis.
	if err := t.follower.Wait(ctx, 1); err != nil {
		return err
	}
	have, err := t.follower.Accreditations(ctx, t.papers.did)
	if err != nil {
		return fmt.Errorf("read accreditations: %w", err)
	}
	known := map[string]bool{}
	for _, a := range have {
		known[a.ID] = true
	}
	for _, a := range t.papers.accreditations() {
		if known[a.ID] {
			continue
		}
		stored, err := ledger.FromTrust(&a)
		if err != nil {
			return err
		}
		if err := t.decide(ctx, stored); err != nil {
			return fmt.Errorf("accreditation %q: %w", a.ID, err)
		}
	}
	return nil
}

// submit signs a transaction, waits until it counts, and returns its name.
func (t *Town) submit(ctx context.Context, who follow.Writer, tx ledger.Tx) ([]byte, error) {
	result, err := t.follower.Send(ctx, who, tx)
	if err != nil {
		return nil, err
	}
	if result.Code != ledger.OK {
		return nil, fmt.Errorf("registry refused with code %d: %s", result.Code, result.Log)
	}
	return result.Hash, nil
}

func (t *Town) openServices(ctx context.Context, origin string) error {
	var err error
	t.issuer, err = issuer.Open(ctx, t.papers.issuerConfig(), issuer.Deps{Ledger: t.follower, Now: t.opts.Now, Logger: t.opts.Logger})
	if err != nil {
		return fmt.Errorf("issuer: %w", err)
	}
	counter := t.papers.verifierConfig(t.opts.TrustAnchors)
	counter.Tenants[0].Duty = t.opts.Duty
	t.verifier, err = verifier.Open(ctx, counter, verifier.Deps{
		Ledger: t.follower, Now: t.opts.Now, Logger: t.opts.Logger,
	})
	if err != nil {
		return fmt.Errorf("verifier: %w", err)
	}
	t.Ready = Ready{
		Registry: origin + "/registry",
		Issuer:   origin + "/issuer/" + Tenant,
		Verifier: origin + "/verifier/" + Tenant,
		Counter:  origin + "/counter",
		Desk:     origin + "/desk",
		Token:    t.papers.token,
		Subject:  subjects[0].ID,
		Anchor:   t.papers.path("anchor.pem"),
		Network:  t.papers.path("network.json"),
	}
	issue, verify := t.issuer.Handler(), t.verifier.Handler()
	t.mount(map[string]http.Handler{
		"/registry/":    http.StripPrefix("/registry", t.node.Handler()),
		"/issuer/":      issue,
		"/.well-known/": issue,
		"/desk":         issue,
		"/desk/":        issue,
		"/verifier/":    verify,
		"/counter":      verify,
		"/counter/":     verify,
		"/healthz":      web.Healthz(),
		"/":             t.startPage(),
	})
	return nil
}

// Close stops everything in the order in which it depends on each other. It may be called twice.
func (t *Town) Close() error {
	var errs []error
	if t.stop != nil {
		// Stopping the listener first lets open requests end on services that still run.
		t.stop()
		errs = append(errs, <-t.served)
		t.stop = nil
	}
	if t.verifier != nil {
		errs = append(errs, t.verifier.Close())
		t.verifier = nil
	}
	if t.issuer != nil {
		errs = append(errs, t.issuer.Close())
		t.issuer = nil
	}
	if t.follower != nil {
		errs = append(errs, t.follower.Close())
		t.follower = nil
	}
	if t.node != nil {
		errs = append(errs, t.node.Close())
		t.node = nil
	}
	for _, p := range t.processes {
		errs = append(errs, p.close())
	}
	t.processes = nil
	return errors.Join(errs...)
}

// Done is closed, or sends, when the listener stops by itself.
func (t *Town) Done() <-chan error { return t.served }

// listen opens the town's port on loopback. The port is remembered, since every identifier of the town contains it.
func listen(opts Options) (net.Listener, error) {
	path := filepath.Join(opts.Dir, "port")
	port := opts.Port
	remembered := 0
	if data, err := os.ReadFile(path); err == nil {
		if _, err := fmt.Sscanf(strings.TrimSpace(string(data)), "%d", &remembered); err != nil {
			return nil, fmt.Errorf("port file %q: %v", path, err)
		}
	}
	switch {
	case remembered != 0 && port > 0 && port != remembered:
		return nil, fmt.Errorf("the town in %q lives on port %d, which its identifiers contain; choose another --dir for port %d", opts.Dir, remembered, port)
	case remembered != 0:
		port = remembered
	case port == 0:
		port = DefaultPort
	case port < 0:
		port = 0
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, fmt.Errorf("%v (another town may be running; --port chooses another port for a new one)", err)
	}
	if remembered == 0 {
		if err := writeFile(path, fmt.Appendln(nil, l.Addr().(*net.TCPAddr).Port)); err != nil {
			l.Close()
			return nil, err
		}
	}
	return l, nil
}

// writeFile writes a file whole or not at all.
func writeFile(path string, data []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
