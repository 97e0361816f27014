package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/zegel-id/zegel/pkg/erasure"
	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/wallet"
)

type walletErase struct {
	Entry  string `arg:"" help:"Number of the line, as history shows it."`
	Forget bool   `help:"Do not ask; destroy the receipt and its key instead. Then asking is not possible any more."`
}

type walletLetter struct {
	Entry string `arg:"" help:"Number of the line, as history shows it."`
}

func (c *walletErase) Run(ctx context.Context, parent *walletCmd, out *output) error {
	s := parent.session(out)
	return s.with(ctx, func() error {
		if c.Forget {
			if err := s.wallet.ForgetReceipt(ctx, c.Entry); err != nil {
				return s.erasureFailure(err)
			}
			return s.print(map[string]any{"forgotten": c.Entry}, func(w io.Writer) { fmt.Fprintln(w, s.text("erase.forgotten")) })
		}
		answer, err := s.wallet.AskErasure(ctx, c.Entry)
		if err != nil {
			return s.erasureFailure(err)
		}
		return s.print(map[string]any{"answer": answer}, func(w io.Writer) {
			s.writeErasure(w, *answer)
			if answer.Outcome == erasure.Refused || answer.Outcome == erasure.InProgress {
				fmt.Fprintln(w, s.text("erase.letter", "entry", c.Entry))
			}
		})
	})
}

func (c *walletLetter) Run(ctx context.Context, parent *walletCmd, out *output) error {
	s := parent.session(out)
	return s.with(ctx, func() error {
		letter, err := s.wallet.Letter(c.Entry, s.Lang)
		if err != nil {
			return s.erasureFailure(err)
		}
		return s.print(map[string]any{"letter": letter}, func(w io.Writer) { fmt.Fprint(w, letter) })
	})
}

// writeErasure writes an answer with its date.
func (s *session) writeErasure(w io.Writer, a wallet.ErasureAnswer) {
	day := message.Date(s.Lang, message.Local(a.Time))
	if a.Until.IsZero() {
		fmt.Fprintln(w, s.text("erase."+string(a.Outcome), "day", day))
		return
	}
	fmt.Fprintln(w, s.text("erase."+string(a.Outcome), "day", day, "basis", a.LegalBasis, "until", message.Date(s.Lang, message.Local(a.Until))))
}

// erasureFailure puts what only these commands meet into words.
func (s *session) erasureFailure(err error) error {
	switch {
	case errors.Is(err, wallet.ErrNoEntry):
		return &usageError{s.text("noentry") + "\nhint: " + s.text("hint.noentry")}
	case errors.Is(err, wallet.ErrNotAsked):
		return &usageError{s.text("notasked") + "\nhint: " + s.text("hint.noentry")}
	case errors.Is(err, wallet.ErrNoReceipt):
		return &walletFailure{category: "failed", text: s.text("noreceipt"), hint: s.text("hint.noreceipt"), err: err}
	}
	switch wallet.CategoryOf(err) {
	case wallet.RequestUntrusted, wallet.EndpointRefused:
		f := &walletFailure{category: string(wallet.CategoryOf(err)), text: s.text("erase.unproven"), hint: s.text("hint.erase"), err: err}
		if wallet.CategoryOf(err) == wallet.EndpointRefused {
			f.text = s.text("erase.denied")
		}
		var clock *wallet.ClockError
		if errors.As(err, &clock) {
			f.hint = s.text("hint.clock")
		}
		return f
	}
	return err
}
