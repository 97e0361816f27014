//go:build unix

package wallet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sys/unix"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/openid4vci"
	"github.com/zegel-id/zegel/pkg/openid4vp"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

// benchCopies is how many copies of each card the benchmarks' wallets hold.
const benchCopies = 10

// bench makes a wallet with cards on the real disk, closed.
func bench(b *testing.B, cards int, costs kdf) Options {
	b.Helper()
	o := diskOptions(filepath.Join(b.TempDir(), "wallet"))
	o.costs = costs
	w, err := Create(b.Context(), o, Setup{Secret: testPIN, Dev: true})
	if err != nil {
		b.Fatal(err)
	}
	fill(b, w, cards)
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return o
}

// TestFill makes a wallet of many cards for the benchmarks of the window; by itself it does nothing.
func TestFill(t *testing.T) {
	dir := os.Getenv("ZEGEL_FILL_WALLET")
	if dir == "" {
		t.Skip("started by other benchmarks only")
	}
	cards, err := strconv.Atoi(os.Getenv("ZEGEL_FILL_CARDS"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := Create(t.Context(), Options{Dir: dir, Now: time.Now}, Setup{Secret: testPIN, Dev: true})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, w, cards)
	mustClose(t, w)
}

// fill receives cards as a municipality issues them.
func fill(b testing.TB, w *Wallet, cards int) {
	b.Helper()
	issuer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	town := did.DID("did:zegel:proef:abcdefghijklmnopqrstuvwxyz")
	chain := [][]byte{make([]byte, 600)} // as long as a leaf
	for i := range cards {
		subject := map[string]any{
			"given_name": "Canarina", "family_name": canaryName, "birthdate": "2000-01-31",
			"address":           map[string]any{"locality": "Voorbeeldstad"},
			"age_equal_or_over": map[string]any{"12": true, "14": true, "16": true, "18": true, "21": true, "65": false},
		}
		r := &cardRecord{
			ID: randomID(), Type: fmt.Sprint(personType, "/", i), Config: "person", Source: "https://issuer.example/voorbeeldstad",
			Names:   []openid4vci.Display{{Name: fmt.Sprint("Persoonsgegevens ", i), Locale: "nl-NL"}, {Name: fmt.Sprint("Personal data ", i), Locale: "en"}},
			Issuer:  issuerRecord{DID: town, Name: "Gemeente Voorbeeldstad", Registered: true},
			Subject: subject, Claims: subject, Received: noon.Add(time.Duration(i) * time.Minute), Expires: noon.AddDate(0, 6, 0), Checked: noon, Status: "valid",
			Colour: "#1b3a6b",
		}
		for _, path := range []sdjwt.Path{{"given_name"}, {"family_name"}, {"birthdate"}, {"address", "locality"}, {"age_equal_or_over", "18"}} {
			r.ClaimNames = append(r.ClaimNames, claimName{path, []openid4vci.Display{{Name: "Naam van " + path.String(), Locale: "nl-NL"}, {Name: "Name of " + path.String(), Locale: "en"}}})
		}
		ages := map[string]any{}
		for age, v := range subject["age_equal_or_over"].(map[string]any) {
			ages[age] = sdjwt.Selective{Value: v}
		}
		var writes []write
		for range benchCopies {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			s, err := sdjwt.Issue(issuer, jose.Header{Type: "dc+sd-jwt", X5C: chain}, map[string]any{
				"iss": town, "vct": r.Type, "iat": noon.Unix(), "exp": r.Expires.Unix(), "cnf": map[string]any{"jwk": &jose.JWK{Key: &key.PublicKey}},
				"status":     map[string]any{"status_list": map[string]any{"idx": 4711, "uri": "https://issuer.example/lists/1"}},
				"given_name": sdjwt.Selective{Value: "Canarina"}, "family_name": sdjwt.Selective{Value: canaryName}, "birthdate": sdjwt.Selective{Value: "2000-01-31"},
				"address": map[string]any{"locality": sdjwt.Selective{Value: "Voorbeeldstad"}}, "age_equal_or_over": ages,
			}, 4)
			if err != nil {
				b.Fatal(err)
			}
			kept, err := newCopy(key, s)
			if err != nil {
				b.Fatal(err)
			}
			c := copyState{ID: randomID()}
			r.Copies = append(r.Copies, c)
			writes = append(writes, putCopy(r.ID, c.ID, kept))
		}
		w.mu.Lock()
		err := w.commit(b.Context(), append(writes, put(cardPrefix+r.ID, r), w.entry(Entry{Kind: "received", Party: r.Issuer.Name, Outcome: "ok"}))...)
		w.mu.Unlock()
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUnlock compares opening a wallet with the bare key derivation, in turns: in processor time, and on the clock,
// which has the waits for the disk in it (the try is counted durably before its outcome is known, and the count is reset
// after it). The write before runs beside the derivation, so what the clock has on top is the reset, some 3 ms where
// nobody else waits for the disk, and opening the database; both are the same for any number of cards. A machine whose
// processors are all taken moves it by a tenth either way.
func BenchmarkUnlock(b *testing.B) {
	for _, cards := range []int{10, 100, 1000} {
		b.Run(fmt.Sprint(cards, "-cards"), func(b *testing.B) {
			o := bench(b, cards, defaultKDF)
			var ratios, clock []float64
			for b.Loop() {
				began, used := time.Now(), cpu(b)
				argon2.IDKey([]byte(testPIN), make([]byte, 16), defaultKDF.Time, defaultKDF.Memory, defaultKDF.Threads, 32)
				bare, bareUsed := time.Since(began), cpu(b)-used
				began, used = time.Now(), cpu(b)
				w, err := Open(b.Context(), o, testPIN)
				if err != nil {
					b.Fatal(err)
				}
				ratios = append(ratios, (cpu(b)-used)/bareUsed)
				clock = append(clock, time.Since(began).Seconds()/bare.Seconds())
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(median(ratios), "ratio")
			b.ReportMetric(median(clock), "clock-ratio")
		})
	}
}

// BenchmarkList takes the time from an unlocked wallet to the list of its cards.
func BenchmarkList(b *testing.B) {
	const cards = 1000
	o := bench(b, cards, cheap)
	var times []float64
	for b.Loop() {
		w, err := Open(b.Context(), o, testPIN)
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		all, err := w.List(b.Context())
		if err != nil || len(all) != cards {
			b.Fatalf("%d cards, %v", len(all), err)
		}
		times = append(times, float64(time.Since(began).Microseconds())/1000)
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(median(times), "ms")
}

// BenchmarkPresentation compares building a presentation with one bare signature, in processor time. Building is reading a
// copy that was not read before out of the store, choosing what to disclose, and binding it to the exchange with the
// copy's key. The two take turns one by one, since nobody shows a thousand cards in a row: a row of signatures alone runs
// faster than any one of them. The durable write before anything is sent is another figure.
func BenchmarkPresentation(b *testing.B) {
	o := bench(b, 10, cheap)
	bare, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	request := openid4vp.Request{ClientID: "x509_hash:Q1XKOTgHvNRgpLLTyiX7wEeGBE1cTAXDkyLFwM4Gfkg", Nonce: "AAAAAAAAAAAAAAAAAAAAAA"}
	paths := []sdjwt.Path{{"age_equal_or_over", "18"}}
	digest := sha256.Sum256([]byte("x"))
	var ratios []float64
	for b.Loop() {
		w, err := Open(b.Context(), o, testPIN)
		if err != nil {
			b.Fatal(err)
		}
		records, err := w.records()
		if err != nil {
			b.Fatal(err)
		}
		built, signed := 0.0, 0.0
		for _, r := range records {
			for _, c := range r.Copies {
				start := cpu(b)
				if _, err := w.present(r, c.ID, paths, request); err != nil {
					b.Fatal(err)
				}
				middle := cpu(b)
				if _, err := ecdsa.SignASN1(rand.Reader, bare, digest[:]); err != nil {
					b.Fatal(err)
				}
				built, signed = built+middle-start, signed+cpu(b)-middle
			}
		}
		ratios = append(ratios, built/signed)
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(median(ratios), "ratio")
}

// BenchmarkCommit takes the time of the durable write that goes before each presentation, in a wallet of 100 cards.
func BenchmarkCommit(b *testing.B) {
	w, err := Open(b.Context(), bench(b, 100, cheap), testPIN)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	records, err := w.records()
	if err != nil {
		b.Fatal(err)
	}
	var times []float64
	for n := 0; b.Loop(); n++ {
		r := records[n%len(records)]
		r.Copies[n/len(records)%benchCopies].Used = true
		began := time.Now()
		w.mu.Lock()
		err := w.commit(b.Context(), put(cardPrefix+r.ID, r), w.entry(Entry{Kind: "shared", Party: "Gemeente Voorbeeldstad", Outcome: "network"}))
		w.mu.Unlock()
		if err != nil {
			b.Fatal(err)
		}
		times = append(times, float64(time.Since(began).Microseconds())/1000)
	}
	b.ReportMetric(median(times), "ms")
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// cpu returns the seconds of processor time that this process has used, its garbage collection included.
func cpu(b *testing.B) float64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return float64(t.Nano()) / 1e9
}
