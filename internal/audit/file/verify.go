package file

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/strongroom-dev/strongroom/internal/audit"
)

// Scan reads the records of a folder in order, from an index on. A segment
// that cannot be read ends it with an error; what was never acknowledged at
// the end of the last segment is left out.
func Scan(dir fs.FS, from int64) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		names, err := segments(dir)
		if err != nil {
			yield(audit.Entry{}, err)
			return
		}
		for i, name := range names {
			if i+1 < len(names) && names[i+1] <= segmentName(from) {
				continue // all of it is before from
			}
			if !scanSegment(dir, name, i == len(names)-1, from, yield) {
				return
			}
		}
	}
}

var errStop = errors.New("stop")

func scanSegment(dir fs.FS, name string, last bool, from int64, yield func(audit.Entry, error) bool) bool {
	f, frames, err := readSegment(dir, name)
	if err != nil {
		yield(audit.Entry{}, err)
		return false
	}
	index := f.Size
	_, err = walk(frames, func(record []byte) error {
		index++
		if index-1 >= from && !yield(audit.Entry{Index: index - 1, Record: record}, nil) {
			return errStop
		}
		return nil
	})
	switch {
	case err == nil, last && errors.Is(err, audit.ErrDamaged):
		return true
	case !errors.Is(err, errStop):
		yield(audit.Entry{}, fmt.Errorf("record %d (%s): %w", index, name, err))
	}
	return false
}

// Report is what Verify found.
type Report struct {
	Head        audit.Head
	Segments    int
	Checkpoints int
	Signed      int64 // how many records the last checkpoint covers
	hashes      []tlog.Hash
}

// Verify computes the tree anew from the segments and compares it with every
// segment's header and every checkpoint. It fails with ErrDamaged and the
// place, as near as it can be told. keep makes the report able to prove; expect
// are heads, known from elsewhere, that the log must have passed through.
func Verify(dir fs.FS, v note.Verifier, keep bool, expect ...audit.Head) (*Report, error) {
	raw, err := readCheckpoints(dir)
	if err != nil {
		return nil, err
	}
	r := &Report{Checkpoints: len(raw)}
	var check checker
	for _, cp := range raw {
		h, err := audit.OpenCheckpoint(v, cp)
		if err != nil {
			return nil, err
		}
		if n := len(check.want); n > 0 && h.Size < check.want[n-1].Size {
			return nil, fmt.Errorf("%w: the checkpoints are not in order", audit.ErrDamaged)
		}
		check.want = append(check.want, h)
		r.Signed = h.Size
	}
	check.want = append(check.want, expect...)
	slices.SortStableFunc(check.want, func(a, b audit.Head) int { return cmp.Compare(a.Size, b.Size) })
	f, err := r.readAll(dir, &check, keep)
	if err != nil {
		return nil, err
	}
	r.Head = f.Head()
	if r.Head.Size > 0 && r.Checkpoints == 0 {
		return nil, fmt.Errorf("%w: none of its %d records is signed: the file of checkpoints is missing or empty", audit.ErrDamaged, r.Head.Size)
	}
	if len(check.want) > 0 {
		return r, check.end(f.Size)
	}
	return r, nil
}

func (r *Report) readAll(dir fs.FS, check *checker, keep bool) (*audit.Frontier, error) {
	names, err := segments(dir)
	if err != nil {
		return nil, err
	}
	f := &audit.Frontier{}
	pending := check.want
	for i, name := range names {
		start, frames, err := readSegment(dir, name)
		if err != nil {
			return nil, err
		}
		if start.Head() != f.Head() {
			return nil, fmt.Errorf("%w: %s does not continue the records before it, of which there are %d", audit.ErrDamaged, name, f.Size)
		}
		_, err = walk(frames, func(record []byte) error {
			if keep {
				hashes, err := tlog.StoredHashes(f.Size, record, r)
				if err != nil {
					return err
				}
				r.hashes = append(r.hashes, hashes...)
			}
			f.Add(tlog.RecordHash(record))
			for len(pending) > 0 && pending[0].Size < f.Size {
				pending = pending[1:]
			}
			if len(pending) > 0 && pending[0].Size == f.Size {
				return check.at(f)
			}
			return nil
		})
		unfinished := i == len(names)-1 && f.Size >= r.Signed && errors.Is(err, audit.ErrDamaged) && check.failed == nil
		if err != nil && !unfinished {
			return nil, fmt.Errorf("record %d (%s): %w", f.Size, name, err)
		}
	}
	r.Segments = len(names)
	return f, nil
}

// ReadHashes implements tlog.HashReader for a report that keeps its hashes.
func (r *Report) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, n := range at {
		if n >= int64(len(r.hashes)) {
			return nil, errors.New("audit: no such hash")
		}
		out[i] = r.hashes[n]
	}
	return out, nil
}

// Prove makes the inclusion proof of the record of that index in the tree of
// that size.
func (r *Report) Prove(size, index int64) ([]tlog.Hash, error) {
	if index < 0 || index >= size || size > r.Head.Size {
		return nil, fmt.Errorf("audit: the checkpoint covers %d records, not record %d", size, index)
	}
	return tlog.ProveRecord(size, index, r)
}

// LastCheckpoint is the newest checkpoint as it is kept; nil if there is none.
func LastCheckpoint(dir fs.FS) ([]byte, error) {
	all, err := readCheckpoints(dir)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[len(all)-1], nil
}
