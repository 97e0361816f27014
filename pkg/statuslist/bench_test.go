package statuslist

import (
	"encoding/base64"
	"testing"
)

// BenchmarkInflateBomb is the work that a list which grows beyond the limit can cause.
func BenchmarkInflateBomb(b *testing.B) {
	var list List
	list.bits, list.data = 1, make([]byte, 64<<20)
	token := SignedToken{bits: 1}
	var err error
	if token.packed, err = pack(list.data); err != nil {
		b.Fatal(err)
	}
	b.Logf("%d bytes, %d in base64url", len(token.packed), base64.RawURLEncoding.EncodedLen(len(token.packed)))
	b.ReportAllocs()
	for b.Loop() {
		if err := token.inflate(); err == nil {
			b.Fatal("inflated")
		}
	}
}
