package wallet

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"golang.org/x/crypto/chacha20poly1305"
)

// ErrDiskFull: the disk had no room; nothing was changed. It is the cause of a [StoreCorrupt] error, and the wallet has to
// be opened again.
var ErrDiskFull = errors.New("no space left on the disk; nothing was changed")

// store keeps records sealed. On disk a record has a name that says nothing (a MAC of its own name) and a value sealed
// under the data key with that name as associated data. Which version of a record counts is written in pages, and which
// version of a page in the index, which also numbers the generation of the whole: see [index]. So no record can be left
// out, swapped or put back, and opening the store reads the index alone, however many records there are.
//
// Every commit is one synced batch of records, pages and index; then the generation is noted outside the store.
type store struct {
	home *home
	lock *pebble.Lock
	db   *pebble.DB

	seal  cipher.AEAD
	names hash.Hash // keyed, makes the names on disk

	mu       sync.Mutex
	writable bool // the database is open for writing; until the first change it is not
	index    index
	stamp    stamp            // of the index
	pages    [pageCount]*page // those read so far
}

type diskName [16]byte

// write is a change of one record; a nil Value deletes it.
type write struct {
	name  string
	value []byte
	err   error // why it could not be made; the commit fails with it
}

func put(name string, v any) write {
	data, err := json.Marshal(v)
	if err != nil {
		panic("wallet: internal error: record: " + err.Error())
	}
	return write{name: name, value: data}
}

// movable reports whether a record is one that a backup holds: neither keys, which belong to one device, nor pictures, which
// come anew with a card, nor pages that are open in a browser, nor what follows from the others.
func movable(name string) bool {
	for _, prefix := range []string{copyPrefix, receiptPrefix, logoPrefix, pagePrefix, listPrefix} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return name != indexName && name != pendingName
}

func newStore(h *home, dataKey []byte) (*store, error) {
	s := &store{home: h}
	seal, err := hkdf.Key(sha256.New, dataKey, nil, "zegel wallet records 1", 32)
	if err != nil {
		return nil, err
	}
	if s.seal, err = chacha20poly1305.NewX(seal); err != nil {
		return nil, err
	}
	names, err := hkdf.Key(sha256.New, dataKey, nil, "zegel wallet names 1", 32)
	s.names = hmac.New(sha256.New, names)
	return s, err
}

// pebbleLog turns the database's way of ending the process into shutting the store. Its messages are dropped: they can
// hold parts of keys.
type pebbleLog struct{ g *guard }

func (pebbleLog) Infof(string, ...any)  {}
func (pebbleLog) Errorf(string, ...any) {}
func (l pebbleLog) Fatalf(format string, args ...any) {
	l.g.shut(fmt.Errorf(format, args...))
	// The caller must not go on, and may hold locks that nobody will need any more. If it is one of ours that reads, it is
	// thrown out; all others of ours wait for dead beside the answer, and the database's own can stay here.
	if reads() {
		panic(errShut)
	}
	select {}
}

// reads reports whether this goroutine is inside of [store.raw].
func reads() bool {
	var at [64]uintptr
	frames := runtime.CallersFrames(at[:runtime.Callers(1, at[:])])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, ".(*store).raw") {
			return true
		}
		if !more {
			return false
		}
	}
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
		MaxManifestFileSize:   16 << 10, // opening reads it all
		L0CompactionThreshold: 2,
		ReadOnly:              readOnly,
		ErrorIfNotExists:      readOnly,
		EventListener:         &pebble.EventListener{},
	}
	if readOnly {
		// Only what lies on damaged ground cannot be read; there is nothing that could make it worse.
		opts.EventListener.DataCorruption = func(pebble.DataCorruptionInfo) {}
	}
	// Most tables do not hold the record that is looked for. A record is about a block long, so an index is not small.
	opts.Levels[0].FilterPolicy = bloom.FilterPolicy(10)
	opts.Levels[0].IndexBlockSize = 256 << 10
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

// open opens the database for reading and checks the index. Nothing is written before the first change, so that a store
// that turns out to be damaged stays as it was found.
func (s *store) open() error {
	if !s.home.exists(s.home.path(storeDir)) {
		return &Error{StoreCorrupt, errors.New("the store is missing")}
	}
	if err := s.openDB(true); err != nil {
		return s.corrupt(fmt.Errorf("store: %v", err))
	}
	if err := s.check(); err != nil {
		s.closeDB()
		return s.corrupt(err)
	}
	return nil
}

// openForWriting opens the database anew, for changes. The caller holds mu.
func (s *store) openForWriting() error {
	if err := s.closeDB(); err != nil {
		return err
	}
	if err := s.openDB(false); err != nil {
		return err
	}
	_, v, err := s.readIndex()
	if err == nil && v != s.stamp {
		err = errors.New("the index changed while the store was open")
	}
	if err != nil {
		s.home.shut(err)
		return err
	}
	s.writable = true
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
	clear(s.pages[:])
	s.names = nil
	return err
}

