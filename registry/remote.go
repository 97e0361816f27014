package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/cometbft/cometbft/crypto"
	cmtlog "github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

// How long and how often a question to the remote signer is tried again: a vote that is later than that helps nobody, and
// while the node waits it reads no block. The signer connects to the node, and does so anew when it was away.
const (
	signerTime  = 5 * time.Second
	signerPause = 100 * time.Millisecond
)

// checkRemoteSigner checks the setting. Whoever connects there first is the signer, so it must be an address that only
// this machine reaches: a signer on another one comes through a tunnel.
func checkRemoteSigner(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err == nil && u.Scheme == "unix" && u.Path != "" {
		return nil
	}
	if err == nil && u.Scheme == "tcp" && u.Port() != "" && net.ParseIP(u.Hostname()).IsLoopback() {
		return nil
	}
	return fmt.Errorf("remote_signer %q is neither tcp:// on a loopback address with a port nor unix://", address)
}

// openSigner returns who signs blocks for the validator: the key in the directory, which file is then, or a remote signer,
// which stop ends. It waits for the remote signer until ctx ends; closed ends what waits for it later.
func openSigner(ctx context.Context, dir string, s *Settings, chainID string, log cmtlog.Logger, closed <-chan struct{}) (signer types.PrivValidator, file *privval.FilePV, stop io.Closer, err error) {
	if s.RemoteSigner == "" {
		file, err = loadSigner(dir)
		return file, file, nil, err
	}
	// A key in two places signs two blocks sooner or later, and is then voted out.
	path := filepath.Join(dir, signerKeyFile)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil, fmt.Errorf("setting remote_signer: the key is still in %s; move it to the signer, with %s", path, signerState)
	}
	endpoint, err := privval.NewSignerListener(s.RemoteSigner, log)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("setting remote_signer: %w", err)
	}
	client, err := privval.NewSignerClient(endpoint, chainID)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("setting remote_signer: %w", err)
	}
	remote := &remoteSigner{client, endpoint, closed}
	for client.WaitForConnection(time.Second) != nil {
		if ctx.Err() != nil {
			return nil, nil, nil, errors.Join(fmt.Errorf("no signer at %s", s.RemoteSigner), remote.Close())
		}
	}
	if _, err := remote.GetPubKey(); err != nil {
		return nil, nil, nil, errors.Join(fmt.Errorf("signer at %s: %w", s.RemoteSigner, err), remote.Close())
	}
	return remote, nil, remote, nil
}

// remoteSigner asks again when the signer was away for a moment, and not any more when the node stops.
type remoteSigner struct {
	client   *privval.SignerClient
	endpoint *privval.SignerListenerEndpoint
	closed   <-chan struct{}
}

var _ types.PrivValidator = (*remoteSigner)(nil)

// Close ends the connection and stops listening.
func (r *remoteSigner) Close() error { return r.endpoint.Stop() }

func (r *remoteSigner) GetPubKey() (key crypto.PubKey, err error) {
	err = r.patiently(func() error {
		key, err = r.client.GetPubKey()
		return err
	})
	return key, err
}

func (r *remoteSigner) SignVote(chainID string, vote *cmtproto.Vote) error {
	return r.patiently(func() error { return r.client.SignVote(chainID, vote) })
}

func (r *remoteSigner) SignProposal(chainID string, proposal *cmtproto.Proposal) error {
	return r.patiently(func() error { return r.client.SignProposal(chainID, proposal) })
}

func (r *remoteSigner) patiently(ask func() error) error {
	begun := time.Now()
	for try := 1; ; try++ {
		err := ask()
		var refused *privval.RemoteSignerError
		// The first try may have spent all the time on a connection that is dead; the signer is back on a new one.
		if err == nil || errors.As(err, &refused) || try > 1 && time.Since(begun) > signerTime {
			return err
		}
		select {
		case <-r.closed:
			return err
		case <-time.After(signerPause):
		}
	}
}
