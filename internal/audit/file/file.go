// Package file keeps the audit log in a folder: segment files of records, and
// a file of signed checkpoints.
//
// Records that wait for durability together share one sync. The first write or
// sync that fails ends the log for this process.
package file

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/strongroom-dev/strongroom/internal/audit"
	"github.com/strongroom-dev/strongroom/internal/group"
)

// SegmentSize is the default length of a segment, in bytes.
const SegmentSize = 16 << 20

// Options say how to open a log.
type Options struct {
	Dir         string
	SegmentSize int64       // SegmentSize if zero
	Signer      note.Signer // of the checkpoints
	Verifier    note.Verifier
	Expect      audit.Head // what the log must at least hold; the zero Head for nothing
}

// Log is an audit.Log in a folder.
type Log struct {
	opt    Options
	writes *group.Committer[entry]
	failed atomic.Pointer[error]
	cut    int // bytes of a write that was never acknowledged, dropped at the start

	// What the leader of a batch works on; the frontier is read by others too.
	disk   sync.Mutex
	file   *os.File
	fd     int
	offset int64
	buf    []byte
	leaves []tlog.Hash // of what buf holds

	mu       sync.Mutex
	frontier audit.Frontier

	spares  sync.WaitGroup
	making  atomic.Bool
	signing sync.Mutex
	signed  int64 // the size of the last checkpoint
}

// entry is a record and its hash in the tree.
type entry struct {
	record []byte
	leaf   tlog.Hash
}

// Open opens the log, making it if the folder holds none. What a crash left
// half-written, and so never acknowledged, is dropped. It fails with
// ErrDamaged if the log is shorter than, or other than, its last checkpoint or
// opt.Expect says.
func Open(opt Options) (*Log, error) {
	if opt.SegmentSize == 0 {
		opt.SegmentSize = SegmentSize
	}
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return nil, err
	}
	l := &Log{opt: opt}
	l.writes = group.New(l.commit)
	names, err := segments(os.DirFS(opt.Dir))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		err = l.roll()
	} else {
		err = l.resume(names[len(names)-1])
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}

