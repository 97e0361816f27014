package issuer

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/jose"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/office"
	"github.com/zegel-id/zegel/pkg/openid4vci"
)

// Config is the issuer's TOML file.
type Config struct {
	Origin    string   `toml:"origin"`     // as "https://zegel.example.nl"; paths below are fixed: /issuer/<tenant>, /desk
	Listen    string   `toml:"listen"`     // address of the listener, as "127.0.0.1:8421"
	Dir       string   `toml:"dir"`        // database
	Network   string   `toml:"network"`    // network file
	RateLimit int      `toml:"rate_limit"` // requests a second of one caller; default 500
	Dev       bool     `toml:"-"`          // set by --dev only
	Clients   []Client `toml:"clients"`    // wallets that may send people to the page where a card is collected; default: our own
	Tenants   []Tenant `toml:"tenants"`
}

// Tenant is one municipality.
type Tenant struct {
	ID            string `toml:"id"`   // path part, as "voorbeeldstad"
	Name          string `toml:"name"` // as "Gemeente Voorbeeldstad"
	DID           string `toml:"did"`
	SigningKey    string `toml:"signing_key"`     // PEM file (PKCS #8, P-256): assertionMethod key
	Chain         string `toml:"chain"`           // PEM file, leaf first, without the anchor
	RegistryKey   string `toml:"registry_key"`    // PEM file (PKCS #8, Ed25519): capabilityInvocation key
	RegistryKeyID string `toml:"registry_key_id"` // fragment
	Subjects      string `toml:"subjects"`        // JSON file with inhabitants, see Subject
	BatchSize     int    `toml:"batch_size"`
	// RenewDays is for how many days after it was handed out a card can be renewed without another visit: default 365, -1 for
	// never. A revoked or expired card cannot be renewed, nor one of a person who is not among the subjects any more.
	RenewDays int             `toml:"renew_days"`
	Cards     map[string]Face `toml:"cards"` // how a card looks in wallets, by its configuration: only "personal-data"
	Staff     []office.Staff  `toml:"staff"`
}

// Face is what a municipality may choose of a card's looks. Both are published in the metadata, the picture in its whole, so
// that no wallet has to fetch it from anywhere.
type Face struct {
	Colour  string `toml:"colour"`   // of the background, as "#0e5f6d"; empty: the wallet chooses
	Logo    string `toml:"logo"`     // PNG or JPEG file of at most 32 KiB and a megapixel; empty: none
	LogoAlt string `toml:"logo_alt"` // what is on it, in words
}

// Subject is an inhabitant in the subjects file: {"id":"voorbeeld-1","claims":{"given_name":…,"family_name":…,"birthdate":"2000-01-31","address":{"locality":…}}}.
// age_equal_or_over is computed.
type Subject struct {
	ID     string         `json:"id"`
	Claims map[string]any `json:"claims"`
}

// Sizes of a batch.
const (
	defaultBatch = 10
	maxBatch     = 32
)

