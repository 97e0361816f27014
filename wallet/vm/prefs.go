package vm

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"
)

// Prefs are choices that say nothing about a person. They are needed before the wallet is open, so they lie beside it.
type Prefs struct {
	Lang       string  `json:"lang,omitempty"`
	Appearance string  `json:"appearance,omitempty"` // light, dark; empty: as the system
	TextScale  float32 `json:"text_scale,omitempty"` // 0: 1
	Still      bool    `json:"still,omitempty"`      // reduced motion
	LockAfter  int     `json:"lock_after,omitempty"` // seconds; 0: two minutes, -1: never
	ByHand     bool    `json:"by_hand,omitempty"`    // cards are renewed when the person asks for it only
}

const defaultLockAfter = 2 * time.Minute

func (p Prefs) lockAfter() time.Duration {
	switch {
	case p.LockAfter < 0:
		return 0
	case p.LockAfter == 0:
		return defaultLockAfter
	}
	return time.Duration(p.LockAfter) * time.Second
}

// lockSeconds is the same as one of [LockChoices].
func (p Prefs) lockSeconds() int {
	if p.LockAfter == 0 {
		return int(defaultLockAfter / time.Second)
	}
	return p.LockAfter
}

// Scale is how much larger than usual text is, 1 to 2.
func (p Prefs) Scale() float32 {
	if p.TextScale == 0 {
		return 1
	}
	return min(2, max(1, p.TextScale))
}

func (a *App) prefsFile() string { return filepath.Join(a.deps.Dir, "settings.json") }

// loadPrefs reads the file; one that is missing or damaged is as if nothing was chosen.
func loadPrefs(path string) Prefs {
	var p Prefs
	if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &p) != nil {
		p = Prefs{}
	}
	return p
}

// Prefs returns the choices.
func (a *App) Prefs() Prefs { return a.prefs }

// SetPrefs changes a choice and keeps it. A disk that refuses is no reason to refuse the person.
func (a *App) SetPrefs(change func(*Prefs)) {
	change(&a.prefs)
	a.deps.Options.Lang = a.Lang()
	if data, err := json.Marshal(a.prefs); err == nil && os.MkdirAll(a.deps.Dir, 0o700) == nil {
		tmp := a.prefsFile() + ".new"
		if os.WriteFile(tmp, data, 0o600) == nil {
			os.Rename(tmp, a.prefsFile())
		}
	}
	if a.wallet != nil {
		a.wallet.SetLang(a.Lang())
	}
	a.changed()
}
