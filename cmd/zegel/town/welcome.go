package town

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/zegel-id/zegel/pkg/office"
)

// Welcome is what a person reads when the town is up: where things are, and what to try.
func (t *Town) Welcome() string {
	r := t.Ready
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("")
	line("%s is open. Everything runs on this machine only.", tenantName)
	line("")
	line("  Start page  %s", strings.TrimSuffix(r.Counter, "counter"))
	line("  Desk        %s      hand out and revoke cards", r.Desk)
	line("  Counter     %s   ask \"18 or older?\"", r.Counter)
	line("  Register    %s/   who may issue and ask what", r.Registry)
	line("  Code        %s   to sign in at both", r.Token)
	line("")
	line("Try it in a second terminal:")
	line("")
	line("  1. Make a wallet.        bin/zegel wallet --store my-wallet --dev init --network %s", r.Network)
	line("  2. Hand out a card.      Open the desk, choose an inhabitant, and copy the link and the code.")
	line("  3. Receive it.           bin/zegel wallet --store my-wallet receive 'LINK' --tx-code CODE")
	line("  4. Ask at the counter.   Open the counter, choose \"18 jaar of ouder\", and copy the link.")
	line("  5. Prove it.             bin/zegel wallet --store my-wallet present 'LINK'")
	line("  6. Revoke the card at the desk, and ask again: the counter turns red.")
	line("")
	line("Stop with Ctrl-C.")
	return b.String()
}

// startPage is what a browser finds at "/".
func (t *Town) startPage() http.Handler {
	return office.StartPage(office.Start{
		Town:     tenantName,
		Counter:  "/counter",
		Desk:     "/desk",
		Registry: "/registry/",
		Network:  networkName,
		Register: func() office.Freshness {
			s := t.follower.State()
			return office.Freshness{Height: s.Height, Time: s.Time}
		},
		Now: t.opts.Now,
	})
}
