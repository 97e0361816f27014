package registry

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	dbm "github.com/cosmos/iavl/db"
)

// Deleting old states takes memory for what is deleted, not for the most that could be.
func TestTrimIsFrugal(t *testing.T) {
	db, err := dbm.NewDB("registry", "goleveldb", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s, err := openState(db)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}()
	for i := range 10 {
		if _, err := s.stage(map[string][]byte{fmt.Sprint(i): []byte("x")}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.save(time.Unix(int64(i), 0)); err != nil {
			t.Fatal(err)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := s.trim(8); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if s.first() != 9 {
		t.Errorf("the oldest state is %d", s.first())
	}
	const most = 32 << 20
	if used := after.TotalAlloc - before.TotalAlloc; used > most {
		t.Errorf("%d MiB for ten small states", used>>20)
	}
}
