package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/wallet/vm"
)

// sheet is the content of a journey: it scrolls, and its buttons stay at the foot. seen is called when the end was in
// sight.
func (u *UI) sheet(content fyne.CanvasObject, seen func(), foot ...fyne.CanvasObject) fyne.CanvasObject {
	body := u.scrolled("sheet", pad(24, 24, 20, 24, content))
	body.seen = seen
	buttons := col(0, u.hairline(), pad(16, 24, 20, 24, col(12, foot...)))
	return container.New(&hugging{}, body, buttons)
}

// hugging is as high as content and foot need; with less room the content scrolls.
type hugging struct{}

// Layout implements [fyne.Layout].
func (hugging) Layout(o []fyne.CanvasObject, size fyne.Size) {
	foot := heightFor(o[1], size.Width)
	o[1].Move(fyne.NewPos(0, size.Height-foot))
	o[1].Resize(fyne.NewSize(size.Width, foot))
	o[0].Move(fyne.Position{})
	o[0].Resize(fyne.NewSize(size.Width, max(0, size.Height-foot)))
}

// MinSize implements [fyne.Layout].
func (hugging) MinSize(o []fyne.CanvasObject) fyne.Size { return stack{}.MinSize(o) }

func (hugging) heightFor(o []fyne.CanvasObject, width float32) float32 {
	return o[0].(*scroll).whole(width) + heightFor(o[1], width)
}

// whole is the height of everything that scrolls.
func (s *scroll) whole(width float32) float32 {
	h := float32(0)
	for _, o := range s.inner.Objects {
		h = max(h, heightFor(o, width))
	}
	return h
}

// ending is the end of a journey: a large shape, what happened, and one button.
func (u *UI) ending(kind, head string, lines []fyne.CanvasObject, buttons ...fyne.CanvasObject) fyne.CanvasObject {
	c, _ := statusOf(kind).colour(u.palette)
	mark := fyne.CanvasObject(container.NewCenter(icon(statusOf(kind).drawing, 72, c)))
	if kind == "valid" {
		mark = u.rosette("sealtick", u.markSide())
	}
	parts := append([]fyne.CanvasObject{air(8), mark, u.centred(title, u.ink, head)}, lines...)
	return u.sheet(col(16, parts...), nil, buttons...)
}

func (u *UI) working(text string) fyne.CanvasObject {
	return pad(48, 24, 56, 24, col(20, container.NewCenter(icon("sealplain", 56, u.accent)), u.centred(body, u.ink2, text)))
}

// asker says whose request or offer it is.
func (u *UI) asker(what, name string, registered bool, proof, noProof string) fyne.CanvasObject {
	status := u.unproven(noProof)
	if registered {
		status = u.proven(proof)
	}
	return atTop(16, 1, u.initials(name), col(2, u.write(small, u.ink2, what), u.write(lead, u.ink, name), air(2), status))
}

func (u *UI) share(s *vm.Share) fyne.CanvasObject {
	switch s.Step {
	case vm.ShareOpening:
		return u.working(u.text("busy"))
	case vm.ShareSending:
		return u.working(u.text("share.sending"))
	case vm.ShareFailed:
		return u.ending("revoked", s.Problem.Head, []fyne.CanvasObject{u.centred(body, u.ink2, s.Problem.Text)}, u.secondary(u.text("close"), s.Done))
	case vm.ShareStopped:
		return u.ending("expired", s.Title(), []fyne.CanvasObject{u.centred(body, u.ink2, u.text("share.stopped.text"))}, u.secondary(u.text("close"), s.Done))
	case vm.ShareDone:
		return u.shared(s)
	case vm.SharePIN:
		parts := []fyne.CanvasObject{u.write(title, u.ink, s.PIN.Title()), u.write(body, u.ink2, s.Summary()+" – "+s.Verifier)}
		return u.sheet(col(16, append(parts, u.ask(s.PIN)...)...), nil, u.secondary(u.text("stop"), s.Stop))
	case vm.ShareUnknown:
		parts := []fyne.CanvasObject{u.write(title, u.ink, s.Title()), u.asker(u.text("share.from"), s.Verifier, false, "", u.text("share.unknown.head")),
			u.note("unknown", u.text("share.unknown.head"), u.text("share.unknown.text"))}
		return u.sheet(col(20, parts...), nil, u.primary(u.text("stop"), s.Stop), u.deliberate(u.link(u.text("share.unknown.go"), s.GoOn)))
	case vm.ShareExtra:
		parts := []fyne.CanvasObject{u.write(title, u.ink, u.text("share.extra.sure")),
			u.note("revoked", u.text("share.extra.head", "verifier", s.Verifier), u.text("share.extra.sure.text"))}
		return u.sheet(col(20, parts...), nil, u.primary(u.text("stop"), s.Stop), u.deliberate(u.redLink(u.text("share.extra.go"), s.Agree)))
	case vm.ShareReuse:
		parts := []fyne.CanvasObject{u.write(title, u.ink, u.text("share.reuse.title")), u.write(body, u.ink, u.text("share.reuse.text"))}
		return u.sheet(col(20, parts...), nil, u.primary(u.text("stop"), s.Stop), u.deliberate(u.link(u.text("share.reuse.go"), s.Agree)))
	}
	return u.consent(s)
}

