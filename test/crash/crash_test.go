//go:build crash

package crash_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// times is how often a long test repeats: a few times, or, in the long form,
// a hundred.
func times(few int) int {
	if os.Getenv("STRONGROOM_SOAK") != "" {
		return 100
	}
	return few
}

// forAWhile is long enough for some hundreds of requests.
func forAWhile() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), time.Duration(100+rand.IntN(400))*time.Millisecond)
}

// killed puts load on the server and kills it in the middle.
func (h *house) killed(workers int) {
	ctx, cancel := forAWhile()
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); h.load(context.Background(), workers) }()
	<-ctx.Done()
	h.kill()
	<-done
}

// forget drops what was checked, so that each round checks its own.
func (h *house) forget() {
	h.acked, h.tried, h.answers = map[string]map[string]string{}, map[string]map[string]string{}, nil
}

func TestKill(t *testing.T) {
	h := newHouse(t, build(t, ""), filepath.Join(t.TempDir(), "data"))
	h.start()
	for range times(6) {
		h.killed(16)
		h.start()
		if problem := h.broken(); problem != "" {
			t.Fatal(problem)
		}
		h.forget()
	}
	h.stop()
}

func TestPowerCut(t *testing.T) {
	d := newDisk(t)
	h := newHouse(t, build(t, ""), filepath.Join(d.mount, "data"))
	for i := range times(6) {
		h.start()
		h.killed(16)
		d.cut(t, i%2 == 1)
		h.start()
		if problem := h.broken(); problem != "" {
			t.Fatalf("cut %d: %s", i, problem)
		}
		h.forget()
		h.stop()
	}
}

// The n-th write or sync fails, or is done and said to have failed: whatever
// the server then does, it breaks no promise, and starts again.
func TestFailingDisk(t *testing.T) {
	d := newDisk(t)
	h := newHouse(t, build(t, ""), filepath.Join(d.mount, "data"))
	for i := range times(8) {
		f := fault{sync: i%2 == 0, after: i%4 > 1, nth: 1 + rand.IntN(40)}
		h.start()
		d.inject(f)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		h.load(ctx, 8)
		cancel()
		if !d.injected() {
			t.Errorf("%+v was not reached", f)
		}
		d.inject(fault{})
		h.kill()
		d.cut(t, false)
		h.start()
		if problem := h.broken(); problem != "" {
			t.Fatalf("%+v: %s", f, problem)
		}
		h.forget()
		h.stop()
	}
}

// Negative controls: servers that break a promise on purpose. A harness that
// does not notice them proves nothing.
func TestMutantsAreCaught(t *testing.T) {
	for mutant, tries := range map[string]int{"mutant_nosync": 30, "mutant_answer_first": 30} {
		t.Run(mutant, func(t *testing.T) {
			d := newDisk(t)
			h := newHouse(t, build(t, mutant), filepath.Join(d.mount, "data"))
			for i := range tries {
				if err := h.tryStart(); err != nil {
					t.Logf("caught: it does not start: %v", err)
					return
				}
				h.killed(16)
				d.cut(t, i%2 == 1)
				if err := h.tryStart(); err != nil {
					t.Logf("caught: it does not start: %v", err)
					return
				}
				problem := h.broken()
				h.kill()
				if problem != "" {
					t.Logf("caught at cut %d: %.200s", i, problem)
					return
				}
				h.forget()
			}
			t.Error("it was not caught")
		})
	}
}

// The same, for what no crash is needed to notice.
func TestMutantsAreCaughtByTheirTests(t *testing.T) {
	for mutant, test := range map[string]string{"mutant_split_label": "TestLabelsMoveAtOnce"} {
		out, err := exec.Command("go", "test", "-count=1", "-tags", mutant, "-run", "^"+test+"$", "../../internal/core").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "--- FAIL: "+test) {
			t.Errorf("%s was not caught by %s: %s", mutant, test, out)
		}
	}
}

func TestRefusals(t *testing.T) {
	binary := build(t, "")
	for name, damage := range map[string]func(dir string) error{
		"a wrong seal key": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "seal.key"), fmt.Appendf(nil, "strongroom-seal-key-1:%s\n", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), 0o600)
		},
		"no seal key": func(dir string) error { return os.Remove(filepath.Join(dir, "seal.key")) },
		"a cut store": func(dir string) error { return os.Truncate(filepath.Join(dir, "store.db"), 20000) },
		"an edited segment": func(dir string) error {
			return flip(filepath.Join(dir, "audit", fmt.Sprintf("%016d.seg", 0)), 4096+200)
		},
		"a cut log": func(dir string) error {
			return os.Truncate(filepath.Join(dir, "audit", fmt.Sprintf("%016d.seg", 0)), 4096)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			h := newHouse(t, binary, dir)
			h.start()
			ctx, cancel := forAWhile()
			h.load(ctx, 2)
			cancel()
			h.stop()
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			before := sizes(t, dir)
			err := h.tryStart()
			if err == nil {
				h.kill()
				t.Fatal("it started")
			}
			t.Log(err)
			if after := sizes(t, dir); after != before {
				t.Errorf("something was changed: %s, before %s", after, before)
			}
		})
	}
	t.Run("a second process", func(t *testing.T) {
		h := newHouse(t, binary, filepath.Join(t.TempDir(), "data"))
		h.start()
		second := &house{t: t, binary: binary, dir: h.dir}
		if err := second.tryStart(); err == nil {
			t.Error("it started")
		} else {
			t.Log(err)
		}
		h.stop()
	})
}

func flip(path string, at int64) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	b[at] ^= 1
	return os.WriteFile(path, b, 0o600)
}

func sizes(t *testing.T, dir string) (all string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			all += fmt.Sprintf("%s %d; ", filepath.Base(path), info.Size())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
