package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRegistryAlone walks through what one member does: it decides by itself.
func TestRegistryAlone(t *testing.T) {
	h := newHall(t, 1)
	a := h.members[0]
	contains(t, h.as(0, "members"), "Gemeente Aadorp", string(a.did), "1 member; a decision takes 1 vote", "voorbeeld: proven at height", "seconds old")
	contains(t, h.as(0, "validators"), "Gemeente Aadorp", "10 of 10", "One validator")
	contains(t, h.as(0, "proposals"), "Nothing is voted on.")
	contains(t, h.as(0, "stops"), "Nothing is stopped.")
	contains(t, h.as(0, "lists"), "There are no status lists.")
	contains(t, h.as(0, "parameters"), "retention_days", "365")
	contains(t, h.as(0, "status"), "Network voorbeeld", "nothing is stopped", "ready")
	contains(t, h.as(0, "resolve", string(a.did)), "registry-1", "in use", "there is one", "https://a.example/issuer", "Gemeente Aadorp")
	contains(t, h.as(0, "accreditations", string(a.did)), "may issue nothing and ask nothing. That is proven.")

	file := filepath.Join(h.dir, "over-18.toml")
	if err := os.WriteFile(file, []byte(accreditSample), 0o600); err != nil {
		t.Fatal(err)
	}
	contains(t, h.refuses(exitUsage, 0, "accredit", file), "did:zegel")
	contains(t, h.refuses(exitUsage, 0, "accredit", file, "--subject", string(a.did)), "give --yes")
	granted := h.as(0, "accredit", file, "--subject", string(a.did), "--yes")
	contains(t, granted, "Done: let Gemeente Voorbeeldstad ask age_equal_or_over.18 from urn:zegel:personal-data:1, until 1 Jan 2032", "counts at once", "is in block")
	contains(t, h.as(0, "accreditations", string(a.did)), "over-18:", "Leeftijd controleren", "Vuurwerkbesluit", "not kept", "does not count yet")
	contains(t, h.refuses(exitFailed, 0, "accredit", file, "--subject", string(a.did), "--yes"), "code 8 conflict: ", "\nhint: ")
	contains(t, h.as(0, "withdraw", string(a.did), "over-18", "--yes"), "what was issued before stays good")
	contains(t, h.refuses(exitFailed, 0, "withdraw", string(a.did), "over-18", "--yes"), "code 10 terminal_state: ")
	contains(t, h.as(0, "withdraw", string(a.did), "over-18", "--distrust", "--yes"), "counts no more")
	contains(t, h.refuses(exitFailed, 0, "withdraw", string(a.did), "over-21", "--yes"), "unknown: ")

	// A new organisation, as a guest and by the member.
	b, c := filepath.Join(h.dir, "b"), filepath.Join(h.dir, "c")
	contains(t, h.as(0, "did", "create", "--out", b, "--yes"), "Done: create did:zegel:voorbeeld:", "recovery-key.pem")
	contains(t, h.refuses(exitFailed, 0, "did", "create", "--out", b, "--yes"), "conflict: ", "from an earlier run")
	contains(t, h.as(0, "did", "create", "--out", c, "--vouch", "--yes"), "for which this member vouches")
	h.members = append(h.members, hallMember{dir: b})
	contains(t, h.as(1, "did", "deactivate", "--yes"), "for ever")
	contains(t, h.refuses(exitFailed, 1, "did", "rotate", "--yes"), "code 10 terminal_state: ")
}
