package registry

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
)

// Candidate is what an organisation tells the others so that it can be a member and its node can take part. It is a JSON
// file and holds nothing secret; how the others know whose it is, they settle among themselves.
type Candidate struct {
	Name      string           // of the organisation
	Record    ledger.DIDRecord // its first DID record
	Validator []byte           // Ed25519 key of its node that signs blocks
	NodeID    string           // of its node, in hex
	Address   string           // of its node for other nodes, as "host:26656"
	URL       string           // of its node for everybody: /v1 hangs below it
	Made      time.Time        // in whole seconds

	Development bool // its keys are for development
}

type candidateFile struct {
	Name      string    `json:"name"`
	Record    []byte    `json:"record"` // CBOR, as transactions have it
	Validator []byte    `json:"validator"`
	NodeID    string    `json:"node_id"`
	Address   string    `json:"address"`
	URL       string    `json:"url"`
	Made      time.Time `json:"made"`

	Development bool `json:"development,omitempty"`
}

const maxCandidateSize = 64 << 10

// Encode returns the file. Error: what [ParseCandidate] would refuse.
func (c *Candidate) Encode() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	record, err := ledger.Encode(c.Record)
	if err != nil {
		return nil, err
	}
	out, err := json.MarshalIndent(candidateFile{c.Name, record, c.Validator, c.NodeID, c.Address, c.URL, c.Made.UTC(), c.Development}, "", "  ")
	return append(out, '\n'), err
}

// ParseCandidate reads the file strictly.
func ParseCandidate(data []byte) (*Candidate, error) {
	if len(data) > maxCandidateSize {
		return nil, fmt.Errorf("candidate: file of %d bytes", len(data))
	}
	var members map[string]json.RawMessage
	if err := jose.Unmarshal(data, &members); err != nil {
		return nil, fmt.Errorf("candidate: %w", err)
	}
	for name := range members {
		if !slices.Contains([]string{"name", "record", "validator", "node_id", "address", "url", "made", "development"}, name) {
			return nil, fmt.Errorf("candidate: member %q", name[:min(len(name), 64)])
		}
	}
	var f candidateFile
	if err := jose.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("candidate: %w", err)
	}
	c := &Candidate{Name: f.Name, Validator: f.Validator, NodeID: f.NodeID, Address: f.Address, URL: f.URL, Made: f.Made.UTC(), Development: f.Development}
	if err := ledger.Decode(f.Record, &c.Record); err != nil {
		return nil, fmt.Errorf("candidate: record: %w", err)
	}
	return c, c.check()
}

func (c *Candidate) check() error {
	if !printable(c.Name) || personal(c.Name) != "" {
		return fmt.Errorf("candidate: name %q", c.Name[:min(len(c.Name), 256)])
	}
	if err := c.Record.Check(); err != nil {
		return fmt.Errorf("candidate: record: %w", err)
	}
	if len(c.Validator) != ed25519.PublicKeySize {
		return fmt.Errorf("candidate: validator key of %d bytes", len(c.Validator))
	}
	if err := checkNodeID(c.NodeID); err != nil {
		return fmt.Errorf("candidate: %w", err)
	}
	if err := checkAddress(c.Address); err != nil {
		return fmt.Errorf("candidate: %w", err)
	}
	u, err := url.Parse(c.URL)
	if err != nil || len(c.URL) > 1024 || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" {
		return fmt.Errorf("candidate: url %q", c.URL[:min(len(c.URL), 1024)])
	}
	if y := c.Made.Year(); y < 2020 || y > 9999 || c.Made.Nanosecond() != 0 {
		return fmt.Errorf("candidate: made at %v", c.Made)
	}
	return nil
}

// printable says whether a name is one line that people can read.
func printable(s string) bool {
	return s != "" && len(s) <= 200 && utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

func checkNodeID(id string) error {
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != 20 || hex.EncodeToString(raw) != id {
		return fmt.Errorf("node id %q is not 40 characters of lower-case hex", id[:min(len(id), 64)])
	}
	return nil
}

func checkAddress(address string) error {
	host, port, err := net.SplitHostPort(address)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" || len(address) > 256 ||
		strings.ContainsFunc(host, func(r rune) bool { return r > 'z' || r <= ' ' || strings.ContainsRune(`"',@/\`, r) }) {
		return fmt.Errorf("address %q is not as host:26656", address[:min(len(address), 256)])
	}
	return nil
}

// DID returns the organisation's DID in a network.
func (c *Candidate) DID(network string) (did.DID, error) { return ledger.NewDID(network, &c.Record) }

// Peer returns the node as the setting peers of another node names it.
func (c *Candidate) Peer() string { return c.NodeID + "@" + c.Address }

// Found returns the genesis of a network whose members the candidates are, all with a validator. Whoever founds it with
// the same candidates, in any order, gets the same genesis.
func Found(network string, all []Candidate) (*Genesis, error) {
	g := &Genesis{Network: network, ChainID: "zegel-" + network}
	if len(all) == 0 {
		return nil, errors.New("found a network: no candidate")
	}
	all = slices.Clone(all)
	g.Development = all[0].Development
	dids := map[string]did.DID{} // by node id
	for i := range all {
		c := &all[i]
		if err := c.check(); err != nil {
			return nil, err
		}
		for _, other := range all[:i] {
			if other.Name == c.Name || other.NodeID == c.NodeID || other.Address == c.Address || other.URL == c.URL || bytes.Equal(other.Validator, c.Validator) {
				return nil, fmt.Errorf("found a network: candidates %q and %q share a name, a key or an address", other.Name, c.Name)
			}
		}
		if c.Development != g.Development {
			return nil, fmt.Errorf("found a network: only one of the candidates %q and %q is for development", all[0].Name, c.Name)
		}
		var err error
		if dids[c.NodeID], err = c.DID(network); err != nil {
			return nil, fmt.Errorf("found a network: candidate %q: %w", c.Name, err)
		}
		if c.Made.After(g.Time) {
			g.Time = c.Made
		}
	}
	slices.SortFunc(all, func(a, b Candidate) int { return strings.Compare(string(dids[a.NodeID]), string(dids[b.NodeID])) })
	for _, c := range all {
		g.Members = append(g.Members, Founder{Name: c.Name, Record: c.Record, Validator: c.Validator})
	}
	return g, g.check()
}

// NetworkFile returns the network file that trusts this genesis, for wallets and services, with these nodes.
func (g *Genesis) NetworkFile(nodes []string) (*ledger.Network, error) {
	n := &ledger.Network{Name: g.Network, ChainID: g.ChainID, Time: g.Time.UTC(), Development: g.Development, Nodes: append([]string{}, nodes...)}
	for _, m := range g.Members {
		if len(m.Validator) > 0 {
			n.Validators = append(n.Validators, ledger.NetworkValidator{PubKey: m.Validator, Power: validatorPower})
		}
	}
	return ledger.ParseNetwork(n.Encode())
}
