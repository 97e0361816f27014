package ledger_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/crypto/tmhash"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	"github.com/cometbft/cometbft/types"
	"github.com/cometbft/cometbft/version"
	"github.com/cosmos/iavl"
	iavldb "github.com/cosmos/iavl/db"
	ics23 "github.com/cosmos/ics23/go"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

const (
	simNetwork = "voorbeeld"
	simChain   = "zegel-voorbeeld-1"
	simVct     = "urn:zegel:personal-data:1"
	simList    = "https://issuer.example/voorbeeldstad/lists/1"
)

var genesisTime = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

// chain makes blocks with the engine's own types and a real Merkle tree, so that a test can also make those that no
// honest chain has.
type chain struct {
	tb testing.TB

	mu     sync.Mutex
	sets   map[int64][]cmted25519.PrivKey // validators of a height
	blocks map[int64]*types.LightBlock
	trees  map[int64]*iavl.ImmutableTree
	lists  map[string][]byte // packed bits
	tree   *iavl.MutableTree
	next   []cmted25519.PrivKey
	height int64
	now    time.Time
	made   chan struct{} // closed at each block

	org     did.DID
	orgKey  ed25519.PrivateKey
	listLen uint64
}

func simKey(name string) cmted25519.PrivKey {
	return cmted25519.GenPrivKeyFromSecret([]byte("made up for tests: " + name))
}

func simKeys(names ...string) []cmted25519.PrivKey {
	var keys []cmted25519.PrivKey
	for _, n := range names {
		keys = append(keys, simKey(n))
	}
	return keys
}

func valSet(keys []cmted25519.PrivKey) *types.ValidatorSet {
	var vals []*types.Validator
	for _, k := range keys {
		vals = append(vals, types.NewValidator(k.PubKey(), 10))
	}
	return types.NewValidatorSet(vals)
}

// newChain starts with one organisation that may issue and ask, an anchor and a status list, in block 1.
func newChain(tb testing.TB, validators ...string) *chain {
	tb.Helper()
	c := &chain{
		tb: tb, sets: map[int64][]cmted25519.PrivKey{}, blocks: map[int64]*types.LightBlock{}, trees: map[int64]*iavl.ImmutableTree{},
		lists: map[string][]byte{}, tree: iavl.NewMutableTree(iavldb.NewMemDB(), 1000, true, iavl.NewNopLogger()),
		next: simKeys(validators...), now: genesisTime, made: make(chan struct{}), listLen: 4 * 8 * ledger.ChunkSize,
	}
	seed := simKey("organisation")
	c.orgKey = ed25519.PrivateKey(seed)
	record := orgRecord(tb, c.orgKey)
	var err error
	if c.org, err = ledger.NewDID(simNetwork, record); err != nil {
		tb.Fatal(err)
	}
	record.ID, record.Version = c.org, 1
	for i := range record.Keys {
		record.Keys[i].From = genesisTime.Unix()
	}
	c.put(ledger.KeyDID(c.org), record)
	c.put(ledger.KeyAccreditations(c.org), accreditations(c.org))
	c.put(ledger.KeyAnchors(), []ledger.Anchor{{
		ID: "town", Certificate: simCertificate(tb), Uses: []trust.Use{trust.Issue, trust.Ask}, Types: []string{simVct},
		From: genesisTime.Unix(), Until: genesisTime.AddDate(2, 0, 0).Unix(),
	}})
	c.put(ledger.KeyIndex(), ledger.Index{DIDs: []did.DID{c.org}, Lists: []string{simList}})
	c.setList(simList, make([]byte, c.listLen/8))
	for i := range 20 {
		c.put(ledger.KeySequence(did.DID(fmt.Sprint("filler", i))), ledger.SequenceRecord{N: 1, Tx: tmhash.Sum([]byte{byte(i)})})
	}
	c.block()
	return c
}

func orgRecord(tb testing.TB, key ed25519.PrivateKey) *ledger.DIDRecord {
	tb.Helper()
	k, err := ledger.NewKeyRecord("key-1", key.Public(), did.CapabilityInvocation, did.AssertionMethod)
	if err != nil {
		tb.Fatal(err)
	}
	return &ledger.DIDRecord{
		Keys:        []ledger.KeyRecord{k},
		Services:    []ledger.ServiceRecord{{ID: "issuer", Type: did.ServiceIssuer, Endpoint: "https://issuer.example/voorbeeldstad"}},
		NextKeyHash: ledger.KeyHash(ed25519.PublicKey(simKey("next").PubKey().Bytes())),
	}
}

