package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/wallet"
)

func (c *walletReceive) Run(ctx context.Context, parent *walletCmd, out *output) error {
	s := parent.session(out)
	if linkKind(c.URI) == "request" {
		return s.wrongLink("receive.wronglink", "hint.usepresent")
	}
	return s.with(ctx, func() error {
		i, err := s.wallet.Receive(ctx, c.URI)
		if err != nil {
			return err
		}
		s.say("receive.who", "issuer", i.Issuer, "types", strings.Join(i.Types, ", "))
		if !i.Registered {
			s.say("unregistered", "name", i.Issuer)
			// Agreeing beforehand is for those whom the register vouches for; a stranger takes a word of its own.
			if !s.AllowUnregistered && (c.Yes || !s.ask("unregistered.ask")) {
				i.Decline(ctx)
				return s.refused(wallet.IssuerUntrusted, "unregistered.refused", "name", i.Issuer)
			}
		}
		browser := i.Browser
		if browser {
			if c.TxCode != "" {
				return &usageError{s.text("receive.browser.code")}
			}
			if !c.Yes && !s.ask("receive.ask") {
				i.Decline(ctx)
				return s.refused(wallet.UserDeclined, "declined")
			}
			if i, err = s.browse(ctx, i); err != nil {
				return err
			}
		}
		code := c.TxCode
		if i.TxCode != nil && code == "" {
			if c.Yes {
				return &usageError{"this offer needs the code from paper: --tx-code"}
			}
			about := ""
			if text := strings.TrimSpace(i.TxCode.Description); text != "" {
				about = " (" + text + ")"
			}
			fmt.Fprint(out.Stderr, s.text("receive.code", "about", about), " ")
			line, _ := s.in.ReadString('\n')
			code = strings.TrimSpace(line)
		}
		if !c.Yes && !browser && !s.ask("receive.ask") {
			i.Decline(ctx)
			return s.refused(wallet.UserDeclined, "declined")
		}
		cards, err := i.Fetch(ctx, code)
		if err != nil {
			return err
		}
		if !c.Yes {
			for _, card := range cards {
				s.writeCard(out.Stderr, card)
			}
			if !s.ask("receive.keep") {
				i.Decline(ctx)
				return s.refused(wallet.UserDeclined, "declined")
			}
		}
		if cards, err = i.Accept(ctx); err != nil {
			return err
		}
		return s.print(map[string]any{"cards": cards}, func(w io.Writer) {
			fmt.Fprintln(w, s.text("receive.done"))
			for _, card := range cards {
				s.writeCard(w, card)
			}
		})
	})
}

