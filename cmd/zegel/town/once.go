package town

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zegel-id/zegel/pkg/fetch"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/wallet"
)

// Once opens a town, walks through issue, prove and revoke with a headless wallet over real HTTP, prints each step with
// its time, and closes the town. The error names the first step that did not do what it must.
func Once(ctx context.Context, opts Options, out io.Writer) (err error) {
	began := time.Now()
	t, err := Open(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	fmt.Fprintf(out, "%8s  town is open\n", since(began))

	// The wallet is new each time; only the town goes on.
	dir, err := os.MkdirTemp("", "zegel-wallet-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	j := &journey{Town: t, walletDir: filepath.Join(dir, "wallet"), api: &fetch.Client{Loopback: true}}
	defer j.close()
	for _, s := range []struct {
		name string
		do   func(context.Context) (string, error)
	}{
		{"registry: DID and accreditations are proven from the network file", j.registry},
		{"wallet: made, trusts the network file alone", j.makeWallet},
		{"desk: offer for a made-up inhabitant, with a code on paper", j.offer},
		{"wallet: receives a batch of single-use copies", j.receive},
		{"counter: asks \"18 or older\" with a signed request", j.ask},
		{"wallet: shows who asks what and why, and shares one fact", j.share},
		{"counter: accepted, and has learned exactly one boolean", j.accepted},
		{"desk: revokes the card, which counts at the next block", j.revoke},
		{"counter: asks the same again", j.ask},
		{"wallet: shares another copy, and is told no more than \"refused\"", j.shareRevoked},
		{"counter: refused, the card is revoked", j.refused},
	} {
		start := time.Now()
		detail, err := s.do(ctx)
		if err != nil {
			fmt.Fprintf(out, "%8s  FAILED %s\n", since(start), s.name)
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintf(out, "%8s  %s (%s)\n", since(start), s.name, detail)
	}
	fmt.Fprintf(out, "%8s  all steps did what they must\n", since(began))
	return nil
}

func since(t time.Time) string { return time.Since(t).Round(100 * time.Microsecond).String() }

// journey is the state that the steps share.
type journey struct {
	*Town
	walletDir string
	api       *fetch.Client
	wallet    *wallet.Wallet

	offerLink, code string
	credential      string
	revokedAt       int64
	session, link   string
}

func (j *journey) close() {
	if j.wallet != nil {
		j.wallet.Close()
	}
}

// call uses a staff API and decodes the answer.
func (j *journey) call(ctx context.Context, method, url string, body, into any, want int) error {
	r := fetch.Request{Method: method, URL: url, Limit: 1 << 20, Header: http.Header{"Authorization": {"Bearer " + j.Ready.Token}}}
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r.Body, r.ContentType = data, "application/json"
	}
	answer, err := j.api.Do(ctx, r)
	if err != nil {
		return err
	}
	if answer.Status != want {
		return fmt.Errorf("%s %s: status %d, want %d: %s", method, url, answer.Status, want, bytes.TrimSpace(answer.Body))
	}
	return json.Unmarshal(answer.Body, into)
}

func (j *journey) registry(ctx context.Context) (string, error) {
	data, err := os.ReadFile(j.Ready.Network)
	if err != nil {
		return "", err
	}
	network, err := ledger.ParseNetwork(data)
	if err != nil {
		return "", err
	}
	raw, err := j.follower.Bundle(ctx, ledger.KeyDID(j.papers.did), ledger.KeyAccreditations(j.papers.did))
	if err != nil {
		return "", err
	}
	bundle, err := ledger.ParseBundle(raw)
	if err != nil {
		return "", err
	}
	proven, err := bundle.Verify(network, j.opts.Now(), 5*time.Minute)
	if err != nil {
		return "", err
	}
	document, err := proven.Document(ctx, j.papers.did)
	if err != nil {
		return "", err
	}
	granted, err := proven.Accreditations(ctx, j.papers.did)
	if err != nil {
		return "", err
	}
	if want := len(j.papers.accreditations()); len(granted) != want {
		return "", fmt.Errorf("%d accreditations, want %d", len(granted), want)
	}
	return fmt.Sprintf("%s, %d keys, %d accreditations, block %d", document.ID, len(document.Methods), len(granted), proven.Height), nil
}

func (j *journey) makeWallet(ctx context.Context) (string, error) {
	network, err := os.ReadFile(j.Ready.Network)
	if err != nil {
		return "", err
	}
	j.wallet, err = wallet.Create(ctx, wallet.Options{Dir: j.walletDir, Now: j.opts.Now}, wallet.Setup{Secret: "728194", Network: network, Dev: true})
	return "development", err
}

func (j *journey) offer(ctx context.Context) (string, error) {
	var offer struct {
		ID       string `json:"id"`
		OfferURI string `json:"offer_uri"`
		TxCode   string `json:"tx_code"`
	}
	err := j.call(ctx, "POST", j.Ready.Issuer+"/api/offers", map[string]any{
		"configuration_ids": []string{"personal-data"}, "subject": j.Ready.Subject, "tx_code": true,
	}, &offer, http.StatusCreated)
	if err != nil {
		return "", err
	}
	if offer.TxCode == "" || !strings.HasPrefix(offer.OfferURI, "openid-credential-offer://") {
		return "", fmt.Errorf("offer without link or code")
	}
	j.offerLink, j.code = offer.OfferURI, offer.TxCode
	return fmt.Sprintf("link of %d characters", len(offer.OfferURI)), nil
}

func (j *journey) receive(ctx context.Context) (string, error) {
	issuance, err := j.wallet.Receive(ctx, j.offerLink)
	if err != nil {
		return "", err
	}
	if !issuance.Registered || issuance.Issuer != tenantName || issuance.TxCode == nil {
		return "", fmt.Errorf("offer of %q, registered %t, code asked %t", issuance.Issuer, issuance.Registered, issuance.TxCode != nil)
	}
	if _, err := issuance.Fetch(ctx, j.code); err != nil {
		return "", err
	}
	cards, err := issuance.Accept(ctx)
	if err != nil {
		return "", err
	}
	if len(cards) != 1 || cards[0].Copies < 2 {
		return "", fmt.Errorf("%d cards", len(cards))
	}
	var answer struct {
		Credentials []struct {
			ID string `json:"id"`
		} `json:"credentials"`
	}
	if err := j.call(ctx, "GET", j.Ready.Issuer+"/api/credentials?subject="+j.Ready.Subject, nil, &answer, http.StatusOK); err != nil {
		return "", err
	}
	if len(answer.Credentials) == 0 {
		return "", fmt.Errorf("the issuer lists no credential")
	}
	j.credential = answer.Credentials[0].ID
	return fmt.Sprintf("1 card, %d copies", cards[0].Copies), nil
}

func (j *journey) ask(ctx context.Context) (string, error) {
	var session struct {
		ID         string `json:"id"`
		RequestURI string `json:"request_uri"`
	}
	if err := j.call(ctx, "POST", j.Ready.Verifier+"/api/sessions", map[string]any{"preset": "over-18"}, &session, http.StatusCreated); err != nil {
		return "", err
	}
	if !strings.HasPrefix(session.RequestURI, "openid4vp://") {
		return "", fmt.Errorf("request link %q", session.RequestURI)
	}
	j.session, j.link = session.ID, session.RequestURI
	return fmt.Sprintf("link of %d characters", len(session.RequestURI)), nil
}

func (j *journey) share(ctx context.Context) (string, error) {
	disclosure, err := j.wallet.Present(ctx, j.link)
	if err != nil {
		return "", err
	}
	if !disclosure.Registered || disclosure.Verifier != tenantName || disclosure.Purpose.In("nl") == "" || len(disclosure.Extra) > 0 {
		return "", fmt.Errorf("request of %q, registered %t, extra %v", disclosure.Verifier, disclosure.Registered, disclosure.Extra)
	}
	if _, err := disclosure.Share(ctx, wallet.Choice{}); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %q", disclosure.Verifier, disclosure.Purpose.In("nl")), nil
}

// shareRevoked shares a copy of the revoked card: the verifier must turn it down without telling the wallet why.
func (j *journey) shareRevoked(ctx context.Context) (string, error) {
	_, err := j.share(ctx)
	if wallet.CategoryOf(err) != wallet.EndpointRefused {
		return "", fmt.Errorf("the verifier must refuse the answer; got %v", err)
	}
	if strings.Contains(err.Error(), "revoked") {
		return "", fmt.Errorf("the verifier told the wallet why: %v", err)
	}
	return "refused", nil
}

// result is the session as the staff API gives it.
type result struct {
	State    string         `json:"state"`
	Outcome  string         `json:"outcome"`
	Category string         `json:"category"`
	Claims   map[string]any `json:"claims"`
}

func (j *journey) result(ctx context.Context) (result, error) {
	var r result
	err := j.call(ctx, "GET", j.Ready.Verifier+"/api/sessions/"+j.session, nil, &r, http.StatusOK)
	return r, err
}

func (j *journey) accepted(ctx context.Context) (string, error) {
	r, err := j.result(ctx)
	if err != nil {
		return "", err
	}
	learned := leaves(map[string]any(r.Claims))
	if r.Outcome != "accepted" || !cmp.Equal(learned, []any{true}) {
		return "", fmt.Errorf("outcome %q (%s) with %d facts", r.Outcome, r.Category, len(learned))
	}
	return "true, nothing else", nil
}

// leaves returns every value of claims that is not an object or an array.
func leaves(v any) []any {
	var found []any
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			found = append(found, leaves(member)...)
		}
	case []any:
		for _, element := range v {
			found = append(found, leaves(element)...)
		}
	default:
		found = append(found, v)
	}
	return found
}

func (j *journey) revoke(ctx context.Context) (string, error) {
	before := j.follower.State().Height
	var answer struct {
		Status string `json:"status"`
		Height int64  `json:"height"`
	}
	if err := j.call(ctx, "POST", j.Ready.Issuer+"/api/credentials/"+j.credential+"/revoke", map[string]any{"reason": "made-up reason of a trial run"}, &answer, http.StatusOK); err != nil {
		return "", err
	}
	if answer.Height <= before-1 {
		return "", fmt.Errorf("revoked in block %d, the chain was at %d", answer.Height, before)
	}
	j.revokedAt = answer.Height
	return fmt.Sprintf("block %d", answer.Height), nil
}

func (j *journey) refused(ctx context.Context) (string, error) {
	r, err := j.result(ctx)
	if err != nil {
		return "", err
	}
	if r.Outcome != "rejected" || r.Category != "revoked" || len(r.Claims) > 0 {
		return "", fmt.Errorf("outcome %q, category %q, %d claims", r.Outcome, r.Category, len(r.Claims))
	}
	return "rejected: revoked", nil
}
