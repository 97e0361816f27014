package wallet

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/crypto/chacha20poly1305"
)

// stamp tells one sealing of a record from every other: it is the random nonce. Nobody without the key can make another
// record that opens under the same name and nonce.
type stamp [chacha20poly1305.NonceSizeX]byte

// index authenticates the store as a whole: it numbers the changes, and holds the version of each page. A page holds the
// versions of the records that fall to it by their names on disk. Pages are read when one of their records is first needed.
type index struct {
	generation uint64
	pages      [pageCount]stamp // zero: an empty page, which has no record
}

// pageCount keeps the index small, and a page of a store of ten thousand records under 8 KiB.
const pageCount = 64

const (
	indexName  = "index"
	indexSize  = 8 + pageCount*len(stamp{})
	pagePrefix = "page/"
)

func pageName(n int) string { return fmt.Sprint(pagePrefix, n) }

// page is a sorted row of entries: a name on disk and the version that counts.
type page struct{ entries []byte }

const entrySize = len(diskName{}) + len(stamp{})

func (d diskName) page() int { return int(d[0]) % pageCount }

func (p *page) len() int { return len(p.entries) / entrySize }

// at returns where the entry of d is or belongs.
func (p *page) at(d diskName) (offset int, found bool) {
	low, high := 0, p.len()
	for low < high {
		middle := (low + high) / 2
		switch bytes.Compare(p.entries[middle*entrySize:][:len(d)], d[:]) {
		case 0:
			return middle * entrySize, true
		case -1:
			low = middle + 1
		default:
			high = middle
		}
	}
	return low * entrySize, false
}

func (p *page) find(d diskName) (v stamp, ok bool) {
	at, ok := p.at(d)
	if ok {
		copy(v[:], p.entries[at+len(d):])
	}
	return v, ok
}

func (p *page) set(d diskName, v stamp) {
	at, found := p.at(d)
	end := at
	if found {
		end += entrySize
	}
	p.entries = slices.Replace(p.entries, at, end, slices.Concat(d[:], v[:])...)
}

func (p *page) remove(d diskName) {
	if at, found := p.at(d); found {
		p.entries = slices.Delete(p.entries, at, at+entrySize)
	}
}

// stampOf returns the stamp of a sealed record, which is as long as one has to be.
func stampOf(sealed []byte) stamp { return stamp(sealed[:len(stamp{})]) }

func (p *page) clone() *page { return &page{slices.Clone(p.entries)} }

func (s *store) diskName(name string) (d diskName) {
	s.names.Reset()
	s.names.Write([]byte(name))
	copy(d[:], s.names.Sum(nil))
	return d
}

func (s *store) sealRecord(d diskName, name string, value []byte) []byte {
	plain := binary.BigEndian.AppendUint16(nil, uint16(len(name)))
	plain = append(append(plain, name...), value...)
	nonce := make([]byte, chacha20poly1305.NonceSizeX, chacha20poly1305.NonceSizeX+len(plain)+chacha20poly1305.Overhead)
	rand.Read(nonce)
	return s.seal.Seal(nonce, nonce, plain, d[:])
}

func (s *store) openRecord(d []byte, sealed []byte) (name string, value []byte, err error) {
	if len(sealed) < chacha20poly1305.NonceSizeX {
		return "", nil, errors.New("record too short")
	}
	nonce, box := sealed[:chacha20poly1305.NonceSizeX], sealed[chacha20poly1305.NonceSizeX:]
	plain, err := s.seal.Open(nil, nonce, box, d) // binds the name, which d was made of
	if err != nil {
		return "", nil, errors.New("record does not open")
	}
	if len(plain) < 2 || len(plain)-2 < int(binary.BigEndian.Uint16(plain)) {
		return "", nil, errors.New("record without name")
	}
	n := int(binary.BigEndian.Uint16(plain))
	name, value = string(plain[2:2+n]), plain[2+n:]
	return name, value, nil
}

