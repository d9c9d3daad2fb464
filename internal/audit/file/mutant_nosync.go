//go:build mutant_nosync

package file

// A negative control: the crash tests must notice this.
const skipSync = true
