package trust

import (
	"bytes"
	"encoding/pem"
	"testing"
)

func FuzzParseForeign(f *testing.F) {
	k := newKit(f)
	good := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: k.registry.anchors[0].Certificate.Raw})
	f.Add(good)
	f.Add(append(bytes.Clone(good), good...))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("no PEM"))
	f.Fuzz(func(t *testing.T, data []byte) {
		anchors, err := ParseForeign(data)
		if err != nil {
			return
		}
		var again []byte
		for _, a := range anchors {
			again = append(again, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Certificate.Raw})...)
		}
		same, err := ParseForeign(again)
		if err != nil || len(same) != len(anchors) || len(anchors) == 0 {
			t.Fatalf("%d anchors, written and read again %d: %v", len(anchors), len(same), err)
		}
		for i := range same {
			if !same[i].Certificate.Equal(anchors[i].Certificate) {
				t.Fatalf("anchor %d changed", i)
			}
		}
	})
}
