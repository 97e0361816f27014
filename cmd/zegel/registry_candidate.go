package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/registry"
)

// readCandidate reads who wants to be a member: the file that zegel registry init made, or a record.
func readCandidate(path string) (*ledger.Admission, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &usageError{err.Error()}
	}
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		record, err := readRecord(path)
		return &ledger.Admission{Record: record}, err
	}
	c, err := registry.ParseCandidate(data)
	if err != nil {
		return nil, &usageError{fmt.Sprintf("%s: %v", path, err)}
	}
	return &ledger.Admission{Record: &c.Record, Name: c.Name, Validator: c.Validator}, nil
}
