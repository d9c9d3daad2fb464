package gate

import (
	"bytes"
	"hash/maphash"
	"sync"

	"github.com/strongroom-dev/strongroom/internal/keyring"
)

// Cache keeps decoded entries. An entry is looked up in the store all the
// same, and the decoded form is used only if the sealed bytes begin as those
// it was decoded from: each sealing begins with random bytes of its own, so
// that a cached form is never stale, whoever wrote. Values must not be changed
// once they are in the cache, and must not hold open secrets.
type Cache[T any] struct {
	decode func(opened []byte) (T, error)
	seed   maphash.Seed
	shards [64]shard[T]
}

type shard[T any] struct {
	mu    sync.RWMutex
	cells map[string]cell[T]
}

type cell[T any] struct {
	head  [keyring.HeadLen]byte
	value T
}

// perShard bounds the cache to some 16,000 entries.
const perShard = 256

// NewCache makes a cache of what decode makes of an entry.
func NewCache[T any](decode func(opened []byte) (T, error)) *Cache[T] {
	c := &Cache[T]{decode: decode, seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].cells = map[string]cell[T]{}
	}
	return c
}

// Load gives the decoded entry of that key; ok is false if there is none.
func (c *Cache[T]) Load(tx *Tx, key string) (value T, ok bool, err error) {
	sealed, err := tx.Get(key)
	if err != nil || sealed == nil {
		return value, false, err
	}
	value, err = c.Decode(tx, key, sealed)
	return value, err == nil, err
}

// Decode gives the decoded form of a sealed entry.
func (c *Cache[T]) Decode(tx *Tx, key string, sealed []byte) (value T, err error) {
	s := &c.shards[maphash.String(c.seed, key)%uint64(len(c.shards))]
	if len(sealed) >= keyring.HeadLen {
		s.mu.RLock()
		cached, ok := s.cells[key]
		s.mu.RUnlock()
		if ok && bytes.Equal(cached.head[:], sealed[:keyring.HeadLen]) {
			return cached.value, nil
		}
	}
	opened, err := tx.Open(key, sealed)
	if err != nil {
		return value, err
	}
	defer opened.Wipe()
	if value, err = c.decode(opened.Open()); err != nil {
		return value, err
	}
	s.put(key, cell[T]{head: [keyring.HeadLen]byte(sealed), value: value})
	return value, nil
}

// put keeps the cell, in place of an arbitrary one if the shard is full.
func (s *shard[T]) put(key string, c cell[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.cells[key]; !ok && len(s.cells) >= perShard {
		for victim := range s.cells {
			delete(s.cells, victim)
			break
		}
	}
	s.cells[key] = c
}