// consent is the sheet on which a person decides: who, what, what not, why, how long.
func (u *UI) consent(s *vm.Share) fyne.CanvasObject {
	who := u.asker(u.text("share.from"), s.Verifier, s.Registered, u.text("offer.registered"), u.text("share.unknown.head"))
	what := []fyne.CanvasObject{}
	beyond := len(s.Extra) > 0
	if beyond {
		what = append(what, u.note("warn", s.Title(), u.text("share.extra.text", "facts", strings.Join(s.Extra, ", "))))
	}
	if s.Smaller != nil {
		what = append(what, u.write(smallB, u.ink, u.text("share.smaller.head")))
		for _, f := range s.Smaller.Facts {
			what = append(what, u.fact(f))
		}
	} else {
		what = append(what, u.write(smallB, u.ink, s.Summary()))
		for _, f := range s.Facts {
			what = append(what, u.fact(f))
		}
	}
	for i, c := range s.Choices {
		what = append(what, u.choices(s, i, c)...)
	}
	if len(s.NotShared) > 0 {
		what = append(what, u.notShared(s.NotShared))
	}
	if s.Last != "" {
		what = append(what, u.note("warn", u.text("share.last", "card", s.Last), ""))
	}
	why := []fyne.CanvasObject{}
	if s.Why != "" {
		why = append(why, u.detailRow(u.text("share.why"), s.Why))
	}
	if s.Keep != "" {
		why = append(why, u.detailRow(u.text("share.keeping"), s.Keep))
	}

	yes := u.deliberate(u.primary(u.text("share.share"), s.Agree))
	if !s.Read {
		yes = u.primary(u.text("more"), u.further)
	}
	var buttons fyne.CanvasObject = u.pair(u.secondary(u.text("stop"), s.Stop), yes)
	if beyond {
		anyway := u.deliberate(u.link(u.text("share.extra.go"), s.Agree))
		if !s.Read {
			anyway = u.link(u.text("more"), u.further)
		}
		buttons = col(8, u.primary(u.text("stop"), s.Stop), anyway)
		if s.Smaller != nil {
			buttons = col(8, u.deliberate(u.primary(u.text("share.smaller.go"), s.AgreeSmaller)), u.secondary(u.text("stop"), s.Stop), anyway)
		}
	}
	pin := u.text("share.pin")
	if !u.app.HasPIN() {
		pin = u.text("share.passphrase")
	}
	words := u.paragraph(&words{text: pin, style: u.scaled(small), colour: u.ink2})
	after := container.New(&labelled{8}, icon("lock", 18, u.ink2), words)
	if u.wide {
		// Who and why at the left on darker paper, what at the right with the buttons under it.
		back := canvas.NewRectangle(u.sunk)
		back.TopLeftCornerRadius, back.BottomLeftCornerRadius = radiusSheet, radiusSheet
		left := over(back, u.scrolled("who", pad(32, 24, 24, 32, col(20, append([]fyne.CanvasObject{who}, why...)...))))
		right := u.sheet(col(12, what...), s.Seen, buttons, after)
		return container.New(&halves{left: 320}, left, right)
	}
	parts := append([]fyne.CanvasObject{who, air(4)}, what...)
	parts = append(append(parts, air(4)), why...)
	if u.size.Height < 700 && u.tight() {
		return u.sheet(col(12, append(parts, after)...), s.Seen, buttons) // the room is for what is asked
	}
	return u.sheet(col(12, parts...), s.Seen, buttons, after)
}

