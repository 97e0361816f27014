package registry

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/gorilla/mux"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// maxPage is how many blocks or lists one answer holds.
const maxPage = 100

// of begins every answer that shows the state: the height whose state it is, and the time for which it is shown.
type of struct {
	Height int64  `json:"height"`
	Time   string `json:"time"`
}

// newest returns the newest state. Readers may keep an answer and ask whether it still is the newest: its tag is the
// height. ok is false if that was the question and the answer is yes.
func (n *Node) newest(w http.ResponseWriter, r *http.Request) (x *reader, head of, ok bool) {
	x = n.reader()
	if x.s.height == 0 {
		n.fail(w, errNotYet)
		return nil, of{}, false
	}
	tag := fmt.Sprintf(`"%d-%x"`, x.s.height, x.s.root[:8])
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "public, no-cache")
	for known := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(known), "W/") == tag {
			w.WriteHeader(http.StatusNotModified)
			return nil, of{}, false
		}
	}
	return x, of{x.s.height, x.s.time.UTC().Format(time.RFC3339Nano)}, true
}

// answer writes what was read, unless the store failed while it was.
func (n *Node) answer(w http.ResponseWriter, x *reader, v any) {
	if x.failed != nil {
		n.fail(w, x.failed)
		return
	}
	raw, err := json.Marshal(v)
	if err != nil {
		n.fail(w, err)
		return
	}
	send(w, "application/json", raw)
}

// theDID reads the DID in the path.
func theDID(r *http.Request) (did.DID, error) {
	d, err := did.Parse(mux.Vars(r)["did"])
	if err != nil || d.Method() != "zegel" {
		return "", badQuestion("not a did:zegel")
	}
	return d, nil
}

func (n *Node) getAccreditations(w http.ResponseWriter, r *http.Request) {
	d, err := theDID(r)
	if err != nil {
		n.fail(w, err)
		return
	}
	x, head, ok := n.newest(w, r)
	if !ok {
		return
	}
	all := x.accreditations(d)
	if _, exists := x.record(d); !exists && len(all) == 0 && x.failed == nil {
		n.fail(w, errNone)
		return
	}
	hints := []ledger.AccreditationHint{}
	for i := range all {
		hints = append(hints, all[i].Hint())
	}
	n.answer(w, x, struct {
		of
		Accreditations []ledger.AccreditationHint `json:"accreditations"`
	}{head, hints})
}

func (n *Node) getMembers(w http.ResponseWriter, r *http.Request) {
	x, head, ok := n.newest(w, r)
	if !ok {
		return
	}
	hints := []ledger.MemberHint{}
	for _, m := range x.members() {
		hints = append(hints, m.Hint())
	}
	n.answer(w, x, struct {
		of
		Members []ledger.MemberHint `json:"members"`
	}{head, hints})
}

func (n *Node) getValidators(w http.ResponseWriter, r *http.Request) {
	x, head, ok := n.newest(w, r)
	if !ok {
		return
	}
	hints, err := n.validators(x)
	if err != nil {
		n.fail(w, err)
		return
	}
	n.answer(w, x, struct {
		of
		Validators []ledger.ValidatorHint `json:"validators"`
	}{head, hints})
}

// validators returns who signs the newest block, with the members whose keys they are.
func (n *Node) validators(x *reader) ([]ledger.ValidatorHint, error) {
	set, err := n.states.LoadValidators(max(1, x.s.height))
	if err != nil {
		return nil, fmt.Errorf("validators at height %d: %w", x.s.height, err)
	}
	was, signed, err := n.signing()
	if err != nil {
		return nil, err
	}
	members := map[string]ledger.Member{}
	for _, m := range x.members() {
		members[string(m.Validator)] = m
	}
	hints := []ledger.ValidatorHint{}
	for _, v := range set.Validators {
		key, ok := v.PubKey.(ed25519.PubKey)
		if !ok {
			return nil, fmt.Errorf("validator key of type %q", v.PubKey.Type())
		}
		m := members[string(key)]
		address := v.Address.String()
		hints = append(hints, ledger.ValidatorHint{
			Address: strings.ToLower(address), PubKey: hex.EncodeToString(key), Power: v.VotingPower, Member: m.DID, Name: m.Name,
			Signed: signed[address], Blocks: was[address],
		})
	}
	return hints, nil
}

