package ledger

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
)

// A transaction is a COSE_Sign1 (RFC 9052, Section 4.2) in one form only, and a node reads each several times as often as
// anything else. So reading follows the form byte by byte; writing is go-cose's.
var (
	sign1Begin = []byte{0xd2, 0x84}             // tag 18, array of 4
	sign1Head  = []byte{0xa2, 0x01, 0x27, 0x04} // protected: {1: -8 (EdDSA), 4: key id}
	sign1Empty = byte(0xa0)                     // unprotected
	sign1Tbs   = append([]byte{0x84, 0x6a}, "Signature1"...)
)

// sign1 holds the parts of a message; they point into it.
type sign1 struct {
	keyID, protected, payload, signature []byte
}

// CheckOuter says at the cost of a few comparisons, however long raw is, whether it has the outer form of a transaction.
// Error: [ErrMalformed].
func CheckOuter(raw []byte) error {
	_, err := parseSign1(raw)
	return err
}

func parseSign1(raw []byte) (*sign1, error) {
	rest, ok := bytes.CutPrefix(raw, sign1Begin)
	if !ok {
		return nil, fmt.Errorf("%w: no COSE_Sign1", ErrMalformed)
	}
	var m sign1
	if m.protected, rest, ok = cutBytes(rest); !ok {
		return nil, fmt.Errorf("%w: COSE_Sign1 without a protected header", ErrMalformed)
	}
	head, ok := bytes.CutPrefix(m.protected, sign1Head)
	if !ok {
		return nil, fmt.Errorf("%w: protected header is not EdDSA with a key id", ErrMalformed)
	}
	var left []byte
	if m.keyID, left, ok = cutBytes(head); !ok || len(left) > 0 {
		return nil, fmt.Errorf("%w: protected header is not EdDSA with a key id", ErrMalformed)
	}
	if len(rest) == 0 || rest[0] != sign1Empty {
		return nil, fmt.Errorf("%w: COSE_Sign1 with an unprotected header", ErrMalformed)
	}
	if m.payload, rest, ok = cutBytes(rest[1:]); !ok {
		return nil, fmt.Errorf("%w: COSE_Sign1 without a payload", ErrMalformed)
	}
	if m.signature, rest, ok = cutBytes(rest); !ok || len(rest) > 0 || len(m.signature) != ed25519.SignatureSize {
		return nil, fmt.Errorf("%w: COSE_Sign1 does not end with a signature of %d bytes", ErrMalformed, ed25519.SignatureSize)
	}
	return &m, nil
}

// cutBytes reads a byte string whose length is written in the shortest way.
func cutBytes(from []byte) (value, rest []byte, ok bool) {
	if len(from) == 0 {
		return nil, nil, false
	}
	var n, head int
	switch b := from[0]; {
	case b >= 0x40 && b < 0x58:
		n, head = int(b-0x40), 1
	case b == 0x58 && len(from) >= 2 && from[1] >= 24:
		n, head = int(from[1]), 2
	case b == 0x59 && len(from) >= 3 && from[1] > 0:
		n, head = int(from[1])<<8|int(from[2]), 3
	default: // a transaction is not longer
		return nil, nil, false
	}
	if len(from)-head < n {
		return nil, nil, false
	}
	return from[head : head+n], from[head+n:], true
}

func appendBytes(to, value []byte) []byte {
	switch n := len(value); {
	case n < 24:
		to = append(to, 0x40|byte(n))
	case n < 1<<8:
		to = append(to, 0x58, byte(n))
	default:
		to = append(to, 0x59, byte(n>>8), byte(n))
	}
	return append(to, value...)
}

// signed returns what the signature is over (RFC 9052, Section 4.4).
func (m *sign1) signed(external []byte) []byte {
	out := make([]byte, 0, len(sign1Tbs)+len(m.protected)+len(external)+len(m.payload)+9)
	out = append(out, sign1Tbs...)
	out = appendBytes(out, m.protected)
	out = appendBytes(out, external)
	return appendBytes(out, m.payload)
}
