//go:build cgo

// Mobile is the wallet as a phone program. Everything but what is here runs and is tested on any machine; what is here is
// what a phone has and Fyne does not offer: a key store, a camera and links.
package main

import (
	"embed"
	"flag"
	"log/slog"
	"os"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"github.com/zegel-id/zegel/wallet/ui"
	"github.com/zegel-id/zegel/wallet/vm"
)

// networks holds network.json, the root of all trust, in a release; see the README there.
//
//go:embed network
var networks embed.FS

func main() {
	// A phone gives no arguments: these are for the simulator.
	dir := flag.String("dir", "", "`directory` of the wallet; empty: the program's own")
	network := flag.String("network", "", "network `file` for a new wallet")
	dev := flag.Bool("dev", false, "a new wallet is for development")
	flag.Parse()

	a := app.NewWithID("id.zegel.wallet")
	a.SetIcon(ui.Icon())
	if *dir == "" {
		*dir = a.Storage().RootURI().Path()
	}
	d := vm.Deps{Dir: *dir, Dev: *dev, Now: time.Now, Do: fyne.Do}
	d.Network, _ = networks.ReadFile("network/network.json") // without one, only a wallet for development can be made
	if *network != "" {
		var err error
		if d.Network, err = os.ReadFile(*network); err != nil {
			slog.Error("no network file", "err", err)
			os.Exit(1)
		}
	}
	if !*dev {
		d.Options.Keychain = openKeystore(*dir)
	}
	win := a.NewWindow("Zegel")
	win.Resize(fyne.NewSize(390, 844))
	p := &phone{System: ui.System{App: a, Win: win}}
	v, _ := ui.Open(d, win, p)
	p.text = func(key string) string { return v.Text("wallet." + key) }

	take := func() {
		if link := takeLink(); link != "" {
			v.Link(link)
		}
	}
	a.Lifecycle().SetOnEnteredForeground(take)
	whenLinked(func() { fyne.Do(take) })
	go func() {
		for range time.Tick(time.Second) {
			fyne.Do(v.Tick)
		}
	}()
	win.ShowAndRun()
	if err := v.Close(); err != nil {
		slog.Error("closing the wallet", "err", err)
	}
}
