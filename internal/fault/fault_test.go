package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/fault"
)

func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range fault.Codes() {
		if c.String() == "" || seen[c.String()] {
			t.Errorf("code %d has no name of its own: %q", c, c)
		}
		seen[c.String()] = true
	}
}

func TestCodeOf(t *testing.T) {
	cause := errors.New("disk")
	for _, test := range []struct {
		name string
		err  error
		want fault.Code
	}{
		{"a fault", fault.New(fault.NotFound, "gone"), fault.NotFound},
		{"a wrapped fault", fmt.Errorf("x: %w", fault.New(fault.Denied, "no")), fault.Denied},
		{"a foreign error", cause, fault.Internal},
		{"a fault with a cause", fault.Wrap(fault.Unavailable, cause, "store"), fault.Unavailable},
	} {
		if got := fault.CodeOf(test.err); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	if !errors.Is(fault.Wrap(fault.Unavailable, cause, "store"), cause) {
		t.Error("the cause is lost")
	}
}
