package file

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/audit"
)

// A segment is a header of one page, frames, and zeros to its full length:
// because the file never grows, a sync writes data alone. A frame is the
// record's length, its CRC-32C, both little-endian, and the record. The header
// holds the tree's frontier before the segment's first record, so that a start
// reads the last segment only.
const (
	headerLen = 4096
	frameHead = 8
	magic     = "strongroom audit segment 1\n"
	maxEdges  = 64

	atFirst = 32
	atEdges = atFirst + 8
	atHash  = atEdges + 4
	atCRC   = headerLen - 4
)

const suffix = ".seg"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// segmentName sorts as the segments do.
func segmentName(first int64) string { return fmt.Sprintf("%016d%s", first, suffix) }

// segments lists the segment files of a folder in order.
func segments(dir fs.FS) ([]string, error) {
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func encodeHeader(f *audit.Frontier) []byte {
	h := make([]byte, headerLen)
	copy(h, magic)
	binary.LittleEndian.PutUint64(h[atFirst:], uint64(f.Size))
	edges := f.Edges()
	binary.LittleEndian.PutUint32(h[atEdges:], uint32(len(edges)))
	for i, e := range edges {
		copy(h[atHash+32*i:], e[:])
	}
	binary.LittleEndian.PutUint32(h[atCRC:], crc32.Checksum(h[:atCRC], castagnoli))
	return h
}

func decodeHeader(h []byte) (audit.Frontier, error) {
	if len(h) < headerLen || !bytes.HasPrefix(h, []byte(magic)) ||
		binary.LittleEndian.Uint32(h[atCRC:]) != crc32.Checksum(h[:atCRC], castagnoli) {
		return audit.Frontier{}, fmt.Errorf("%w: the header of a segment", audit.ErrDamaged)
	}
	n := binary.LittleEndian.Uint32(h[atEdges:])
	if n > maxEdges {
		return audit.Frontier{}, fmt.Errorf("%w: the header of a segment", audit.ErrDamaged)
	}
	edges := make([][32]byte, n)
	for i := range edges {
		copy(edges[i][:], h[atHash+32*i:])
	}
	return audit.Resume(int64(binary.LittleEndian.Uint64(h[atFirst:])), edges), nil
}

// appendFrame appends a record's frame.
func appendFrame(dst, record []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(record)))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(record, castagnoli))
	return append(dst, record...)
}

// nextFrame reads the record at the start of b. It gives nil at the end of the
// written part, ErrDamaged where there is something that is no frame.
func nextFrame(b []byte) ([]byte, error) {
	if len(b) < frameHead {
		return nil, nil
	}
	n := binary.LittleEndian.Uint32(b)
	if n == 0 && binary.LittleEndian.Uint32(b[4:]) == 0 {
		return nil, nil
	}
	if n == 0 || n > audit.MaxRecord || int64(n) > int64(len(b)-frameHead) {
		return nil, fmt.Errorf("%w: a frame's length", audit.ErrDamaged)
	}
	record := b[frameHead : frameHead+int(n)]
	if crc32.Checksum(record, castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
		return nil, fmt.Errorf("%w: a record's checksum", audit.ErrDamaged)
	}
	return record, nil
}

// walk calls fn with each record of a segment's frames, and its offset. It
// stops at the end of what was written, or with an error.
func walk(frames []byte, fn func(record []byte) error) (end int, err error) {
	for {
		record, err := nextFrame(frames[end:])
		if record == nil || err != nil {
			return end, err
		}
		if err := fn(record); err != nil {
			return end, err
		}
		end += frameHead + len(record)
	}
}

// readSegment reads a segment whole.
func readSegment(dir fs.FS, name string) (audit.Frontier, []byte, error) {
	b, err := fs.ReadFile(dir, name)
	if err != nil {
		return audit.Frontier{}, nil, err
	}
	f, err := decodeHeader(b)
	if err != nil {
		return f, nil, fmt.Errorf("%w (%s)", err, name)
	}
	if segmentName(f.Size) != name {
		return f, nil, fmt.Errorf("%w: %s begins with record %d", audit.ErrDamaged, name, f.Size)
	}
	return f, b[headerLen:], nil
}

const spare = "next.tmp"

// makeSpare makes a file of zeros of a segment's length, durably. It fails
// with ErrFull where the disk has no room.
func makeSpare(dir string, size int64) error {
	f, err := os.OpenFile(filepath.Join(dir, spare), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", audit.ErrFull, err)
	}
	zeros := make([]byte, 1<<20)
	for left := size; left > 0 && err == nil; left -= int64(len(zeros)) {
		_, err = f.Write(zeros[:min(left, int64(len(zeros)))])
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err != nil {
		_ = os.Remove(filepath.Join(dir, spare))
		return fmt.Errorf("%w: %w", audit.ErrFull, err)
	}
	return nil
}

// startSegment turns the spare file into the segment that follows f.
func startSegment(dir string, f *audit.Frontier) (*os.File, error) {
	from := filepath.Join(dir, spare)
	file, err := os.OpenFile(from, os.O_RDWR, 0)
	if err != nil { // nothing was changed yet
		return nil, fmt.Errorf("%w: %w", audit.ErrFull, err)
	}
	_, err = file.WriteAt(encodeHeader(f), 0)
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = os.Rename(from, filepath.Join(dir, segmentName(f.Size)))
	}
	if err == nil {
		err = syncFolder(dir)
	}
	if err == nil {
		_, err = file.Seek(headerLen, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