// resume reads the last segment and checks it against the heads that are
// known.
func (l *Log) resume(name string) error {
	f, frames, err := readSegment(os.DirFS(l.opt.Dir), name)
	if err != nil {
		return err
	}
	last, err := lastCheckpoint(os.DirFS(l.opt.Dir), l.opt.Verifier)
	if err != nil {
		return err
	}
	check := checker{want: []audit.Head{last, l.opt.Expect}}
	if err := check.at(&f); err != nil {
		return err
	}
	end, err := walk(frames, func(record []byte) error {
		f.Add(tlog.RecordHash(record))
		return check.at(&f)
	})
	if check.failed != nil {
		return check.failed
	}
	if err != nil && !errors.Is(err, audit.ErrDamaged) { // that is an unfinished write, unless a checkpoint covers it
		return err
	}
	if short := check.end(f.Size); short != nil {
		if err != nil { // not cut: something is there that is no record
			return fmt.Errorf("record %d (%s): %w", f.Size, name, err)
		}
		return short
	}
	l.frontier, l.signed = f, last.Size
	file, err := os.OpenFile(filepath.Join(l.opt.Dir, name), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	l.use(file, headerLen+int64(end))
	return l.dropTail(frames[end:])
}

// dropTail zeroes what follows the last whole record.
func (l *Log) dropTail(tail []byte) error {
	for i := len(tail) - 1; i >= 0; i-- {
		if tail[i] != 0 {
			l.cut = i + 1
			break
		}
	}
	if l.cut == 0 {
		return nil
	}
	if _, err := l.file.WriteAt(make([]byte, l.cut), l.offset); err != nil {
		return err
	}
	return l.file.Sync()
}

// Dropped is how many bytes of an unfinished write the start found and
// dropped.
func (l *Log) Dropped() int { return l.cut }

// Append implements audit.Log.
func (l *Log) Append(records ...[]byte) error {
	if err := l.failed.Load(); err != nil {
		return *err
	}
	for _, r := range records {
		if len(r) == 0 || len(r) > audit.MaxRecord {
			return fmt.Errorf("%w: %d bytes", audit.ErrTooLong, len(r))
		}
	}
	if len(records) == 1 {
		return l.writes.Do(entry{records[0], tlog.RecordHash(records[0])})
	}
	entries := make([]entry, len(records))
	for i, r := range records {
		entries[i] = entry{r, tlog.RecordHash(r)}
	}
	return l.writes.Do(entries...)
}

// commit writes and syncs a batch. It runs for one batch at a time.
func (l *Log) commit(batch []entry) error {
	l.disk.Lock()
	defer l.disk.Unlock()
	if err := l.failed.Load(); err != nil {
		return *err
	}
	total := l.offset
	for _, e := range batch {
		total += int64(frameHead + len(e.record))
	}
	if total > l.opt.SegmentSize { // where there is no room, nothing of the batch is written
		if err := l.haveSpare(); err != nil {
			return err
		}
	}
	for _, e := range batch {
		if l.offset+int64(len(l.buf)+frameHead+len(e.record)) > l.opt.SegmentSize {
			if err := l.turnOver(); err != nil {
				return err
			}
		}
		l.buf = appendFrame(l.buf, e.record)
		l.leaves = append(l.leaves, e.leaf)
	}
	return l.flush()
}

// flush writes what is gathered and makes it durable, and then part of the
// tree.
func (l *Log) flush() error {
	if len(l.buf) > 0 {
		_, err := l.file.WriteAt(l.buf, l.offset)
		if err == nil && !skipSync {
			err = syscall.Fdatasync(l.fd)
		}
		if err != nil {
			return l.fail(err)
		}
		l.offset += int64(len(l.buf))
		l.mu.Lock()
		for _, leaf := range l.leaves {
			l.frontier.Add(leaf)
		}
		l.mu.Unlock()
		l.buf, l.leaves = l.buf[:0], l.leaves[:0]
	}
	if l.offset > l.opt.SegmentSize/2 && l.making.CompareAndSwap(false, true) {
		l.spares.Go(func() {
			_ = makeSpare(l.opt.Dir, l.opt.SegmentSize) // turning over tries again, and tells
		})
	}
	return nil
}

// turnOver flushes and begins the next segment. Where there is no room for it
// the log stays as it is.
func (l *Log) turnOver() error {
	if err := l.flush(); err != nil {
		return err
	}
	old := l.file
	if err := l.roll(); err != nil {
		return err
	}
	return old.Close()
}

// roll begins a segment at the frontier.
func (l *Log) roll() error {
	if err := l.haveSpare(); err != nil {
		return err
	}
	file, err := startSegment(l.opt.Dir, &l.frontier)
	if errors.Is(err, audit.ErrFull) {
		return err
	}
	if err != nil {
		return l.fail(err)
	}
	l.making.Store(false)
	l.use(file, headerLen)
	return nil
}

// haveSpare makes the file of the next segment, unless this process has made it
// already.
func (l *Log) haveSpare() error {
	l.spares.Wait()
	if _, err := os.Stat(filepath.Join(l.opt.Dir, spare)); err == nil && l.making.Load() {
		return nil
	}
	if err := makeSpare(l.opt.Dir, l.opt.SegmentSize); err != nil {
		return err
	}
	l.making.Store(true)
	return nil
}

// use appends to the file from now on, at that offset.
func (l *Log) use(file *os.File, offset int64) {
	l.file, l.fd, l.offset = file, int(file.Fd()), offset
}

// fail ends the log: what the disk holds now is unknown, and a later sync that
// succeeds would not say otherwise.
func (l *Log) fail(cause error) error {
	err := fmt.Errorf("%w: %w", audit.ErrFailed, cause)
	if !l.failed.CompareAndSwap(nil, &err) {
		return *l.failed.Load()
	}
	return err
}

// Head implements audit.Log.
func (l *Log) Head() audit.Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.frontier.Head()
}

// Checkpoint signs and keeps the head if there are records since the last one.
func (l *Log) Checkpoint() error {
	l.signing.Lock()
	defer l.signing.Unlock()
	if err := l.failed.Load(); err != nil {
		return *err
	}
	h := l.Head()
	if h.Size == l.signed {
		return nil
	}
	cp, err := audit.Sign(l.opt.Signer, h)
	if err != nil {
		return err
	}
	if err := appendCheckpoint(l.opt.Dir, cp); err != nil {
		return err
	}
	l.signed = h.Size
	return nil
}

// Scan implements audit.Log.
func (l *Log) Scan(from int64) iter.Seq2[audit.Entry, error] {
	return Scan(os.DirFS(l.opt.Dir), from)
}

// Files implements audit.Log.
func (l *Log) Files() fs.FS { return os.DirFS(l.opt.Dir) }

// Stats counts the calls of Append and the syncs that they shared.
func (l *Log) Stats() (appends, syncs uint64) { return l.writes.Stats() }

// Close implements audit.Log.
func (l *Log) Close() error {
	err := l.Checkpoint()
	closed := errors.New("audit: the log is closed")
	l.failed.CompareAndSwap(nil, &closed)
	l.disk.Lock()
	defer l.disk.Unlock()
	l.spares.Wait()
	_ = os.Remove(filepath.Join(l.opt.Dir, spare))
	return errors.Join(err, l.file.Close())
}
