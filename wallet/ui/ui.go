// Package ui draws the wallet with Fyne: it shows the state that package vm holds, and calls its actions.
//
// Start with [New]. Every screen is built from the state each time that changes, so that no colour, language or size of
// text outlives a change of settings; what must survive (focus, scrolling, a text that is being typed) is kept by name.
//
// It deliberately leaves out fyne/app: the two programs have that, and with it the only cgo. It knows nothing of
// protocols and keys.
package ui

import (
	"bytes"
	"image/png"
	"io"
	"os"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"

	"github.com/zegel-id/zegel/wallet/vm"
)

// Platform is what differs between a desktop and a phone.
type Platform interface {
	// Scan looks for a QR code: with the camera, or in a part of the screen. done gets "" if there was none.
	Scan(done func(text string))
	// Camera says whether Scan uses a camera.
	Camera() bool
	Paste() string
	Copy(text string)
	// OpenFile lets the person choose a file; done gets nil if none was chosen.
	OpenFile(done func(data []byte))
	// SaveFile lets the person choose where to save.
	SaveFile(name string, data []byte, done func(error))
	OpenURL(url string) error
	// Dark says whether the system asks for dark colours.
	Dark() bool
}

// UI is a window with the wallet in it.
type UI struct {
	app      *vm.App
	win      fyne.Window
	platform Platform
	look

	root   *fyne.Container
	shown  string             // key of the screen that is shown
	kept   map[string]string  // texts being typed on it
	offset map[string]float32 // how far parts of it are scrolled
	size   fyne.Size

	refocusing bool    // the focus comes back after a screen was drawn anew
	trail      []trail // of the screens under this one
	motion     motion
	before     scene // what was shown before this picture
}

// New draws app in win. Call [UI.Render] whenever the app has changed, on the thread that draws.
func New(app *vm.App, win fyne.Window, p Platform) *UI {
	u := &UI{app: app, win: win, platform: p, kept: map[string]string{}, offset: map[string]float32{}}
	u.look.start = (*fyne.Animation).Start
	u.root = fyne.NewContainerWithoutLayout()
	u.root.Layout = &window{u}
	win.SetPadded(false)
	win.SetContent(u.root)
	win.Canvas().SetOnTypedKey(u.key)
	win.Canvas().SetOnTypedRune(u.digit)
	u.look.typed, u.look.typedKey, u.look.focused = u.digit, u.key, u.follow
	u.Render()
	return u
}

// window is the layout of the whole: it draws anew when the window becomes wide or narrow.
type window struct{ u *UI }

// Layout implements [fyne.Layout].
func (w *window) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	wide := size.Width >= wideFrom
	first := w.u.size.IsZero()
	w.u.size = size
	if wide != w.u.wide || first {
		w.u.wide = wide
		w.u.Render()
		return
	}
	stack{}.Layout(objects, size)
}

// MinSize implements [fyne.Layout].
func (w *window) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(320, 480) }

// key handles keys that nothing focused took.
func (u *UI) key(e *fyne.KeyEvent) {
	u.app.Touch()
	switch e.Name {
	case fyne.KeyEscape:
		u.escape()
	case fyne.KeyBackspace:
		if pad, ok := u.app.Screen().(interface{ Erase() }); ok {
			pad.Erase()
		}
	case fyne.KeyUp, fyne.KeyDown, fyne.KeyPageUp, fyne.KeyPageDown, fyne.KeyHome, fyne.KeyEnd:
		var top *scroll // what lies under a sheet comes before it
		walk(u.root, func(o fyne.CanvasObject) bool {
			if s, ok := o.(*scroll); ok {
				top = s
			}
			return true
		})
		if top != nil {
			top.page(e.Name)
		}
	}
}

// escape is the safe way out: it stops a request and refuses an offer, and elsewhere goes back.
func (u *UI) escape() {
	switch s := u.app.Screen().(type) {
	case *vm.Share:
		switch s.Step {
		case vm.ShareDone, vm.ShareStopped, vm.ShareFailed:
			s.Done()
		default:
			s.Stop()
		}
	case *vm.Offer:
		switch s.Step {
		case vm.OfferDone, vm.OfferStopped, vm.OfferFailed:
			s.Done()
		default:
			s.Decline()
		}
	case *vm.Activity:
		if s.Searching {
			s.CloseSearch()
			return
		}
		u.app.Back()
	default:
		u.app.Back()
	}
}

