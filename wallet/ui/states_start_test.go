package ui

import (
	"slices"
	"time"

	"github.com/zegel-id/zegel/wallet"
	"github.com/zegel-id/zegel/wallet/vm"
)

const part = "ZEGEL-DEEL-1-MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPIYTEMZUGU3DOOBZGBAUEQ2EIVDEOSCJJJFUYTKOJ5IFCUSTKRKVMV2YLFNACYTDMRSWMZ3INFVG"

var peopleNames = []string{"Fatima", "Henk", "Joris", "Maria", "Tim"}

// people are helpers of whom the first so many have their part.
func people(have int) (all []vm.Person, known []wallet.Guardian) {
	for i, n := range peopleNames {
		all = append(all, vm.Person{Name: n, Has: i < have})
		known = append(known, wallet.Guardian{Name: n})
	}
	return all, known
}

func onSettings(s func(g *gallery) vm.Screen) func(*gallery) (vm.Screen, vm.Screen) {
	return func(g *gallery) (vm.Screen, vm.Screen) { return &vm.Settings{}, s(g) }
}

func onWelcome(s func(g *gallery) vm.Screen) func(*gallery) (vm.Screen, vm.Screen) {
	return func(g *gallery) (vm.Screen, vm.Screen) { return &vm.Welcome{}, s(g) }
}

func onLock(s func(g *gallery) vm.Screen) func(*gallery) (vm.Screen, vm.Screen) {
	return func(g *gallery) (vm.Screen, vm.Screen) { return &vm.Lock{PIN: true}, s(g) }
}

