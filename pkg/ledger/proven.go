package ledger

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/trust"
)

var (
	_ did.Source   = (*Proven)(nil)
	_ trust.Source = (*Proven)(nil)
)

// Proven is what a verified bundle says: values present and keys proven absent, at one height. It is a [did.Source]
// and a [trust.Source]; asking it for a key that is not in the bundle is [ErrUnproven].
type Proven struct {
	Height int64     // the newest block whose effects it shows; the header is the next one
	Time   time.Time // of the header
	values map[string][]byte
}

// Value returns the raw value; present is false if the key is proven absent. Error: [ErrUnproven].
func (p *Proven) Value(k Key) (value []byte, present bool, err error) {
	v, ok := p.values[string(k)]
	if !ok {
		return nil, false, fmt.Errorf("%w: %v is not in the bundle", ErrUnproven, k)
	}
	return bytes.Clone(v), len(v) > 0, nil
}

// Document implements [did.Source].
func (p *Proven) Document(ctx context.Context, d did.DID) (*did.Document, error) {
	v, present, err := p.Value(KeyDID(d))
	if err != nil {
		return nil, err
	}
	if !present {
		return nil, fmt.Errorf("%w: %q", did.ErrNotFound, clip(string(d)))
	}
	r, err := DecodeDID(v, d)
	if err != nil {
		return nil, err
	}
	return r.Document()
}

// Accreditations implements [trust.Source].
func (p *Proven) Accreditations(ctx context.Context, d did.DID) ([]trust.Accreditation, error) {
	v, present, err := p.Value(KeyAccreditations(d))
	if err != nil || !present {
		return nil, err
	}
	return TrustAccreditations(v, d)
}

// Anchors implements [trust.Source].
func (p *Proven) Anchors(ctx context.Context) ([]trust.Anchor, error) {
	v, present, err := p.Value(KeyAnchors())
	if err != nil || !present {
		return nil, err
	}
	return TrustAnchors(v)
}

// List returns the proven description of a list; nil if it is proven absent. Error: [ErrUnproven].
func (p *Proven) List(uri string) (*ListMeta, error) {
	v, present, err := p.Value(KeyList(uri))
	if err != nil || !present {
		return nil, err
	}
	return DecodeList(v, uri)
}

// Sequence returns the proven sequence record of a sender, zero if there is none. Error: [ErrUnproven].
func (p *Proven) Sequence(d did.DID) (SequenceRecord, error) {
	v, present, err := p.Value(KeySequence(d))
	if err != nil || !present {
		return SequenceRecord{}, err
	}
	var r SequenceRecord
	err = Decode(v, &r)
	return r, err
}

// Members returns the proven members, sorted by DID; nil if they are proven absent. Errors: [ErrUnproven], [ErrMalformed].
func (p *Proven) Members() ([]Member, error) {
	v, present, err := p.Value(KeyMembers())
	if err != nil || !present {
		return nil, err
	}
	return DecodeMembers(v)
}

// Parameters returns the proven parameters; nil if they are proven absent. Errors: [ErrUnproven], [ErrMalformed].
func (p *Proven) Parameters() (*Parameters, error) {
	v, present, err := p.Value(KeyParameters())
	if err != nil || !present {
		return nil, err
	}
	return DecodeParameters(v)
}

// Stops returns the proven stops by time of their first call, ended ones included; none is proven too. See
// [Stop.InForce]. Errors: [ErrUnproven], [ErrMalformed].
func (p *Proven) Stops() ([]Stop, error) {
	v, present, err := p.Value(KeyStops())
	if err != nil || !present {
		return nil, err
	}
	return DecodeStops(v)
}

// ProposalIDs returns the proven ids of all proposals in the state, by time. Errors: [ErrUnproven], [ErrMalformed].
func (p *Proven) ProposalIDs() ([][]byte, error) {
	v, present, err := p.Value(KeyProposals())
	if err != nil || !present {
		return nil, err
	}
	return DecodeProposalIDs(v)
}

// Proposal returns a proven proposal; nil if it is proven absent. Errors: [ErrUnproven], [ErrMalformed].
func (p *Proven) Proposal(id []byte) (*Proposal, error) {
	v, present, err := p.Value(KeyProposal(id))
	if err != nil || !present {
		return nil, err
	}
	return DecodeProposal(v, id)
}

// TrustAccreditations reads the value of [KeyAccreditations] into the form that package trust judges by.
func TrustAccreditations(value []byte, d did.DID) ([]trust.Accreditation, error) {
	all, err := DecodeAccreditations(value, d)
	if err != nil {
		return nil, err
	}
	out := make([]trust.Accreditation, 0, len(all))
	for i := range all {
		a, err := all[i].Trust()
		if err != nil {
			return nil, err
		}
		out = append(out, *a)
	}
	return out, nil
}

// TrustAnchors reads the value of [KeyAnchors] into the form that package trust judges by.
func TrustAnchors(value []byte) ([]trust.Anchor, error) {
	all, err := DecodeAnchors(value)
	if err != nil {
		return nil, err
	}
	out := make([]trust.Anchor, 0, len(all))
	for i := range all {
		a, err := all[i].Trust()
		if err != nil {
			return nil, err
		}
		out = append(out, *a)
	}
	return out, nil
}
