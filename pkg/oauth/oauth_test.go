package oauth

import (
	"net/http/httptest"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	for _, test := range []struct {
		name      string
		err       Error
		status    int
		body      string
		challenge string
	}{
		{"default status", Error{Code: InvalidGrant}, 400, `{"error":"invalid_grant"}`, ""},
		{"description", Error{Status: 400, Code: InvalidProof, Description: "proof 2: no nonce"}, 400,
			`{"error":"invalid_proof","error_description":"proof 2: no nonce"}`, ""},
		{"unauthorized", Error{Status: 401, Code: InvalidToken, Description: "a\"b\r\nc"}, 401,
			`{"error":"invalid_token","error_description":"a_b__c"}`,
			`Bearer error="invalid_token", error_description="a_b__c"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			test.err.Write(w)
			if w.Code != test.status || w.Body.String() != test.body {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Body, test.status, test.body)
			}
			if got := w.Header().Get("WWW-Authenticate"); got != test.challenge {
				t.Errorf("challenge %q, want %q", got, test.challenge)
			}
			if got := w.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control %q", got)
			}
		})
	}
}

func TestParseError(t *testing.T) {
	e := ParseError(400, []byte(`{"error":"invalid_grant","error_description":"no\u001b[31m way"}`))
	if e.Code != InvalidGrant || e.Description != "no_[31m way" || e.Status != 400 {
		t.Errorf("got %+v", e)
	}
	for _, body := range []string{"", "<html>", `[]`, `{"error":1}`, `{"error":"a","error":"b"}`, `{"Error":"invalid_grant"}`} {
		if e := ParseError(500, []byte(body)); e.Code != "" || e.Status != 500 {
			t.Errorf("%q: got %+v", body, e)
		}
	}
	if e := ParseError(400, []byte(`{"error":"`+strings.Repeat("x", 10000)+`"}`)); len(e.Code) > maxError {
		t.Errorf("code of %d bytes", len(e.Code))
	}
}

func FuzzParseError(f *testing.F) {
	f.Add([]byte(`{"error":"invalid_grant","error_description":"x"}`))
	f.Add([]byte(`{"error":"é\n"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e := ParseError(400, body)
		w := httptest.NewRecorder()
		e.Write(w)
		if again := ParseError(400, w.Body.Bytes()); *again != *e {
			t.Errorf("%+v became %+v", e, again)
		}
	})
}
