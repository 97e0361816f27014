package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

// ReadForeign reads PEM files with [ParseForeign].
func ReadForeign(paths []string) ([]Anchor, error) {
	var all []Anchor
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("trust anchor: %w", err)
		}
		anchors, err := ParseForeign(data)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", path, err)
		}
		all = append(all, anchors...)
	}
	return all, nil
}

// ParseForeign reads anchors of foreign parties from PEM, as the option --trust-anchor gives them. They count for every
// use and type while the certificate is valid.
func ParseForeign(data []byte) ([]Anchor, error) {
	var anchors []Anchor
	for len(bytes.TrimSpace(data)) > 0 {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			return nil, fmt.Errorf("trust anchor: no PEM block where one should be")
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("trust anchor: PEM block %q", block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("trust anchor: %v", err)
		}
		anchors = append(anchors, Anchor{Certificate: cert, Uses: []Use{Issue, Ask}, From: cert.NotBefore, Until: cert.NotAfter})
	}
	if len(anchors) == 0 {
		return nil, fmt.Errorf("trust anchor: no certificate")
	}
	return anchors, nil
}
