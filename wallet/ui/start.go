package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"github.com/zegel-id/zegel/wallet/vm"
)

func (u *UI) welcome(s *vm.Welcome) fyne.CanvasObject {
	var lines []fyne.CanvasObject
	for _, l := range []struct{ n, drawing string }{{"1", "phone"}, {"2", "eye"}, {"3", "list"}, {"4", "eyeoff"}} {
		disc := sized(44, 44, over(block(u.accentSoft, 22), container.NewCenter(icon(l.drawing, 22, u.accent))))
		lines = append(lines, beside(16, 1, disc, u.rich(body, u.ink, u.text("welcome."+l.n))))
	}
	e := u.edge()
	name := u.line(lead, u.ink, u.text("name"))
	if u.scale > 1.5 && !u.wide {
		name = col(0, push()) // no room beside the language
	}
	head := pad(20, e, 12, e, beside(10, 1, icon("sealplain", 36, u.accent), name, u.langButton(s)))
	parts := []fyne.CanvasObject{u.balanced(u.write(display, u.ink, s.Title())), air(24), col(12, lines...)}
	switch {
	case u.roomy():
		parts = append([]fyne.CanvasObject{air(12), u.rosette("sealplain", 212), air(36)}, parts...)
	case !u.low() || !u.tight():
		parts = append([]fyne.CanvasObject{u.rosette("sealplain", u.markSide()), air(24)}, parts...)
	}
	content := pad(8, e, 16, e, col(0, parts...))
	foot := col(4, u.primary(u.text("welcome.begin"), s.Begin), u.link(u.text("welcome.restore"), s.Restore))
	if s.Rootless {
		head, text := u.text("welcome.rootless.head"), u.text("welcome.rootless.text")
		if s.Problem != nil {
			head, text = s.Problem.Head, s.Problem.Text
		}
		content = pad(8, e, 16, e, col(24, u.balanced(u.write(display, u.ink, s.Title())), u.note("warn", head, text)))
		foot = col(4, u.primary(u.text("welcome.choose"), func() {
			u.platform.OpenFile(func(data []byte) {
				if data != nil {
					s.TakeNetwork(data)
				}
			})
		}))
	}
	return container.New(&top{}, head, u.filled("page", content), pad(8, e, 16, e, foot))
}

// langButton shows the language, and leads to the others.
func (u *UI) langButton(s *vm.Welcome) fyne.CanvasObject {
	name := u.text("lang." + u.app.Lang())
	parts := []fyne.CanvasObject{icon("globe", 20, u.ink), u.line(smallB, u.ink, name), icon("down", 16, u.ink)}
	if u.tight() {
		parts = parts[:2]
	}
	inner := pad(0, 14, 0, 14, beside(8, -2, parts...))
	return u.tap(name, 22*u.scale, over(outline(u.surface, u.lineStrong, 1.5, 22*u.scale), sizedHeight(target*u.scale, inner)), s.ChooseLang)
}

// roomy says that the window is as high as most phones.
func (u *UI) roomy() bool { return u.size.Height >= 800 && !u.tight() }

// markSide is how large the mark is: less in a low window, so that what can be done stays in sight.
func (u *UI) markSide() float32 {
	switch {
	case u.size.Height < 700:
		return 96
	case u.size.Height < 800:
		return 136
	}
	return 186
}

// balanced breaks a heading into lines of about one length, instead of leaving one word on the last.
func (u *UI) balanced(text fyne.CanvasObject) fyne.CanvasObject {
	return container.New(&balance{}, text)
}

type balance struct{}

// Layout implements [fyne.Layout].
func (b *balance) Layout(o []fyne.CanvasObject, size fyne.Size) {
	high := heightFor(o[0], size.Width)
	width := size.Width
	for try := size.Width / 2; try < size.Width; try += 8 {
		if heightFor(o[0], try) <= high {
			width = try
			break
		}
	}
	o[0].Move(fyne.Position{})
	o[0].Resize(fyne.NewSize(width, high))
}

// MinSize implements [fyne.Layout].
func (b *balance) MinSize(o []fyne.CanvasObject) fyne.Size { return stack{}.MinSize(o) }

func (b *balance) heightFor(o []fyne.CanvasObject, width float32) float32 {
	return heightFor(o[0], width)
}

// filled is scrolled content that takes the whole height if there is room, so that springs in it work.
func (u *UI) filled(name string, content fyne.CanvasObject) *scroll {
	s := u.scrolled(name, content)
	s.inner.Objects = []fyne.CanvasObject{content}
	return s
}

