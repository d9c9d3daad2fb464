// Package backup is the archive of a whole house: the store's entries as they
// are sealed, the audit log's files, and the config of the seal. It is of no
// use without the seal; encrypting it, for the names that it shows, is left to
// who keeps it.
package backup

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
)

// The archive is a tar of these, in this order, and the audit log's files
// under auditDir.
const (
	manifestName = "manifest.json"
	sealName     = "seal.json"
	entriesName  = "entries"
	auditDir     = "audit/"
	endName      = "end"
)

const format = 1

// Manifest says what an archive holds.
type Manifest struct {
	Format  int       `json:"format"`
	Created time.Time `json:"created"`
	Entries int64     `json:"entries"`
	Size    int64     `json:"audit_size"` // how many records the log must at least hold
}

// Write writes an archive of what core's Backup left in entries.
func Write(w io.Writer, seal []byte, snap core.Snapshot, entries *os.File, now time.Time) error {
	t := tar.NewWriter(w)
	m, err := json.Marshal(Manifest{Format: format, Created: now.UTC(), Entries: snap.Entries, Size: snap.Head.Size})
	if err != nil {
		return err
	}
	size, err := entries.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = entries.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		text []byte
	}{{manifestName, m}, {sealName, seal}} {
		if err := add(t, f.name, f.text); err != nil {
			return err
		}
	}
	if err := t.WriteHeader(header(entriesName, size)); err != nil {
		return err
	}
	if _, err := io.Copy(t, entries); err != nil {
		return err
	}
	if err := AddFiles(t, auditDir, snap.Files); err != nil {
		return err
	}
	if err := add(t, endName, nil); err != nil {
		return err
	}
	return t.Close()
}

func header(name string, size int64) *tar.Header {
	return &tar.Header{Name: name, Size: size, Mode: 0o600, Typeflag: tar.TypeReg}
}

func add(t *tar.Writer, name string, text []byte) error {
	if err := t.WriteHeader(header(name, int64(len(text)))); err != nil {
		return err
	}
	_, err := t.Write(text)
	return err
}

// AddFiles adds the files of an audit log's folder. Checkpoints come first:
// the records that they cover are then sure to be in what follows.
func AddFiles(t *tar.Writer, prefix string, dir fs.FS) error {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return err
	}
	for _, first := range []bool{true, false} {
		for _, e := range entries {
			if e.IsDir() || strings.HasSuffix(e.Name(), ".tmp") || first == strings.HasSuffix(e.Name(), ".seg") {
				continue
			}
			text, err := fs.ReadFile(dir, e.Name())
			if err != nil {
				return err
			}
			if err := add(t, prefix+e.Name(), text); err != nil {
				return err
			}
		}
	}
	return nil
}

// ErrDamaged says that an archive is cut or is none.
var ErrDamaged = errors.New("backup: the archive is damaged")

// Extracted is an archive that was unpacked into a folder.
type Extracted struct {
	Manifest Manifest
	Seal     []byte
	Entries  string // the path of the entries' file
	Audit    string // the path of the audit log's folder
}

// Extract unpacks an archive into a folder that is there and empty. It fails
// with ErrDamaged if the archive is not whole.
func Extract(r io.Reader, dir string) (*Extracted, error) {
	x := &Extracted{Entries: filepath.Join(dir, entriesName), Audit: filepath.Join(dir, "audit")}
	if err := os.Mkdir(x.Audit, 0o700); err != nil {
		return nil, err
	}
	whole := false
	err := Untar(r, func(name string, body io.Reader) error {
		switch {
		case name == manifestName:
			return json.NewDecoder(body).Decode(&x.Manifest)
		case name == sealName:
			var err error
			x.Seal, err = io.ReadAll(body)
			return err
		case name == entriesName:
			return copyTo(x.Entries, body)
		case name == endName:
			whole = true
			return nil
		case strings.HasPrefix(name, auditDir) && filepath.IsLocal(name) && strings.Count(name, "/") == 1:
			return copyTo(filepath.Join(dir, name), body)
		}
		return fmt.Errorf("%w: it holds %q", ErrDamaged, name)
	})
	switch {
	case err != nil:
		return nil, err
	case !whole:
		return nil, fmt.Errorf("%w: it ends too early", ErrDamaged)
	case x.Manifest.Format != format:
		return nil, fmt.Errorf("backup: the archive's format is %d, and this version reads %d", x.Manifest.Format, format)
	}
	return x, nil
}

// Untar calls fn with each file of a tar.
func Untar(r io.Reader, fn func(name string, body io.Reader) error) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if err := fn(h.Name, t); err != nil {
			return err
		}
	}
}

// ExtractAudit unpacks what AddFiles wrote without a prefix into a folder.
func ExtractAudit(r io.Reader, dir string) error {
	return Untar(r, func(name string, body io.Reader) error {
		if !filepath.IsLocal(name) || strings.ContainsAny(name, `/\`) {
			return fmt.Errorf("%w: it holds %q", ErrDamaged, name)
		}
		return copyTo(filepath.Join(dir, name), body)
	})
}

func copyTo(path string, from io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(f, from); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return f.Sync()
}
