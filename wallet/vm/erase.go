package vm

import (
	"context"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/wallet"
)

// CanErase says whether the other party can be asked to delete what it got.
func (s *Event) CanErase() bool { return s.Entry.CanErase }

// AskErase asks it. The signed answer is kept with the line.
func (s *Event) AskErase() {
	a := s.app
	s.Busy, s.Problem = true, nil
	var answer *wallet.ErasureAnswer
	a.run(func(ctx context.Context) (err error) {
		answer, err = a.wallet.AskErasure(ctx, s.Entry.ID)
		return err
	}, func(err error) {
		s.Busy, s.Problem = false, a.trouble(err)
		if err == nil {
			s.Entry.Erasures = append(s.Entry.Erasures, *answer)
			s.Entry.CanErase = !answer.Outcome.Final()
		}
	})
}

// Answers are what the other party said about deleting, the last one last.
func (s *Event) Answers() (out []Answered) {
	a := s.app
	for _, e := range s.Entry.Erasures {
		until := ""
		if !e.Until.IsZero() {
			until = a.date(e.Until)
		}
		out = append(out, Answered{
			Good: e.Outcome.Final(), Head: a.Text("wallet.erase." + string(e.Outcome)), When: a.moment(e.Time), Basis: e.LegalBasis, Until: until,
		})
	}
	return out
}

// Answered is an answer about deleting, in words.
type Answered struct {
	Good       bool // nothing is kept any more
	Head, When string
	Basis      string // the law that says it must be kept; "" if none was named
	Until      string // date
}

// CanWrite says whether there is a letter to the data protection authority to make.
func (s *Event) CanWrite() bool {
	return s.Entry.ID != "" && (s.Entry.Kind == "shared" || s.Entry.Kind == "refused" || s.Entry.Kind == "failed")
}

// Letter is that letter: the facts that the wallet has, and in brackets what is left to write.
func (s *Event) Letter() string {
	lang := s.app.Lang()
	if lang != "en" {
		lang = message.Languages[0]
	}
	text, err := s.app.wallet.Letter(s.Entry.ID, lang)
	if s.Problem = s.app.trouble(err); err != nil {
		s.app.changed()
	}
	return text
}
