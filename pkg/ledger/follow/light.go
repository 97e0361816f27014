package follow

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	cmtmath "github.com/cometbft/cometbft/libs/math"
	"github.com/cometbft/cometbft/light"
	"github.com/cometbft/cometbft/light/provider"
	"github.com/cometbft/cometbft/light/store"
	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// lagWait is how many seconds a node gets to catch up with a header that another one has already.
const lagWait = 2

// source is a node as cometbft/light sees it. The errors it returns are compared with ==.
type source struct {
	node     *node
	chainID  string
	evidence func(types.Evidence)
}

func (s *source) ChainID() string { return s.chainID }
func (s *source) String() string  { return s.node.base }

// LightBlock implements [provider.Provider]. A node that is behind is waited for a little here, and is then no witness
// this time: the light client would sleep over 20 s for it and hold up everyone who reads.
func (s *source) LightBlock(ctx context.Context, height int64) (*types.LightBlock, error) {
	b, err := s.node.lightBlock(ctx, height)
	if answered(err) == http.StatusNotFound && height > 0 && !s.node.behind.Load() {
		if _, err := s.node.changes(ctx, height-1, lagWait); err == nil {
			b, err = s.node.lightBlock(ctx, height)
			if err == nil {
				return s.checked(b, height)
			}
		}
	}
	switch status := answered(err); {
	case err == nil:
		s.node.behind.Store(false)
		return s.checked(b, height)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case status == http.StatusNotFound:
		s.node.behind.Store(true)
		return nil, provider.ErrNoResponse
	case status == http.StatusGone:
		return nil, provider.ErrLightBlockNotFound
	case status != 0, errors.Is(err, fetch.ErrNetwork), errors.Is(err, fetch.ErrRefused):
		return nil, provider.ErrNoResponse
	}
	return nil, provider.ErrBadLightBlock{Reason: err}
}

func (s *source) checked(b *types.LightBlock, height int64) (*types.LightBlock, error) {
	if height > 0 && b.Height != height {
		return nil, provider.ErrBadLightBlock{Reason: fmt.Errorf("header %d for %d", b.Height, height)}
	}
	if b.ChainID != s.chainID {
		return nil, provider.ErrBadLightBlock{Reason: fmt.Errorf("chain %q, not %q", b.ChainID, s.chainID)}
	}
	return b, nil
}

// ReportEvidence implements [provider.Provider]. The evidence is kept here; a node takes none over /v1.
func (s *source) ReportEvidence(_ context.Context, ev types.Evidence) error {
	s.evidence(ev)
	return nil
}

// errTrustRoot: what the nodes say cannot be connected to the network file.
var errTrustRoot = errors.New("header of the network file")

// verify returns the verified header at a height. It holds verifyMu: the light client is not made for concurrent use.
func (c *Client) verify(ctx context.Context, height int64) (*types.LightBlock, error) {
	c.verifyMu.Lock()
	defer c.verifyMu.Unlock()
	if c.halted.Load() {
		return nil, errHalted
	}
	if c.light == nil {
		if err := c.openLight(ctx); err != nil {
			return nil, c.judge(err)
		}
	}
	b, err := c.light.VerifyLightBlockAtHeight(ctx, height, c.cfg.Now())
	if err != nil {
		// The client has dropped nodes that failed; a new one begins with all of them again.
		c.light = nil
		return nil, c.judge(err)
	}
	return b, nil
}

// judge turns an error of the light client into ours, and stops the client for good on an attack.
func (c *Client) judge(err error) error {
	var expired light.ErrOldHeaderExpired
	var failed light.ErrVerificationFailed
	var invalid light.ErrInvalidHeader
	var untrusted light.ErrNewValSetCantBeTrusted
	switch {
	case errors.Is(err, light.ErrLightClientAttack):
		c.halt()
		return fmt.Errorf("%w: two nodes give different headers that are both signed: %v", ledger.ErrUnproven, err)
	case errors.As(err, &expired):
		return fmt.Errorf("%w: %v", ledger.ErrExpired, err)
	case errors.As(err, &failed), errors.As(err, &invalid), errors.As(err, &untrusted), errors.Is(err, errTrustRoot):
		return fmt.Errorf("%w: %v", ledger.ErrUnproven, err)
	case errors.Is(err, ledger.ErrUnproven):
		return err
	}
	return fmt.Errorf("%w: %v", ledger.ErrUnavailable, err)
}

