package registry

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/web"
)

func (n *Node) getProof(w http.ResponseWriter, r *http.Request) {
	from, err := number(r, "from", 0, maxHeight)
	if err != nil {
		n.fail(w, err)
		return
	}
	keys, err := proofKeys(r.URL.Query()["key"])
	if err != nil {
		n.fail(w, err)
		return
	}
	begun := time.Now()
	b, err := n.prove(r.Context(), keys, from)
	if err != nil {
		n.fail(w, err)
		return
	}
	n.proofTime.Observe(time.Since(begun).Seconds())
	raw, err := ledger.Encode(b)
	if err != nil {
		n.fail(w, err)
		return
	}
	if len(raw) > ledger.MaxBundleSize {
		n.fail(w, badQuestion("the answer would be too large; ask for fewer keys"))
		return
	}
	// What is newest is so for a moment; the way to ask again is the same question.
	w.Header().Set("Cache-Control", "public, no-cache")
	send(w, "application/cbor", raw)
}

func proofKeys(params []string) ([][]byte, error) {
	var keys [][]byte
	seen := map[string]bool{}
	for _, p := range params {
		for s := range strings.SplitSeq(p, ",") {
			k, err := hex.DecodeString(s)
			if err != nil || len(k) == 0 || len(k) > maxKeySize || seen[string(k)] {
				return nil, badQuestion(fmt.Sprintf("key %d is not one of 1 to %d bytes in hex, or is there twice", len(keys), maxKeySize))
			}
			seen[string(k)] = true
			if keys = append(keys, k); len(keys) > ledger.MaxProofKeys {
				return nil, badQuestion(fmt.Sprintf("more than %d keys", ledger.MaxProofKeys))
			}
		}
	}
	if len(keys) == 0 {
		return nil, badQuestion("no key")
	}
	return keys, nil
}

func (n *Node) getLight(w http.ResponseWriter, r *http.Request) {
	height, err := strconv.ParseInt(mux.Vars(r)["height"], 10, 64)
	if err != nil {
		n.fail(w, errNone)
		return
	}
	newest := n.app.state.snapshot().height
	if height == 0 {
		height = newest
	}
	if height > newest || height == 0 {
		n.fail(w, errNone)
		return
	}
	lb, err := n.lights.get(n, height)
	if err != nil {
		n.fail(w, err)
		return
	}
	// The newest block has the signatures that this node saw in time. More may come.
	keep := "public, max-age=1"
	if lb.final && r.URL.Path != "/v1/light/0" {
		keep = "public, max-age=31536000, immutable"
	}
	w.Header().Set("Cache-Control", keep)
	send(w, "application/protobuf", lb.raw)
}

func (n *Node) getChanges(w http.ResponseWriter, r *http.Request) {
	after, err := number(r, "after", 0, maxHeight)
	if err != nil {
		n.fail(w, err)
		return
	}
	if strings.Contains(r.Header.Get("Accept"), eventStream) {
		n.streamChanges(w, r, after)
		return
	}
	var c ledger.Changes
	err = n.waitFor(w, r, &n.polls, func() (bool, <-chan struct{}) {
		var stir <-chan struct{}
		c, stir = n.app.feed.changes(after)
		return c.Height > after, stir
	})
	if err != nil {
		n.fail(w, err)
		return
	}
	// The newest header that a proof can hang on: the newest there is.
	c.Proven = c.Height
	web.WriteJSON(w, http.StatusOK, c)
}

const (
	eventStream = "text/event-stream"
	// streamIdle is how long a stream is silent at most, so that whoever is in between keeps it open and a reader that
	// has gone is noticed.
	streamIdle = 10 * time.Second
)

// streamChanges sends an event for each new block (HTML, "Server-sent events"). A reader that comes back says with
// Last-Event-ID how far it is.
func (n *Node) streamChanges(w http.ResponseWriter, r *http.Request, after int64) {
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		v, err := strconv.ParseInt(last, 10, 64)
		if err != nil || v < 0 || v > maxHeight {
			n.fail(w, badQuestion("Last-Event-ID is a height"))
			return
		}
		after = v
	}
	leave, err := n.streams.enter()
	if err != nil {
		n.fail(w, err)
		return
	}
	defer leave()
	flush := web.Stream(w, eventStream)
	// The reader knows that it is connected before there is news.
	if _, err := io.WriteString(w, ": changes\n\n"); err != nil || flush() != nil {
		return
	}
	idle := time.NewTicker(streamIdle)
	defer idle.Stop()
	for {
		c, stir := n.app.feed.changes(after)
		if c.Height > after {
			c.Proven, after = c.Height, c.Height
			data, err := json.Marshal(c)
			if err != nil {
				return
			}
			if _, err := fmt.Fprintf(w, "id: %d\nevent: changes\ndata: %s\n\n", c.Height, data); err != nil || flush() != nil {
				return
			}
			continue
		}
		select {
		case <-stir:
		case <-idle.C:
			if _, err := io.WriteString(w, ": \n\n"); err != nil || flush() != nil {
				return
			}
		case <-web.Stopping(r.Context()):
			return
		case <-n.closed:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// room counts questions that wait, up to a bound. Streams, polls for changes and polls for a transaction each have their
// own, so that those who only watch cannot keep out those who write.
type room struct{ taken atomic.Int64 }

// enter takes a place; leave must be called to give it back. Error: [errBusy].
func (m *room) enter() (leave func(), err error) {
	if m.taken.Add(1) > maxWaiting {
		m.taken.Add(-1)
		return nil, errBusy
	}
	return func() { m.taken.Add(-1) }, nil
}

// waitFor asks until the answer is there, the caller's parameter wait is over, or anybody goes away. Only errBusy and
// bad parameters are errors.
func (n *Node) waitFor(w http.ResponseWriter, r *http.Request, m *room, ask func() (bool, <-chan struct{})) error {
	seconds, err := number(r, "wait", 0, int64(maxWait/time.Second))
	if err != nil {
		return err
	}
	done, stir := ask()
	if done || seconds == 0 {
		return nil
	}
	leave, err := m.enter()
	if err != nil {
		return err
	}
	defer leave()
	wait := time.Duration(seconds) * time.Second
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wait + 10*time.Second)) // without a server, as in tests, there is none
	over := time.NewTimer(wait)
	defer over.Stop()
	for {
		select {
		case <-stir:
		case <-over.C:
			return nil
		case <-web.Stopping(r.Context()):
			return nil
		case <-n.closed:
			return nil
		case <-r.Context().Done():
			return r.Context().Err()
		}
		if done, stir = ask(); done {
			return nil
		}
	}
}
