package vm

import (
	"errors"

	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/wallet"
)

// Problem is what went wrong, in words: what happened, and what to do about it. Nobody is blamed.
type Problem struct {
	Head, Text string
	Category   wallet.Category // "" if it has none
}

func (a *App) problem(key string, pairs ...any) *Problem {
	return &Problem{Head: a.Text("wallet."+key+".head", pairs...), Text: a.Text("wallet."+key+".text", pairs...)}
}

// trouble turns an error of the wallet into words. Nothing of the error's own text is shown: it is written for logs.
func (a *App) trouble(err error) *Problem {
	if err == nil {
		return nil
	}
	var p *Problem
	var used *wallet.UsedError
	var reissue *wallet.ReissueError
	var clock *wallet.ClockError
	category := wallet.CategoryOf(err)
	switch {
	case errors.Is(err, wallet.ErrDiskFull):
		p = a.problem("trouble.disk")
	case errors.As(err, &used):
		p = a.problem("trouble.used", "card", used.Card)
	case errors.As(err, &reissue):
		p = a.problem("trouble.reissue", "card", reissue.Card)
	case errors.As(err, &clock):
		key := "trouble.clock.ahead"
		if clock.Ahead < 0 {
			key = "trouble.clock.behind"
		}
		p = a.problem(key, "time", message.Ago(a.Lang(), clock.Ahead.Abs()))
	case category != "":
		p = a.problem("trouble." + string(category))
	default:
		p = a.problem("trouble.other")
	}
	p.Category = category
	return p
}
