package core

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/strongroom-dev/strongroom/internal/secret"
)

// swaps are the credentials that are being changed just now: between the
// moment in which the outside system takes the new password and the one in
// which the new version becomes current, whoever reads the current version
// would get a password that does not work any more.
type swaps struct {
	any atomic.Int32 // how many, so that a read need not look
	mu  sync.Mutex
	on  map[swapped]chan struct{}
}

type swapped struct {
	space secret.Space
	name  string
}

// swapPatience is the longest that a read waits for a swap.
const swapPatience = 2 * time.Second

// BeginSwap has reads of a secret's current version wait, for a short time,
// until end is called. It is not recorded: it shows and changes nothing.
func (c *Core) BeginSwap(ref secret.Ref) (end func()) {
	key, done := swapped{ref.Space, ref.Name}, make(chan struct{})
	c.swaps.mu.Lock()
	defer c.swaps.mu.Unlock()
	if c.swaps.on == nil {
		c.swaps.on = map[swapped]chan struct{}{}
	}
	c.swaps.on[key] = done
	c.swaps.any.Add(1)
	return sync.OnceFunc(func() {
		c.swaps.mu.Lock()
		defer c.swaps.mu.Unlock()
		if c.swaps.on[key] == done {
			delete(c.swaps.on, key)
		}
		c.swaps.any.Add(-1)
		close(done)
	})
}

// swap is closed when the swap of a secret ends; nil if there is none.
func (s *swaps) swap(ref secret.Ref) <-chan struct{} {
	if s.any.Load() == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on[swapped{ref.Space, ref.Name}]
}

// all are the swaps that go on; nil if there is none.
func (s *swaps) all() map[swapped]<-chan struct{} {
	if s.any.Load() == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[swapped]<-chan struct{}{}
	for key, done := range s.on {
		all[key] = done
	}
	return all
}

// wait waits for the end of a swap and reports whether it came.
func wait(ctx context.Context, done <-chan struct{}) bool {
	timer := time.NewTimer(swapPatience)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}
