package wallet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/zegel-id/zegel/pkg/jose"
)

// backupVersion is the version of a backup file. A newer one is refused.
const backupVersion = 1

// Bounds of a backup file.
const (
	maxBackup     = 64 << 20
	maxBackupHead = 64 << 10
)

// ReissueStatus is the status of a card that came out of a backup: its keys stayed on the device that held them, so it
// has to be issued again before it can be shown. [Wallet.Renew] does so where the issuer gave the right to.
const ReissueStatus = "reissue"

// testWorkFactor goes with the cheaper costs of tests.
const testWorkFactor = 10

// maxWorkFactor bounds what opening a file may cost: about eight seconds.
const maxWorkFactor = 21

func seal(plain []byte, to age.Recipient) ([]byte, error) {
	var out bytes.Buffer
	e, err := age.Encrypt(&out, to)
	if err != nil {
		return nil, err
	}
	if _, err := e.Write(plain); err != nil {
		return nil, err
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func unseal(sealed []byte, with age.Identity) ([]byte, error) {
	d, err := age.Decrypt(bytes.NewReader(sealed), with)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(d, maxBackup))
}

// backupHead is the first line of a backup file. The content repeats its hash.
type backupHead struct {
	Zegel   string `json:"zegel"` // "backup"
	Version int    `json:"version"`
	Key     []byte `json:"key,omitempty"` // the key under the passphrase
}

// backupContent is what can move. Records are those of the store, but for the copies: they hold private keys that belong
// to one device. The right to have cards issued again moves with its own key. Issuers take each such token once, so a backup
// made before the last two renewals does not hold it any more.
type backupContent struct {
	Head    []byte                     `json:"head"` // SHA-256 of the first line
	Made    time.Time                  `json:"made"`
	Records map[string]json.RawMessage `json:"records"`
}

// ErrNoRecovery: nothing says yet how a backup would be opened; see [Wallet.PlanRecovery].
var ErrNoRecovery = errors.New("choose first who can open a backup: a passphrase, guardians, or both")

// Backup returns a backup file: cards, history, settings and the right to have cards issued again, without the private keys
// of cards. It opens with what the last accepted [RecoveryPlan] chose. The file has been opened again and compared before it
// is returned; call [Wallet.BackupSaved] once it is where its owner keeps it.
func (w *Wallet) Backup(ctx context.Context) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, err := w.recovery()
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, ErrNoRecovery
	}
	identity, err := age.ParseX25519Identity(r.Identity)
	if err != nil {
		return nil, &Error{StoreCorrupt, errors.New("the recovery key does not parse")}
	}
	r.Backed, r.Checked = w.opts.Now().UTC(), time.Time{}
	content := backupContent{Made: r.Backed, Records: map[string]json.RawMessage{}}
	all, err := w.store.all("")
	if err != nil {
		return nil, err
	}
	for name, data := range all {
		if movable(name) {
			content.Records[name] = data
		}
	}
	for _, c := range content.cards() {
		c.Copies = nil
		content.Records[cardPrefix+c.ID] = put("", c).value
	}
	content.Records[recoveryName] = put("", r).value

	head, err := json.Marshal(backupHead{Zegel: "backup", Version: backupVersion, Key: r.Wrapped})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(head)
	content.Head = sum[:]
	plain, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	sealed, err := seal(plain, identity.Recipient())
	if err != nil {
		return nil, err
	}
	file := slices.Concat(head, []byte("\n"), sealed)
	if len(file) > maxBackup {
		return nil, fmt.Errorf("a backup of %d bytes is too large", len(file))
	}
	again, err := openBackup(file, r.Identity)
	if err != nil || len(again.content.Records) != len(content.Records) {
		return nil, fmt.Errorf("the backup does not open again: %v", err)
	}
	return file, nil
}

