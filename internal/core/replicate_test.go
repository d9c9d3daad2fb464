package core_test

import (
	"strings"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// in is a secret of that name in a region, and the administrator there.
func in(region, name string) (secret.Ref, core.Caller) {
	who := coretest.Admin()
	who.Region = region
	return secret.Ref{Space: secret.Space{Account: coretest.Account, Region: region}, Kind: secret.KindSecret, Name: name}, who
}

func TestReplication(t *testing.T) {
	h := coretest.New(t)
	home, admin := in(coretest.Region, "app")
	away, there := in("eu-west-1", "app")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	written, err := h.CreateSecret(ctx, admin, core.CreateSecretInput{Space: home.Space, Name: "app", Token: "v1-" + strings.Repeat("x", 32), Content: coretest.TextOf("one"), Description: "d"})
	must(err)
	read := func(ref secret.Ref, who core.Caller, label string) string {
		t.Helper()
		got, err := h.GetValue(ctx, who, core.GetValueInput{Ref: ref, Label: label})
		must(err)
		return string(got.Content.Value.Open())
	}
	put := func(ref secret.Ref, who core.Caller, token, text string) error {
		_, err := h.PutValue(ctx, who, core.PutValueInput{Ref: ref, Token: token + strings.Repeat("x", 32), Content: coretest.TextOf(text)})
		return err
	}
	refused := func(err error, c fault.Code, text string) {
		t.Helper()
		if !fault.Is(err, c) || !strings.Contains(err.Error(), text) {
			t.Errorf("%v", err)
		}
	}
	_, err = h.ReplicateSecret(ctx, admin, core.ReplicateSecretInput{Ref: home, Regions: []secret.Replica{{Region: coretest.Region}}})
	refused(err, fault.Invalid, "Invalid replica region.")
	d, err := h.ReplicateSecret(ctx, admin, core.ReplicateSecretInput{Ref: home, Regions: []secret.Replica{{Region: "eu-west-1", KeyID: "k"}}})
	must(err)
	if len(d.Secret.Replicas) != 1 || d.Secret.Replicas[0].Problem != "" || read(away, there, "") != "one" {
		t.Errorf("%+v", d.Secret.Replicas)
	}
	must(put(home, admin, "v2-", "two"))
	must(func() error {
		_, err := h.TagSecret(ctx, admin, home, []secret.Tag{{Key: "a", Value: "b"}})
		return err
	}())
	copied, err := h.DescribeSecret(ctx, there, away)
	must(err)
	if s := copied.Secret; s.Suffix != written.Ref.Suffix || s.Primary != coretest.Region || s.KeyID != "k" || s.Description != "d" || len(s.Tags) != 1 || len(s.Replicas) != 0 {
		t.Errorf("the copy is %+v", s)
	}
	if read(away, there, "") != "two" || read(away, there, secret.Previous) != "one" {
		t.Error("the copy has other values")
	}

	const notThere = "Operation not permitted on a replica secret. Call must be made in primary secret's region."
	refused(put(away, there, "v3-", "three"), fault.Invalid, notThere)
	_, err = h.TagSecret(ctx, there, away, []secret.Tag{{Key: "x"}})
	refused(err, fault.Invalid, notThere)
	_, err = h.RotateSecret(ctx, there, core.RotateSecretInput{Ref: away, Token: "t"})
	refused(err, fault.Invalid, notThere)
	for _, force := range []bool{false, true} {
		_, err = h.DeleteSecret(ctx, there, core.DeleteSecretInput{Ref: away, Force: force})
		refused(err, fault.Invalid, notThere)
		_, err = h.DeleteSecret(ctx, admin, core.DeleteSecretInput{Ref: home, Force: force})
		refused(err, fault.Conflict, "that still has replica regions [eu-west-1].")
	}
	if _, err := h.GetResourcePolicy(ctx, there, away); err != nil {
		t.Error(err)
	}

	// Another secret is in the way, until it is overwritten.
	other, elsewhere := in("ap-south-1", "app")
	_, err = h.CreateSecret(ctx, elsewhere, core.CreateSecretInput{Space: other.Space, Name: "app", Token: "o-" + strings.Repeat("x", 32), Content: coretest.TextOf("other")})
	must(err)
	d, err = h.ReplicateSecret(ctx, admin, core.ReplicateSecretInput{Ref: home, Regions: []secret.Replica{{Region: "ap-south-1"}}})
	must(err)
	if p := d.Secret.ReplicaIn("ap-south-1").Problem; p != "Replication failed: Secret name app already exists in region ap-south-1." || read(other, elsewhere, "") != "other" {
		t.Error(p)
	}
	_, err = h.ReplicateSecret(ctx, admin, core.ReplicateSecretInput{Ref: home, Regions: []secret.Replica{{Region: "ap-south-1"}}, Overwrite: true})
	must(err)
	if read(other, elsewhere, "") != "two" {
		t.Error("it is not overwritten")
	}

	// One is promoted, the other taken away.
	_, err = h.StopReplication(ctx, admin, home)
	refused(err, fault.Conflict, "is not a replica")
	_, err = h.StopReplication(ctx, there, away)
	must(err)
	must(put(away, there, "v4-", "its own"))
	must(put(home, admin, "v5-", "five"))
	if read(away, there, "") != "its own" || read(other, elsewhere, "") != "five" {
		t.Error("the promoted one is not its own")
	}
	_, err = h.RemoveReplicas(ctx, admin, home, []string{"eu-west-1"})
	refused(err, fault.Invalid, "no replica in region eu-west-1")
	_, err = h.RemoveReplicas(ctx, admin, home, []string{"ap-south-1"})
	must(err)
	_, err = h.DescribeSecret(ctx, elsewhere, other)
	refused(err, fault.NotFound, "")
	for key := range h.Entries() {
		if strings.Contains(key, "ap-south-1") {
			t.Errorf("%q was left behind", key)
		}
	}
	_, err = h.DeleteSecret(ctx, admin, core.DeleteSecretInput{Ref: home, Force: true})
	must(err)
}
