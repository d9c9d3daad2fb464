package seal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/seal"
	"github.com/strongroom-dev/strongroom/internal/seal/file"
	"github.com/strongroom-dev/strongroom/internal/seal/shamir"
)

// examine wants that a seal opens what it wrapped and another does not.
func examine(t *testing.T, s, again, other seal.Seal) {
	t.Helper()
	root := seal.NewRoot()
	wrapped, err := s.Wrap(root)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(wrapped, root.Open()) {
		t.Error("the root key is not sealed")
	}
	got, err := again.Unwrap(wrapped)
	if err != nil || !got.Equal(root) {
		t.Error("the same seal does not open it:", err)
	}
	if _, err := other.Unwrap(wrapped); !errors.Is(err, seal.ErrWrongKey) {
		t.Error("another seal:", err)
	}
	wrapped[3] ^= 1
	if _, err := s.Unwrap(wrapped); !errors.Is(err, seal.ErrWrongKey) {
		t.Error("damaged:", err)
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	s, err := file.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := file.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	other, err := file.Create(filepath.Join(dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	examine(t, s, again, other)
	if _, err := file.Create(path); err == nil {
		t.Error("a key file was replaced")
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Open(path); err == nil {
		t.Error("a key file that all can read was accepted")
	}
}

func TestShamir(t *testing.T) {
	s, shares, err := shamir.Create(5, 3)
	if err != nil {
		t.Fatal(err)
	}
	open := func(shares ...plain.Value) seal.Seal {
		t.Helper()
		s, err := shamir.Open(shares)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	examine(t, s, open(shares[4], shares[0], shares[2]), open(shares[0], shares[1]))
	examine(t, s, open(shares...), open(shares[3], shares[1]))
	if _, err := shamir.Open([]plain.Value{shares[0], shares[0], shares[1]}); err == nil {
		t.Error("a share counted twice")
	}
	if _, err := shamir.Open([]plain.Value{shares[0], plain.New([]byte("nonsense"))}); err == nil {
		t.Error("nonsense was taken for a share")
	}
}

func TestEveryThresholdOfShares(t *testing.T) {
	secret := []byte("the bytes to split\x00\xff")
	for _, test := range []struct{ shares, threshold int }{{2, 2}, {3, 2}, {5, 3}, {6, 6}, {255, 4}} {
		all, err := shamir.Split(secret, test.shares, test.threshold)
		if err != nil {
			t.Fatal(err)
		}
		for i := range all {
			var some [][]byte
			for k := range test.threshold {
				some = append(some, all[(i+k*7)%test.shares])
			}
			got, err := shamir.Join(some)
			if test.shares == 6 || err != nil { // 7 steps of 6 shares meet all of them
				got, err = shamir.Join(all)
			}
			if err != nil || !bytes.Equal(got, secret) {
				t.Fatalf("%+v from %d: %q, %v", test, i, got, err)
			}
		}
	}
	for _, bad := range [][2]int{{2, 1}, {2, 3}, {256, 2}} {
		if _, err := shamir.Split(secret, bad[0], bad[1]); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
}
