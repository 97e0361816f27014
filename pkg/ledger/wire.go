package ledger

import "github.com/zegel-id/zegel/pkg/did"

// The read and write interface of a node, below its base URL. Nothing in an answer counts because a node said it:
// what must be true is in a [Bundle] or hangs on a proven value. Heights are decimal, hashes and keys lower-case hex.
//
//	GET /v1/proof?key=<hex>,<hex>,…&from=<trusted height>
//		(one parameter with commas: repeated parameters are refused everywhere, and a query has at most 8 KiB)
//		→ 200 application/cbor, an encoded [BundleContent]. At most [MaxProofKeys] keys, each at most 256 bytes. The
//		node waits up to 2 s for the header that signs the newest state. 400 bad parameters, 404 from is not on this
//		chain or no longer kept, 503 with Retry-After while there is no provable height yet.
//	GET /v1/light/<height>
//		→ 200 application/protobuf, tendermint.types.LightBlock. Height 0 is the newest block. 404 not made yet,
//		410 no longer kept. All but the newest never change and may be cached for ever.
//	GET /v1/changes?after=<height>&wait=<seconds, at most 25>
//		→ 200 JSON [Changes], at once if there is a block above after, else when there is one or after wait. A hint.
//		With Accept: text/event-stream it is a stream of events "changes" with the same JSON for each new block, whose id
//		is the height; a client that reconnects says Last-Event-ID. 503 with Retry-After when too many wait.
//	GET /v1/lists/<hex sha256(uri)>
//		→ 200 JSON [ListHint]; 404 unknown.
//	GET /v1/lists/<hex sha256(uri)>/hashes
//		→ 200 application/octet-stream, the RFC 6962 leaf hashes of all chunks, 32 bytes each. Their root is the
//		proven [ListMeta] root, so a mirror finds the chunks it must fetch. Header Zegel-List-Root: <hex root>.
//	GET /v1/lists/<hex sha256(uri)>/chunks?from=<n>&to=<n>   (to is exclusive)
//	GET /v1/lists/<hex sha256(uri)>/chunks?n=<n>,<n>,…       (strictly ascending)
//		→ 200 application/octet-stream, the chunks in this order, [ChunkSize] bytes each; at most [MaxChunks] at
//		once. Header Zegel-List-Root: <hex root>.
//	POST /v1/tx   (application/cose, at most [MaxTxSize])
//		→ JSON [TxAnswer] in every case but 415: 202 code 0, it waits for a block (also if it already waited);
//		400 refused; 413 code 9; 429 with Retry-After, code 11; 503 with Retry-After, code 11, the node is full.
//	GET /v1/tx/<hex sha256(raw)>?wait=<seconds, at most 25>
//		→ 200 JSON [TxAnswer] with the height of its block, or height 0 if it was refused after all; 404 if this node
//		does not know (yet). From memory: the durable proof is the [SequenceRecord].
//	GET /v1/dids/<did>
//		→ 200 application/did-resolution, a DID resolution result (W3C DID Resolution); with Accept: application/did+json
//		or application/did+ld+json the document alone. 400 malformed, 404 unknown, 410 deactivated (with its metadata).
//	GET /v1/accreditations/<did>   → {"accreditations": [AccreditationHint]}; 404 nobody has this DID.
//	GET /v1/members       → {"members": [MemberHint]}
//	GET /v1/validators    → {"validators": [ValidatorHint]}, who signs the newest block
//	GET /v1/proposals     → {"proposals": [ProposalHint]}, the newest first
//	GET /v1/proposals/<hex id>   → [ProposalHint]; 404 unknown
//	GET /v1/stops         → {"stops": [StopHint]}, by time, ended ones included
//	GET /v1/parameters    → {"parameters": ParametersHint}
//	GET /v1/lists?from=<n>&limit=<at most 100>   → {"total", "next", "lists": [ListHint]}, by uri
//	GET /v1/blocks?before=<height>&limit=<at most 100>   → {"oldest", "blocks": [BlockHint]}, the newest first
//		These show the newest state: each answer has its "height" and "time" too, and what depends on the time, as whether
//		a proposal has lapsed, holds at that time. ETag is made of the height; If-None-Match answers 304. For display: the
//		truth is under /v1/proof, at [KeyAccreditations], [KeyMembers], [KeyProposal] and so on.
//	GET /v1/network   → 200 JSON, a network file for the newest block, for display and never for trust.
//	GET /v1/status    → 200 JSON [NodeStatus].
//	GET /healthz, /readyz, /metrics, /openapi.json
//
// Errors that are not a [TxAnswer] are problem+json.

// Limits of the interface.
const (
	MaxProofKeys = 256
	MaxChunks    = 1024
)

// BundleContent is the deterministic CBOR of a [Bundle].
type BundleContent struct {
	Version uint64       `cbor:"1,keyasint"` // 1
	Path    [][]byte     `cbor:"2,keyasint"` // tendermint.types.LightBlock: last before and first after each validator change, ascending; may be empty
	Block   []byte       `cbor:"3,keyasint"` // tendermint.types.LightBlock whose app hash is the root of the proofs
	Items   []BundleItem `cbor:"4,keyasint"` // in the order of the question, without repeats
}

// BundleItem is a value, or its absence, with its proof.
type BundleItem struct {
	Key   []byte `cbor:"1,keyasint"`
	Value []byte `cbor:"2,keyasint,omitempty"` // left out: proven absent
	Proof []byte `cbor:"3,keyasint"`           // cosmos.ics23.v1.CommitmentProof, checked with ics23.IavlSpec
}

// Index is the value of [KeyIndex]: what a mirror follows. DIDs are those of members and of everyone who has or had an
// accreditation. Both are sorted.
type Index struct {
	DIDs  []did.DID `cbor:"1,keyasint"`
	Lists []string  `cbor:"2,keyasint"` // uris
}

// The values of [KeyAccreditations] and [KeyAnchors] are []Accreditation and []Anchor, both sorted by ID. A key without
// any is absent.

// Changes is which keys changed in blocks after the height asked for.
type Changes struct {
	Height int64    `json:"height"`        // newest block
	Keys   []string `json:"keys"`          // hex; only keys that a mirror follows
	Gap    bool     `json:"gap,omitempty"` // the node does not remember that far back: read everything again
	Proven int64    `json:"header_height"` // newest height that /v1/proof can use as its header
}

// ListHint describes a status list.
type ListHint struct {
	ID     string  `json:"id"` // [ListID]
	URI    string  `json:"uri"`
	Owner  did.DID `json:"owner"`
	Bits   int     `json:"bits"`
	Size   uint64  `json:"size"`
	TTL    int64   `json:"ttl"`
	Expiry int64   `json:"expiry"`
	Root   string  `json:"root"`
	Height int64   `json:"height"`
	Used   int     `json:"used"` // entries that are set
}

// TxAnswer says what became of a transaction.
type TxAnswer struct {
	Code   Code   `json:"code"`
	Log    string `json:"log,omitempty"`
	Hash   string `json:"hash"`             // hex SHA-256 of the raw transaction
	Height int64  `json:"height,omitempty"` // of its block
}

// NodeStatus is how a node is doing.
type NodeStatus struct {
	Network    string `json:"network"`
	ChainID    string `json:"chain_id"`
	Height     int64  `json:"height"`
	Time       string `json:"time"` // of the newest header, RFC 3339
	Validators int    `json:"validators"`
	Peers      int    `json:"peers"`
	Syncing    bool   `json:"syncing"`
	Waiting    int    `json:"waiting"` // transactions
}
