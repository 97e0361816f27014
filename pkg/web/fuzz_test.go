package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func FuzzReadJSON(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{"a":1,"a":2}`, `{}`, `[`, `{"b":{"c":[1,"x",null]}}`, `{"a":1} x`, "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		var v map[string]any
		if !ReadJSON(w, r, 1<<16, &v) {
			if w.Code != http.StatusBadRequest && w.Code != http.StatusRequestEntityTooLarge {
				t.Fatalf("refused with %d", w.Code)
			}
			return
		}
		if !json.Valid(body) {
			t.Fatalf("%q is taken for JSON", body)
		}
	})
}

func FuzzReadForm(f *testing.F) {
	for _, s := range []string{"a=1&b=2", "a=1&a=2", "%zz", "", "a=%00", ";", "state=x&vp_token=%7B%7D"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		form, status := ReadForm(httptest.NewRecorder(), r, 1<<16)
		if status != 0 {
			if status != http.StatusBadRequest && status != http.StatusRequestEntityTooLarge {
				t.Fatalf("refused with %d", status)
			}
			return
		}
		for name, values := range form {
			if len(values) != 1 {
				t.Fatalf("%q is there %d times", name, len(values))
			}
		}
		again, err := url.ParseQuery(url.Values(form).Encode())
		if err != nil || len(again) != len(form) {
			t.Fatalf("%q: written and read again: %v", body, err)
		}
	})
}
