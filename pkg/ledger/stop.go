package ledger

import (
	"fmt"

	"github.com/zegel-id/zegel/pkg/did"
)

// Check checks the form of a call. Error: [ErrMalformed].
func (s *StopAction) Check() error {
	if !text(s.Why) {
		return fmt.Errorf("%w: stop with the reason %q", ErrMalformed, clip(s.Why))
	}
	switch s.Grade {
	case StopAccreditation:
		if d, err := did.Parse(string(s.Subject)); err != nil || d.Method() != "zegel" {
			return fmt.Errorf("%w: stop of an accreditation of %q", ErrMalformed, clip(string(s.Subject)))
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
