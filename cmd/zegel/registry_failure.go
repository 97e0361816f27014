package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/zegel-id/zegel/pkg/ledger"
)

// memberFailure is what people and scripts read: the category first, then what happened, then what to do.
type memberFailure struct {
	category, text, hint string
	err                  error
}

func (e *memberFailure) Error() string {
	text := e.category + ": " + e.text
	if e.hint != "" {
		text += "\nhint: " + e.hint
	}
	return text
}

func (e *memberFailure) Unwrap() error { return e.err }

// failure gives an error of reading its category and says what to do.
func (r *reading) failure(err error) error {
	var use *usageError
	var already *memberFailure
	if err == nil || errors.As(err, &use) || errors.As(err, &already) {
		return err
	}
	f := &memberFailure{category: ledger.Category(err), text: err.Error(), err: err}
	f.text = strings.TrimPrefix(f.text, f.category+": ")
	switch {
	case errors.Is(err, ledger.ErrExpired):
		f.hint = "the network file is too old to check anything with: get a new one from a member, and compare it with a second one"
	case errors.Is(err, ledger.ErrUnproven) && strings.Contains(f.text, "the future"):
		f.hint = "the clock of this machine is behind, or the node's header is not what it says: look at the clock first"
	case errors.Is(err, ledger.ErrUnproven):
		f.hint = "the node's answer does not hold; ask another one with --node URL, and tell the network's members"
	case errors.Is(err, ledger.ErrUnavailable):
		f.hint = "no node gave a fresh proof: look with zegel registry status and at this machine's clock, or ask another node with --node URL"
	case errors.Is(err, ledger.ErrMalformed):
		f.category, f.hint = "registry_unproven", "the registry holds what this program does not know: a newer version may"
	case errors.Is(err, context.Canceled):
		f.category = "interrupted"
	default:
		f.category = "failed"
	}
	return f
}

// codes are the result codes of the registry: their names, and what a person can do.
var codes = map[ledger.Code][2]string{
	ledger.Malformed:     {"malformed", "the transaction is not in the form that the registry knows; update this program, or correct what you gave"},
	ledger.BadSignature:  {"bad_signature", "the key is not one that may sign this now: look with zegel registry resolve DID"},
	ledger.WrongChain:    {"wrong_chain", "the network file is of another network than the node"},
	ledger.BadNonce:      {"bad_nonce", "another transaction of this organisation came first; look what it did, then try again"},
	ledger.Expired:       {"expired", "it came into no block in time; it never will, so try again"},
	ledger.Unauthorized:  {"unauthorized", "this organisation may not do this: see zegel registry members"},
	ledger.UnknownObject: {"unknown_object", "check the name or the id"},
	ledger.Conflict:      {"conflict", "it exists already, or contradicts what stands there: look at it first"},
	ledger.TooLarge:      {"too_large", "make it smaller; the limits stand in the documentation"},
	ledger.TerminalState: {"terminal_state", "this has ended and cannot be changed any more"},
	ledger.RateLimited:   {"rate_limited", "wait a minute and try again"},
	ledger.Policy:        {"policy", "the rules of the network do not allow this, or not now"},
}

// refused is an answer of the registry that says no.
func refused(code ledger.Code, why string) error {
	known, ok := codes[code]
	if !ok {
		known = [2]string{"unknown", "update this program"}
	}
	if code == ledger.Policy && strings.HasSuffix(why, "cannot decide this alone") {
		known[1] = "it takes a decision of the members: zegel registry propose"
	}
	return &memberFailure{category: fmt.Sprintf("code %d %s", code, known[0]), text: plain(why), hint: known[1]}
}
