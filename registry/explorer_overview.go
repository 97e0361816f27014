package registry

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/message"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/trust"
)

// How much a page shows.
const (
	paceBlocks   = 61 // 60 times between them
	showBlocks   = 6
	showLists    = 5
	countLists   = 64 // of which those are chosen
	pageLists    = 50
	pageBlocks   = 25
	showOthers   = 200
	countOrgs    = 2000 // that are counted for the overview
	paceHeight   = 178
	paceMinRange = 2.5 // seconds
)

func (l *look) overview(*http.Request) (office.Page, error) {
	members, err := l.memberRows()
	if err != nil {
		return office.Page{}, err
	}
	blocks, err := l.n.lastBlocks(0, paceBlocks)
	if err != nil {
		return office.Page{}, err
	}
	lists, err := l.mostUsed()
	if err != nil {
		return office.Page{}, err
	}
	signs := 0
	for _, m := range l.x.members() {
		if len(m.Validator) > 0 {
			signs++
		}
	}
	var open []proposalRow
	for _, p := range l.x.proposals() {
		if at := p.At(l.x.at()); at == ledger.Open || at == ledger.Waiting {
			open = append(open, l.proposalRow(p))
		}
	}
	who, title := l.t("registry.stop.who", "n", 2), l.t("registry.stop.off")
	if len(members) == 1 {
		who = l.t("registry.stop.who.alone")
	}
	if len(l.x.inForce()) > 0 {
		title = l.t("registry.stop.on")
	}
	types, questions, askers := l.permissions()
	return l.page("overview", "", l.t("registry.overview.title", "network", l.n.app.chain.Network), map[string]any{
		"Height": l.number(l.x.s.height), "Age": message.Ago(l.v.Lang, time.Since(l.x.s.time)),
		"Members": members, "Seats": l.t("registry.overview.seats", "signs", signs, "reads", len(members)-signs),
		"Types": types, "Questions": questions, "Askers": askers,
		"StopTitle": title, "StopWho": who, "Grades": l.grades(),
		"Pace": l.pace(blocks), "Blocks": l.blockTable(blocks[:min(showBlocks, len(blocks))]), "Lists": lists, "Open": open,
	}), nil
}

// tallies are what the overview counts over all organisations. They are counted once for each state.
type tallies struct {
	mu                       sync.Mutex
	root                     string
	hour                     int64 // permissions begin and end with time
	types, questions, askers int
}

// permissions counts the kinds of cards, the questions, and who may ask them.
func (l *look) permissions() (types, questions, askers int) {
	t := &l.n.tallies
	t.mu.Lock()
	defer t.mu.Unlock()
	root, hour := string(l.x.s.root), l.x.at()/3600
	if t.root == root && t.hour == hour {
		return t.types, t.questions, t.askers
	}
	kinds := map[string]bool{}
	for i, d := range l.x.index().DIDs {
		if i == countOrgs {
			break
		}
		asks := false
		for _, a := range l.x.accreditations(d) {
			switch {
			case a.EndedAt != 0 || a.From > l.x.at() || a.Until <= l.x.at():
			case a.Use == trust.Ask:
				questions, asks = questions+1, true
			default:
				for _, t := range a.Types {
					kinds[t] = true
				}
			}
		}
		if asks {
			askers++
		}
	}
	if l.x.failed == nil {
		t.root, t.hour, t.types, t.questions, t.askers = root, hour, len(kinds), questions, askers
	}
	return len(kinds), questions, askers
}

func (l *look) mostUsed() ([]*listRow, error) {
	var rows []*listRow
	for i, uri := range l.x.index().Lists {
		if i == countLists {
			break
		}
		row, err := l.listRow(uri)
		if err != nil {
			return nil, err
		}
		if row != nil {
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b *listRow) int {
		switch {
		case a.used > b.used:
			return -1
		case a.used < b.used:
			return 1
		}
		return 0
	})
	return rows[:min(showLists, len(rows))], nil
}

// pace is the chart of the times between blocks.
type pace struct {
	Bars                      []bar
	Rows                      []paceRow // newest first
	Mean                      string    // y of the line
	Label, Max, MeanText, Now string
}

type bar struct {
	X, Y, Width, Height string
	Last                bool
}

type paceRow struct{ Number, Seconds string }

func (l *look) pace(blocks []*blockInfo) pace {
	n := len(blocks) - 1
	if n < 2 {
		return pace{Max: "0"}
	}
	times := make([]float64, n) // oldest first
	most, sum := 0.0, 0.0
	for i := range n {
		t := max(0, blocks[n-1-i].time.Sub(blocks[n-i].time).Seconds())
		times[i], sum, most = t, sum+t, max(most, t)
	}
	top := max(paceMinRange, math.Ceil(most))
	p := pace{Max: strings.TrimSuffix(strings.TrimSuffix(l.decimal(top), ",0"), ".0"), MeanText: l.decimal(sum / float64(n)), Now: l.decimal(times[n-1])}
	p.Label = l.t("registry.pace.label", "n", n, "mean", p.MeanText, "max", l.decimal(most))
	p.Mean = fmt.Sprintf("%.1f", paceHeight*(1-sum/float64(n)/top))
	step := 600 / float64(n)
	for i, t := range times {
		h := max(2, paceHeight*t/top)
		p.Bars = append(p.Bars, bar{
			X: fmt.Sprintf("%.2f", float64(i)*step), Width: fmt.Sprintf("%.2f", step*0.72),
			Y: fmt.Sprintf("%.2f", paceHeight-h), Height: fmt.Sprintf("%.2f", h), Last: i == n-1,
		})
		p.Rows = append(p.Rows, paceRow{l.number(blocks[n-1-i].height), l.decimal(t)})
	}
	slices.Reverse(p.Rows)
	return p
}

