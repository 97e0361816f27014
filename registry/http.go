package registry

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cometbft/cometbft/mempool"
	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/web"
)

// routes is the node's interface, as pkg/ledger/wire.go describes it.
func (n *Node) routes(r *mux.Router) {
	get := func(path string, h http.HandlerFunc) { r.HandleFunc(path, h).Methods(http.MethodGet, http.MethodHead) }
	get("/v1/proof", n.getProof)
	get("/v1/light/{height:[0-9]{1,18}}", n.getLight)
	get("/v1/changes", n.getChanges)
	get("/v1/lists/{list:[0-9a-f]{64}}", n.getList)
	get("/v1/lists/{list:[0-9a-f]{64}}/hashes", n.getHashes)
	get("/v1/lists/{list:[0-9a-f]{64}}/chunks", n.getChunks)
	r.HandleFunc("/v1/tx", n.postTx).Methods(http.MethodPost)
	get("/v1/tx/{hash:[0-9a-f]{64}}", n.getTx)
	get("/v1/network", n.getNetwork)
	get("/v1/status", n.getStatus)
	get("/openapi.json", getOpenAPI)
	r.Handle("/healthz", web.Healthz()).Methods(http.MethodGet, http.MethodHead)
	r.Handle("/readyz", web.Readyz(n.ready, n.cfg.Logger)).Methods(http.MethodGet, http.MethodHead)
	r.Handle("/metrics", promhttp.HandlerFor(n.metrics(), promhttp.HandlerOpts{})).Methods(http.MethodGet, http.MethodHead)
}

// Limits of the interface.
const (
	maxWait    = 25 * time.Second
	maxWaiting = 1000 // questions that wait at the same time
	maxKeySize = 256
)

// Handler serves the node's HTTP interface. Paths begin with /v1/; mount it with http.StripPrefix.
func (n *Node) Handler() http.Handler {
	r := mux.NewRouter()
	n.routes(r)
	r.NotFoundHandler = problem(http.StatusNotFound, "Not found")
	r.MethodNotAllowedHandler = web.MethodNotAllowed(func(q *http.Request) bool {
		var match mux.RouteMatch
		return r.Match(q, &match) && match.MatchErr == nil
	})
	r.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if route := mux.CurrentRoute(r); route != nil {
				if t, err := route.GetPathTemplate(); err == nil {
					web.Route(r, t)
				}
			}
			// Everything here is public and holds for a moment.
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Access-Control-Allow-Origin", "*")
			next.ServeHTTP(w, r)
		})
	})
	return r
}

func problem(status int, title string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		web.Problem{Title: title, Status: status}.Write(w)
	})
}

// fail answers what went wrong with a question.
func (n *Node) fail(w http.ResponseWriter, err error) {
	var bad badQuestion
	switch {
	case errors.As(err, &bad):
		web.Problem{Title: "Bad request", Status: http.StatusBadRequest, Detail: string(bad)}.Write(w)
	case errors.Is(err, errNone):
		web.Problem{Title: "Not found", Status: http.StatusNotFound}.Write(w)
	case errors.Is(err, errGone):
		web.Problem{Title: "No longer kept", Status: http.StatusGone}.Write(w)
	case errors.Is(err, errNotYet), errors.Is(err, errBusy):
		w.Header().Set("Retry-After", "1")
		web.Problem{Title: "Not now", Status: http.StatusServiceUnavailable}.Write(w)
	case errors.Is(err, context.Canceled):
		// Nobody is there to read an answer.
	default:
		web.Internal(w, n.cfg.Logger, err)
	}
}

// badQuestion says what is wrong with the parameters.
type badQuestion string

func (b badQuestion) Error() string { return string(b) }

var errBusy = errors.New("too many questions wait")

// number reads a parameter; it is fallback when absent.
func number(r *http.Request, name string, fallback, most int64) (int64, error) {
	s := r.URL.Query().Get(name)
	if s == "" {
		return fallback, nil
	}
	v, err := strconv.ParseUint(s, 10, 63)
	if err != nil || int64(v) > most {
		return 0, badQuestion(fmt.Sprintf("%s is a number up to %d", name, most))
	}
	return int64(v), nil
}

const maxHeight = 1<<62 - 1

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
	b, err := n.prove(r.Context(), keys, from)
	if err != nil {
		n.fail(w, err)
		return
	}
	raw, err := ledger.Encode(b)
	if err != nil {
		n.fail(w, err)
		return
	}
	if len(raw) > ledger.MaxBundleSize {
		n.fail(w, badQuestion("the answer would be too large; ask for fewer keys"))
		return
	}
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
	lb, err := n.light(height)
	if err != nil {
		n.fail(w, err)
		return
	}
	raw, err := ledger.EncodeLightBlock(lb)
	if err != nil {
		n.fail(w, err)
		return
	}
	send(w, "application/protobuf", raw)
}