// deliberate makes a button that Enter does not press: what cannot be taken back is chosen with Space or a tap.
func (u *UI) deliberate(t *tap) *tap {
	t.noReturn = true
	return t
}

// halves is a sheet of two parts, as high as the higher one.
type halves struct{ left float32 }

// Layout implements [fyne.Layout].
func (h *halves) Layout(o []fyne.CanvasObject, size fyne.Size) {
	o[0].Move(fyne.Position{})
	o[0].Resize(fyne.NewSize(h.left, size.Height))
	o[1].Move(fyne.NewPos(h.left, 0))
	o[1].Resize(fyne.NewSize(size.Width-h.left, size.Height))
}

// MinSize implements [fyne.Layout].
func (h *halves) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(32, 32) }

func (h *halves) heightFor(o []fyne.CanvasObject, width float32) float32 {
	left := o[0].(*fyne.Container).Objects[1].(*scroll).whole(h.left)
	return max(left, heightFor(o[1], width-h.left), 420)
}

// further scrolls a sheet on.
func (u *UI) further() {
	walk(u.root, func(o fyne.CanvasObject) bool {
		s, ok := o.(*scroll)
		if !ok || s.seen == nil {
			return true
		}
		s.box.Offset.Y = min(s.box.Offset.Y+s.Size().Height*.8, s.inner.MinSize().Height-s.Size().Height)
		s.box.Refresh()
		u.offset["sheet"] = s.box.Offset.Y
		s.track()
		return false
	})
}

func (u *UI) fact(f vm.Fact) fyne.CanvasObject {
	drawing, c, soft, ink := "tick", u.accent, u.accentSoft, u.ink
	if f.Extra {
		drawing, c, soft = "cross", u.stop, u.stopSoft
	}
	lines := col(2, u.write(lead, ink, f.Sentence), u.write(small, u.ink2, u.text("share.card", "card", f.Card)))
	return over(block(soft, radius), pad(16, 16, 16, 16, beside(14, 1, icon(drawing, 32, c), lines)))
}

func (u *UI) notShared(names []string) fyne.CanvasObject {
	lines := []fyne.CanvasObject{u.write(smallB, u.ink, u.text("share.not"))}
	for _, n := range names {
		lines = append(lines, beside(12, 1, icon("eyeoff", 20, u.ink2), u.write(body, u.ink2, n)))
	}
	return over(outline(color0, u.hair, 1.5, radius), padAll(16, col(8, lines...)))
}

func (u *UI) detailRow(name, value string) fyne.CanvasObject {
	if u.wide || u.tight() {
		return col(2, u.write(smallB, u.ink2, name), u.write(body, u.ink, value))
	}
	return container.New(&row{wide: 1, gap: 16, top: true}, sized(88*u.scale, 0, u.write(smallB, u.ink2, name)), u.write(body, u.ink, value))
}

func (u *UI) choices(s *vm.Share, i int, c vm.Choice) []fyne.CanvasObject {
	var out []fyne.CanvasObject
	if c.Optional {
		out = append(out, u.rows(u.row(entry{name: u.text("share.optional"), detail: c.Words, end: u.toggle(c.On)}, func() { s.Turn(i) })))
	}
	if c.Optional && !c.On {
		return out
	}
	if len(c.Ways) > 1 {
		var rows []fyne.CanvasObject
		for w, name := range c.Ways {
			rows = append(rows, u.row(entry{name: name, end: u.radio(w == c.Way)}, func() { s.Choose(i, w, 0) }))
		}
		out = append(out, u.rows(rows...))
	}
	if len(c.Cards) > 1 {
		rows := []fyne.CanvasObject{}
		for n, card := range c.Cards {
			rows = append(rows, u.row(entry{drawing: "card", name: card.Name, detail: card.Issuer, end: u.radio(n == c.Card)}, func() { s.Choose(i, c.Way, n) }))
		}
		out = append(out, u.write(smallB, u.ink2, u.text("share.which")), u.rows(rows...))
	}
	return out
}