func (n *Node) getProposals(w http.ResponseWriter, r *http.Request) {
	x, head, ok := n.newest(w, r)
	if !ok {
		return
	}
	hints := []ledger.ProposalHint{}
	for _, p := range x.proposals() {
		hints = append(hints, p.Hint(x.at()))
	}
	n.answer(w, x, struct {
		of
		Proposals []ledger.ProposalHint `json:"proposals"`
	}{head, hints})
}

func (n *Node) getProposal(w http.ResponseWriter, r *http.Request) {
	x, head, ok := n.newest(w, r)
	if !ok {
		return
	}
	p := x.theProposal(r)
	if p == nil && x.failed == nil {
		n.fail(w, errNone)
		return
	}
	if x.failed != nil {
		n.fail(w, x.failed)
		return
	}
	n.answer(w, x, struct {
		of
		ledger.ProposalHint
	}{head, p.Hint(x.at())})
}

// theProposal returns the proposal that the path names, nil if there is none.
func (x *reader) theProposal(r *http.Request) *ledger.Proposal {
	id, err := hex.DecodeString(mux.Vars(r)["id"])
	if err != nil {
		return nil
	}
	return x.proposal(id)
}

func (n *Node) getStops(w http.ResponseWriter, r *http.Request) {
	x, head, ok := n.newest(w, r)
	if !ok {
		return
	}
	hints := []ledger.StopHint{}
	for _, s := range x.stops() {
		hints = append(hints, s.Hint(x.at()))
	}
	n.answer(w, x, struct {
		of
		Stops []ledger.StopHint `json:"stops"`
	}{head, hints})
}

func (n *Node) getParameters(w http.ResponseWriter, r *http.Request) {
	x, head, ok := n.newest(w, r)
	if !ok {
		return
	}
	n.answer(w, x, struct {
		of
		Parameters ledger.ParametersHint `json:"parameters"`
	}{head, ledger.ParametersHint(x.parameters())})
}

func (n *Node) getLists(w http.ResponseWriter, r *http.Request) {
	from, err := number(r, "from", 0, 1<<31)
	if err != nil {
		n.fail(w, err)
		return
	}
	limit, err := number(r, "limit", 20, maxPage)
	if err != nil {
		n.fail(w, err)
		return
	}
	x, head, ok := n.newest(w, r)
	if !ok {
		return
	}
	uris := x.index().Lists
	answer := struct {
		of
		Total int               `json:"total"`
		Next  int64             `json:"next,omitempty"`
		Lists []ledger.ListHint `json:"lists"`
	}{of: head, Total: len(uris), Lists: []ledger.ListHint{}}
	for i := from; i < int64(len(uris)) && i < from+limit; i++ {
		m := x.list(uris[i])
		if m == nil {
			continue
		}
		hint := listHint(m)
		if hint.Used, err = n.used(x.s, m); err != nil {
			n.fail(w, err)
			return
		}
		answer.Lists = append(answer.Lists, hint)
	}
	if from+limit < int64(len(uris)) {
		answer.Next = from + limit
	}
	n.answer(w, x, answer)
}

func (n *Node) getBlocks(w http.ResponseWriter, r *http.Request) {
	before, err := number(r, "before", 0, maxHeight)
	if err != nil {
		n.fail(w, err)
		return
	}
	limit, err := number(r, "limit", 20, maxPage)
	if err != nil {
		n.fail(w, err)
		return
	}
	x, head, ok := n.newest(w, r)
	if !ok {
		return
	}
	blocks, err := n.lastBlocks(before, int(limit))
	if err != nil {
		n.fail(w, err)
		return
	}
	hints := []ledger.BlockHint{}
	for _, b := range blocks {
		hints = append(hints, b.hint())
	}
	n.answer(w, x, struct {
		of
		Oldest int64              `json:"oldest"` // that this node keeps
		Blocks []ledger.BlockHint `json:"blocks"`
	}{head, max(1, n.blocks.Base()), hints})
}
