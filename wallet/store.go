package wallet

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/crypto/chacha20poly1305"
)

// ErrDiskFull: the disk had no room; nothing was changed. It is the cause of a [StoreCorrupt] error, and the wallet has to
// be opened again.
var ErrDiskFull = errors.New("no space left on the disk; nothing was changed")

// store keeps records sealed. On disk a record has a name that says nothing (a MAC of its own name) and a value sealed
// under the data key with that name as associated data. One more record, the index, holds a generation number and a hash
// over all others, so that no record can be left out, swapped or put back.
//
// Every commit is one synced batch of records and index; then the generation is noted outside the store.
type store struct {
	home *home
	lock *pebble.Lock
	db   *pebble.DB

	seal  cipher.AEAD
	names []byte // key of the names on disk

	mu         sync.Mutex
	generation uint64
	hashes     map[diskName][sha256.Size]byte // of sealed values
	small      map[string][]byte              // all records but those of heavy kinds, in the clear while unlocked
}

type diskName [16]byte

// write is a change of one record; a nil Value deletes it.
type write struct {
	name  string
	value []byte
}

func put(name string, v any) write {
	data, err := json.Marshal(v)
	if err != nil {
		panic("wallet: internal error: record: " + err.Error())
	}
	return write{name, data}
}

// heavy records stay on disk until they are needed: they hold credentials and private keys, or pictures.
func heavy(name string) bool {
	return strings.HasPrefix(name, copyPrefix) || strings.HasPrefix(name, receiptPrefix) || strings.HasPrefix(name, logoPrefix)
}

func newStore(h *home, dataKey []byte) (*store, error) {
	s := &store{home: h, hashes: map[diskName][sha256.Size]byte{}, small: map[string][]byte{}}
	seal, err := hkdf.Key(sha256.New, dataKey, nil, "zegel wallet records 1", 32)
	if err != nil {
		return nil, err
	}
	if s.seal, err = chacha20poly1305.NewX(seal); err != nil {
		return nil, err
	}
	s.names, err = hkdf.Key(sha256.New, dataKey, nil, "zegel wallet names 1", 32)
	return s, err
}

// pebbleLog turns the database's way of ending the process into shutting the store. Its messages are dropped: they can
// hold parts of keys.
type pebbleLog struct{ g *guard }

func (pebbleLog) Infof(string, ...any)  {}
func (pebbleLog) Errorf(string, ...any) {}
func (l pebbleLog) Fatalf(format string, args ...any) {
	l.g.shut(fmt.Errorf(format, args...))
	// The caller must not go on, and may hold locks: leave it here. All callers of ours wait for dead beside the answer.
	select {}
}

// attempt runs f, which may never return after damage.
func attempt[T any](g *guard, f func() (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	done := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if r := recover(); r != nil {
				g.shut(fmt.Errorf("store: %v", r))
				return
			}
			done <- a
		}()
		a.v, a.err = f()
	}()
	select {
	case a := <-done:
		return a.v, a.err
	case <-g.dead:
		var none T
		return none, g.cause()
	}
}

func (s *store) openDB(readOnly bool) error {
	h := s.home
	log := pebbleLog{h.guard}
	cache := pebble.NewCache(1 << 20)
	defer cache.Unref()
	opts := &pebble.Options{
		FS:                    h.guard,
		Lock:                  s.lock,
		Logger:                log,
		Cache:                 cache,
		FormatMajorVersion:    pebble.FormatNewest,
		MemTableSize:          1 << 20,
		MaxOpenFiles:          64,
		L0CompactionThreshold: 2,
		ReadOnly:              readOnly,
		ErrorIfNotExists:      readOnly,
		EventListener:         &pebble.EventListener{},
	}
	db, err := attempt(h.guard, func() (*pebble.DB, error) { return pebble.Open(h.path(storeDir), opts) })
	s.db = db
	return err
}

// corrupt wraps what went wrong below.
func (s *store) corrupt(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	if cause := s.home.cause(); cause != nil {
		err = cause
	}
	if errors.Is(err, syscall.ENOSPC) {
		return &Error{StoreCorrupt, ErrDiskFull}
	}
	return &Error{StoreCorrupt, err}
}

