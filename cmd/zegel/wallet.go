package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/pkg/trust"
	"github.com/zegel-id/zegel/wallet"
	"github.com/zegel-id/zegel/wallet/keychain"
)

// walletCmd is the wallet on the command line: the same journeys as on a screen, with a person who agrees or a script
// that has agreed beforehand.
type walletCmd struct {
	Store             string   `required:"" placeholder:"DIR" help:"Directory of the wallet."`
	PINFile           string   `name:"pin-file" placeholder:"FILE" help:"Read the PIN or passphrase from the first line of FILE instead of the terminal."`
	JSON              bool     `name:"json" help:"Print one JSON object."`
	Dev               bool     `help:"Development: plain http on loopback, and a PIN is enough. Fixed when the wallet is made."`
	TrustAnchor       []string `placeholder:"FILE" help:"Accept foreign parties whose X.509 chain ends in FILE (PEM). They are shown as not registered."`
	AllowUnregistered bool     `help:"Go on with a party that stands in no register."`
	Lang              string   `enum:"nl,en" default:"nl" help:"Language: nl or en."`

	Init    walletInit    `cmd:"" help:"Make a new wallet."`
	Receive walletReceive `cmd:"" help:"Receive a card from an offer link."`
	Cards   walletCards   `cmd:"" help:"Show the cards."`
	Present walletPresent `cmd:"" help:"Answer a request link."`
	History walletHistory `cmd:"" help:"Show what went to whom."`
	Refresh walletRefresh `cmd:"" help:"Look up whether the cards still count."`
	Renew   walletRenew   `cmd:"" help:"Fetch new copies of a card, without a visit."`
	Delete  walletDelete  `cmd:"" help:"Delete a card and destroy its keys."`
	Erase   walletErase   `cmd:"" help:"Ask an organisation to erase what it got, and show its signed answer."`
	Letter  walletLetter  `cmd:"" help:"Write a letter to the data protection authority about a line of the history."`

	Backup   walletBackup   `cmd:"" help:"Write a backup: cards, history and settings, without the keys of cards."`
	Restore  walletRestore  `cmd:"" help:"Make a wallet of a backup."`
	Rehearse walletRehearse `cmd:"" help:"Try whether guardians' parts open a backup, without opening one."`
}

type walletInit struct {
	Network string `placeholder:"FILE" help:"Network file: the root of all trust. Only --dev may do without."`
}

type walletReceive struct {
	URI    string `arg:"" help:"Offer link."`
	TxCode string `placeholder:"CODE" help:"Code from paper."`
	Yes    bool   `help:"Agree beforehand."`
}

type walletCards struct{}

type walletPresent struct {
	URI        string `arg:"" help:"Request link."`
	Yes        bool   `help:"Agree beforehand to share the smallest answer. Never agrees to more than the verifier may ask."`
	AllowReuse bool   `help:"Show a copy again when all copies of a card are used."`
}

type walletHistory struct{}

type walletRefresh struct{}

type walletDelete struct {
	ID string `arg:"" help:"Card id, as cards shows it."`
}

// session is one use of the wallet from the command line.
type session struct {
	*walletCmd
	out    *output
	in     *bufio.Reader
	wallet *wallet.Wallet
}

func (c *walletCmd) session(out *output) *session {
	return &session{walletCmd: c, out: out, in: bufio.NewReader(out.Stdin)}
}

func (s *session) text(key string, pairs ...any) string { return walletText(s.Lang, key, pairs...) }

// say writes to people, who get nothing beside the object when --json is set.
func (s *session) say(key string, pairs ...any) {
	w := s.out.Stdout
	if s.JSON {
		w = s.out.Stderr
	}
	fmt.Fprintln(w, s.text(key, pairs...))
}

// ask puts a question that is answered with one word. No answer is a no.
func (s *session) ask(key string, pairs ...any) bool {
	fmt.Fprint(s.out.Stderr, s.text(key, pairs...), " ", s.text("yesno"), " ")
	answer, _ := s.in.ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "j", "ja", "y", "yes":
		return true
	}
	return false
}

