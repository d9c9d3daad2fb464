package keyring_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/keyring"
	"github.com/strongroom-dev/strongroom/internal/plain"
)

func TestSealAndOpen(t *testing.T) {
	r := keyring.Generate(1)
	sealed := r.Seal([]byte("before"), "name", []byte("value"))
	if !bytes.HasPrefix(sealed, []byte("before")) || bytes.Contains(sealed, []byte("value")) {
		t.Fatalf("%q", sealed)
	}
	sealed = sealed[len("before"):]
	if len(sealed) != len("value")+keyring.Overhead {
		t.Error("the overhead is not", keyring.Overhead)
	}
	got, err := r.Open(nil, "name", sealed)
	if err != nil || string(got) != "value" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := r.Open(nil, "other", sealed); !errors.Is(err, keyring.ErrDamaged) {
		t.Error("an entry opens under another name:", err)
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := r.Open(nil, "name", bad); !errors.Is(err, keyring.ErrDamaged) {
			t.Errorf("byte %d flipped: %v", i, err)
		}
	}
	for n := range sealed {
		if _, err := r.Open(nil, "name", sealed[:n]); !errors.Is(err, keyring.ErrDamaged) {
			t.Errorf("cut to %d: %v", n, err)
		}
	}
	if again := r.Seal(nil, "name", []byte("value")); bytes.Equal(again[:keyring.HeadLen], sealed[:keyring.HeadLen]) {
		t.Error("two sealed entries begin alike")
	}
}

func TestRotation(t *testing.T) {
	r := keyring.Generate(1)
	old := r.Seal(nil, "a", []byte("1"))
	mac := r.MAC("p", []byte("x"))
	r.Adopt(r.Rotated(2))
	if r.Active() != 2 {
		t.Error("active", r.Active())
	}
	if got, err := r.Open(nil, "a", old); err != nil || string(got) != "1" {
		t.Error(got, err)
	}
	if r.MAC("p", []byte("x")) != mac || r.MAC("q", []byte("x")) == mac {
		t.Error("keyed hashes changed, or do not know their purpose")
	}
	root := plain.New(make([]byte, keyring.KeyLen))
	wrapped, err := r.Wrap(root)
	if err != nil {
		t.Fatal(err)
	}
	back, err := keyring.Unwrap(root, wrapped)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := back.Open(nil, "a", old); err != nil || string(got) != "1" || back.Active() != 2 {
		t.Error(got, err)
	}
	other := plain.New(bytes.Repeat([]byte{1}, keyring.KeyLen))
	if _, err := keyring.Unwrap(other, wrapped); !errors.Is(err, keyring.ErrWrongKey) {
		t.Error(err)
	}
}

func FuzzOpen(f *testing.F) {
	r := keyring.Generate(1)
	f.Add(r.Seal(nil, "name", []byte("value")))
	f.Add([]byte{1, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if got, err := r.Open(nil, "another name", sealed); err == nil {
			t.Errorf("%x opened: %q", sealed, got)
		}
	})
}
