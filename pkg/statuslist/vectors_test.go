package statuslist

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/pkg/jose"
)

type expectation struct {
	File    string           `json:"json_file"`
	Bits    int              `json:"bits"`
	Entries uint64           `json:"entries"`
	Status  map[string]uint8 `json:"status"`
	List    string           `json:"lst"`
}

func readVector(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "token-status-list", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func loadExpectations(t *testing.T) map[string]expectation {
	t.Helper()
	var file struct {
		Lists map[string]expectation `json:"lists"`
	}
	if err := json.Unmarshal([]byte(readVector(t, "expected.json")), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Lists) == 0 {
		t.Fatal("no vectors")
	}
	return file.Lists
}

// bytesLine finds the packed bytes that some files show above the encoding.
var bytesLine = regexp.MustCompile(`byte_array = \[([^\]]*)\]`)

func TestVectors(t *testing.T) {
	for name, want := range loadExpectations(t) {
		text := readVector(t, want.File)
		// The text of the specification breaks long lines.
		var encoded struct {
			Bits int    `json:"bits"`
			List string `json:"lst"`
		}
		joined := strings.NewReplacer("\n", "", " ", "").Replace(text[strings.Index(text, "{"):])
		if err := json.Unmarshal([]byte(joined), &encoded); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if encoded.List != want.List || encoded.Bits != want.Bits {
			t.Errorf("%s: the files disagree", name)
		}
		packed, err := jose.DecodeBase64(want.List)
		if err != nil {
			t.Fatal(err)
		}
		token := SignedToken{bits: want.Bits, packed: packed}
		if err := token.inflate(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkList(t, name, token.List, want)

		// The same list built by ourselves has the same bytes.
		made, err := New(want.Bits, want.Entries)
		if err != nil {
			t.Fatal(err)
		}
		for index, status := range want.Status {
			i, err := strconv.ParseUint(index, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			if err := made.Set(i, Status(status)); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(made.Bytes(), token.List.Bytes()) {
			t.Errorf("%s: our bytes differ", name)
		}
		if m := bytesLine.FindStringSubmatch(text); m != nil {
			var shown []byte
			for _, h := range strings.Split(m[1], ",") {
				b, err := strconv.ParseUint(strings.TrimSpace(h), 0, 8)
				if err != nil {
					t.Fatal(err)
				}
				shown = append(shown, byte(b))
			}
			if !slices.Equal(shown, made.Bytes()) {
				t.Errorf("%s: bytes %x, want %x", name, made.Bytes(), shown)
			}
		}
	}
}

func checkList(t *testing.T, name string, list *List, want expectation) {
	t.Helper()
	if list.Bits() != want.Bits || list.Len() != want.Entries {
		t.Fatalf("%s: %d entries of %d bits", name, list.Len(), list.Bits())
	}
	others := 0
	for i := range list.Len() {
		got, err := list.Get(i)
		if err != nil {
			t.Fatal(err)
		}
		if got != Status(want.Status[strconv.FormatUint(i, 10)]) {
			t.Errorf("%s: entry %d is %d", name, i, got)
		}
		if got != Valid {
			others++
		}
	}
	expected := 0
	for s := range maps.Values(want.Status) {
		if s != 0 {
			expected++
		}
	}
	if others != expected {
		t.Errorf("%s: %d entries are not valid, want %d", name, others, expected)
	}
}

// The example of a whole token; the specification does not give its key.
func TestTokenVector(t *testing.T) {
	raw := strings.ReplaceAll(strings.TrimSpace(readVector(t, "status_list_jwt_raw.txt")), "\n", "")
	token, err := ParseToken(raw)
	if err != nil {
		t.Fatal(err)
	}
	if h := token.Header(); h.Algorithm != "ES256" || h.KeyID != "12" || h.Type != "statuslist+jwt" {
		t.Errorf("header %+v", h)
	}
	if token.URI != "https://example.com/statuslists/1" || token.IssuedAt.Unix() != 1686920170 || token.Expires.Unix() != 2291720170 || token.TTL != 12*time.Hour {
		t.Errorf("token %+v", token.Token)
	}
	checkList(t, "token", token.List, loadExpectations(t)["1-bit short"])
}
