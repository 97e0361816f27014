package did

import (
	"context"
	"errors"
	"fmt"

	ariesdid "github.com/hyperledger/aries-framework-go/pkg/doc/did"
	vdrapi "github.com/hyperledger/aries-framework-go/pkg/framework/aries/api/vdr"
	"github.com/hyperledger/aries-framework-go/pkg/vdr"
)

// Resolver resolves DIDs to documents. Errors: [ErrNotFound], [ErrDeactivated] (with the document), and the
// errors of the source.
type Resolver interface {
	Resolve(ctx context.Context, d DID) (*Document, error)
}

// Source gives proven did:zegel documents. A document that is proven absent is [ErrNotFound]; anything unproven
// is another error.
type Source interface {
	Document(ctx context.Context, d DID) (*Document, error)
}

// Registry is the [Resolver] over did:jwk, did:key and, if there is a source, did:zegel.
type Registry struct {
	methods *vdr.Registry
}

// NewRegistry returns the resolver. zegel may be nil.
func NewRegistry(zegel Source) *Registry {
	options := []vdr.Option{vdr.WithVDR(jwkMethod{}), vdr.WithVDR(newKeyMethod())}
	if zegel != nil {
		options = append(options, vdr.WithVDR(zegelMethod{source: zegel}))
	}
	return &Registry{methods: vdr.New(options...)}
}

// Resolve implements [Resolver]. A DID of another method is [ErrNotFound], a misspelt one [jose.ErrMalformed].
func (r *Registry) Resolve(ctx context.Context, d DID) (*Document, error) {
	if _, err := Parse(string(d)); err != nil {
		return nil, err
	}
	var q query
	q.ctx = ctx
	res, err := r.methods.Resolve(string(d), vdrapi.WithOption(queryOption, &q))
	switch {
	case q.err != nil: // what our own methods say, unchanged by the layers in between
		return nil, q.err
	case errors.Is(err, vdrapi.ErrNotFound):
		return nil, fmt.Errorf("%w: %q", ErrNotFound, d)
	case err != nil:
		return nil, fmt.Errorf("%w: %q: %v", ErrNotFound, d, err)
	}
	doc, err := fromAries(d, res, q.methods)
	if err != nil {
		return nil, err
	}
	if doc.Deactivated {
		return doc, fmt.Errorf("%w: %q", ErrDeactivated, d)
	}
	return doc, nil
}

// query travels to our methods as an option: the aries interface knows no context and its document no key times.
type query struct {
	ctx     context.Context
	methods []VerificationMethod // as our method knows them, with the times
	err     error
}

const queryOption = "zegel.query"

func queryOf(opts []vdrapi.DIDMethodOption) *query {
	o := vdrapi.DIDMethodOpts{Values: map[string]any{}}
	for _, opt := range opts {
		opt(&o)
	}
	q, ok := o.Values[queryOption].(*query)
	if !ok {
		q = &query{ctx: context.Background()}
	}
	return q
}

// readOnly is the part of an aries method that this package leaves out.
type readOnly struct{}

var errReadOnly = errors.New("documents are read here only")

func (readOnly) Create(*ariesdid.Doc, ...vdrapi.DIDMethodOption) (*ariesdid.DocResolution, error) {
	return nil, errReadOnly
}
func (readOnly) Update(*ariesdid.Doc, ...vdrapi.DIDMethodOption) error { return errReadOnly }
func (readOnly) Deactivate(string, ...vdrapi.DIDMethodOption) error    { return errReadOnly }
func (readOnly) Close() error                                          { return nil }
