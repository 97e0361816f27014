// Package wallet is the headless core of the citizen's wallet: an encrypted store, and journeys of two phases.
//
// Start with [Create] or [Open]. [Wallet.Receive] and [Wallet.Present] return a value that says what is about to happen; nothing is
// stored or sent before its Accept or Share. The graphical wallet, the command line and the tests use the same lines.
//
// It deliberately leaves out screens, and contacts nobody for trust: proofs come stapled and are checked from the network file.
package wallet

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Category is an outcome of the closed list of the error contract; every error of this package that a person can cause has one.
type Category string

// The categories of a wallet.
const (
	RequestUntrusted  Category = "request_untrusted"
	RequestMalformed  Category = "request_malformed"
	RequestExpired    Category = "request_expired"
	EndpointRefused   Category = "endpoint_refused"
	NoMatch           Category = "no_match"
	UserDeclined      Category = "user_declined"
	IssuerUntrusted   Category = "issuer_untrusted"
	CredentialInvalid Category = "credential_invalid"
	Locked            Category = "locked"
	StoreCorrupt      Category = "store_corrupt"
	StoreRolledBack   Category = "store_rolled_back"
	BackupInvalid     Category = "backup_invalid"
	Network           Category = "network"
)

// Error is a failure with its category.
type Error struct {
	Category Category
	Err      error
}

// Error names the category once, however often the protocol underneath named it.
func (e *Error) Error() string {
	prefix := string(e.Category) + ": "
	text := e.Err.Error()
	for strings.HasPrefix(text, prefix) {
		text = strings.TrimPrefix(text, prefix)
	}
	return prefix + text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CategoryOf returns the category of an error, "" if it has none.
func CategoryOf(err error) Category {
	var e *Error
	if errors.As(err, &e) {
		return e.Category
	}
	return ""
}

// Options open a wallet. Dir and Now are required.
type Options struct {
	Dir      string
	Now      func() time.Time
	Fetch    *fetch.Client  // default: https to public addresses; loopback http in a development wallet
	Foreign  []trust.Anchor // "--trust-anchor"
	Keychain Keychain       // nil: none on this machine
	Lang     string         // language of names and claims: "nl" (default) or "en"

	fs    vfs.FS // simulated disk of tests
	costs kdf    // cheaper ones for tests
}

// Keychain is the secret store of the operating system.
type Keychain interface {
	Get(name string) ([]byte, error) // ErrNoSecret if there is none
	Set(name string, secret []byte) error
	Delete(name string) error
}

// ErrNoSecret: the keychain has no such secret.
var ErrNoSecret = errors.New("no such secret")

// Setup is what a new wallet fixes for good.
type Setup struct {
	Secret  string // 6-digit PIN if there is a keychain or in development, else a passphrase of at least 60 bits
	Network []byte // network file; nil only in development (then only foreign parties can be met)
	Dev     bool   // plain http on loopback; fixed in the store
}

// Wallet is an open, unlocked wallet. It is safe for concurrent use.
type Wallet struct {
	opts    Options
	home    *home
	store   *store
	dev     bool
	network *ledger.Network // nil: only foreign parties can be met

	language atomic.Pointer[string] // of names and claims; the screen changes it while journeys run

	pin   atomic.Bool // the secret is a PIN
	list  cardList
	known atomic.Int64 // lines of the history that there are at least

	mu      sync.Mutex // one journey changes cards at a time
	trading sync.Mutex // one right to renew is used at a time; taken before mu
}

// settings are what a new wallet fixes for good.
type settings struct {
	Network []byte    `json:"network,omitempty"`
	Dev     bool      `json:"dev,omitempty"`
	Made    time.Time `json:"made"`
}

const settingsName = "settings"

func (o *Options) home() *home {
	return &home{guard: newGuard(o.fs), dir: o.Dir, keychain: o.Keychain, now: o.Now}
}

// ErrExists: the directory holds a wallet already, which stays as it is.
var ErrExists = errors.New("there is a wallet here already")

// Exists reports whether the directory holds a wallet, so that nobody chooses a secret in vain.
func Exists(o Options) bool {
	h := o.home()
	return h.exists(h.path(keyFile)) || !h.exists(o.Dir) && h.exists(h.PathJoin(o.Dir+restoringSuffix, keyFile))
}

// Create makes a new store in an empty or missing directory. A first try that was cut off is cleared away; anything else
// in the directory is left alone and refused. Errors: [*WeakError], [ErrExists], and those of the disk and the keychain.
func Create(ctx context.Context, o Options, s Setup) (_ *Wallet, err error) {
	harden()
	if err := checkSecret(s.Secret, o.Keychain != nil, s.Dev); err != nil {
		return nil, err
	}
	if s.Network == nil && !s.Dev {
		return nil, errors.New("a wallet needs a network file, except in development")
	}
	if s.Network != nil {
		n, err := ledger.ParseNetwork(s.Network)
		if err != nil {
			return nil, fmt.Errorf("network file: %w", err)
		}
		if n.Development && !s.Dev {
			return nil, fmt.Errorf("network file of %q is for development only", n.Name)
		}
	}
	h := o.home()
	if err := h.makeDir(o.Dir); err != nil {
		return nil, err
	}
	if err := h.checkDir(o.Dir); err != nil {
		return nil, err
	}
	if err := h.clearUnfinished(); err != nil {
		return nil, err
	}
	if err := h.save(h.path(unfinishedFile), true); err != nil {
		return nil, err
	}

	costs := defaultKDF
	if o.costs != (kdf{}) {
		costs = o.costs
	}
	lock := newLockFile(costs, randomID(), isPIN(s.Secret), o.Keychain != nil)
	h.lock = lock
	var half []byte
	if lock.Keychain {
		half = make([]byte, 32)
		rand.Read(half)
		if err := o.Keychain.Set(keychainName(lock.ID, "half"), half); err != nil {
			return nil, fmt.Errorf("keychain: %v", err)
		}
	}
	dataKey := make([]byte, 32)
	rand.Read(dataKey)
	if err := lock.wrap(s.Secret, half, dataKey); err != nil {
		return nil, err
	}

	st, err := newStore(h, dataKey)
	if err != nil {
		return nil, err
	}
	if err := st.lockStore(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			st.close()
		}
	}()
	if err := st.openDB(false); err != nil {
		return nil, st.corrupt(err)
	}
	st.writable = true
	if err := h.writeAttempts(attempts{}); err != nil {
		return nil, err
	}
	w := &Wallet{opts: o, home: h, store: st}
	if err := st.apply(ctx, put(settingsName, settings{Network: s.Network, Dev: s.Dev, Made: o.Now().UTC()})); err != nil {
		return nil, err
	}
	// From here on the wallet exists.
	if err := h.writeLock(lock); err != nil {
		return nil, err
	}
	if err := h.Remove(h.path(unfinishedFile)); err != nil {
		return nil, err
	}
	if err := h.syncDir(o.Dir); err != nil {
		return nil, err
	}
	return w, w.start()
}

