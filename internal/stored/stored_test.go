package stored_test

import (
	"errors"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/stored"
)

type thing struct {
	Name string `cbor:"1,keyasint"`
}

// What was written can be read, even text that is none.
func TestRowsAreReadable(t *testing.T) {
	for _, name := range []string{"", "plain", "€", "cut \xe2\x82", "\xff\xfe"} {
		b, err := stored.Encode(thing{name})
		if err != nil {
			t.Fatal(err)
		}
		got, err := stored.Decode[thing](b)
		if err != nil || got.Name != name {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
	if _, err := stored.Decode[thing]([]byte{9, 1}); !errors.Is(err, stored.ErrFormat) {
		t.Error(err)
	}
}
