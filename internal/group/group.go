// Package group lets many waiters share one slow step, such as an fsync: the
// first who comes does the step for all who queued meanwhile.
//
// It must not know what the step is.
package group

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// Committer gathers items and commits them in batches, in the order in which
// they came. There is no goroutine and no timer: the first waiter leads, and
// when it is done it hands over to the first waiter of the next batch. It is
// safe for concurrent use.
type Committer[T any] struct {
	commit func([]T) error
	pool   sync.Pool // of *waiter

	mu    sync.Mutex
	busy  bool
	open  batch[T]
	spare batch[T] // memory of the last batch
	last  int      // how many waiters that had

	items   atomic.Uint64
	commits atomic.Uint64
}

type batch[T any] struct {
	items   []T
	waiters []*waiter
}

// waiter is told once: that it leads, or that its batch is committed.
type waiter struct {
	told  chan struct{}
	leads bool
	err   error
}

var errNoReturn = errors.New("group: the commit did not return")

// New makes a committer. commit is never called twice at once and keeps no
// reference to the items; its error is given to every waiter of the batch.
func New[T any](commit func([]T) error) *Committer[T] {
	return &Committer[T]{commit: commit, pool: sync.Pool{New: func() any {
		return &waiter{told: make(chan struct{}, 1)}
	}}}
}

// Do adds the items, one after the other, to the open batch and returns when
// the batch is committed.
func (c *Committer[T]) Do(items ...T) error {
	w := c.pool.Get().(*waiter)
	w.leads, w.err = false, nil
	c.mu.Lock()
	c.open.items = append(c.open.items, items...)
	c.open.waiters = append(c.open.waiters, w)
	leads := !c.busy
	c.busy = true
	c.mu.Unlock()

	if !leads {
		<-w.told
		leads = w.leads
	}
	if leads {
		c.run(c.gather())
	}
	err := w.err
	c.pool.Put(w)
	return err
}

// yields is how often a leader steps aside before it looks again.
const yields = 8

// gather lets goroutines that are ready to run join the open batch, as long as
// some do, and then closes it. A leader who is alone, as the last one was,
// waits for nobody.
func (c *Committer[T]) gather() batch[T] {
	for have := 0; ; {
		c.mu.Lock()
		n := len(c.open.waiters)
		if n == have || n == 1 && c.last == 1 {
			b := c.open
			c.open, c.spare, c.last = c.spare, batch[T]{}, n
			c.mu.Unlock()
			return b
		}
		c.mu.Unlock()
		have = n
		for range yields {
			runtime.Gosched()
		}
	}
}

// run commits a batch, whose first waiter is the caller, and tells the others.
func (c *Committer[T]) run(b batch[T]) {
	err := errNoReturn
	defer func() {
		b.waiters[0].err = err
		for _, w := range b.waiters[1:] {
			w.err = err
			w.told <- struct{}{}
		}
		clear(b.items)
		clear(b.waiters)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.spare = batch[T]{b.items[:0], b.waiters[:0]}
		if len(c.open.waiters) == 0 {
			c.busy = false
			return
		}
		next := c.open.waiters[0]
		next.leads = true
		next.told <- struct{}{}
	}()
	c.items.Add(uint64(len(b.items)))
	c.commits.Add(1)
	err = c.commit(b.items)
}

// Stats counts the items and the commits so far.
func (c *Committer[T]) Stats() (items, commits uint64) {
	return c.items.Load(), c.commits.Load()
}
