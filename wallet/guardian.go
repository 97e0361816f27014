package wallet

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/corvus-ch/shamir"
)

// Bounds of guardians.
const (
	MinGuardians = 2
	MaxGuardians = 10
)

// A share is one part of a recovery key, as a line of capitals that fits on paper and in a QR code:
//
//	ZEGEL-DEEL-1-…  base32 of: set (8 bytes) ‖ needed ‖ parts ‖ number ‖ part of the secret ‖ checksum (4 bytes)
//
// The set is the beginning of a hash of the secret: shares of one key know each other, and what they make together can
// be told from what a wrong share makes.
type share struct {
	set           [8]byte
	needed, parts int
	number        byte
	part          []byte
}

// SharePrefix begins every share.
const SharePrefix = "ZEGEL-DEEL-1-"

var shareEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

func secretSet(secret []byte) [8]byte {
	sum := sha256.Sum256(append([]byte("zegel guardians 1\x00"), secret...))
	return [8]byte(sum[:8])
}

func shareSum(body []byte) uint32 {
	sum := sha256.Sum256(append([]byte("zegel share 1\x00"), body...))
	return binary.BigEndian.Uint32(sum[:4])
}

func (s share) String() string {
	body := append(s.set[:], byte(s.needed), byte(s.parts), s.number)
	body = append(body, s.part...)
	body = binary.BigEndian.AppendUint32(body, shareSum(body))
	return SharePrefix + shareEncoding.EncodeToString(body)
}

// parseShare reads a share however a person typed it: spaces, line breaks and small letters do not matter, and words may
// stand before it, as on the paper it came with.
func parseShare(text string) (share, error) {
	clean := strings.ToUpper(strings.Join(strings.Fields(text), ""))
	_, rest, ok := strings.Cut(clean, SharePrefix)
	if !ok || len(rest) > 1024 {
		return share{}, errors.New("this is not a part of a recovery key")
	}
	body, err := shareEncoding.DecodeString(rest)
	if err != nil || len(body) < 8+3+1+4 {
		return share{}, errors.New("this part is not complete, or has a typing error")
	}
	body, sum := body[:len(body)-4], binary.BigEndian.Uint32(body[len(body)-4:])
	if shareSum(body) != sum {
		return share{}, errors.New("this part has a typing error")
	}
	s := share{set: [8]byte(body[:8]), needed: int(body[8]), parts: int(body[9]), number: body[10], part: body[11:]}
	if s.needed < MinGuardians || s.needed > s.parts || s.parts > MaxGuardians || s.number == 0 {
		return share{}, errors.New("this part does not say what it is part of")
	}
	return s, nil
}

// splitSecret makes the parts of a secret: any needed of them give it back, fewer tell nothing.
func splitSecret(secret []byte, needed, parts int) ([]string, error) {
	if needed < MinGuardians || needed > parts || parts > MaxGuardians {
		return nil, fmt.Errorf("%d of %d guardians: choose %d to %d, of whom at least %d and not more than all are needed",
			needed, parts, MinGuardians, MaxGuardians, MinGuardians)
	}
	split, err := shamir.Split(secret, parts, needed)
	if err != nil {
		return nil, fmt.Errorf("split: %v", err)
	}
	var out []string
	for number, part := range split {
		out = append(out, share{secretSet(secret), needed, parts, number, part}.String())
	}
	return out, nil
}

// Rehearsal says how far shares come, without opening anything.
type Rehearsal struct {
	Needed, Parts int
	Have          int      // different good shares of one key
	Complete      bool     // together they make the key
	Who           []string // whose shares they are, as far as an open wallet knows
}

// Rehearse looks at shares: are they whole, do they belong together, are there enough? The error says what is wrong with
// which one; category [BackupInvalid].
func Rehearse(shares []string) (*Rehearsal, error) {
	r, _, err := combine(shares)
	return r, err
}

// combine returns the secret once there are enough shares.
func combine(shares []string) (*Rehearsal, []byte, error) {
	bad := func(i int, err error) (*Rehearsal, []byte, error) {
		return nil, nil, &Error{BackupInvalid, fmt.Errorf("part %d: %w", i+1, err)}
	}
	if len(shares) == 0 {
		return nil, nil, &Error{BackupInvalid, errors.New("no part of a recovery key")}
	}
	var first share
	parts := map[byte][]byte{}
	for i, text := range shares {
		s, err := parseShare(text)
		if err != nil {
			return bad(i, err)
		}
		if i == 0 {
			first = s
		}
		if s.set != first.set || s.needed != first.needed || s.parts != first.parts || len(s.part) != len(first.part) {
			return bad(i, errors.New("this part belongs to another recovery key"))
		}
		if known, twice := parts[s.number]; twice && string(known) != string(s.part) {
			return bad(i, errors.New("two parts contradict each other"))
		}
		parts[s.number] = s.part
	}
	r := &Rehearsal{Needed: first.needed, Parts: first.parts, Have: len(parts)}
	if r.Have < r.Needed {
		return r, nil, nil
	}
	secret, err := shamir.Combine(parts)
	if err != nil || secretSet(secret) != first.set {
		return nil, nil, &Error{BackupInvalid, errors.New("these parts do not make the key: at least one of them is not real")}
	}
	r.Complete = true
	return r, secret, nil
}
