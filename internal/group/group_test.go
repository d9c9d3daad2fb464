package group_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/strongroom-dev/strongroom/internal/group"
)

func TestEveryItemIsCommittedOnceInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		c := group.New(func(items []int) error {
			time.Sleep(time.Millisecond) // the step is slow, in the bubble's time
			got = append(got, items...)
			return nil
		})
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for j := range 100 {
					if err := c.Do(i*100 + j); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		last := map[int]int{}
		for _, x := range got {
			if before, ok := last[x/100]; ok && x <= before {
				t.Fatalf("%d after %d", x, before)
			}
			last[x/100] = x
		}
		items, commits := c.Stats()
		if len(got) != 6400 || items != 6400 {
			t.Errorf("%d items, counted %d", len(got), items)
		}
		if commits > items/10 {
			t.Errorf("%d commits for %d items: nobody shared", commits, items)
		}
	})
}

func TestAnErrorReachesItsBatchAlone(t *testing.T) {
	bad := errors.New("bad")
	c := group.New(func(items []error) error { return items[0] })
	if err := c.Do(bad); err != bad {
		t.Error(err)
	}
	if err := c.Do(nil); err != nil {
		t.Error(err)
	}
}

func TestAPanicDoesNotStopTheOthers(t *testing.T) {
	c := group.New(func(items []bool) error {
		if items[0] {
			panic("x")
		}
		return nil
	})
	func() {
		defer func() { _ = recover() }()
		_ = c.Do(true)
	}()
	if err := c.Do(false); err != nil {
		t.Error(err)
	}
}
