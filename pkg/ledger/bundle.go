package ledger

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"time"

	cmtmath "github.com/cometbft/cometbft/libs/math"
	"github.com/cometbft/cometbft/light"
	"github.com/cometbft/cometbft/types"
	ics23 "github.com/cosmos/ics23/go"
)

// Bounds of a bundle.
const (
	MaxBundleSize = 1 << 20
	maxPath       = 256 // blocks: 128 validator changes
	maxKey        = 256
	maxProof      = 16 << 10
)

// trustLevel: more than two thirds of the validators that are trusted must have signed the next trusted header.
var trustLevel = cmtmath.Fraction{Numerator: 2, Denominator: 3}

// Bundle is values of the state with their proofs and the headers that lead to them from a network file.
// It travels as deterministic CBOR, a [BundleContent].
type Bundle struct {
	raw    []byte
	path   []*types.LightBlock
	block  *types.LightBlock
	items  []BundleItem
	proofs []*ics23.CommitmentProof
}

// BuildBundle returns an encoded bundle. It does not check that it holds.
func BuildBundle(path []*types.LightBlock, block *types.LightBlock, items []BundleItem) ([]byte, error) {
	c := BundleContent{Version: 1, Items: items}
	var err error
	for _, b := range path {
		raw, err := EncodeLightBlock(b)
		if err != nil {
			return nil, err
		}
		c.Path = append(c.Path, raw)
	}
	if c.Block, err = EncodeLightBlock(block); err != nil {
		return nil, err
	}
	raw, err := Encode(c)
	if err != nil {
		return nil, err
	}
	if len(raw) > MaxBundleSize {
		return nil, fmt.Errorf("%w: bundle of %d bytes", ErrMalformed, len(raw))
	}
	return raw, nil
}

// ParseBundle reads a bundle within 1 MiB. Error: [ErrMalformed].
func ParseBundle(data []byte) (*Bundle, error) {
	if len(data) > MaxBundleSize {
		return nil, fmt.Errorf("%w: bundle of %d bytes", ErrMalformed, len(data))
	}
	var c BundleContent
	if err := Decode(data, &c); err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	if c.Version != 1 {
		return nil, fmt.Errorf("%w: bundle version %d", ErrMalformed, c.Version)
	}
	if len(c.Path) > maxPath || len(c.Items) > MaxProofKeys {
		return nil, fmt.Errorf("%w: bundle with %d headers and %d values", ErrMalformed, len(c.Path), len(c.Items))
	}
	b := &Bundle{raw: bytes.Clone(data), items: c.Items}
	for _, raw := range c.Path {
		lb, err := DecodeLightBlock(raw)
		if err != nil {
			return nil, fmt.Errorf("bundle: %w", err)
		}
		if n := len(b.path); n > 0 && lb.Height <= b.path[n-1].Height {
			return nil, fmt.Errorf("%w: bundle: header %d after %d", ErrMalformed, lb.Height, b.path[n-1].Height)
		}
		b.path = append(b.path, lb)
	}
	var err error
	if b.block, err = DecodeLightBlock(c.Block); err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	seen := make(map[string]bool, len(c.Items))
	for _, it := range c.Items {
		if len(it.Key) == 0 || len(it.Key) > maxKey || seen[string(it.Key)] || len(it.Proof) > maxProof+2*len(it.Value) {
			return nil, fmt.Errorf("%w: bundle: item %v", ErrMalformed, Key(it.Key[:min(len(it.Key), maxKey)]))
		}
		seen[string(it.Key)] = true
		p := new(ics23.CommitmentProof)
		if err := p.Unmarshal(it.Proof); err != nil {
			return nil, fmt.Errorf("%w: bundle: proof of %v: %v", ErrMalformed, Key(it.Key), err)
		}
		b.proofs = append(b.proofs, p)
	}
	return b, nil
}

// Encode returns the bundle's bytes.
func (b *Bundle) Encode() []byte { return bytes.Clone(b.raw) }

// Path returns the headers before the last one; they are unverified.
func (b *Bundle) Path() []*types.LightBlock { return b.path }

