package ui

import (
	"fmt"

	"github.com/zegel-id/zegel/wallet/vm"
)

// trail is how a screen was left, so that the way back leads to the same place of it.
type trail struct {
	screen, focus string
	offset        map[string]float32
}

// leave remembers how the screen was left on which the focus was, and returns where it begins on the one of key.
func (u *UI) leave(key, focus string) string {
	depth, before, offset := u.app.Depth(), u.before.depth, u.offset
	u.offset = map[string]float32{}
	switch {
	case depth == before+1 && u.shown != "":
		u.trail = append(u.trail[:min(before, len(u.trail))], trail{u.shown, focus, offset})
	case depth < before && depth < len(u.trail) && u.trail[depth].screen == key:
		t := u.trail[depth]
		u.trail, u.offset = u.trail[:depth], t.offset
		return t.focus
	}
	return ""
}

// renamed does what a control is for that is called otherwise then, and leaves the focus on it.
func (u *UI) renamed(from, to string, do func()) func() {
	return func() {
		n, ok := u.win.Canvas().Focused().(named)
		do()
		if ok && n.Name() == from {
			u.refocus(to)
		}
	}
}

// keyOf tells screens apart, and the steps of one that show something else at the same place.
func keyOf(s vm.Screen) string {
	key := fmt.Sprintf("%T", s)
	switch s := s.(type) {
	case *vm.Licences:
		key += s.Shown
	case *vm.Guardians:
		key += fmt.Sprint(s.Shares != nil)
	case *vm.Storage:
		key += fmt.Sprint(s.Asking)
	case *vm.Restore:
		key += fmt.Sprint(s.File != nil, s.Opened(), s.Choosing)
	case *vm.Secret:
		key += fmt.Sprint(s.Old, s.Again)
	}
	return key
}
