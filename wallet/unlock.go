package wallet

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/zegel-id/zegel/pkg/jose"
)

// formatVersion is the version of everything in the directory. Another one is refused unchanged.
const formatVersion = 2

// lockFile says how the secret opens the store.
type lockFile struct {
	Format   int    `json:"format"`
	ID       string `json:"id"`
	PIN      bool   `json:"pin"`      // the secret is a PIN
	Keychain bool   `json:"keychain"` // half of the key is in the keychain
	KDF      kdf    `json:"argon2id"`
	Salt     []byte `json:"salt"`
	Nonce    []byte `json:"nonce"`
	Wrapped  []byte `json:"wrapped,omitempty"` // the data key
}

// kdf holds the costs of Argon2id.
type kdf struct {
	Time    uint32 `json:"time"`
	Memory  uint32 `json:"memory"` // KiB
	Threads uint8  `json:"threads"`
}

var defaultKDF = kdf{Time: 3, Memory: 64 << 10, Threads: 4}

// bound keeps a file that somebody changed from exhausting the device.
func (k kdf) bound() error {
	if k.Time < 1 || k.Time > 64 || k.Memory < 8 || k.Memory > 1<<20 || k.Threads < 1 || k.Threads > 64 {
		return fmt.Errorf("argon2id costs %+v", k)
	}
	return nil
}

func newLockFile(k kdf, id string, pin, keychain bool) *lockFile {
	l := &lockFile{Format: formatVersion, ID: id, PIN: pin, Keychain: keychain, KDF: k, Salt: make([]byte, 16), Nonce: make([]byte, chacha20poly1305.NonceSizeX)}
	rand.Read(l.Salt)
	rand.Read(l.Nonce)
	return l
}

// stretch is the slow part.
func (l *lockFile) stretch(secret string) ([]byte, error) {
	if err := l.KDF.bound(); err != nil {
		return nil, err
	}
	return argon2.IDKey([]byte(secret), l.Salt, l.KDF.Time, l.KDF.Memory, l.KDF.Threads, 32), nil
}

// wrapping returns the cipher that wraps the data key, and what it binds: everything else in the file.
func (l *lockFile) wrapping(stretched, half []byte) (cipher.AEAD, []byte, error) {
	key, err := hkdf.Key(sha256.New, append(stretched, half...), l.Salt, "zegel wallet wrapping key 1", 32)
	if err != nil {
		return nil, nil, err
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, nil, err
	}
	bare := *l
	bare.Wrapped = nil
	bound, err := json.Marshal(bare)
	return aead, bound, err
}

func (l *lockFile) wrap(secret string, half, dataKey []byte) error {
	stretched, err := l.stretch(secret)
	if err != nil {
		return err
	}
	aead, bound, err := l.wrapping(stretched, half)
	if err != nil {
		return err
	}
	l.Wrapped = aead.Seal(nil, l.Nonce, dataKey, bound)
	return nil
}

// errWrongSecret: the data key does not open.
var errWrongSecret = errors.New("wrong PIN or passphrase")

func (l *lockFile) unwrap(stretched, half []byte) ([]byte, error) {
	if len(l.Nonce) != chacha20poly1305.NonceSizeX {
		return nil, fmt.Errorf("nonce of %d bytes", len(l.Nonce))
	}
	aead, bound, err := l.wrapping(stretched, half)
	if err != nil {
		return nil, err
	}
	dataKey, err := aead.Open(nil, l.Nonce, l.Wrapped, bound)
	if err != nil {
		return nil, errWrongSecret
	}
	return dataKey, nil
}

// home is the directory of a wallet with what lies beside the store.
type home struct {
	*guard
	dir      string
	keychain Keychain
	now      func() time.Time
	lock     *lockFile
}

func (h *home) path(name string) string { return h.PathJoin(h.dir, name) }

