package bolt

import (
	"context"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// warmStep is how much Warm brings in at once.
const warmStep = 32 << 20

// Warm brings the file into memory and into the process's page tables, as far
// as it fits into half of the machine's, so that the first reads do not wait for
// the disk. It returns when that is done, or ctx is, or the kernel will not;
// nothing depends on it. It uses no memory that the kernel cannot take back.
func (s *Store) Warm(ctx context.Context) {
	info, err := os.Stat(s.db.Path())
	if err != nil {
		return
	}
	var sys unix.Sysinfo_t
	if err := unix.Sysinfo(&sys); err != nil {
		return
	}
	most := min(info.Size(), addressSpace, int64(sys.Totalram)*int64(sys.Unit)/2)
	start := s.db.Info().Data
	for at := int64(0); at < most && ctx.Err() == nil; at += warmStep {
		n := min(warmStep, most-at)
		// The address is only named, never read here: if the mapping is gone
		// by now the kernel says so.
		if _, _, errno := syscall.Syscall(unix.SYS_MADVISE, start+uintptr(at), uintptr(n), unix.MADV_POPULATE_READ); errno != 0 {
			return
		}
	}
}
