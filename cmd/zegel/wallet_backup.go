package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/wallet"
	"github.com/zegel-id/zegel/wallet/keychain"
)

type walletBackup struct {
	File           string   `arg:"" help:"File to write. It is never written over."`
	PassphraseFile string   `placeholder:"FILE" help:"Choose anew: read the passphrase that opens backups from the first line of FILE."`
	Guardian       []string `placeholder:"NAME" help:"Choose anew: a person who gets a part of the key; may be repeated." sep:"none"`
	Needed         int      `placeholder:"N" help:"How many of the guardians are needed together. Default: more than half."`
	Parts          string   `placeholder:"DIR" help:"Directory for the guardians' parts, one file for each." default:"."`
}

type walletRestore struct {
	File           string   `arg:"" help:"Backup to restore." type:"existingfile"`
	PassphraseFile string   `placeholder:"FILE" help:"Read the passphrase of the backup from the first line of FILE instead of the terminal."`
	Part           []string `placeholder:"FILE" help:"A guardian's part, instead of the passphrase; may be repeated." sep:"none" type:"existingfile"`
	Replace        bool     `help:"Take the place of a wallet that is there. It is kept beside, unchanged."`
	Yes            bool     `help:"Agree beforehand."`
}

type walletRehearse struct {
	Part []string `arg:"" help:"Files with guardians' parts." type:"existingfile"`
}

// maxBackupFile is more than any backup has.
const maxBackupFile = 128 << 20

// Run writes a backup. What opens it is chosen the first time, or anew.
func (c *walletBackup) Run(ctx context.Context, parent *walletCmd, out *output) error {
	s := parent.session(out)
	if len(c.Guardian) > 0 && c.Needed == 0 {
		c.Needed = len(c.Guardian)/2 + 1
	}
	if _, err := os.Lstat(c.File); err == nil {
		return &usageError{s.text("backup.exists", "file", c.File)}
	}
	return s.with(ctx, func() error {
		parts, err := c.choose(ctx, s)
		if err != nil {
			return err
		}
		file, err := s.wallet.Backup(ctx)
		if err != nil {
			return err
		}
		if err := writeNew(c.File, file); err != nil {
			return err
		}
		if err := s.wallet.BackupSaved(ctx, file); err != nil {
			return err
		}
		r, err := s.wallet.Recovery(ctx)
		if err != nil {
			return err
		}
		var names []string
		for _, g := range r.Guardians {
			names = append(names, g.Name)
		}
		return s.print(map[string]any{"backup": c.File, "made": r.LastBackup, "passphrase": r.Passphrase, "guardians": names, "needed": r.Needed, "parts": parts}, func(w io.Writer) {
			fmt.Fprintln(w, s.text("backup.done", "file", c.File))
			for _, p := range parts {
				fmt.Fprintln(w, "  "+p)
			}
			if len(parts) > 0 {
				fmt.Fprintln(w, s.text("backup.parts", "needed", r.Needed, "parts", len(parts)))
			}
			fmt.Fprintln(w, s.text("backup.keys"))
		})
	})
}

// choose sets up who can open backups, if that was asked for or was never done. The parts are on disk before the key
// counts.
func (c *walletBackup) choose(ctx context.Context, s *session) ([]string, error) {
	r, err := s.wallet.Recovery(ctx)
	if err != nil {
		return nil, err
	}
	if r != nil && c.PassphraseFile == "" && len(c.Guardian) == 0 {
		return nil, nil
	}
	setup := wallet.RecoverySetup{Guardians: c.Guardian, Needed: c.Needed}
	if c.PassphraseFile != "" || len(c.Guardian) == 0 {
		if setup.Passphrase, err = s.passphrase(c.PassphraseFile, "backup.choose"); err != nil {
			return nil, err
		}
	}
	plan, err := s.wallet.PlanRecovery(setup)
	if err != nil {
		return nil, err
	}
	if len(plan.Shares) > 0 {
		if err := os.MkdirAll(c.Parts, 0o700); err != nil {
			return nil, err
		}
	}
	var files []string
	for i, share := range plan.Shares {
		name := filepath.Join(c.Parts, fmt.Sprintf("zegel-part-%d-of-%d.txt", i+1, len(plan.Shares)))
		text := s.text("backup.part", "name", c.Guardian[i], "needed", c.Needed, "parts", len(plan.Shares)) + "\n\n" + share + "\n"
		if err := writeNew(name, []byte(text)); err != nil {
			return nil, err
		}
		files = append(files, name)
	}
	return files, plan.Accept(ctx)
}

