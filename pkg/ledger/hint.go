package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/trust"
)

// The hints are records in JSON, for display: a node says them, and what must be true is proven. Times are RFC 3339, ids
// and keys lower-case hex. What depends on the time holds at the time of the answer's block.

// MemberHint shows a [Member].
type MemberHint struct {
	DID       did.DID `json:"did"`
	Name      string  `json:"name"`
	Validator string  `json:"validator,omitempty"` // hex Ed25519 key
	Since     string  `json:"since"`
	Lost      string  `json:"lost,omitempty"`
	Barred    string  `json:"barred_until,omitempty"`
}

// ValidatorHint shows a key that signs blocks.
type ValidatorHint struct {
	Address string  `json:"address"`
	PubKey  string  `json:"pub_key"`
	Power   int64   `json:"power"`
	Member  did.DID `json:"member,omitempty"`
	Name    string  `json:"name,omitempty"`
	Signed  int     `json:"signed"` // of the last Blocks that it was to sign
	Blocks  int     `json:"blocks"`
}

// ProposalHint shows a [Proposal].
type ProposalHint struct {
	ID      string     `json:"id"`
	By      did.DID    `json:"by"`
	Action  ActionHint `json:"action"`
	Why     string     `json:"why,omitempty"`
	Made    string     `json:"made"`
	Until   string     `json:"until"`
	Outcome Outcome    `json:"outcome"`
	Needed  int        `json:"needed"`
	Voters  []did.DID  `json:"voters"`
	Yes     []did.DID  `json:"yes"`
	No      []did.DID  `json:"no"`
	Decided string     `json:"decided,omitempty"`
	Due     string     `json:"due,omitempty"`
	Cancel  []did.DID  `json:"cancel,omitempty"`
}

// ActionHint shows an [Action].
type ActionHint struct {
	Kind          string             `json:"kind"`          // what [Action.Kind] says
	DID           did.DID            `json:"did,omitempty"` // whom it is about
	Name          string             `json:"name,omitempty"`
	Validator     string             `json:"validator,omitempty"`
	Accreditation *AccreditationHint `json:"accreditation,omitempty"`
	ID            string             `json:"id,omitempty"` // of the accreditation, anchor or stop that it ends or confirms
	Distrust      bool               `json:"distrust,omitempty"`
	RecordHash    string             `json:"record_sha256,omitempty"` // of the record with new keys
	Anchor        *AnchorHint        `json:"anchor,omitempty"`
	Parameters    *ParametersHint    `json:"parameters,omitempty"`
}

// AccreditationHint shows an [Accreditation].
type AccreditationHint struct {
	ID           string            `json:"id"`
	Subject      did.DID           `json:"subject"`
	Use          trust.Use         `json:"use"`
	Name         string            `json:"name"`
	Types        []string          `json:"types"`
	Claims       []json.RawMessage `json:"claims,omitempty"`
	Purpose      map[string]string `json:"purpose,omitempty"`
	LegalBasis   string            `json:"legal_basis,omitempty"`
	KeepDays     int64             `json:"keep_days,omitempty"`
	OutcomeDays  int64             `json:"outcome_days,omitempty"`
	PassedOn     map[string]string `json:"passed_on,omitempty"`
	From         string            `json:"from"`
	Until        string            `json:"until"`
	GrantedBy    did.DID           `json:"granted_by,omitempty"`
	Under        string            `json:"under,omitempty"` // the granter's accreditation
	Decision     string            `json:"decision,omitempty"`
	Ended        string            `json:"ended,omitempty"`
	Distrust     bool              `json:"distrust,omitempty"`
	StoppedFrom  string            `json:"stopped_from,omitempty"`
	StoppedUntil string            `json:"stopped_until,omitempty"`
}

// AnchorHint shows an [Anchor].
type AnchorHint struct {
	ID          string      `json:"id"`
	Certificate string      `json:"certificate"` // base64 DER
	Uses        []trust.Use `json:"uses"`
	Types       []string    `json:"types,omitempty"`
	From        string      `json:"from"`
	Until       string      `json:"until"`
}

