package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/cosmos/iavl"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// snapshotFormat is raised when the encoding of a snapshot changes.
const snapshotFormat = 1

// Bounds of a chunk. Nodes of the tree are not split, so a chunk is a little larger than its aim.
const (
	chunkAim = 4 << 20
	maxChunk = 12 << 20 // the engine's messages take 16 MB
)

// manifest says what a snapshot is made of. All nodes make the same one at the same height, so that the chunks can come
// from any of them. It is what [abci.Snapshot] carries as metadata, in CBOR.
type manifest struct {
	Format     uint32   `cbor:"1,keyasint"`
	ChainID    string   `cbor:"2,keyasint"`
	Height     int64    `cbor:"3,keyasint"`
	Time       int64    `cbor:"4,keyasint"` // of the block's header, unix nanoseconds
	Root       []byte   `cbor:"5,keyasint"`
	Parameters []byte   `cbor:"6,keyasint"` // the state's, which the engine needs before it has the state
	Chunks     [][]byte `cbor:"7,keyasint"` // SHA-256 of each
}

func parseManifest(raw []byte) (*manifest, error) {
	var m manifest
	if err := ledger.Decode(raw, &m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if m.Height < 1 || len(m.Root) != sha256.Size || len(m.Chunks) == 0 {
		return nil, fmt.Errorf("manifest: height %d, root of %d bytes, %d chunks", m.Height, len(m.Root), len(m.Chunks))
	}
	for i, sum := range m.Chunks {
		if len(sum) != sha256.Size {
			return nil, fmt.Errorf("manifest: chunk %d: hash of %d bytes", i, len(sum))
		}
	}
	return &m, nil
}

func (m *manifest) time() time.Time { return time.Unix(0, m.Time).UTC() }

// archive is a directory of snapshots. Each is a directory named after its height, with the files "manifest", "blocks"
// (the light blocks that prove it) and one for each chunk. They are not compressed: every node must make the same
// bytes, whatever its version, and hashes and bits of lists hardly shrink.
type archive struct{ dir string }

const (
	manifestFile = "manifest"
	blocksFile   = "blocks"
)

func openArchive(dir string) (*archive, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &archive{dir}, removeUnfinished(dir)
}

func (a *archive) path(height int64) string {
	return filepath.Join(a.dir, strconv.FormatInt(height, 10))
}

// list returns the complete snapshots, oldest first.
func (a *archive) list() ([]*manifest, error) {
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return nil, err
	}
	var all []*manifest
	for _, e := range entries {
		height, err := strconv.ParseInt(e.Name(), 10, 64)
		if err != nil {
			continue
		}
		m, err := readManifest(a.path(height))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it is being removed
		}
		if err != nil {
			return nil, fmt.Errorf("snapshot %d: %w", height, err)
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *manifest) int { return int(a.Height - b.Height) })
	return all, nil
}

func readManifest(dir string) (*manifest, error) {
	raw, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if err != nil {
		return nil, err
	}
	return parseManifest(raw)
}

func readChunkFile(dir string, n int) ([]byte, error) {
	return os.ReadFile(filepath.Join(dir, strconv.Itoa(n)))
}

func (a *archive) remove(height int64) error {
	// The manifest first: half a snapshot is none.
	err := os.Remove(filepath.Join(a.path(height), manifestFile))
	return errors.Join(err, os.RemoveAll(a.path(height)))
}

