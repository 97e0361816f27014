package fetch

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestReason(t *testing.T) {
	err := (&Client{}).Check("http://zegel.example.org/")
	if !errors.Is(err, ErrRefused) || Reason(err) == "" || strings.Contains(Reason(err), ErrRefused.Error()) {
		t.Errorf("%v: %q", err, Reason(err))
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{"https://zegel.example.org/x?y=z", "http://localhost:1/", "https://user@host/", "https://host/#f", "//host", "https://", "javascript:x", "https://[::1]:8/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		for _, c := range []*Client{{}, {Loopback: true}} {
			err := c.Check(raw)
			if err != nil {
				if !errors.Is(err, ErrRefused) {
					t.Fatalf("%q: %v is no refusal", raw, err)
				}
				continue
			}
			u, err := url.Parse(raw)
			if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
				t.Fatalf("%q passes", raw)
			}
			if u.Scheme != "https" && !(c.Loopback && u.Scheme == "http") {
				t.Fatalf("%q passes with scheme %q", raw, u.Scheme)
			}
		}
	})
}