// Block returns the header that the proofs hang on; it is unverified.
func (b *Bundle) Block() *types.LightBlock { return b.block }

// Items returns the values with their proofs; they are unverified.
func (b *Bundle) Items() []BundleItem { return b.items }

// Verify checks the headers from the network file on with the pure functions of cometbft/light, then every proof.
// A header older than maxAge is [ErrUnavailable] (0: no limit). Errors: [ErrUnproven], [ErrExpired], [ErrUnavailable].
func (b *Bundle) Verify(n *Network, now time.Time, maxAge time.Duration) (*Proven, error) {
	if err := b.verifyHeaders(n, now); err != nil {
		return nil, err
	}
	if age := now.Sub(b.block.Time); maxAge > 0 && age > maxAge {
		return nil, fmt.Errorf("%w: header %d is %v old", ErrUnavailable, b.block.Height, age.Round(time.Second))
	}
	return b.prove()
}

// VerifyAt checks every proof against a header that the caller has verified itself. Error: [ErrUnproven].
func (b *Bundle) VerifyAt(trusted *types.LightBlock) (*Proven, error) {
	if !bytes.Equal(b.block.Hash(), trusted.Hash()) {
		return nil, fmt.Errorf("%w: bundle is about header %d with another hash than the verified header %d", ErrUnproven, b.block.Height, trusted.Height)
	}
	return b.prove()
}

func (b *Bundle) verifyHeaders(n *Network, now time.Time) error {
	root, err := n.root()
	if err != nil {
		return fmt.Errorf("%w: %v", ErrUnproven, err)
	}
	if light.HeaderExpired(root.SignedHeader, TrustingPeriod, now) {
		return fmt.Errorf("%w: %s, root of %s", ErrExpired, n.Name, n.Time.Format(time.DateOnly))
	}
	trusted := root
	for _, next := range append(b.path[:len(b.path):len(b.path)], b.block) {
		switch {
		case next.Height < n.Height && next != b.block:
			continue // the way to a root older than ours
		case next.Height == n.Height:
			if next.ChainID != n.ChainID || hex.EncodeToString(next.Hash()) != n.Hash || !bytes.Equal(next.ValidatorSet.Hash(), root.ValidatorsHash) {
				return fmt.Errorf("%w: header %d is not the one of the network file", ErrUnproven, next.Height)
			}
			if !next.Time.Before(now.Add(MaxClockDrift)) {
				return fmt.Errorf("%w: header %d is of the future: %v", ErrUnproven, next.Height, next.Time)
			}
			trusted = next
			continue
		case next.Height == trusted.Height && next == b.block && bytes.Equal(next.Hash(), trusted.Hash()):
			continue // the newest header is the last of the path
		}
		if err := n.next(trusted, next, now); err != nil {
			return err
		}
		trusted = next
	}
	return nil
}

// prove checks every proof against the app hash of the block, which the caller has verified.
func (b *Bundle) prove() (*Proven, error) {
	p := &Proven{Height: b.block.Height - 1, Time: b.block.Time.UTC(), values: make(map[string][]byte, len(b.items))}
	root := ics23.CommitmentRoot(b.block.AppHash)
	for i, it := range b.items {
		ok := false
		// Batches and compressed proofs are left out: they only widen what a stranger can make us do.
		switch proof := b.proofs[i].Proof.(type) {
		case *ics23.CommitmentProof_Exist:
			ok = proof.Exist != nil && len(it.Value) > 0 && ics23.VerifyMembership(ics23.IavlSpec, root, b.proofs[i], it.Key, it.Value)
		case *ics23.CommitmentProof_Nonexist:
			ok = proof.Nonexist != nil && len(it.Value) == 0 && ics23.VerifyNonMembership(ics23.IavlSpec, root, b.proofs[i], it.Key)
		}
		if !ok {
			return nil, fmt.Errorf("%w: no proof of %v at header %d", ErrUnproven, Key(it.Key), b.block.Height)
		}
		p.values[string(it.Key)] = it.Value
	}
	return p, nil
}
