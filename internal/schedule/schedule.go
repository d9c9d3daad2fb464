// Package schedule is the clockwork: it does what is due, again and again, and
// calls core like anyone else.
//
// It must not know what its jobs do.
package schedule

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Job is something that is done from time to time.
type Job struct {
	Name   string
	Every  time.Duration   // at the latest so often
	Wake   <-chan struct{} // and when this receives; may be nil
	Settle time.Duration   // after which it runs, so that more may come
	Run    func(context.Context) error
}

// Run does the jobs, each in its own turn, until ctx ends, and returns when the
// last has come to its end. A job that fails is told of and done again in its
// next turn.
func Run(ctx context.Context, logger *slog.Logger, jobs ...Job) {
	var wg sync.WaitGroup
	for _, j := range jobs {
		wg.Go(func() { j.loop(ctx, logger) })
	}
	wg.Wait()
}

func (j *Job) loop(ctx context.Context, logger *slog.Logger) {
	failing := false
	for j.wait(ctx) {
		err := j.Run(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			logger.Error("a job failed and will be tried again", "job", j.Name, "error", err)
		}
		failing = err != nil
	}
}

// wait reports whether it is time, or, if not, that there is no more.
func (j *Job) wait(ctx context.Context) bool {
	timer := time.NewTimer(j.Every)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	case <-j.Wake:
	}
	settle := time.NewTimer(j.Settle)
	defer settle.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-settle.C:
		return true
	}
}