// Render draws the state.
func (u *UI) Render() {
	u.settle()
	if u.size.IsZero() {
		return
	}
	screen := u.app.Screen()
	key := keyOf(screen)
	same := key == u.shown
	focus, caret := "", -1
	if t, ok := u.win.Canvas().Focused().(named); ok {
		focus = t.Name()
		if f, ok := t.(*field); ok {
			caret = f.CursorColumn
		}
	}
	if !same {
		focus = u.leave(key, focus)
		u.shown, u.kept = key, map[string]string{}
	}
	u.motion.begin()
	u.root.Objects = []fyne.CanvasObject{canvas.NewRectangle(u.bg), u.content(screen)}
	stack{}.Layout(u.root.Objects, u.size)
	u.root.Refresh()
	u.win.SetTitle(u.app.Text("wallet.name") + " – " + screen.Title())
	u.refocus(focus)
	if f, ok := u.win.Canvas().Focused().(*field); ok && same && !f.MultiLine && caret >= 0 {
		f.CursorColumn = min(caret, len([]rune(f.Text))) // in the middle of a text that is being typed
		f.Refresh()
	}
	if u.win.Canvas().Focused() == nil {
		u.refocus(u.first(screen))
	}
	now := u.scene(screen)
	u.play(u.before, now)
	u.before = now
}

// first is the control that has the focus when a person has to decide: the one that shares or loses nothing. Where a
// person wants to search it is the field for that.
func (u *UI) first(s vm.Screen) string {
	if s, ok := s.(*vm.Cards); ok && s.Finding {
		return "field:" + u.text("cards.search")
	}
	if fyne.CurrentDevice().IsMobile() {
		return ""
	}
	switch s := s.(type) {
	case *vm.Wipe:
		return u.text("wipe.keep")
	case *vm.Storage:
		if s.Asking {
			return u.text("wipe.keep")
		}
	case *vm.Restore:
		if s.Choosing {
			return u.text("restore.choose.keep")
		}
	case *vm.Share:
		switch s.Step {
		case vm.ShareAsk, vm.ShareUnknown, vm.ShareExtra, vm.ShareReuse:
			return u.text("stop")
		}
	case *vm.Add:
		return "" // the field is the last of its ways
	}
	if u.app.Place() != "" {
		return ""
	}
	return u.firstField()
}

// firstField is the field that a page begins with: what is typed at once goes there.
func (u *UI) firstField() (name string) {
	walk(u.root, func(o fyne.CanvasObject) bool {
		if f, ok := o.(*field); ok && !f.Disabled() && !f.MultiLine {
			name = f.Name()
			return false
		}
		return true
	})
	return name
}

// settle reads the choices of colours and sizes.
func (u *UI) settle() {
	p := u.app.Prefs()
	night := p.Appearance == "dark" || p.Appearance == "" && u.platform.Dark()
	u.palette = &light
	if night {
		u.palette = &dark
	}
	u.scale, u.still = p.Scale(), p.Still
	want := house{u.palette, u.scale}
	if settings := fyne.CurrentApp().Settings(); settings.Theme() != fyne.Theme(want) {
		settings.SetTheme(want)
	}
}

// named is what the focus comes back to after a screen was drawn anew.
type named interface{ Name() string }

// Name is what the control is called: for the focus, for tests, and one day for screen readers.
func (t *tap) Name() string { return t.name }

func (u *UI) refocus(name string) {
	c := u.win.Canvas()
	if name == "" {
		if c.Focused() != nil {
			c.Unfocus()
		}
		return
	}
	missing := walk(u.root, func(o fyne.CanvasObject) bool {
		n, ok := o.(named)
		if !ok || n.Name() != name {
			return true
		}
		if d, ok := o.(fyne.Disableable); ok && d.Disabled() {
			return true // another of this name can lie under a sheet
		}
		u.refocusing = true
		c.Focus(o.(fyne.Focusable))
		u.refocusing = false
		return false
	})
	if missing && c.Focused() != nil {
		c.Unfocus() // it is not on this screen any more
	}
}

// follow scrolls to the control that the keyboard has come to.
func (u *UI) follow(o fyne.CanvasObject) {
	if u.refocusing {
		return // it stays where the person scrolled
	}
	walk(u.root, func(in fyne.CanvasObject) bool {
		if s, ok := in.(*scroll); ok {
			s.follow(o)
		}
		return true
	})
}