// ready refuses a store that was closed or has stopped. The caller holds mu.
func (s *store) ready() error {
	if s.db == nil || s.home.isShut() {
		return s.corrupt(errShut)
	}
	return nil
}

// apply makes the changes all at once; when it returns nil they survive a power cut.
func (s *store) apply(ctx context.Context, writes ...write) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, w := range writes {
		if w.err != nil {
			return w.err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return err
	}
	if !s.writable {
		if err := s.openForWriting(); err != nil {
			return s.corrupt(err)
		}
	}
	batch := s.db.NewBatch()
	changed := map[int]*page{}
	for _, w := range writes {
		d := s.diskName(w.name)
		p, err := s.page(d.page())
		if err != nil {
			return s.corrupt(err)
		}
		if changed[d.page()] == nil {
			changed[d.page()] = p.clone()
		}
		p = changed[d.page()]
		if w.value == nil {
			p.remove(d)
			err = batch.Delete(d[:], nil)
		} else {
			sealed := s.sealRecord(d, w.name, w.value)
			p.set(d, stampOf(sealed))
			err = batch.Set(d[:], sealed, nil)
		}
		if err != nil {
			return s.corrupt(err)
		}
	}
	next, v, err := s.writeIndex(batch, changed)
	if err != nil {
		return s.corrupt(err)
	}
	if _, err := attempt(s.home.guard, func() (struct{}, error) { return struct{}{}, batch.Commit(pebble.Sync) }); err != nil {
		// Whether the batch is on disk is unknown now; only opening again tells.
		s.home.shut(err)
		return s.corrupt(err)
	}
	s.index, s.stamp = next, v
	for n, p := range changed {
		s.pages[n] = p
	}
	// The store is written; a number outside that lags behind is caught up by the next change.
	s.home.setOutsideGeneration(next.generation)
	return nil
}

// get returns a record, nil if there is none.
func (s *store) get(name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return nil, err
	}
	d := s.diskName(name)
	p, err := s.page(d.page())
	if err != nil {
		return nil, s.corrupt(err)
	}
	want, ok := p.find(d)
	if !ok {
		return nil, nil
	}
	value, err := s.load(d, want)
	if err != nil {
		return nil, s.corrupt(err)
	}
	return value, nil
}

// has reports whether there is a record, without reading it.
func (s *store) has(name string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return false, err
	}
	d := s.diskName(name)
	p, err := s.page(d.page())
	if err != nil {
		return false, s.corrupt(err)
	}
	_, ok := p.find(d)
	return ok, nil
}

// all reads every record whose name has the prefix. It opens each record of the store, and checks that none is missing or
// of another time, so it is for what needs the whole store.
func (s *store) all(prefix string) (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return nil, err
	}
	want := 0
	for n := range s.pages {
		p, err := s.page(n)
		if err != nil {
			return nil, s.corrupt(err)
		}
		want += p.len()
	}
	records, err := attempt(s.home.guard, func() (_ map[string][]byte, err error) {
		it, err := s.db.NewIter(nil)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, it.Close()) }()
		records := map[string][]byte{}
		found := 0
		for it.First(); it.Valid(); it.Next() {
			sealed, err := it.ValueAndErr()
			if err != nil {
				return nil, err
			}
			name, value, err := s.openRecord(it.Key(), sealed)
			if err != nil {
				return nil, err
			}
			if name == indexName || strings.HasPrefix(name, pagePrefix) {
				continue // checked already
			}
			d := diskName(it.Key())
			if v, ok := s.pages[d.page()].find(d); !ok || v != stampOf(sealed) {
				return nil, errors.New("a record is of another time")
			}
			found++
			if strings.HasPrefix(name, prefix) {
				records[name] = value
			}
		}
		if err := it.Error(); err != nil {
			return nil, err
		}
		if found != want {
			return nil, fmt.Errorf("%d records of %d", found, want)
		}
		return records, nil
	})
	if err != nil {
		return nil, s.corrupt(err)
	}
	return records, nil
}

// purge makes deleted records leave the disk: tables are rewritten without them, and the database is opened anew, because
// it keeps finished logs to write over them later and lets go of them only then.
func (s *store) purge(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.ready(); err != nil {
		return err
	}
	if !s.writable {
		return nil // nothing was deleted
	}
	_, err := attempt(s.home.guard, func() (struct{}, error) {
		if err := s.db.Flush(); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.db.Compact(ctx, []byte{}, bytes.Repeat([]byte{0xff}, 17), false)
	})
	if err == nil {
		err = s.openForWriting()
	}
	if err != nil {
		return s.corrupt(err)
	}
	return nil
}