// startStates are the screens for beginning, locking, settings and backups.
var startStates = []state{
	{"welcome", alone(func(g *gallery) vm.Screen { return &vm.Welcome{} })},
	{"welcome-file", alone(func(g *gallery) vm.Screen { return &vm.Welcome{Rootless: true} })},
	{"welcome-lang", onWelcome(func(g *gallery) vm.Screen { return &vm.Pick{What: vm.PickLang} })},
	{"pin", onWelcome(func(g *gallery) vm.Screen {
		p := g.problem("secret.weak")
		p.Text = g.app.Text("wallet.secret.weak.row")
		return &vm.Secret{PIN: true, Digits: 2, Protection: vm.ByKeychain, Problem: p}
	})},
	{"pin-again", onWelcome(func(g *gallery) vm.Screen {
		return &vm.Secret{PIN: true, Again: true, Digits: 4, Protection: vm.ByKeychain}
	})},
	{"passphrase", onWelcome(func(g *gallery) vm.Screen { return &vm.Secret{Protection: vm.ByPassphrase} })},
	{"lock", alone(func(g *gallery) vm.Screen { return &vm.Lock{PIN: true, Digits: 3, Waiting: true} })},
	{"lock-wrong", alone(func(g *gallery) vm.Screen {
		return &vm.Lock{PIN: true, Left: 3, Problem: g.problem("lock.wrong", "n", 3)}
	})},
	{"lock-full", alone(func(g *gallery) vm.Screen {
		return &vm.Lock{PIN: true, Left: 3, Waiting: true, Problem: g.problem("lock.wrong", "n", 3)}
	})},
	{"lock-wait", alone(func(g *gallery) vm.Screen {
		return &vm.Lock{PIN: true, Until: noon.Add(58 * time.Second), Waiting: true, Problem: g.problem("lock.wait", "time", "10.43 uur")}
	})},
	{"lock-blocked", alone(func(g *gallery) vm.Screen {
		return &vm.Lock{PIN: true, Blocked: true, Problem: g.problem("lock.blocked")}
	})},
	{"lock-passphrase", alone(func(g *gallery) vm.Screen { return &vm.Lock{Left: 2} })},
	{"forgot", onLock(func(g *gallery) vm.Screen { return &vm.Forgot{PIN: true} })},
	{"settings", alone(func(g *gallery) vm.Screen { return &vm.Settings{} })},
	{"pick-appearance", onSettings(func(g *gallery) vm.Screen { return &vm.Pick{What: vm.PickAppearance} })},
	{"pick-scale", onSettings(func(g *gallery) vm.Screen { return &vm.Pick{What: vm.PickScale} })},
	{"pick-lock", onSettings(func(g *gallery) vm.Screen { return &vm.Pick{What: vm.PickLock} })},
	{"storage", onSettings(func(g *gallery) vm.Screen { return &vm.Storage{} })},
	{"storage-kept", onSettings(func(g *gallery) vm.Screen { return &vm.Storage{Kept: "2 november 2026"} })},
	{"storage-ask", onSettings(func(g *gallery) vm.Screen { return &vm.Storage{Kept: "2 november 2026", Asking: true} })},
	{"about", onSettings(func(g *gallery) vm.Screen { return &vm.About{} })},
	{"licences", onSettings(func(g *gallery) vm.Screen { return &vm.Licences{} })},
	{"licence", onSettings(func(g *gallery) vm.Screen { return &vm.Licences{Shown: "Go"} })},
	{"wipe", onSettings(func(g *gallery) vm.Screen { return &vm.Wipe{Cards: 5, Backup: "2 november 2026"} })},
	{"wipe-none", onSettings(func(g *gallery) vm.Screen { return &vm.Wipe{Cards: 1} })},
	{"backup-none", onSettings(func(g *gallery) vm.Screen { return &vm.Backup{} })},
	{"backup", onSettings(func(g *gallery) vm.Screen {
		all, known := people(4)
		return &vm.Backup{Last: "2 november 2026", Tested: "9 november 2026", People: all, Recovery: &wallet.Recovery{Guardians: known, Needed: 3}}
	})},
	{"backup-both", onSettings(func(g *gallery) vm.Screen {
		all, known := people(5)
		return &vm.Backup{Last: "2 november 2026", People: all, Recovery: &wallet.Recovery{Guardians: known, Needed: 3, Passphrase: true}}
	})},
	{"guardians", onSettings(func(g *gallery) vm.Screen {
		return &vm.Guardians{Names: []string{"Fatima", "Henk", "Joris"}, Needed: 2}
	})},
	{"parts", onSettings(func(g *gallery) vm.Screen {
		return &vm.Guardians{Needed: 2, Given: peopleNames[:3], Handed: []bool{true, true, false}, Shares: []string{part, part, part}}
	})},
	{"part", onSettings(func(g *gallery) vm.Screen { return &vm.Part{Name: "Tim", Share: part, Needed: 3, Parts: 5} })},
	{"rehearse", onSettings(func(g *gallery) vm.Screen {
		return &vm.Rehearse{People: 5, Result: &wallet.Rehearsal{Have: 2, Needed: 3, Who: peopleNames[:2]}}
	})},
	{"rehearse-done", onSettings(func(g *gallery) vm.Screen {
		return &vm.Rehearse{People: 5, Result: &wallet.Rehearsal{Have: 3, Needed: 3, Complete: true}}
	})},
	{"restore", onWelcome(func(g *gallery) vm.Screen { return &vm.Restore{} })},
	{"restore-open", onWelcome(func(g *gallery) vm.Screen {
		return &vm.Restore{File: []byte{1}, Passphrase: true, Progress: &wallet.Rehearsal{Have: 1, Needed: 3}}
	})},
	{"restore-found", onWelcome(func(g *gallery) vm.Screen { return g.found() })},
	{"restore-which", onLock(func(g *gallery) vm.Screen {
		s := g.found()
		s.Exists, s.Choosing, s.Newer, s.Used = true, true, true, "24 november 2026, 9.12 uur"
		return s
	})},
}

// helped lets the same people help the wallet of the gallery as those on the screens about backups.
func (g *gallery) helped() {
	g.app.Stage(nil, &vm.Settings{})
	s := g.app.Screen().(*vm.Settings)
	if s.Recovery() != g.app.Text("wallet.settings.recovery.none") {
		return
	}
	s.Backup()
	g.app.Screen().(*vm.Backup).Choose()
	p := g.app.Screen().(*vm.Guardians)
	p.Names, p.Needed = slices.Clone(peopleNames), 3
	p.Make()
	for i := range p.Handed {
		p.Handed[i] = true
	}
	p.Finish()
}

func (g *gallery) found() *vm.Restore {
	return &vm.Restore{File: []byte{1}, Made: "2 november 2026", History: 12, Cards: []vm.Item{
		g.item("personal", "Persoonsgegevens", city, "reissue", "reissue"), g.item("address", "Woonadres", city, "reissue", "reissue"),
		g.item("pool", "Zwembadpas", "Sportbedrijf Voorbeeld", "revoked", "revoked", "date", "3 november 2026")}}
}
