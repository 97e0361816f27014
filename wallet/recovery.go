package wallet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"filippo.io/age"
)

const recoveryName = "recovery"

// recoveryRecord is how backups of this wallet are opened: a key of their own, that a passphrase or guardians give back.
type recoveryRecord struct {
	Identity  string       `json:"identity"`            // age X25519 secret key
	Wrapped   []byte       `json:"wrapped,omitempty"`   // the same, under the passphrase
	Guardians []string     `json:"guardians,omitempty"` // names, for the owner alone
	Parts     []partRecord `json:"parts,omitempty"`     // what each of them gets
	Needed    int          `json:"needed,omitempty"`
	Made      time.Time    `json:"made"`
	Rehearsed time.Time    `json:"rehearsed,omitzero"` // when enough parts or the passphrase made the key
	Backed    time.Time    `json:"backed,omitzero"`    // newest backup
	Checked   time.Time    `json:"checked,omitzero"`   // when its file was read again
}

// partRecord is the part of a guardian. It is kept, so that somebody can get it later, or once more: whoever reads it here
// reads the whole key beside it.
type partRecord struct {
	Share string    `json:"share"`
	Given time.Time `json:"given,omitzero"`
	Seen  time.Time `json:"seen,omitzero"`
}

// Guardian is a person who has a part of the recovery key, or is to get one.
type Guardian struct {
	Name  string
	Given time.Time // when the part was handed over; zero: not yet
	Seen  time.Time // when the part was last looked at in a rehearsal, and was good; zero: never
}

// Recovery says how backups of a wallet are opened, and what of that was tried.
type Recovery struct {
	Passphrase bool
	Guardians  []Guardian // the people who have a part of the key
	Needed     int        // how many of them are needed
	Made       time.Time
	Rehearsed  time.Time // when enough parts or the passphrase last made the key; zero: never
	LastBackup time.Time // zero: never
	Checked    time.Time // when the file of the newest backup was last read again; zero: never
}

// Tested returns when it was last seen that the newest backup opens: its file was read again, or the passphrase or enough of
// the parts made its key. Zero: never.
func (r *Recovery) Tested() time.Time {
	if r.Checked.After(r.Rehearsed) {
		return r.Checked
	}
	return r.Rehearsed
}

// RecoverySetup chooses how backups are opened: with a passphrase, with guardians, or with either.
type RecoverySetup struct {
	Passphrase string   // at least [MinPassphraseBits]; empty: none
	Guardians  []string // names; empty: none
	Needed     int      // of the guardians
}

// RecoveryPlan is a new key for backups. It counts once Accept was called.
type RecoveryPlan struct {
	Shares []string // the guardians' parts, in the order of their names

	w      *Wallet
	record recoveryRecord
}

// PlanRecovery makes a new key for backups. Nothing is changed yet. Errors: [*WeakError], and of the numbers.
func (w *Wallet) PlanRecovery(s RecoverySetup) (*RecoveryPlan, error) {
	if s.Passphrase == "" && len(s.Guardians) == 0 {
		return nil, errors.New("choose a passphrase, guardians, or both")
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	p := &RecoveryPlan{w: w, record: recoveryRecord{Identity: identity.String(), Made: w.opts.Now().UTC()}}
	if s.Passphrase != "" {
		if err := checkSecret(s.Passphrase, false, false); err != nil {
			return nil, err
		}
		if p.record.Wrapped, err = w.wrapIdentity(p.record.Identity, s.Passphrase); err != nil {
			return nil, err
		}
	}
	if len(s.Guardians) > 0 {
		if p.Shares, err = splitSecret([]byte(p.record.Identity), s.Needed, len(s.Guardians)); err != nil {
			return nil, err
		}
		for i, name := range s.Guardians {
			p.record.Guardians = append(p.record.Guardians, safe(name, 60))
			p.record.Parts = append(p.record.Parts, partRecord{Share: p.Shares[i]})
		}
		p.record.Needed = s.Needed
	}
	return p, nil
}

// Accept makes the key the one of all backups from now on. Backups made before open as before. given names the parts that
// are with their guardians already.
func (p *RecoveryPlan) Accept(ctx context.Context, given ...int) error {
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	for _, i := range given {
		if i < 0 || i >= len(p.record.Parts) {
			return fmt.Errorf("there is no part %d", i)
		}
		p.record.Parts[i].Given = p.w.opts.Now().UTC()
	}
	return p.w.commit(ctx, put(recoveryName, p.record))
}

func (w *Wallet) wrapIdentity(identity, passphrase string) ([]byte, error) {
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	if w.opts.costs != (kdf{}) {
		recipient.SetWorkFactor(testWorkFactor)
	}
	return seal([]byte(identity), recipient)
}

// unwrapIdentity is the other way around. Error: [BackupInvalid].
func unwrapIdentity(wrapped []byte, passphrase string) (string, error) {
	with, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return "", &Error{BackupInvalid, errors.New("no passphrase")}
	}
	with.SetMaxWorkFactor(maxWorkFactor)
	identity, err := unseal(wrapped, with)
	if err != nil {
		return "", &Error{BackupInvalid, errors.New("the passphrase is wrong, or the file was changed")}
	}
	return string(identity), nil
}