func accreditations(d did.DID) []ledger.Accreditation {
	from, until := genesisTime.Unix(), genesisTime.AddDate(1, 0, 0).Unix()
	return []ledger.Accreditation{
		{ID: "cards", Subject: d, Use: trust.Issue, Name: "Gemeente Voorbeeldstad", Types: []string{simVct}, From: from, Until: until},
		{ID: "over-18", Subject: d, Use: trust.Ask, Name: "Gemeente Voorbeeldstad", Types: []string{simVct},
			Claims:  [][]byte{[]byte(`["age_equal_or_over","18"]`)},
			Purpose: map[string]string{"nl": "Leeftijd controleren", "en": "Check the age"}, From: from, Until: until},
	}
}

var certOnce = sync.OnceValues(func() ([]byte, error) {
	key := ed25519.PrivateKey(simKey("anchor")) // always the same: fuzzing compares chains of several processes
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Voorbeeld"}, NotBefore: genesisTime, NotAfter: genesisTime.AddDate(5, 0, 0), IsCA: true, BasicConstraintsValid: true}
	return x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
})

func simCertificate(tb testing.TB) []byte {
	tb.Helper()
	der, err := certOnce()
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func (c *chain) put(k ledger.Key, v any) {
	c.tb.Helper()
	raw, err := ledger.Encode(v)
	if err != nil {
		c.tb.Fatal(err)
	}
	if _, err := c.tree.Set(k, raw); err != nil {
		c.tb.Fatal(err)
	}
}

// setList writes a list and its description for the block that comes.
func (c *chain) setList(uri string, data []byte) {
	c.mu.Lock()
	c.lists[uri] = data
	c.mu.Unlock()
	c.put(ledger.KeyList(uri), ledger.ListMeta{
		URI: uri, Owner: c.org, Bits: 1, Size: uint64(len(data)) * 8, TTL: 60, Expiry: genesisTime.AddDate(1, 0, 0).Unix(),
		Root: ledger.ListRoot(data), Height: c.height + 1,
	})
}

// revoke sets one entry of the list in the block that comes.
func (c *chain) revoke(uri string, index uint64) {
	c.tb.Helper()
	c.mu.Lock()
	data := slices.Clone(c.lists[uri])
	c.mu.Unlock()
	l, err := statuslist.FromBytes(1, data)
	if err == nil {
		err = l.Set(index, statuslist.Invalid)
	}
	if err != nil {
		c.tb.Fatal(err)
	}
	c.setList(uri, data)
}

// block makes the next block: it executes what was put, and carries the app hash of the block before.
func (c *chain) block() *types.LightBlock {
	c.tb.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.height + 1
	vals := c.sets[h]
	if vals == nil {
		vals = c.next
		c.sets[h] = vals
	}
	c.sets[h+1] = c.next
	appHash := tmhash.Sum(nil)
	if c.height > 0 {
		appHash = c.trees[h-1].Hash()
	}
	c.now = c.now.Add(time.Second)
	header := c.header(h, c.now, appHash)
	lb := sign(header, vals, vals)
	if _, _, err := c.tree.SaveVersion(); err != nil {
		c.tb.Fatal(err)
	}
	tree, err := c.tree.GetImmutable(h)
	if err != nil {
		c.tb.Fatal(err)
	}
	c.trees[h], c.blocks[h], c.height = tree, lb, h
	close(c.made)
	c.made = make(chan struct{})
	return lb
}

// blocksTo makes empty blocks until the height.
func (c *chain) blocksTo(height int64) {
	for c.height < height {
		c.block()
	}
}

// change sets the validators from the second next block on.
func (c *chain) change(names ...string) { c.next = simKeys(names...) }

func (c *chain) header(h int64, at time.Time, appHash []byte) *types.Header {
	last := types.BlockID{}
	if b := c.blocks[h-1]; b != nil {
		last = b.Commit.BlockID
	}
	return &types.Header{
		Version: cmtversion.Consensus{Block: version.BlockProtocol}, ChainID: simChain, Height: h, Time: at, LastBlockID: last,
		LastCommitHash: tmhash.Sum([]byte("commit")), DataHash: tmhash.Sum(nil), ValidatorsHash: valSet(c.sets[h]).Hash(),
		NextValidatorsHash: valSet(c.sets[h+1]).Hash(), ConsensusHash: tmhash.Sum([]byte("params")), AppHash: appHash,
		LastResultsHash: tmhash.Sum(nil), EvidenceHash: tmhash.Sum(nil), ProposerAddress: c.sets[h][0].PubKey().Address(),
	}
}

// sign returns the header with the commit of some of its validators; the others are absent.
func sign(h *types.Header, vals, signers []cmted25519.PrivKey) *types.LightBlock {
	set := valSet(vals)
	id := types.BlockID{Hash: h.Hash(), PartSetHeader: types.PartSetHeader{Total: 1, Hash: tmhash.Sum([]byte("parts"))}}
	commit := &types.Commit{Height: h.Height, BlockID: id}
	for i, v := range set.Validators {
		at := slices.IndexFunc(signers, func(k cmted25519.PrivKey) bool { return k.PubKey().Equals(v.PubKey) })
		if at < 0 {
			commit.Signatures = append(commit.Signatures, types.NewCommitSigAbsent())
			continue
		}
		vote := &types.Vote{
			Type: cmtproto.PrecommitType, Height: h.Height, BlockID: id, Timestamp: h.Time, ValidatorAddress: v.Address, ValidatorIndex: int32(i),
		}
		sig, err := signers[at].Sign(types.VoteSignBytes(h.ChainID, vote.ToProto()))
		if err != nil {
			panic(err)
		}
		commit.Signatures = append(commit.Signatures, types.CommitSig{BlockIDFlag: types.BlockIDFlagCommit, ValidatorAddress: v.Address, Timestamp: h.Time, Signature: sig})
	}
	return &types.LightBlock{SignedHeader: &types.SignedHeader{Header: h, Commit: commit}, ValidatorSet: set}
}

// network returns the network file for a height.
func (c *chain) network(height int64, nodes ...string) *ledger.Network {
	c.tb.Helper()
	n, err := ledger.NetworkAt(simNetwork, c.at(height), nodes)
	if err != nil {
		c.tb.Fatal(err)
	}
	return n
}

// genesis returns the network file that trusts the genesis.
func (c *chain) genesis(nodes ...string) *ledger.Network {
	c.tb.Helper()
	n := c.network(1, nodes...)
	n.Height, n.Hash = 0, ""
	read, err := ledger.ParseNetwork(n.Encode())
	if err != nil {
		c.tb.Fatal(err)
	}
	return read
}

func (c *chain) at(height int64) *types.LightBlock {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.blocks[height]
}

// items proves keys under the header at a height.
func (c *chain) items(header int64, keys ...ledger.Key) []ledger.BundleItem {
	c.tb.Helper()
	c.mu.Lock()
	tree := c.trees[header-1]
	c.mu.Unlock()
	var items []ledger.BundleItem
	for _, k := range keys {
		v, err := tree.Get(k)
		if err != nil {
			c.tb.Fatal(err)
		}
		p, err := tree.GetProof(k)
		if err != nil {
			c.tb.Fatal(err)
		}
		items = append(items, ledger.BundleItem{Key: k, Value: v, Proof: marshal(c.tb, p)})
	}
	return items
}

func marshal(tb testing.TB, p *ics23.CommitmentProof) []byte {
	tb.Helper()
	raw, err := p.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// path returns the blocks on both sides of each change of validators.
func (c *chain) path(from, to int64) []*types.LightBlock {
	c.mu.Lock()
	defer c.mu.Unlock()
	var path []*types.LightBlock
	for _, h := range slices.Sorted(maps.Keys(c.blocks)) {
		b := c.blocks[h]
		prev := c.blocks[h-1]
		if h <= from || h >= to {
			continue
		}
		if prev != nil && string(prev.ValidatorsHash) != string(b.ValidatorsHash) || string(b.ValidatorsHash) != string(b.NextValidatorsHash) {
			path = append(path, b)
		}
	}
	return path
}

// bundle returns an encoded bundle of keys at the header of a height.
func (c *chain) bundle(from, header int64, keys ...ledger.Key) []byte {
	c.tb.Helper()
	raw, err := ledger.BuildBundle(c.path(from, header), c.at(header), c.items(header, keys...))
	if err != nil {
		c.tb.Fatal(err)
	}
	return raw
}

// verify parses and verifies.
func verify(raw []byte, n *ledger.Network, now time.Time) (*ledger.Proven, error) {
	b, err := ledger.ParseBundle(raw)
	if err != nil {
		return nil, err
	}
	return b.Verify(n, now, 0)
}
