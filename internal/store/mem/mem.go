// Package mem is a store in memory: for tests, and the yardstick for drivers.
// Nothing in it is durable.
package mem

import (
	"context"
	"iter"
	"slices"
	"sort"
	"sync"

	"github.com/strongroom-dev/strongroom/internal/store"
)

// Store keeps its entries in a sorted slice that is copied on write, so that
// a View needs no lock while it reads.
type Store struct {
	write sync.Mutex

	mu      sync.RWMutex
	entries []store.Entry
	closed  bool
}

// New makes an empty store.
func New() *Store { return &Store{} }

func (s *Store) snapshot() (*tx, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, store.ErrClosed
	}
	return &tx{entries: s.entries}, nil
}

// View implements store.Store.
func (s *Store) View(ctx context.Context, fn func(store.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t, err := s.snapshot()
	if err != nil {
		return err
	}
	return fn(t)
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, fn func(store.Writer) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.write.Lock()
	defer s.write.Unlock()
	t, err := s.snapshot()
	if err != nil {
		return err
	}
	t.entries = slices.Clone(t.entries)
	if err := fn(t); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.entries = t.entries
	return nil
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.write.Lock()
	defer s.write.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

type tx struct{ entries []store.Entry }

func (t *tx) find(key string) (int, bool) {
	i := sort.Search(len(t.entries), func(i int) bool { return t.entries[i].Key >= key })
	return i, i < len(t.entries) && t.entries[i].Key == key
}

func (t *tx) Get(key string) ([]byte, error) {
	if i, ok := t.find(key); ok {
		return t.entries[i].Value, nil
	}
	return nil, nil
}

func (t *tx) Scan(r store.Range) iter.Seq2[store.Entry, error] {
	from, _ := t.find(r.From)
	to := len(t.entries)
	if r.To != "" {
		to, _ = t.find(r.To)
	}
	found := slices.Clone(t.entries[from:max(from, to)])
	if r.Reverse {
		slices.Reverse(found)
	}
	return func(yield func(store.Entry, error) bool) {
		for _, e := range found {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (t *tx) Put(key string, value []byte) error {
	e := store.Entry{Key: key, Value: append([]byte{}, value...)}
	if i, ok := t.find(key); ok {
		t.entries[i] = e
	} else {
		t.entries = slices.Insert(t.entries, i, e)
	}
	return nil
}

func (t *tx) Delete(key string) error {
	if i, ok := t.find(key); ok {
		t.entries = slices.Delete(t.entries, i, i+1)
	}
	return nil
}
