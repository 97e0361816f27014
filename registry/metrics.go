package registry

import (
	"strconv"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/zegel-id/zegel/pkg/ledger"
)

type abciCheckTx = abci.ResponseCheckTx

// newProofTime measures how long it takes to make a proof.
func newProofTime() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: "zegel", Subsystem: "registry", Name: "proof_seconds", Help: "Time to make a proof, the wait for its header included.",
		Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .1, .5, 2},
	})
}

// metrics describes the node in numbers that are read when somebody asks. No label comes from outside.
func (n *Node) metrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	c := &collector{n: n, all: map[string]*prometheus.Desc{}}
	for name, help := range gauges {
		c.all[name] = prometheus.NewDesc("zegel_registry_"+name, help, nil, nil)
	}
	c.txs = prometheus.NewDesc("zegel_registry_transactions_total", "Transactions in blocks since the node started.", nil, nil)
	c.refused = prometheus.NewDesc("zegel_registry_refused_total", "Transactions that came in and were refused, by result code.", []string{"code"}, nil)
	c.stop = prometheus.NewDesc("zegel_registry_stop", "Whether a stop of this grade is in force.", []string{"grade"}, nil)
	r.MustRegister(c, n.proofTime)
	return r
}

// gauges are the numbers without a label.
var gauges = map[string]string{
	"height":                 "Height of the newest block.",
	"header_age_seconds":     "Age of the newest header.",
	"block_interval_seconds": "Time between the newest two headers.",
	"block_oldest_height":    "Height of the oldest block that is kept.",
	"snapshots":              "Snapshots that are kept for others.",
	"snapshot_height":        "Height of the newest snapshot; 0: none.",
	"validators":             "Validators of the newest block.",
	"voting_power":           "Voting power of this node; 0: it is no validator.",
	"voting_power_total":     "Voting power of all validators.",
	"signed_blocks":          "Blocks of the last 100 that this node was to sign and did.",
	"missed_blocks":          "Blocks of the last 100 that this node was to sign and did not.",
	"members":                "Organisations that vote.",
	"open_proposals":         "Proposals that members can vote for.",
	"lists":                  "Status lists.",
	"list_entries":           "Entries of all status lists.",
	"list_entries_set":       "Entries of all status lists that are set.",
	"waiting_transactions":   "Transactions that wait for a block.",
	"waiting_bytes":          "Size of the transactions that wait for a block.",
	"waiting_questions":      "Requests that wait for news.",
	"peers":                  "Connected nodes.",
	"syncing":                "1 while the node catches up with the others.",
	"entries":                "Entries of the state, chunks included.",
}

type collector struct {
	n                  *Node
	all                map[string]*prometheus.Desc
	txs, refused, stop *prometheus.Desc
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.all {
		out <- d
	}
	out <- c.txs
	out <- c.refused
	out <- c.stop
}

// Collect implements [prometheus.Collector]. What cannot be read is left out.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	n, x := c.n, c.n.reader()
	put := func(name string, v float64) {
		out <- prometheus.MustNewConstMetric(c.all[name], prometheus.GaugeValue, v)
	}
	put("height", float64(x.s.height))
	put("header_age_seconds", time.Since(x.s.time).Seconds())
	put("block_oldest_height", float64(n.blocks.Base()))
	put("waiting_transactions", float64(n.pool.Size()))
	put("waiting_bytes", float64(n.pool.SizeBytes()))
	put("waiting_questions", float64(n.streams.taken.Load()+n.polls.taken.Load()+n.writers.taken.Load()))
	put("peers", float64(n.comet.Switch().Peers().Size()))
	syncing := 0.0
	if n.comet.ConsensusReactor().WaitSync() {
		syncing = 1
	}
	put("syncing", syncing)
	if blocks, err := n.lastBlocks(0, 2); err == nil && len(blocks) == 2 {
		put("block_interval_seconds", blocks[0].time.Sub(blocks[1].time).Seconds())
	}
	c.snapshots(put)
	c.votes(put, x)
	if x.s.tree != nil {
		put("entries", float64(x.s.tree.Size()))
		put("members", float64(len(x.members())))
		c.lists(put, x)
	}
	open := 0
	for _, p := range x.proposals() {
		if p.At(x.at()) == ledger.Open {
			open++
		}
	}
	put("open_proposals", float64(open))
	now := map[ledger.Grade]float64{}
	for _, s := range x.inForce() {
		now[s.Grade] = 1
	}
	for _, g := range []ledger.Grade{ledger.StopAccreditation, ledger.StopWrites, ledger.StopEverything} {
		out <- prometheus.MustNewConstMetric(c.stop, prometheus.GaugeValue, now[g], string(g))
	}
	for code := range n.app.refusals {
		if code > int(ledger.OK) {
			out <- prometheus.MustNewConstMetric(c.refused, prometheus.CounterValue, float64(n.app.refusals[code].Load()), strconv.Itoa(code))
		}
	}
	out <- prometheus.MustNewConstMetric(c.txs, prometheus.CounterValue, float64(n.app.feed.executed()))
}

func (c *collector) snapshots(put func(string, float64)) {
	var all []*manifest
	if a := c.n.app.archive; a != nil {
		var err error
		if all, err = a.list(); err != nil {
			return
		}
	}
	newest := int64(0)
	if len(all) > 0 {
		newest = all[len(all)-1].Height
	}
	put("snapshots", float64(len(all)))
	put("snapshot_height", float64(newest))
}

// votes is about who signs, and whether this node does.
func (c *collector) votes(put func(string, float64), x *reader) {
	set, err := c.n.states.LoadValidators(max(1, x.s.height))
	if err != nil {
		return
	}
	put("validators", float64(set.Size()))
	put("voting_power_total", float64(set.TotalVotingPower()))
	key, err := c.n.comet.PrivValidator().GetPubKey()
	if err != nil {
		return
	}
	power := 0.0
	if _, v := set.GetByAddress(key.Address()); v != nil {
		power = float64(v.VotingPower)
	}
	put("voting_power", power)
	was, did, err := c.n.signing()
	if err != nil {
		return
	}
	own := key.Address().String()
	put("signed_blocks", float64(did[own]))
	put("missed_blocks", float64(was[own]-did[own]))
}

// lists counts what is set in all lists. A list that did not change since the last time costs nothing.
func (c *collector) lists(put func(string, float64), x *reader) {
	var size, set float64
	uris := x.index().Lists
	for _, uri := range uris {
		m := x.list(uri)
		if m == nil {
			continue
		}
		used, err := c.n.used(x.s, m)
		if err != nil {
			return
		}
		size, set = size+float64(m.Size), set+float64(used)
	}
	put("lists", float64(len(uris)))
	put("list_entries", size)
	put("list_entries_set", set)
}
