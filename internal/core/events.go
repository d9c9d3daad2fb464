package core

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// Event says that something about a secret has changed, never to what.
type Event struct {
	Sequence uint64         `cbor:"-"`
	Kind     EventKind      `cbor:"1,keyasint"`
	Space    secret.Space   `cbor:"2,keyasint"`
	Name     string         `cbor:"3,keyasint"`
	Suffix   string         `cbor:"4,keyasint"`
	Version  string         `cbor:"5,keyasint,omitempty"` // the ID of the current version, if there is one
	Time     secret.Instant `cbor:"6,keyasint"`
	// Was is what policies must know of a secret that is gone.
	Was *secret.Secret `cbor:"7,keyasint,omitempty"`
}

// EventKind is what has changed.
type EventKind uint8

// The kinds.
const (
	VersionChanged EventKind = iota + 1 // another version is current
	LabelsMoved
	PolicyChanged
	SecretDeleted // or marked for deletion
	SecretRestored
	SecretCreated // without a value
)

var eventNames = [...]string{
	VersionChanged: "version", LabelsMoved: "labels", PolicyChanged: "policy", SecretDeleted: "deleted", SecretRestored: "restored", SecretCreated: "created",
}

// String is the kind's name.
func (k EventKind) String() string { return eventNames[k] }

// Ref is the secret that the event is about.
func (e *Event) Ref() secret.Ref {
	return secret.Ref{Space: e.Space, Kind: secret.KindSecret, Name: e.Name, Suffix: e.Suffix}
}

// keepEvents is how many events are kept for who comes back.
const keepEvents = 16384

const eventPrefix = "event/"

func eventKey(n uint64) string { return fmt.Sprintf("%s%016x", eventPrefix, n) }

func eventNumber(key string) (uint64, error) {
	return strconv.ParseUint(strings.TrimPrefix(key, eventPrefix), 16, 64)
}

// changeOf is what a row's change tells; zero if nothing.
func changeOf(old, sec *secret.Secret) EventKind {
	current := func(s *secret.Secret) uint64 {
		if s == nil || s.At(secret.Current) == nil {
			return 0
		}
		return s.At(secret.Current).Number
	}
	switch {
	case sec == nil, old != nil && !old.IsDeleted() && sec.IsDeleted():
		return SecretDeleted
	case current(sec) != current(old):
		return VersionChanged
	case old == nil:
		return SecretCreated
	case old.IsDeleted() && !sec.IsDeleted():
		return SecretRestored
	case old.Policy != sec.Policy:
		return PolicyChanged
	case !sameLabels(old, sec):
		return LabelsMoved
	}
	return 0
}

func sameLabels(a, b *secret.Secret) bool {
	labels := func(s *secret.Secret) map[string]uint64 {
		all := map[string]uint64{}
		for i := range s.Versions {
			for _, l := range s.Versions[i].Labels {
				all[l] = s.Versions[i].Number
			}
		}
		return all
	}
	x, y := labels(a), labels(b)
	if len(x) != len(y) {
		return false
	}
	for l, n := range x {
		if y[l] != n {
			return false
		}
	}
	return true
}

// tell writes the event of a change, in the transaction of the change. sec is
// nil for one that is erased.
func (c *Core) tell(tx *gate.Tx, s secret.Space, old, sec *secret.Secret) error {
	kind := changeOf(old, sec)
	if kind == 0 {
		return nil
	}
	of := sec
	if of == nil {
		of = old
	}
	head, err := eventHead(tx)
	if err != nil {
		return err
	}
	e := Event{Kind: kind, Space: s, Name: of.Name, Suffix: of.Suffix, Time: secret.InstantOf(tx.Now())}
	if v := of.At(secret.Current); v != nil && sec != nil {
		e.Version = v.ID
	}
	if sec == nil {
		e.Was = &secret.Secret{Name: old.Name, Suffix: old.Suffix, Tags: old.Tags, Policy: old.Policy, PolicyNames: old.PolicyNames, Primary: old.Primary}
	}
	text, err := stored.Encode(e)
	if err != nil {
		return err
	}
	if err := tx.Put(eventKey(head+1), text); err != nil {
		return err
	}
	tx.Committed(c.feed.signal)
	if head+1 <= keepEvents {
		return nil
	}
	return tx.Delete(eventKey(head + 1 - keepEvents))
}