// lockStore makes this process the only one.
func (s *store) lockStore() error {
	if err := s.home.MkdirAll(s.home.path(storeDir), 0o700); err != nil {
		return err
	}
	if err := s.home.syncDir(s.home.dir); err != nil {
		return err
	}
	lock, err := pebble.LockDirectory(s.home.path(storeDir), s.home.guard)
	if err != nil {
		return &Error{Locked, errors.New("another program has this wallet open")}
	}
	s.lock = lock
	return nil
}

// open checks everything before the database may write, so that a damaged store stays as it was found.
func (s *store) open() error {
	if !s.home.exists(s.home.path(storeDir)) {
		return &Error{StoreCorrupt, errors.New("the store is missing")}
	}
	for _, readOnly := range []bool{true, false} {
		if err := s.openDB(readOnly); err != nil {
			return s.corrupt(fmt.Errorf("store: %v", err))
		}
		if err := s.check(); err != nil {
			s.closeDB()
			return s.corrupt(err)
		}
		if readOnly {
			if err := s.closeDB(); err != nil {
				return s.corrupt(err)
			}
		}
	}
	return nil
}

func (s *store) closeDB() error {
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	_, err := attempt(s.home.guard, func() (struct{}, error) { return struct{}{}, db.Close() })
	return err
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.closeDB()
	s.home.shut(errShut)
	err = errors.Join(err, s.home.unlock())
	s.lock = nil
	s.small = nil
	clear(s.names)
	return err
}

const indexName = "index"

// index authenticates the store as a whole.
type index struct {
	Generation uint64 `json:"generation"`
	Root       []byte `json:"root"`
}

func root(hashes map[diskName][sha256.Size]byte) []byte {
	names := slices.SortedFunc(maps.Keys(hashes), func(a, b diskName) int { return bytes.Compare(a[:], b[:]) })
	h := sha256.New()
	for _, n := range names {
		sum := hashes[n]
		h.Write(n[:])
		h.Write(sum[:])
	}
	return h.Sum(nil)
}

func (s *store) diskName(name string) (d diskName) {
	m := hmac.New(sha256.New, s.names)
	m.Write([]byte(name))
	copy(d[:], m.Sum(nil))
	return d
}

func (s *store) sealRecord(name string, value []byte) (diskName, []byte) {
	d := s.diskName(name)
	plain := binary.BigEndian.AppendUint16(nil, uint16(len(name)))
	plain = append(append(plain, name...), value...)
	nonce := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(plain)+chacha20poly1305.Overhead)
	rand.Read(nonce)
	return d, s.seal.Seal(nonce, nonce, plain, d[:])
}

func (s *store) openRecord(d []byte, sealed []byte) (name string, value []byte, err error) {
	if len(sealed) < chacha20poly1305.NonceSizeX {
		return "", nil, errors.New("record too short")
	}
	nonce, box := sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:]
	plain, err := s.seal.Open(nil, nonce, box, d)
	if err != nil {
		return "", nil, errors.New("record does not open")
	}
	if len(plain) < 2 || len(plain)-2 < int(binary.BigEndian.Uint16(plain)) {
		return "", nil, errors.New("record without name")
	}
	n := int(binary.BigEndian.Uint16(plain))
	name, value = string(plain[2:2+n]), plain[2+n:]
	if want := s.diskName(name); !bytes.Equal(want[:], d) {
		return "", nil, errors.New("record under a wrong name")
	}
	return name, value, nil
}

// check reads every record, and compares the whole with the index and the generation outside.
func (s *store) check() error {
	type content struct {
		hashes map[diskName][sha256.Size]byte
		small  map[string][]byte
		index  *index
	}
	c, err := attempt(s.home.guard, func() (c content, err error) {
		c.hashes, c.small = map[diskName][sha256.Size]byte{}, map[string][]byte{}
		it, err := s.db.NewIter(nil)
		if err != nil {
			return c, err
		}
		defer func() { err = errors.Join(err, it.Close()) }()
		for it.First(); it.Valid(); it.Next() {
			sealed, err := it.ValueAndErr()
			if err != nil {
				return c, err
			}
			name, value, err := s.openRecord(it.Key(), sealed)
			if err != nil {
				return c, err
			}
			if name == indexName {
				c.index = new(index)
				if err := json.Unmarshal(value, c.index); err != nil {
					return c, errors.New("index does not parse")
				}
				continue
			}
			c.hashes[diskName(it.Key())] = sha256.Sum256(sealed)
			if !heavy(name) {
				c.small[name] = value
			}
		}
		return c, it.Error()
	})
	if err != nil {
		return err
	}
	if c.index == nil {
		return errors.New("the index is missing")
	}
	if !bytes.Equal(c.index.Root, root(c.hashes)) {
		return errors.New("records are missing or do not belong together")
	}
	outside, err := s.home.outsideGeneration()
	if err != nil && !(errors.Is(err, fs.ErrNotExist) || errors.Is(err, errDamaged)) {
		return &Error{Locked, fmt.Errorf("generation in the keychain: %v", err)}
	}
	if c.index.Generation < outside {
		if s.home.lock.Keychain {
			return &Error{StoreRolledBack, fmt.Errorf("the store is of generation %d, this device has already seen %d", c.index.Generation, outside)}
		}
		return fmt.Errorf("the newest changes are missing: generation %d of %d", c.index.Generation, outside)
	}
	s.generation, s.hashes, s.small = c.index.Generation, c.hashes, c.small
	return nil
}

