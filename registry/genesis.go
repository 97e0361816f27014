package registry

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// Genesis is the first state of a network.
type Genesis struct {
	Network string // name in did:zegel:<name>:…
	ChainID string
	Members []ledger.DIDRecord // organisations that govern; each one's DID is computed with ledger.NewDID
	Anchors []ledger.Anchor
}

// maxMembers is how many members a network may have.
const maxMembers = 21

// appState is the genesis as CometBFT's genesis file carries it. Records are CBOR, as transactions have them.
type appState struct {
	Network string   `json:"network"`
	Members [][]byte `json:"members"`
	Anchors [][]byte `json:"anchors"`
}

func (g *Genesis) encode() ([]byte, error) {
	s := appState{Network: g.Network, Members: [][]byte{}, Anchors: [][]byte{}}
	for i := range g.Members {
		raw, err := ledger.Encode(g.Members[i])
		if err != nil {
			return nil, err
		}
		s.Members = append(s.Members, raw)
	}
	for i := range g.Anchors {
		raw, err := ledger.Encode(g.Anchors[i])
		if err != nil {
			return nil, err
		}
		s.Anchors = append(s.Anchors, raw)
	}
	return json.Marshal(s)
}

func parseGenesis(data []byte) (*Genesis, error) {
	var s appState
	if err := jose.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("genesis: %w", err)
	}
	g := &Genesis{Network: s.Network, Members: make([]ledger.DIDRecord, len(s.Members)), Anchors: make([]ledger.Anchor, len(s.Anchors))}
	for i, raw := range s.Members {
		if err := ledger.Decode(raw, &g.Members[i]); err != nil {
			return nil, fmt.Errorf("genesis: member %d: %w", i, err)
		}
	}
	for i, raw := range s.Anchors {
		if err := ledger.Decode(raw, &g.Anchors[i]); err != nil {
			return nil, fmt.Errorf("genesis: anchor %d: %w", i, err)
		}
	}
	return g, nil
}

// write puts the genesis into an empty state, by the rules that hold for transactions.
func (g *Genesis) write(o *overlay, b *block) error {
	if n := len(g.Members); n == 0 || n > maxMembers {
		return fmt.Errorf("genesis: %d members", n)
	}
	o.store([]byte(keyChain), chainRecord{Network: b.network, ChainID: b.chainID})
	o.store(ledger.KeyIndex(), ledger.Index{})
	var members []did.DID
	for i := range g.Members {
		id, r := putFirst(o, &g.Members[i], b)
		if r != nil {
			return fmt.Errorf("genesis: member %d: %s", i, r.text)
		}
		members = append(members, id)
		o.vouch(id)
	}
	slices.Sort(members)
	o.store([]byte(keyMembers), members)
	for i := range g.Anchors {
		if r := storeAnchor(o, &g.Anchors[i]); r != nil {
			return fmt.Errorf("genesis: anchor %d: %s", i, r.text)
		}
	}
	return o.failed
}
