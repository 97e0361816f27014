// Package registry is a node of the permissioned registry chain: an ABCI application on CometBFT, its state in one
// Merkle tree, and the public read interface under /v1.
//
// Start with [Init] and [Open]; serve [Node.Handler].
//
// It deliberately leaves out clients: what transactions and proofs look like is in pkg/ledger, how services follow in
// pkg/ledger/follow. The state holds organisations only, never a citizen.
//
// A transaction goes through [App.CheckTx], waits, and stands in a block that every validator has judged by the same
// pure function before it signed. A block of one validator is a signed log with one operator; a network that tolerates
// a faulty member begins at four.
package registry
