package office

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

// ErrClosed: the store was closed.
var ErrClosed = errors.New("store is closed")

// IsStoreError reports whether an error is the database's own: disk full, not readable, closed, locked too long. The
// caller answers 503, since nothing was done and it may work later.
func IsStoreError(err error) bool {
	var own *sqlite.Error
	return errors.As(err, &own) || errors.Is(err, ErrClosed) || errors.Is(err, sql.ErrConnDone)
}

// Writers that share one commit, at most; and how often the journal is emptied, so that what was deleted leaves the disk.
const (
	maxGroup   = 256
	purgeEvery = time.Minute
)

// DB is an SQLite store with group commit: concurrent writers share one transaction and one fsync.
type DB struct {
	read  *sql.DB
	write *sql.DB

	queue chan *job
	done  chan struct{} // closed when the writer has ended
	stop  context.CancelFunc
	close sync.Once
}

// job is one call of Write. The writer claims it before it runs, so that a caller that gave up knows whether it was.
type job struct {
	f       func(*sql.Tx) error
	claimed atomic.Bool
	err     error
	panic   any
	done    chan struct{}
}

// OpenDB opens or makes the database file (mode 0600) and migrates it with the goose SQL files in migrations, or in its
// folder "migrations". The table of the audit chain is made beside them. A file that a newer version has migrated is
// refused.
func OpenDB(ctx context.Context, path string, migrations fs.FS) (*DB, error) {
	if err := makeFile(path); err != nil {
		return nil, err
	}
	write, err := openSQLite(path, "_txlock=immediate", 1)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, write, migrations); err != nil {
		write.Close()
		return nil, fmt.Errorf("database %q: %w", path, err)
	}
	read, err := openSQLite(path, "_pragma=query_only(1)", max(4, 2*runtime.GOMAXPROCS(0)))
	if err != nil {
		write.Close()
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	db := &DB{read: read, write: write, queue: make(chan *job, maxGroup), done: make(chan struct{}), stop: stop}
	go db.run(running)
	return db, nil
}

// makeFile makes an empty file that only we can read, and repairs the mode of one that exists. SQLite gives its journal
// the same mode. A symbolic link is refused: it may point out of the directory that is protected.
func makeFile(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
		if err != nil {
			return err
		}
		return f.Close()
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("database %q is not a regular file", path)
	case info.Mode().Perm() != 0o600:
		return os.Chmod(path, 0o600)
	}
	return nil
}

func openSQLite(path, extra string, conns int) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// Deleted values are overwritten, and no temporary file ever holds any.
	dsn := (&url.URL{Scheme: "file", Path: abs}).String() + "?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(FULL)&_pragma=secure_delete(1)&_pragma=temp_store(MEMORY)&_pragma=foreign_keys(1)" +
		"&_pragma=trusted_schema(0)&" + extra
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	if err := db.Ping(); err != nil {
		db.Close()
		return nil, fmt.Errorf("database %q: %w", path, err)
	}
	return db, nil
}