func (c *walletPresent) Run(ctx context.Context, parent *walletCmd, out *output) error {
	s := parent.session(out)
	if linkKind(c.URI) == "offer" {
		return s.wrongLink("present.wronglink", "hint.usereceive")
	}
	return s.with(ctx, func() error {
		d, err := s.wallet.Present(ctx, c.URI)
		if err != nil {
			return err
		}
		choice := wallet.Choice{AllowUnregistered: s.AllowUnregistered, AllowReuse: c.AllowReuse}
		s.say("present.who", "verifier", d.Verifier)
		if why := d.Purpose.In(s.Lang); why != "" {
			if d.LegalBasis != "" {
				why += " (" + d.LegalBasis + ")"
			}
			s.say("present.why", "purpose", why)
		}
		switch {
		case d.Registered && len(d.Extra) > 0: // what the register says does not cover this question
		case d.Registered && d.KeepDays == 1:
			s.say("present.keep.day")
		case d.Registered && d.KeepDays > 1:
			s.say("present.keep", "days", d.KeepDays)
		case d.Registered:
			s.say("present.keep.none")
		default:
			s.say("unregistered", "name", d.Verifier)
			if !choice.AllowUnregistered {
				if c.Yes || !s.ask("unregistered.ask") {
					// A stranger gets no answer at all, not even a refusal.
					return s.refused(wallet.RequestUntrusted, "unregistered.refused", "name", d.Verifier)
				}
				choice.AllowUnregistered = true
			}
		}
		refuse := func(err error) error {
			d.Refuse(ctx)
			return err
		}
		if len(d.Extra) > 0 {
			extra := strings.Join(d.Extra, ", ")
			s.say("present.extra", "claims", extra)
			return refuse(&walletFailure{
				category: string(wallet.RequestUntrusted), text: s.text("present.extra.refused", "claims", extra), hint: s.text("hint.extra"),
				err: &wallet.Error{Category: wallet.RequestUntrusted, Err: errors.New("asked outside the registered purpose")},
			})
		}
		if len(d.Sets) == 0 {
			return refuse(s.refused(wallet.NoMatch, "present.nomatch"))
		}
		claims, err := d.Shared(choice)
		if err != nil {
			return refuse(err)
		}
		s.say("present.what")
		for _, claim := range claims {
			key := "present.claim"
			if claim.Always {
				key = "present.always"
			}
			s.say(key, "label", claim.Label, "value", s.value(claim.Value))
		}
		for _, m := range matches(d) {
			switch {
			case m.Last && m.Card.Renewable:
				s.say("present.last.renew", "card", m.Card.Name, "id", m.Card.ID)
			case m.Last:
				s.say("present.last", "card", m.Card.Name)
			}
			if m.Card.Reusable {
				s.say("present.reusable", "card", m.Card.Name)
			}
			if m.Reuse && !c.Yes && !choice.AllowReuse {
				if choice.AllowReuse = s.ask("present.reuse", "card", m.Card.Name); !choice.AllowReuse {
					return refuse(s.refused(wallet.UserDeclined, "declined"))
				}
			}
		}
		if !c.Yes && !s.ask("present.ask") {
			return refuse(s.refused(wallet.UserDeclined, "declined"))
		}
		redirect, err := d.Share(ctx, choice)
		if err != nil {
			if wallet.CategoryOf(err) == wallet.NoMatch {
				d.Refuse(ctx)
			}
			return err
		}
		shared, labels := []string{}, []string{}
		for _, claim := range claims {
			shared, labels = append(shared, claim.Path), append(labels, claim.Label)
		}
		return s.print(map[string]any{"shared": shared, "verifier": d.Verifier, "registered": d.Registered, "redirect": redirect}, func(w io.Writer) {
			fmt.Fprintln(w, s.text("present.done", "verifier", d.Verifier, "claims", strings.Join(labels, ", ")))
			if redirect != "" {
				fmt.Fprintln(w, s.text("present.redirect", "url", redirect))
			}
		})
	})
}

// linkKind tells an offer from a request, "" if it is not clear: people mix them up.
func linkKind(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	q := u.Query()
	switch {
	case u.Scheme == "openid-credential-offer" || q.Has("credential_offer") || q.Has("credential_offer_uri"):
		return "offer"
	case u.Scheme == "openid4vp" || q.Has("request_uri"):
		return "request"
	}
	return ""
}

func (s *session) wrongLink(text, hint string) error {
	return &walletFailure{category: string(wallet.RequestMalformed), text: s.text(text), hint: s.text(hint), err: &wallet.Error{Category: wallet.RequestMalformed, Err: errors.New("a link of the other kind")}}
}

// matches lists the first card of every answer that the smallest choice takes.
func matches(d *wallet.Disclosure) []wallet.Match {
	var all []wallet.Match
	for _, set := range d.Sets {
		if !set.Required || len(set.Options) == 0 {
			continue
		}
		for _, a := range set.Options[0].Answers {
			if len(a.Cards) > 0 && !slices.ContainsFunc(all, func(m wallet.Match) bool { return m.Card.ID == a.Cards[0].Card.ID }) {
				all = append(all, a.Cards[0])
			}
		}
	}
	return all
}

func (s *session) printCards(cards []wallet.Card) error {
	return s.print(map[string]any{"cards": cards}, func(w io.Writer) {
		if len(cards) == 0 {
			fmt.Fprintln(w, s.text("cards.none"))
		}
		for _, card := range cards {
			s.writeCard(w, card)
		}
	})
}

