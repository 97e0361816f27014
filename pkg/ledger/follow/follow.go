// Package follow is a service's verifying client: it follows the registry with cometbft/light, mirrors accreditations, DID
// documents, anchors and status lists, staples proofs, and submits transactions.
//
// Start with [Open]. Every answer comes from a verified header and a proof; nothing else is returned. Reads are from
// memory, without a network call.
//
// It deliberately leaves out keys: the caller signs transactions. The wallet does not use this package.
package follow

import (
	"context"
	"log/slog"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/statuslist"
	"github.com/zegel-id/zegel/pkg/trust"
)

// Config of a client. Network, Fetch and Now are required.
type Config struct {
	Network *ledger.Network
	Nodes   []string // base URLs; default those of the network file
	Dir     string   // where the trusted state is kept; empty: memory only
	Fetch   *fetch.Client
	Now     func() time.Time
	Logger  *slog.Logger
}

// Client mirrors the registry. It is safe for concurrent use.
type Client struct {
	cfg Config
}

// Open loads the trusted state, makes a first full mirror and follows in the background until Close. It returns without
// error when no node answers yet; readers then get [ledger.ErrUnavailable].
func Open(ctx context.Context, cfg Config) (*Client, error) { panic("follow: not built yet") }

// Close stops following and saves the trusted state.
func (c *Client) Close() error { panic("follow: not built yet") }

// State is how fresh the mirror is.
type State struct {
	Height int64
	Time   time.Time // of the newest verified header
}

// State returns the newest verified header's height and time; zero if there is none.
func (c *Client) State() State { panic("follow: not built yet") }

// Wait waits until the mirror has reached height.
func (c *Client) Wait(ctx context.Context, height int64) error { panic("follow: not built yet") }

// Document implements [did.Source], Accreditations and Anchors [trust.Source].
func (c *Client) Document(ctx context.Context, d did.DID) (*did.Document, error) {
	panic("follow: not built yet")
}

// Accreditations implements [trust.Source].
func (c *Client) Accreditations(ctx context.Context, d did.DID) ([]trust.Accreditation, error) {
	panic("follow: not built yet")
}

// Anchors implements [trust.Source].
func (c *Client) Anchors(ctx context.Context) ([]trust.Anchor, error) { panic("follow: not built yet") }

// Status returns a status of a registered issuer's list from the mirror and the time of the header it is known from. The list's owner must be
// the issuer. A list that is not on the chain is [statuslist.ErrUnavailable].
func (c *Client) Status(ctx context.Context, issuer *trust.Identity, ref statuslist.Ref) (statuslist.Status, time.Time, error) {
	panic("follow: not built yet")
}

// List returns a copy of a mirrored list with its description.
func (c *Client) List(ctx context.Context, uri string) (*ledger.ListMeta, *statuslist.List, error) {
	panic("follow: not built yet")
}

// Bundle returns an encoded proof of these keys at the newest header, for stapling. It is made at most once per header and set of keys.
func (c *Client) Bundle(ctx context.Context, keys ...ledger.Key) ([]byte, error) {
	panic("follow: not built yet")
}

// Sequence returns the proven sequence record of a sender (zero record if none).
func (c *Client) Sequence(ctx context.Context, d did.DID) (ledger.SequenceRecord, error) {
	panic("follow: not built yet")
}

// Result of a transaction.
type Result struct {
	Code   ledger.Code
	Log    string
	Height int64 // block that holds it
}

// Submit sends a signed transaction to a node and waits until it is in a block and the mirror has passed that block, or
// until it is refused (Code is not OK; err is nil then). An error means that the outcome is unknown: ask Sequence.
func (c *Client) Submit(ctx context.Context, raw []byte) (Result, error) {
	panic("follow: not built yet")
}

var (
	_ did.Source   = (*Client)(nil)
	_ trust.Source = (*Client)(nil)
)
