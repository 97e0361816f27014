package ledger

import (
	"errors"

	"github.com/zegel-id/zegel/pkg/jose"
)

// Errors that callers may test with [errors.Is].
var (
	// ErrMalformed: bytes that are not in the one form that is allowed.
	ErrMalformed = jose.ErrMalformed
	// ErrUnproven: a header, signature or proof does not hold, or something was asked that no proof was given for.
	ErrUnproven error = &registryError{category: "registry_unproven", text: "registry_unproven"}
	// ErrExpired: the trusting period since the network file has passed; a new file is needed. Is also [ErrUnproven].
	ErrExpired error = &registryError{category: "registry_unproven", text: "network file expired", parent: ErrUnproven}
	// ErrUnavailable: the newest proof is too old, or no node answers.
	ErrUnavailable error = &registryError{category: "registry_unavailable", text: "registry_unavailable"}
)

// registryError names its outcome category, so that package credential knows it with errors.As and without an import.
type registryError struct {
	category, text string
	parent         error
}

func (e *registryError) Error() string            { return e.text }
func (e *registryError) RegistryCategory() string { return e.category }
func (e *registryError) Unwrap() error            { return e.parent }

// Category returns "registry_unproven" or "registry_unavailable" if err is one of them, else "".
func Category(err error) string {
	var e interface{ RegistryCategory() string }
	if errors.As(err, &e) {
		return e.RegistryCategory()
	}
	return ""
}
