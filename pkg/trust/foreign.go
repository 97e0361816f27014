package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

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
