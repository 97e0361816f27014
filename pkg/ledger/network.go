package ledger

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/light"
	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
)

// Network is the network file: the only root of trust. It is JSON on disk.
//
// Its root is a block, or the genesis of a network that may not have a block yet: then Height is 0, Hash empty, Time the
// genesis time, which the first header repeats, and the validators are those of genesis. They sign
// block 1.
type Network struct {
	Name        string             `json:"name"` // as in did:zegel:<name>:…
	ChainID     string             `json:"chain_id"`
	Height      int64              `json:"trusted_height"`         // 0: genesis
	Hash        string             `json:"trusted_hash,omitempty"` // hex of the header hash at Height; empty for genesis
	Time        time.Time          `json:"trusted_time"`
	Validators  []NetworkValidator `json:"validators"` // the set that signs Height, or block 1
	Nodes       []string           `json:"nodes"`      // base URLs whose /v1 answers
	Development bool               `json:"development,omitempty"`
}

// NetworkValidator is a validator of the network file.
type NetworkValidator struct {
	PubKey []byte `json:"pub_key"` // Ed25519
	Power  int64  `json:"power"`
}

// Bounds of a network file and of the validator sets in a bundle. Networks have at most 21 validators.
const (
	maxNetworkSize = 64 << 10
	maxValidators  = 64
)

// ParseNetwork reads a network file strictly. Error: [ErrMalformed].
func ParseNetwork(data []byte) (*Network, error) {
	if len(data) > maxNetworkSize {
		return nil, fmt.Errorf("%w: network file of %d bytes", ErrMalformed, len(data))
	}
	// Package json matches names without regard to case; two readers must not see two files.
	var outer map[string]json.RawMessage
	if err := jose.Unmarshal(data, &outer); err != nil {
		return nil, fmt.Errorf("network file: %w", err)
	}
	if err := members("network file", outer, "name", "chain_id", "trusted_height", "trusted_hash", "trusted_time", "validators", "nodes", "development"); err != nil {
		return nil, err
	}
	// Height 0 trusts the genesis: that is said, never left out.
	if _, ok := outer["trusted_height"]; !ok {
		return nil, fmt.Errorf("%w: network file: no trusted height", ErrMalformed)
	}
	var inner []map[string]json.RawMessage
	if err := json.Unmarshal(outer["validators"], &inner); err != nil {
		return nil, fmt.Errorf("%w: network file: validators: %v", ErrMalformed, err)
	}
	for _, v := range inner {
		if err := members("validator", v, "pub_key", "power"); err != nil {
			return nil, err
		}
	}
	var n Network
	if err := json.Unmarshal(data, &n); err != nil {
		return nil, fmt.Errorf("%w: network file: %v", ErrMalformed, err)
	}
	if err := n.check(); err != nil {
		return nil, err
	}
	return &n, nil
}

func members(where string, m map[string]json.RawMessage, known ...string) error {
	for name, value := range m {
		if !slices.Contains(known, name) {
			return fmt.Errorf("%w: %s: member %q", ErrMalformed, where, clip(name))
		}
		if string(value) == "null" {
			return fmt.Errorf("%w: %s: %q is null", ErrMalformed, where, name)
		}
	}
	return nil
}

func (n *Network) check() error {
	bad := func(what string, v any) error {
		return fmt.Errorf("%w: network file: %s %q", ErrMalformed, what, clip(fmt.Sprint(v)))
	}
	if _, err := did.Zegel(n.Name, "a"); err != nil {
		return bad("name", n.Name)
	}
	if n.ChainID == "" || len(n.ChainID) > types.MaxChainIDLen || !text(n.ChainID) {
		return bad("chain id", n.ChainID)
	}
	if n.Height < 0 {
		return bad("trusted height", n.Height)
	}
	h, err := hex.DecodeString(n.Hash)
	if whole := err == nil && len(h) == sha256.Size && hex.EncodeToString(h) == n.Hash; n.Height > 0 && !whole || n.Height == 0 && n.Hash != "" {
		return bad("trusted hash", n.Hash)
	}
	if y := n.Time.Year(); y < 2020 || y > 9999 {
		return bad("trusted time", n.Time)
	}
	if _, err := n.ValidatorSet(); err != nil {
		return err
	}
	if len(n.Nodes) > 64 {
		return bad("number of nodes", len(n.Nodes))
	}
	for i, node := range n.Nodes {
		u, err := url.Parse(node)
		if err != nil || len(node) > 1024 || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" {
			return bad("node", node)
		}
		if slices.Contains(n.Nodes[:i], node) {
			return bad("node twice:", node)
		}
	}
	return nil
}