// StopHint shows a [Stop].
type StopHint struct {
	ID            string    `json:"id"`
	Grade         Grade     `json:"grade"`
	Subject       did.DID   `json:"subject,omitempty"`
	Accreditation string    `json:"accreditation,omitempty"`
	Why           string    `json:"why,omitempty"`
	Callers       []did.DID `json:"callers"`
	Called        string    `json:"called"`
	From          string    `json:"from,omitempty"`
	Until         string    `json:"until,omitempty"`
	Resumed       string    `json:"resumed,omitempty"`
	InForce       bool      `json:"in_force"`
}

// ParametersHint shows [Parameters].
type ParametersHint struct {
	BlockBytes           int64 `json:"block_bytes"`
	EvidenceBlocks       int64 `json:"evidence_blocks"`
	EvidenceSeconds      int64 `json:"evidence_seconds"`
	VoteExtensionsHeight int64 `json:"vote_extensions_height"`
	RetentionDays        int64 `json:"retention_days"`
	Guests               int64 `json:"guests"`
	Lists                int64 `json:"lists"`
	ProposalDays         int64 `json:"proposal_days"`
}

// BlockHint shows a block without what its transactions say.
type BlockHint struct {
	Height       int64        `json:"height"`
	Time         string       `json:"time"`
	Hash         string       `json:"hash"`
	Proposer     string       `json:"proposer"` // address of its validator
	Transactions int          `json:"transactions"`
	Kinds        map[Kind]int `json:"kinds,omitempty"`
	Signed       int          `json:"signed"`
	Validators   int          `json:"validators"`
}

// Hint returns the form for display.
func (m *Member) Hint() MemberHint {
	return MemberHint{DID: m.DID, Name: m.Name, Validator: hex.EncodeToString(m.Validator), Since: stamp(m.Since), Lost: stamp(m.Lost), Barred: stamp(m.Barred)}
}

// Hint returns the form for display, as the proposal stands at a time in unix seconds.
func (p *Proposal) Hint(at int64) ProposalHint {
	some := func(d []did.DID) []did.DID { return append([]did.DID{}, d...) }
	return ProposalHint{
		ID: hex.EncodeToString(p.ID), By: p.By, Action: p.Action.Hint(), Why: p.Why, Made: stamp(p.Made), Until: stamp(p.Until),
		Outcome: p.At(at), Needed: p.Needed(), Voters: some(p.Voters), Yes: some(p.Yes), No: some(p.No),
		Decided: stamp(p.Decided), Due: stamp(p.Due), Cancel: p.Cancel,
	}
}

// Kind names what an action does: admit, remove, accredit, withdraw, anchor, remove-anchor, parameters, recover, confirm,
// resume or validator.
func (a *Action) Kind() string {
	switch {
	case a.Admit != nil:
		return "admit"
	case a.Remove != nil:
		return "remove"
	case a.Accredit != nil:
		return "accredit"
	case a.Withdraw != nil:
		return "withdraw"
	case a.Anchor != nil:
		return "anchor"
	case a.RemoveAnchor != nil:
		return "remove-anchor"
	case a.Parameters != nil:
		return "parameters"
	case a.Recover != nil:
		return "recover"
	case a.Confirm != nil:
		return "confirm"
	case a.Resume != nil:
		return "resume"
	case a.Validator != nil:
		return "validator"
	}
	return ""
}

