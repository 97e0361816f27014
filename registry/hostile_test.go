package registry

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/cometbft/cometbft/blocksync"
	cfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/consensus"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/p2p/conn"
	bcproto "github.com/cometbft/cometbft/proto/tendermint/blocksync"
	cmtcons "github.com/cometbft/cometbft/proto/tendermint/consensus"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
	"github.com/cometbft/cometbft/version"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// liar is a peer that speaks the protocol of the nodes and says what it likes.
type liar struct {
	p2p.BaseReactor
	sw      *p2p.Switch
	key     *p2p.NodeKey
	address string // without scheme

	greet func(h *liar, peer p2p.Peer)
	reply func(h *liar, peer p2p.Peer, msg any)

	over    sync.WaitGroup
	stopped chan struct{}
}

// newLiar starts a peer of a network. greet is what it does when a node is connected, reply what it does with a message
// of block sync; both run in goroutines of their own.
func newLiar(t testing.TB, chainID string, greet func(*liar, p2p.Peer), reply func(*liar, p2p.Peer, any)) *liar {
	t.Helper()
	h := &liar{key: &p2p.NodeKey{PrivKey: ed25519.GenPrivKey()}, address: freeAddress(t), greet: greet, reply: reply, stopped: make(chan struct{})}
	h.BaseReactor = *p2p.NewBaseReactor("hostile", h)
	info := p2p.DefaultNodeInfo{
		ProtocolVersion: p2p.NewProtocolVersion(version.P2PProtocol, version.BlockProtocol, appVersion),
		DefaultNodeID:   h.key.ID(), ListenAddr: h.address, Network: chainID, Version: version.TMCoreSemVer, Moniker: "hostile",
		Other: p2p.DefaultNodeInfoOther{TxIndex: "off"},
	}
	for _, c := range h.GetChannels() {
		info.Channels = append(info.Channels, c.ID)
	}
	transport := p2p.NewMultiplexTransport(info, *h.key, conn.DefaultMConnConfig())
	c := cfg.DefaultP2PConfig()
	c.AllowDuplicateIP = true
	h.sw = p2p.NewSwitch(c, transport)
	h.sw.SetLogger(log.NewNopLogger())
	h.sw.AddReactor("HOSTILE", h)
	h.sw.SetNodeInfo(info)
	h.sw.SetNodeKey(h.key)
	addr, err := p2p.NewNetAddressString(p2p.IDAddressString(h.key.ID(), h.address))
	if err != nil {
		t.Fatal(err)
	}
	if err := transport.Listen(*addr); err != nil {
		t.Fatal(err)
	}
	if err := h.sw.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		close(h.stopped)
		if err := h.sw.Stop(); err != nil {
			t.Error(err)
		}
		transport.Close()
		h.over.Wait()
	})
	return h
}

// peer is how the setting peers names it.
func (h *liar) peer() string { return string(h.key.ID()) + "@" + h.address }

// dial connects to a node.
func (h *liar) dial(t testing.TB, node *testNode) {
	t.Helper()
	addr, err := p2p.NewNetAddressString(node.keys.NodeID + "@" + node.listen)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.sw.DialPeerWithAddress(addr); err != nil {
		t.Fatal(err)
	}
}

// GetChannels are those of consensus and of block sync.
func (h *liar) GetChannels() []*conn.ChannelDescriptor {
	var all []*conn.ChannelDescriptor
	for _, id := range []byte{consensus.StateChannel, consensus.DataChannel, consensus.VoteChannel, consensus.VoteSetBitsChannel} {
		all = append(all, &conn.ChannelDescriptor{ID: id, Priority: 5, SendQueueCapacity: 100, RecvMessageCapacity: 1 << 20, MessageType: &cmtcons.Message{}})
	}
	return append(all, &conn.ChannelDescriptor{ID: blocksync.BlocksyncChannel, Priority: 5, SendQueueCapacity: 1000,
		RecvMessageCapacity: blocksync.MaxMsgSize, MessageType: &bcproto.Message{}})
}

// AddPeer begins.
func (h *liar) AddPeer(peer p2p.Peer) {
	if h.greet != nil {
		h.over.Go(func() { h.greet(h, peer) })
	}
}

// Receive passes on what block sync says.
func (h *liar) Receive(e p2p.Envelope) {
	if e.ChannelID == blocksync.BlocksyncChannel && h.reply != nil {
		h.over.Go(func() { h.reply(h, e.Src, e.Message) })
	}
}

// later waits for a while; false: the peer is stopped.
func (h *liar) later(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-h.stopped:
		return false
	}
}

func claimHeight(peer p2p.Peer, base, height int64) {
	peer.Send(p2p.Envelope{ChannelID: blocksync.BlocksyncChannel, Message: &bcproto.StatusResponse{Base: base, Height: height}})
}

