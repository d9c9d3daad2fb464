//go:build crash

package crash_test

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// disk is a file system whose power can be cut: what was written and not
// synced is then gone, or there in part, sector by sector. It can also fail the
// n-th write or sync. Names (create, rename, remove) are durable at once, which
// is kinder than a real disk; contents are not.
type disk struct {
	mount  string
	now    string // what the system sees
	kept   string // what is on the platter
	server *fuse.Server

	mu    sync.Mutex
	dirty map[string][]span // by path: written since the last sync
	fault fault
}

type span struct{ from, to int64 }

// fault fails one write or sync from now on, before or after doing it.
type fault struct {
	sync  bool // a sync, else a write
	nth   int  // counts down; 0: none
	after bool // it is done, and reported failed
	seen  bool
}

const sector = 512

func newDisk(t *testing.T) *disk {
	t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Getuid() != 0 {
		t.Skip("SKIPPED: power cuts need root and /dev/fuse, which this machine has not")
	}
	base := t.TempDir()
	d := &disk{mount: filepath.Join(base, "mount"), now: filepath.Join(base, "now"), kept: filepath.Join(base, "kept"), dirty: map[string][]span{}}
	for _, dir := range []string{d.mount, d.now, d.kept} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	d.start(t)
	t.Cleanup(func() { _ = d.server.Unmount() })
	return d
}

func (d *disk) start(t *testing.T) {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(d.now, &st); err != nil {
		t.Fatal(err)
	}
	root := &fs.LoopbackRoot{Path: d.now, Dev: uint64(st.Dev)}
	root.NewNode = func(r *fs.LoopbackRoot, _ *fs.Inode, _ string, _ *syscall.Stat_t) fs.InodeEmbedder {
		return &node{LoopbackNode: fs.LoopbackNode{RootData: r}, disk: d}
	}
	top := &node{LoopbackNode: fs.LoopbackNode{RootData: root}, disk: d}
	root.RootNode = top
	server, err := fs.Mount(d.mount, top, &fs.Options{MountOptions: fuse.MountOptions{DirectMount: true, FsName: "power"}})
	if err != nil {
		t.Fatal(err)
	}
	d.server = server
}

// cut takes the power: nothing may be using the disk. torn leaves some sectors
// of what was not synced.
func (d *disk) cut(t *testing.T, torn bool) {
	t.Helper()
	if err := d.server.Unmount(); err != nil {
		t.Fatal("the disk is in use: ", err)
	}
	d.mu.Lock()
	for path, spans := range d.dirty {
		if torn {
			d.tear(path, spans)
		}
	}
	d.dirty = map[string][]span{}
	d.fault = fault{}
	d.mu.Unlock()
	if err := os.RemoveAll(d.now); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(d.now, os.DirFS(d.kept)); err != nil {
		t.Fatal(err)
	}
	err := filepath.Walk(d.kept, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(d.kept, path)
		return os.Chmod(filepath.Join(d.now, rel), info.Mode())
	})
	if err != nil {
		t.Fatal(err)
	}
	d.start(t)
}

// tear keeps each unsynced sector by chance, a write being likelier to be kept
// the earlier it was.
func (d *disk) tear(path string, spans []span) {
	for _, s := range spans {
		for from := s.from; from < s.to; {
			to := min(s.to, (from/sector+1)*sector)
			if rand.IntN(2) == 0 {
				d.copySpan(path, span{from, to})
			}
			from = to
		}
	}
}

func (d *disk) copySpan(path string, s span) {
	from, err := os.Open(filepath.Join(d.now, path))
	if err != nil {
		return
	}
	defer from.Close()
	to, err := os.OpenFile(filepath.Join(d.kept, path), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		panic(err)
	}
	defer to.Close()
	b := make([]byte, s.to-s.from)
	n, err := from.ReadAt(b, s.from)
	if err != nil && err != io.EOF {
		panic(err)
	}
	if _, err := to.WriteAt(b[:n], s.from); err != nil {
		panic(err)
	}
}

// wrote notes a write; synced makes what was written durable.
func (d *disk) wrote(path string, s span) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dirty[path] = append(d.dirty[path], s)
}

func (d *disk) synced(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.dirty[path] {
		d.copySpan(path, s)
	}
	delete(d.dirty, path)
	if info, err := os.Stat(filepath.Join(d.now, path)); err == nil {
		_ = os.Truncate(filepath.Join(d.kept, path), info.Size())
	}
}

