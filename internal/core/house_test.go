package core_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/keyring"
	"github.com/strongroom-dev/strongroom/internal/plain"
)

// However many rotate the keyring at once, the ring that is stored opens what
// the ring in memory seals.
func TestKeyringsRotateOneAtATime(t *testing.T) {
	root := plain.New(make([]byte, keyring.KeyLen))
	var ring *keyring.Ring
	h := coretest.New(t, func(c *gate.Config) {
		ring = c.Ring
		c.Rewrap = func(next *keyring.Ring) ([]byte, error) { return next.Wrap(root) }
	})
	var wg sync.WaitGroup
	var failed atomic.Int32
	for range 8 {
		wg.Go(func() {
			if _, err := h.RotateKeyring(ctx, coretest.Admin()); err != nil {
				failed.Add(1)
			}
		})
	}
	wg.Wait()
	stored, err := keyring.Unwrap(root, []byte(h.Entries()[gate.KeyringKey]))
	if err != nil || failed.Load() > 0 || stored.Active() != 9 {
		t.Fatal(err, failed.Load(), stored.Active())
	}
	if _, err := stored.Open(nil, "x", ring.Seal(nil, "x", []byte("y"))); err != nil {
		t.Error(err)
	}
}

// A name of any length makes a refusal and a record, and the house goes on.
func TestLongNamesDoNotSealTheHouse(t *testing.T) {
	h := coretest.New(t)
	long := strings.Repeat("\x01", 300000)
	who := coretest.Admin()
	who.Client, who.RequestID, who.Source = long, long, long
	_, err := h.GetValue(ctx, who, core.GetValueInput{Ref: coretest.Ref(long)})
	if !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	_ = h.Directory.RefuseClaim(ctx, core.Caller{Principal: gate.Anonymous}, long, fault.New(fault.Unauthenticated, "x"))
	if err := h.Failed(); err != nil {
		t.Error(err)
	}
	if n := len(h.Records()); n != 2 {
		t.Error(n, "records")
	}
}