// openLight makes the light client, from the newest header that is trusted or else from the network file.
func (c *Client) openLight(ctx context.Context) error {
	n := c.cfg.Network
	var sources []provider.Provider
	for i := range c.nodes {
		node := c.nodes[(int(c.first.Load())+i)%len(c.nodes)]
		if !slices.Contains(c.excluded, node) {
			sources = append(sources, &source{node: node, chainID: n.ChainID, evidence: c.keepEvidence})
		}
	}
	if len(sources) == 0 {
		return errors.New("no node that agrees with the network file")
	}
	witnesses := sources[1:]
	if len(sources) == 1 {
		witnesses = sources // its own witness: said in the log when the client opens
	}
	options := []light.Option{
		light.SkippingVerification(cmtmath.Fraction{Numerator: 2, Denominator: 3}),
		light.MaxClockDrift(ledger.MaxClockDrift), light.MaxBlockLag(lagWait * 1e9), light.PruningSize(16),
	}
	if newest, _ := c.trusted.LastLightBlockHeight(); newest >= n.Height {
		lc, err := light.NewClientFromTrustedStore(n.ChainID, ledger.TrustingPeriod, sources[0], witnesses, c.trusted, options...)
		if err == nil {
			c.light = lc
		}
		return err
	}
	if !n.Time.Add(ledger.TrustingPeriod).After(c.cfg.Now()) {
		return fmt.Errorf("%w: root of %s", ledger.ErrExpired, n.Time.Format("2006-01-02"))
	}
	root, err := c.root(ctx, sources[0].(*source))
	if err != nil {
		return err
	}
	trust := light.TrustOptions{Period: ledger.TrustingPeriod, Height: root.Height, Hash: root.Hash()}
	lc, err := light.NewClient(ctx, n.ChainID, trust, sources[0], witnesses, c.trusted, options...)
	var conflict light.ErrConflictingHeaders
	switch {
	case errors.As(err, &conflict) && conflict.WitnessIndex < len(witnesses):
		if other := conflict.Block; hex.EncodeToString(root.Hash()) != n.Hash && signed(root, other) {
			for _, side := range []*types.LightBlock{root, other} {
				c.keepEvidence(&types.LightClientAttackEvidence{
					ConflictingBlock: side, CommonHeight: side.Height, TotalVotingPower: side.ValidatorSet.TotalVotingPower(), Timestamp: side.Time,
				})
			}
			return fmt.Errorf("%w: header %d", light.ErrLightClientAttack, root.Height)
		}
		// The file is the root: who contradicts it is out, and cannot keep the others from being read.
		return c.exclude(witnesses[conflict.WitnessIndex].(*source), errors.New("another header"))
	case err != nil:
		return err
	}
	c.light = lc
	return nil
}

// signed says whether another block is signed by the validators of this one, which makes the two an attack and not one
// node's lie.
func signed(b, other *types.LightBlock) bool {
	return other != nil && bytes.Equal(other.ValidatorSet.Hash(), b.ValidatorsHash) &&
		other.ValidatorSet.VerifyCommitLight(b.ChainID, other.Commit.BlockID, other.Height, other.Commit) == nil
}

// exclude leaves out a node that contradicts the network file.
func (c *Client) exclude(s *source, why error) error {
	c.excluded = append(c.excluded, s.node)
	return fmt.Errorf("%w: %s: %v", errTrustRoot, s, why)
}

// root returns the header to begin with: the one whose hash is in the network file; where the file trusts the genesis,
// block 1 as the validators of the file signed it; where the node no longer keeps that, the newest one to which it shows
// the way from there.
func (c *Client) root(ctx context.Context, primary *source) (*types.LightBlock, error) {
	n := c.cfg.Network
	b, err := primary.LightBlock(ctx, n.From())
	switch {
	case errors.Is(err, provider.ErrLightBlockNotFound):
		var way *ledger.Bundle
		if way, err = primary.node.proof(ctx, []ledger.Key{ledger.KeyIndex()}, n.From()); err == nil {
			_, err = way.Verify(n, c.cfg.Now(), 0)
			b = way.Block()
		}
	case err != nil:
	case n.Height == 0:
		err = n.CheckFirst(b, c.cfg.Now())
	case hex.EncodeToString(b.Hash()) != n.Hash:
		err = fmt.Errorf("%w: header %d has another hash", ledger.ErrUnproven, b.Height)
	default:
		var vals *types.ValidatorSet
		if vals, err = n.ValidatorSet(); err == nil && !bytes.Equal(b.ValidatorsHash, vals.Hash()) {
			err = fmt.Errorf("%w: validators are not those of the file", errTrustRoot) // the file contradicts itself
		}
	}
	// What is not even a header may be the network's doing; a header that contradicts the file is the node's.
	if errors.Is(err, ledger.ErrUnproven) && !errors.Is(err, ledger.ErrExpired) {
		err = c.exclude(primary, err)
	}
	return b, err
}

// memory is a [store.Store] of a few headers. Only the newest one is kept on disk.
type memory struct {
	blocks []*types.LightBlock // ascending
}

func newMemory(b *types.LightBlock) *memory {
	if b == nil {
		return &memory{}
	}
	return &memory{blocks: []*types.LightBlock{b}}
}

