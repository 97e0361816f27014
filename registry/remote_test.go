package registry

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtlog "github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// signerProcess is a signer that ends as a process does: with all its connections, and without making another one. The
// server alone may dial once more while it stops, and that connection would be taken for the signer.
type signerProcess struct {
	*privval.SignerServer
	dial privval.SocketDialer

	mu    sync.Mutex
	ended bool
	conns []net.Conn
}

func (p *signerProcess) connect() (net.Conn, error) {
	c, err := p.dial()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if p.ended {
		c.Close()
		return nil, net.ErrClosed
	}
	p.conns = append(p.conns, c)
	return c, nil
}

func (p *signerProcess) end() error {
	p.mu.Lock()
	p.ended = true
	for _, c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	return p.Stop()
}

// serveSigner starts a signer for the node that waits at an address.
func serveSigner(t testing.TB, address string, key types.PrivValidator) *signerProcess {
	t.Helper()
	p := &signerProcess{dial: privval.DialTCPFn(strings.TrimPrefix(address, "tcp://"), 3*time.Second, ed25519.GenPrivKey())}
	dial := p.connect
	endpoint := privval.NewSignerDialerEndpoint(cmtlog.NewNopLogger(), dial, privval.SignerDialerEndpointRetryWaitInterval(50*time.Millisecond),
		privval.SignerDialerEndpointConnRetries(1000))
	p.SignerServer = privval.NewSignerServer(endpoint, testChain, key)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// moveKey takes the key of a validator out of its directory and returns where it and its state are then.
func moveKey(t testing.TB, dir string) (key, state string) {
	t.Helper()
	vault := t.TempDir()
	key, state = filepath.Join(vault, "key.json"), filepath.Join(vault, "state.json")
	for from, to := range map[string]string{signerKeyFile: key, signerState: state} {
		if err := os.Rename(filepath.Join(dir, from), to); err != nil {
			t.Fatal(err)
		}
	}
	return key, state
}

// TestRemoteSigner runs a validator whose key is not in its directory, and goes on after the signer was away.
func TestRemoteSigner(t *testing.T) {
	w := newWorld(t, 1)
	dir := filepath.Join(t.TempDir(), "node")
	if err := Init(dir, w.genesis); err != nil {
		t.Fatal(err)
	}
	address := "tcp://" + freeAddress(t)
	if err := Configure(dir, Settings{RemoteSigner: address, Heartbeat: "1s"}); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "still in") {
		t.Errorf("the key is in two places: %v", err)
	}
	key, state := moveKey(t, dir)
	// Nobody is there yet, and the node is told to stop.
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	begun := time.Now()
	if _, err := Start(ctx, Config{Dir: dir}); err == nil || !strings.Contains(err.Error(), "no signer") || time.Since(begun) > 20*time.Second {
		t.Errorf("no signer: %v after %v", err, time.Since(begun))
	}
	cancel()
	serve := func() *signerProcess { return serveSigner(t, address, privval.LoadFilePV(key, state)) }
	first := serve()
	n, srv := openNode(t, dir)
	m := w.members[0]
	write(t, srv.URL, m.sign(t, w.accreditation(m.did, "a", "issue")))
	if err := first.end(); err != nil {
		t.Fatal(err)
	}
	second := serve()
	write(t, srv.URL, m.sign(t, w.accreditation(m.did, "b", "issue")))
	network, err := n.Network([]string{srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	if all, err := read(t, srv.URL, network, ledger.KeyAccreditations(m.did)).Accreditations(t.Context(), m.did); err != nil || len(all) != 2 {
		t.Errorf("%d accreditations, %v", len(all), err)
	}
	// The signer is away, and the node is told to stop.
	if err := second.end(); err != nil {
		t.Fatal(err)
	}
	begun = time.Now()
	if err := n.Close(); err != nil || time.Since(begun) > 20*time.Second {
		t.Errorf("without its signer the node stopped after %v: %v", time.Since(begun), err)
	}
	for _, bad := range []string{"tcp://0.0.0.0:26659", "tcp://127.0.0.1", "127.0.0.1:26659", "http://127.0.0.1:1", "unix://"} {
		if err := Configure(dir, Settings{RemoteSigner: bad}); err == nil {
			t.Errorf("remote_signer %q", bad)
		}
	}
}