// walk visits an object and all in it, until visit says stop.
func walk(o fyne.CanvasObject, visit func(fyne.CanvasObject) bool) bool {
	if o == nil || !visit(o) {
		return false
	}
	switch o := o.(type) {
	case *fyne.Container:
		for _, c := range o.Objects {
			if !walk(c, visit) {
				return false
			}
		}
	case *tap:
		return walk(o.content, visit)
	case *scroll:
		return walk(o.inner, visit)
	}
	return true
}

// content is the screen with what stands around it.
func (u *UI) content(s vm.Screen) fyne.CanvasObject {
	switch s := s.(type) {
	case *vm.Share:
		return u.share(s)
	case *vm.Offer:
		return u.offer(s)
	case *vm.Card:
		if s.Deleting {
			return u.deleting(s)
		}
	}
	if u.app.Place() != "" {
		return u.framed(u.place(s))
	}
	inner := u.alone(s)
	if u.wide {
		if !u.app.Outside() {
			return u.framed(inner)
		}
		return u.moving(u.inMiddle(inner))
	}
	return u.moving(inner)
}

func (u *UI) place(s vm.Screen) fyne.CanvasObject {
	switch s := s.(type) {
	case *vm.Cards:
		return u.cards(s)
	case *vm.Activity:
		return u.activity(s)
	case *vm.Notices:
		return u.notices(s)
	case *vm.Settings:
		return u.settings(s)
	}
	return air(0)
}

func (u *UI) alone(s vm.Screen) fyne.CanvasObject {
	switch s := s.(type) {
	case *vm.Welcome:
		return u.welcome(s)
	case *vm.Secret:
		return u.secret(s)
	case *vm.Lock:
		return u.lock(s)
	case *vm.Card:
		return u.detail(s)
	case *vm.CardValues:
		return u.cardValues(s)
	case *vm.Proof:
		return u.proof(s)
	case *vm.Question:
		return u.question(s)
	case *vm.Add:
		return u.add(s)
	case *vm.Event:
		return u.event(s)
	case *vm.Learned:
		return u.learned(s)
	case *vm.Known:
		return u.known(s)
	case *vm.Letter:
		return u.letter(s)
	case *vm.Activity:
		return u.activity(s)
	case *vm.Backup:
		return u.backup(s)
	case *vm.Guardians:
		return u.guardians(s)
	case *vm.Rehearse:
		return u.rehearse(s)
	case *vm.Restore:
		return u.restore(s)
	case *vm.Licences:
		return u.licences(s)
	case *vm.Forgot:
		return u.forgot(s)
	case *vm.Pick:
		return u.pick(s)
	case *vm.Storage:
		return u.storage(s)
	case *vm.About:
		return u.aboutProgram(s)
	case *vm.Wipe:
		return u.wipe(s)
	case *vm.Part:
		return u.handOver(s)
	}
	return air(0)
}

// text is short for the words of the wallet.
func (u *UI) text(key string, pairs ...any) string { return u.app.Text("wallet."+key, pairs...) }

// variant is the theme variant that goes with the palette.
func (u *UI) variant() fyne.ThemeVariant {
	if u.dark {
		return theme.VariantDark
	}
	return theme.VariantLight
}

// Icon is the picture of the program.
func Icon() fyne.Resource {
	var out bytes.Buffer
	if err := png.Encode(&out, draw(icons["sealplain"], light.accent, 256, 256)); err != nil {
		panic("ui: internal error: " + err.Error())
	}
	return fyne.NewStaticResource("zegel.png", out.Bytes())
}

// Dropped takes files that were dropped on the window: pictures of a code, or texts with a link.
func (u *UI) Dropped(files []fyne.URI) {
	if len(files) == 0 || files[0].Scheme() != "file" {
		return
	}
	data, err := readFile(files[0].Path())
	if err != nil || u.droppedBackup(data) {
		return
	}
	if !u.app.Unlocked() {
		return
	}
	if _, ok := u.app.Screen().(*vm.Add); !ok {
		u.app.Scan()
	}
	if s, ok := u.app.Screen().(*vm.Add); ok {
		u.dropped(s, data)
	}
}

// maxDropped bounds a file that was dropped.
const maxDropped = 64 << 20

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxDropped))
}