// Run makes a wallet of a backup.
func (c *walletRestore) Run(ctx context.Context, parent *walletCmd, out *output) error {
	s := parent.session(out)
	o, err := s.options()
	if err != nil {
		return err
	}
	b, err := c.open(s)
	if err != nil {
		return s.failure(err)
	}
	cards := b.Cards(s.Lang, time.Now())
	s.say("restore.what", "date", message.Local(b.Made).Format("2006-01-02 15:04"), "cards", len(cards), "lines", b.History)
	if b.Dev && !s.Dev {
		return &usageError{"this backup is of a development wallet; restore it with --dev"}
	}
	if wallet.Exists(o) && !c.Replace {
		return s.failure(wallet.ErrExists)
	}
	if !c.Yes && !s.ask("restore.ask") {
		return s.refused(wallet.UserDeclined, "declined")
	}
	if !s.Dev {
		o.Keychain = keychain.Open()
	}
	prompt := "secret.new.passphrase"
	if s.Dev || o.Keychain != nil {
		prompt = "secret.new.pin"
	}
	secret, err := s.secret(prompt)
	if err != nil {
		return err
	}
	r, err := b.Restore(ctx, o, secret, c.Replace)
	if err != nil {
		return s.failure(err)
	}
	if err := r.Wallet.Close(); err != nil {
		return s.failure(err)
	}
	return s.print(map[string]any{"store": s.Store, "made": b.Made, "kept": r.Kept, "cards": cards}, func(w io.Writer) {
		fmt.Fprintln(w, s.text("restore.done", "dir", s.Store))
		if r.Kept != "" {
			fmt.Fprintln(w, s.text("restore.kept", "dir", r.Kept))
		}
		fmt.Fprintln(w, s.text("backup.keys"))
	})
}

func (c *walletRestore) open(s *session) (*wallet.Backup, error) {
	f, err := os.Open(c.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := io.ReadAll(io.LimitReader(f, maxBackupFile))
	if err != nil {
		return nil, err
	}
	if len(c.Part) > 0 {
		shares, err := readParts(c.Part)
		if err != nil {
			return nil, err
		}
		return wallet.OpenBackupWithShares(file, shares)
	}
	passphrase, err := s.passphrase(c.PassphraseFile, "restore.passphrase")
	if err != nil {
		return nil, err
	}
	return wallet.OpenBackup(file, passphrase)
}

// Run tells whether guardians' parts would open a backup.
func (c *walletRehearse) Run(ctx context.Context, parent *walletCmd, out *output) error {
	s := parent.session(out)
	shares, err := readParts(c.Part)
	if err != nil {
		return s.failure(err)
	}
	return s.with(ctx, func() error {
		r, err := s.wallet.Rehearse(ctx, shares)
		if err != nil {
			return err
		}
		return s.print(map[string]any{"complete": r.Complete, "have": r.Have, "needed": r.Needed, "parts": r.Parts}, func(w io.Writer) {
			key := "rehearse.more"
			if r.Complete {
				key = "rehearse.good"
			}
			fmt.Fprintln(w, s.text(key, "have", r.Have, "needed", r.Needed))
		})
	})
}

// readParts reads files that hold a part, with whatever else stands on the paper.
func readParts(files []string) ([]string, error) {
	var shares []string
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(io.LimitReader(f, 64<<10))
		f.Close()
		if err != nil {
			return nil, err
		}
		text := string(data)
		if i := strings.Index(strings.ToUpper(text), wallet.SharePrefix); i >= 0 {
			text = text[i:]
		}
		shares = append(shares, text)
	}
	return shares, nil
}

// passphrase reads the secret of backups, from a file or from the terminal.
func (s *session) passphrase(file, prompt string) (string, error) {
	from := *s.walletCmd
	from.PINFile = file
	other := &session{walletCmd: &from, out: s.out, in: s.in}
	return other.secret(prompt)
}

// writeNew writes a private file that must not be there yet, durably.
func writeNew(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}
