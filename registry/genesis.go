package registry

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// Genesis is the first state of a network.
type Genesis struct {
	Network string // name in did:zegel:<name>:…
	ChainID string
	Members []Founder // organisations that govern
	Anchors []ledger.Anchor
}

// Founder is a member from the beginning. Its DID is computed with [ledger.NewDID].
type Founder struct {
	Name      string
	Record    ledger.DIDRecord
	Validator []byte // Ed25519 key that signs blocks; empty: it has none
}

// maxMembers is how many members a network may have.
const maxMembers = 21

// appState is the genesis as CometBFT's genesis file carries it. Records are CBOR, as transactions have them.
type appState struct {
	Network string    `json:"network"`
	Members []founder `json:"members"`
	Anchors [][]byte  `json:"anchors"`
}

type founder struct {
	Name      string `json:"name"`
	Record    []byte `json:"record"`
	Validator []byte `json:"validator,omitempty"`
}

func (g *Genesis) encode() ([]byte, error) {
	s := appState{Network: g.Network, Members: []founder{}, Anchors: [][]byte{}}
	for i := range g.Members {
		m := &g.Members[i]
		raw, err := ledger.Encode(m.Record)
		if err != nil {
			return nil, err
		}
		s.Members = append(s.Members, founder{Name: m.Name, Record: raw, Validator: m.Validator})
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
	g := &Genesis{Network: s.Network, Members: make([]Founder, len(s.Members)), Anchors: make([]ledger.Anchor, len(s.Anchors))}
	for i, m := range s.Members {
		g.Members[i] = Founder{Name: m.Name, Validator: m.Validator}
		if err := ledger.Decode(m.Record, &g.Members[i].Record); err != nil {
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
	o.store(ledger.KeyParameters(), defaultParameters())
	var members []ledger.Member
	for i := range g.Members {
		m := &g.Members[i]
		id, r := putFirst(o, &m.Record, b)
		if r != nil {
			return fmt.Errorf("genesis: member %d: %s", i, r.text)
		}
		if len(m.Validator) != 0 && len(m.Validator) != ed25519.PublicKeySize {
			return fmt.Errorf("genesis: member %d: validator key of %d bytes", i, len(m.Validator))
		}
		members = append(members, ledger.Member{DID: id, Name: m.Name, Validator: m.Validator, Since: b.seconds()})
		o.vouch(id)
	}
	o.storeMembers(members)
	for i := range g.Anchors {
		if r := storeAnchor(o, &g.Anchors[i]); r != nil {
			return fmt.Errorf("genesis: anchor %d: %s", i, r.text)
		}
	}
	return o.failed
}