// readLock reads the key file, or its copy when the disk damaged the first.
func (h *home) readLock() error {
	var l lockFile
	err := h.load(h.path(keyFile), &l)
	if err != nil {
		// A copy without the file itself means that the file was lost; both missing means that there is no wallet.
		if copied := h.load(h.path(keyCopyFile), &l); copied != nil {
			if errors.Is(err, fs.ErrNotExist) && errors.Is(copied, fs.ErrNotExist) {
				return err
			}
			return fmt.Errorf("%w: %v", errDamaged, err)
		}
	}
	if l.Format < formatVersion {
		return &Error{StoreCorrupt, fmt.Errorf("store of format %d, this program knows %d only: make a new wallet and collect the cards again (nothing was changed)", l.Format, formatVersion)}
	}
	if l.Format > formatVersion {
		return &Error{StoreCorrupt, fmt.Errorf("store of format %d, this program knows %d: use a newer program (nothing was changed)", l.Format, formatVersion)}
	}
	h.lock = &l
	return nil
}

// writeLock writes the file first, then the copy: a crash between leaves the new secret working.
func (h *home) writeLock(l *lockFile) error {
	if err := h.save(h.path(keyFile), l); err != nil {
		return err
	}
	h.lock = l
	return h.save(h.path(keyCopyFile), l)
}

// repairLock writes what is missing or differs after the secret has opened the store.
func (h *home) repairLock() error {
	for _, name := range []string{keyFile, keyCopyFile} {
		var l lockFile
		if err := h.load(h.path(name), &l); err == nil && string(l.Wrapped) == string(h.lock.Wrapped) {
			continue
		}
		if err := h.save(h.path(name), h.lock); err != nil {
			return err
		}
	}
	return nil
}

func keychainName(id, what string) string { return "zegel-wallet-" + id + "-" + what }

// half returns the keychain's half of the key, nil for a wallet without one.
func (h *home) half() ([]byte, error) {
	if !h.lock.Keychain {
		return nil, nil
	}
	if h.keychain == nil {
		return nil, &Error{Locked, errors.New("half of the key is in the keychain of this device, which does not answer")}
	}
	half, err := h.keychain.Get(keychainName(h.lock.ID, "half"))
	if err != nil || len(half) == 0 {
		return nil, &Error{Locked, fmt.Errorf("half of the key is in the keychain of this device: %v", err)}
	}
	return half, nil
}

// attempts counts wrong secrets. It is on disk before the outcome of a try is known, so that pulling the plug gives no free try.
type attempts struct {
	Failed int   `json:"failed"`
	Since  int64 `json:"since"` // unix seconds: when the current wait began
}

const triesPerRound = 4

// waits follow the first, second and third round of wrong tries; after the fourth the wallet stays shut.
var waits = []time.Duration{time.Minute, 5 * time.Minute, time.Hour}

// LockedError says why a secret was not tried, or that it was wrong. It is the cause of a [Locked] error.
type LockedError struct {
	Left    int       // tries that are left before the next wait
	Until   time.Time // no try is possible before; zero: none to wait for
	Blocked bool      // for good
	Wrong   bool      // the secret was tried and wrong
}

func (e *LockedError) Error() string {
	switch {
	case e.Blocked:
		return "blocked for good after too many wrong tries"
	case e.Wrong && !e.Until.IsZero():
		return fmt.Sprintf("wrong PIN or passphrase; wait until %s", e.Until.Format(time.RFC3339))
	case e.Wrong:
		return fmt.Sprintf("wrong PIN or passphrase; %d tries left in this round", e.Left)
	}
	return fmt.Sprintf("too many wrong tries; wait until %s", e.Until.Format(time.RFC3339))
}

func (h *home) readAttempts() (attempts, error) {
	var a attempts
	err := h.load(h.path(attemptsFile), &a)
	if err == nil && (a.Failed < 0 || a.Since < 0) {
		err = errDamaged
	}
	if err != nil {
		// A lost or damaged counter is not a fresh one: the last round is left, after the longest wait.
		a = attempts{Failed: triesPerRound * len(waits), Since: h.now().Unix()}
		if err := h.save(h.path(attemptsFile), a); err != nil {
			return a, err
		}
	}
	if h.lock.Keychain && h.keychain != nil {
		if data, err := h.keychain.Get(keychainName(h.lock.ID, "attempts")); err == nil {
			var k attempts
			if jose.Unmarshal(data, &k) == nil && k.Failed > a.Failed {
				a = k
			}
		}
	}
	return a, nil
}

