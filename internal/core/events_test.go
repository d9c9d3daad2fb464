package core_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/policy/iam"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// Of a secret that policies hide by its tags nothing is told, not even that it
// is gone; of another one only that.
func TestEventsOfWhatIsHidden(t *testing.T) {
	h := coretest.New(t)
	for _, s := range []struct{ name, team string }{{"hidden", "other"}, {"shown", "mine"}} {
		_, err := h.CreateSecret(ctx, coretest.Admin(), core.CreateSecretInput{Space: coretest.Space, Name: s.name, Token: s.name + strings.Repeat("x", 32),
			Content: coretest.TextOf("x"), Tags: []secret.Tag{{Key: "team", Value: s.team}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	doc, err := iam.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},
		{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"other"}}}]}`), iam.IdentityPolicy)
	if err != nil {
		t.Fatal(err)
	}
	who := coretest.Admin()
	who.Program = policy.New(doc.Compile("test", policy.Identity, nil))
	told := func() (all []string) {
		t.Helper()
		page, err := h.ReadEvents(ctx, who, core.ReadEventsInput{Space: coretest.Space, Max: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			all = append(all, e.Kind.String()+" "+e.Name)
		}
		return all
	}
	if got := told(); !slices.Equal(got, []string{"version shown"}) {
		t.Error(got)
	}
	for _, name := range []string{"hidden", "shown"} {
		if _, err := h.DeleteSecret(ctx, coretest.Admin(), core.DeleteSecretInput{Ref: coretest.Ref(name), Force: true}); err != nil {
			t.Fatal(err)
		}
	}
	if got := told(); !slices.Equal(got, []string{"deleted shown"}) {
		t.Error(got)
	}
}
