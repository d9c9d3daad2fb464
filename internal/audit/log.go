package audit

import "errors"

// Log keeps encoded records. It is safe for concurrent use.
type Log interface {
	// Append returns nil when the records are durable and part of the tree.
	// They are consecutive. After any other error than ErrFull they may or
	// may not be there, and every later Append fails: what follows could not
	// be trusted. The log keeps no reference to the records.
	Append(records ...[]byte) error

	// Head is the tree over all that was appended.
	Head() Head

	// Close signs and keeps a last checkpoint and releases the log.
	Close() error
}

// Head is the number of records and the root hash of the tree over them.
type Head struct {
	Size int64
	Root [32]byte
}

var (
	// ErrFailed says that the log could not be written once, and so never
	// again by this process.
	ErrFailed = errors.New("audit: the log cannot be written")
	// ErrFull says that there is no room for further records; what is
	// already there is sound, and appending may be tried again.
	ErrFull = errors.New("audit: no room for the log")
	// ErrDamaged says that a log is not as it was written.
	ErrDamaged = errors.New("audit: the log is damaged")
)
