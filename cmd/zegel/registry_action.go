package main

import (
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

func accreditationFacts(a *ledger.Accreditation) []string {
	keep := ""
	if a.Use == trust.Ask {
		keep = "not kept"
		if a.KeepDays > 0 {
			keep = count(int(a.KeepDays), "day", "days")
		}
	}
	out := []string{"Purpose (nl)", plain(a.Purpose["nl"]), "Purpose (en)", plain(a.Purpose["en"]), "Legal basis", plain(a.LegalBasis), "Answers", keep}
	if a.OutcomeDays > 0 {
		out = append(out, "Outcome", count(int(a.OutcomeDays), "day", "days"))
	}
	for _, lang := range slices.Sorted(maps.Keys(a.PassedOn)) {
		out = append(out, "Onward ("+plain(lang)+")", plain(a.PassedOn[lang])) // to whom answers are passed on
	}
	return append(out, "Counts", "from "+day(a.From)+" until "+day(a.Until))
}

// actionFacts are what people want to see of an action beside the sentence: enough to compare, by telephone, with what the
// organisation has. by is who proposed it, now are the parameters as they are.
func actionFacts(a *ledger.Action, by did.DID, now *ledger.Parameters) []string {
	switch {
	case a.Admit != nil:
		out := []string{"Organisation", string(newcomer(a.Admit, by)), "Validator", hex.EncodeToString(a.Admit.Validator)}
		if a.Admit.Record != nil {
			out = append(out, "Keys", recordKeys(a.Admit.Record))
		}
		return out
	case a.Remove != nil:
		return []string{"Organisation", string(a.Remove.DID)}
	case a.Validator != nil:
		return []string{"Organisation", string(a.Validator.DID), "Validator", hex.EncodeToString(a.Validator.Validator)}
	case a.Anchor != nil:
		subject := "not readable"
		if cert, err := x509.ParseCertificate(a.Anchor.Certificate); err == nil {
			subject = plain(cert.Subject.String())
		}
		return []string{"Subject", subject, "SHA-256", fingerprint(a.Anchor.Certificate), "Counts", "from " + day(a.Anchor.From) + " until " + day(a.Anchor.Until)}
	case a.Accredit != nil:
		return append([]string{"Organisation", string(a.Accredit.Subject), "Id", a.Accredit.ID}, accreditationFacts(a.Accredit)...)
	case a.Withdraw != nil:
		return []string{"Organisation", string(a.Withdraw.Subject)}
	case a.Parameters != nil:
		var out []string
		for i, row := range parameterRows(a.Parameters) {
			if now != nil {
				if is := parameterRows(now)[i][1]; is != row[1] {
					row[1] = is + " -> " + row[1]
				}
			}
			out = append(out, row[0], row[1])
		}
		return out
	case a.Recover != nil:
		return []string{"Organisation", string(a.Recover.DID), "New keys", recordKeys(&a.Recover.Record), "SHA-256", recordFingerprint(&a.Recover.Record)}
	}
	return nil
}

// newcomer is the DID of who is to be admitted. One that is new has no DID in the proposal: it follows from its record and
// the network, which the proposer's DID names.
func newcomer(a *ledger.Admission, by did.DID) did.DID {
	network := strings.Split(string(by), ":")
	if a.DID != "" || a.Record == nil || len(network) != 4 {
		return a.DID
	}
	id, err := ledger.NewDID(network[2], a.Record)
	if err != nil {
		return ""
	}
	return id
}

// recordFingerprint is that of the file record.cbor.
func recordFingerprint(r *ledger.DIDRecord) string {
	raw, err := ledger.Encode(r)
	if err != nil {
		return ""
	}
	return fingerprint(raw)
}

func recordKeys(r *ledger.DIDRecord) string {
	var out []string
	for i := range r.Keys {
		out = append(out, fmt.Sprintf("%s (%s)", r.Keys[i].ID, keyUse(r.Keys[i].Purposes)))
	}
	return plain(strings.Join(out, ", "))
}

// actionHint is an action as programs read it, with the DID that a new organisation is to get.
func actionHint(a *ledger.Action, by did.DID) ledger.ActionHint {
	h := a.Hint()
	if a.Admit != nil {
		h.DID = newcomer(a.Admit, by)
	}
	return h
}
