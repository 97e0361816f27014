package verifier

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
)

// challengeLife is how long a challenge of the erasure endpoint can be signed.
const challengeLife = 5 * time.Minute

const (
	challengeRandom = 16
	challengeMAC    = 16
	challengeSize   = challengeRandom + 8 + challengeMAC
	maxUsed         = 100_000
)

// challenges are given out without being remembered, so that asking for them fills nothing up; what is remembered is
// which were used, until they count no more. A restart makes all of them void.
type challenges struct {
	key [32]byte

	mu   sync.Mutex
	used map[string]time.Duration // until when it counts
}

func newChallenges() *challenges {
	c := &challenges{used: map[string]time.Duration{}}
	rand.Read(c.key[:])
	return c
}

func (c *challenges) mac(tenantID string, body []byte) []byte {
	m := hmac.New(sha256.New, c.key[:])
	m.Write([]byte("zegel erasure challenge 1\x00" + tenantID + "\x00"))
	m.Write(body)
	return m.Sum(nil)[:challengeMAC]
}

// issue makes a challenge: something random, until when it counts, and a MAC of both.
func (c *challenges) issue(tenantID string, elapsed time.Duration) string {
	body := make([]byte, challengeRandom, challengeSize)
	rand.Read(body)
	body = binary.BigEndian.AppendUint64(body, uint64(elapsed+challengeLife))
	return base64.RawURLEncoding.EncodeToString(append(body, c.mac(tenantID, body)...))
}

// fresh reports whether a challenge is one of this tenant's and its time is not over.
func (c *challenges) fresh(tenantID, challenge string, elapsed time.Duration) bool {
	raw, err := jose.DecodeBase64(challenge)
	if err != nil || len(raw) != challengeSize {
		return false
	}
	body, mac := raw[:challengeSize-challengeMAC], raw[challengeSize-challengeMAC:]
	return subtle.ConstantTimeCompare(mac, c.mac(tenantID, body)) == 1 && elapsed < expiry(body)
}

func expiry(body []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint64(body[challengeRandom:]))
}

// use takes a fresh challenge, once.
func (c *challenges) use(challenge string, elapsed time.Duration) bool {
	raw, err := jose.DecodeBase64(challenge)
	if err != nil || len(raw) != challengeSize {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, used := c.used[challenge]; used {
		return false
	}
	if len(c.used) >= maxUsed {
		c.sweep(elapsed)
		if len(c.used) >= maxUsed {
			return false
		}
	}
	c.used[challenge] = expiry(raw)
	return true
}

// sweep forgets challenges that count no more. The caller holds the lock.
func (c *challenges) sweep(elapsed time.Duration) {
	for name, until := range c.used {
		if elapsed >= until {
			delete(c.used, name)
		}
	}
}