// Hint returns the form for display.
func (a *Action) Hint() ActionHint {
	h := ActionHint{Kind: a.Kind()}
	switch {
	case a.Admit != nil:
		h.DID, h.Name, h.Validator = a.Admit.DID, a.Admit.Name, hex.EncodeToString(a.Admit.Validator)
	case a.Remove != nil:
		h.DID = a.Remove.DID
	case a.Accredit != nil:
		x := a.Accredit.Hint()
		h.DID, h.Name, h.Accreditation = x.Subject, x.Name, &x
	case a.Withdraw != nil:
		h.DID, h.ID, h.Distrust = a.Withdraw.Subject, a.Withdraw.ID, a.Withdraw.Distrust
	case a.Anchor != nil:
		x := a.Anchor.Hint()
		h.Anchor = &x
	case a.RemoveAnchor != nil:
		h.ID = a.RemoveAnchor.ID
	case a.Parameters != nil:
		x := ParametersHint(*a.Parameters)
		h.Parameters = &x
	case a.Recover != nil:
		h.DID = a.Recover.DID
		if raw, err := Encode(&a.Recover.Record); err == nil {
			sum := sha256.Sum256(raw)
			h.RecordHash = hex.EncodeToString(sum[:])
		}
	case a.Confirm != nil:
		h.ID = hex.EncodeToString(a.Confirm.ID)
	case a.Resume != nil:
		h.ID = hex.EncodeToString(a.Resume.ID)
	case a.Validator != nil:
		h.DID, h.Validator = a.Validator.DID, hex.EncodeToString(a.Validator.Validator)
	}
	return h
}

// Hint returns the form for display.
func (a *Accreditation) Hint() AccreditationHint {
	h := AccreditationHint{
		ID: a.ID, Subject: a.Subject, Use: a.Use, Name: a.Name, Types: append([]string{}, a.Types...), Purpose: a.Purpose, LegalBasis: a.LegalBasis,
		KeepDays: a.KeepDays, OutcomeDays: a.OutcomeDays, PassedOn: a.PassedOn, From: stamp(a.From), Until: stamp(a.Until), GrantedBy: a.GrantedBy, Under: a.Under, Decision: hex.EncodeToString(a.Decision),
		Ended: stamp(a.EndedAt), Distrust: a.Distrust, StoppedFrom: stamp(a.StoppedFrom), StoppedUntil: stamp(a.StoppedUntil),
	}
	for _, c := range a.Claims {
		if json.Valid(c) {
			h.Claims = append(h.Claims, json.RawMessage(c))
		}
	}
	return h
}

// Hint returns the form for display.
func (a *Anchor) Hint() AnchorHint {
	return AnchorHint{
		ID: a.ID, Certificate: base64.StdEncoding.EncodeToString(a.Certificate), Uses: append([]trust.Use{}, a.Uses...), Types: a.Types,
		From: stamp(a.From), Until: stamp(a.Until),
	}
}

// Hint returns the form for display, as the stop stands at a time in unix seconds.
func (s *Stop) Hint(at int64) StopHint {
	return StopHint{
		ID: hex.EncodeToString(s.ID), Grade: s.Grade, Subject: s.Subject, Accreditation: s.Accreditation, Why: s.Why,
		Callers: append([]did.DID{}, s.Callers...), Called: stamp(s.Called), From: stamp(s.From), Until: stamp(s.Until), Resumed: stamp(s.Resumed),
		InForce: s.InForce(at),
	}
}

// stamp writes unix seconds; 0 is "not".
func stamp(s int64) string {
	if s == 0 {
		return ""
	}
	return time.Unix(s, 0).UTC().Format(time.RFC3339)
}

// KindOf returns the kind of a transaction that stands in a block. It checks nothing: who decided the block did.
func KindOf(raw []byte) (Kind, error) {
	var tag cbor.RawTag
	var parts []cbor.RawMessage
	var payload []byte
	var tx struct {
		Kind Kind `cbor:"5,keyasint"`
	}
	err := cbor.Unmarshal(raw, &tag)
	if err == nil {
		err = cbor.Unmarshal(tag.Content, &parts)
	}
	if err == nil && len(parts) == 4 {
		err = cbor.Unmarshal(parts[2], &payload)
	}
	if err == nil {
		err = cbor.Unmarshal(payload, &tx)
	}
	if err != nil || tx.Kind == "" || len(tx.Kind) > 64 {
		return "", fmt.Errorf("%w: no kind: %v", ErrMalformed, err)
	}
	return tx.Kind, nil
}