func (s *session) print(object any, people func(io.Writer)) error {
	if !s.JSON {
		people(s.out.Stdout)
		return nil
	}
	enc := json.NewEncoder(s.out.Stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(object)
}

// secret reads the PIN or passphrase. It is never an argument and never in the environment, where others could see it.
func (s *session) secret(prompt string) (string, error) {
	if s.PINFile != "" {
		f, err := os.Open(s.PINFile)
		if err != nil {
			return "", &usageError{fmt.Sprintf("PIN file: %v", err)}
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.Mode().Perm()&0o077 != 0 {
			fmt.Fprintln(s.out.Stderr, s.text("pinfile.open", "file", s.PINFile))
		}
		line, err := bufio.NewReader(io.LimitReader(f, 4096)).ReadString('\n')
		if err != nil && err != io.EOF {
			return "", err
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	fmt.Fprint(s.out.Stderr, s.text(prompt), " ")
	restore := hideTyping(s.out.Stdin)
	line, err := s.in.ReadString('\n')
	restore()
	fmt.Fprintln(s.out.Stderr)
	if err != nil && line == "" {
		return "", &usageError{s.text("secret.none")}
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func (s *session) options() (wallet.Options, error) {
	foreign, err := trust.ReadForeign(s.TrustAnchor)
	if err != nil {
		return wallet.Options{}, &usageError{err.Error()}
	}
	return wallet.Options{Dir: s.Store, Now: time.Now, Lang: s.Lang, Foreign: foreign}, nil
}

// open unlocks the wallet for one command.
func (s *session) open(ctx context.Context) error {
	o, err := s.options()
	if err != nil {
		return err
	}
	secret, err := s.secret("secret")
	if err != nil {
		return err
	}
	o.Keychain = keychain.OS{} // asked only if the wallet was made with one
	w, err := wallet.Open(ctx, o, secret)
	if errors.Is(err, wallet.ErrNoWallet) {
		return &usageError{s.text("nowallet", "dir", s.Store) + "\nhint: " + s.text("hint.nowallet")}
	}
	if err != nil {
		return s.failure(err)
	}
	if s.Dev && !w.Dev() {
		w.Close()
		return &usageError{"--dev: this wallet was not made for development, and that does not change"}
	}
	s.wallet = w
	return nil
}

// with opens the wallet, runs f and closes it again, whatever happens.
func (s *session) with(ctx context.Context, f func() error) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	err := f()
	if closed := s.wallet.Close(); err == nil {
		err = closed
	}
	return s.failure(err)
}

// walletFailure is what people and scripts read: the category first, then what happened, then what to do.
type walletFailure struct {
	category, text, hint string
	err                  error
}

func (e *walletFailure) Error() string {
	text := e.category + ": " + e.text
	if e.hint != "" {
		text += "\nhint: " + e.hint
	}
	return text
}

func (e *walletFailure) Unwrap() error { return e.err }

func (s *session) failure(err error) error {
	var use *usageError
	var already *walletFailure
	if err == nil || errors.As(err, &use) || errors.As(err, &already) {
		return err
	}
	var weak *wallet.WeakError
	if errors.As(err, &weak) {
		return &usageError{s.text("weak."+weak.Reason, "bits", weak.Bits, "least", wallet.MinPassphraseBits)}
	}
	if errors.Is(err, wallet.ErrNoCard) {
		return &usageError{s.text("nocard") + "\nhint: " + s.text("hint.nocard")}
	}
	f := &walletFailure{category: string(wallet.CategoryOf(err)), text: err.Error(), err: err}
	if f.category == "" {
		f.category = "failed"
	} else {
		f.text = strings.TrimPrefix(f.text, f.category+": ")
	}
	f.hint = s.text("hint." + f.category)
	var locked *wallet.LockedError
	var clock *wallet.ClockError
	var used *wallet.UsedError
	var reissue *wallet.ReissueError
	switch {
	case errors.Is(err, wallet.ErrExists):
		f.text, f.hint = s.text("exists", "dir", s.Store), s.text("hint.exists")
	case errors.Is(err, wallet.ErrNotRenewable):
		f.text, f.hint = s.text("notrenewable"), s.text("hint.notrenewable")
	case errors.As(err, &reissue):
		f.text, f.hint = s.text("reissue", "card", reissue.Card), s.text("hint.reissue")
	case errors.As(err, &used):
		f.text, f.hint = s.text("used", "card", used.Card), s.text("hint.used")
	case errors.Is(err, wallet.ErrWrongCode):
		f.text, f.hint = s.text("wrongcode"), s.text("hint.wrongcode")
	case errors.Is(err, wallet.ErrNotAccepted):
		f.text, f.hint = s.text("notaccepted"), s.text("hint.notaccepted")
	case errors.As(err, &locked) && locked.Blocked:
		f.hint = s.text("hint.blocked")
	case errors.As(err, &locked) && !locked.Until.IsZero():
		f.hint = s.text("hint.wait", "time", message.Local(locked.Until).Format("15:04:05"))
	case errors.As(err, &locked):
		f.hint = s.text("hint.tries", "n", locked.Left)
	case errors.As(err, &clock):
		f.hint = s.text("hint.clock")
	case errors.Is(err, wallet.ErrDiskFull):
		f.hint = s.text("hint.disk")
	}
	return f
}

// refused is a failure of this program's own making.
func (s *session) refused(c wallet.Category, key string, pairs ...any) error {
	return &walletFailure{category: string(c), text: s.text(key, pairs...), hint: s.text("hint." + string(c)), err: &wallet.Error{Category: c, Err: errors.New(key)}}
}

func (c *walletInit) Run(ctx context.Context, parent *walletCmd, out *output) error {
	s := parent.session(out)
	o, err := s.options()
	if err != nil {
		return err
	}
	if wallet.Exists(o) {
		return s.failure(wallet.ErrExists)
	}
	setup := wallet.Setup{Dev: s.Dev}
	if c.Network != "" {
		if setup.Network, err = os.ReadFile(c.Network); err != nil {
			return &usageError{fmt.Sprintf("network file: %v", err)}
		}
	} else if !s.Dev {
		return &usageError{"init needs --network FILE: it is the root of all trust"}
	}
	if !s.Dev {
		o.Keychain = keychain.Open()
	}
	prompt := "secret.new.passphrase"
	if s.Dev || o.Keychain != nil {
		prompt = "secret.new.pin"
	}
	if setup.Secret, err = s.secret(prompt); err != nil {
		return err
	}
	// Said after the first time, not after typing it twice.
	if err := wallet.CheckSecret(setup.Secret, o.Keychain != nil, s.Dev); err != nil {
		return s.failure(err)
	}
	if s.PINFile == "" {
		again, err := s.secret("secret.again")
		if err != nil {
			return err
		}
		if again != setup.Secret {
			return &usageError{s.text("secret.differ")}
		}
	}
	w, err := wallet.Create(ctx, o, setup)
	if err != nil {
		return s.failure(err)
	}
	noticed := w.RollbackNoticed()
	if err := w.Close(); err != nil {
		return s.failure(err)
	}
	return s.print(map[string]any{"store": s.Store, "dev": s.Dev, "rollback_noticed": noticed}, func(w io.Writer) {
		fmt.Fprintln(w, s.text("init.done", "dir", s.Store))
		if !noticed {
			fmt.Fprintln(w, s.text("init.rollback"))
		}
	})
}

func (c *walletCards) Run(ctx context.Context, parent *walletCmd, out *output) error {
	s := parent.session(out)
	return s.with(ctx, func() error {
		cards, err := s.wallet.Cards(ctx)
		if err != nil {
			return err
		}
		return s.printCards(cards)
	})
}

func (c *walletRefresh) Run(ctx context.Context, parent *walletCmd, out *output) error {
	s := parent.session(out)
	return s.with(ctx, func() error {
		cards, err := s.wallet.Refresh(ctx)
		if err != nil {
			return err
		}
		return s.printCards(cards)
	})
}

func (c *walletHistory) Run(ctx context.Context, parent *walletCmd, out *output) error {
	s := parent.session(out)
	return s.with(ctx, func() error {
		entries, err := s.wallet.History(ctx)
		if err != nil {
			return err
		}
		return s.print(map[string]any{"history": entries}, func(w io.Writer) {
			if len(entries) == 0 {
				fmt.Fprintln(w, s.text("history.none"))
			}
			for _, e := range entries {
				s.writeEntry(w, e)
			}
		})
	})
}

func (c *walletDelete) Run(ctx context.Context, parent *walletCmd, out *output) error {
	s := parent.session(out)
	return s.with(ctx, func() error {
		if err := s.wallet.Delete(ctx, c.ID); err != nil {
			return err
		}
		return s.print(map[string]any{"deleted": c.ID}, func(w io.Writer) { fmt.Fprintln(w, s.text("delete.done")) })
	})
}
