package main

import (
	"github.com/zegel-id/zegel/pkg/ledger"
)

// readCandidate reads who wants to be a member.
func readCandidate(path string) (*ledger.Admission, error) {
	record, err := readRecord(path)
	if err != nil {
		return nil, err
	}
	return &ledger.Admission{Record: record}, nil
}