func (n *Node) getChanges(w http.ResponseWriter, r *http.Request) {
	after, err := number(r, "after", 0, maxHeight)
	if err != nil {
		n.fail(w, err)
		return
	}
	var c ledger.Changes
	err = n.waitFor(w, r, func() (bool, <-chan struct{}) {
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

// waitFor asks until the answer is there, the caller's parameter wait is over, or anybody goes away. Only errBusy and
// bad parameters are errors.
func (n *Node) waitFor(w http.ResponseWriter, r *http.Request, ask func() (bool, <-chan struct{})) error {
	seconds, err := number(r, "wait", 0, int64(maxWait/time.Second))
	if err != nil {
		return err
	}
	done, stir := ask()
	if done || seconds == 0 {
		return nil
	}
	if n.waiting.Add(1) > maxWaiting {
		n.waiting.Add(-1)
		return errBusy
	}
	defer n.waiting.Add(-1)
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

// theList returns the list that the path names, in the newest state.
func (n *Node) theList(r *http.Request) (*snapshot, *ledger.ListMeta, ledger.Key, error) {
	id, err := hex.DecodeString(mux.Vars(r)["list"])
	if err != nil {
		return nil, nil, nil, errNone
	}
	s := n.app.state.snapshot()
	m, key, err := s.list(id)
	return s, m, key, err
}

func (n *Node) getList(w http.ResponseWriter, r *http.Request) {
	_, m, _, err := n.theList(r)
	if err != nil {
		n.fail(w, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, ledger.ListHint{
		URI: m.URI, Owner: m.Owner, Bits: m.Bits, Size: m.Size, TTL: m.TTL, Expiry: m.Expiry,
		Root: hex.EncodeToString(m.Root), Height: m.Height,
	})
}

func (n *Node) getHashes(w http.ResponseWriter, r *http.Request) {
	s, m, key, err := n.theList(r)
	if err != nil {
		n.fail(w, err)
		return
	}
	hashes, err := chunkHashes(s, key, m, n.app.hashes)
	if err != nil {
		n.fail(w, err)
		return
	}
	raw := make([]byte, 0, len(hashes)*sha256.Size)
	for _, h := range hashes {
		raw = append(raw, h...)
	}
	w.Header().Set("Zegel-List-Root", hex.EncodeToString(m.Root))
	send(w, "application/octet-stream", raw)
}

func (n *Node) getChunks(w http.ResponseWriter, r *http.Request) {
	s, m, key, err := n.theList(r)
	if err != nil {
		n.fail(w, err)
		return
	}
	want, err := chunkNumbers(r, m.Chunks())
	if err != nil {
		n.fail(w, err)
		return
	}
	raw := make([]byte, 0, len(want)*ledger.ChunkSize)
	for _, c := range want {
		stored, err := s.get(chunkKey(key, c))
		if err != nil {
			n.fail(w, err)
			return
		}
		raw = append(raw, readChunk(stored)...)
	}
	w.Header().Set("Zegel-List-Root", hex.EncodeToString(m.Root))
	send(w, "application/octet-stream", raw)
}

// chunkNumbers reads which chunks are wanted, of a list that has so many.
func chunkNumbers(r *http.Request, chunks int) ([]int, error) {
	bad := badQuestion(fmt.Sprintf("give n or from and to: at most %d ascending chunk numbers below %d", ledger.MaxChunks, chunks))
	var want []int
	if s := r.URL.Query().Get("n"); s != "" {
		for p := range strings.SplitSeq(s, ",") {
			v, err := strconv.ParseUint(p, 10, 31)
			if err != nil || int(v) >= chunks || (len(want) > 0 && int(v) <= want[len(want)-1]) || len(want) == ledger.MaxChunks {
				return nil, bad
			}
			want = append(want, int(v))
		}
		return want, nil
	}
	from, err := number(r, "from", 0, int64(chunks))
	if err != nil {
		return nil, bad
	}
	to, err := number(r, "to", int64(chunks), int64(chunks))
	if err != nil || from >= to || to-from > ledger.MaxChunks {
		return nil, bad
	}
	for c := from; c < to; c++ {
		want = append(want, int(c))
	}
	return want, nil
}

func (n *Node) postTx(w http.ResponseWriter, r *http.Request) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/cose" {
		web.Problem{Title: "Unsupported media type", Status: http.StatusUnsupportedMediaType, Detail: "send application/cose"}.Write(w)
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, ledger.MaxTxSize))
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			web.WriteJSON(w, http.StatusRequestEntityTooLarge, ledger.TxAnswer{Code: ledger.TooLarge, Log: "too large"})
			return
		}
		n.fail(w, badQuestion("the body did not arrive"))
		return
	}
	answer, full, err := n.submit(raw)
	if err != nil {
		n.fail(w, err)
		return
	}
	status := http.StatusBadRequest
	switch {
	case answer.Code == ledger.OK:
		status = http.StatusAccepted
	case answer.Code == ledger.TooLarge:
		status = http.StatusRequestEntityTooLarge
	case full:
		w.Header().Set("Retry-After", "1")
		status = http.StatusServiceUnavailable
	case answer.Code == ledger.RateLimited:
		w.Header().Set("Retry-After", "1")
		status = http.StatusTooManyRequests
	}
	web.WriteJSON(w, status, answer)
}

