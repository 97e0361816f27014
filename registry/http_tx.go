package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/cometbft/cometbft/mempool"
	"github.com/gorilla/mux"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/web"
)

func (n *Node) postTx(w http.ResponseWriter, r *http.Request) {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/cose" {
		web.Problem{Title: "Unsupported media type", Status: http.StatusUnsupportedMediaType, Detail: "send application/cose"}.Write(w)
		return
	}
	if r.ContentLength > ledger.MaxTxSize { // do not wait for it
		web.WriteJSON(w, http.StatusRequestEntityTooLarge, ledger.TxAnswer{Code: ledger.TooLarge, Log: "too large"})
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
		checked = &refusal{code: ledger.Code(r.Code), text: r.Log}
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
	err = n.waitFor(w, r, &n.writers, func() (bool, <-chan struct{}) {
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
