package identity_test

import (
	"testing"
	"time"

	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

func TestAccessKeyLastUsed(t *testing.T) {
	h := newHouse(t)
	h.do(secret.CreateUser, identity.Input{Name: "ann"})
	key := h.do(secret.CreateAccessKey, identity.Input{Name: "ann"}).Key.ID
	used := func() identity.AccessKey {
		t.Helper()
		return *h.do(secret.GetAccessKeyLastUsed, identity.Input{AccessKey: key}).Key
	}
	flush := func() {
		t.Helper()
		if n, err := h.Directory.RecordKeyUse(ctx, identity.House(secret.RecordKeyUse)); err != nil || n != 1 || h.Directory.KeyUses() {
			t.Fatal(n, err)
		}
	}
	come := func() {
		t.Helper()
		if _, err := h.come(claim{key: key}); err != nil {
			t.Fatal(err)
		}
	}
	if k := used(); k.LastUsed != 0 || k.User != "ann" {
		t.Errorf("unused: %+v", k)
	}
	come()
	first := secret.InstantOf(h.now)
	if k := used(); k.LastUsed != first || k.Service != "iam" || k.Region != "us-east-1" {
		t.Errorf("before it is written: %+v", k)
	}
	flush()
	if k := used(); k.LastUsed != first || !k.Active {
		t.Errorf("written: %+v", k)
	}
	h.now = h.now.Add(time.Minute)
	come()
	if h.Directory.KeyUses() {
		t.Error("a use is noted that is known well enough")
	}
	h.now = h.now.Add(time.Hour)
	come()
	flush()
	if k := used(); k.LastUsed != secret.InstantOf(h.now) {
		t.Errorf("an hour later: %+v", k)
	}
	come()
}
