package follow

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// stapled is a bundle in the making. One caller makes it, the others wait.
type stapled struct {
	mu  sync.Mutex
	raw []byte
}

// Bundle returns an encoded proof of these keys at the newest header, for stapling. It is made at most once per header
// and set of keys, and from memory if the keys are mirrored. Do not change the bytes.
func (c *Client) Bundle(ctx context.Context, keys ...ledger.Key) ([]byte, error) {
	s, err := c.current()
	if err != nil {
		return nil, err
	}
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b ledger.Key) int { return slices.Compare(a, b) })
	keys = slices.CompactFunc(keys, func(a, b ledger.Key) bool { return slices.Equal(a, b) })
	var name []byte
	for _, k := range keys {
		name = binary.AppendUvarint(name, uint64(len(k)))
		name = append(name, k...)
	}
	v, ok := s.bundles.Load(string(name))
	if !ok {
		v, _ = s.bundles.LoadOrStore(string(name), new(stapled))
	}
	b := v.(*stapled)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.raw == nil {
		b.raw, err = c.staple(ctx, s, keys)
	}
	return b.raw, err
}

func (c *Client) staple(ctx context.Context, s *snapshot, keys []ledger.Key) ([]byte, error) {
	items := make([]ledger.BundleItem, 0, len(keys))
	for _, k := range keys {
		it, ok := s.items[string(k)]
		if !ok {
			it, ok = s.extra.get(k)
		}
		if !ok {
			break
		}
		items = append(items, it)
	}
	var raw []byte
	if len(items) == len(keys) {
		var err error
		if raw, err = ledger.BuildBundle(s.path, s.block, items); err != nil {
			return nil, err
		}
	} else {
		b, at, err := c.ask(ctx, s, keys)
		if err != nil {
			return nil, err
		}
		if at.Height == s.block.Height {
			for _, it := range b.Items() {
				s.extra.put(it)
			}
		}
		raw = b.Encode()
	}
	// What we hand out must convince a holder who has the network file that we have. Ours may be past its time while we
	// followed all along; a holder's newer one is not.
	b, err := ledger.ParseBundle(raw)
	if err != nil {
		return nil, err
	}
	if _, err := b.Verify(c.cfg.Network, c.cfg.Now(), 0); err != nil && !errors.Is(err, ledger.ErrExpired) {
		return nil, err
	}
	return raw, nil
}
