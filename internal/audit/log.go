package audit

import (
	"errors"
	"io/fs"
	"iter"
)

// Log keeps encoded records. It is safe for concurrent use.
type Log interface {
	// Append returns nil when the records are durable and part of the tree.
	// They are consecutive. After any other error than ErrFull and ErrTooLong they may or
	// may not be there, and every later Append fails: what follows could not
	// be trusted. The log keeps no reference to the records.
	Append(records ...[]byte) error

	// Head is the tree over all that was appended.
	Head() Head

	// Scan reads the records in order, from an index on, up to what was
	// durable at some moment after the call.
	Scan(from int64) iter.Seq2[Entry, error]

	// Files shows the log's own files to one who will verify them. Reading
	// beside Append gives a log of some moment.
	Files() fs.FS

	// Close signs and keeps a last checkpoint and releases the log.
	Close() error
}

// Entry is a record and its place in the log.
type Entry struct {
	Index  int64
	Record []byte // valid until the next one
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
	// ErrTooLong says that a record is longer than MaxRecord; nothing was
	// appended.
	ErrTooLong = errors.New("audit: the record is too long")
	// ErrDamaged says that a log is not as it was written.
	ErrDamaged = errors.New("audit: the log is damaged")
)
