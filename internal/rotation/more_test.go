package rotation_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/rotation"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// keys are the IDs of a user's access keys.
func (h *house) keys(user string) (ids []string) {
	h.t.Helper()
	out, err := h.Directory.Do(ctx, coretest.Admin(), secret.ListAccessKeys, identity.Input{Name: user})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, k := range out.Keys {
		ids = append(ids, k.ID)
	}
	return ids
}

// The key before stays in force until the next rotation; there are never more
// than two, wherever it is cut off.
func TestAccessKeys(t *testing.T) {
	h := newHouse(t)
	if _, err := h.Directory.Do(ctx, coretest.Admin(), secret.CreateUser, identity.Input{Name: "service"}); err != nil {
		t.Fatal(err)
	}
	made, err := h.Directory.Do(ctx, coretest.Admin(), secret.CreateAccessKey, identity.Input{Name: "service"})
	must(t, err)
	h.put("app", fmt.Sprintf(`{"UserName":"service","AccessKeyId":%q,"SecretAccessKey":%q}`, made.Key.ID, made.Key.Secret.Open()))
	before := made.Key.ID
	for i := range 5 {
		must(t, h.rotate(rotation.AccessKeys))
		if i > 0 {
			h.fault = func(step secret.Step, when string) {
				if step == secret.StepSet && when == []string{"begin", "effect", "settle", "effect"}[i-1] {
					h.fault = nil
					runtime.Goexit() // the process is gone
				}
			}
		}
		h.crashing()
		h.restart()
		h.run()
		got, err := h.GetValue(ctx, coretest.Admin(), core.GetValueInput{Ref: coretest.Ref("app")})
		must(t, err)
		var value struct{ UserName, AccessKeyId, SecretAccessKey string } //nolint:revive // the wire's spelling
		must(t, json.Unmarshal(got.Content.Value.Open(), &value))
		ids := strings.Join(h.keys("service"), " ")
		if value.AccessKeyId == before || !strings.Contains(ids, value.AccessKeyId) || !strings.Contains(ids, before) || len(h.keys("service")) != 2 || value.UserName != "service" {
			t.Errorf("rotation %d: the value has %s, the user %s, before it was %s", i, value.AccessKeyId, ids, before)
		}
		before = value.AccessKeyId
	}
}

// crashing is run for a process that may end on the way.
func (h *house) crashing() {
	h.t.Helper()
	if err := h.runner.Dispatch(ctx); err != nil {
		h.t.Fatal(err)
	}
	h.runner.Wait()
}

