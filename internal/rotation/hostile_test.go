package rotation_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// Whatever a system says of why it failed, the secret can be read.
func TestErrorsOfAnyText(t *testing.T) {
	for _, text := range []string{strings.Repeat("\u00e9", 500), "\xff\xfe", strings.Repeat("x", 599) + "\u20ac"} {
		h := newHouse(t)
		h.system.Cut = func(string, bool) error { return errors.New(text) }
		h.put("app", `{"engine":"memory","host":"memory.example","username":"app","password":"one"}`)
		must(t, h.rotate(single))
		h.run()
		if run := h.describe().Rotation.Run; run == nil || run.Error == "" || strings.ToValidUTF8(run.Error, "") != run.Error {
			t.Errorf("the run is %+v", run)
		}
		if _, err := h.GetValue(ctx, coretest.Admin(), core.GetValueInput{Ref: coretest.Ref("app")}); err != nil {
			t.Error(err)
		}
	}
}

// A driver that panics fails its step, and nothing else.
func TestPanickingDriver(t *testing.T) {
	h := newHouse(t)
	h.system.Cut = func(string, bool) error { panic("slice bounds out of range") }
	h.put("app", `{"engine":"memory","host":"memory.example","username":"app","password":"one"}`)
	must(t, h.rotate(single))
	h.run()
	if run := h.describe().Rotation.Run; run == nil || !strings.Contains(run.Error, "did not understand") {
		t.Errorf("the run is %+v", run)
	}
}

// A master secret is that secret, not whatever comes to be called so.
func TestMasterOfTheSameName(t *testing.T) {
	h := newHouse(t)
	h.put("prod/dba", `{"engine":"memory","host":"memory.example","username":"mallory","password":"m"}`)
	h.put("app", `{"engine":"memory","host":"memory.example","username":"root","password":"whatever","masterarn":"prod/dba"}`)
	must(t, h.rotate(single, func(in *core.RotateSecretInput) { in.Rules = &secret.RotationRules{Days: 1}; in.Later = true }))
	h.run()
	_, err := h.DeleteSecret(ctx, coretest.Admin(), core.DeleteSecretInput{Ref: coretest.Ref("prod/dba"), Force: true})
	must(t, err)
	before := h.system.Users()["root"]
	h.put("prod/dba", `{"engine":"memory","host":"memory.example","username":"root","password":"`+before+`"}`)
	h.now = h.now.Add(25 * time.Hour)
	h.run()
	if after := h.system.Users()["root"]; after != before {
		t.Errorf("root's password was changed to %q", after)
	}
	if run := h.describe().Rotation.Run; run == nil || !strings.Contains(run.Error, "masterarn") {
		t.Errorf("the run is %+v", run)
	}
}

// A key that somebody else wrote into the pending version is not installed.
func TestForeignAccessKey(t *testing.T) {
	h := newHouse(t)
	_, err := h.Directory.Do(ctx, coretest.Admin(), secret.CreateUser, identity.Input{Name: "bob"})
	must(t, err)
	h.put("app", `{"UserName":"bob","AccessKeyId":"AKIAOLDOLDOLDOLDOLD0","SecretAccessKey":"oldoldoldoldoldoldold"}`)
	must(t, h.rotate("strongroom-iam-access-key", func(in *core.RotateSecretInput) { in.Rules = &secret.RotationRules{Days: 1} }))
	h.run()
	h.now = h.now.Add(25 * time.Hour)
	h.fault = func(s secret.Step, when string) {
		if s == secret.StepCreate && when == "begin" {
			h.fault = nil
			_, err := h.PutValue(ctx, coretest.Admin(), core.PutValueInput{Ref: coretest.Ref("app"), Token: h.describe().At(secret.Pending).ID, Labels: []string{secret.Pending},
				Content: coretest.TextOf(`{"UserName":"bob","AccessKeyId":"AKIAMALLORYMALLORY00","SecretAccessKey":"known-to-mallory-known"}`)})
			must(t, err)
		}
	}
	for range 5 {
		h.run()
		h.now = h.now.Add(2 * time.Minute)
	}
	out, err := h.Directory.Do(ctx, coretest.Admin(), secret.ListAccessKeys, identity.Input{Name: "bob"})
	must(t, err)
	for _, k := range out.Keys {
		if k.ID == "AKIAMALLORYMALLORY00" {
			t.Error("bob has a key that somebody else chose")
		}
	}
	if h.describe().Rotation.Run != nil {
		t.Errorf("the rotation did not come to its end: %+v", h.describe().Rotation.Run)
	}
}
