// Package fault is the one error type that crosses the borders between
// packages. A fault says what kind of thing went wrong; only a door knows how
// a protocol spells that.
//
// It must not know any protocol, and its messages must never quote a value.
package fault

import (
	"errors"
	"fmt"
)

// Code is the kind of a fault.
type Code uint8

// The codes. Each door has a table from code to wire, and a test walks Codes.
const (
	Internal        Code = iota // anything unforeseen: no detail leaves the house
	NotFound                    // the thing, version or label does not exist
	Exists                      // a thing of that name or ID exists already
	Unauthenticated             // who asks could not be established
	Denied                      // who asks is known and may not
	Invalid                     // the request contradicts itself or a rule
	TooLarge                    // the request or a part of it exceeds a bound
	Unsupported                 // understood, and not offered
	Conflict                    // the state of the thing forbids it now
	Deleted                     // the thing is marked for deletion
	Limit                       // a quota is used up
	Throttled                   // too many requests now
	Sealed                      // the store is sealed, or the node sealed itself
	Unavailable                 // a part that is needed does not answer
	EngineFailed                // an outside system refused
	codes
)

var names = [codes]string{
	"internal", "not found", "exists", "unauthenticated", "denied", "invalid", "too large", "unsupported",
	"conflict", "deleted", "limit", "throttled", "sealed", "unavailable", "engine failed",
}

// String names the code as the audit log does.
func (c Code) String() string {
	if c < codes {
		return names[c]
	}
	return names[Internal]
}

// Codes lists every code.
func Codes() []Code {
	all := make([]Code, codes)
	for i := range all {
		all[i] = Code(i)
	}
	return all
}

// Error is a fault: a code, a message meant for the caller, and the cause,
// which is not.
type Error struct {
	Code    Code
	Message string // for the caller; whole sentences, no values
	Err     error  // for the log; may be nil
}

// Error implements error; it is for logs and shows the cause.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes a fault with a message for the caller.
func New(c Code, format string, args ...any) *Error {
	if len(args) == 0 {
		return &Error{Code: c, Message: format}
	}
	return &Error{Code: c, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes a fault of a cause that the caller does not see.
func Wrap(c Code, err error, format string, args ...any) *Error {
	e := New(c, format, args...)
	e.Err = err
	return e
}

// CodeOf is the code of the first fault in err's chain, Internal where there
// is none. CodeOf(nil) is Internal too: ask only about errors.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// Is reports whether err is a fault of that code.
func Is(err error, c Code) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == c
}
