package rotation_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// The scheduler's cost is of what is due, not of what there is.
func BenchmarkDispatch(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		h := newHouse(b)
		at := h.now
		for i := range n {
			h.now = at.Add(time.Duration(i) * time.Millisecond)
			name := fmt.Sprintf("s%06d", i)
			if _, err := h.CreateSecret(ctx, coretest.Admin(), core.CreateSecretInput{Space: coretest.Space, Name: name}); err != nil {
				b.Fatal(err)
			}
			if _, err := h.RotateSecret(ctx, coretest.Admin(), core.RotateSecretInput{Ref: coretest.Ref(name), Token: fmt.Sprintf("token-%032d", i),
				Function: single, Rules: &secret.RotationRules{Days: 30}, Later: true}); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprintf("scheduled=%d/due=0", n), func(b *testing.B) {
			for b.Loop() {
				if err := h.runner.Dispatch(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
		h.system.Make("app", "first-password")
		h.put("app", `{"engine":"memory","host":"memory.example","username":"app","password":"first-password"}`)
		b.Run(fmt.Sprintf("scheduled=%d/due=1", n), func(b *testing.B) {
			for b.Loop() {
				if err := h.rotate(single); err != nil {
					b.Fatal(err)
				}
				if err := h.runner.Dispatch(ctx); err != nil {
					b.Fatal(err)
				}
				h.runner.Wait()
				h.now = h.now.Add(time.Second)
			}
		})
	}
}