// submit puts a transaction among those that wait for a block. full says that there is no room for anyone.
func (n *Node) submit(raw []byte) (answer ledger.TxAnswer, full bool, err error) {
	name := sha256.Sum256(raw)
	answer.Hash = hex.EncodeToString(name[:])
	if isPoke(raw) {
		answer.Code, answer.Log = ledger.Malformed, "not a transaction"
		return answer, false, nil
	}
	n.app.warm(raw)
	n.app.feed.forget(name)
	var checked *refusal
	err = n.pool.CheckTx(raw, func(r *abciCheckTx) {
		checked = &refusal{ledger.Code(r.Code), r.Log}
	}, mempool.TxInfo{})
	var isFull mempool.ErrMempoolIsFull
	var tooLarge mempool.ErrTxTooLarge
	switch {
	case err == nil && checked != nil:
		answer.Code, answer.Log = checked.code, checked.text
		return answer, false, nil
	case errors.Is(err, mempool.ErrTxInCache):
		// It was here before: in a block already, or still waiting.
		if last, used := n.app.used(raw); used {
			answer.Code, answer.Log = ledger.BadNonce, fmt.Sprintf("sequence %d is used", last)
		}
		return answer, false, nil
	case errors.As(err, &tooLarge):
		answer.Code, answer.Log = ledger.TooLarge, "too large"
		return answer, false, nil
	case errors.As(err, &isFull), errors.Is(err, mempool.ErrRecheckFull):
		answer.Code, answer.Log = ledger.RateLimited, "the node has no room for more"
		return answer, true, nil
	case err == nil:
		return answer, false, errors.New("CheckTx gave no answer")
	}
	return answer, false, fmt.Errorf("CheckTx: %w", err)
}

func (n *Node) getTx(w http.ResponseWriter, r *http.Request) {
	raw, err := hex.DecodeString(mux.Vars(r)["hash"])
	if err != nil {
		n.fail(w, errNone)
		return
	}
	name := [sha256.Size]byte(raw)
	var answer ledger.TxAnswer
	var known bool
	err = n.waitFor(w, r, func() (bool, <-chan struct{}) {
		var stir <-chan struct{}
		answer, known, stir = n.app.feed.result(name)
		return known, stir
	})
	if err == nil && !known {
		err = errNone
	}
	if err != nil {
		n.fail(w, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, answer)
}

func (n *Node) getNetwork(w http.ResponseWriter, r *http.Request) {
	file, err := n.Network([]string{})
	if err != nil {
		n.fail(w, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, file)
}

func (n *Node) getStatus(w http.ResponseWriter, r *http.Request) {
	s := n.app.state.snapshot()
	validators, err := n.states.LoadValidators(max(1, s.height))
	if err != nil {
		n.fail(w, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, ledger.NodeStatus{
		Network: n.app.chain.Network, ChainID: n.app.chain.ChainID,
		Height: s.height, Time: s.time.UTC().Format(time.RFC3339Nano),
		Validators: validators.Size(), Peers: n.comet.Switch().Peers().Size(),
		Syncing: n.comet.ConsensusReactor().WaitSync(), Waiting: n.pool.Size(),
	})
}

// ready says whether the node's newest header is fresh enough for services.
func (n *Node) ready(context.Context) error {
	if age := time.Since(n.app.state.snapshot().time); age > time.Minute {
		return fmt.Errorf("the newest header is %v old", age.Round(time.Second))
	}
	return nil
}

//go:embed openapi.json
var openAPI []byte

func getOpenAPI(w http.ResponseWriter, _ *http.Request) { send(w, "application/json", openAPI) }

func send(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the reader has gone
}
