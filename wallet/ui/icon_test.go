package ui

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the icon files anew")

// The pictures that packagers of the programs read are those that the programs show.
func TestIconFiles(t *testing.T) {
	want := Icon().Content()
	for _, path := range []string{"../../mobile/icon.png", "../cmd/zegel-wallet/linux/id.zegel.wallet.png"} {
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is another picture than Icon gives (%v): run this test with -update", path, err)
		}
	}
}
