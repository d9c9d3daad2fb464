// Package store is the port to whatever keeps the bytes: an ordered map of
// sealed values under key names in the clear.
//
// It must not know what the bytes mean; it never sees an open value. A driver
// is a folder beside this one, and storetest is the examination it passes.
package store

import (
	"context"
	"errors"
	"iter"
)

// Store is an ordered map of bytes with serializable transactions. It is safe
// for concurrent use.
type Store interface {
	// View runs fn on a consistent snapshot of everything that was
	// acknowledged before the call. Slices that fn receives are valid until
	// fn returns and must not be changed.
	View(ctx context.Context, fn func(Reader) error) error

	// Update runs fn and, if it returns nil, makes all that it did durable,
	// at once and as a whole, before it returns nil itself. If fn returns an
	// error, nothing of it happens and that error is returned. Any other
	// error leaves open whether the work is durable: ErrUnknown is then in
	// its chain if it may be. fn may be run more than once and must not have
	// effects of its own. Updates are serializable with each other.
	Update(ctx context.Context, fn func(Writer) error) error

	// Close waits for running transactions and releases the store. Every
	// later call fails.
	Close() error
}

// Reader is what a View sees.
type Reader interface {
	// Get gives the value of the key, nil if there is none.
	Get(key string) ([]byte, error)

	// Scan walks the range in order. An error ends it: it comes with an
	// empty key.
	Scan(r Range) iter.Seq2[Entry, error]
}

// Writer is what an Update may do besides. It sees its own writes.
type Writer interface {
	Reader
	Put(key string, value []byte) error // keeps no reference to value
	Delete(key string) error            // deleting what is not there is no error
}

// Entry is a key with its value.
type Entry struct {
	Key   string
	Value []byte
}

// Range is the keys from From on (included) to To (excluded; empty: to the
// end), in ascending order or, in Reverse, descending.
type Range struct {
	From, To string
	Reverse  bool
}

// Prefix is the range of all keys that begin with p.
func Prefix(p string) Range { return Range{From: p, To: After(p)} }

// After is the first key behind all that begin with p, empty if there is none.
func After(p string) string {
	for i := len(p) - 1; i >= 0; i-- {
		if p[i] < 0xff {
			return p[:i] + string([]byte{p[i] + 1})
		}
	}
	return ""
}

// The errors of a store.
var (
	ErrClosed  = errors.New("store: closed")
	ErrUnknown = errors.New("store: the outcome of a write is unknown")
)