func (h *home) writeAttempts(a attempts) error {
	if h.lock.Keychain && h.keychain != nil {
		data, err := json.Marshal(a)
		if err != nil {
			return err
		}
		if err := h.keychain.Set(keychainName(h.lock.ID, "attempts"), data); err != nil {
			return err
		}
	}
	return h.save(h.path(attemptsFile), a)
}

// until returns the end of the wait that a is in, zero if there is none.
func (a attempts) until(now time.Time) time.Time {
	if a.Failed == 0 || a.Failed%triesPerRound != 0 {
		return time.Time{}
	}
	wait := waits[min(a.Failed/triesPerRound, len(waits))-1]
	end := time.Unix(a.Since, 0).Add(wait)
	if now.Before(end) {
		return end
	}
	return time.Time{}
}

// try opens the data key with a secret, under the rules for wrong ones.
func (h *home) try(secret string) ([]byte, error) {
	half, err := h.half()
	if err != nil {
		return nil, err
	}
	a, err := h.readAttempts()
	if err != nil {
		return nil, err
	}
	if a.Failed >= triesPerRound*(len(waits)+1) {
		return nil, &Error{Locked, &LockedError{Blocked: true}}
	}
	now := h.now()
	if a.Since > now.Unix() {
		// The clock was set back: the wait begins again instead of lasting until the old date.
		a.Since = now.Unix()
		if err := h.writeAttempts(a); err != nil {
			return nil, err
		}
	}
	if until := a.until(now); !until.IsZero() {
		return nil, &Error{Locked, &LockedError{Until: until}}
	}
	a.Failed++
	a.Since = now.Unix()
	// The disk takes its time while the secret is stretched. Whether it is right is looked at only when the try is counted.
	counted := make(chan error, 1)
	go func() { counted <- h.writeAttempts(a) }()
	stretched, err := h.lock.stretch(secret)
	if err := <-counted; err != nil {
		return nil, err
	}
	if err != nil {
		return nil, &Error{StoreCorrupt, err}
	}
	dataKey, err := h.lock.unwrap(stretched, half)
	if errors.Is(err, errWrongSecret) {
		if a.Failed >= triesPerRound*(len(waits)+1) {
			return nil, &Error{Locked, &LockedError{Wrong: true, Blocked: true}}
		}
		left := (triesPerRound - a.Failed%triesPerRound) % triesPerRound
		return nil, &Error{Locked, &LockedError{Wrong: true, Left: left, Until: a.until(now)}}
	}
	if err != nil {
		return nil, &Error{StoreCorrupt, err}
	}
	if err := h.writeAttempts(attempts{}); err != nil {
		return nil, err
	}
	return dataKey, nil
}

// Tries says without a try how it stands with wrong ones: how many are left, until when to wait, or that none is left. It
// reads the file beside the store alone, so that nobody is asked to open a keychain for it; the next try may know of more.
func Tries(o Options) LockedError {
	h := o.home()
	var a attempts
	if h.load(h.path(attemptsFile), &a) != nil || a.Failed < 0 || a.Since < 0 {
		return LockedError{Left: triesPerRound} // the next try says more
	}
	if a.Failed >= triesPerRound*(len(waits)+1) {
		return LockedError{Blocked: true}
	}
	return LockedError{Left: triesPerRound - a.Failed%triesPerRound, Until: a.until(h.now())}
}

// generation is the newest generation known outside the store.
func (h *home) outsideGeneration() (uint64, error) {
	var g struct {
		Generation uint64 `json:"generation"`
	}
	if h.lock.Keychain {
		data, err := h.keychain.Get(keychainName(h.lock.ID, "generation"))
		if err != nil {
			return 0, err
		}
		err = jose.Unmarshal(data, &g)
		return g.Generation, err
	}
	err := h.load(h.path(generationFile), &g)
	return g.Generation, err
}

func (h *home) setOutsideGeneration(n uint64) error {
	g := struct {
		Generation uint64 `json:"generation"`
	}{n}
	if h.lock.Keychain {
		data, err := json.Marshal(g)
		if err != nil {
			return err
		}
		return h.keychain.Set(keychainName(h.lock.ID, "generation"), data)
	}
	return h.save(h.path(generationFile), g)
}

func randomID() string {
	b := make([]byte, 16)
	rand.Read(b)
	return hex.EncodeToString(b)
}
