package gate

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"github.com/strongroom-dev/strongroom/internal/audit"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
)

// The outbox holds the records of writes: each is committed with its write,
// and shipped to the log afterwards. An entry says how long the log was when
// it was written, so that a start knows from where on to look whether it was
// shipped already.
const (
	outboxPrefix = "outbox/"
	headKey      = "audit/head" // how long the log was known to be, and its root
	sizeLen      = 8
)

type outbox struct {
	mu      sync.Mutex
	waiting []waiting
	signal  chan struct{}
	ship    sync.Mutex
}

type waiting struct {
	key    string
	record []byte
}

// buffer is memory for encoding a record.
type buffer struct {
	text []byte
	list [1][]byte
}

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// toOutbox writes the operation's record beside the operation's own writes.
func (op *operation) toOutbox(w store.Writer) error {
	g := op.gate
	op.complete()
	op.record.Outcome = "ok"
	key := outboxPrefix + op.record.ID
	text := binary.BigEndian.AppendUint64(nil, uint64(g.cfg.Log.Head().Size))
	text = op.record.Append(text)
	if len(text)-sizeLen > audit.MaxRecord {
		return audit.ErrTooLong
	}
	return w.Put(key, g.cfg.Ring.Seal(nil, key, text))
}

// add hands a committed record to whoever ships.
func (o *outbox) add(r *audit.Record) {
	o.mu.Lock()
	o.waiting = append(o.waiting, waiting{key: outboxPrefix + r.ID, record: r.Append(nil)})
	o.mu.Unlock()
	select {
	case o.signal <- struct{}{}:
	default:
	}
}

// Shippable receives when there are records to Ship.
func (g *Gate) Shippable() <-chan struct{} { return g.outbox.signal }

// mostBytes is how much is shipped at once: far less than a segment of the log,
// which takes the whole of it or, when the disk is full, nothing.
const mostBytes = 1 << 20

// Ship moves the records of committed writes to the log. It is safe to call
// at any time; the records it could not ship stay in the outbox.
func (g *Gate) Ship(ctx context.Context) error {
	o := &g.outbox
	o.ship.Lock()
	defer o.ship.Unlock()
	for {
		o.mu.Lock()
		batch := upTo(mostBytes, o.waiting)
		o.mu.Unlock()
		if len(batch) == 0 {
			return nil
		}
		if err := g.Failed(); err != nil {
			return err
		}
		records := make([][]byte, len(batch))
		for i, w := range batch {
			records[i] = w.record
		}
		if err := g.logged(g.cfg.Log.Append(records...)); err != nil {
			return err
		}
		// In the log, whatever becomes of the outbox: it must not go there
		// twice while this process lives.
		o.mu.Lock()
		o.waiting = o.waiting[len(batch):]
		o.mu.Unlock()
		if err := g.empty(ctx, batch); err != nil {
			return err
		}
	}
}

// upTo is the first of the waiting, that many bytes of them; one at least.
func upTo(limit int, w []waiting) []waiting {
	bytes := 0
	for i := range w {
		if bytes += len(w[i].record); bytes > limit && i > 0 {
			return w[:i]
		}
	}
	return w
}

// empty removes what is in the log from the outbox, and notes how long the log
// is: who cuts the log must then also turn back the store.
func (g *Gate) empty(ctx context.Context, batch []waiting) error {
	return g.cfg.Store.Update(ctx, func(w store.Writer) error {
		for _, b := range batch {
			if err := w.Delete(b.key); err != nil {
				return err
			}
		}
		return g.putHead(w)
	})
}

func (g *Gate) putHead(w store.Writer) error {
	h := g.cfg.Log.Head()
	text := append(binary.BigEndian.AppendUint64(nil, uint64(h.Size)), h.Root[:]...)
	return w.Put(headKey, g.cfg.Ring.Seal(nil, headKey, text))
}

// Anchor notes in the store how long the log is.
func (g *Gate) Anchor(ctx context.Context) error {
	if err := g.Failed(); err != nil {
		return err
	}
	return g.cfg.Store.Update(ctx, g.putHead)
}

// Opener opens what a keyring sealed.
type Opener interface {
	Open(dst []byte, name string, sealed []byte) ([]byte, error)
}

// ReadAnchor reads what Anchor noted: the log must hold at least that.
func ReadAnchor(r store.Reader, ring Opener) (audit.Head, error) {
	var h audit.Head
	sealed, err := r.Get(headKey)
	if err != nil || sealed == nil {
		return h, err
	}
	text, err := ring.Open(nil, headKey, sealed)
	if err != nil {
		return h, err
	}
	if len(text) != sizeLen+len(h.Root) {
		return h, fault.New(fault.Internal, "the note of the audit log's length is damaged")
	}
	h.Size = int64(binary.BigEndian.Uint64(text))
	copy(h.Root[:], text[sizeLen:])
	return h, nil
}

// Recover ships what a crash left in the outbox, but for what the log holds
// already. Call it once, before the first operation.
func (g *Gate) Recover(ctx context.Context) error {
	left, from, err := g.leftover(ctx)
	if err != nil || len(left) == 0 {
		return err
	}
	for e, err := range g.cfg.Log.Scan(from) {
		if err != nil {
			return err
		}
		shown, err := audit.Parse(e.Record)
		if err != nil {
			return err
		}
		if w, ok := left[outboxPrefix+shown.ID]; ok {
			w.record = nil
			left[w.key] = w
		}
	}
	var all, missing []waiting
	for _, w := range left {
		all = append(all, w)
		if w.record != nil {
			missing = append(missing, w)
		}
	}
	sortByKey(missing)
	for _, w := range missing {
		if err := g.logged(g.cfg.Log.Append(w.record)); err != nil {
			return err
		}
	}
	return g.empty(ctx, all)
}

// leftover reads the outbox, and from which index on the log may hold its
// records.
func (g *Gate) leftover(ctx context.Context) (map[string]waiting, int64, error) {
	left := map[string]waiting{}
	from := int64(-1)
	err := g.cfg.Store.View(ctx, func(r store.Reader) error {
		for e, err := range r.Scan(store.Prefix(outboxPrefix)) {
			if err != nil {
				return err
			}
			text, err := g.cfg.Ring.Open(nil, e.Key, e.Value)
			if err != nil {
				return err
			}
			size := int64(binary.BigEndian.Uint64(text))
			if from < 0 || size < from {
				from = size
			}
			left[e.Key] = waiting{key: e.Key, record: text[sizeLen:]}
		}
		return nil
	})
	return left, max(from, 0), err
}

func sortByKey(w []waiting) {
	slices.SortFunc(w, func(a, b waiting) int { return strings.Compare(a.key, b.key) })
}

// Any reports whether there is an entry in a range of index keys. It is how
// the clockwork learns that there is something to do: it shows nothing else,
// and is not recorded.
func (g *Gate) Any(ctx context.Context, in func(now secret.Instant) store.Range) (found bool, err error) {
	err = g.cfg.Store.View(ctx, func(r store.Reader) error {
		for _, err := range r.Scan(in(secret.InstantOf(g.cfg.Now()))) {
			found = err == nil
			return err
		}
		return nil
	})
	return found, err
}
