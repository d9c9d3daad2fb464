package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// The parts of a bbolt meta page that say how long the file must be: a page
// header, then these, little-endian on every machine that this runs on.
const (
	metaStart    = 16
	metaMagic    = metaStart + 0
	metaPageSize = metaStart + 8
	metaPages    = metaStart + 40
	metaTxid     = metaStart + 48
	metaEnd      = metaStart + 64

	magic = 0xED0CDAED
)

// checkLength finds a file that was cut before bbolt maps it, for reading past
// its end would be a memory fault. A file that is not there, or empty, is new.
func checkLength(path string) (isNew bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return true, err
	}
	head := make([]byte, 2*64<<10)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if want := wantLength(head[:n]); info.Size() < want {
		return false, fmt.Errorf("%w: %s has %d bytes and should have %d: it was cut; restore it from a backup", ErrDamaged, path, info.Size(), want)
	}
	return false, nil
}

// wantLength is what the newer of the two meta pages asks for; bbolt itself
// judges whether they are sound.
func wantLength(head []byte) int64 {
	var want, newest uint64
	size := uint64(os.Getpagesize())
	for _, at := range []uint64{0, size} {
		if uint64(len(head)) < at+metaEnd {
			return 2 * int64(size)
		}
		page := head[at:]
		if binary.LittleEndian.Uint32(page[metaMagic:]) != magic {
			continue
		}
		if txid := binary.LittleEndian.Uint64(page[metaTxid:]); txid >= newest {
			newest = txid
			want = binary.LittleEndian.Uint64(page[metaPages:]) * uint64(binary.LittleEndian.Uint32(page[metaPageSize:]))
		}
	}
	return int64(want)
}