func giveBlock(peer p2p.Peer, b *cmtproto.Block) {
	peer.Send(p2p.Envelope{ChannelID: blocksync.BlocksyncChannel, Message: &bcproto.BlockResponse{Block: b}})
}

// forged is a block that nobody decided.
func forged(from *testNode, height int64) *cmtproto.Block {
	b := from.blocks.LoadBlock(min(height, from.blocks.Height()-1))
	b.Height = height
	b.Txs = types.Txs{[]byte(rand.Text())}
	b.DataHash = b.Txs.Hash()
	p, err := b.ToProto()
	if err != nil {
		panic(err)
	}
	return p
}

// syncLies are peers that a new node may meet.
func syncLies(honest *testNode) map[string]func() (greet func(*liar, p2p.Peer), reply func(*liar, p2p.Peer, any)) {
	const far = 1_000_000_000
	type greeting = func(*liar, p2p.Peer)
	type answer = func(*liar, p2p.Peer, any)
	boast := func(_ *liar, p p2p.Peer) { claimHeight(p, 1, far) }
	return map[string]func() (greeting, answer){
		"a height of 10^9, then a lower one": func() (greeting, answer) {
			return boast, func(h *liar, p p2p.Peer, msg any) {
				if _, ok := msg.(*bcproto.StatusRequest); ok {
					claimHeight(p, 1, 3)
				}
			}
		},
		"a height of 10^9 and silence": func() (greeting, answer) { return boast, nil },
		"a height of 10^9 and late blocks": func() (greeting, answer) {
			return boast, func(h *liar, p p2p.Peer, msg any) {
				if q, ok := msg.(*bcproto.BlockRequest); ok && h.later(12*time.Second) {
					giveBlock(p, forged(honest, q.Height))
				}
			}
		},
		"forged blocks": func() (greeting, answer) {
			return func(_ *liar, p p2p.Peer) { claimHeight(p, 1, honest.blocks.Height()) },
				func(h *liar, p p2p.Peer, msg any) {
					if q, ok := msg.(*bcproto.BlockRequest); ok {
						giveBlock(p, forged(honest, q.Height))
					}
				}
		},
		"true blocks, each twice and out of turn": func() (greeting, answer) {
			return func(_ *liar, p p2p.Peer) { claimHeight(p, 1, honest.blocks.Height()) },
				func(h *liar, p p2p.Peer, msg any) {
					q, ok := msg.(*bcproto.BlockRequest)
					if !ok {
						return
					}
					for _, height := range []int64{q.Height + 1, q.Height, q.Height} {
						if b := honest.blocks.LoadBlock(height); b != nil {
							if pb, err := b.ToProto(); err == nil {
								giveBlock(p, pb)
							}
						}
					}
				}
		},
		"garbage parts": func() (greeting, answer) {
			return boast, func(h *liar, p p2p.Peer, msg any) {
				if _, ok := msg.(*bcproto.BlockRequest); ok {
					giveBlock(p, &cmtproto.Block{})
					p.Send(p2p.Envelope{ChannelID: blocksync.BlocksyncChannel, Message: &bcproto.NoBlockResponse{Height: -1}})
				}
			}
		},
	}
}

// thorough says whether to try everything.
func thorough() bool { return os.Getenv("ZEGEL_FAULTS") != "" }

// testHostileSync lets a new node meet liars and an honest network. It must follow the network within a minute.
func testHostileSync(t *testing.T) {
	tn := startNetwork(t, 2)
	for i := range 5 {
		write(t, tn.nodes[0].url, tn.members[0].rotation(t, fmt.Sprint("later-", i)))
	}
	join := func(t *testing.T, liars ...*liar) {
		node := newTestNode(t)
		node.net = tn
		s := Settings{Name: node.listen, Listen: "tcp://" + node.listen, Heartbeat: "1s"}
		for _, h := range liars {
			s.Peers = append(s.Peers, h.peer())
		}
		for _, honest := range tn.nodes {
			s.Peers = append(s.Peers, honest.keys.NodeID+"@"+honest.listen)
		}
		if err := Complete(node.dir, tn.genesis, s); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		tn.start(t, node)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := node.until(ctx, func() bool {
			return node.app.state.snapshot().height >= tn.nodes[0].app.state.snapshot().height && !node.comet.ConsensusReactor().WaitSync()
		})
		if err != nil {
			t.Fatalf("at height %d, the network at %d, still syncing %v: %v", node.app.state.snapshot().height,
				tn.nodes[0].app.state.snapshot().height, node.comet.ConsensusReactor().WaitSync(), err)
		}
		t.Logf("in step after %v", time.Since(begun).Round(time.Millisecond))
		sameBlock(t, node.app.state.snapshot().height-1, tn.nodes[0], node)
	}
	meet := func(lie func() (func(*liar, p2p.Peer), func(*liar, p2p.Peer, any))) *liar {
		greet, reply := lie()
		return newLiar(t, tn.world.genesis.ChainID, greet, reply)
	}
	lies := syncLies(tn.nodes[0])
	if !thorough() {
		join(t, meet(lies["a height of 10^9, then a lower one"]), meet(lies["forged blocks"]))
		return
	}
	var all []*liar
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) { join(t, meet(lie)) })
		all = append(all, meet(lie))
	}
	t.Run("all together", func(t *testing.T) { join(t, all...) })
}

