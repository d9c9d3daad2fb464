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

// wholeLines is where the last line ends that can be read: what follows was cut
// or torn by a crash and is overwritten.
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
	tail = tail[:bytes.LastIndexByte(tail, '\n')+1]
	if len(tail) > 0 {
		begin := bytes.LastIndexByte(tail[:len(tail)-1], '\n') + 1
		if _, err := readLine(tail[begin:]); err != nil {
			tail = tail[:begin]
		}
	}
	end := from + int64(len(tail))
	return end, f.Truncate(end)
}

func readLine(line []byte) ([]byte, error) {
	var cp string
	err := json.Unmarshal(line, &cp)
	return []byte(cp), err
}

// readCheckpoints reads all lines but a last one that a crash cut or tore:
// losing that tells no more than that it was never signed.
func readCheckpoints(dir fs.FS) ([][]byte, error) {
	text, err := fs.ReadFile(dir, checkpoints)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out [][]byte
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	for n := 1; len(text) > 0; n++ {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		cp, err := readLine(line)
		if err != nil && len(rest) == 0 {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: checkpoint %d cannot be read", audit.ErrDamaged, n)
		}
		out = append(out, cp)
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