// write makes the snapshot of a state. It is not listed before seal. The caller keeps the version from being deleted
// meanwhile.
func (a *archive) write(ctx context.Context, s *snapshot, chainID string) (_ *draft, err error) {
	dir, err := os.MkdirTemp(a.dir, unfinished)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	m := &manifest{Format: snapshotFormat, ChainID: chainID, Height: s.height, Time: s.time.UnixNano(), Root: s.root}
	if m.Parameters, err = s.get(ledger.KeyParameters()); err != nil {
		return nil, err
	}
	export, err := s.tree.Export()
	if err != nil {
		return nil, err
	}
	defer export.Close()
	var chunk []byte
	flush := func() error {
		sum := sha256.Sum256(chunk)
		f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(len(m.Chunks))), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = f.Write(chunk)
		m.Chunks, chunk = append(m.Chunks, sum[:]), chunk[:0]
		return errors.Join(err, f.Sync(), f.Close())
	}
	leaves := int64(0)
	for {
		node, err := export.Next()
		if errors.Is(err, iavl.ErrorExportDone) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if node.Height == 0 {
			leaves++
		}
		if chunk = appendNode(chunk, node); len(chunk) >= chunkAim {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	// The export ends early, and does not say so, if a node cannot be read.
	if leaves != s.tree.Size() {
		return nil, fmt.Errorf("snapshot of height %d: %d of %d values", s.height, leaves, s.tree.Size())
	}
	if len(chunk) > 0 {
		if err := flush(); err != nil {
			return nil, err
		}
	}
	return &draft{a, dir, m}, nil
}

// draft is a snapshot without the blocks that prove it: those come later than the state.
type draft struct {
	archive *archive
	dir     string
	*manifest
}

// seal completes a snapshot with its light blocks, ascending: the milestones before it, and the blocks at its height
// and the two after it.
func (d *draft) seal(blocks [][]byte) error {
	raw, err := ledger.Encode(blocks)
	if err != nil {
		return err
	}
	if err := writeWhole(filepath.Join(d.dir, blocksFile), raw); err != nil {
		return err
	}
	if raw, err = ledger.Encode(d.manifest); err != nil {
		return err
	}
	if err := writeWhole(filepath.Join(d.dir, manifestFile), raw); err != nil {
		return err
	}
	to := d.archive.path(d.Height)
	if err := os.RemoveAll(to); err != nil { // an older one of the same height
		return err
	}
	if err := os.Rename(d.dir, to); err != nil {
		return err
	}
	return syncDir(d.archive.dir)
}

func (d *draft) discard() error { return os.RemoveAll(d.dir) }

// appendNode encodes a node of the tree: height, version, key, and the value of a leaf.
func appendNode(b []byte, n *iavl.ExportNode) []byte {
	b = append(b, byte(n.Height))
	b = binary.AppendUvarint(b, uint64(n.Version))
	b = binary.AppendUvarint(b, uint64(len(n.Key)))
	b = append(b, n.Key...)
	if n.Height == 0 {
		b = binary.AppendUvarint(b, uint64(len(n.Value)))
		b = append(b, n.Value...)
	}
	return b
}

// takeNode reads what appendNode wrote and returns the rest.
func takeNode(b []byte, newest int64) (*iavl.ExportNode, []byte, error) {
	bad := errors.New("chunk: not a node of the tree")
	if len(b) == 0 || b[0] > 64 {
		return nil, nil, bad
	}
	n := &iavl.ExportNode{Height: int8(b[0])}
	b = b[1:]
	version, size := binary.Uvarint(b)
	if size <= 0 || version < 1 || version > uint64(newest) {
		return nil, nil, bad
	}
	n.Version, b = int64(version), b[size:]
	take := func() ([]byte, bool) {
		length, size := binary.Uvarint(b)
		if size <= 0 || length > uint64(len(b)-size) {
			return nil, false
		}
		taken := b[size : size+int(length)]
		b = b[size+int(length):]
		return bytes.Clone(taken), true
	}
	var ok bool
	if n.Key, ok = take(); !ok || len(n.Key) == 0 {
		return nil, nil, bad
	}
	if n.Height == 0 {
		if n.Value, ok = take(); !ok || len(n.Value) == 0 {
			return nil, nil, bad
		}
	}
	return n, b, nil
}

// intake fills an empty state with the chunks of a snapshot.
type intake struct {
	state   *State
	m       *manifest
	tree    *iavl.MutableTree
	into    *iavl.Importer
	heights []int8 // of the subtrees that wait for a parent
	next    int    // chunk
}

// keyRestoring marks a state that is being filled. The tree's own keys begin with a letter.
var keyRestoring = []byte("\x00restoring")

// intake begins to fill the state, which must be empty. What an earlier attempt left is removed.
func (s *State) intake(m *manifest) (*intake, error) {
	if h := s.snapshot().height; h != 0 {
		return nil, fmt.Errorf("the state is at height %d, not empty", h)
	}
	if err := s.wipe(); err != nil {
		return nil, err
	}
	if err := s.mark(true); err != nil {
		return nil, err
	}
	i := &intake{state: s, m: m, tree: iavl.NewMutableTree(s.db, 0, true, iavl.NewNopLogger())}
	var err error
	if i.into, err = i.tree.Import(m.Height); err != nil {
		return nil, err
	}
	return i, nil
}

// errChunk: the bytes are not those that the manifest names.
var errChunk = errors.New("chunk: another hash than in the manifest")

// add takes the next chunk. Errors: [errChunk], and others when the manifest itself is no good or the disk fails.
func (i *intake) add(chunk []byte) error {
	if i.next >= len(i.m.Chunks) {
		return fmt.Errorf("chunk %d of %d", i.next, len(i.m.Chunks))
	}
	if sum := sha256.Sum256(chunk); len(chunk) > maxChunk || !bytes.Equal(sum[:], i.m.Chunks[i.next]) {
		return errChunk
	}
	for len(chunk) > 0 {
		node, rest, err := takeNode(chunk, i.m.Height)
		if err != nil {
			return err
		}
		// The tree panics on a parent without children.
		if n := len(i.heights); node.Height > 0 {
			if n < 2 || max(i.heights[n-1], i.heights[n-2])+1 != node.Height {
				return errors.New("chunk: not a tree")
			}
			i.heights = i.heights[:n-2]
		}
		i.heights = append(i.heights, node.Height)
		if err := i.into.Add(node); err != nil {
			return err
		}
		chunk = rest
	}
	i.next++
	return nil
}

// finish completes the state if it has the root of the manifest, which the caller has compared with a header. Readers do
// not see it yet.
func (i *intake) finish() (*snapshot, error) {
	if i.next != len(i.m.Chunks) || len(i.heights) != 1 {
		return nil, fmt.Errorf("%d of %d chunks, %d trees", i.next, len(i.m.Chunks), len(i.heights))
	}
	if err := i.into.Commit(); err != nil {
		return nil, err
	}
	if root := i.tree.Hash(); !bytes.Equal(root, i.m.Root) {
		return nil, fmt.Errorf("root %x, not %x", root, i.m.Root)
	}
	s := i.state
	if _, err := s.tree.Load(); err != nil {
		return nil, err
	}
	now, err := s.at(i.m.Height)
	if err != nil {
		return nil, err
	}
	now.changed, now.time = now.height, i.m.time()
	if value, err := now.get(ledger.KeyParameters()); err != nil || !bytes.Equal(value, i.m.Parameters) {
		return nil, fmt.Errorf("parameters are not those of the manifest: %v", err)
	}
	if err := s.mark(false); err != nil {
		return nil, err
	}
	return now, i.tree.Close()
}

// close gives up what is not finished.
func (i *intake) close() error {
	i.into.Close()
	return errors.Join(i.tree.Close(), i.state.reset())
}

// reset empties a state whose filling failed.
func (s *State) reset() error {
	if err := s.wipe(); err != nil {
		return err
	}
	if err := errors.Join(s.read.Close(), s.tree.Close()); err != nil {
		return err
	}
	s.openTrees()
	s.newest.Store(&snapshot{})
	return nil
}

// mark says in the store that the state is being filled, or no more.
func (s *State) mark(restoring bool) error {
	batch := s.db.NewBatch()
	defer batch.Close()
	err := batch.Delete(keyRestoring)
	if restoring {
		err = batch.Set(keyRestoring, []byte{1})
	}
	if err != nil {
		return err
	}
	return batch.WriteSync()
}

// wipe removes everything from the store.
func (s *State) wipe() error {
	for {
		it, err := s.db.Iterator(nil, nil)
		if err != nil {
			return err
		}
		batch, n := s.db.NewBatch(), 0
		for ; it.Valid() && n < 100_000; it.Next() {
			if err := batch.Delete(bytes.Clone(it.Key())); err != nil {
				return errors.Join(err, it.Close(), batch.Close())
			}
			n++
		}
		if err := errors.Join(it.Error(), it.Close(), batch.WriteSync(), batch.Close()); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
}
