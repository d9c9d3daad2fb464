// Package group lets many waiters share one slow step, such as an fsync: the
// first who comes does the step for all who queued meanwhile.
//
// It must not know what the step is.
package group

import (
	"fmt"
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

	mu   sync.Mutex
	busy bool
	open *batch[T]

	items   atomic.Uint64
	commits atomic.Uint64
}

type batch[T any] struct {
	items []T
	lead  chan struct{} // one token: its receiver leads
	done  chan struct{} // closed when err is set
	err   error
}

func newBatch[T any]() *batch[T] {
	return &batch[T]{lead: make(chan struct{}, 1), done: make(chan struct{})}
}

// New makes a committer. commit is never called twice at once; its error is
// given to every waiter of the batch.
func New[T any](commit func([]T) error) *Committer[T] {
	return &Committer[T]{commit: commit, open: newBatch[T]()}
}

// Do adds the item to the open batch and returns when the batch is committed.
func (c *Committer[T]) Do(item T) error {
	c.mu.Lock()
	b := c.open
	b.items = append(b.items, item)
	leads := !c.busy
	c.busy = true
	c.mu.Unlock()

	if !leads {
		select {
		case <-b.done:
			return b.err
		case <-b.lead:
		}
	}
	c.gather(b)
	c.run(b)
	return b.err
}

// yields bounds how often a leader steps aside.
const yields = 8

// gather lets goroutines that are ready to run join the batch, as long as they
// do. With nobody else about it costs a few hundred nanoseconds.
func (c *Committer[T]) gather(b *batch[T]) {
	have := 0
	for {
		c.mu.Lock()
		n := len(b.items)
		if n == have {
			c.open = newBatch[T]()
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		have = n
		for range yields {
			runtime.Gosched()
		}
	}
}

func (c *Committer[T]) run(b *batch[T]) {
	b.err = fmt.Errorf("group: the commit did not return")
	defer func() {
		close(b.done)
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.open.items) > 0 {
			c.open.lead <- struct{}{}
		} else {
			c.busy = false
		}
	}()
	c.items.Add(uint64(len(b.items)))
	c.commits.Add(1)
	b.err = c.commit(b.items)
}

// Stats counts the items and the commits so far.
func (c *Committer[T]) Stats() (items, commits uint64) {
	return c.items.Load(), c.commits.Load()
}
