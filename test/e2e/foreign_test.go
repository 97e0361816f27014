package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// The foreign parties of these tests know the published specifications only: they are written with the standard
// library and a JOSE library, and use nothing of this project.

var b64 = base64.RawURLEncoding

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// authority is the foreign certificate authority of a test run.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

var foreignAuthority = sync.OnceValues(func() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Elders (made-up authority)"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err = x509.ParseCertificate(der)
	return &authority{key, cert}, err
})

func foreignAnchorFile(dir string) (string, error) {
	a, err := foreignAuthority()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "foreign-anchor.pem")
	return path, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw}), 0o600)
}

// leaf makes a key with a certificate of the foreign authority.
func (a *authority) leaf(name string) (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 1, 0),
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, key.Public(), a.key)
	return key, der, err
}

// sign makes a compact ES256 JWS with this header.
func sign(key *ecdsa.PrivateKey, header map[string]any, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	h := jws.NewHeaders()
	for name, v := range header {
		if err := h.Set(name, v); err != nil {
			return "", err
		}
	}
	out, err := jws.Sign(payload, jws.WithKey(jwa.ES256, key, jws.WithProtectedHeaders(h)))
	return string(out), err
}

// x5c returns the header member for a chain.
func x5cHeader(typ string, leaf []byte) map[string]any {
	var chain = []string{base64.StdEncoding.EncodeToString(leaf)}
	return map[string]any{"typ": typ, "x5c": certChain(chain)}
}

// payload decodes the claims of a compact JWS after checking its signature with the leaf of its x5c.
func payload(compact string, into any) (leaf *x509.Certificate, err error) {
	head, rest, ok := strings.Cut(compact, ".")
	if !ok {
		return nil, fmt.Errorf("not a JWS: %.40q", compact)
	}
	raw, err := b64.DecodeString(head)
	if err != nil {
		return nil, err
	}
	var h struct {
		X5C []string `json:"x5c"`
	}
	if err := json.Unmarshal(raw, &h); err != nil {
		return nil, err
	}
	if len(h.X5C) > 0 {
		der, err := base64.StdEncoding.DecodeString(h.X5C[0])
		if err != nil {
			return nil, err
		}
		if leaf, err = x509.ParseCertificate(der); err != nil {
			return nil, err
		}
		if _, err := jws.Verify([]byte(compact), jws.WithKey(jwa.ES256, leaf.PublicKey)); err != nil {
			return nil, err
		}
	}
	body, _, _ := strings.Cut(rest, ".")
	if raw, err = b64.DecodeString(body); err != nil {
		return nil, err
	}
	return leaf, json.Unmarshal(raw, into)
}

func publicJWK(key *ecdsa.PrivateKey) (jwk.Key, error) { return jwk.FromRaw(key.Public()) }

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return b64.EncodeToString(sum[:])
}

// disclosure makes a disclosure of RFC 9901 and returns it with its digest.
func disclosure(name string, value any) (encoded, digest string) {
	raw, err := json.Marshal([]any{rand.Text(), name, value})
	if err != nil {
		panic(err)
	}
	encoded = b64.EncodeToString(raw)
	return encoded, hash(encoded)
}
