package issuer

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/sdjwt"
	"github.com/zegel-id/zegel/pkg/trust"
)

// untrustedIssuer: our own wallet stops at our own issuer as soon as the registry does not carry it.
func untrustedIssuer(t *testing.T) {
	w := newTown(t)
	offered, _ := w.offer(OfferRequest{TxCode: true})
	var tokens atomic.Int64
	inner := w.issuer.Handler()
	w.handler.Lock()
	w.handler.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/token") {
			tokens.Add(1)
		}
		inner.ServeHTTP(rw, r)
	})
	w.handler.Unlock()
	d := did.DID(w.cfg.Tenants[0].DID)
	good := *w.source
	document := *good.documents[d]
	for name, change := range map[string]func(s *source, doc *did.Document){
		"no accreditation": func(s *source, doc *did.Document) { s.accreditations = nil },
		"accreditation for another type": func(s *source, doc *did.Document) {
			s.accreditations = append([]trust.Accreditation{}, s.accreditations...)
			s.accreditations[0].Types = []string{"urn:zegel:other:1"}
		},
		"accreditation ended": func(s *source, doc *did.Document) {
			s.accreditations = append([]trust.Accreditation{}, s.accreditations...)
			s.accreditations[0].Withdrawn = &trust.Withdrawal{At: w.clock.now().Add(-time.Hour)}
		},
		"no service": func(s *source, doc *did.Document) { doc.Services = nil },
		"service of another path": func(s *source, doc *did.Document) {
			doc.Services = []did.Service{{ID: "x", Type: did.ServiceIssuer, Endpoint: w.base() + "/"}}
		},
		"service of another type": func(s *source, doc *did.Document) {
			doc.Services = []did.Service{{ID: "x", Type: did.ServiceVerifier, Endpoint: w.base()}}
		},
		"key not in the document": func(s *source, doc *did.Document) {
			doc.Methods = []did.VerificationMethod{{ID: string(d) + "#issuer", Key: jose.JWK{Key: newKey(t).Public()}, Purposes: []did.Purpose{did.AssertionMethod}}}
		},
		"deactivated": func(s *source, doc *did.Document) { doc.Deactivated = true },
		"no anchor":   func(s *source, doc *did.Document) { s.anchors = nil },
	} {
		changed, doc := good, document
		changed.documents = map[did.DID]*did.Document{d: &doc}
		change(&changed, &doc)
		wallet := w.wallet()
		wallet.Policy = func(ctx context.Context, registry string) (*trust.Policy, error) {
			return &trust.Policy{Source: &changed, DIDs: did.NewRegistry(&changed)}, nil
		}
		if _, err := wallet.Open(t.Context(), offered.URI); !errors.Is(err, openid4vci.ErrIssuerUntrusted) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := tokens.Load(); n != 0 {
		t.Errorf("%d token calls", n)
	}
	wallet := w.wallet()
	o, err := wallet.Open(t.Context(), offered.URI)
	if err != nil {
		t.Fatalf("control: %v", err)
	}
	if _, err := wallet.Redeem(t.Context(), o, offered.TxCode); err != nil {
		t.Errorf("control: %v", err)
	}
}

// refusedNonces: an issuer that refuses 5 % of good nonces, and a wallet that gets all its credentials all the same.
func refusedNonces(t *testing.T) {
	w := newTown(t)
	inner := w.issuer.Handler()
	var calls, refused atomic.Int64
	w.handler.Lock()
	w.handler.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/credential") && calls.Add(1)%20 == 0 {
			refused.Add(1)
			refuse("invalid_nonce", "test mode").Write(rw)
			return
		}
		inner.ServeHTTP(rw, r)
	})
	w.handler.Unlock()
	const issuances, workers = 1000, 20
	keys := newKeys(t, 1)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			wallet := w.wallet()
			for range issuances / workers {
				offered, err := w.issuer.Offer(t.Context(), "voorbeeldstad", "test", OfferRequest{ConfigurationIDs: []string{PersonalData}, Subject: "voorbeeld-1"})
				if err != nil {
					t.Error(err)
					return
				}
				o, err := wallet.Open(t.Context(), offered.URI)
				if err != nil {
					t.Error(err)
					return
				}
				g, err := wallet.Redeem(t.Context(), o, "")
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := wallet.Request(t.Context(), o, g, PersonalData, keys); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var issued int
	if err := w.issuer.db.Read().QueryRow("SELECT COUNT(*) FROM credential").Scan(&issued); err != nil {
		t.Fatal(err)
	}
	if issued != issuances || refused.Load() < issuances/20 {
		t.Errorf("%d of %d issued, %d refused", issued, issuances, refused.Load())
	}
}

const indexEnv = "ZEGEL_TEST_INDICES"

// TestIndexWriter is not a test: it is the issuer that STL-10 kills. It prints what it has given out, after it is on disk.
func TestIndexWriter(t *testing.T) {
	dir := os.Getenv(indexEnv)
	if dir == "" {
		t.Skip("only as a process of STL-10")
	}
	db, err := office.OpenDB(t.Context(), filepath.Join(dir, "issuer.db"), migrations)
	if err != nil {
		t.Fatal(err)
	}
	i := &Issuer{db: db}
	tn := &tenant{Tenant: Tenant{ID: "t"}, base: "https://i.example/issuer/t", wake: make(chan struct{}, 1), ready: make(chan struct{}), lists: map[int64][]uint32{}}
	if err := i.loadLists(t.Context(), tn); err != nil {
		t.Fatal(err)
	}
	var more sync.Mutex
	grow := func() error {
		more.Lock()
		defer more.Unlock()
		needed, err := i.needsList(t.Context(), tn)
		if err != nil || !needed {
			return err
		}
		if err := i.newList(t.Context(), tn); err != nil {
			return err
		}
		return db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec("UPDATE list SET state = ?", listActive)
			return err
		})
	}
	out := make(chan string, 64)
	for range 16 {
		go func() {
			for {
				var taken *indices
				err := db.Write(context.Background(), func(tx *sql.Tx) (err error) {
					taken, err = i.take(tx, tn, defaultBatch)
					return err
				})
				if err == nil && taken.low || errors.Is(err, ErrUnavailable) {
					err = grow()
				}
				if err != nil {
					out <- "error " + err.Error()
					return
				}
				if taken != nil {
					line := strconv.FormatInt(taken.list, 10)
					for _, index := range taken.all {
						line += " " + strconv.FormatUint(index, 10)
					}
					out <- line
				}
			}
		}()
	}
	for line := range out {
		fmt.Println("given " + line)
	}
}

