package office

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
)

var testMigrations = fstest.MapFS{"00001_things.sql": {Data: []byte(`-- +goose Up
CREATE TABLE things (id TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
`)}}

func openTest(t testing.TB) (*DB, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "office.db")
	db, err := OpenDB(context.Background(), path, testMigrations)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, path
}

func put(db *DB, id, value string) error {
	return db.Write(context.Background(), func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO things VALUES (?,?)", id, value)
		return err
	})
}

func count(t testing.TB, db *DB) (n int) {
	t.Helper()
	if err := db.Read().QueryRow("SELECT count(*) FROM things").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWriteGroups(t *testing.T) {
	db, _ := openTest(t)
	const writers = 200
	var wg sync.WaitGroup
	var failed atomic.Int64
	for i := range writers {
		wg.Go(func() {
			err := db.Write(context.Background(), func(tx *sql.Tx) error {
				if _, err := tx.Exec("INSERT INTO things VALUES (?,?)", fmt.Sprint(i), "x"); err != nil {
					return err
				}
				if i%5 == 0 {
					return errors.New("changed my mind")
				}
				return nil
			})
			if (err != nil) != (i%5 == 0) {
				t.Errorf("writer %d: %v", i, err)
			}
			if err != nil {
				failed.Add(1)
			}
		})
	}
	wg.Wait()
	if n := count(t, db); n != writers-int(failed.Load()) {
		t.Errorf("%d rows, %d writers failed", n, failed.Load())
	}
}

// A writer that takes the shared transaction down must not take the others' changes with it.
func TestWriteSurvivesBrokenGroup(t *testing.T) {
	db, _ := openTest(t)
	hold, held := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		err := db.Write(context.Background(), func(tx *sql.Tx) error {
			select {
			case <-held:
			default:
				close(held)
				<-hold
			}
			_, err := tx.Exec("INSERT INTO things VALUES ('first','x')")
			return err
		})
		if err != nil {
			t.Errorf("first: %v", err)
		}
	})
	<-held
	broken := make(chan error, 1)
	wg.Go(func() {
		broken <- db.Write(context.Background(), func(tx *sql.Tx) error {
			tx.Exec("ROLLBACK")
			return errors.New("rolled everything back")
		})
	})
	for i := range 5 {
		wg.Go(func() {
			if err := put(db, fmt.Sprint(i), "x"); err != nil {
				t.Errorf("bystander %d: %v", i, err)
			}
		})
	}
	for len(db.queue) < 6 {
		runtime.Gosched() // the queue has no event to wait for
	}
	close(hold)
	wg.Wait()
	if err := <-broken; err == nil {
		t.Error("the breaking writer got no error")
	}
	if n := count(t, db); n != 6 {
		t.Errorf("%d rows, want 6", n)
	}
}

func TestWritePanicReachesCaller(t *testing.T) {
	db, _ := openTest(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		db.Write(context.Background(), func(tx *sql.Tx) error {
			tx.Exec("INSERT INTO things VALUES ('a','b')")
			panic("office: internal error")
		})
	}()
	if count(t, db) != 0 {
		t.Error("a panicking writer left a row")
	}
	if err := put(db, "a", "b"); err != nil {
		t.Error(err)
	}
}

func TestWriteAfterCancelAndClose(t *testing.T) {
	db, path := openTest(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	ran := false
	err := db.Write(ctx, func(*sql.Tx) error { ran = true; return nil })
	if err != nil && ran {
		t.Error("an error was returned for a write that ran")
	}
	if err := put(db, "kept", "x"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := put(db, "late", "x"); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
	again, err := OpenDB(context.Background(), path, testMigrations)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if count(t, again) != 1 {
		t.Error("the row is gone")
	}
}

func TestOpenDB(t *testing.T) {
	db, path := openTest(t)
	if err := put(db, "a", "b"); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(path + "*")
	if len(files) < 2 {
		t.Fatalf("files %q: no journal", files)
	}
	for _, f := range files {
		if info, _ := os.Stat(f); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f, info.Mode())
		}
	}
	if _, err := db.Read().Exec("INSERT INTO things VALUES ('x','y')"); err == nil {
		t.Error("the reading pool wrote")
	}
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "secure_delete": "1", "foreign_keys": "1"} {
		var got string
		if err := db.write.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", pragma, got, err, want)
		}
	}
	db.Close()

	newer := fstest.MapFS{"00001_things.sql": testMigrations["00001_things.sql"],
		"00002_more.sql": {Data: []byte("-- +goose Up\nALTER TABLE things ADD COLUMN more TEXT;\n")}}
	db2, err := OpenDB(context.Background(), path, newer)
	if err != nil {
		t.Fatal(err)
	}
	db2.Close()
	if _, err := OpenDB(context.Background(), path, testMigrations); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("older program on a newer file: %v", err)
	}

	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDB(context.Background(), link, newer); err == nil {
		t.Error("a symbolic link was opened")
	}
	bad := fstest.MapFS{"00001_bad.sql": {Data: []byte("-- +goose Up\nCREATE TABEL;\n")}}
	if _, err := OpenDB(context.Background(), filepath.Join(t.TempDir(), "bad.db"), bad); err == nil {
		t.Error("a bad migration passed")
	}
}

func TestDeletedValuesLeaveTheDisk(t *testing.T) {
	db, path := openTest(t)
	canary := "Canary Testpersoon " + strings.Repeat("z", 40)
	if err := put(db, "a", canary); err != nil {
		t.Fatal(err)
	}
	found := func() bool {
		files, _ := filepath.Glob(path + "*")
		for _, f := range files {
			if data, _ := os.ReadFile(f); strings.Contains(string(data), canary) {
				return true
			}
		}
		return false
	}
	if !found() {
		t.Fatal("control: the value is not on disk")
	}
	err := db.Write(context.Background(), func(tx *sql.Tx) error {
		_, err := tx.Exec("DELETE FROM things")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Purge(context.Background()); err != nil {
		t.Fatal(err)
	}
	if found() {
		t.Error("the deleted value is still on disk")
	}
}

func benchmarkWrites(b *testing.B, write func(i int64) error) {
	var n atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := write(n.Add(1)); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	b.Run("group", func(b *testing.B) {
		db, _ := openTest(b)
		benchmarkWrites(b, func(i int64) error { return put(db, fmt.Sprint(i), "x") })
	})
	b.Run("single", func(b *testing.B) {
		db, _ := openTest(b)
		benchmarkWrites(b, func(i int64) error {
			tx, err := db.write.Begin()
			if err != nil {
				return err
			}
			if _, err := tx.Exec("INSERT INTO things VALUES (?,?)", fmt.Sprint(i), "x"); err != nil {
				return err
			}
			return tx.Commit()
		})
	})
}