// Who may not make keys of a user cannot have them made by a rotation, nor
// superusers' passwords used by one.
func TestRightsAreNotLent(t *testing.T) {
	for name, value := range map[string]string{
		rotation.AccessKeys: `{"UserName":"service"}`,
		turns:               `{"engine":"memory","host":"memory.example","username":"app","password":"x"` + master + `}`,
		single:              `{"engine":"memory","host":"memory.example","username":"app","password":"x"` + master + `}`,
	} {
		h := newHouse(t)
		if _, err := h.Directory.Do(ctx, coretest.Admin(), secret.CreateUser, identity.Input{Name: "service"}); err != nil {
			t.Fatal(err)
		}
		h.put("app", value)
		who := coretest.Admin()
		who.Program = policy.New(policy.Block{Clauses: []policy.Clause{
			{Actions: []policy.Pattern{policy.NewPattern("secretsmanager:*", policy.Folded)}, Names: []policy.Pattern{policy.NewARN("arn:aws:secretsmanager:*:*:secret:app-*", 0)}}}})
		_, err := h.RotateSecret(ctx, who, core.RotateSecretInput{Ref: coretest.Ref("app"), Token: strings.Repeat("t", 32), Function: name})
		if !fault.Is(err, fault.Denied) || h.describe().Rotation != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPasswordRules(t *testing.T) {
	for _, c := range []struct {
		tags   []secret.Tag
		length int
		chars  string // that there may be
		wrong  string
	}{
		{nil, 32, "", ""},
		{[]secret.Tag{{Key: "strongroom:PASSWORD_LENGTH", Value: "64"}, {Key: "strongroom:EXCLUDE_PUNCTUATION", Value: "true"}, {Key: "team", Value: "x"}}, 64,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", ""},
		{[]secret.Tag{{Key: "strongroom:EXCLUDE_CHARACTERS", Value: "abcdefghijklm"}, {Key: "strongroom:EXCLUDE_UPPERCASE", Value: "true"}, {Key: "strongroom:EXCLUDE_NUMBERS", Value: "true"},
			{Key: "strongroom:EXCLUDE_PUNCTUATION", Value: "true"}}, 32, "nopqrstuvwxyz", ""},
		{[]secret.Tag{{Key: "strongroom:PASSWORD_LENGTH", Value: "4"}}, 0, "", "createSecret: The secret's tag strongroom:PASSWORD_LENGTH is not right: it is between 8 and 256."},
		{[]secret.Tag{{Key: "strongroom:EXCLUDE_NUMBERS", Value: "perhaps"}}, 0, "", "strongroom:EXCLUDE_NUMBERS is not right"},
	} {
		h := newHouse(t)
		h.app("")
		if len(c.tags) > 0 {
			_, err := h.TagSecret(ctx, coretest.Admin(), coretest.Ref("app"), c.tags)
			must(t, err)
		}
		must(t, h.rotate(single))
		h.run()
		if c.wrong != "" {
			if run := h.describe().Rotation.Run; run == nil || !strings.Contains(run.Error, c.wrong) {
				t.Errorf("%v: %+v", c.tags, run)
			}
			continue
		}
		password := h.current()["password"]
		if len(password) != c.length || c.chars != "" && strings.Trim(password, c.chars) != "" {
			t.Errorf("%v: %q", c.tags, password)
		}
	}
}

// A version that was current once does not become so again by its token.
func TestOldTokens(t *testing.T) {
	h := newHouse(t)
	h.app("")
	must(t, h.rotate(single))
	h.run()
	err := h.rotate(single, func(in *core.RotateSecretInput) { in.Token = "first-app" })
	if !fault.Is(err, fault.Exists) {
		t.Errorf("%v", err)
	}
	h.run()
	h.current()
}

// A rotation that cannot begin holds up no other, and says why.
func TestOneThatCannotBegin(t *testing.T) {
	h := newHouse(t)
	h.app("")
	must(t, h.rotate(single, func(in *core.RotateSecretInput) { in.Rules = &secret.RotationRules{Days: 1}; in.Later = true }))
	h.run()
	h.put("full", `{"engine":"memory","host":"memory.example","username":"app","password":"x-password"}`)
	for i := range secret.MaxLabels - 1 {
		_, err := h.MoveLabel(ctx, coretest.Admin(), core.MoveLabelInput{Ref: coretest.Ref("full"), Label: fmt.Sprint("L", i), To: "first-full"})
		must(t, err)
	}
	_, err := h.RotateSecret(ctx, coretest.Admin(), core.RotateSecretInput{Ref: coretest.Ref("full"), Token: strings.Repeat("f", 32), Function: single, Rules: &secret.RotationRules{Days: 1}, Later: true})
	if !fault.Is(err, fault.Limit) {
		t.Fatal(err)
	}
	_, err = h.MoveLabel(ctx, coretest.Admin(), core.MoveLabelInput{Ref: coretest.Ref("full"), Label: "L0", From: "first-full"})
	must(t, err)
	_, err = h.RotateSecret(ctx, coretest.Admin(), core.RotateSecretInput{Ref: coretest.Ref("full"), Token: strings.Repeat("f", 32), Function: single, Rules: &secret.RotationRules{Days: 1}, Later: true})
	must(t, err)
	h.run()
	_, err = h.MoveLabel(ctx, coretest.Admin(), core.MoveLabelInput{Ref: coretest.Ref("full"), Label: "L0", To: "first-full"})
	must(t, err)
	h.now = h.now.Add(36 * time.Hour)
	h.run()
	if h.current()["password"] == "first-password" {
		t.Error("the other one did not rotate")
	}
	d, err := h.DescribeSecret(ctx, coretest.Admin(), coretest.Ref("full"))
	must(t, err)
	if r := d.Secret.Rotation; r.Failure == nil || !strings.Contains(r.Failure.Error, "quota of 20 staging labels") || r.Open != secret.InstantOf(h.now.Add(time.Hour)) {
		t.Errorf("%+v", r)
	}
}

// To cancel ends what has had no effect, brings to its end what may have had
// one, and, once more, gives that up.
func TestCancel(t *testing.T) {
	h := newHouse(t)
	h.app("")
	cancel := func() {
		t.Helper()
		_, err := h.CancelRotation(ctx, coretest.Admin(), coretest.Ref("app"))
		must(t, err)
	}
	cancel() // of what never rotated, as on AWS
	if r := h.describe().Rotation; r == nil || r.Enabled || r.Run != nil {
		t.Errorf("%+v", r)
	}
	must(t, h.rotate(single))
	cancel()
	h.run()
	if sec := h.describe(); sec.Rotation.Run != nil || len(sec.Versions) != 2 || h.current()["password"] != "first-password" {
		t.Errorf("%+v", sec.Rotation)
	}
	h.system.Make("app", "changed by hand")
	must(t, h.rotate(single))
	h.run()
	cancel()
	if r := h.describe().Rotation; r.Run == nil || r.Enabled {
		t.Errorf("%+v", r)
	}
	cancel()
	if r := h.describe().Rotation; r.Run != nil {
		t.Errorf("%+v", r)
	}
	for key := range h.Entries() {
		if strings.HasPrefix(key, "due/") || strings.HasPrefix(key, "claimed/") {
			t.Errorf("%q was left behind", key)
		}
	}
}