// indicesOnce: 100,000 indices by 16 workers, with kill -9 in between.
func indicesOnce(t *testing.T) {
	dir := t.TempDir()
	const total, kills = 100_000, 5
	seen := map[string]bool{}
	var order []float64
	for round := 1; round <= kills+1; round++ {
		ctx, kill := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestIndexWriter$", "-test.v")
		cmd.Env = append(os.Environ(), indexEnv+"="+dir)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			rest, ok := strings.CutPrefix(lines.Text(), "given ")
			if !ok {
				continue
			}
			if strings.HasPrefix(rest, "error") {
				t.Fatal(rest)
			}
			parts := strings.Fields(rest)
			for _, index := range parts[1:] {
				name := parts[0] + " " + index
				if seen[name] {
					t.Fatalf("entry %s was given out twice", name)
				}
				seen[name] = true
				n, err := strconv.Atoi(index)
				if err != nil {
					t.Fatal(err)
				}
				order = append(order, float64(n)/listSize)
			}
			if len(order) >= total*round/(kills+1) {
				kill() // SIGKILL
			}
		}
		kill()
		cmd.Wait()
	}
	if len(order) < total {
		t.Fatalf("%d indices", len(order))
	}
	looksRandom(t, order)
}

// looksRandom does the runs test and an order test (neighbours that ascend). Each fails for a random order once in 10,000
// times; a counter or a sorted batch fails always.
func looksRandom(t *testing.T, order []float64) {
	t.Helper()
	const limit = 3.9
	above, below, runs, ascents := 0.0, 0.0, 1.0, 0.0
	for k, v := range order {
		if v >= 0.5 {
			above++
		} else {
			below++
		}
		if k > 0 {
			if (v >= 0.5) != (order[k-1] >= 0.5) {
				runs++
			}
			if v > order[k-1] {
				ascents++
			}
		}
	}
	n := above + below
	mean := 2*above*below/n + 1
	z := (runs - mean) / math.Sqrt((mean-1)*(mean-2)/(n-1))
	if math.Abs(z) > limit {
		t.Errorf("runs test: z = %.1f", z)
	}
	z = (ascents - (n-1)/2) / math.Sqrt((n+1)/12)
	if math.Abs(z) > limit {
		t.Errorf("order test: z = %.1f", z)
	}
}

// salts: what the issuer puts out holds no salt twice, and the order of digests does not follow the claims. It signs
// copies directly, as the credential endpoint does.
func salts(t *testing.T) {
	w := newTown(t)
	tn := w.issuer.tenants["voorbeeldstad"]
	p, err := readPerson(tn.subjects["voorbeeld-1"].Claims)
	if err != nil {
		t.Fatal(err)
	}
	key := &jose.JWK{Key: newKey(t).Public()}
	const copies = 10_000
	seen := make(map[string]bool, 12*copies)
	first := map[int]int{} // at which place the digest of the first disclosure stands
	digests := map[int]int{}
	for n := range copies {
		compact, err := tn.sign(p, key, day(w.clock.now()), tn.listURI(1), uint64(n))
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(strings.TrimSuffix(compact, "~"), "~")
		for _, disclosure := range parts[1:] {
			raw, err := base64.RawURLEncoding.DecodeString(disclosure)
			if err != nil {
				t.Fatal(err)
			}
			var fields []any
			if err := jose.Unmarshal(raw, &fields); err != nil {
				t.Fatal(err)
			}
			salt := fields[0].(string)
			if bytes, err := base64.RawURLEncoding.DecodeString(salt); err != nil || len(bytes) < 16 {
				t.Fatalf("salt of %d bytes, %v", len(bytes), err)
			}
			if seen[salt] {
				t.Fatal("a salt twice")
			}
			seen[salt] = true
		}
		s, err := sdjwt.Parse(compact)
		if err != nil {
			t.Fatal(err)
		}
		payload, err := s.Payload()
		if err != nil {
			t.Fatal(err)
		}
		sd := payload["_sd"].([]any)
		digests[len(sd)]++
		only, err := s.Select([]sdjwt.Path{{"birthdate"}})
		if err != nil {
			t.Fatal(err)
		}
		want := sdjwtDigest(strings.Split(only.String(), "~")[1])
		for place, d := range sd {
			if d == want {
				first[place]++
			}
		}
	}
	// Four claims at the top and two to five decoys: every place is taken by birthdate now and then, none much more.
	if len(digests) != maxDecoys-minDecoys+1 || len(first) != 4+maxDecoys {
		t.Errorf("%v digests, birthdate at places %v", digests, first)
	}
	for place := range 4 + minDecoys {
		if first[place] < copies/20 || first[place] > copies/4 {
			t.Errorf("birthdate at place %d: %d of %d times", place, first[place], copies)
		}
	}
}
