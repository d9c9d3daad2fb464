//go:build crashpoints

package main

import (
	"os"
	"syscall"

	"github.com/strongroom-dev/strongroom/internal/secret"
)

// crashPoint has the process killed, as by kill -9, at the point of a rotation
// that STRONGROOM_CRASH_AT names: "setSecret/effect".
func crashPoint(step secret.Step, when string) {
	if os.Getenv("STRONGROOM_CRASH_AT") == step.String()+"/"+when {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
