package store

import (
	"iter"
	"slices"
	"strings"
)

// Overlay is a Writer that keeps its writes to itself until Apply: what lets a
// driver put several updates into one transaction of its own and yet drop one
// of them. It is not safe for concurrent use.
type Overlay struct {
	base   Reader
	writes map[string][]byte // nil: deleted
}

// NewOverlay lies over base.
func NewOverlay(base Reader) *Overlay {
	return &Overlay{base: base, writes: map[string][]byte{}}
}

// Get implements Reader.
func (o *Overlay) Get(key string) ([]byte, error) {
	if v, ok := o.writes[key]; ok {
		return v, nil
	}
	return o.base.Get(key)
}

// Put implements Writer.
func (o *Overlay) Put(key string, value []byte) error {
	o.writes[key] = append([]byte{}, value...)
	return nil
}

// Delete implements Writer.
func (o *Overlay) Delete(key string) error {
	o.writes[key] = nil
	return nil
}

// Scan implements Reader: the base's entries and the overlay's, merged.
func (o *Overlay) Scan(r Range) iter.Seq2[Entry, error] {
	own := o.sorted(r)
	if len(own) == 0 {
		return o.base.Scan(r)
	}
	return func(yield func(Entry, error) bool) {
		for e, err := range o.base.Scan(r) {
			if err != nil {
				yield(e, err)
				return
			}
			for len(own) > 0 && before(own[0], e.Key, r.Reverse) {
				if !o.yield(own[0], yield) {
					return
				}
				own = own[1:]
			}
			if len(own) > 0 && own[0] == e.Key {
				continue // yielded, or left out, when its turn comes
			}
			if !yield(e, nil) {
				return
			}
		}
		for _, k := range own {
			if !o.yield(k, yield) {
				return
			}
		}
	}
}

func (o *Overlay) yield(key string, yield func(Entry, error) bool) bool {
	v := o.writes[key]
	return v == nil || yield(Entry{Key: key, Value: v}, nil)
}

func before(a, b string, reverse bool) bool {
	if reverse {
		return a > b
	}
	return a < b
}

func (o *Overlay) sorted(r Range) []string {
	var keys []string
	for k := range o.writes {
		if k >= r.From && (r.To == "" || k < r.To) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b string) int {
		if r.Reverse {
			a, b = b, a
		}
		return strings.Compare(a, b)
	})
	return keys
}

// Apply does the writes to w.
func (o *Overlay) Apply(w Writer) error {
	for _, k := range o.sorted(Range{}) {
		v := o.writes[k]
		if v == nil {
			if err := w.Delete(k); err != nil {
				return err
			}
		} else if err := w.Put(k, v); err != nil {
			return err
		}
	}
	return nil
}
