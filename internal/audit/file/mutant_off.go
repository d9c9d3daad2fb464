//go:build !mutant_nosync

package file

const skipSync = false
