package registry

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// Genesis is the first state of a network.
type Genesis struct {
	Network string // name in did:zegel:<name>:…
	ChainID string
	Members []Founder // organisations that govern
	Anchors []ledger.Anchor
	Time    time.Time // of the first block's header

	Parameters  ledger.Parameters // zero: the defaults
	Development bool              // production refuses the network
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

	// They stand in the file because another version of the program may have other defaults.
	Parameters []byte `json:"parameters"`

	Development bool `json:"development,omitempty"`
}

type founder struct {
	Name      string `json:"name"`
	Record    []byte `json:"record"`
	Validator []byte `json:"validator,omitempty"`
}

func (g *Genesis) encode() ([]byte, error) {
	s := appState{Network: g.Network, Development: g.Development, Members: []founder{}, Anchors: [][]byte{}}
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
	params, err := ledger.Encode(g.parameters())
	if err != nil {
		return nil, err
	}
	s.Parameters = params
	return json.Marshal(s)
}

func (g *Genesis) parameters() ledger.Parameters {
	if g.Parameters == (ledger.Parameters{}) {
		return defaultParameters()
	}
	return g.Parameters
}

func parseGenesis(data []byte) (*Genesis, error) {
	var s appState
	if err := jose.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("genesis: %w", err)
	}
	g := &Genesis{Network: s.Network, Development: s.Development, Members: make([]Founder, len(s.Members)), Anchors: make([]ledger.Anchor, len(s.Anchors))}
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
	if err := ledger.Decode(s.Parameters, &g.Parameters); err != nil {
		return nil, fmt.Errorf("genesis: parameters: %w", err)
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
	o.store(ledger.KeyParameters(), g.parameters())
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
	if r := o.found(members); r != nil {
		return fmt.Errorf("genesis: %s", r.text)
	}
	for i := range g.Anchors {
		if r := storeAnchor(o, &g.Anchors[i]); r != nil {
			return fmt.Errorf("genesis: anchor %d: %s", i, r.text)
		}
	}
	return o.failed
}

// check applies the rules of a first block to the genesis before anything is written.
func (g *Genesis) check() error {
	b := &block{network: g.Network, chainID: g.ChainID, time: time.Unix(0, 0), hashes: &hashCache{}, senders: &senders{}}
	return g.write(newOverlay(&snapshot{}), b)
}

// document is CometBFT's genesis file.
func (g *Genesis) document() (*types.GenesisDoc, error) {
	state, err := g.encode()
	if err != nil {
		return nil, err
	}
	doc := &types.GenesisDoc{
		GenesisTime: g.Time.UTC(), ChainID: g.ChainID, ConsensusParams: engineParams(g.parameters()), AppState: state,
	}
	for i, m := range g.Members {
		if len(m.Validator) == 0 {
			continue
		}
		key := cmted25519.PubKey(m.Validator)
		doc.Validators = append(doc.Validators, types.GenesisValidator{
			Address: key.Address(), PubKey: key, Power: validatorPower, Name: strconv.Itoa(i + 1),
		})
	}
	return doc, doc.ValidateAndComplete()
}

// File returns the genesis file. It has the same bytes wherever it is made.
func (g *Genesis) File() ([]byte, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	doc, err := g.document()
	if err != nil {
		return nil, fmt.Errorf("genesis: %v", err)
	}
	file, err := cmtjson.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("genesis: %v", err)
	}
	_, _, err = readGenesis(file)
	return file, err
}

// maxGenesisSize bounds a genesis file: 21 members and as many anchors.
const maxGenesisSize = 8 << 20

// ReadGenesis reads a genesis file and checks it by the rules of a first block.
func ReadGenesis(file []byte) (*Genesis, error) {
	g, _, err := readGenesis(file)
	return g, err
}

func readGenesis(file []byte) (*Genesis, *types.GenesisDoc, error) {
	if len(file) > maxGenesisSize {
		return nil, nil, fmt.Errorf("genesis: file of %d bytes", len(file))
	}
	doc, err := types.GenesisDocFromJSON(file)
	if err != nil {
		return nil, nil, fmt.Errorf("genesis: %v", err)
	}
	g, err := parseGenesis(doc.AppState)
	if err != nil {
		return nil, nil, err
	}
	g.ChainID, g.Time = doc.ChainID, doc.GenesisTime
	if err := g.check(); err != nil {
		return nil, nil, err
	}
	// The engine reads more of the file than we do. It must say exactly what our own genesis says.
	same, err := g.document()
	if err != nil {
		return nil, nil, fmt.Errorf("genesis: %v", err)
	}
	is, err := cmtjson.Marshal(doc)
	if err != nil {
		return nil, nil, fmt.Errorf("genesis: %v", err)
	}
	should, err := cmtjson.Marshal(same)
	if err != nil {
		return nil, nil, fmt.Errorf("genesis: %v", err)
	}
	if !bytes.Equal(is, should) {
		return nil, nil, errors.New("genesis: validators or parameters are not those of the members")
	}
	return g, doc, nil
}
