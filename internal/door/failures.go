package door

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// The bounds on failed authentication, per address and per caller at an
// address: so many at once, and then so many a second. A caller is not locked
// out everywhere, or anybody could lock out anybody.
const (
	addressBurst, addressRate = 100, 5
	callerBurst, callerRate   = 20, 0.5
	maxFailing                = 10_000
	knownFor                  = time.Hour
)

// Failures counts failed authentications, and says who has had too many. It is
// safe for concurrent use.
type Failures struct {
	now   func() time.Time
	count atomic.Int64 // entries: most servers have none

	mu      sync.Mutex
	failing map[failing]*rate.Limiter
	known   map[failing]time.Time // callers who came in from an address, and when
}

// failing is an address, or a caller at an address.
type failing struct{ address, caller string }

// NewFailures makes one that nobody has failed at. now is time.Now if nil.
func NewFailures(now func() time.Time) *Failures {
	if now == nil {
		now = time.Now
	}
	return &Failures{now: now, failing: map[failing]*rate.Limiter{}, known: map[failing]time.Time{}}
}

// Blocked reports whether a caller, at the address of a connection, has failed
// too often to be heard now.
func (f *Failures) Blocked(remote, caller string) bool {
	if f.count.Load() == 0 {
		return false
	}
	address := host(remote)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, who := range []failing{{address, ""}, {address, caller}} {
		if since := f.now().Sub(f.known[failing{address, caller}]); who.caller == "" && caller != "" && since < knownFor {
			continue // others at the address, behind a proxy perhaps, are not this one
		}
		if l := f.failing[who]; l != nil && l.TokensAt(f.now()) < 1 {
			return true
		}
	}
	return false
}

// Known notes that a caller came in from an address: others' failures there
// do not shut it out for some time.
func (f *Failures) Known(remote, caller string) {
	if f.count.Load() == 0 {
		return // nobody is shut out
	}
	who := failing{host(remote), caller}
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); now.Sub(f.known[who]) > knownFor/2 {
		if len(f.known) >= maxFailing {
			clear(f.known)
		}
		f.known[who] = now
	}
}

// Failed notes a failure.
func (f *Failures) Failed(remote, caller string) {
	address := host(remote)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.note(failing{address, ""}, addressRate, addressBurst)
	if caller != "" {
		f.note(failing{address, caller}, callerRate, callerBurst)
	}
	f.count.Store(int64(len(f.failing)))
}

func (f *Failures) note(who failing, perSecond rate.Limit, burst int) {
	l := f.failing[who]
	if l == nil {
		if len(f.failing) >= maxFailing {
			f.forget()
		}
		l = rate.NewLimiter(perSecond, burst)
		f.failing[who] = l
	}
	l.AllowN(f.now(), 1)
}

// forget drops who could fail as often as ever, and then anybody until an eighth
// is free: it is long, and must be seldom.
func (f *Failures) forget() {
	now := f.now()
	for who, l := range f.failing {
		if l.TokensAt(now) >= float64(l.Burst()) {
			delete(f.failing, who)
		}
	}
	for who := range f.failing {
		if len(f.failing) <= maxFailing*7/8 {
			return
		}
		delete(f.failing, who)
	}
}

func host(remote string) string {
	h, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return h
}
