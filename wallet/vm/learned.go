package vm

import (
	"context"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/wallet"
)

// Party is an organisation and the names of what it has learned.
type Party struct {
	Name       string
	Registered bool
	Facts      []string // it has them, as far as anybody knows
	Gone       []string // it signed that it keeps these no more
	Times      int
	Last       string // when something was shared the last time: "vandaag", "18 november 2026"
}

// Learned is what each organisation has learned, over the whole history, the last one first.
type Learned struct {
	Parties []Party
	Problem *Problem

	app *App
}

func (a *App) newLearned() *Learned {
	s := &Learned{app: a}
	s.refresh()
	return s
}

// Title implements [Screen].
func (s *Learned) Title() string { return s.app.Text("wallet.learned.title") }

func (s *Learned) refresh() {
	entries, err := s.app.wallet.History(context.Background())
	s.Problem = s.app.trouble(err)
	s.Parties = s.app.learned(entries)
}

// Open shows one organisation.
func (s *Learned) Open(i int) {
	if i >= 0 && i < len(s.Parties) {
		s.app.open(s.app.newKnown(s.Parties[i].Name, s.Parties[i].Registered))
	}
}

// tells says whether a line is about something that its party has, or may have, learned.
func tells(e wallet.Entry) bool {
	return e.Kind == "shared" || e.Kind == "failed" && arrived(e)
}

// erased says whether the party signed that it keeps nothing of a line.
func erased(e wallet.Entry) bool {
	n := len(e.Erasures)
	return n > 0 && e.Erasures[n-1].Outcome.Final()
}

func (a *App) learned(entries []wallet.Entry) []Party {
	var all []Party
	for _, e := range entries {
		if !tells(e) {
			continue
		}
		i := slices.IndexFunc(all, func(p Party) bool { return p.Name == e.Party && p.Registered == e.Registered })
		if i < 0 {
			all = append(all, Party{Name: e.Party, Registered: e.Registered, Last: a.near(e.Time)})
			i = len(all) - 1
		}
		p := &all[i]
		p.Times++
		for _, name := range labels(e) {
			to := &p.Facts
			if erased(e) {
				to = &p.Gone
			}
			if !slices.Contains(*to, name) {
				*to = append(*to, name)
			}
		}
	}
	for i := range all {
		p := &all[i]
		p.Gone = slices.DeleteFunc(p.Gone, func(name string) bool { return slices.Contains(p.Facts, name) })
		slices.Sort(p.Facts)
		slices.Sort(p.Gone)
	}
	return all
}

// Known is one organisation: what it has learned, and when.
type Known struct {
	Party
	Lines   []Line
	CanAsk  int // lines about which it can be asked to delete
	Busy    bool
	Problem *Problem

	app     *App
	entries []wallet.Entry
}

func (a *App) newKnown(name string, registered bool) *Known {
	s := &Known{Party: Party{Name: name, Registered: registered}, app: a}
	s.refresh()
	return s
}

// Title implements [Screen].
func (s *Known) Title() string { return s.Name }

func (s *Known) refresh() {
	entries, err := s.app.wallet.History(context.Background())
	s.Problem = s.app.trouble(err)
	s.entries = slices.DeleteFunc(entries, func(e wallet.Entry) bool {
		return !tells(e) || e.Party != s.Name || e.Registered != s.Registered
	})
	s.fill()
}

func (s *Known) fill() {
	s.Lines, s.CanAsk = nil, 0
	if all := s.app.learned(s.entries); len(all) > 0 {
		s.Party = all[0]
	}
	for n, e := range s.entries {
		l := s.app.line(n, e)
		l.Party = strings.Join(labels(e), ", ") // whose it is stands above
		if k := len(e.Erasures); k > 0 {
			l.What = s.app.answered(e.Erasures[k-1]).Head
		}
		s.Lines = append(s.Lines, l)
		if e.CanErase {
			s.CanAsk++
		}
	}
}

// Open shows one line.
func (s *Known) Open(n int) {
	if n >= 0 && n < len(s.entries) {
		s.app.open(s.app.newEvent(n, s.entries[n]))
	}
}

// AskErase asks the organisation to delete everything that it can be asked to, line by line, until one gets no answer.
func (s *Known) AskErase() {
	a := s.app
	if s.Busy {
		return
	}
	s.Busy, s.Problem = true, nil
	a.run(func(ctx context.Context) error {
		for _, e := range s.entries {
			if !e.CanErase {
				continue
			}
			if _, err := a.wallet.AskErasure(ctx, e.ID); err != nil {
				return err
			}
		}
		return nil
	}, func(err error) {
		s.refresh()
		s.Busy = false
		if err != nil {
			s.Problem = a.noErasure(err)
		}
	})
}