func (w *Wallet) recovery() (*recoveryRecord, error) {
	data, err := w.store.get(recoveryName)
	if err != nil || data == nil {
		return nil, err
	}
	r := new(recoveryRecord)
	return r, read(data, r)
}

// Recovery returns how backups are opened; nil if nothing is set up.
func (w *Wallet) Recovery(ctx context.Context) (*Recovery, error) {
	r, err := w.recovery()
	if err != nil || r == nil {
		return nil, err
	}
	out := &Recovery{Passphrase: len(r.Wrapped) > 0, Needed: r.Needed, Made: r.Made, Rehearsed: r.Rehearsed, LastBackup: r.Backed, Checked: r.Checked}
	for i, name := range r.Guardians {
		g := Guardian{Name: name}
		if i < len(r.Parts) {
			g.Given, g.Seen = r.Parts[i].Given, r.Parts[i].Seen
		}
		out.Guardians = append(out.Guardians, g)
	}
	return out, nil
}

// changePart changes the part of a guardian and keeps it.
func (w *Wallet) changePart(ctx context.Context, i int, change func(*partRecord)) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, err := w.recovery()
	if err != nil {
		return "", err
	}
	if r == nil || i < 0 || i >= len(r.Parts) {
		return "", fmt.Errorf("there is no guardian %d", i)
	}
	if change == nil {
		return r.Parts[i].Share, nil
	}
	change(&r.Parts[i])
	return r.Parts[i].Share, w.commit(ctx, put(recoveryName, r))
}

// GuardianPart returns the part of a guardian, to hand it over later or once more.
func (w *Wallet) GuardianPart(ctx context.Context, i int) (string, error) {
	return w.changePart(ctx, i, nil)
}

// GuardianHas remembers whether a guardian has their part.
func (w *Wallet) GuardianHas(ctx context.Context, i int, has bool) error {
	_, err := w.changePart(ctx, i, func(p *partRecord) {
		p.Given, p.Seen = time.Time{}, time.Time{}
		if has {
			p.Given = w.opts.Now().UTC()
		}
	})
	return err
}

// Rehearse is [Rehearse] for the shares of this wallet: enough good ones must make the key of its newest backups. It
// remembers whose parts were seen, and when enough of them were together.
func (w *Wallet) Rehearse(ctx context.Context, shares []string) (*Rehearsal, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, err := w.recovery()
	if err != nil {
		return nil, err
	}
	out, _, err := combine(shares)
	if err != nil {
		return nil, err
	}
	if first, _ := parseShare(shares[0]); r == nil || first.set != secretSet([]byte(r.Identity)) {
		return nil, &Error{BackupInvalid, errors.New("these parts belong to another key than the one of this wallet's newest backups")}
	}
	now := w.opts.Now().UTC()
	for i := range r.Parts {
		own, err := parseShare(r.Parts[i].Share)
		if err != nil {
			continue
		}
		for _, text := range shares {
			if s, err := parseShare(text); err == nil && s.number == own.number && string(s.part) == string(own.part) {
				r.Parts[i].Seen = now
				if r.Parts[i].Given.IsZero() {
					r.Parts[i].Given = now
				}
				out.Who = append(out.Who, r.Guardians[i])
				break
			}
		}
	}
	if out.Complete {
		r.Rehearsed = now
	}
	return out, w.commit(ctx, put(recoveryName, r))
}

// RehearsePassphrase tries the passphrase of the newest backups, without opening one, and remembers that it was right. Error:
// [BackupInvalid].
func (w *Wallet) RehearsePassphrase(ctx context.Context, passphrase string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, err := w.recovery()
	if err != nil {
		return err
	}
	if r == nil || len(r.Wrapped) == 0 {
		return ErrNoRecovery
	}
	identity, err := unwrapIdentity(r.Wrapped, passphrase)
	if err != nil {
		return err
	}
	if identity != r.Identity {
		return &Error{BackupInvalid, errors.New("this passphrase makes another key")}
	}
	r.Rehearsed = w.opts.Now().UTC()
	return w.commit(ctx, put(recoveryName, r))
}

// BackupSaved remembers a file of [Wallet.Backup] as the newest backup, once it is where its owner keeps it.
func (w *Wallet) BackupSaved(ctx context.Context, file []byte) error {
	_, err := w.ownBackup(ctx, file, func(r *recoveryRecord, b *Backup) {
		r.Backed, r.Checked = b.Made, time.Time{}
	})
	return err
}

// CheckBackup opens a backup file with the key of this wallet, as a test of the file where it is kept. Nothing is restored;
// that the newest one was good is remembered. Error: [BackupInvalid].
func (w *Wallet) CheckBackup(ctx context.Context, file []byte) (*Backup, error) {
	return w.ownBackup(ctx, file, func(r *recoveryRecord, b *Backup) {
		if b.Made.Equal(r.Backed) {
			r.Checked = w.opts.Now().UTC()
		}
	})
}

func (w *Wallet) ownBackup(ctx context.Context, file []byte, note func(*recoveryRecord, *Backup)) (*Backup, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r, err := w.recovery()
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, ErrNoRecovery
	}
	b, err := openBackup(file, r.Identity)
	if err != nil {
		return nil, err
	}
	note(r, b)
	return b, w.commit(ctx, put(recoveryName, r))
}