// clearUnfinished removes what a first try left that never became a wallet.
func (h *home) clearUnfinished() error {
	names, err := h.List(h.dir)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return nil
	}
	if h.exists(h.path(keyFile)) {
		return fmt.Errorf("%q: %w", h.dir, ErrExists)
	}
	if !h.exists(h.path(unfinishedFile)) {
		return fmt.Errorf("directory %q is not empty", h.dir)
	}
	for _, name := range []string{storeDir, attemptsFile, generationFile, keyCopyFile} {
		if err := h.RemoveAll(h.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// ErrNoWallet: the directory holds no wallet.
var ErrNoWallet = errors.New("no wallet here")

// Open unlocks a store. A wrong secret is [Locked] and counts; the cause is a [*LockedError] that says how many tries are
// left and until when to wait. A store that another process has open is [Locked] too. Further errors: [ErrNoWallet],
// [StoreCorrupt], [StoreRolledBack].
func Open(ctx context.Context, o Options, secret string) (*Wallet, error) {
	harden()
	h := o.home()
	if err := h.finishRestore(); err != nil {
		return nil, err
	}
	if !h.exists(o.Dir) {
		return nil, fmt.Errorf("%q: %w", o.Dir, ErrNoWallet)
	}
	if err := h.checkDir(o.Dir); err != nil {
		return nil, &Error{StoreCorrupt, err}
	}
	if err := h.readLock(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			if h.exists(h.path(storeDir)) && !h.exists(h.path(unfinishedFile)) {
				return nil, &Error{StoreCorrupt, errors.New("the key file is missing")}
			}
			return nil, fmt.Errorf("%q: %w", o.Dir, ErrNoWallet)
		}
		if CategoryOf(err) != "" {
			return nil, err
		}
		return nil, &Error{StoreCorrupt, err}
	}
	st := &store{home: h}
	if !h.exists(h.path(storeDir)) {
		return nil, &Error{StoreCorrupt, errors.New("the store is missing")}
	}
	if err := st.lockStore(); err != nil {
		return nil, err
	}
	w, err := unlock(h, o, secret, st.lock)
	if err != nil {
		h.shut(errShut)
		return nil, errors.Join(err, h.unlock())
	}
	return w, nil
}

func unlock(h *home, o Options, secret string, lock *pebble.Lock) (*Wallet, error) {
	dataKey, err := h.try(secret)
	if err != nil {
		return nil, err
	}
	st, err := newStore(h, dataKey)
	if err != nil {
		return nil, err
	}
	clear(dataKey)
	st.lock = lock
	if err := st.open(); err != nil {
		return nil, err
	}
	w := &Wallet{opts: o, home: h, store: st}
	err = h.repairLock()
	if err == nil {
		err = w.start()
	}
	if err != nil {
		st.closeDB()
		return nil, err
	}
	return w, nil
}

// start reads the settings.
func (w *Wallet) start() error {
	data, err := w.store.get(settingsName)
	if err != nil {
		return err
	}
	var s settings
	if err := read(data, &s); err != nil {
		return err
	}
	w.dev = s.Dev
	if s.Network != nil {
		if w.network, err = ledger.ParseNetwork(s.Network); err != nil {
			return &Error{StoreCorrupt, fmt.Errorf("network file: %v", err)}
		}
	}
	if w.opts.Fetch == nil {
		w.opts.Fetch = &fetch.Client{Loopback: w.dev}
	}
	if w.opts.Lang == "" {
		w.opts.Lang = "nl"
	}
	w.language.Store(&w.opts.Lang)
	w.pin.Store(w.home.lock.PIN)
	return nil
}

// Close locks the wallet and closes the store.
func (w *Wallet) Close() error {
	err := w.store.close()
	w.list.mu.Lock()
	defer w.list.mu.Unlock()
	clear(w.list.parts[:])
	w.list.all = nil
	return err
}

// Dev reports whether this is a development wallet.
func (w *Wallet) Dev() bool { return w.dev }

// RollbackNoticed reports whether an old copy of the store put back would be noticed. Without a keychain nothing outside
// the directory remembers how far the wallet was, and people should be told so.
func (w *Wallet) RollbackNoticed() bool { return w.home.lock.Keychain }

// ChangeSecret replaces the PIN or passphrase. The old one is checked, and counted, like in [Open]. After a crash one of
// the two works. Errors: [Locked], [ErrWeakSecret].
func (w *Wallet) ChangeSecret(ctx context.Context, old, secret string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := checkSecret(secret, w.home.lock.Keychain, w.dev); err != nil {
		return err
	}
	dataKey, err := w.home.try(old)
	if err != nil {
		return err
	}
	defer clear(dataKey)
	half, err := w.home.half()
	if err != nil {
		return err
	}
	l := newLockFile(w.home.lock.KDF, w.home.lock.ID, isPIN(secret), w.home.lock.Keychain)
	if err := l.wrap(secret, half, dataKey); err != nil {
		return err
	}
	err = w.home.writeLock(l)
	w.pin.Store(w.home.lock.PIN) // the new one also if only the copy of the key file could not be written
	return err
}

// OpensWithPIN says whether this wallet opens with a PIN; otherwise with a passphrase.
func (w *Wallet) OpensWithPIN() bool { return w.pin.Load() }

// OpensWithPIN says whether the wallet that is there opens with a PIN; otherwise with a passphrase.
func OpensWithPIN(o Options) bool {
	h := o.home()
	if h.finishRestore() != nil || h.readLock() != nil {
		return true // opening it says what is wrong
	}
	return h.lock.PIN
}

// CheckSecret tries the PIN or passphrase of an open wallet, before something that the owner alone may do. Wrong ones
// count as in [Open]. Error: [Locked].
func (w *Wallet) CheckSecret(ctx context.Context, secret string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	dataKey, err := w.home.try(secret)
	clear(dataKey)
	return err
}

// SetLang chooses the language of names and claims. A journey under way goes on in it.
func (w *Wallet) SetLang(lang string) { w.language.Store(&lang) }

func (w *Wallet) lang() string { return *w.language.Load() }
