package vm

// Stage shows a screen that was filled by hand, over a place that was too (nil: none). It is for galleries and for tests
// of drawing: such a screen has no request, offer or backup behind it, so its actions end or do nothing.
func (a *App) Stage(under, s Screen) {
	a.adopt(under)
	a.adopt(s)
	a.screen, a.back = s, nil
	if under != nil {
		a.back = []Screen{under}
	}
	a.changed()
}

// adopt makes a screen belong to the app.
func (a *App) adopt(s Screen) {
	switch s := s.(type) {
	case *Welcome:
		s.app = a
	case *Secret:
		s.app = a
	case *Lock:
		s.app = a
	case *Cards:
		s.app = a
	case *Card:
		s.app = a
	case *CardValues:
		s.app = a
	case *Proof:
		s.app = a
	case *Question:
		s.app = a
	case *Add:
		s.app = a
	case *Offer:
		s.app = a
	case *Share:
		s.app = a
		if s.PIN != nil {
			s.PIN.app = a
		}
	case *Activity:
		s.app = a
	case *Event:
		s.app = a
	case *Learned:
		s.app = a
	case *Known:
		s.app = a
	case *Letter:
		s.app = a
	case *Notices:
		s.app = a
	case *Settings:
		s.app = a
	case *Licences:
		s.app = a
	case *Forgot:
		s.app = a
	case *Pick:
		s.app = a
	case *Storage:
		s.app = a
	case *About:
		s.app = a
	case *Wipe:
		s.app = a
	case *Part:
		s.app = a
	case *Backup:
		s.app = a
	case *Guardians:
		s.app = a
	case *Rehearse:
		s.app = a
	case *Restore:
		s.app = a
	}
}
