package core_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// A read of the current version waits until its password is changed, but not
// for ever; one of another version, or by somebody who may not, does not.
func TestReadsWaitForASwap(t *testing.T) {
	h := coretest.New(t)
	ref := coretest.Ref("app")
	first, err := h.CreateSecret(ctx, coretest.Admin(), core.CreateSecretInput{Space: ref.Space, Name: "app", Token: "first", Content: coretest.TextOf("old")})
	if err != nil {
		t.Fatal(err)
	}
	nobody := coretest.Admin()
	nobody.Program = &policy.Program{}
	text := func(v plain.Value) string { return string(v.Open()) }
	synctest.Test(t, func(t *testing.T) {
		read := func(in core.GetValueInput) string {
			in.Ref = ref
			got, err := h.GetValue(ctx, coretest.Admin(), in)
			if err != nil {
				t.Error(err)
			}
			return text(got.Content.Value)
		}
		end := h.BeginSwap(ref)
		begun := time.Now()
		if read(core.GetValueInput{VersionID: first.VersionID}) != "old" || read(core.GetValueInput{VersionID: first.VersionID, Label: secret.Current}) != "old" || time.Since(begun) != 0 {
			t.Error("a read of a version waits")
		}
		if _, err := h.GetValue(ctx, nobody, core.GetValueInput{Ref: ref}); !fault.Is(err, fault.Denied) || time.Since(begun) != 0 {
			t.Error("who may not read waits", err)
		}
		go func() {
			time.Sleep(time.Second)
			if _, err := h.PutValue(ctx, coretest.Admin(), core.PutValueInput{Ref: ref, Token: "second", Content: coretest.TextOf("new")}); err != nil {
				t.Error(err)
			}
			end()
		}()
		if got := read(core.GetValueInput{}); got != "new" || time.Since(begun) != time.Second {
			t.Errorf("it read %q after %s", got, time.Since(begun))
		}
		synctest.Wait()
		defer h.BeginSwap(ref)() // and one that never ends
		begun = time.Now()
		if got := read(core.GetValueInput{}); got != "new" || time.Since(begun) != 2*time.Second {
			t.Errorf("it read %q after %s", got, time.Since(begun))
		}
		page, err := h.BatchGetValue(ctx, coretest.Admin(), core.BatchGetValueInput{Space: ref.Space, Refs: []core.BatchRef{{Ref: ref}}})
		if err != nil || text(page.Got[0].Content.Value) != "new" || time.Since(begun) != 4*time.Second {
			t.Errorf("the batch: %v after %s", err, time.Since(begun))
		}
	})
}
