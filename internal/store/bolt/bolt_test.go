package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/store/bolt"
	"github.com/strongroom-dev/strongroom/internal/store/storetest"
)

func open(t *testing.T, path string) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestExamination(t *testing.T) {
	var path string
	storetest.Run(t,
		func(t *testing.T) store.Store {
			path = filepath.Join(t.TempDir(), "db")
			return open(t, path)
		},
		func(t *testing.T, s store.Store) store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, path)
		})
}

func TestWritersShareTransactions(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "db"))
	defer s.Close()
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for j := range 20 {
				key := fmt.Sprint(i, j)
				if err := s.Update(context.Background(), func(w store.Writer) error { return w.Put(key, []byte("x")) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	updates, transactions := s.Stats()
	if updates != 64*20 || transactions*10 > updates {
		t.Errorf("%d updates took %d transactions", updates, transactions)
	}
}

func TestOpenRefuses(t *testing.T) {
	full := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "db")
		s := open(t, path)
		err := s.Update(context.Background(), func(w store.Writer) error {
			for i := range 2000 {
				if err := w.Put(fmt.Sprintf("key%05d", i), make([]byte, 200)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Run("a file in use", func(t *testing.T) {
		path := full(t)
		s := open(t, path)
		defer s.Close()
		if _, err := bolt.Open(path); !errors.Is(err, bolt.ErrLocked) {
			t.Error(err)
		}
	})
	t.Run("a cut file", func(t *testing.T) {
		path := full(t)
		info, _ := os.Stat(path)
		for _, size := range []int64{info.Size() - 4096, info.Size() / 2, 3 * 4096, 4096, 100} {
			if err := os.Truncate(path, size); err != nil {
				t.Fatal(err)
			}
			s, err := bolt.Open(path)
			if err == nil { // bbolt grows its file ahead of use: only what is used may be missed
				_ = s.Close()
			} else if !errors.Is(err, bolt.ErrDamaged) {
				t.Errorf("cut to %d: %v", size, err)
			}
		}
	})
	t.Run("a foreign file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "db")
		if err := os.WriteFile(path, []byte("this is no database, but it is long enough to look at "+string(make([]byte, 9000))), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := bolt.Open(path); !errors.Is(err, bolt.ErrDamaged) {
			t.Error(err)
		}
	})
}
