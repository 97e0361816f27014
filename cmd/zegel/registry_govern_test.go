package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// stamped is what every object of reading begins with.
type stamped struct {
	Network string
	Height  int64
	Time    string
}

// sent is the object of a command that sends a transaction.
type sent struct {
	Done, Tx, Proposal string
	Height             int64
}

// TestRegistryGovernance walks through what four members decide.
func TestRegistryGovernance(t *testing.T) {
	h := newHall(t, 4)
	a, b := h.members[0], h.members[1]
	file := filepath.Join(h.dir, "over-18.toml")
	if err := os.WriteFile(file, []byte(accreditSample), 0o600); err != nil {
		t.Fatal(err)
	}

	// An accreditation: proposed by one, agreed by three of four.
	p := object[sent](h, 0, "accredit", file, "--subject", string(b.did), "--name", hallNames[1], "--from", "2026-01-01", "--yes", "--why", "Nieuwe balie")
	if len(p.Tx) != 64 || p.Proposal != p.Tx || p.Height == 0 {
		t.Fatalf("%+v", p)
	}
	id := p.Proposal[:4]
	contains(t, h.as(1, "proposals"), p.Proposal[:12], "let Gemeente Beekdam ask age_equal_or_over.18", "1 of 3 needed votes; ends ")
	contains(t, h.as(1, "proposal", id), "Gemeente Aadorp", "Nieuwe balie", "Not voted     Gemeente Beekdam, Gemeente Cederveen, Gemeente Duinhoek", "counts after 2 more yes votes: zegel registry vote "+id+" --yes")
	contains(t, h.refuses(exitFailed, 0, "vote", id, "--yes"), "code 8 conflict: ")
	contains(t, h.refuses(exitUsage, 1, "vote", id), "--yes or --no")
	contains(t, h.as(3, "vote", id, "--no"), "Done: vote no on:", "1 of 3 needed votes, 1 against")
	contains(t, h.as(1, "vote", id, "--yes"), "2 of 3 needed votes", "counts after 1 more yes vote")
	contains(t, h.as(2, "vote", id, "--yes"), "passed on", "nothing: it counts")
	contains(t, h.as(2, "accreditations", string(b.did)), "let Gemeente Beekdam ask", "Granted by", "Gemeente Aadorp", "Decision", p.Proposal[:12], "State", "counts")
	contains(t, h.as(0, "proposals"), "Nothing is voted on.")
	contains(t, h.as(0, "proposals", "--all"), "passed on")
	contains(t, h.refuses(exitFailed, 1, "vote", id, "--no"), "code 10 terminal_state: ")

	// Two members stop it, two thirds let it go on.
	contains(t, h.as(0, "stop", "accreditation", string(b.did), "over-18", "--why", "Vreemde vragen", "--yes"), "Done: call a stop", "1 of 2 members called it")
	contains(t, h.refuses(exitFailed, 0, "stop", "accreditation", string(b.did), "over-18", "--yes"), "conflict: ")
	contains(t, h.as(2, "stop", "accreditation", string(b.did), "over-18", "--yes"), "Done: join the stop that Gemeente Aadorp called", "counts until")
	contains(t, h.refuses(exitFailed, 3, "stop", "accreditation", string(b.did), "over-18", "--yes"), "conflict: ")
	contains(t, h.as(1, "stops"), "accreditation \"over-18\" of Gemeente Beekdam does not count", "Gemeente Aadorp, Gemeente Cederveen", "Vreemde vragen", "3 days left")
	contains(t, h.as(1, "accreditations", string(b.did)), "stopped since")
	contains(t, h.as(1, "status"), "1 stop counts")
	stops := object[struct {
		stamped
		Stops []struct {
			ID, Grade, Subject, Accreditation, Why, Called, From, Until, Resumed string
			Callers                                                              []string
			InForce                                                              bool `json:"in_force"`
		}
	}](h, 1, "stops")
	if len(stops.Stops) != 1 || !stops.Stops[0].InForce || stops.Stops[0].Grade != string(ledger.StopAccreditation) {
		t.Fatalf("%+v", stops)
	}
	stop := stops.Stops[0].ID[:6]
	contains(t, h.as(3, "propose", "confirm", stop, "--yes"), "let stop "+stops.Stops[0].ID[:12]+" go on until members end it")
	contains(t, h.as(1, "resume", stop, "--yes"), "propose to end stop", "1 of 3 needed votes")
	contains(t, h.refuses(exitFailed, 1, "resume", stop, "--yes"), "conflict: ")
	contains(t, h.as(3, "resume", stop, "--yes"), "vote yes on: end stop", "2 of 3 needed votes")
	contains(t, h.as(0, "resume", stop, "--yes"), "passed on")
	contains(t, h.as(0, "stops"), "ended by the members")
	contains(t, h.as(0, "accreditations", string(b.did)), "counts")
	contains(t, h.refuses(exitFailed, 0, "stop", "writes", "--yes"), "code 12 policy: ")

	// Withdrawal, parameters and what they refuse.
	w := object[sent](h, 1, "withdraw", string(b.did), "over-18", "--distrust", "--yes")
	h.as(0, "vote", w.Proposal, "--yes")
	contains(t, h.as(2, "vote", w.Proposal[:8], "--yes"), "passed")
	contains(t, h.as(2, "accreditations", string(b.did)), "withdrawn on", "counts no more")
	contains(t, h.refuses(exitUsage, 0, "propose", "parameters", "retention=3", "--yes"), "is not name=value")
	contains(t, h.refuses(exitUsage, 0, "propose", "parameters", "retention_days=3d", "--yes"), "is not a whole number")
	contains(t, h.refuses(exitUsage, 0, "propose", "parameters", "retention_days=365", "--yes"), "so already")
	contains(t, h.refuses(exitFailed, 0, "propose", "parameters", "block_bytes=1", "--yes"), "code 12 policy: ")
	q := object[sent](h, 0, "propose", "parameters", "retention_days=180", "--yes")
	contains(t, h.as(1, "proposal", q.Proposal[:4]), "365 -> 180")
	contains(t, h.as(1, "proposals"), "set the network's parameters: retention_days 365 -> 180\n")
	h.as(1, "vote", q.Proposal, "--yes")
	h.as(2, "vote", q.Proposal, "--yes")
	contains(t, h.as(3, "parameters"), "retention_days    180")

	// A member joins from a file, one leaves, and a proposal is taken back.
	c := filepath.Join(h.dir, "e")
	h.as(0, "did", "create", "--out", c, "--no-send")
	m := object[sent](h, 0, "propose", "admit", filepath.Join(c, createdRecord), "--name", hallNames[4], "--yes")
	h.as(1, "vote", m.Proposal, "--yes")
	h.as(2, "vote", m.Proposal, "--yes")
	contains(t, h.as(3, "members"), "Gemeente Eikenrode", "5 members; a decision takes 4 votes")
	h.members = append(h.members, hallMember{dir: c})
	out := object[sent](h, 4, "propose", "remove", string(h.members[3].did), "--yes")
	contains(t, h.refuses(exitFailed, 0, "cancel", out.Proposal, "--yes"), "code 6 unauthorized: ")
	contains(t, h.as(4, "cancel", out.Proposal, "--yes"), "cancelled on")
	contains(t, h.as(4, "proposals", "--all"), "remove Gemeente Duinhoek from the members", "cancelled on")

	// A recovery by vote waits, and a third of the members stops it.
	fresh := filepath.Join(h.dir, "fresh")
	h.as(1, "did", "create", "--out", fresh, "--for", string(h.members[3].did))
	r := object[sent](h, 1, "propose", "recover", string(h.members[3].did), filepath.Join(fresh, createdRecord), "--yes")
	for _, voter := range []int{0, 2, 4} {
		h.as(voter, "vote", r.Proposal, "--yes")
	}
	contains(t, h.as(1, "proposal", r.Proposal), "passed, and waits until", "0 of 2 members needed to stop it")
	contains(t, h.refuses(exitFailed, 1, "execute", r.Proposal, "--yes"), "code 12 policy: ")
	contains(t, h.as(0, "cancel", r.Proposal, "--yes"), "say no to what was decided", "passed, and waits")
	contains(t, h.as(3, "cancel", r.Proposal, "--recovery-key", filepath.Join(h.members[3].dir, createdRecovery), "--yes"), "cancelled on")

	tx := object[struct {
		stamped
		Tx, State string
		Proven    bool
		Block     int64
		Later     bool `json:"sender_went_on"`
	}](h, 0, "tx", p.Tx)
	if tx.State != "done" || !tx.Proven || tx.Block != p.Height {
		t.Errorf("%+v", tx)
	}
	contains(t, h.as(4, "tx", strings.Repeat("0", 64)), "No node knows it")
	proposals := object[struct {
		stamped
		Proposals []map[string]json.RawMessage
	}](h, 0, "proposals", "--all")
	if len(proposals.Proposals) < 7 || proposals.Height == 0 || proposals.Network != "voorbeeld" || a.did == "" {
		t.Errorf("%d proposals, %+v", len(proposals.Proposals), proposals.stamped)
	}
}
