package registry

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cometdb "github.com/cometbft/cometbft-db"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// whereIs returns the files below dir that hold the text as it is, and the stores that hold it once their tables are
// unpacked. The node must be stopped.
func whereIs(t testing.TB, dir, text string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasSuffix(path, ".db"):
			db, err := cometdb.NewGoLevelDB(strings.TrimSuffix(filepath.Base(path), ".db"), filepath.Dir(path))
			if err != nil {
				return err
			}
			defer db.Close()
			it, err := db.Iterator(nil, nil)
			if err != nil {
				return err
			}
			defer it.Close()
			for ; it.Valid(); it.Next() {
				if bytes.Contains(it.Value(), []byte(text)) || bytes.Contains(it.Key(), []byte(text)) {
					found = append(found, filepath.Base(path))
					break
				}
			}
		case d.Type().IsRegular():
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if bytes.Contains(raw, []byte(text)) {
				rel, err := filepath.Rel(dir, path)
				if err != nil {
					return err
				}
				found = append(found, rel)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// needle is a text that no compression makes shorter.
func needle() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return "needle" + hex.EncodeToString(b[:])
}

// endpoint returns a rotation of p's keys in which its service has another address.
func (p *party) endpoint(t testing.TB, url string, step int) []byte {
	t.Helper()
	fresh := testKey(fmt.Sprintf("%s/%d", p.did, step+2))
	record := p.record
	record.Keys = []ledger.KeyRecord{keyRecord(t, fmt.Sprintf("tx-%d", step), p.next, did.CapabilityInvocation)}
	record.Services = []ledger.ServiceRecord{{ID: "issuer", Type: did.ServiceIssuer, Endpoint: url}}
	record.NextKeyHash = ledger.KeyHash(fresh.Public().(ed25519.PublicKey))
	p.keyID, p.key, p.next = fmt.Sprintf("tx-%d", step), p.next, fresh
	return p.sign(t, ledger.Tx{Kind: ledger.UpdateDID, DID: &record})
}

// The text of a transaction is on no disk of the node when the retention time is over since it left the state: not in
// blocks, old states, snapshots or the consensus log, and not in what a store has deleted and not yet overwritten.
func TestDeletion(t *testing.T) {
	tn := foundNetwork(t, 1)
	node := tn.nodes[0]
	node.set(t, tn.genesis, Settings{Heartbeat: "50ms", SnapshotEvery: "1s"})
	short := func(p ledger.Parameters) policy {
		s := (&Settings{SnapshotEvery: "1s"}).withDefaults()
		if err := s.check(); err != nil {
			t.Fatal(err)
		}
		rules := s.policy(p)
		rules.age, rules.evidenceAge, rules.evidenceBlocks = 4*time.Second, 0, 0
		rules.era, rules.versions, rules.tidyEvery = time.Hour, 16, 300*time.Millisecond
		return rules
	}
	text := needle()
	open := func(rules func(ledger.Parameters) policy) (*Node, string) {
		n, srv := openConfig(t, Config{Dir: node.dir, policy: rules})
		return n, srv.URL
	}
	keepAll := func(p ledger.Parameters) policy {
		rules := short(p)
		rules.age, rules.tidyEvery = time.Hour, time.Hour
		return rules
	}
	n, url := open(keepAll)
	m := tn.members[0]
	write(t, url, m.endpoint(t, "https://"+text+".example/issuer", 2))
	at := n.app.state.snapshot().height
	waitSnapshot(t, &testNode{Node: n}, at)
	gone := write(t, url, m.endpoint(t, "https://voorbeeldstad.example/issuer", 3))
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	before := whereIs(t, node.dir, text)
	for _, place := range []string{"blockstore.db", "registry.db", "wal", "snapshots"} {
		if !slices.ContainsFunc(before, func(s string) bool { return strings.Contains(s, place) }) {
			t.Fatalf("it was never in %s, only in %v", place, before)
		}
	}
	if _, err := os.Stat(filepath.Join(node.dir, dataDir, "cs.wal", "wal")); err != nil {
		t.Fatal(err)
	}

	n, url = open(short)
	left, ok := n.keeper.timeAt(gone.Height)
	if !ok {
		t.Fatal("no block")
	}
	// Parts of the consensus log go when the time since they were last written is over.
	err := n.until(t.Context(), func() bool {
		at, ok := n.keeper.timeAt(n.keeper.swept.Load())
		return ok && at.Sub(left) > 3*time.Second
	})
	if err != nil {
		t.Fatal(err)
	}
	// It goes on, and the last sweep was while it did.
	write(t, url, m.endpoint(t, "https://voorbeeldstad.example/later", 4))
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if still := whereIs(t, node.dir, text); len(still) > 0 {
		t.Errorf("it is still in %v; before it was in %v", still, before)
	}
	n, url = open(short)
	write(t, url, m.endpoint(t, "https://voorbeeldstad.example/last", 5))
}