func (m *memory) find(height int64) (int, bool) {
	return slices.BinarySearchFunc(m.blocks, height, func(b *types.LightBlock, h int64) int { return cmp.Compare(b.Height, h) })
}

func (m *memory) SaveLightBlock(b *types.LightBlock) error {
	i, found := m.find(b.Height)
	if found {
		m.blocks[i] = b
		return nil
	}
	m.blocks = slices.Insert(m.blocks, i, b)
	return nil
}

func (m *memory) DeleteLightBlock(height int64) error {
	if i, found := m.find(height); found {
		m.blocks = slices.Delete(m.blocks, i, i+1)
	}
	return nil
}

func (m *memory) LightBlock(height int64) (*types.LightBlock, error) {
	if i, found := m.find(height); found {
		return m.blocks[i], nil
	}
	return nil, store.ErrLightBlockNotFound
}

func (m *memory) LastLightBlockHeight() (int64, error) {
	if len(m.blocks) == 0 {
		return -1, nil
	}
	return m.blocks[len(m.blocks)-1].Height, nil
}

func (m *memory) FirstLightBlockHeight() (int64, error) {
	if len(m.blocks) == 0 {
		return -1, nil
	}
	return m.blocks[0].Height, nil
}

func (m *memory) LightBlockBefore(height int64) (*types.LightBlock, error) {
	if i, _ := m.find(height); i > 0 {
		return m.blocks[i-1], nil
	}
	return nil, store.ErrLightBlockNotFound
}

func (m *memory) Prune(size uint16) error {
	if extra := len(m.blocks) - int(size); extra > 0 {
		m.blocks = slices.Delete(m.blocks, 0, extra)
	}
	return nil
}

func (m *memory) Size() uint16 { return uint16(len(m.blocks)) }

// The files in Config.Dir.
const (
	trustedFile    = "trusted.header"
	evidencePrefix = "evidence-"
)

// load reads the newest trusted header of an earlier run. A file that is damaged or of another chain stops the client:
// to begin again from the network file is the operator's decision.
func (c *Client) load() error {
	c.trusted = newMemory(nil)
	if c.cfg.Dir == "" {
		return nil
	}
	if err := os.MkdirAll(c.cfg.Dir, 0o700); err != nil {
		return err
	}
	if kept, _ := filepath.Glob(filepath.Join(c.cfg.Dir, evidencePrefix+"*")); len(kept) > 0 {
		c.cfg.Logger.Error("the registry gave two answers; remove the evidence only after the network's members have looked at it", "files", kept)
		c.halt()
	}
	raw, err := os.ReadFile(filepath.Join(c.cfg.Dir, trustedFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	b, err := ledger.DecodeLightBlock(raw)
	if err != nil {
		return fmt.Errorf("%s: %v; remove it to begin again from the network file", trustedFile, err)
	}
	if b.ChainID != c.cfg.Network.ChainID {
		return fmt.Errorf("%s: it is of chain %q, the network file of %q", trustedFile, b.ChainID, c.cfg.Network.ChainID)
	}
	if b.Height < c.cfg.Network.Height {
		return nil // a newer network file is a new root
	}
	if b.Height == c.cfg.Network.Height && hex.EncodeToString(b.Hash()) != c.cfg.Network.Hash {
		return fmt.Errorf("%s: header %d is not the one of the network file", trustedFile, b.Height)
	}
	if light.HeaderExpired(b.SignedHeader, ledger.TrustingPeriod, c.cfg.Now()) {
		c.cfg.Logger.Error("the kept header is past the trusting period; a new network file is needed", "height", b.Height, "time", b.Time)
	}
	c.trusted = newMemory(b)
	c.saved = b.Height
	return nil
}

// save keeps the newest verified header, whole or not at all.
func (c *Client) save(b *types.LightBlock) error {
	if c.cfg.Dir == "" || b == nil || b.Height <= c.saved {
		return nil
	}
	raw, err := ledger.EncodeLightBlock(b)
	if err != nil {
		return err
	}
	if err := writeFile(c.cfg.Dir, trustedFile, raw); err != nil {
		return err
	}
	c.saved = b.Height
	return nil
}

func (c *Client) keepEvidence(ev types.Evidence) {
	c.cfg.Logger.Error("evidence of two signed headers at one height", "evidence", fmt.Sprintf("%X", ev.Hash()), "height", ev.Height())
	c.evidence = append(c.evidence, ev)
	if c.cfg.Dir == "" {
		return
	}
	name := fmt.Sprintf("%s%d-%x", evidencePrefix, ev.Height(), ev.Hash())
	if err := writeFile(c.cfg.Dir, name, ev.Bytes()); err != nil {
		c.cfg.Logger.Error("keeping the evidence", "error", err)
	}
}

func writeFile(dir, name string, data []byte) error {
	f, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if e := f.Sync(); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
