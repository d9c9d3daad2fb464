// Package plain holds the open (plaintext) secret in memory, in a type that
// cannot be printed, logged or encoded by accident.
//
// It must not know what a secret is for: it only keeps bytes out of sight and
// wipes them.
package plain

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Hidden is what every formatter prints in place of a value.
const Hidden = "[hidden]"

// ErrEncode is returned by every encoder that is handed a Value.
var ErrEncode = errors.New("plain: an open value cannot be encoded")

// Value is an open secret. The zero Value is empty.
//
// The bytes live behind a function: reflection, and so every printer, encoder
// and dumper, stops there, even where methods are not called (a Value in an
// unexported field). Values cannot be compared with ==; use Equal.
//
// A Value may be read from several goroutines; Wipe must not run beside Open's
// users.
type Value struct {
	open func() []byte
}

// New makes a Value of b, which it owns from now on.
func New(b []byte) Value {
	return Value{open: func() []byte { return b }}
}

// Open lends the bytes. They are the Value's own: do not keep them past its
// Wipe, and copy them only into memory that will be wiped.
func (v Value) Open() []byte {
	if v.open == nil {
		return nil
	}
	return v.open()
}

// Len is the number of bytes.
func (v Value) Len() int { return len(v.Open()) }

// IsZero reports whether v was never given any bytes. An empty but present
// value is not zero.
func (v Value) IsZero() bool { return v.open == nil }

// Wipe overwrites the bytes with zeros.
func (v Value) Wipe() { clear(v.Open()) }

// Clone copies v into memory of its own.
func (v Value) Clone() Value {
	if v.open == nil {
		return Value{}
	}
	return New(append([]byte{}, v.Open()...))
}

// Equal compares two values in time that depends on their lengths alone.
func (v Value) Equal(w Value) bool {
	return subtle.ConstantTimeCompare(v.Open(), w.Open()) == 1
}

// Format implements fmt.Formatter: every verb prints Hidden.
func (Value) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, Hidden) }

// String implements fmt.Stringer.
func (Value) String() string { return Hidden }

// GoString implements fmt.GoStringer.
func (Value) GoString() string { return Hidden }

// LogValue implements slog.LogValuer.
func (Value) LogValue() slog.Value { return slog.StringValue(Hidden) }

// MarshalJSON refuses.
func (Value) MarshalJSON() ([]byte, error) { return nil, ErrEncode }

// MarshalText refuses; XML, YAML and TOML encoders ask for it.
func (Value) MarshalText() ([]byte, error) { return nil, ErrEncode }

// MarshalBinary refuses; CBOR encoders ask for it.
func (Value) MarshalBinary() ([]byte, error) { return nil, ErrEncode }

// MarshalCBOR refuses.
func (Value) MarshalCBOR() ([]byte, error) { return nil, ErrEncode }

// GobEncode refuses.
func (Value) GobEncode() ([]byte, error) { return nil, ErrEncode }
