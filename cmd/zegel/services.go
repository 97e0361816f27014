package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/ledger/follow"
	"github.com/zegel-id/zegel/pkg/web"
	"github.com/zegel-id/zegel/verifier"
)

type registryCmd struct {
	nodeCmds
	memberCmds
	storeCmds
}

// configFlag is what every service's commands share.
type configFlag struct {
	Config string `help:"Configuration file (TOML)." required:"" type:"path" placeholder:"FILE"`
}

// init writes the sample configuration. It never overwrites.
func (c *configFlag) init(sample string, out *output) error {
	f, err := os.OpenFile(c.Config, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(sample)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	fmt.Fprintf(out.Stdout, "wrote %s; read it, fill in what is yours, then start\n", c.Config)
	return nil
}

// load reads the configuration into cfg; an unknown setting is an error that names it.
func (c *configFlag) load(cfg any) error {
	meta, err := toml.DecodeFile(c.Config, cfg)
	if err != nil {
		return fmt.Errorf("configuration %s: %v", c.Config, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return fmt.Errorf("configuration %s: unknown setting %q", c.Config, unknown[0].String())
	}
	return nil
}

// service is an issuer or a verifier, as far as running it goes.
type service interface {
	Handler() http.Handler
	Close() error
}

// serve follows the registry, opens the service and serves it until ctx ends.
func serve(ctx context.Context, out *output, dev bool, networkFile, dir, listen string, open func(*follow.Client, *slog.Logger) (service, error)) error {
	log := slog.New(slog.NewJSONHandler(out.Stderr, nil))
	data, err := os.ReadFile(networkFile)
	if err != nil {
		return fmt.Errorf("setting network: %w", err)
	}
	network, err := ledger.ParseNetwork(data)
	if err != nil {
		return fmt.Errorf("setting network: %w", err)
	}
	if network.Development && !dev {
		return fmt.Errorf("setting network: %s is of a development network; production refuses it", networkFile)
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	if dev && !l.Addr().(*net.TCPAddr).IP.IsLoopback() {
		l.Close()
		return fmt.Errorf("setting listen: --dev is for loopback addresses only, not %s", listen)
	}
	follower, err := follow.Open(ctx, follow.Config{
		Network: network,
		Dir:     filepath.Join(dir, "follow"),
		Fetch:   &fetch.Client{Loopback: dev, Private: true},
		Now:     time.Now,
		Logger:  log,
	})
	if err != nil {
		l.Close()
		return err
	}
	s, err := open(follower, log)
	if err != nil {
		l.Close()
		return errors.Join(err, follower.Close())
	}
	err = web.Serve(ctx, l, web.Secure(s.Handler(), log), log)
	return errors.Join(err, s.Close(), follower.Close())
}

type issuerCmd struct {
	Init  issuerInitCmd  `cmd:"" help:"Write a configuration file with comments."`
	Start issuerStartCmd `cmd:"" help:"Start the issuer."`
}

type issuerInitCmd struct{ configFlag }

// Run writes the sample.
func (c *issuerInitCmd) Run(out *output) error { return c.init(issuer.SampleConfig, out) }

type issuerStartCmd struct {
	configFlag
	Dev bool `help:"Allow plain http and development keys, on loopback addresses only."`
}

// Run runs the issuer until it is told to stop.
func (c *issuerStartCmd) Run(ctx context.Context, out *output) error {
	var cfg issuer.Config
	if err := c.load(&cfg); err != nil {
		return err
	}
	cfg.Dev = c.Dev
	return serve(ctx, out, c.Dev, cfg.Network, cfg.Dir, cfg.Listen, func(l *follow.Client, log *slog.Logger) (service, error) {
		return issuer.Open(ctx, cfg, issuer.Deps{Ledger: l, Now: time.Now, Logger: log})
	})
}

type verifierCmd struct {
	Init  verifierInitCmd  `cmd:"" help:"Write a configuration file with comments."`
	Start verifierStartCmd `cmd:"" help:"Start the verifier."`
}

type verifierInitCmd struct{ configFlag }

// Run writes the sample.
func (c *verifierInitCmd) Run(out *output) error { return c.init(verifier.SampleConfig, out) }

type verifierStartCmd struct {
	configFlag
	Dev          bool     `help:"Allow plain http and development keys, on loopback addresses only."`
	TrustAnchors []string `name:"trust-anchor" help:"PEM file with anchors of foreign issuers to accept; may be repeated." placeholder:"FILE" sep:"none" type:"existingfile"`
}

// Run runs the verifier until it is told to stop.
func (c *verifierStartCmd) Run(ctx context.Context, out *output) error {
	var cfg verifier.Config
	if err := c.load(&cfg); err != nil {
		return err
	}
	cfg.Dev = c.Dev
	cfg.TrustAnchors = append(cfg.TrustAnchors, c.TrustAnchors...)
	return serve(ctx, out, c.Dev, cfg.Network, cfg.Dir, cfg.Listen, func(l *follow.Client, log *slog.Logger) (service, error) {
		return verifier.Open(ctx, cfg, verifier.Deps{Ledger: l, Now: time.Now, Logger: log})
	})
}