// commit makes the changes all at once; when it returns nil they survive a power cut.
func (s *store) commit(ctx context.Context, writes ...write) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil || s.home.isShut() {
		return s.corrupt(errShut)
	}
	hashes := maps.Clone(s.hashes)
	batch := s.db.NewBatch()
	for _, w := range writes {
		if w.value == nil {
			d := s.diskName(w.name)
			delete(hashes, d)
			if err := batch.Delete(d[:], nil); err != nil {
				return s.corrupt(err)
			}
			continue
		}
		d, sealed := s.sealRecord(w.name, w.value)
		hashes[d] = sha256.Sum256(sealed)
		if err := batch.Set(d[:], sealed, nil); err != nil {
			return s.corrupt(err)
		}
	}
	next := s.generation + 1
	record, err := json.Marshal(index{Generation: next, Root: root(hashes)})
	if err != nil {
		return err
	}
	d, sealed := s.sealRecord(indexName, record)
	if err := batch.Set(d[:], sealed, nil); err != nil {
		return s.corrupt(err)
	}
	if _, err := attempt(s.home.guard, func() (struct{}, error) { return struct{}{}, batch.Commit(pebble.Sync) }); err != nil {
		// Whether the batch is on disk is unknown now; only opening again tells.
		s.home.shut(err)
		return s.corrupt(err)
	}
	s.generation, s.hashes = next, hashes
	for _, w := range writes {
		switch {
		case w.value == nil:
			delete(s.small, w.name)
		case !heavy(w.name):
			s.small[w.name] = w.value
		}
	}
	// The store is written; a number outside that lags behind is caught up by the next change.
	s.home.setOutsideGeneration(next)
	return nil
}

// get returns a record, nil if there is none.
func (s *store) get(name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !heavy(name) {
		return s.small[name], nil
	}
	if s.db == nil || s.home.isShut() {
		return nil, s.corrupt(errShut)
	}
	d := s.diskName(name)
	want, ok := s.hashes[d]
	if !ok {
		return nil, nil
	}
	value, err := attempt(s.home.guard, func() ([]byte, error) {
		sealed, closer, err := s.db.Get(d[:])
		if err != nil {
			return nil, err
		}
		defer closer.Close()
		if sha256.Sum256(sealed) != want {
			return nil, errors.New("record changed on disk")
		}
		_, value, err := s.openRecord(d[:], sealed)
		return value, err
	})
	if err != nil {
		return nil, s.corrupt(err)
	}
	return value, nil
}

// has reports whether there is a record, without reading it.
func (s *store) has(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.hashes[s.diskName(name)]
	return ok
}

// list returns the names with a prefix, sorted. It is for light kinds only.
func (s *store) list(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for n := range s.small {
		if strings.HasPrefix(n, prefix) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// purge makes deleted records leave the disk: tables are rewritten without them, and the database is opened anew, because
// it keeps finished logs to write over them later and lets go of them only then.
func (s *store) purge(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil || s.home.isShut() {
		return s.corrupt(errShut)
	}
	_, err := attempt(s.home.guard, func() (struct{}, error) {
		if err := s.db.Flush(); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.db.Compact(ctx, []byte{}, bytes.Repeat([]byte{0xff}, 17), false)
	})
	if err == nil {
		err = s.closeDB()
	}
	if err == nil {
		err = s.openDB(false)
	}
	if err != nil {
		return s.corrupt(err)
	}
	return nil
}
