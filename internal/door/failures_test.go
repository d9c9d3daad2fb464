package door_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/strongroom-dev/strongroom/internal/door"
)

func TestFailures(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	f := door.NewFailures(func() time.Time { return now })
	const here, there = "192.0.2.1:1000", "192.0.2.2:1000"
	if f.Blocked(here, "AKIA1") {
		t.Error("blocked before any failure")
	}
	for range 20 {
		f.Failed(here, "AKIA1")
	}
	for who, want := range map[[2]string]bool{
		{here, "AKIA1"}: true, {"192.0.2.1:2000", "AKIA1"}: true, // another connection of the same address
		{here, "AKIA2"}: false, {there, "AKIA1"}: false, {here, ""}: false,
	} {
		if f.Blocked(who[0], who[1]) != want {
			t.Errorf("%v: not %v", who, want)
		}
	}
	now = now.Add(3 * time.Second)
	if f.Blocked(here, "AKIA1") {
		t.Error("blocked for longer than a failure takes to be forgiven")
	}
	for i := range 100 {
		f.Failed(here, fmt.Sprint("guess", i))
	}
	if !f.Blocked(here, "AKIA2") || f.Blocked(there, "AKIA2") {
		t.Error("an address is not blocked, or another one is")
	}
	for i := range 30_000 { // memory is bounded
		f.Failed(fmt.Sprintf("[2001:db8::%x]:1", i), "")
	}
	if f.Blocked("[2001:db8::1]:1", "") {
		t.Error("blocked after one failure")
	}
}

// Who came in from an address is not shut out by others there.
func TestFailuresOfNeighbours(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	f := door.NewFailures(func() time.Time { return now })
	const here = "192.0.2.1:1000"
	f.Failed(here, "AKIAX")
	f.Known(here, "AKIAGOOD")
	for i := range 200 {
		f.Failed(here, fmt.Sprint("guess", i))
	}
	if !f.Blocked(here, "AKIAOTHER") || f.Blocked(here, "AKIAGOOD") {
		t.Error("not the one who is unknown")
	}
	for range 30 {
		f.Failed(here, "AKIAGOOD")
	}
	if !f.Blocked(here, "AKIAGOOD") {
		t.Error("its own failures do not count")
	}
}
