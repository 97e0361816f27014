package sdjwt

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/zegel-id/zegel/pkg/jose"
)

// held lays an SD-JWT out, stores it and reads it again.
func held(t *testing.T, s *SDJWT) *Held {
	t.Helper()
	h, err := s.Hold()
	if err != nil {
		t.Fatal(err)
	}
	again, err := DecodeHeld(h.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if !alike(h, again) {
		t.Fatalf("stored %+v\nread %+v", h.places, again.places)
	}
	if h.String() != s.compact {
		t.Fatalf("holds %q of %q", h, s.compact)
	}
	return again
}

func alike(a, b *Held) bool {
	end := func(p, q place) bool { return p.end == q.end }
	return bytes.Equal(a.Encode(), b.Encode()) && slices.EqualFunc(a.places, b.places, end)
}

func TestHeld(t *testing.T) {
	issuer, holder := newKey(t), newKey(t)
	s, err := Issue(issuer, jose.Header{Type: "dc+sd-jwt"}, person(), 2)
	if err != nil {
		t.Fatal(err)
	}
	h := held(t, s)
	kb := KeyBinding{Audience: "a", Nonce: "n", IssuedAt: now}
	selected, err := h.Select([]Path{{"address", "locality"}})
	if err != nil {
		t.Fatal(err)
	}
	shown, err := selected.Bind(holder, kb)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(shown)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := p.Claims()
	if err != nil || claims["given_name"] != nil || !reflect.DeepEqual(claims["address"], map[string]any{"country": "NL", "locality": "Voorbeeldstad"}) {
		t.Errorf("%v, %v", claims, err)
	}
	if err := p.VerifySignature(&issuer.PublicKey); err != nil {
		t.Error(err)
	}
	if err := p.VerifyKeyBinding(&holder.PublicKey, Expect{Audience: "a", Nonce: "n", Now: now}); err != nil {
		t.Error(err)
	}
	if _, err := h.Select([]Path{{"absent"}}); err == nil {
		t.Error("showed what is not there")
	}
	// What holds no good SD-JWT cannot be laid out: a disclosure without a digest.
	bad, err := Parse(s.String() + encode(t, `["salt","x",1]`) + "~")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bad.Hold(); !errors.Is(err, ErrDisclosure) {
		t.Errorf("%v", err)
	}
}

// FuzzDecodeHeld reads what a damaged disk could return: no panic, nothing that does not end, and what is read can be asked
// for anything and reads the same again.
func FuzzDecodeHeld(f *testing.F) {
	s, err := Issue(newKey(f), jose.Header{Type: "dc+sd-jwt"}, person(), 1)
	if err != nil {
		f.Fatal(err)
	}
	h, err := s.Hold()
	if err != nil {
		f.Fatal(err)
	}
	good := h.Encode()
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte{})
	small := (&Held{alg: algSHA256, jwt: []byte("j"), disclosures: [][]byte{[]byte("d")}, places: []place{
		{kind: kindObject, disclosure: -1}, {name: []byte("a"), kind: kindArray, disclosure: 0}, {above: 1, kind: kindObject, disclosure: -1},
		{above: 2, name: []byte("b"), disclosure: -1}, {above: 1, disclosure: -1}, {name: []byte("c"), disclosure: -1},
	}}).Encode()
	f.Add(small)
	for i := len(small) - 24; i < len(small); i++ {
		bad := slices.Clone(small)
		bad[i]++
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := DecodeHeld(data)
		if err != nil {
			if !errors.Is(err, jose.ErrMalformed) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		for i, p := range h.places {
			if p.end <= i || i > 0 && (p.above >= i || h.places[p.above].end < p.end) {
				t.Fatalf("place %d: %+v", i, p)
			}
		}
		for _, path := range []Path{{"a"}, {"a", nil}, {"a", 0, "b"}, {"a", nil, "b"}, {"address", "locality"}, {"c"}} {
			h.needed([]Path{path})
		}
		again, err := DecodeHeld(h.Encode())
		if err != nil || !alike(h, again) {
			t.Fatalf("%+v\n%+v, %v", h, again, err)
		}
	})
}