// ValidatorSet returns the validators as the engine knows them. Error: [ErrMalformed].
func (n *Network) ValidatorSet() (*types.ValidatorSet, error) {
	if len(n.Validators) == 0 || len(n.Validators) > maxValidators {
		return nil, fmt.Errorf("%w: network file: %d validators", ErrMalformed, len(n.Validators))
	}
	var all []*types.Validator
	seen := map[string]bool{}
	total := int64(0)
	for _, v := range n.Validators {
		if len(v.PubKey) != ed25519.PublicKeySize || seen[string(v.PubKey)] {
			return nil, fmt.Errorf("%w: network file: validator key %x", ErrMalformed, v.PubKey[:min(len(v.PubKey), 64)])
		}
		seen[string(v.PubKey)] = true
		// The set panics above its maximum.
		if v.Power <= 0 || v.Power > types.MaxTotalVotingPower-total {
			return nil, fmt.Errorf("%w: network file: validator power %d", ErrMalformed, v.Power)
		}
		total += v.Power
		all = append(all, types.NewValidator(cmted25519.PubKey(slices.Clone(v.PubKey)), v.Power))
	}
	return types.NewValidatorSet(all), nil
}

// From returns the height from which a node must show the way to a header, see /v1/proof.
func (n *Network) From() int64 { return max(1, n.Height) }

// root returns what the file knows of the block that it trusts, or of the one that would stand before block 1. Error:
// [ErrMalformed].
func (n *Network) root() (*types.LightBlock, error) {
	vals, err := n.ValidatorSet()
	if err != nil {
		return nil, err
	}
	// The file names the root's hash, time and validators; the header itself is needed only if the validators change
	// right after it, and then it is the first of the path. Until it is seen, its successor must have the same ones.
	hash := vals.Hash()
	h := &types.Header{ChainID: n.ChainID, Height: n.Height, Time: n.Time, ValidatorsHash: hash, NextValidatorsHash: hash}
	if n.Height == 0 {
		h.Time = h.Time.Add(-1) // the time of headers must rise, and block 1 has the time of genesis
	}
	return &types.LightBlock{SignedHeader: &types.SignedHeader{Header: h}, ValidatorSet: vals}, nil
}

// CheckFirst checks the first block of a network whose file trusts the genesis. Errors: [ErrUnproven], [ErrExpired].
func (n *Network) CheckFirst(first *types.LightBlock, now time.Time) error {
	root, err := n.root()
	if err != nil {
		return fmt.Errorf("%w: %v", ErrUnproven, err)
	}
	if n.Height != 0 || first.Height != 1 {
		return fmt.Errorf("%w: block %d, and the network file trusts %d", ErrUnproven, first.Height, n.Height)
	}
	return n.next(root, first, now)
}

// next checks a header by one that is trusted already, from the file's root on.
func (n *Network) next(trusted, next *types.LightBlock, now time.Time) error {
	switch {
	case n.Height == 0 && next.Height == 1 && !next.Time.Equal(n.Time):
		return fmt.Errorf("%w: block 1 is of %v, the genesis in the network file of %v", ErrUnproven, next.Time, n.Time)
	case next.Height == n.Height+1 && hex.EncodeToString(next.LastBlockID.Hash) != n.Hash:
		return fmt.Errorf("%w: header %d does not follow the one of the network file", ErrUnproven, next.Height)
	}
	err := light.Verify(trusted.SignedHeader, trusted.ValidatorSet, next.SignedHeader, next.ValidatorSet,
		TrustingPeriod, now, MaxClockDrift, trustLevel)
	var expired light.ErrOldHeaderExpired
	switch {
	case errors.As(err, &expired):
		return fmt.Errorf("%w: header %d: %v", ErrExpired, next.Height, err)
	case err != nil:
		return fmt.Errorf("%w: header %d: %v", ErrUnproven, next.Height, err)
	}
	return nil
}

// NetworkAt returns a network file whose root is this block. name and nodes are the caller's.
func NetworkAt(name string, block *types.LightBlock, nodes []string) (*Network, error) {
	if err := block.ValidateBasic(block.ChainID); err != nil {
		return nil, fmt.Errorf("%w: block: %v", ErrMalformed, err)
	}
	n := &Network{
		Name: name, ChainID: block.ChainID, Height: block.Height, Hash: hex.EncodeToString(block.Hash()), Time: block.Time.UTC(),
		Nodes: slices.Clone(nodes),
	}
	for _, v := range block.ValidatorSet.Validators {
		n.Validators = append(n.Validators, NetworkValidator{PubKey: v.PubKey.Bytes(), Power: v.VotingPower})
	}
	if n.Nodes == nil {
		n.Nodes = []string{}
	}
	return n, n.check()
}

// Encode returns the file's content.
func (n *Network) Encode() []byte {
	out, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		panic("ledger: internal error: " + err.Error())
	}
	return append(out, '\n')
}
