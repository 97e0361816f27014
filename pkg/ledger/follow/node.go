package follow

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/cometbft/cometbft/types"

	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// keysPerProof keeps the URL of one question under 8 KiB, which proxies and package fetch pass on.
const keysPerProof = 80

// node speaks to one node's /v1. Nothing it returns is believed: see package ledger, "The read and write interface".
type node struct {
	base  string
	fetch *fetch.Client
	// behind is set while the node has no answer in time, so that it delays the others only once.
	behind atomic.Bool
}

// answerError is an answer of another status than the one that holds what was asked.
type answerError struct {
	path   string
	status int
}

func (e *answerError) Error() string { return fmt.Sprintf("%s answers %d", e.path, e.status) }

// answered returns the status of an answer that was complete but not the one wanted, else 0.
func answered(err error) int {
	var a *answerError
	if errors.As(err, &a) {
		return a.status
	}
	return 0
}

func (n *node) get(ctx context.Context, path string, q url.Values, limit int64) ([]byte, error) {
	u := n.base + path
	if len(q) > 0 {
		u += "?" + q.Encode()
	}
	resp, err := n.fetch.Do(ctx, fetch.Request{URL: u, Limit: limit})
	if err != nil {
		return nil, err
	}
	if resp.Status != http.StatusOK {
		return nil, &answerError{path, resp.Status}
	}
	return resp.Body, nil
}

func (n *node) changes(ctx context.Context, after int64, wait int) (*ledger.Changes, error) {
	q := url.Values{"after": {strconv.FormatInt(after, 10)}, "wait": {strconv.Itoa(wait)}}
	body, err := n.get(ctx, "/v1/changes", q, 4<<20)
	if err != nil {
		return nil, err
	}
	var c ledger.Changes
	if err := jose.Unmarshal(body, &c); err != nil {
		return nil, err
	}
	return &c, nil
}

func (n *node) lightBlock(ctx context.Context, height int64) (*types.LightBlock, error) {
	body, err := n.get(ctx, "/v1/light/"+strconv.FormatInt(height, 10), nil, 128<<10)
	if err != nil {
		return nil, err
	}
	return ledger.DecodeLightBlock(body)
}

func (n *node) status(ctx context.Context) (*ledger.NodeStatus, error) {
	body, err := n.get(ctx, "/v1/status", nil, 64<<10)
	if err != nil {
		return nil, err
	}
	var s ledger.NodeStatus
	if err := jose.Unmarshal(body, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// proof asks for a bundle whose path begins at from.
func (n *node) proof(ctx context.Context, keys []ledger.Key, from int64) (*ledger.Bundle, error) {
	encoded := make([]string, len(keys))
	for i, k := range keys {
		encoded[i] = hex.EncodeToString(k)
	}
	q := url.Values{"from": {strconv.FormatInt(from, 10)}, "key": {strings.Join(encoded, ",")}}
	body, err := n.get(ctx, "/v1/proof", q, ledger.MaxBundleSize)
	if err != nil {
		return nil, err
	}
	b, err := ledger.ParseBundle(body)
	if err != nil {
		return nil, err
	}
	if items := b.Items(); len(items) != len(keys) {
		return nil, fmt.Errorf("%w: %d values for %d keys", ledger.ErrUnproven, len(items), len(keys))
	}
	return b, nil
}

func (n *node) hashes(ctx context.Context, uri string, chunks int) ([]byte, error) {
	body, err := n.get(ctx, "/v1/lists/"+ledger.ListID(uri)+"/hashes", nil, int64(chunks)*32+1)
	if err != nil {
		return nil, err
	}
	if len(body) != chunks*32 {
		return nil, fmt.Errorf("list %s: %d bytes of hashes for %d chunks", ledger.ListID(uri), len(body), chunks)
	}
	return body, nil
}

// chunks returns these chunks, one after the other.
func (n *node) chunks(ctx context.Context, uri string, want []int) ([]byte, error) {
	var s strings.Builder
	for i, c := range want {
		if i > 0 {
			s.WriteByte(',')
		}
		s.WriteString(strconv.Itoa(c))
	}
	q := "?n=" + s.String()
	if last := want[len(want)-1]; last-want[0] == len(want)-1 {
		q = fmt.Sprintf("?from=%d&to=%d", want[0], last+1)
	}
	path := "/v1/lists/" + ledger.ListID(uri) + "/chunks"
	body, err := n.get(ctx, path+q, nil, int64(len(want))*ledger.ChunkSize+1)
	if err != nil {
		return nil, err
	}
	if len(body) != len(want)*ledger.ChunkSize {
		return nil, fmt.Errorf("%s: %d bytes for %d chunks", path, len(body), len(want))
	}
	return body, nil
}

func (n *node) postTx(ctx context.Context, raw []byte) (*ledger.TxAnswer, error) {
	resp, err := n.fetch.Do(ctx, fetch.Request{Method: http.MethodPost, URL: n.base + "/v1/tx", ContentType: "application/cose", Body: raw, Limit: 64 << 10})
	if err != nil {
		return nil, err
	}
	var a ledger.TxAnswer
	if err := jose.Unmarshal(resp.Body, &a); err != nil {
		return nil, &answerError{"/v1/tx", resp.Status}
	}
	// A body that says OK beside a refusing status, or the other way round, is no answer.
	if (a.Code == ledger.OK) != (resp.Status == http.StatusAccepted || resp.Status == http.StatusOK) {
		return nil, &answerError{"/v1/tx", resp.Status}
	}
	return &a, nil
}

// tx returns nil without an error if the node does not know the transaction.
func (n *node) tx(ctx context.Context, hash string, wait int) (*ledger.TxAnswer, error) {
	body, err := n.get(ctx, "/v1/tx/"+hash, url.Values{"wait": {strconv.Itoa(wait)}}, 64<<10)
	if answered(err) == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var a ledger.TxAnswer
	if err := jose.Unmarshal(body, &a); err != nil {
		return nil, err
	}
	return &a, nil
}