// chip is one of a few choices in a row.
func (u *UI) chip(name string, on bool, do func()) *tap {
	back, c, s := outline(u.surface, u.lineStrong, 1.5, 22), u.ink, small
	parts := []fyne.CanvasObject{}
	if on {
		back, c, s = block(u.accent, 22), u.onAccent, smallB
		parts = append(parts, icon("check", 16, c))
	}
	parts = append(parts, u.line(s, c, name))
	least := canvas.NewRectangle(color0)
	least.SetMinSize(fyne.NewSize(target, target))
	return u.tap(name, 22, over(back, least, sizedHeight(target*u.scale, pad(0, 12, 0, 12, beside(5, -2, parts...)))), do)
}

// steps is the head of one of a few pages in a row: the way back, and how far this is.
func (u *UI) steps(at, of int) fyne.CanvasObject {
	e := u.edge()
	var dashes []fyne.CanvasObject
	for i := range of {
		c := u.hair
		if i < at {
			c = u.accent
		}
		dashes = append(dashes, sized(32, 4, block(c, 2)))
	}
	back := fyne.CanvasObject(sized(target, target, air(0)))
	if u.app.CanGoBack() {
		back = u.glyph(u.text("back"), "back", u.app.Back)
	}
	return pad(8, e-12, 0, e-12, beside(0, 1, back, container.NewCenter(beside(6, -2, dashes...)), sized(target, target, air(0))))
}

// stepped is a page that is one of a few in a row.
func (u *UI) stepped(s vm.Screen, at, of int, content fyne.CanvasObject, foot ...fyne.CanvasObject) fyne.CanvasObject {
	e := u.edge()
	head := col(0, u.steps(at, of), pad(8, e, 0, e, u.measured(u.balanced(u.write(title, u.ink, s.Title())))))
	body := u.scrolled("page", pad(12, e, 24, e, u.measured(content)))
	if len(foot) == 0 {
		return container.New(&top{}, head, body)
	}
	return u.stacked(head, body, pad(8, e, 24, e, u.measured(col(12, foot...))))
}

func (u *UI) secret(s *vm.Secret) fyne.CanvasObject {
	if s.PIN {
		return u.secretPIN(s)
	}
	at, of := s.Steps()
	parts := []fyne.CanvasObject{u.write(body, u.ink2, s.Lead())}
	if s.Busy {
		return u.stepped(s, at, of, col(20, append(parts, u.centred(body, u.ink2, u.text("busy")))...))
	}
	enter := func(text string) {
		u.forget()
		s.Enter(text)
	}
	box, get := u.newPassphrase(u.text("secret.name.passphrase"), !s.Old && !s.Again, nil, enter)
	parts = append(parts, box)
	if s.Problem != nil {
		parts = append(parts, u.note("revoked", s.Problem.Head, s.Problem.Text))
	}
	if !s.Old && !s.Again {
		parts = append(parts, u.remark(u.text("secret.protection."+string(s.Protection))))
	}
	return u.stepped(s, at, of, col(20, parts...), u.primary(u.text("secret.enter"), func() { enter(get()) }))
}

// newPassphrase is a field for one that can be shown; judged ones say in words how strong they are while they are typed.
func (u *UI) newPassphrase(name string, judged bool, changed, submitted func(string)) (fyne.CanvasObject, func() string) {
	o := fieldOptions{name: name, secret: true, shows: true, submitted: submitted, changed: changed}
	if !judged {
		return u.field(o)
	}
	said := container.New(stack{})
	say := func(text string) {
		said.Objects = []fyne.CanvasObject{u.strength(u.app.Strength(text))}
		said.Refresh()
	}
	o.changed = func(text string) {
		say(text)
		if changed != nil {
			changed(text)
		}
	}
	box, get := u.field(o)
	say(get())
	return col(8, box, said), get
}

// strength is a meter of three with its word, and what to do under it.
func (u *UI) strength(s vm.Strength) fyne.CanvasObject {
	c := []fyne.CanvasObject{}
	colour := u.accent
	switch s.Level {
	case 1:
		colour = u.stop
	case 2:
		colour = u.warn
	case 3:
		colour = u.ok
	}
	for i := range 3 {
		cell := block(u.hair, 3)
		if i < s.Level {
			cell = block(colour, 3)
		}
		c = append(c, cell)
	}
	word, hint := s.Word, s.Hint
	if s.Level == 0 {
		word, hint = hint, ""
	}
	if hint == "" {
		hint = " " // the room stays
	}
	return col(6, sized(0, 6, beside(4, -1, c...)), u.line(smallB, u.ink, word), u.write(small, u.ink2, hint))
}

// forget clears what was typed on this screen.
func (u *UI) forget() { u.kept = map[string]string{} }

// remark is a quiet text with a shape before it.
func (u *UI) remark(text string) fyne.CanvasObject {
	return atTop(10, 1, icon("info", 20, u.ink2), u.write(small, u.ink2, text))
}
