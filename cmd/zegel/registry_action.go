package main

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/zegel-id/zegel/pkg/did"
	"github.com/zegel-id/zegel/pkg/ledger"
	"github.com/zegel-id/zegel/pkg/trust"
)

// accreditationJSON is an accreditation as programs read it.
type accreditationJSON struct {
	ID         string            `json:"id"`
	Subject    string            `json:"subject"`
	Use        trust.Use         `json:"use"`
	Name       string            `json:"name"`
	Types      []string          `json:"types"`
	Claims     []json.RawMessage `json:"claims,omitempty"`
	Purpose    map[string]string `json:"purpose,omitempty"`
	LegalBasis string            `json:"legal_basis,omitempty"`
	KeepDays   int64             `json:"keep_days,omitempty"`
	From       string            `json:"from"`
	Until      string            `json:"until"`
	GrantedBy  string            `json:"granted_by,omitempty"`
	Under      string            `json:"under,omitempty"`
	Decision   string            `json:"decision,omitempty"`
	Ended      string            `json:"ended,omitempty"`
	Distrust   bool              `json:"distrust,omitempty"`
	Stopped    string            `json:"stopped,omitempty"`
	Resumes    string            `json:"stopped_until,omitempty"`
}

func accreditationObject(a *ledger.Accreditation) accreditationJSON {
	out := accreditationJSON{
		ID: a.ID, Subject: string(a.Subject), Use: a.Use, Name: a.Name, Types: a.Types, Purpose: a.Purpose, LegalBasis: a.LegalBasis,
		KeepDays: a.KeepDays, From: iso(a.From), Until: iso(a.Until), GrantedBy: string(a.GrantedBy), Under: a.Under, Decision: hex.EncodeToString(a.Decision),
		Ended: iso(a.EndedAt), Distrust: a.Distrust, Stopped: iso(a.StoppedFrom), Resumes: iso(a.StoppedUntil),
	}
	for _, c := range a.Claims {
		out.Claims = append(out.Claims, json.RawMessage(c))
	}
	return out
}

func accreditationFacts(a *ledger.Accreditation) []string {
	keep := ""
	if a.Use == trust.Ask {
		keep = "not kept"
		if a.KeepDays > 0 {
			keep = count(int(a.KeepDays), "day", "days")
		}
	}
	return []string{
		"Purpose (nl)", plain(a.Purpose["nl"]), "Purpose (en)", plain(a.Purpose["en"]), "Legal basis", plain(a.LegalBasis), "Answers", keep,
		"Counts", "from " + day(a.From) + " until " + day(a.Until),
	}
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

// actionObject is an action as programs read it: one member, named after what it does.
func actionObject(a *ledger.Action, by did.DID) any {
	m := map[string]any{}
	switch {
	case a.Admit != nil:
		m["admit"] = struct {
			DID       string `json:"did,omitempty"`
			Name      string `json:"name"`
			Validator string `json:"validator,omitempty"`
			NewRecord bool   `json:"new_record"`
		}{string(newcomer(a.Admit, by)), a.Admit.Name, hex.EncodeToString(a.Admit.Validator), a.Admit.Record != nil}
	case a.Remove != nil:
		m["remove"] = map[string]string{"did": string(a.Remove.DID)}
	case a.Validator != nil:
		m["validator"] = map[string]string{"did": string(a.Validator.DID), "validator": hex.EncodeToString(a.Validator.Validator)}
	case a.Accredit != nil:
		m["accredit"] = accreditationObject(a.Accredit)
	case a.Withdraw != nil:
		m["withdraw"] = struct {
			Subject  string `json:"subject"`
			ID       string `json:"id"`
			Distrust bool   `json:"distrust"`
		}{string(a.Withdraw.Subject), a.Withdraw.ID, a.Withdraw.Distrust}
	case a.Anchor != nil:
		m["anchor"] = struct {
			ID          string      `json:"id"`
			Certificate []byte      `json:"certificate"`
			Uses        []trust.Use `json:"uses"`
			Types       []string    `json:"types,omitempty"`
			From        string      `json:"from"`
			Until       string      `json:"until"`
		}{a.Anchor.ID, a.Anchor.Certificate, a.Anchor.Uses, a.Anchor.Types, iso(a.Anchor.From), iso(a.Anchor.Until)}
	case a.RemoveAnchor != nil:
		m["remove_anchor"] = map[string]string{"id": a.RemoveAnchor.ID}
	case a.Parameters != nil:
		m["parameters"] = parametersObject(a.Parameters)
	case a.Recover != nil:
		m["recover"] = map[string]string{"did": string(a.Recover.DID), "record_sha256": strings.ReplaceAll(recordFingerprint(&a.Recover.Record), " ", "")}
	case a.Confirm != nil:
		m["confirm"] = map[string]string{"stop": hex.EncodeToString(a.Confirm.ID)}
	case a.Resume != nil:
		m["resume"] = map[string]string{"stop": hex.EncodeToString(a.Resume.ID)}
	}
	return m
}
