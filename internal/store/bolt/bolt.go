// Package bolt keeps the store in one file, with bbolt. It is the default:
// one process, one file, no server.
//
// Concurrent updates share a transaction and so an fsync; each is still
// applied as a whole or not at all.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"
	"unsafe"

	"go.etcd.io/bbolt"

	"github.com/strongroom-dev/strongroom/internal/group"
	"github.com/strongroom-dev/strongroom/internal/store"
)

var (
	// ErrLocked says that another process has the file open.
	ErrLocked = errors.New("bolt: another process has the store open")
	// ErrDamaged says that the file cannot be read as what it should be.
	ErrDamaged = errors.New("bolt: the store is damaged")
)

// addressSpace is mapped at once, though no memory is used for it: bbolt must
// wait for every reader before it maps more, and a backup reads for long.
const addressSpace = 16 << 30

var bucket = []byte("strongroom")

// Store is a store.Store in a file.
type Store struct {
	db      *bbolt.DB
	writes  *group.Committer[*update]
	readers readers
	failed  atomic.Pointer[error] // the first failed commit: nothing is written after it
}

type update struct {
	fn  func(store.Writer) error
	err error
}

// Open opens the file, making it if it is not there. It fails with ErrLocked
// or ErrDamaged.
func Open(path string) (s *Store, err error) {
	defer guard(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	isNew, err := checkLength(path)
	if err != nil {
		return nil, err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:         500 * time.Millisecond,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: addressSpace,
	})
	switch {
	case errors.Is(err, bbolt.ErrTimeout):
		return nil, fmt.Errorf("%w: %s", ErrLocked, path)
	case errors.Is(err, bbolt.ErrInvalid), errors.Is(err, bbolt.ErrChecksum), errors.Is(err, bbolt.ErrVersionMismatch):
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	case err != nil:
		return nil, err
	}
	if err := prepare(db, path, isNew); err != nil {
		_ = db.Close()
		return nil, err
	}
	s = &Store{db: db}
	s.writes = group.New(s.commit)
	return s, nil
}

// prepare makes the bucket and, for a new file, its entry in the folder
// durable.
func prepare(db *bbolt.DB, path string, isNew bool) error {
	err := db.View(func(tx *bbolt.Tx) error {
		if tx.Bucket(bucket) == nil {
			return bbolt.ErrBucketNotFound
		}
		return nil
	})
	if errors.Is(err, bbolt.ErrBucketNotFound) {
		err = db.Update(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucketIfNotExists(bucket)
			return err
		})
	}
	if err == nil && isNew {
		err = syncFolder(filepath.Dir(path))
	}
	return err
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// guard turns what bbolt does on meeting a damaged page, a panic or a memory
// fault, into an error. Call it deferred.
func guard(err *error) {
	if x := recover(); x != nil {
		*err = fmt.Errorf("%w: %v", ErrDamaged, x)
	}
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer guard(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	r, err := s.readers.get(s.db)
	if err != nil {
		return err
	}
	defer s.readers.put(r)
	return fn(r)
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, fn func(store.Writer) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.failed.Load(); err != nil {
		return *err
	}
	u := &update{fn: fn}
	if err := s.writes.Do(u); err != nil {
		return err
	}
	return u.err
}

// commit applies a batch in one transaction.
func (s *Store) commit(batch []*update) (err error) {
	if err := s.failed.Load(); err != nil {
		return *err
	}
	committing := false
	defer func() {
		if committing && err != nil { // also where bbolt panicked: its state is unknown
			err = fmt.Errorf("%w: %w", store.ErrUnknown, err)
			s.failed.Store(&err)
		}
	}()
	defer guard(&err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	s.readers.drain()
	defer s.readers.resume()
	tx, err := s.db.Begin(true)
	if err != nil {
		return closedOr(err)
	}
	defer func() { _ = tx.Rollback() }()
	w := writer{tx.Bucket(bucket)}
	changed := false
	for _, u := range batch {
		o := store.NewOverlay(w)
		if u.err = call(u.fn, o); u.err != nil {
			continue
		}
		if err := o.Apply(w); err != nil {
			return err
		}
		changed = true
	}
	if !changed {
		return nil
	}
	committing = true
	return tx.Commit()
}

// call keeps the panic of one update from the others in its batch.
func call(fn func(store.Writer) error, w store.Writer) (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("bolt: an update panicked: %v\n%s", x, debug.Stack())
		}
	}()
	return fn(w)
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.readers.close()
	return s.db.Close()
}

// Failed is the error of the first commit that failed, after which nothing is
// written until the store is opened anew; nil if none did.
func (s *Store) Failed() error {
	if err := s.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Stats counts the updates and the transactions they shared.
func (s *Store) Stats() (updates, transactions uint64) { return s.writes.Stats() }

func closedOr(err error) error {
	if errors.Is(err, bbolt.ErrDatabaseNotOpen) {
		return store.ErrClosed
	}
	return err
}

// bytesOf lends the bytes of a key to bbolt, which only reads them and keeps
// no reference.
func bytesOf(key string) []byte { return unsafe.Slice(unsafe.StringData(key), len(key)) }

// Get implements store.Reader.
func (r *reading) Get(key string) ([]byte, error) {
	if key == "" {
		return nil, nil
	}
	k, v := r.cursor.Seek(bytesOf(key))
	if string(k) != key {
		return nil, nil
	}
	return v, nil
}

// Scan implements store.Reader.
func (r *reading) Scan(rg store.Range) iter.Seq2[store.Entry, error] {
	return scan(r.tx.Bucket(bucket), rg)
}

func scan(b *bbolt.Bucket, rg store.Range) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		c := b.Cursor()
		step, k, v := c.Next, []byte(nil), []byte(nil)
		if rg.Reverse {
			step = c.Prev
			k, v = last(c, rg.To)
		} else {
			k, v = c.Seek([]byte(rg.From))
		}
		for ; k != nil; k, v = step() {
			key := string(k)
			if key < rg.From || (rg.To != "" && key >= rg.To) || !yield(store.Entry{Key: key, Value: v}, nil) {
				return
			}
		}
	}
}

// last finds the last entry before to, of all if to is empty.
func last(c *bbolt.Cursor, to string) (k, v []byte) {
	if to == "" {
		return c.Last()
	}
	if k, _ := c.Seek([]byte(to)); k == nil {
		return c.Last()
	}
	return c.Prev()
}

// writer is what an update writes to.
type writer struct{ b *bbolt.Bucket }

func (w writer) Get(key string) ([]byte, error) {
	if key == "" {
		return nil, nil
	}
	return w.b.Get(bytesOf(key)), nil
}

func (w writer) Scan(rg store.Range) iter.Seq2[store.Entry, error] { return scan(w.b, rg) }

func (w writer) Put(key string, value []byte) error { return w.b.Put([]byte(key), value) }
func (w writer) Delete(key string) error            { return w.b.Delete([]byte(key)) }
