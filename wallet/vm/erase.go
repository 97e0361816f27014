package vm

import (
	"context"

	"github.com/zegel-id/zegel/pkg/erasure"
	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/wallet"
)

// CanErase says whether the other party can be asked to delete what it got.
func (s *Event) CanErase() bool { return s.Entry.CanErase }

// AskErase asks it. The signed answer is kept with the line.
func (s *Event) AskErase() {
	a := s.app
	if s.Busy {
		return
	}
	s.Busy, s.Problem = true, nil
	var answer *wallet.ErasureAnswer
	a.run(func(ctx context.Context) (err error) {
		answer, err = a.wallet.AskErasure(ctx, s.Entry.ID)
		return err
	}, func(err error) {
		s.Busy, s.Problem = false, a.noErasure(err)
		if err == nil {
			s.Entry.Erasures = append(s.Entry.Erasures, *answer)
			s.Entry.CanErase = !answer.Outcome.Final()
		}
	})
}

// noErasure says why there is no answer.
func (a *App) noErasure(err error) *Problem {
	if err == nil {
		return nil
	}
	switch category := wallet.CategoryOf(err); category {
	case wallet.EndpointRefused, wallet.RequestUntrusted:
		p := a.problem("erase.noanswer")
		p.Category = category
		return p
	}
	return a.trouble(err)
}

// Answers are what the other party said about deleting, the last one last.
func (s *Event) Answers() (out []Answered) {
	for _, e := range s.Entry.Erasures {
		out = append(out, s.app.answered(e))
	}
	return out
}

// Answered is a signed answer about deleting, in words.
type Answered struct {
	Good  bool // nothing is kept any more
	Head  string
	When  string // it was signed
	Basis string // the law that says it must be kept; "" if none was named
}

func (a *App) answered(e wallet.ErasureAnswer) Answered {
	out := Answered{Good: e.Outcome.Final(), When: a.moment(e.Time), Basis: e.LegalBasis}
	switch {
	case e.Outcome == erasure.Erased:
		out.Head = a.Text("wallet.erase.erased", "date", a.date(e.Time))
	case e.Outcome == erasure.Refused && !e.Until.IsZero():
		out.Head = a.Text("wallet.erase.refused", "date", a.date(e.Until))
	case e.Outcome == erasure.Refused:
		out.Head = a.Text("wallet.erase.kept")
	case e.Outcome == erasure.InProgress && !e.Until.IsZero():
		out.Head = a.Text("wallet.erase.in_progress", "date", a.date(e.Until))
	case e.Outcome == erasure.InProgress:
		out.Head = a.Text("wallet.erase.looking")
	default:
		out.Head = a.Text("wallet.erase.nothing_kept")
	}
	return out
}

// CanWrite says whether there is a letter to the data protection authority to make.
func (s *Event) CanWrite() bool { return s.Entry.ID != "" && s.Asked() && !s.Unknown }

// Report opens that letter.
func (s *Event) Report() {
	a := s.app
	lang := a.Lang()
	if lang != "en" {
		lang = message.Languages[0]
	}
	text, err := a.wallet.Letter(s.Entry.ID, lang)
	if s.Problem = a.trouble(err); err != nil {
		a.changed()
		return
	}
	a.open(&Letter{Text: text, Name: a.Text("wallet.letter.file") + "-" + message.Local(a.deps.Now()).Format("2006-01-02") + ".txt", app: a})
}

// Letter is a letter to the data protection authority: the facts that the wallet has, and in brackets what is left to write.
// Nothing is sent.
type Letter struct {
	Text    string
	Name    string // of a file to save it in
	Copied  bool
	Saved   bool
	Problem *Problem

	app *App
}

// Title implements [Screen].
func (s *Letter) Title() string { return s.app.Text("wallet.letter.title") }

// WasCopied says that it went to the clipboard.
func (s *Letter) WasCopied() {
	s.Copied, s.Saved, s.Problem = true, false, nil
	s.app.changed()
}

// WasSaved says how saving it ended.
func (s *Letter) WasSaved(err error) {
	s.Copied, s.Saved, s.Problem = false, err == nil, nil
	if err != nil {
		s.Problem = s.app.problem("backup.notsaved")
	}
	s.app.changed()
}
