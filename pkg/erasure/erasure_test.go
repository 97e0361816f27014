package erasure

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/sdjwt"
)

var noon = time.Date(2026, 11, 10, 12, 0, 0, 0, time.UTC)

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func thumbprint(t testing.TB, key crypto.Signer) string {
	t.Helper()
	s, err := (&jose.JWK{Key: key.Public()}).Thumbprint()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sample(holder string) *Receipt {
	return &Receipt{
		Verifier: "did:zegel:voorbeeld:balie", Session: "SESSION", Time: noon, Holder: holder, Claims: []sdjwt.Path{{"age_equal_or_over", "18"}},
		Purpose: map[string]string{"nl": "Nagaan of u 18 bent.", "en": "To check that you are 18."}, Accreditation: "over-18",
		ValuesUntil: noon.Add(10 * time.Minute), OutcomeUntil: noon.AddDate(0, 0, 90), Endpoint: "https://balie.example.org/verifier/voorbeeldstad/erasure",
	}
}

func received(t testing.TB, r *Receipt, by crypto.Signer) *Receipt {
	t.Helper()
	compact, err := r.Sign(by, jose.Header{KeyID: "did:zegel:voorbeeld:balie#key-1"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseReceipt(compact)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestRoundTrip(t *testing.T) {
	verifier, holder := newKey(t), newKey(t)
	r := received(t, sample(thumbprint(t, holder)), verifier)
	if diff := cmp.Diff(sample(thumbprint(t, holder)), r, cmpopts.IgnoreUnexported(Receipt{})); diff != "" {
		t.Error(diff)
	}
	if err := r.Verify(verifier.Public()); err != nil {
		t.Error(err)
	}
	if err := r.Verify(holder.Public()); !errors.Is(err, ErrProof) {
		t.Errorf("receipt of another: %v", err)
	}
	compact, err := SignRequest(holder, r, "CHALLENGE", noon)
	if err != nil {
		t.Fatal(err)
	}
	req, err := ParseRequest(compact)
	if err != nil {
		t.Fatal(err)
	}
	if err := req.Verify(r.Endpoint, verifier.Public()); err != nil || req.Challenge != "CHALLENGE" {
		t.Errorf("%+v, %v", req, err)
	}
	for outcome, change := range map[Outcome]func(*Answer){
		Erased: func(*Answer) {}, NothingKept: func(*Answer) {},
		Refused:    func(a *Answer) { a.LegalBasis, a.Until = "Voorbeeldwet, artikel 1", noon.AddDate(1, 0, 0) },
		InProgress: func(a *Answer) { a.Until = noon.AddDate(0, 1, 0) },
	} {
		a := req.Answer(outcome, noon)
		change(a)
		signed, err := a.Sign(verifier, jose.Header{KeyID: "x"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseAnswer(signed)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, got, cmpopts.IgnoreUnexported(Answer{})); diff != "" {
			t.Error(diff)
		}
		if err := got.Verify(verifier.Public(), r); err != nil {
			t.Errorf("%s: %v", outcome, err)
		}
		if err := got.Verify(holder.Public(), r); !errors.Is(err, ErrProof) {
			t.Errorf("%s signed by another: %v", outcome, err)
		}
		other := sample(thumbprint(t, holder))
		other.Session = "ANOTHER"
		if err := got.Verify(verifier.Public(), received(t, other, verifier)); !errors.Is(err, ErrProof) {
			t.Errorf("%s about another receipt: %v", outcome, err)
		}
	}
}

// TestNotTheHolder: a receipt proves nothing but with its own key, at its own place, and under its own type.
func TestNotTheHolder(t *testing.T) {
	verifier, holder, thief := newKey(t), newKey(t), newKey(t)
	r := received(t, sample(thumbprint(t, holder)), verifier)
	if _, err := SignRequest(thief, r, "C", noon); !errors.Is(err, ErrProof) {
		t.Errorf("signed with another key: %v", err)
	}
	forge := func(key crypto.Signer, jwk crypto.PublicKey, kind string, change func(map[string]any)) string {
		t.Helper()
		p := map[string]any{"aud": r.Endpoint, "challenge": "C", "iat": noon.Unix(), "receipt": r.Compact()}
		if change != nil {
			change(p)
		}
		body, _ := json.Marshal(p)
		s, err := jose.SignJWS(key, jose.Header{Type: kind, JWK: &jose.JWK{Key: jwk}}, body)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good := forge(holder, holder.Public(), RequestType, nil)
	for name, c := range map[string]struct {
		compact  string
		verifier crypto.PublicKey
		want     error
	}{
		"key of a thief":         {forge(thief, thief.Public(), RequestType, nil), verifier.Public(), ErrProof},
		"jwk of the holder only": {forge(thief, holder.Public(), RequestType, nil), verifier.Public(), ErrProof},
		"other endpoint":         {forge(holder, holder.Public(), RequestType, func(p map[string]any) { p["aud"] = "https://elders.example/erasure" }), verifier.Public(), ErrProof},
		"receipt by a stranger":  {good, thief.Public(), ErrProof},
		"typ of a receipt":       {forge(holder, holder.Public(), ReceiptType, nil), verifier.Public(), ErrMalformed},
		"typ of a key binding":   {forge(holder, holder.Public(), "kb+jwt", nil), verifier.Public(), ErrMalformed},
		"no challenge":           {forge(holder, holder.Public(), RequestType, func(p map[string]any) { delete(p, "challenge") }), verifier.Public(), ErrMalformed},
		"no receipt":             {forge(holder, holder.Public(), RequestType, func(p map[string]any) { p["receipt"] = "" }), verifier.Public(), ErrMalformed},
		"date below zero":        {forge(holder, holder.Public(), RequestType, func(p map[string]any) { p["iat"] = -1 }), verifier.Public(), ErrMalformed},
		"date with a fraction":   {forge(holder, holder.Public(), RequestType, func(p map[string]any) { p["iat"] = 1.5 }), verifier.Public(), ErrMalformed},
		"too large":              {strings.Repeat("a", MaxRequest+1), verifier.Public(), ErrMalformed},
	} {
		req, err := ParseRequest(c.compact)
		if err == nil {
			err = req.Verify(r.Endpoint, c.verifier)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	req, err := ParseRequest(good)
	if err != nil || req.Verify(r.Endpoint, verifier.Public()) != nil {
		t.Errorf("control: %v", err)
	}
}

func TestReceiptsThatDoNotParse(t *testing.T) {
	key := newKey(t)
	base := sample(thumbprint(t, key)).payload()
	for name, change := range map[string]func(*receiptPayload){
		"no session":        func(p *receiptPayload) { p.Session = "" },
		"no verifier":       func(p *receiptPayload) { p.Issuer = "" },
		"short thumbprint":  func(p *receiptPayload) { p.Confirmation.Thumbprint = "AAAA" },
		"no claims":         func(p *receiptPayload) { p.Claims = nil },
		"too many claims":   func(p *receiptPayload) { p.Claims = make([]sdjwt.Path, maxClaims+1) },
		"long purpose":      func(p *receiptPayload) { p.Purpose = map[string]string{"nl": strings.Repeat("x", maxText+1)} },
		"endpoint: scheme":  func(p *receiptPayload) { p.Endpoint = "file:///etc" },
		"endpoint: user":    func(p *receiptPayload) { p.Endpoint = "https://u@balie.example.org/" },
		"endpoint: query":   func(p *receiptPayload) { p.Endpoint = "https://balie.example.org/?a=b" },
		"endpoint: missing": func(p *receiptPayload) { p.Endpoint = "" },
		"date after 9999":   func(p *receiptPayload) { p.OutcomeUntil = maxDate + 1 },
	} {
		p := base
		change(&p)
		body, _ := json.Marshal(p)
		compact, err := jose.SignJWS(key, jose.Header{Type: ReceiptType}, body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseReceipt(compact); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, p := range map[string]answerPayload{
		"refusal without basis":     {Outcome: Refused, Until: 5},
		"refusal without date":      {Outcome: Refused, LegalBasis: "x"},
		"erased with a reason":      {Outcome: Erased, LegalBasis: "x"},
		"in progress for ever":      {Outcome: InProgress},
		"an outcome nobody defined": {Outcome: "maybe"},
	} {
		p.Issuer, p.Session, p.Challenge, p.Receipt = "did:zegel:a:b", "S", "C", thumbprint(t, key)
		body, _ := json.Marshal(p)
		compact, err := jose.SignJWS(key, jose.Header{Type: AnswerType}, body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseAnswer(compact); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAsk(t *testing.T) {
	verifier, holder := newKey(t), newKey(t)
	var answer func(*Request) string
	status, challenge := 200, "FRESH"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.Write([]byte(`{"challenge":"` + challenge + `","expires_in":300}`))
			return
		}
		body := make([]byte, r.ContentLength)
		r.Body.Read(body)
		req, err := ParseRequest(string(body))
		if err != nil || r.Header.Get("Content-Type") != MediaType {
			t.Errorf("%v %v", r.Header, err)
			return
		}
		if status != 200 {
			w.WriteHeader(status)
			return
		}
		w.Write([]byte(answer(req)))
	}))
	defer server.Close()
	r := sample(thumbprint(t, holder))
	r.Endpoint = server.URL + "/erasure"
	r = received(t, r, verifier)
	c := &Client{Fetch: &fetch.Client{Loopback: true}, Now: func() time.Time { return noon }}
	reply := func(change func(*Answer)) func(*Request) string {
		return func(q *Request) string {
			a := q.Answer(NothingKept, noon)
			change(a)
			s, err := a.Sign(verifier, jose.Header{})
			if err != nil {
				t.Error(err)
			}
			return s
		}
	}
	answer = reply(func(*Answer) {})
	a, err := c.Ask(t.Context(), holder, r)
	if err != nil || a.Outcome != NothingKept || a.Verify(verifier.Public(), r) != nil {
		t.Fatalf("%+v, %v", a, err)
	}
	// The answer of an earlier time is no answer now.
	answer = reply(func(a *Answer) { a.Challenge = "OLD" })
	if _, err := c.Ask(t.Context(), holder, r); !errors.Is(err, ErrProof) {
		t.Errorf("answer to another challenge: %v", err)
	}
	answer = func(*Request) string { return "x" }
	if _, err := c.Ask(t.Context(), holder, r); !errors.Is(err, ErrMalformed) {
		t.Errorf("no answer at all: %v", err)
	}
	for code, want := range map[int]error{400: ErrDenied, 404: ErrDenied, 429: ErrUnavailable, 503: ErrUnavailable} {
		if status = code; true {
			if _, err := c.Ask(t.Context(), holder, r); !errors.Is(err, want) {
				t.Errorf("%d: %v", code, err)
			}
		}
	}
	challenge = ""
	if _, err := c.Ask(t.Context(), holder, r); !errors.Is(err, ErrMalformed) {
		t.Errorf("no challenge: %v", err)
	}
}

// fuzz parses, encodes and parses again.
func fuzz(f *testing.F, kind string, parse func(string) error) {
	f.Fuzz(func(t *testing.T, payload []byte) {
		compact, err := jose.SignJWS(fuzzKey, jose.Header{Type: kind, JWK: &jose.JWK{Key: fuzzKey.Public()}}, payload)
		if err != nil {
			t.Fatal(err)
		}
		if err := parse(compact); err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatalf("error of no kind: %v", err)
		}
	})
}

var fuzzKey, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)

func FuzzReceipt(f *testing.F) {
	body, _ := json.Marshal(sample(thumbprint(f, fuzzKey)).payload())
	f.Add(body)
	f.Add([]byte(`{"claims":[[null,0,"a"]]}`))
	fuzz(f, ReceiptType, func(s string) error {
		r, err := ParseReceipt(s)
		if err != nil {
			return err
		}
		again, err := r.Sign(fuzzKey, jose.Header{})
		if err != nil {
			return err
		}
		r2, err := ParseReceipt(again)
		if err == nil && !cmp.Equal(r, r2, cmpopts.IgnoreUnexported(Receipt{}), cmpopts.EquateEmpty()) {
			return errors.New(cmp.Diff(r, r2, cmpopts.IgnoreUnexported(Receipt{})))
		}
		return err
	})
}

func FuzzRequest(f *testing.F) {
	r := received(f, sample(thumbprint(f, fuzzKey)), fuzzKey)
	body, _ := json.Marshal(requestPayload{r.Endpoint, "C", 1, r.compact})
	f.Add(body)
	fuzz(f, RequestType, func(s string) error {
		q, err := ParseRequest(s)
		if err == nil {
			_ = q.Verify(q.Audience, fuzzKey.Public())
		}
		return err
	})
}

func FuzzAnswer(f *testing.F) {
	body, _ := json.Marshal(answerPayload{"did:zegel:a:b", "S", "C", thumbprint(f, fuzzKey), 1, Refused, "x", 2})
	f.Add(body)
	fuzz(f, AnswerType, func(s string) error {
		a, err := ParseAnswer(s)
		if err != nil {
			return err
		}
		again, err := a.Sign(fuzzKey, jose.Header{})
		if err != nil {
			return err
		}
		a2, err := ParseAnswer(again)
		if err == nil && !cmp.Equal(a, a2, cmpopts.IgnoreUnexported(Answer{})) {
			return errors.New("not equal")
		}
		return err
	})
}