// load reads the record under d, which must be of this version.
func (s *store) load(d diskName, want stamp) ([]byte, error) {
	value, v, err := s.raw(d)
	if err == nil && v != want {
		err = errors.New("a record is of another time")
	}
	return value, err
}

// raw reads the record under d, with its stamp. It does not take a goroutine of its own, as everything else that the
// database does for us: that would cost more than the reading.
func (s *store) raw(d diskName) (value []byte, v stamp, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.home.shut(fmt.Errorf("store: %v", r))
			err = s.home.cause()
		}
	}()
	sealed, closer, err := s.db.Get(d[:])
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, v, errors.New("a record is missing")
	}
	if err != nil {
		return nil, v, err
	}
	defer closer.Close()
	if _, value, err = s.openRecord(d[:], sealed); err != nil {
		return nil, v, err
	}
	return value, stampOf(sealed), nil
}

// page returns a page. The caller holds mu.
func (s *store) page(n int) (*page, error) {
	if s.pages[n] != nil {
		return s.pages[n], nil
	}
	p := &page{}
	if want := s.index.pages[n]; want != (stamp{}) {
		var err error
		if p.entries, err = s.load(s.diskName(pageName(n)), want); err != nil {
			return nil, fmt.Errorf("page %d: %w", n, err)
		}
		if len(p.entries)%entrySize != 0 {
			return nil, fmt.Errorf("page %d of %d bytes", n, len(p.entries))
		}
	}
	s.pages[n] = p
	return p, nil
}

func (s *store) readIndex() (x index, v stamp, err error) {
	data, v, err := s.raw(s.diskName(indexName))
	if err != nil {
		return x, v, fmt.Errorf("index: %w", err)
	}
	if len(data) != indexSize {
		return x, v, fmt.Errorf("index of %d bytes", len(data))
	}
	x.generation = binary.BigEndian.Uint64(data)
	for n := range x.pages {
		copy(x.pages[n][:], data[8+n*len(stamp{}):])
	}
	return x, v, nil
}

// writeIndex adds changed pages and the index of the next generation to a batch, and returns that index with its version.
func (s *store) writeIndex(batch *pebble.Batch, changed map[int]*page) (index, stamp, error) {
	x := s.index
	x.generation++
	for n, p := range changed {
		d := s.diskName(pageName(n))
		if p.len() == 0 {
			x.pages[n] = stamp{}
			if err := batch.Delete(d[:], nil); err != nil {
				return x, x.pages[n], err
			}
			continue
		}
		sealed := s.sealRecord(d, pageName(n), p.entries)
		x.pages[n] = stampOf(sealed)
		if err := batch.Set(d[:], sealed, nil); err != nil {
			return x, x.pages[n], err
		}
	}
	data := binary.BigEndian.AppendUint64(make([]byte, 0, indexSize), x.generation)
	for _, v := range x.pages {
		data = append(data, v[:]...)
	}
	d := s.diskName(indexName)
	sealed := s.sealRecord(d, indexName, data)
	return x, stampOf(sealed), batch.Set(d[:], sealed, nil)
}

// check reads the index, and compares it with the generation outside.
func (s *store) check() error {
	x, v, err := s.readIndex()
	if err != nil {
		return err
	}
	outside, err := s.home.outsideGeneration()
	if err != nil && !(errors.Is(err, fs.ErrNotExist) || errors.Is(err, errDamaged)) {
		return &Error{Locked, fmt.Errorf("generation in the keychain: %v", err)}
	}
	if err == nil && x.generation < outside {
		if s.home.lock.Keychain {
			return &Error{StoreRolledBack, fmt.Errorf("the store is of generation %d, this device has already seen %d", x.generation, outside)}
		}
		return fmt.Errorf("the newest changes are missing: generation %d of %d", x.generation, outside)
	}
	s.index, s.stamp = x, v
	if err == nil && x.generation == outside {
		return nil
	}
	return s.home.setOutsideGeneration(x.generation)
}