func migrate(ctx context.Context, db *sql.DB, migrations fs.FS) error {
	if _, err := db.ExecContext(ctx, auditSchema); err != nil {
		return err
	}
	if found, err := fs.Glob(migrations, "*.sql"); err != nil {
		return err
	} else if len(found) == 0 {
		if migrations, err = fs.Sub(migrations, "migrations"); err != nil {
			return err
		}
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	current, target, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if current > target {
		return fmt.Errorf("schema version %d is newer than this program's %d", current, target)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	return nil
}

// Read is the pool for reading. It cannot write.
func (db *DB) Read() *sql.DB { return db.read }

// Write runs f in a transaction that may be shared with other writers; if f fails only its own changes are undone. It
// returns when the changes are on disk.
//
// f MUST NOT commit, roll back or call Write. It MUST bear to be run again: when another writer's failure takes the shared
// transaction down, f runs once more in one of its own, and only the last run counts. f runs on another goroutine than the
// caller's. If ctx ends before f was begun, f never runs; after that Write waits for the outcome.
func (db *DB) Write(ctx context.Context, f func(tx *sql.Tx) error) error {
	j := &job{f: f, done: make(chan struct{})}
	select {
	case db.queue <- j:
	case <-ctx.Done():
		return ctx.Err()
	case <-db.done:
		return ErrClosed
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		if j.claimed.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		<-j.done
	case <-db.done:
		if j.claimed.CompareAndSwap(false, true) {
			return ErrClosed
		}
		<-j.done
	}
	if j.panic != nil {
		panic(j.panic)
	}
	return j.err
}

// run is the writer. While it commits one group the next one gathers in the queue.
func (db *DB) run(ctx context.Context) {
	defer close(db.done)
	purge := time.NewTicker(purgeEvery)
	defer purge.Stop()
	dirty := false
	for {
		select {
		case j := <-db.queue:
			db.commit(j)
			dirty = true
		case <-purge.C:
			if dirty && db.purge() == nil {
				dirty = false
			}
		case <-ctx.Done():
			for {
				select {
				case j := <-db.queue:
					db.commit(j)
				default:
					return
				}
			}
		}
	}
}

// purge moves the journal into the database and empties it: pages that hold deleted values leave the disk. A reader in
// the way is not waited for; the next round will do.
func (db *DB) purge() error {
	var busy, log, moved int
	if err := db.write.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return errors.New("journal is in use")
	}
	return nil
}

// Purge makes what was deleted leave the disk now, instead of within two minutes.
func (db *DB) Purge(ctx context.Context) error {
	// The pool has one connection, so that this waits for the writer's transaction and it for us.
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var busy, log, moved int
	if err := conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return errors.New("journal is in use")
	}
	return nil
}

// commit runs first and what else is waiting in one transaction.
func (db *DB) commit(first *job) {
	group, broken := db.transact(first, true)
	if broken != nil {
		// One writer took the transaction down with it. The others were not at fault: each gets one of its own.
		for _, j := range group {
			if single, err := db.transact(j, false); err != nil && len(single) > 0 {
				j.err = err
			}
			close(j.done)
		}
		return
	}
	for _, j := range group {
		close(j.done)
	}
}

// transact runs first, and with share what else is waiting, in one transaction. It finishes the jobs that failed by
// themselves and returns the others: committed, or undone if broken is not nil.
func (db *DB) transact(first *job, share bool) (group []*job, broken error) {
	if share && !first.claimed.CompareAndSwap(false, true) {
		return nil, nil
	}
	ctx := context.Background()
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		first.err = err
		return []*job{first}, nil
	}
	// The first job needs no savepoint: if it fails, the whole transaction holds nothing else.
	first.run(tx)
	if first.failed() {
		tx.Rollback()
		return []*job{first}, nil
	}
	group = append(group, first)
	for share && len(group) < maxGroup {
		var j *job
		select {
		case j = <-db.queue:
		default:
			share = false
			continue
		}
		if !j.claimed.CompareAndSwap(false, true) {
			continue
		}
		if _, err := tx.ExecContext(ctx, "SAVEPOINT writer"); err != nil {
			tx.Rollback()
			return append(group, j), err
		}
		j.run(tx)
		if j.failed() {
			_, err1 := tx.ExecContext(ctx, "ROLLBACK TO writer")
			_, err2 := tx.ExecContext(ctx, "RELEASE writer")
			close(j.done)
			if err := errors.Join(err1, err2); err != nil {
				tx.Rollback()
				return group, err
			}
			continue
		}
		if _, err := tx.ExecContext(ctx, "RELEASE writer"); err != nil {
			tx.Rollback()
			return append(group, j), err
		}
		group = append(group, j)
	}
	if err := tx.Commit(); err != nil {
		tx.Rollback()
		return group, err
	}
	return group, nil
}

func (j *job) run(tx *sql.Tx) {
	j.err, j.panic = nil, nil
	defer func() {
		if v := recover(); v != nil {
			j.panic = v
		}
	}()
	j.err = j.f(tx)
}

func (j *job) failed() bool { return j.err != nil || j.panic != nil }

// Close finishes the writes that are waiting and closes the store.
func (db *DB) Close() error {
	var err error
	db.close.Do(func() {
		db.stop()
		<-db.done
		perr := db.purge()
		if perr != nil && perr.Error() == "journal is in use" {
			perr = nil
		}
		err = errors.Join(perr, db.read.Close(), db.write.Close())
	})
	return err
}
