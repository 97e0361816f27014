//go:build !unix

package wallet

func harden() {}
