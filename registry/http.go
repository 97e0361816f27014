package registry

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

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
	get("/v1/lists", n.getLists)
	get("/v1/lists/{list:[0-9a-f]{64}}", n.getList)
	get("/v1/lists/{list:[0-9a-f]{64}}/hashes", n.getHashes)
	get("/v1/lists/{list:[0-9a-f]{64}}/chunks", n.getChunks)
	r.HandleFunc("/v1/tx", n.postTx).Methods(http.MethodPost)
	get("/v1/tx/{hash:[0-9a-f]{64}}", n.getTx)
	get("/v1/dids/{did}", n.getDID)
	get("/v1/accreditations/{did}", n.getAccreditations)
	get("/v1/members", n.getMembers)
	get("/v1/validators", n.getValidators)
	get("/v1/proposals", n.getProposals)
	get("/v1/proposals/{id:[0-9a-f]{64}}", n.getProposal)
	get("/v1/stops", n.getStops)
	get("/v1/parameters", n.getParameters)
	get("/v1/blocks", n.getBlocks)
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
	maxWaiting = 1000 // questions of one kind that wait at the same time
	maxKeySize = 256
)

// Handler serves the node's HTTP interface. Paths begin with /v1/; mount it with http.StripPrefix.
func (n *Node) Handler() http.Handler {
	r := mux.NewRouter()
	n.routes(r)
	n.pages(r)
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
			// Everything here is public. What holds for more than a moment says so itself.
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
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Del("ETag")
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
