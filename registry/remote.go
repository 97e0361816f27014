package registry

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	cmtlog "github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/types"
)

// How often and how long a question to the remote signer is tried again. The signer connects to the node, and does so anew
// when it was away.
const (
	signerTries = 50
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
// which stop ends.
func openSigner(dir string, s *Settings, chainID string, log cmtlog.Logger) (signer types.PrivValidator, file *privval.FilePV, stop io.Closer, err error) {
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
	signer = privval.NewRetrySignerClient(client, signerTries, signerPause)
	if _, err := signer.GetPubKey(); err != nil {
		return nil, nil, nil, errors.Join(fmt.Errorf("no signer at %s: %w", s.RemoteSigner, err), client.Close())
	}
	return signer, nil, client, nil
}
