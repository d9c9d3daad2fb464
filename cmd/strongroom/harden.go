package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// harden keeps open values out of core dumps, and other processes of the same
// user from reading this one's memory.
func harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("core dumps could not be forbidden: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("core dumps could not be forbidden: %w", err)
	}
	return nil
}