// TestDoubleVotes shows the nodes two votes of one of four validators at one height, over the wire. They must prove it in a
// block, take its seat and go on as one chain.
func TestDoubleVotes(t *testing.T) {
	tn := startNetwork(t, 4)
	guilty := tn.nodes[3]
	signer, err := loadSigner(guilty.dir)
	if err != nil {
		t.Fatal(err)
	}
	set, err := tn.nodes[0].states.LoadValidators(1)
	if err != nil {
		t.Fatal(err)
	}
	index, _ := set.GetByAddress(signer.Key.Address)
	chainID := tn.world.genesis.ChainID
	forge := func(height int64) *cmtproto.Vote {
		hash := func() []byte {
			b := make([]byte, 32)
			_, _ = rand.Read(b) // never fails
			return b
		}
		v := &types.Vote{
			Type: cmtproto.PrevoteType, Height: height, Timestamp: time.Now(), ValidatorAddress: signer.Key.Address, ValidatorIndex: index,
			BlockID: types.BlockID{Hash: hash(), PartSetHeader: types.PartSetHeader{Total: 1, Hash: hash()}},
		}
		p := v.ToProto()
		if p.Signature, err = signer.Key.PrivKey.Sign(types.VoteSignBytes(chainID, p)); err != nil {
			t.Error(err)
		}
		return p
	}
	// Nodes tell each other whose votes they have, not which: both must be shown to the same node.
	peer := newLiar(t, chainID, nil, nil)
	for _, node := range tn.nodes[:3] {
		peer.dial(t, node)
	}
	honest := tn.nodes[0]
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	begun := honest.app.state.snapshot().height
	sent := int64(0)
	err = honest.until(ctx, func() bool {
		height := honest.app.state.snapshot().height
		if height > sent {
			sent = height
			for range 2 {
				peer.sw.Broadcast(p2p.Envelope{ChannelID: consensus.VoteChannel, Message: &cmtcons.Vote{Vote: forge(height + 1)}})
			}
		}
		o := newOverlay(honest.app.state.snapshot())
		for _, m := range o.members() {
			if m.Lost != 0 {
				return true
			}
		}
		return false
	})
	if err != nil {
		t.Fatalf("from height %d to %d nobody lost its vote: %v", begun, honest.app.state.snapshot().height, err)
	}
	var proof types.Evidence
	var at int64
	for h := begun; h <= honest.blocks.Height() && proof == nil; h++ {
		if b := honest.blocks.LoadBlock(h); b != nil && len(b.Evidence.Evidence) > 0 {
			proof, at = b.Evidence.Evidence[0], h
		}
	}
	if proof == nil {
		t.Fatal("no block holds evidence")
	}
	double, ok := proof.(*types.DuplicateVoteEvidence)
	if !ok || double.VoteA.ValidatorAddress.String() != signer.Key.Address.String() {
		t.Errorf("evidence %v", proof)
	}
	if at-proof.Height() > 20 {
		t.Errorf("evidence of height %d in block %d", proof.Height(), at)
	}
	t.Logf("signed twice at height %d, evidence in block %d", proof.Height(), at)

	// It has lost its seat and no other has; the others go on without it.
	waitHeight(t, honest, at+turnDelay)
	waitHeight(t, tn.nodes[1], at+turnDelay)
	p := read(t, honest.url, tn.network, ledger.KeyMembers())
	members, err := p.Members()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if is := hex.EncodeToString(m.Validator) == hex.EncodeToString(guilty.keys.Validator); is || (m.Lost != 0) != (len(m.Validator) == 0) {
			t.Errorf("%s: validator %x, lost %d", m.Name, m.Validator, m.Lost)
		}
	}
	if set, err := honest.states.LoadValidators(at + turnDelay); err != nil || set.Size() != 3 || set.HasAddress(signer.Key.Address) {
		t.Errorf("validators %v, %v", set, err)
	}
	guilty.stop(t)
	a := write(t, tn.nodes[1].url, tn.members[1].rotation(t, "later"))
	for _, node := range tn.nodes[:3] {
		waitHeight(t, node, a.Height)
		for h := begun; h <= a.Height; h++ {
			sameBlock(t, h, honest, node)
		}
	}
}