// radio is one of several; the chosen one is filled and has a tick.
func (u *UI) radio(on bool) fyne.CanvasObject {
	if on {
		return icon("tick", 24, u.accent)
	}
	return sized(24, 24, padAll(2, outline(u.surface, u.lineStrong, 2, 10)))
}

func (u *UI) shared(s *vm.Share) fyne.CanvasObject {
	lines := []fyne.CanvasObject{
		u.centred(body, u.ink2, u.app.Count(len(s.Facts), "wallet.share.done")),
		u.write(smallB, u.ink2, u.text("share.done.knows", "verifier", s.Verifier)),
	}
	var facts []fyne.CanvasObject
	for _, f := range s.Facts {
		facts = append(facts, u.row(entry{drawing: "check", name: f.Sentence}, nil))
	}
	lines = append(lines, u.rows(facts...))
	buttons := []fyne.CanvasObject{u.primary(u.text("done"), s.Done)}
	if s.Redirect != "" {
		buttons = append(buttons, u.link(u.text("share.redirect"), func() {
			s.Done()
			_ = u.platform.OpenURL(s.Redirect) // without a browser the answer has still arrived
		}))
	}
	return u.ending("valid", s.Title(), lines, buttons...)
}

func (u *UI) offer(s *vm.Offer) fyne.CanvasObject {
	switch s.Step {
	case vm.OfferOpening, vm.OfferFetching, vm.OfferStoring:
		return u.working(u.text("busy"))
	case vm.OfferFailed:
		return u.ending("revoked", s.Problem.Head, []fyne.CanvasObject{u.centred(body, u.ink2, s.Problem.Text)}, u.secondary(u.text("close"), s.Done))
	case vm.OfferDone:
		var faces []fyne.CanvasObject
		faces = append(faces, u.centred(body, u.ink2, u.text("offer.done.lead")))
		for _, c := range s.Cards {
			faces = append(faces, widest(cardWidest, u.card(u.face(c.Item), cardHeight, nil)))
		}
		return u.ending("valid", s.Title(), faces, u.primary(u.text("offer.show"), s.Done))
	}
	who := u.asker(u.text("offer.from"), s.Issuer, s.Registered, u.text("offer.registered"), u.text("offer.unregistered"))
	switch s.Step {
	case vm.OfferBrowser:
		return u.inBrowser(s, who)
	case vm.OfferCode:
		parts := []fyne.CanvasObject{who, u.write(title, u.ink, s.Title()), u.write(body, u.ink2, u.text("offer.code.lead"))}
		if s.CodeAbout != "" {
			parts = append(parts, u.write(body, u.ink2, s.CodeAbout))
		}
		if s.Problem != nil {
			parts = append(parts, u.note("revoked", s.Problem.Head, s.Problem.Text))
		}
		enter := func(code string) {
			u.forget() // a wrong one is typed anew
			s.Code(code)
		}
		box, get := u.field(fieldOptions{name: u.text("offer.code.title"), submitted: enter})
		parts = append(parts, box)
		return u.sheet(col(16, parts...), nil, u.pair(u.secondary(u.text("stop"), s.Decline), u.primary(u.text("offer.collect"), func() { enter(get()) })))
	case vm.OfferPreview:
		parts := []fyne.CanvasObject{u.write(title, u.ink, s.Title()), who}
		for _, c := range s.Cards {
			parts = append(parts, widest(cardWidest, u.card(u.face(c.Item), 120, nil)), u.values(c.Values, nil))
		}
		return u.sheet(col(16, parts...), nil, u.pair(u.secondary(u.text("offer.no"), s.Decline), u.secondary(u.text("offer.yes"), s.Accept)))
	}
	var types []fyne.CanvasObject
	for _, t := range s.Types {
		types = append(types, u.row(entry{drawing: "card", name: t}, nil))
	}
	parts := []fyne.CanvasObject{u.write(title, u.ink, s.Title()), who, u.rows(types...)}
	return u.sheet(col(20, parts...), nil, u.pair(u.secondary(u.text("stop"), s.Decline), u.primary(u.text("offer.collect"), s.Collect)))
}
