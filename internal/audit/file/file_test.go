package file_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/strongroom-dev/strongroom/internal/audit"
	"github.com/strongroom-dev/strongroom/internal/audit/file"
)

const segmentSize = 64 << 10

type log struct {
	t   *testing.T
	opt file.Options
}

func newLog(t *testing.T) log {
	t.Helper()
	skey, vkey, err := audit.GenerateKey("log.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, _ := note.NewSigner(skey)
	verifier, _ := note.NewVerifier(vkey)
	return log{t, file.Options{Dir: t.TempDir(), SegmentSize: segmentSize, Signer: signer, Verifier: verifier}}
}

func (l log) open() *file.Log {
	l.t.Helper()
	f, err := file.Open(l.opt)
	if err != nil {
		l.t.Fatal(err)
	}
	return f
}

func (l log) verify() (*file.Report, error) {
	return file.Verify(os.DirFS(l.opt.Dir), l.opt.Verifier, false)
}

func record(i int) []byte {
	return fmt.Appendf(nil, `{"id":"record-%06d","x":"%s"}`, i, strings.Repeat("x", 200))
}

func (l log) fill(from, to int) {
	l.t.Helper()
	f := l.open()
	for i := from; i < to; i++ {
		if err := f.Append(record(i)); err != nil {
			l.t.Fatal(err)
		}
		if i%100 == 0 {
			if err := f.Checkpoint(); err != nil {
				l.t.Fatal(err)
			}
		}
	}
	if err := f.Close(); err != nil {
		l.t.Fatal(err)
	}
}

func TestLogComesBackWhole(t *testing.T) {
	l := newLog(t)
	l.fill(0, 500)
	l.fill(500, 1000)
	r, err := l.verify()
	if err != nil {
		t.Fatal(err)
	}
	if r.Head.Size != 1000 || r.Segments < 3 || r.Signed != 1000 {
		t.Errorf("%+v", r)
	}
	n := 0
	for e, err := range file.Scan(os.DirFS(l.opt.Dir), 700) {
		if err != nil {
			t.Fatal(err)
		}
		if want := record(700 + n); e.Index != int64(700+n) || !bytes.Equal(e.Record, want) {
			t.Fatalf("%d: %s", e.Index, e.Record)
		}
		n++
	}
	if n != 300 {
		t.Error(n, "records from 700")
	}
}

func TestAppendersShareSyncs(t *testing.T) {
	l := newLog(t)
	f := l.open()
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			for j := range 50 {
				if err := f.Append(record(i*50 + j)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	appends, syncs := f.Stats()
	if appends != 64*50 || syncs*4 > appends {
		t.Errorf("%d appends took %d syncs", appends, syncs)
	}
	if f.Head().Size != 64*50 {
		t.Error(f.Head())
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.verify(); err != nil {
		t.Error(err)
	}
	if err := f.Append(record(0)); err == nil {
		t.Error("a closed log took a record")
	}
}

// newest is the path of the last segment.
func (l log) newest() string {
	all, _ := filepath.Glob(filepath.Join(l.opt.Dir, "*.seg"))
	return all[len(all)-1]
}

func (l log) edit(path string, fn func([]byte) []byte) {
	l.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, fn(b), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

func TestUnfinishedWriteIsDropped(t *testing.T) {
	l := newLog(t)
	l.fill(0, 101)
	head := l.openHead()
	for _, tail := range []string{"\x05\x00\x00\x00abc", "\xff\xff\xff\xff\x00\x00\x00\x00x", "\x00\x00\x00\x00\x01\x00\x00\x00", "\x03\x00\x00\x00\x00\x00\x00\x00abc"} {
		l.edit(l.newest(), func(b []byte) []byte {
			end := bytes.LastIndexByte(b, '}') + 1
			copy(b[end:], tail)
			return b
		})
		f := l.open()
		if f.Dropped() == 0 || f.Head() != head {
			t.Errorf("%q: dropped %d, head %+v", tail, f.Dropped(), f.Head())
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func (l log) openHead() audit.Head {
	f := l.open()
	defer f.Close()
	return f.Head()
}

func TestTamperingIsFound(t *testing.T) {
	first := func(l log) string { return filepath.Join(l.opt.Dir, fmt.Sprintf("%016d.seg", 0)) }
	for name, tamper := range map[string]func(l log){
		"a byte of a record": func(l log) {
			l.edit(first(l), func(b []byte) []byte { b[4096+100] ^= 1; return b })
		},
		"a record, with its checksum": func(l log) {
			l.edit(first(l), func(b []byte) []byte { return reframe(b, 3, []byte(`{"id":"forged"}`)) })
		},
		"two records swapped": func(l log) {
			l.edit(first(l), func(b []byte) []byte {
				n := 8 + len(record(0))
				x := bytes.Clone(b[4096 : 4096+n])
				copy(b[4096:], b[4096+n:4096+2*n])
				copy(b[4096+n:], x)
				return b
			})
		},
		"a segment gone": func(l log) {
			all, _ := filepath.Glob(filepath.Join(l.opt.Dir, "*.seg"))
			_ = os.Remove(all[1])
		},
		"the last segment gone": func(l log) { _ = os.Remove(l.newest()) },
		"the end cut": func(l log) {
			l.edit(l.newest(), func(b []byte) []byte { clear(b[4096+8:]); return b })
		},
		"a header": func(l log) {
			l.edit(l.newest(), func(b []byte) []byte { b[40] ^= 1; return b })
		},
		"a checkpoint": func(l log) {
			l.edit(filepath.Join(l.opt.Dir, "checkpoints"), func(b []byte) []byte {
				return bytes.Replace(b, []byte(`\n101\n`), []byte(`\n102\n`), 1)
			})
		},
	} {
		l := newLog(t)
		l.fill(0, 700)
		if _, err := l.verify(); err != nil {
			t.Fatal(err)
		}
		tamper(l)
		if _, err := l.verify(); !errors.Is(err, audit.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// reframe replaces the n-th record of a segment and makes its frame right.
func reframe(b []byte, n int, forged []byte) []byte {
	size := 8 + len(record(0))
	at := 4096 + n*size
	forged = append(forged, bytes.Repeat([]byte(" "), size-8-len(forged))...)
	copy(b[at:], file.Frame(forged))
	return b
}

func TestOpenNoticesACutLog(t *testing.T) {
	l := newLog(t)
	l.fill(0, 150)
	l.edit(l.newest(), func(b []byte) []byte { clear(b[len(b)/4*3:]); return b })
	if _, err := file.Open(l.opt); err != nil {
		t.Fatal("nothing was cut yet:", err)
	}
	l.edit(l.newest(), func(b []byte) []byte { clear(b[4096+1000:]); return b })
	if _, err := file.Open(l.opt); !errors.Is(err, audit.ErrDamaged) {
		t.Error(err)
	}
	_ = os.Remove(filepath.Join(l.opt.Dir, "checkpoints"))
	l.opt.Expect = audit.Head{Size: 150}
	if _, err := file.Open(l.opt); !errors.Is(err, audit.ErrDamaged) {
		t.Error("without checkpoints, by what is expected:", err)
	}
}

func FuzzSegment(f *testing.F) {
	f.Add(file.Frame([]byte("{}")))
	f.Add([]byte{1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, frames []byte) {
		n := 0
		end, _ := file.Walk(frames, func(record []byte) error { n += 8 + len(record); return nil })
		if end != n || end > len(frames) {
			t.Errorf("walked to %d of %d, records end at %d", end, len(frames), n)
		}
	})
}
