package bolt

import (
	"sync"

	"go.etcd.io/bbolt"
)

// readers keeps read transactions of the newest snapshot open between Views,
// for beginning one costs more than what most Views do. Each is used by one
// View at a time. None is kept while an update commits: it would not see the
// update, and bbolt may have to wait for all of them.
type readers struct {
	mu         sync.Mutex
	idle       []*reading
	generation uint64 // counts commits
	committing bool
	closed     bool
}

// reading is a read transaction with a cursor.
type reading struct {
	tx         *bbolt.Tx
	cursor     *bbolt.Cursor
	generation uint64
}

// maxIdle is how many are kept.
const maxIdle = 256

func (p *readers) get(db *bbolt.DB) (*reading, error) {
	p.mu.Lock()
	generation := p.generation
	if n := len(p.idle); n > 0 {
		r := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return r, nil
	}
	p.mu.Unlock()
	tx, err := db.Begin(false)
	if err != nil {
		return nil, closedOr(err)
	}
	return &reading{tx: tx, cursor: tx.Bucket(bucket).Cursor(), generation: generation}, nil
}

func (p *readers) put(r *reading) {
	p.mu.Lock()
	keep := !p.committing && !p.closed && r.generation == p.generation && len(p.idle) < maxIdle
	if keep {
		p.idle = append(p.idle, r)
	}
	p.mu.Unlock()
	if !keep {
		_ = r.tx.Rollback()
	}
}

// drain ends the idle transactions; until resume none is kept.
func (p *readers) drain() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.committing = nil, true
	p.generation++
	p.mu.Unlock()
	for _, r := range idle {
		_ = r.tx.Rollback()
	}
}

// close is a drain for good: bbolt waits for every reader before it closes.
func (p *readers) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.drain()
}

// resume lets transactions that begin from now on be kept.
func (p *readers) resume() {
	p.mu.Lock()
	p.committing = false
	p.generation++
	p.mu.Unlock()
}
