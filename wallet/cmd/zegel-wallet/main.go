//go:build cgo

// Zegel-wallet is the wallet as a desktop program.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"github.com/zegel-id/zegel/pkg/trust"
	"github.com/zegel-id/zegel/wallet/cmd/zegel-wallet/installed"
	"github.com/zegel-id/zegel/wallet/cmd/zegel-wallet/single"
	"github.com/zegel-id/zegel/wallet/keychain"
	"github.com/zegel-id/zegel/wallet/ui"
	"github.com/zegel-id/zegel/wallet/vm"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "zegel-wallet:", err)
		os.Exit(1)
	}
}

func run() error {
	home, err := os.UserConfigDir()
	if err != nil {
		return err
	}
	dir := flag.String("dir", filepath.Join(home, "zegel"), "`directory` of the wallet and its settings")
	network := flag.String("network", "", "network `file` for a new wallet: the root of all trust")
	dev := flag.Bool("dev", false, "a new wallet is for development: plain http on loopback, and a PIN is enough")
	var anchors list
	flag.Var(&anchors, "trust-anchor", "PEM `file` with anchors of foreign parties to accept; may be repeated")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: zegel-wallet [flags] [link]")
		flag.PrintDefaults()
	}
	flag.Parse()

	if err := os.MkdirAll(*dir, 0o700); err != nil {
		return err
	}
	// A second start hands its link to the first one and ends.
	instance, first, err := single.Claim(*dir, flag.Arg(0))
	if err != nil || !first {
		return err
	}
	defer instance.Close()

	d := vm.Deps{Dir: *dir, Dev: *dev, Now: time.Now, Do: fyne.Do}
	if *network != "" {
		if d.Network, err = os.ReadFile(*network); err != nil {
			return err
		}
	} else if !*dev {
		d.Network = installed.Network()
	}
	if d.Options.Foreign, err = trust.ReadForeign(anchors); err != nil {
		return err
	}
	if !*dev {
		d.Options.Keychain = keychain.Open()
	}

	a := app.NewWithID("id.zegel.wallet")
	a.SetIcon(ui.Icon())
	win := a.NewWindow("Zegel")
	win.Resize(fyne.NewSize(1024, 768))
	v, screen := ui.Open(d, win, desktop{ui.System{App: a, Win: win}})
	win.SetOnDropped(func(_ fyne.Position, files []fyne.URI) { screen.Dropped(files) })
	if link := flag.Arg(0); link != "" {
		v.Link(link)
	}
	go instance.Serve(func(link string) {
		fyne.Do(func() {
			win.Show()
			win.RequestFocus()
			if link != "" {
				v.Link(link)
			}
		})
	})
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	go func() {
		for range tick.C {
			fyne.Do(v.Tick)
		}
	}()
	win.ShowAndRun()
	return v.Close()
}

type list []string

func (l *list) String() string     { return fmt.Sprint(*l) }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }
