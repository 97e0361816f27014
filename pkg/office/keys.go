package office

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// ErrDevelopmentKey: the key file was made for a town on one machine and may not be used in production.
var ErrDevelopmentKey = errors.New("development key")

// developmentHeader marks the PEM block of a key that must never leave development.
const developmentHeader = "Zegel-Development"

// SaveKey writes a private key as PKCS #8 PEM with mode 0600. It does not overwrite. A development key is marked as one.
func SaveKey(path string, key crypto.PrivateKey, development bool) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %v", err)
	}
	block := &pem.Block{Type: "PRIVATE KEY", Bytes: der}
	if development {
		block.Headers = map[string]string{developmentHeader: "true"}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := pem.Encode(f, block); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// LoadKey reads a private key that [SaveKey] or another tool wrote as PKCS #8 PEM. A marked development key is
// [ErrDevelopmentKey] unless development is set.
func LoadKey(path string, development bool) (crypto.Signer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("key file %q: no PKCS #8 PEM block", path)
	}
	if block.Headers[developmentHeader] != "" && !development {
		return nil, fmt.Errorf("key file %q: %w", path, ErrDevelopmentKey)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("key file %q: %v", path, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("key file %q: a %T cannot sign", path, key)
	}
	return signer, nil
}

// LoadChain reads a PEM file of certificates in its order and returns them as DER.
func LoadChain(path string) ([][]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var chain [][]byte
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("certificate file %q: block %q", path, block.Type)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return nil, fmt.Errorf("certificate file %q: %v", path, err)
		}
		chain = append(chain, block.Bytes)
	}
	if len(chain) == 0 {
		return nil, fmt.Errorf("certificate file %q: no certificate", path)
	}
	return chain, nil
}
