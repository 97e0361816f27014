package web

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/pkg/jose"
)

// maxDigits bounds a number in JSON: nothing here needs more, and turning digits into a number is not linear work.
const maxDigits = 64

// Problem is an RFC 9457 problem, as the staff API answers errors (Dutch API design rules).
type Problem struct {
	Type     string `json:"type,omitempty"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Instance string `json:"instance,omitempty"` // error id
}

// Write sends the problem as application/problem+json with no-store.
func (p Problem) Write(w http.ResponseWriter) { write(w, p.Status, "application/problem+json", p) }

// WriteJSON sends v with the status and Cache-Control: no-store.
func WriteJSON(w http.ResponseWriter, status int, v any) { write(w, status, "application/json", v) }

func write(w http.ResponseWriter, status int, contentType string, v any) {
	var data bytes.Buffer
	enc := stdjson.NewEncoder(&data)
	// A link in a reply is copied by people: "&" stays as it is. The content type keeps a browser from reading HTML.
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("web: internal error: reply is not JSON: " + err.Error())
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(data.Bytes())
}

// ReadJSON reads a JSON body of at most limit bytes strictly into v (unknown members are an error) and answers 400, 413 or 415
// itself; ok tells whether the handler may go on. Numbers in an any become encoding/json's Number.
func ReadJSON(w http.ResponseWriter, r *http.Request, limit int64, v any) (ok bool) {
	body, status := readBody(w, r, limit, "application/json")
	if status == 0 && !decodeJSON(body, v) {
		status = http.StatusBadRequest
	}
	switch status {
	case 0:
		return true
	case http.StatusRequestEntityTooLarge:
		Problem{Title: "Body too large", Status: status}.Write(w)
	case http.StatusUnsupportedMediaType:
		Problem{Title: "Unsupported media type", Status: status, Detail: "send application/json"}.Write(w)
	default:
		Problem{Title: "Bad request", Status: status, Detail: "the body is not the JSON that this endpoint takes"}.Write(w)
	}
	return false
}

func decodeJSON(body []byte, v any) bool {
	if jose.CheckJSON(body) != nil || longNumber(body) {
		return false
	}
	return json.Unmarshal(body, v, json.RejectUnknownMembers(true), json.WithUnmarshalers(keepNumbers)) == nil
}

// keepNumbers leaves numbers without a type as written, so that none is rounded on its way.
var keepNumbers = json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *any) error {
	if dec.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	raw, err := dec.ReadValue()
	*v = stdjson.Number(raw)
	return err
})

// longNumber looks for a number beyond maxDigits in valid JSON.
func longNumber(data []byte) bool {
	inString, run := false, 0
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
			run = 0
		case !inString && (c >= '0' && c <= '9' || c == '.' || c == 'e' || c == 'E' || c == '-' || c == '+'):
			if run++; run > maxDigits {
				return true
			}
		default:
			run = 0
		}
	}
	return false
}

// ReadForm reads an application/x-www-form-urlencoded body of at most limit bytes. Repeated parameters are refused.
// status is 0, or the HTTP status to refuse with: 400, 413 or 415.
func ReadForm(w http.ResponseWriter, r *http.Request, limit int64) (form map[string][]string, status int) {
	body, status := readBody(w, r, limit, "application/x-www-form-urlencoded")
	if status != 0 {
		return nil, status
	}
	// Counting separators first keeps a body of a million empty parameters from becoming a map.
	text := string(body)
	if strings.Count(text, "&") >= maxParameters {
		return nil, http.StatusBadRequest
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, http.StatusBadRequest
	}
	for _, v := range values {
		if len(v) > 1 {
			return nil, http.StatusBadRequest
		}
	}
	return values, 0
}

// readBody reads at most limit bytes of the media type that is wanted.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, want string) (body []byte, status int) {
	types := r.Header.Values("Content-Type")
	if len(types) != 1 || r.Header.Get("Content-Encoding") != "" {
		return nil, http.StatusUnsupportedMediaType
	}
	if mt, _, err := mime.ParseMediaType(types[0]); err != nil || mt != want {
		return nil, http.StatusUnsupportedMediaType
	}
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close") // the body is not read
		return nil, http.StatusRequestEntityTooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, http.StatusRequestEntityTooLarge
	case err != nil:
		return nil, http.StatusBadRequest
	}
	return body, 0
}