// fails says whether this write or sync fails, and whether it is done first.
func (d *disk) fails(sync bool) (fails, after bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fault.nth == 0 || d.fault.sync != sync {
		return false, false
	}
	d.fault.nth--
	if d.fault.nth > 0 {
		return false, false
	}
	d.fault.seen = true
	return true, d.fault.after
}

func (d *disk) inject(f fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
}

func (d *disk) injected() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fault.seen
}

// node is a file or a folder.
type node struct {
	fs.LoopbackNode
	disk *disk
}

func (n *node) rel() string { return n.Path(n.Root()) }

func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	fh, f, errno := n.LoopbackNode.Open(ctx, flags)
	if errno == 0 && flags&syscall.O_TRUNC != 0 {
		_ = os.Truncate(filepath.Join(n.disk.kept, n.rel()), 0)
	}
	return n.wrap(fh, n.rel()), f, errno
}

func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, fh, f, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	path := filepath.Join(n.rel(), name)
	if errno == 0 {
		if kept, err := os.OpenFile(filepath.Join(n.disk.kept, path), os.O_CREATE|os.O_TRUNC, os.FileMode(mode)); err == nil {
			_ = kept.Close()
		}
	}
	return inode, n.wrap(fh, path), f, errno
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	_ = os.Mkdir(filepath.Join(n.disk.kept, n.rel(), name), os.FileMode(mode))
	return n.LoopbackNode.Mkdir(ctx, name, mode, out)
}

func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	path := filepath.Join(n.rel(), name)
	n.disk.mu.Lock()
	delete(n.disk.dirty, path)
	n.disk.mu.Unlock()
	_ = os.Remove(filepath.Join(n.disk.kept, path))
	return n.LoopbackNode.Unlink(ctx, name)
}

func (n *node) Rename(ctx context.Context, name string, parent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	from, to := filepath.Join(n.rel(), name), filepath.Join(parent.(*node).rel(), newName)
	errno := n.LoopbackNode.Rename(ctx, name, parent, newName, flags)
	if errno == 0 {
		n.disk.mu.Lock()
		n.disk.dirty[to] = n.disk.dirty[from]
		delete(n.disk.dirty, from)
		n.disk.mu.Unlock()
		_ = os.Rename(filepath.Join(n.disk.kept, from), filepath.Join(n.disk.kept, to))
	}
	return errno
}

// Setattr: a new length counts as written from the old end on.
func (n *node) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if h, ok := f.(*handle); ok {
		f = h.FileHandle
	}
	return n.LoopbackNode.Setattr(ctx, f, in, out)
}

func (n *node) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if h, ok := f.(*handle); ok {
		f = h.FileHandle
	}
	return n.LoopbackNode.Getattr(ctx, f, out)
}

func (n *node) wrap(fh fs.FileHandle, path string) fs.FileHandle {
	if fh == nil {
		return nil
	}
	return &handle{FileHandle: fh, node: n, disk: n.disk, path: path}
}

// handle is an open file. Its path is that of when it was opened, but for the
// segment files, which are renamed while they are open: those it asks for.
type handle struct {
	fs.FileHandle
	node *node
	disk *disk
	path string
}

func (h *handle) name() string {
	if n := h.node.EmbeddedInode(); n.StableAttr().Mode&syscall.S_IFDIR == 0 {
		return h.node.rel()
	}
	return h.path
}

func (h *handle) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	return h.FileHandle.(fs.FileReader).Read(ctx, dest, off)
}

func (h *handle) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	fails, after := h.disk.fails(false)
	if fails && !after {
		return 0, syscall.EIO
	}
	n, errno := h.FileHandle.(fs.FileWriter).Write(ctx, data, off)
	if errno == 0 {
		h.disk.wrote(h.name(), span{off, off + int64(n)})
	}
	if fails {
		return 0, syscall.EIO
	}
	return n, errno
}

func (h *handle) Fsync(context.Context, uint32) syscall.Errno {
	fails, after := h.disk.fails(true)
	if !fails || after {
		h.disk.synced(h.name())
	}
	if fails {
		return syscall.EIO
	}
	return 0
}

func (h *handle) Flush(ctx context.Context) syscall.Errno {
	return h.FileHandle.(fs.FileFlusher).Flush(ctx)
}

func (h *handle) Release(ctx context.Context) syscall.Errno {
	return h.FileHandle.(fs.FileReleaser).Release(ctx)
}
