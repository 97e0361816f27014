package ledger

import "fmt"

// Check checks the form of a call. Error: [ErrMalformed].
func (s *StopAction) Check() error {
	if !text(s.Why) {
		return fmt.Errorf("%w: stop with the reason %q", ErrMalformed, clip(s.Why))
	}
	switch s.Grade {
	case StopAccreditation:
		if err := checkZegel(s.Subject); err != nil {
			return err
		}
		return checkFragment(s.Accreditation)
	case StopWrites, StopEverything:
		if s.Subject != "" || s.Accreditation != "" {
			return fmt.Errorf("%w: stop of %s with an accreditation", ErrMalformed, s.Grade)
		}
		return nil
	}
	return fmt.Errorf("%w: stop of grade %q", ErrMalformed, clip(string(s.Grade)))
}
