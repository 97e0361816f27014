package town

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/office"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// TestPapers reads the papers of a new town as the town will need them later.
func TestPapers(t *testing.T) {
	dir := t.TempDir()
	p, err := openPapers(dir, "http://localhost:8420", 0, noon)
	if err != nil {
		t.Fatal(err)
	}
	again, err := openPapers(dir, "http://localhost:8420", 0, noon.AddDate(0, 1, 0))
	if err != nil {
		t.Fatal(err)
	}
	if again.did != p.did || again.token != p.token || !again.made.Equal(noon) {
		t.Errorf("the second start has other papers: %s %s", again.did, p.did)
	}
	for name, hash := range map[string][]byte{"registry-next-key.pem": p.record.NextKeyHash, "recovery-key.pem": p.record.RecoveryHash} {
		key, err := office.LoadKey(filepath.Join(dir, name), true)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ledger.KeyHash(key.Public().(ed25519.PublicKey)), hash) {
			t.Errorf("the record does not commit to %s: the town could never rotate to it", name)
		}
		if _, err := office.LoadKey(filepath.Join(dir, name), false); err == nil {
			t.Errorf("%s loads in production", name)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v), want 0600", e.Name(), info.Mode(), err)
		}
	}
	if _, err := openPapers(dir, "http://localhost:9999", 0, noon); err == nil || !strings.Contains(err.Error(), "8420") {
		t.Errorf("another origin: %v", err)
	}
}

// TestPapersCutOff leaves a first start before its last file; the next start must begin anew and not mix papers.
func TestPapersCutOff(t *testing.T) {
	dir := t.TempDir()
	first, err := openPapers(dir, "http://localhost:8420", 0, noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "town.json")); err != nil {
		t.Fatal(err)
	}
	second, err := openPapers(dir, "http://localhost:8420", 0, noon)
	if err != nil {
		t.Fatal(err)
	}
	if first.did == second.did {
		t.Error("the keys of the cut-off start are in use")
	}
	if len(second.accreditations()) < 4 {
		t.Errorf("%d accreditations, want one to issue and one for each question", len(second.accreditations()))
	}
}
