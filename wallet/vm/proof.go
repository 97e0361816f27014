package vm

import (
	"context"
	"fmt"
)

// Proof is who handed a card out, and what the register says about that.
type Proof struct {
	Card, Issuer string
	Registered   bool
	Facts        []Value // in the order in which people ask
	Experts      []Value // what only they can do something with
	Problem      *Problem

	app *App
}

// Proof shows what the register says about the issuer.
func (s *Card) Proof() {
	a := s.app
	p := &Proof{app: a, Card: s.Name, Issuer: s.Issuer, Registered: s.Registered}
	proof, err := a.wallet.Proof(context.Background(), s.ID)
	if err != nil {
		p.Problem = a.trouble(err)
		a.open(p)
		return
	}
	add := func(to *[]Value, key, text string) {
		if text != "" {
			*to = append(*to, Value{Path: key, Label: a.Text("wallet.proof." + key), Text: text, Shown: true})
		}
	}
	if !proof.From.IsZero() {
		add(&p.Facts, "since", a.date(proof.From))
		add(&p.Facts, "until", a.date(proof.Until))
		by := a.Text("wallet.proof.members")
		if proof.GrantedBy != "" {
			by = string(proof.GrantedBy)
		}
		add(&p.Facts, "by", by)
	}
	add(&p.Facts, "basis", proof.LegalBasis)
	add(&p.Experts, "number", string(proof.DID))
	if !proof.Proven.IsZero() {
		add(&p.Facts, "proven", a.moment(proof.Proven))
		add(&p.Experts, "block", fmt.Sprint(proof.Height))
	}
	a.open(p)
}

// Title implements [Screen].
func (s *Proof) Title() string { return s.Issuer }

// Question is a text with which the person asks the issuer why a card does not work.
type Question struct {
	Issuer, Text string
	Copied       bool // to the clipboard

	app *App
}

// Ask makes the text.
func (s *Card) Ask() {
	a := s.app
	a.open(&Question{app: a, Issuer: s.Issuer, Text: a.Text("wallet.ask."+s.Kind, "issuer", s.Issuer, "card", s.Name, "day", s.Seen)})
}

// Title implements [Screen].
func (s *Question) Title() string { return s.app.Text("wallet.card.disagree") }

// WasCopied says that the text is in the clipboard.
func (s *Question) WasCopied() { s.Copied = true; s.app.changed() }