func (s *session) writeCard(w io.Writer, c wallet.Card) {
	fmt.Fprintf(w, "%s (%s)\n", c.Name, s.text("status."+c.Status))
	issuer := c.Issuer
	if !c.Registered {
		issuer += " (" + s.text("card.unregistered") + ")"
	}
	fmt.Fprintln(w, "  "+s.text("card.issuer", "issuer", issuer))
	if !c.Expires.IsZero() {
		fmt.Fprintln(w, "  "+s.text("card.expires", "date", message.Date(s.Lang, message.Local(c.Expires))))
	}
	if c.Reusable {
		fmt.Fprintln(w, "  "+s.text("card.reusable"))
	} else {
		fmt.Fprintln(w, "  "+s.text("card.copies", "n", c.Copies))
	}
	fmt.Fprintln(w, "  "+s.text("card.id", "id", c.ID))
	s.writeClaims(w, "  ", "", c.Claims, c.Labels)
}

// writeClaims writes claims by the issuer's names of them; path leads to them.
func (s *session) writeClaims(w io.Writer, indent, path string, claims map[string]any, labels map[string]string) {
	names := make([]string, 0, len(claims))
	for name := range claims {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		label := name
		if known := labels[path+name]; known != "" {
			label = known
		}
		if below, ok := claims[name].(map[string]any); ok {
			fmt.Fprintf(w, "%s%s:\n", indent, label)
			s.writeClaims(w, indent+"  ", path+name+".", below, labels)
			continue
		}
		fmt.Fprintf(w, "%s%s: %s\n", indent, label, s.value(claims[name]))
	}
}

// value writes a value in words where it is a yes or a no.
func (s *session) value(v any) string {
	switch v {
	case true:
		return s.text("yes")
	case false:
		return s.text("no")
	}
	return plain(v)
}

// plain writes a value for the terminal: quoted JSON where it could hold control characters.
func plain(v any) string {
	if text, ok := v.(string); ok && !strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) || (r >= 0x200e && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
	}) {
		return text
	}
	data, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	return strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if (r >= 0x7f && r < 0xa0) || (r >= 0x200e && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) {
			return -1
		}
		return r
	}, string(data)), "")
}

func (s *session) writeEntry(w io.Writer, e wallet.Entry) {
	party := e.Party
	switch {
	case e.Unknown && party == "":
		party = s.text("history.unknown")
	case e.Unknown:
		party += " (" + s.text("history.unknown") + ")"
	case !e.Registered && party != "":
		party += " (" + s.text("card.unregistered") + ")"
	}
	fmt.Fprintf(w, "%3s  ", e.ID)
	fmt.Fprintf(w, "%s %s  %s  %s", message.Date(s.Lang, message.Local(e.Time)), message.Clock(s.Lang, message.Local(e.Time)), s.text("kind."+e.Kind), party)
	if e.Card != "" {
		fmt.Fprintf(w, "  %s", e.Card)
	}
	claims := e.Claims
	if len(e.Labels) == len(claims) {
		claims = e.Labels
	}
	if len(claims) > 0 {
		fmt.Fprintf(w, ": %s", strings.Join(claims, ", "))
	}
	if len(e.Extra) > 0 {
		fmt.Fprintf(w, "  (%s)", s.text("history.extra", "claims", strings.Join(e.Extra, ", ")))
	}
	if e.Purpose != "" {
		fmt.Fprintf(w, "  [%s]", e.Purpose)
	}
	if e.Outcome != "ok" {
		fmt.Fprintf(w, "  %s", e.Outcome)
	}
	if e.CanErase {
		fmt.Fprintf(w, "  (%s)", s.text("history.receipt"))
	}
	fmt.Fprintln(w)
	for _, a := range e.Erasures {
		fmt.Fprint(w, "       ")
		s.writeErasure(w, a)
	}
}
