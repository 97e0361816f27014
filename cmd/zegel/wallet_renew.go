package main

import (
	"context"
	"fmt"
	"io"

	"github.com/zegel-id/zegel/wallet"
)

type walletRenew struct {
	ID  string `arg:"" help:"Card id, as cards shows it."`
	Yes bool   `help:"Agree beforehand, also when the card says something else now."`
}

// Run fetches new copies of a card. Whoever asks for them wants them; what the card says otherwise than before is shown
// and asked.
func (c *walletRenew) Run(ctx context.Context, parent *walletCmd, out *output) error {
	s := parent.session(out)
	return s.with(ctx, func() error {
		r, err := s.wallet.Renew(ctx, c.ID)
		if err != nil {
			return err
		}
		if len(r.Changed) > 0 {
			s.say("renew.changed", "card", r.Card.Name)
			for _, change := range r.Changed {
				s.say("renew.change", "label", change.Label, "old", s.known(change.Old), "new", s.known(change.New))
			}
			if !c.Yes && !s.ask("renew.ask") {
				r.Decline(ctx)
				return s.refused(wallet.UserDeclined, "declined")
			}
		}
		card, err := r.Accept(ctx)
		if err != nil {
			return err
		}
		changed := r.Changed
		if changed == nil {
			changed = []wallet.Change{}
		}
		return s.print(map[string]any{"card": card, "changed": changed}, func(w io.Writer) {
			fmt.Fprintln(w, s.text("renew.done"))
			s.writeCard(w, *card)
		})
	})
}

// known writes a value that may not be there.
func (s *session) known(v any) string {
	if v == nil {
		return "–"
	}
	return s.value(v)
}
