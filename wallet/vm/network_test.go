package vm

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// testNetwork is a network file that no node answers for.
var testNetwork = func() []byte {
	sum := sha256.Sum256([]byte("header"))
	key := sha256.Sum256([]byte("validator"))
	n := &ledger.Network{
		Name: "test", ChainID: "zegel-test", Height: 2, Hash: hex.EncodeToString(sum[:]), Time: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		Validators: []ledger.NetworkValidator{{PubKey: key[:], Power: 10}}, Nodes: []string{},
	}
	return n.Encode()
}()
