package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/strongroom-dev/strongroom/internal/audit"
)

// The checkpoints are kept one a line, each a JSON string.
const checkpoints = "checkpoints"

func appendCheckpoint(dir string, cp []byte) error {
	line, err := json.Marshal(string(cp))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, checkpoints), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	end, err := wholeLines(f)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(append(line, '\n'), end); err != nil {
		return err
	}
	return f.Sync()
}

// wholeLines is where the last whole line ends: what follows was cut by a
// crash and is overwritten.
func wholeLines(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	tail := make([]byte, min(info.Size(), 8<<10))
	from := info.Size() - int64(len(tail))
	if _, err := f.ReadAt(tail, from); err != nil {
		return 0, err
	}
	end := from + int64(bytes.LastIndexByte(tail, '\n')) + 1
	return end, f.Truncate(end)
}

// readCheckpoints reads all whole lines; a last one that a crash cut is left
// out.
func readCheckpoints(dir fs.FS) ([][]byte, error) {
	text, err := fs.ReadFile(dir, checkpoints)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out [][]byte
	lines := bytes.SplitAfter(text, []byte("\n"))
	for i, line := range lines {
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue
		}
		var cp string
		if err := json.Unmarshal(line, &cp); err != nil {
			if i >= len(lines)-2 && bytes.Trim(line, "\x00\n") == nil {
				continue
			}
			return nil, fmt.Errorf("%w: checkpoint %d cannot be read", audit.ErrDamaged, i+1)
		}
		out = append(out, []byte(cp))
	}
	return out, nil
}

// lastCheckpoint opens the newest checkpoint; the zero Head if there is none.
func lastCheckpoint(dir fs.FS, v note.Verifier) (audit.Head, error) {
	all, err := readCheckpoints(dir)
	if err != nil || len(all) == 0 {
		return audit.Head{}, err
	}
	return audit.OpenCheckpoint(v, all[len(all)-1])
}

// checker compares a growing tree with heads that it must pass through.
type checker struct {
	want   []audit.Head
	failed error
}

// at compares the tree with the heads of its size.
func (c *checker) at(f *audit.Frontier) error {
	for _, h := range c.want {
		if h.Size == f.Size && h.Size > 0 && h.Root != f.Root() {
			c.failed = fmt.Errorf("%w: among the first %d records, at least one is not as it was signed", audit.ErrDamaged, h.Size)
			return c.failed
		}
	}
	return nil
}

// end compares the number of records.
func (c *checker) end(size int64) error {
	longest := slices.MaxFunc(c.want, func(a, b audit.Head) int { return int(a.Size - b.Size) })
	if longest.Size > size {
		return fmt.Errorf("%w: it has %d records, and %d were signed: it was cut", audit.ErrDamaged, size, longest.Size)
	}
	return nil
}