// cards decodes the cards among the records; what does not decode is left out.
func (c *backupContent) cards() []*cardRecord {
	var all []*cardRecord
	for name, data := range c.Records {
		r := new(cardRecord)
		if strings.HasPrefix(name, cardPrefix) && read(data, r) == nil {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b *cardRecord) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// Backup is an opened backup. Nothing has been changed yet.
type Backup struct {
	Made    time.Time
	Dev     bool // of a development wallet
	History int  // lines

	content backupContent
}

// BackupHasPassphrase looks at a backup file without opening it: can a passphrase open it, or its guardians alone? Error:
// [BackupInvalid].
func BackupHasPassphrase(file []byte) (bool, error) {
	head, _, err := backupParts(file)
	if err != nil {
		return false, err
	}
	return len(head.Key) > 0, nil
}

// OpenBackup opens a backup file with its passphrase. Error: [BackupInvalid].
func OpenBackup(file []byte, passphrase string) (*Backup, error) {
	head, _, err := backupParts(file)
	if err != nil {
		return nil, err
	}
	if len(head.Key) == 0 {
		return nil, &Error{BackupInvalid, errors.New("this backup has no passphrase; its guardians can open it")}
	}
	identity, err := unwrapIdentity(head.Key, passphrase)
	if err != nil {
		return nil, err
	}
	return openBackup(file, identity)
}

// OpenBackupWithShares opens a backup file with the parts of enough guardians. Error: [BackupInvalid].
func OpenBackupWithShares(file []byte, shares []string) (*Backup, error) {
	if _, _, err := backupParts(file); err != nil {
		return nil, err
	}
	r, secret, err := combine(shares)
	if err != nil {
		return nil, err
	}
	if !r.Complete {
		return nil, &Error{BackupInvalid, fmt.Errorf("%d of the %d parts that are needed", r.Have, r.Needed)}
	}
	return openBackup(file, string(secret))
}

func backupParts(file []byte) (*backupHead, []byte, error) {
	line, sealed, ok := bytes.Cut(file[:min(len(file), maxBackupHead)], []byte("\n"))
	if !ok || len(file) > maxBackup {
		return nil, nil, &Error{BackupInvalid, errors.New("this is not a backup of a wallet")}
	}
	sealed = file[len(line)+1:]
	h := new(backupHead)
	if err := jose.Unmarshal(line, h); err != nil || h.Zegel != "backup" {
		return nil, nil, &Error{BackupInvalid, errors.New("this is not a backup of a wallet")}
	}
	if h.Version != backupVersion {
		return nil, nil, &Error{BackupInvalid, fmt.Errorf("backup of version %d, this program knows %d: use a newer program", h.Version, backupVersion)}
	}
	return h, sealed, nil
}

func openBackup(file []byte, secret string) (*Backup, error) {
	_, sealed, err := backupParts(file)
	if err != nil {
		return nil, err
	}
	invalid := func(text string) (*Backup, error) { return nil, &Error{BackupInvalid, errors.New(text)} }
	identity, err := age.ParseX25519Identity(secret)
	if err != nil {
		return invalid("the key is not one of a backup")
	}
	plain, err := unseal(sealed, identity)
	if err != nil {
		return invalid("the key is of another backup, or the file was cut off or changed")
	}
	b := new(Backup)
	if err := json.Unmarshal(plain, &b.content); err != nil {
		return invalid("the content does not parse")
	}
	sum := sha256.Sum256(file[:len(file)-len(sealed)-1])
	if !bytes.Equal(sum[:], b.content.Head) {
		return invalid("the first line was changed")
	}
	var s settings
	if err := read(b.content.Records[settingsName], &s); err != nil {
		return invalid("the settings are missing")
	}
	for name, data := range b.content.Records {
		if !movable(name) || !json.Valid(data) {
			return invalid("it holds what no backup holds")
		}
		if strings.HasPrefix(name, historyPrefix) {
			b.History++
		}
	}
	b.Made, b.Dev = b.content.Made, s.Dev
	return b, nil
}

// Cards lists the cards as they will be: revoked and expired ones as they are, all others to be issued again.
func (b *Backup) Cards(lang string, now time.Time) []Card {
	cards := []Card{}
	for _, r := range b.content.cards() {
		r.restored()
		cards = append(cards, r.card(lang, now))
	}
	return cards
}

func (r *cardRecord) restored() {
	r.Copies = nil
	if r.Status != "revoked" {
		r.Status = ReissueStatus
	}
}

// Restored says what became of a wallet that was in the way.
type Restored struct {
	Wallet *Wallet
	Kept   string // where the wallet that was there before lies now; empty: there was none
}

// Restore makes a wallet of a backup in o.Dir, opened by a new secret. A wallet that is there already is an error
// ([ErrExists]) unless replace is set; then it is kept beside, unchanged, and still opens with its own secret.
func (b *Backup) Restore(ctx context.Context, o Options, secret string, replace bool) (*Restored, error) {
	h := o.home()
	exists := Exists(o)
	if exists && !replace {
		return nil, fmt.Errorf("%q: %w", o.Dir, ErrExists)
	}
	var s settings
	if err := read(b.content.Records[settingsName], &s); err != nil {
		return nil, err
	}
	made := o
	if exists {
		made.Dir = o.Dir + restoringSuffix
		if err := h.RemoveAll(made.Dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	w, err := Create(ctx, made, Setup{Secret: secret, Network: s.Network, Dev: s.Dev})
	if err != nil {
		return nil, err
	}
	if err := w.take(ctx, b); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if !exists {
		return &Restored{Wallet: w}, nil
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	kept := fmt.Sprintf("%s%s%s", o.Dir, keptInfix, o.Now().UTC().Format(keptTime))
	if err := h.swap(o.Dir, made.Dir, kept); err != nil {
		return nil, err
	}
	w, err = Open(ctx, o, secret)
	return &Restored{Wallet: w, Kept: kept}, err
}

// restoringSuffix names a restored wallet until it takes its place.
const restoringSuffix = ".restoring"

// keptInfix names a wallet that was there before, with the time after it.
const keptInfix = ".before-"

const keptTime = "20060102T150405"

// swap keeps the old wallet and puts the new one in its place. Nobody may have the old one open.
func (h *home) swap(dir, made, kept string) error {
	old := &store{home: h}
	if err := old.lockStore(); err != nil {
		return err
	}
	if err := h.unlock(); err != nil {
		return err
	}
	if h.exists(kept) {
		return fmt.Errorf("%q exists", kept)
	}
	if err := h.Rename(dir, kept); err != nil {
		return err
	}
	if err := h.Rename(made, dir); err != nil {
		return errors.Join(err, h.Rename(kept, dir))
	}
	return h.syncDir(h.PathDir(dir))
}

// finishRestore puts a restored wallet in its place that a crash left beside it.
func (h *home) finishRestore() error {
	made := h.dir + restoringSuffix
	if h.exists(h.dir) || !h.exists(h.PathJoin(made, keyFile)) {
		return nil
	}
	if err := h.Rename(made, h.dir); err != nil {
		return err
	}
	return h.syncDir(h.PathDir(h.dir))
}

// take writes the content of a backup into a new wallet.
func (w *Wallet) take(ctx context.Context, b *Backup) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var writes []write
	for name, data := range b.content.Records {
		if name != settingsName && !strings.HasPrefix(name, cardPrefix) {
			writes = append(writes, write{name: name, value: data})
		}
	}
	for _, r := range b.content.cards() {
		r.restored()
		writes = append(writes, put(cardPrefix+r.ID, r))
	}
	if err := w.commit(ctx, writes...); err != nil {
		return err
	}
	return w.commit(ctx, w.entry(Entry{Kind: "restored", Outcome: "ok"}))
}