// blockTable is a table of blocks.
type blockTable struct {
	office.Visit
	Base, Label string
	Rows        []blockRow
}

type blockRow struct {
	Height                     int64
	Number, Time, Signed, Hash string
	Content                    []string
}

func (l *look) blockTable(blocks []*blockInfo) blockTable {
	table := blockTable{Visit: l.v, Base: l.base, Label: l.t("registry.blocks.last")}
	for _, b := range blocks {
		row := blockRow{
			Height: b.height, Number: l.number(b.height), Time: message.ClockSeconds(l.v.Lang, message.Local(b.time)),
			Signed:  l.t("registry.block.signed.of", "n", b.signed, "all", len(b.signers)),
			Hash:    strings.ToUpper(b.hash[:4] + "…" + b.hash[len(b.hash)-4:]),
			Content: l.kinds(b),
		}
		if len(row.Content) == 0 {
			row.Content = []string{l.t("registry.block.empty")}
		}
		table.Rows = append(table.Rows, row)
	}
	return table
}

// kinds says in words what a block held.
func (l *look) kinds(b *blockInfo) []string {
	var all []string
	for _, k := range []ledger.Kind{
		ledger.CallStop, ledger.Propose, ledger.Vote, ledger.Execute, ledger.Cancel, ledger.CreateDID, ledger.UpdateDID, ledger.DeactivateDID,
		ledger.RecoverDID, ledger.Accredit, ledger.Withdraw, ledger.PutAnchor, ledger.CreateList, ledger.SetStatus, ledger.RetireList,
	} {
		if n := b.kinds[k]; n > 0 {
			all = append(all, l.count("registry.kind."+string(k), n))
		}
	}
	return all
}

func (l *look) blocks(r *http.Request) (office.Page, error) {
	before, err := number(r, "before", 0, maxHeight)
	if err != nil {
		return office.Page{}, err
	}
	blocks, err := l.n.lastBlocks(before, pageBlocks)
	if err != nil {
		return office.Page{}, err
	}
	data := map[string]any{"Blocks": l.blockTable(blocks)}
	if before > 0 && before <= l.x.s.height {
		data["Newer"] = l.base + "/blocks"
		if up := before + pageBlocks; up <= l.x.s.height {
			data["Newer"] = fmt.Sprintf("%s/blocks?before=%d", l.base, up)
		}
	}
	if n := len(blocks); n > 0 && blocks[n-1].height > max(1, l.n.blocks.Base()) {
		data["Older"] = fmt.Sprintf("%s/blocks?before=%d", l.base, blocks[n-1].height)
	}
	return l.page("blocks", "blocks", l.t("registry.blocks.title"), data), nil
}

// signer is who was to sign a block.
type signer struct {
	Org  org
	Pill office.Pill
}

func (l *look) blockPage(height int64) (office.Page, error) {
	b, err := l.n.block(height)
	if err != nil {
		return office.Page{}, err
	}
	validators, err := l.n.validators(l.x)
	if err != nil {
		return office.Page{}, err
	}
	who := func(address string) org {
		for _, v := range validators {
			if strings.EqualFold(v.Address, address) && v.Member != "" {
				return l.org(v.Member)
			}
		}
		return org{Name: l.t("registry.block.unknown-signer") + " " + strings.ToLower(address[:min(8, len(address))])}
	}
	var signers []signer
	for address, signed := range b.signers {
		pill := office.Pill{Tone: "ok", Icon: "valid", Text: l.t("registry.block.signature.yes")}
		if !signed {
			pill = office.Pill{Tone: "warn", Icon: "expired", Text: l.t("registry.block.signature.no")}
		}
		signers = append(signers, signer{who(address), pill})
	}
	slices.SortFunc(signers, func(a, b signer) int { return strings.Compare(a.Org.Name+a.Org.Href, b.Org.Name+b.Org.Href) })
	t := message.Local(b.time)
	data := map[string]any{
		"When": message.Date(l.v.Lang, t) + ", " + message.ClockSeconds(l.v.Lang, t), "Kinds": l.kinds(b),
		"Signed": l.t("registry.block.signed.by", "n", b.signed, "all", len(b.signers)), "Signers": signers,
		"Hash": b.hash, "Proposer": who(b.proposer).Name, "Light": fmt.Sprintf("%s/v1/light/%d", l.base, height), "Height": height,
	}
	if height > max(1, l.n.blocks.Base()) {
		data["Before"] = fmt.Sprintf("%s/blocks/%d", l.base, height-1)
	}
	if height < l.x.s.height {
		data["Next"] = fmt.Sprintf("%s/blocks/%d", l.base, height+1)
	}
	return l.page("block", "blocks", l.t("registry.block.title", "n", l.number(height)), data), nil
}

func (l *look) lists(r *http.Request) (office.Page, error) {
	from, err := number(r, "from", 0, 1<<31)
	if err != nil {
		return office.Page{}, err
	}
	uris := l.x.index().Lists
	var rows []*listRow
	for i := from; i < int64(len(uris)) && i < from+pageLists; i++ {
		row, err := l.listRow(uris[i])
		if err != nil {
			return office.Page{}, err
		}
		if row != nil {
			rows = append(rows, row)
		}
	}
	data := map[string]any{"Rows": rows, "Total": len(uris), "Before": "", "Next": ""}
	if from > 0 {
		data["Before"] = fmt.Sprintf("%s/lists?from=%d", l.base, max(0, from-pageLists))
	}
	if from+pageLists < int64(len(uris)) {
		data["Next"] = fmt.Sprintf("%s/lists?from=%d", l.base, from+pageLists)
	}
	return l.page("lists", "lists", l.t("registry.lists.title"), data), nil
}
