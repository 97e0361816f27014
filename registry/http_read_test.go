package registry

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/mux"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// The description has exactly the routes that the node has.
func TestOpenAPI(t *testing.T) {
	var api struct {
		Paths map[string]map[string]struct {
			Summary    string
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(openAPI, &api); err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for path, methods := range api.Paths {
		for method, op := range methods {
			described[strings.ToUpper(method)+" "+path] = true
			if op.Summary == "" {
				t.Errorf("%s %s: no summary", method, path)
			}
			for _, p := range op.Parameters {
				if p.In == "path" && !strings.Contains(path, "{"+p.Name+"}") {
					t.Errorf("%s: no %q in the path", path, p.Name)
				}
			}
		}
	}
	_, n, _ := newNode(t, newWorld(t, 1))
	r := mux.NewRouter()
	n.routes(r)
	err := r.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := route.GetMethods()
		if err != nil {
			return fmt.Errorf("%s: %v", path, err)
		}
		for at := strings.Index(path, ":"); at >= 0; at = strings.Index(path, ":") {
			// {name:pattern} is {name} outside; patterns hold braces of their own, in pairs.
			end, open := at, 1
			for ; open > 0; end++ {
				switch path[end] {
				case '{':
					open++
				case '}':
					open--
				}
			}
			path = path[:at] + path[end-1:]
		}
		key := methods[0] + " " + path
		if !described[key] {
			t.Errorf("%s is not described", key)
		}
		delete(described, key)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range described {
		t.Errorf("%s is described and not there", key)
	}
}

// header asks with a header and returns the answer with its body read.
func header(t testing.TB, url, name, value string) (*http.Response, []byte) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if name != "" {
		q.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

// What is shown is what is proven at the same height.
func TestReads(t *testing.T) {
	w := newWorld(t, 1)
	_, n, srv := newNode(t, w)
	m := w.members[0]
	uris := []string{"https://voorbeeldstad.example/lists/1", "https://voorbeeldstad.example/lists/2", "https://voorbeeldstad.example/lists/3"}
	write(t, srv.URL, m.sign(t, w.accreditation(m.did, "over-18", trust.Ask)))
	write(t, srv.URL, m.sign(t, w.accreditation(m.did, "cards", trust.Issue)))
	write(t, srv.URL, m.sign(t, w.list(uris[0], 1)))
	write(t, srv.URL, m.sign(t, w.list(uris[1], 2)))
	write(t, srv.URL, m.sign(t, w.list(uris[2], 1)))
	write(t, srv.URL, m.sign(t, setting(uris[0], 900, 1)))
	last := write(t, srv.URL, m.sign(t, setting(uris[1], 7, 2)))
	network, err := n.Network([]string{srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	proven := read(t, srv.URL, network, ledger.KeyMembers(), ledger.KeyParameters(), ledger.KeyStops(), ledger.KeyProposals())

	t.Run("members", func(t *testing.T) {
		var got struct {
			of
			Members []ledger.MemberHint
		}
		getJSON(t, srv.URL+"/v1/members", &got)
		want, err := proven.Members()
		if err != nil || len(got.Members) != 1 || got.Members[0] != want[0].Hint() || got.Height < last.Height || got.Time == "" {
			t.Errorf("%+v, proven %+v, %v", got, want, err)
		}
	})
	t.Run("parameters", func(t *testing.T) {
		var got struct{ Parameters ledger.ParametersHint }
		getJSON(t, srv.URL+"/v1/parameters", &got)
		want, err := proven.Parameters()
		if err != nil || want == nil || got.Parameters != ledger.ParametersHint(*want) || want.Lists == 0 {
			t.Errorf("%+v, proven %+v, %v", got, want, err)
		}
	})
	t.Run("nothing yet", func(t *testing.T) {
		for path, want := range map[string]string{"/v1/stops": `"stops":[]`, "/v1/proposals": `"proposals":[]`} {
			if status, body := fetch(t, srv.URL+path); status != 200 || !bytes.Contains(body, []byte(want)) {
				t.Errorf("%s: %d %s", path, status, body)
			}
		}
		// The proof of absence says the same from the outside.
		if stops, err := proven.Stops(); err != nil || len(stops) != 0 {
			t.Errorf("stops %v, %v", stops, err)
		}
		if ids, err := proven.ProposalIDs(); err != nil || len(ids) != 0 {
			t.Errorf("proposals %v, %v", ids, err)
		}
	})
	t.Run("accreditations", func(t *testing.T) {
		var got struct {
			Accreditations []ledger.AccreditationHint
		}
		getJSON(t, srv.URL+"/v1/accreditations/"+string(m.did), &got)
		if len(got.Accreditations) != 2 || got.Accreditations[1].ID != "over-18" || string(got.Accreditations[1].Claims[0]) != `["age_equal_or_over","18"]` || got.Accreditations[1].Purpose["nl"] == "" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("did", func(t *testing.T) {
		resp, body := header(t, srv.URL+"/v1/dids/"+string(m.did), "", "")
		var got struct {
			Document struct{ ID string } `json:"didDocument"`
			Metadata struct {
				VersionID string `json:"versionId"`
			} `json:"didDocumentMetadata"`
		}
		if err := json.Unmarshal(body, &got); err != nil || resp.StatusCode != 200 || got.Document.ID != string(m.did) || got.Metadata.VersionID != "1" {
			t.Errorf("%d %s %v", resp.StatusCode, body, err)
		}
		resp, body = header(t, srv.URL+"/v1/dids/"+string(m.did), "Accept", "application/did+ld+json")
		var doc struct{ ID string }
		if err := json.Unmarshal(body, &doc); err != nil || doc.ID != string(m.did) || resp.Header.Get("Content-Type") != "application/did+ld+json" {
			t.Errorf("%s %s %v", resp.Header, body, err)
		}
		for accept, want := range map[string]int{
			"image/png": 406, "text/html, image/*;q=0.5": 406, "application/did+ld+json;profile=x": 200, "text/html,*/*;q=0.1": 200, "application/json": 200, "Application/*": 200,
		} {
			resp, body := header(t, srv.URL+"/v1/dids/"+string(m.did), "Accept", accept)
			if resp.StatusCode != want || (want == 406) != strings.Contains(string(body), "representationNotSupported") {
				t.Errorf("%s: %d %s", accept, resp.StatusCode, body)
			}
		}
	})
	t.Run("validators", func(t *testing.T) {
		var got struct{ Validators []ledger.ValidatorHint }
		getJSON(t, srv.URL+"/v1/validators", &got)
		if len(got.Validators) != 1 || got.Validators[0].Member != m.did || got.Validators[0].Name != "Gemeente 1" ||
			got.Validators[0].Signed == 0 || got.Validators[0].Signed != got.Validators[0].Blocks || got.Validators[0].Power != validatorPower {
			t.Errorf("%+v", got)
		}
	})
	t.Run("lists", func(t *testing.T) {
		var got struct {
			Total int
			Next  int64
			Lists []ledger.ListHint
		}
		getJSON(t, srv.URL+"/v1/lists?limit=2", &got)
		if got.Total != 3 || got.Next != 2 || len(got.Lists) != 2 || got.Lists[0].Used != 1 || got.Lists[1].Used != 1 || got.Lists[1].Bits != 2 || got.Lists[0].ID != ledger.ListID(uris[0]) {
			t.Errorf("%+v", got)
		}
		got.Next, got.Lists = 0, nil
		getJSON(t, srv.URL+"/v1/lists?from=2", &got)
		if got.Total != 3 || got.Next != 0 || len(got.Lists) != 1 || got.Lists[0].Used != 0 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("blocks", func(t *testing.T) {
		var got struct {
			Oldest int64
			Blocks []ledger.BlockHint
		}
		getJSON(t, srv.URL+fmt.Sprintf("/v1/blocks?before=%d&limit=3", last.Height+1), &got)
		if len(got.Blocks) != 3 || got.Oldest != 1 || got.Blocks[0].Height != last.Height || got.Blocks[0].Transactions != 1 || got.Blocks[0].Kinds[ledger.SetStatus] != 1 ||
			got.Blocks[0].Signed != 1 || got.Blocks[0].Validators != 1 || got.Blocks[2].Height != last.Height-2 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("kept and asked again", func(t *testing.T) {
		var tag string
		for range 5 { // a block may come in between
			resp, _ := header(t, srv.URL+"/v1/members", "", "")
			tag = resp.Header.Get("ETag")
			again, body := header(t, srv.URL+"/v1/members", "If-None-Match", `"x", W/`+tag)
			if again.StatusCode == http.StatusNotModified && len(body) == 0 && again.Header.Get("ETag") == tag {
				tag = ""
				break
			}
		}
		if tag != "" {
			t.Errorf("%s is never the newest", tag)
		}
		for path, want := range map[string]string{
			"/v1/light/1": "public, max-age=31536000, immutable", "/v1/light/0": "public, max-age=1",
			"/v1/members": "public, no-cache", "/v1/status": "no-store", "/v1/accreditations/did:zegel:test:none": "no-store",
		} {
			resp, _ := header(t, srv.URL+path, "", "")
			if got := resp.Header.Get("Cache-Control"); got != want {
				t.Errorf("%s: Cache-Control %q, want %q", path, got, want)
			}
		}
	})
	t.Run("bad questions", func(t *testing.T) {
		for path, want := range map[string]int{
			"/v1/accreditations/did:zegel:test:none":    404,
			"/v1/accreditations/did:web:example.com":    400,
			"/v1/accreditations/x":                      400,
			"/v1/accreditations/did:zegel:test:..%2f..": 404, // no such route
			"/v1/accreditations/did:zegel:test:A":       400,
			"/v1/proposals/" + strings.Repeat("0", 64):  404,
			"/v1/proposals/xyz":                         404,
			"/v1/lists?limit=101":                       400,
			"/v1/lists?from=-1":                         400,
			"/v1/lists?from=1000000":                    200,
			"/v1/blocks?limit=101":                      400,
			"/v1/blocks?before=x":                       400,
			"/v1/blocks?before=1":                       200,
			"/v1/blocks?before=4611686018427387903":     200,
			"/v1/dids/x":                                400,
			"/v1/dids/did:web:example.com":              501,
			"/v1/dids/did:zegel:test:none":              404,
			"/v1/dids/" + strings.Repeat("a", 5000):     400,
			"/v1/members/" + string(m.did):              404,
			"/v1/changes?after=1&wait=" + "26":          400,
		} {
			if status, body := fetch(t, srv.URL+path); status != want {
				t.Errorf("%.60s: status %d, want %d: %.200s", path, status, want, body)
			}
		}
	})
}

// stream reads events of changes.
type stream struct {
	t    testing.TB
	resp *http.Response
	in   *bufio.Scanner
	stop context.CancelFunc
}

func openStream(t testing.TB, url, lastID string) *stream {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		q.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); resp.Body.Close() })
	return &stream{t, resp, bufio.NewScanner(resp.Body), stop}
}

// next returns the next event; ok is false at the end of the stream.
func (s *stream) next() (id string, c ledger.Changes, ok bool) {
	s.t.Helper()
	var name string
	for s.in.Scan() {
		line := s.in.Text()
		key, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && name != "":
			if name != "changes" || id != fmt.Sprint(c.Height) {
				s.t.Fatalf("event %q with id %q: %+v", name, id, c)
			}
			return id, c, true
		case key == "id":
			id = value
		case key == "event":
			name = value
		case key == "data":
			if err := json.Unmarshal([]byte(value), &c); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	return "", c, false
}

func TestChangeStream(t *testing.T) {
	w := newWorld(t, 1)
	_, n, srv := newNode(t, w)
	m := w.members[0]
	key := fmt.Sprintf("%x", []byte(ledger.KeyAccreditations(m.did)))
	s := openStream(t, srv.URL+"/v1/changes?after=1", "")
	if got := s.resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("content type %q, status %d", got, s.resp.StatusCode)
	}
	first := write(t, srv.URL, m.sign(t, w.accreditation(m.did, "a", trust.Issue)))
	var id string
	for last := int64(1); ; {
		var c ledger.Changes
		var ok bool
		if id, c, ok = s.next(); !ok {
			t.Fatal("the stream ended")
		}
		if c.Height <= last || c.Gap {
			t.Fatalf("after %d: %+v", last, c)
		}
		if last = c.Height; slices.Contains(c.Keys, key) {
			break
		}
	}
	s.stop()
	second := write(t, srv.URL, m.sign(t, w.accreditation(m.did, "b", trust.Issue)))
	// The reader comes back with the last id, and hears what it missed.
	s = openStream(t, srv.URL+"/v1/changes?after=0", id)
	for seen := false; !seen; {
		_, c, ok := s.next()
		if !ok || c.Gap || c.Height < first.Height {
			t.Fatalf("%v %+v", ok, c)
		}
		seen = c.Height >= second.Height
		if seen && !slices.Contains(c.Keys, key) {
			t.Errorf("missed the change: %+v", c)
		}
	}
	for _, bad := range []string{"x", "-1", "9223372036854775807"} {
		if resp := openStream(t, srv.URL+"/v1/changes", bad).resp; resp.StatusCode != http.StatusBadRequest {
			t.Errorf("Last-Event-ID %q: status %d", bad, resp.StatusCode)
		}
	}
	// A node that stops ends its streams.
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, _, ok := s.next(); !ok {
			break
		}
	}
}

func TestMetrics(t *testing.T) {
	w := newWorld(t, 1)
	_, n, srv := newNode(t, w)
	m := w.members[0]
	const uri = "https://voorbeeldstad.example/lists/1"
	write(t, srv.URL, m.sign(t, w.accreditation(m.did, "cards", trust.Issue)))
	write(t, srv.URL, m.sign(t, w.list(uri, 1)))
	last := write(t, srv.URL, m.sign(t, setting(uri, 900, 1)))
	if status, a := post(t, srv.URL, m.try(t, ledger.Tx{Kind: ledger.Accredit, Accredit: w.accreditation(m.did, "cards", trust.Issue).Accredit, Sequence: 99})); status != 400 || a.Code != ledger.BadNonce {
		t.Fatalf("%d %+v", status, a)
	}
	read(t, srv.URL, mustNetwork(t, n), ledger.KeyMembers())
	values := map[string]string{}
	_, body := fetch(t, srv.URL+"/metrics")
	for line := range strings.Lines(string(body)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(line, "#") {
			values[strings.TrimPrefix(name, "zegel_registry_")] = value
		}
	}
	for name, want := range map[string]string{
		"validators": "1", "voting_power": fmt.Sprint(validatorPower), "voting_power_total": fmt.Sprint(validatorPower), "missed_blocks": "0",
		"members": "1", "open_proposals": "0", "lists": "1", "list_entries": "32768", "list_entries_set": "1", "peers": "0", "syncing": "0",
		`stop{grade="everything"}`: "0", `stop{grade="writes"}`: "0", `refused_total{code="4"}`: "1", `refused_total{code="12"}`: "0",
		"proof_seconds_count": "1", "transactions_total": "3", "block_oldest_height": "1",
	} {
		if values[name] != want {
			t.Errorf("%s is %q, want %q", name, values[name], want)
		}
	}
	for name := range gauges {
		if _, there := values[name]; !there {
			t.Errorf("no %s", name)
		}
	}
	if h := values["height"]; h < fmt.Sprint(last.Height) && len(h) <= len(fmt.Sprint(last.Height)) {
		t.Errorf("height %s", h)
	}
	// Labels come from lists in the code, whatever strangers send.
	if n := bytes.Count(body, []byte("\n")); n > 150 {
		t.Errorf("%d lines", n)
	}
}

func mustNetwork(t testing.TB, n *Node) *ledger.Network {
	t.Helper()
	network, err := n.Network([]string{"https://node.example"})
	if err != nil {
		t.Fatal(err)
	}
	return network
}
