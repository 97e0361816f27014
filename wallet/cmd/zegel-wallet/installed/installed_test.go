package installed

import (
	"os"
	"path/filepath"
	"testing"
)

func TestNetwork(t *testing.T) {
	prefix := t.TempDir()
	share := filepath.Join(prefix, "share", "zegel")
	if err := os.MkdirAll(share, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(prefix, "bin", "zegel-wallet")
	dirs := []string{beside(program), t.TempDir()}
	if got := first(dirs); got != nil {
		t.Errorf("%q without a file", got)
	}
	if err := os.WriteFile(filepath.Join(share, "network.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := first(dirs); string(got) != "{}" {
		t.Errorf("%q", got)
	}
}
