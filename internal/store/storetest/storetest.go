// Package storetest is the examination that every driver of a store passes.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/store/mem"
)

// Run examines a driver. open makes an empty store; reopen, if the driver is
// durable, closes the store and opens what it left.
func Run(t *testing.T, open func(*testing.T) store.Store, reopen func(*testing.T, store.Store) store.Store) {
	tests := map[string]func(*testing.T, store.Store){
		"reads its writes":       readsWrites,
		"an error undoes all":    errorUndoes,
		"scans":                  scans,
		"views are snapshots":    snapshots,
		"updates are serialized": serialized,
		"agrees with the model":  model,
		"refuses when closed":    closed,
		"odd keys and values":    odd,
		"a panic harms nobody":   panics,
		"a cancelled context":    cancelled,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			defer s.Close()
			test(t, s)
		})
	}
	if reopen != nil {
		t.Run("is durable", func(t *testing.T) { durable(t, open(t), reopen) })
	}
}

var ctx = context.Background()

func put(t *testing.T, s store.Store, kv ...string) {
	t.Helper()
	err := s.Update(ctx, func(w store.Writer) error {
		for i := 0; i < len(kv); i += 2 {
			if err := w.Put(kv[i], []byte(kv[i+1])); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, s store.Store, key string) (value string) {
	t.Helper()
	err := s.View(ctx, func(r store.Reader) error {
		v, err := r.Get(key)
		value = string(v)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func list(t *testing.T, r store.Reader, rg store.Range) []string {
	t.Helper()
	var got []string
	for e, err := range r.Scan(rg) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Key+"="+string(e.Value))
	}
	return got
}

func readsWrites(t *testing.T, s store.Store) {
	put(t, s, "a", "1", "b", "2")
	put(t, s, "a", "3")
	if got := get(t, s, "a") + get(t, s, "b") + get(t, s, "c"); got != "32" {
		t.Error(got)
	}
	err := s.Update(ctx, func(w store.Writer) error {
		_ = w.Delete("a")
		_ = w.Delete("never there")
		_ = w.Put("c", []byte("x"))
		if v, _ := w.Get("a"); v != nil {
			t.Error("a deleted key is still there")
		}
		if v, _ := w.Get("c"); string(v) != "x" {
			t.Error("an update does not see its own write")
		}
		return nil
	})
	if err != nil || get(t, s, "a") != "" || get(t, s, "c") != "x" {
		t.Error(err, get(t, s, "a"), get(t, s, "c"))
	}
}

func errorUndoes(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	bad := errors.New("bad")
	err := s.Update(ctx, func(w store.Writer) error {
		_ = w.Put("a", []byte("2"))
		_ = w.Put("b", []byte("2"))
		return bad
	})
	if !errors.Is(err, bad) || get(t, s, "a") != "1" || get(t, s, "b") != "" {
		t.Error(err, get(t, s, "a"), get(t, s, "b"))
	}
}

func scans(t *testing.T, s store.Store) {
	put(t, s, "a", "1", "b/1", "2", "b/2", "3", "b/3", "4", "c", "5")
	for _, test := range []struct {
		r    store.Range
		want []string
	}{
		{store.Range{}, []string{"a=1", "b/1=2", "b/2=3", "b/3=4", "c=5"}},
		{store.Range{Reverse: true}, []string{"c=5", "b/3=4", "b/2=3", "b/1=2", "a=1"}},
		{store.Prefix("b/"), []string{"b/1=2", "b/2=3", "b/3=4"}},
		{store.Range{From: "b/2", To: "c"}, []string{"b/2=3", "b/3=4"}},
		{store.Range{From: "b/1", To: "b/3", Reverse: true}, []string{"b/2=3", "b/1=2"}},
		{store.Range{From: "b", To: "zzz", Reverse: true}, []string{"c=5", "b/3=4", "b/2=3", "b/1=2"}},
		{store.Prefix("x"), nil},
	} {
		_ = s.View(ctx, func(r store.Reader) error {
			if got := list(t, r, test.r); !slices.Equal(got, test.want) {
				t.Errorf("%+v: %v", test.r, got)
			}
			return nil
		})
	}
	_ = s.Update(ctx, func(w store.Writer) error {
		_ = w.Put("b/0", []byte("new"))
		_ = w.Put("b/2", []byte("changed"))
		_ = w.Delete("b/3")
		_ = w.Put("b/9", []byte("last"))
		want := []string{"b/0=new", "b/1=2", "b/2=changed", "b/9=last"}
		if got := list(t, w, store.Prefix("b/")); !slices.Equal(got, want) {
			t.Errorf("inside an update: %v", got)
		}
		slices.Reverse(want)
		r := store.Prefix("b/")
		r.Reverse = true
		if got := list(t, w, r); !slices.Equal(got, want) {
			t.Errorf("inside an update, reversed: %v", got)
		}
		return nil
	})
}

func snapshots(t *testing.T, s store.Store) {
	put(t, s, "a", "1")
	_ = s.View(ctx, func(r store.Reader) error {
		done := make(chan struct{})
		go func() { defer close(done); put(t, s, "a", "2", "b", "2") }()
		<-done
		a, _ := r.Get("a")
		b, _ := r.Get("b")
		if string(a) != "1" || b != nil {
			t.Errorf("a view saw a later write: %s %s", a, b)
		}
		return nil
	})
	if get(t, s, "a") != "2" {
		t.Error("an acknowledged write is not seen")
	}
}

func serialized(t *testing.T, s store.Store) {
	var wg sync.WaitGroup
	const workers, rounds = 16, 50
	for range workers {
		wg.Go(func() {
			for range rounds {
				err := s.Update(ctx, func(w store.Writer) error {
					v, _ := w.Get("n")
					n, _ := strconv.Atoi(string(v))
					return w.Put("n", []byte(strconv.Itoa(n+1)))
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := get(t, s, "n"); got != strconv.Itoa(workers*rounds) {
		t.Errorf("%s of %d increments", got, workers*rounds)
	}
}

// model runs one random stream of operations here and on a map in memory.
func model(t *testing.T, s store.Store) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	m := mem.New()
	bad := errors.New("bad")
	for range 300 {
		var ops []func(store.Writer) error
		for range 1 + r.IntN(4) {
			key := fmt.Sprint("k", r.IntN(20))
			value := []byte(fmt.Sprint(r.Uint32()))
			if r.IntN(3) == 0 {
				ops = append(ops, func(w store.Writer) error { return w.Delete(key) })
			} else {
				ops = append(ops, func(w store.Writer) error { return w.Put(key, value) })
			}
		}
		fails := r.IntN(5) == 0
		for _, x := range []store.Store{s, m} {
			_ = x.Update(ctx, func(w store.Writer) error {
				for _, op := range ops {
					_ = op(w)
				}
				if fails {
					return bad
				}
				return nil
			})
		}
	}
	var got, want []string
	_ = s.View(ctx, func(r store.Reader) error { got = list(t, r, store.Range{}); return nil })
	_ = m.View(ctx, func(r store.Reader) error { want = list(t, r, store.Range{}); return nil })
	if !slices.Equal(got, want) {
		t.Errorf("seed %d: %v, want %v", seed, got, want)
	}
}

func closed(t *testing.T, s store.Store) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.View(ctx, func(store.Reader) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Error("view:", err)
	}
	if err := s.Update(ctx, func(store.Writer) error { return nil }); !errors.Is(err, store.ErrClosed) {
		t.Error("update:", err)
	}
}

func odd(t *testing.T, s store.Store) {
	key := "k\x00\xff/\u00e9 "
	big := string(make([]byte, 1<<20))
	put(t, s, key, big, "empty", "")
	if get(t, s, key) != big {
		t.Error("a value came back changed")
	}
	_ = s.View(ctx, func(r store.Reader) error {
		if v, _ := r.Get("empty"); v == nil {
			t.Error("an empty value is taken for none")
		}
		return nil
	})
}

func panics(t *testing.T, s store.Store) {
	func() {
		defer func() { _ = recover() }()
		_ = s.Update(ctx, func(w store.Writer) error { _ = w.Put("p", []byte("1")); panic("x") })
	}()
	put(t, s, "a", "1")
	if get(t, s, "p") != "" || get(t, s, "a") != "1" {
		t.Error("a panicking update left something")
	}
}

func cancelled(t *testing.T, s store.Store) {
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Update(gone, func(w store.Writer) error { return w.Put("a", []byte("1")) }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if get(t, s, "a") != "" {
		t.Error("a cancelled update wrote")
	}
}

func durable(t *testing.T, s store.Store, reopen func(*testing.T, store.Store) store.Store) {
	put(t, s, "a", "1")
	s = reopen(t, s)
	defer s.Close()
	if get(t, s, "a") != "1" {
		t.Error("an acknowledged write is gone")
	}
}