// check checks what does not belong to one tenant and returns the chain id.
func (c *Config) check(chainID string) (string, error) {
	u, err := url.Parse(c.Origin)
	if err != nil || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.HasSuffix(c.Origin, "/") {
		return "", fmt.Errorf("setting origin: %q is not scheme and host alone", c.Origin)
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme == "http" && c.Dev && isLoopback(u.Hostname()):
	case u.Scheme == "http" && c.Dev:
		return "", fmt.Errorf("setting origin: development takes plain http for loopback addresses only, not %q", c.Origin)
	default:
		return "", fmt.Errorf("setting origin: %q is not https", c.Origin)
	}
	if c.Dir == "" {
		return "", errors.New("setting dir: empty")
	}
	if len(c.Tenants) == 0 {
		return "", errors.New("setting tenants: none")
	}
	seen := map[string]bool{}
	for _, t := range c.Tenants {
		if seen[t.ID] {
			return "", fmt.Errorf("setting tenants: %q is given twice", t.ID)
		}
		seen[t.ID] = true
	}
	if err := checkClients(c.Clients); err != nil {
		return "", err
	}
	if c.Network == "" {
		if chainID == "" {
			return "", errors.New("setting network: empty")
		}
		return chainID, nil
	}
	data, err := os.ReadFile(c.Network)
	if err != nil {
		return "", fmt.Errorf("setting network: %w", err)
	}
	network, err := ledger.ParseNetwork(data)
	if err != nil {
		return "", fmt.Errorf("setting network: %w", err)
	}
	if network.Development && !c.Dev {
		return "", fmt.Errorf("setting network: %s is of a development network; production refuses it", c.Network)
	}
	if chainID == "" {
		chainID = network.ChainID
	}
	return chainID, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// tenant is a tenant with what its settings name.
type tenant struct {
	Tenant
	base        string // credential issuer identifier
	did         did.DID
	signer      *ecdsa.PrivateKey
	chain       [][]byte
	registryKey ed25519.PrivateKey
	subjects    map[string]Subject
	order       []Subject
	face        openid4vci.Display // of the card, without texts

	wake   chan struct{} // the worker has something to do
	single bool          // of the worker: one credential in one transaction
	held   time.Time     // of the worker: until then new lists and reinstatements wait
	ready  chan struct{} // closed when a list stands on the chain
	once   sync.Once

	mu    sync.Mutex
	lists map[int64][]uint32 // the order of indices of each list

	metadata metadataCache
	statuses statusCache
}

var tenantID = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$`)

func loadTenant(t Tenant, cfg Config) (*tenant, error) {
	bad := func(setting, format string, args ...any) error {
		return fmt.Errorf("setting tenants[%s].%s: %w", t.ID, setting, fmt.Errorf(format, args...))
	}
	if !tenantID.MatchString(t.ID) {
		return nil, bad("id", "%q is not a path part of lower case letters, digits and -", t.ID)
	}
	if t.Name == "" {
		return nil, bad("name", "empty")
	}
	if t.BatchSize == 0 {
		t.BatchSize = defaultBatch
	}
	if t.RenewDays == 0 {
		t.RenewDays = defaultRenewDays
	}
	if t.RenewDays < -1 || t.RenewDays > maxRenewDays {
		return nil, bad("renew_days", "%d is not from 1 to %d, nor -1 for never", t.RenewDays, maxRenewDays)
	}
	// One copy of a card is not a batch: it would be shown again and again, and known again.
	if t.BatchSize < 2 || t.BatchSize > maxBatch {
		return nil, bad("batch_size", "%d is not from 2 to %d", t.BatchSize, maxBatch)
	}
	l := &tenant{Tenant: t, base: cfg.Origin + "/issuer/" + t.ID, wake: make(chan struct{}, 1), ready: make(chan struct{}), lists: map[int64][]uint32{}}
	var err error
	if l.did, err = did.Parse(t.DID); err != nil || l.did.Method() != "zegel" {
		return nil, bad("did", "%q is not a did:zegel", t.DID)
	}
	key, err := office.LoadKey(t.SigningKey, cfg.Dev)
	if err != nil {
		return nil, bad("signing_key", "%w", err)
	}
	var ok bool
	if l.signer, ok = key.(*ecdsa.PrivateKey); !ok || l.signer.Curve != elliptic.P256() {
		return nil, bad("signing_key", "%s holds no P-256 key", t.SigningKey)
	}
	if key, err = office.LoadKey(t.RegistryKey, cfg.Dev); err != nil {
		return nil, bad("registry_key", "%w", err)
	}
	if l.registryKey, ok = key.(ed25519.PrivateKey); !ok {
		return nil, bad("registry_key", "%s holds no Ed25519 key", t.RegistryKey)
	}
	if t.RegistryKeyID == "" || strings.Contains(t.RegistryKeyID, "#") {
		return nil, bad("registry_key_id", "%q is not a fragment without #", t.RegistryKeyID)
	}
	if err := l.loadChain(); err != nil {
		return nil, bad("chain", "%w", err)
	}
	if err := l.loadSubjects(); err != nil {
		return nil, bad("subjects", "%w", err)
	}
	if err := l.loadFace(); err != nil {
		return nil, bad("cards", "%w", err)
	}
	for _, s := range t.Staff {
		if hash, err := hex.DecodeString(s.TokenSHA256); err != nil || len(hash) != 32 {
			return nil, bad("staff", "token_sha256 of %q is not a hex SHA-256", s.Name)
		}
	}
	return l, nil
}

// loadChain reads the certificates and checks what a wallet will: the leaf is of the signing key, names the DID, and no
// anchor is among them (HAIP 1.0, Section 6.1.1).
func (t *tenant) loadChain() error {
	chain, err := office.LoadChain(t.Chain)
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return err
	}
	if !t.signer.PublicKey.Equal(leaf.PublicKey) {
		return fmt.Errorf("the first certificate of %s is not of the signing key", t.Tenant.Chain)
	}
	if !slices.ContainsFunc(leaf.URIs, func(u *url.URL) bool { return u.String() == t.DID }) {
		return fmt.Errorf("the first certificate of %s does not name %s", t.Tenant.Chain, t.DID)
	}
	for _, der := range chain {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		if cert.CheckSignatureFrom(cert) == nil {
			return fmt.Errorf("%s holds a self-signed certificate; leave the anchor out", t.Tenant.Chain)
		}
	}
	t.chain = chain
	return nil
}

// maxLogoFile keeps metadata small, which every wallet reads whole at each card: a logo stands in them once for each language,
// and again in what is signed.
const maxLogoFile = 32 << 10

// loadFace reads colour and logo. What a wallet would ignore is refused here.
func (t *tenant) loadFace() error {
	for name := range t.Cards {
		if name != PersonalData {
			return fmt.Errorf("no card is called %q", name)
		}
	}
	f := t.Cards[PersonalData]
	if f.Colour != "" {
		t.face.BackgroundColor = openid4vci.Colour(f.Colour)
		rgb, ok := t.face.BackgroundColor.RGB()
		if !ok {
			return fmt.Errorf("%s.colour: %q is not a colour as \"#0e5f6d\"", PersonalData, f.Colour)
		}
		t.face.TextColor = "#FFFFFF"
		// Brightness as of the WAI-ERT working draft: enough to tell light from dark.
		if 299*int(rgb.R)+587*int(rgb.G)+114*int(rgb.B) > 140_000 {
			t.face.TextColor = "#000000"
		}
	}
	if f.Logo == "" {
		if f.LogoAlt != "" {
			return fmt.Errorf("%s.logo_alt: %q describes no logo", PersonalData, f.LogoAlt)
		}
		return nil
	}
	info, err := os.Stat(f.Logo)
	if err != nil {
		return fmt.Errorf("%s.logo: %w", PersonalData, err)
	}
	if info.Size() > maxLogoFile {
		return fmt.Errorf("%s.logo: %s has %d bytes, at most %d", PersonalData, f.Logo, info.Size(), maxLogoFile)
	}
	file, err := os.ReadFile(f.Logo)
	if err != nil {
		return fmt.Errorf("%s.logo: %w", PersonalData, err)
	}
	if t.face.Logo, err = openid4vci.NewLogo(file, f.LogoAlt); err != nil {
		return fmt.Errorf("%s.logo: %s: %w", PersonalData, f.Logo, err)
	}
	return nil
}

func (t *tenant) loadSubjects() error {
	t.subjects = map[string]Subject{}
	if t.Tenant.Subjects == "" {
		return nil
	}
	data, err := os.ReadFile(t.Tenant.Subjects)
	if err != nil {
		return err
	}
	if err := jose.Unmarshal(data, &t.order); err != nil {
		return err
	}
	for n, s := range t.order {
		if s.ID == "" || len(s.ID) > 128 {
			return fmt.Errorf("inhabitant %d has no usable id", n+1)
		}
		if _, ok := t.subjects[s.ID]; ok {
			return fmt.Errorf("id of inhabitant %d is not the only one", n+1)
		}
		// Claims stay out of the error text: they are personal data.
		if _, err := readPerson(s.Claims); err != nil {
			return fmt.Errorf("inhabitant %d: %w", n+1, err)
		}
		t.subjects[s.ID] = s
	}
	slices.SortFunc(t.order, func(a, b Subject) int { return strings.Compare(a.ID, b.ID) })
	return nil
}