// eventHead is the number of the last event.
func eventHead(tx *gate.Tx) (uint64, error) {
	r := store.Prefix(eventPrefix)
	r.Reverse = true
	for e, err := range tx.Scan(r) {
		if err != nil {
			return 0, err
		}
		return eventNumber(e.Key)
	}
	return 0, nil
}

// feed wakes whoever waits for events.
type feed struct {
	mu   sync.Mutex
	next chan struct{}
}

func (f *feed) signal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next != nil {
		close(f.next)
		f.next = nil
	}
}

func (f *feed) wait() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == nil {
		f.next = make(chan struct{})
	}
	return f.next
}

// EventsAfter is closed when there are events that were not there at the time
// of the call.
func (c *Core) EventsAfter() <-chan struct{} { return c.feed.wait() }

// WatchEvents begins to watch the secrets of a space and returns the number of
// the last event so far. It is recorded; the ReadEvents after it are not.
func (c *Core) WatchEvents(ctx context.Context, who Caller, s secret.Space) (uint64, error) {
	return gate.Do(ctx, c.gate, who, secret.WatchEvents, secret.InSpace(s), func(tx *gate.Tx, _ secret.Ref) (uint64, error) {
		return eventHead(tx)
	})
}

// ReadEventsInput asks for the events after a number.
type ReadEventsInput struct {
	Space  secret.Space
	After  uint64
	Prefix string // of names
	Max    int
}

// EventPage is some events, in their order.
type EventPage struct {
	Events []Event
	Next   uint64 // the number to go on after
	Missed bool   // some between are kept no more: who follows must look for himself
	More   bool
}

// ReadEvents gives those events that are about secrets which the caller may
// describe now.
func (c *Core) ReadEvents(ctx context.Context, who Caller, in ReadEventsInput) (EventPage, error) {
	return gate.Do(ctx, c.gate, who, secret.ReadEvents, secret.InSpace(in.Space), func(tx *gate.Tx, _ secret.Ref) (EventPage, error) {
		page := EventPage{Next: in.After}
		head, err := eventHead(tx)
		if err != nil {
			return page, err
		}
		if in.After > head { // the store is an older one than that which the reader followed
			return EventPage{Next: head, Missed: true}, nil
		}
		first := true
		for e, err := range tx.Scan(store.Range{From: eventKey(in.After + 1), To: store.After(eventPrefix)}) {
			if err != nil {
				return page, err
			}
			n, err := eventNumber(e.Key)
			if err != nil {
				return page, err
			}
			page.Missed = page.Missed || first && n > in.After+1
			first = false
			if len(page.Events) == in.Max {
				page.More = true
				break
			}
			page.Next = n
			event, ok, err := c.mayKnow(tx, e, in)
			if err != nil {
				return page, err
			}
			if ok {
				event.Sequence = n
				page.Events = append(page.Events, *event)
			}
		}
		return page, nil
	})
}

// mayKnow opens an event and asks whether the caller may know of it.
func (c *Core) mayKnow(tx *gate.Tx, e store.Entry, in ReadEventsInput) (*Event, bool, error) {
	event, err := c.openEvent(tx, e)
	if err != nil || event.Space != in.Space || !strings.HasPrefix(event.Name, in.Prefix) {
		return nil, false, err
	}
	found, err := c.resolve(tx, event.Ref())
	if err == nil && found.Secret == nil {
		if event.Was == nil {
			return nil, false, nil // of one that is gone, only that is told
		}
		found.Secret = event.Was
		if event.Was.Policy != "" {
			found.Policy, err = compilePolicy(event.Name, event.Was.Policy, event.Was.PolicyNames)
		}
	}
	if err != nil {
		return nil, false, err
	}
	return event, tx.May(secret.DescribeSecret, found), nil
}

// openEvent decodes an event; the last ones are kept, as many read them.
func (c *Core) openEvent(tx *gate.Tx, e store.Entry) (*Event, error) {
	event, _, err := c.rows.events.Load(tx, e.Key)
	return event, damaged(err)
}
