package schedule_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/strongroom-dev/strongroom/internal/schedule"
)

func TestJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		wake := make(chan struct{}, 1)
		var ticks, woken, failed int
		var at time.Duration
		begin := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			schedule.Run(ctx, slog.New(slog.DiscardHandler),
				schedule.Job{Every: time.Second, Run: func(context.Context) error { ticks++; return nil }},
				schedule.Job{Every: time.Hour, Wake: wake, Settle: 20 * time.Millisecond, Run: func(context.Context) error {
					woken++
					at = time.Since(begin)
					return nil
				}},
				schedule.Job{Every: time.Minute, Run: func(context.Context) error { failed++; return errors.New("x") }},
			)
		}()
		time.Sleep(10*time.Second + time.Millisecond)
		wake <- struct{}{}
		time.Sleep(3 * time.Minute)
		cancel()
		<-done
		if ticks != 190 || woken != 1 || failed != 3 {
			t.Errorf("%d ticks, %d woken, %d failed", ticks, woken, failed)
		}
		if at != 10*time.Second+21*time.Millisecond {
			t.Error("woken at", at)
		}
	})
}
