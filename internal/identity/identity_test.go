package identity_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

var ctx = context.Background()

// claim is a claim whose signature is right.
type claim struct{ key, token string }

func (c claim) AccessKey() string               { return c.key }
func (c claim) Scope() (service, region string) { return "iam", "us-east-1" }
func (c claim) Token() string                   { return c.token }
func (c claim) Verify(_ identity.Stamp, open func() (plain.Value, error)) error {
	_, err := open()
	return err
}

// house is a house with a clock that the test sets.
type house struct {
	*coretest.House
	t   *testing.T
	now time.Time
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, now: time.Unix(1_800_000_000, 0)}
	h.House = coretest.New(t, coretest.At(func() time.Time { return h.now }))
	return h
}

// do does an operation as the administrator.
func (h *house) do(v secret.Verb, in identity.Input) identity.Output {
	h.t.Helper()
	out, err := h.Directory.Do(ctx, coretest.Admin(), v, in)
	if err != nil {
		h.t.Fatalf("%s: %v", v, err)
	}
	return out
}

func (h *house) come(c claim) (core.Caller, error) {
	return h.Directory.Authenticate(ctx, core.Caller{Door: "test", Region: coretest.Region}, c)
}

// user makes a user with an access key and one inline policy, and comes in.
func (h *house) user(name, document string) (core.Caller, string) {
	h.t.Helper()
	h.do(secret.CreateUser, identity.Input{Name: name})
	if document != "" {
		h.do(secret.PutUserPolicy, identity.Input{Name: name, PolicyName: "own", Document: document})
	}
	key := h.do(secret.CreateAccessKey, identity.Input{Name: name}).Key.ID
	who, err := h.come(claim{key: key})
	if err != nil {
		h.t.Fatal(err)
	}
	return who, key
}

func allow(actions, resource string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":%q,"Resource":%q}]}`, actions, resource)
}

func trust(principal string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":%q},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`, principal)
}

const account = coretest.Account

func TestMistakes(t *testing.T) {
	h := newHouse(t)
	h.user("ann", allow("secretsmanager:*", "*"))
	h.do(secret.CreateGroup, identity.Input{Name: "team"})
	h.do(secret.AddUserToGroup, identity.Input{Name: "team", User: "ann"})
	h.do(secret.CreateRole, identity.Input{Name: "app", Document: trust(account)})
	h.do(secret.CreatePolicy, identity.Input{Name: "p", Document: allow("iam:*", "*")})
	own := "arn:aws:iam::" + account + ":policy/p"
	h.do(secret.AttachRolePolicy, identity.Input{Name: "app", PolicyARN: own})
	h.do(secret.CreateAccessKey, identity.Input{Name: "ann"})
	for range 4 {
		h.do(secret.CreatePolicyVersion, identity.Input{PolicyARN: own, Document: allow("iam:*", "*"), SetDefault: true})
	}
	many := make([]secret.Tag, 51)
	for i := range many {
		many[i].Key = fmt.Sprint("k", i)
	}
	for _, c := range []struct {
		verb secret.Verb
		in   identity.Input
		code fault.Code
		text string
	}{
		{secret.CreateUser, identity.Input{Name: "ANN"}, fault.Exists, "User with name ANN already exists."},
		{secret.GetUser, identity.Input{Name: "bob"}, fault.NotFound, "The user with name bob cannot be found."},
		{secret.GetRole, identity.Input{Name: "bob"}, fault.NotFound, "The role with name bob cannot be found."},
		{secret.CreateAccessKey, identity.Input{Name: "ann"}, fault.Limit, "Cannot exceed quota for AccessKeysPerUser: 2"},
		{secret.UpdateAccessKey, identity.Input{Name: "ann", AccessKey: "AKIAOFNOBODY"}, fault.NotFound, "The Access Key with id AKIAOFNOBODY cannot be found."},
		{secret.DeleteUser, identity.Input{Name: "ann"}, fault.Conflict, "Cannot delete entity, must delete policies first."},
		{secret.DeleteGroup, identity.Input{Name: "team"}, fault.Conflict, "Cannot delete entity, must remove users from group first."},
		{secret.DeleteRole, identity.Input{Name: "app"}, fault.Conflict, "Cannot delete entity, must detach all policies first."},
		{secret.DeletePolicy, identity.Input{PolicyARN: own}, fault.Conflict, "Cannot delete a policy attached to entities."},
		{secret.DeletePolicyVersion, identity.Input{PolicyARN: own, VersionID: "v5"}, fault.Conflict, "Cannot delete the default version of a policy."},
		{secret.CreatePolicyVersion, identity.Input{PolicyARN: own, Document: allow("iam:*", "*")}, fault.Limit, "A managed policy can have up to 5 versions."},
		{secret.GetPolicyVersion, identity.Input{PolicyARN: own, VersionID: "v9"}, fault.NotFound, "Policy " + own + " version v9 does not exist"},
		{secret.GetPolicy, identity.Input{PolicyARN: own + "2"}, fault.NotFound, "Policy " + own + "2 was not found."},
		{secret.GetPolicy, identity.Input{PolicyARN: "p"}, fault.Invalid, "ARN p is not valid."},
		{secret.CreatePolicy, identity.Input{Name: "P", Document: allow("iam:*", "*")}, fault.Exists, "A policy called P already exists."},
		{secret.CreatePolicy, identity.Input{Name: "q", Document: "{}"}, fault.Invalid, "Policy document must be version 2012-10-17 or greater."},
		{secret.CreatePolicy, identity.Input{Name: "q", Document: allow("iam:*", "arn:aws:s3:::"+strings.Repeat("x", 6200))}, fault.Limit, "Cannot exceed quota for PolicySize: 6144"},
		{secret.CreatePolicyVersion, identity.Input{PolicyARN: identity.Administrator, Document: allow("iam:*", "*")}, fault.Invalid, "cannot be changed"},
		{secret.DeletePolicy, identity.Input{PolicyARN: identity.Administrator}, fault.Invalid, "cannot be changed"},
		{secret.AttachUserPolicy, identity.Input{Name: "ann", PolicyARN: own + "2"}, fault.NotFound, "does not exist or is not attachable."},
		{secret.AttachUserPolicy, identity.Input{Name: "ann", PolicyARN: "arn:aws:iam::999999999999:policy/p"}, fault.NotFound, "does not exist or is not attachable."},
		{secret.DetachUserPolicy, identity.Input{Name: "ann", PolicyARN: own}, fault.NotFound, "was not found."},
		{secret.PutUserPolicy, identity.Input{Name: "ann", PolicyName: "x", Document: allow("iam:*", "arn:aws:s3:::"+strings.Repeat("x", 1990))}, fault.Limit, "Maximum policy size of 2048 bytes exceeded for user ann"},
		{secret.GetUserPolicy, identity.Input{Name: "ann", PolicyName: "x"}, fault.NotFound, "The user policy with name x cannot be found."},
		{secret.CreateRole, identity.Input{Name: "r", Document: trust("arn:aws:iam::" + account + ":user/bob")}, fault.Invalid, `Invalid principal in policy: "AWS":"arn:aws:iam::` + account + `:user/bob"`},
		{secret.TagUser, identity.Input{Name: "ann", Tags: []secret.Tag{{Key: "a"}, {Key: "A"}}}, fault.Invalid, "Duplicate tag keys found."},
		{secret.TagUser, identity.Input{Name: "ann", Tags: many}, fault.Limit, "Cannot exceed quota for TagsPerResource: 50"},
		{secret.DeleteUserPermissionsBoundary, identity.Input{Name: "ann"}, fault.NotFound, "does not have a permissions boundary"},
		{secret.RemoveUserFromGroup, identity.Input{Name: "team", User: "bob"}, fault.NotFound, "The user with name bob cannot be found."},
	} {
		_, err := h.Directory.Do(ctx, coretest.Admin(), c.verb, c.in)
		if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != c.code || !strings.Contains(f.Message, c.text) {
			t.Errorf("%s %+v: %v", c.verb, c.in, err)
		}
	}
}

// What binds a caller is what is attached now: to the user, its groups, its
// boundary.
func TestProgramsFollowPolicies(t *testing.T) {
	h := newHouse(t)
	_, key := h.user("ann", "")
	h.do(secret.CreateGroup, identity.Input{Name: "team"})
	may := func() bool {
		t.Helper()
		who, err := h.come(claim{key: key})
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.ListSecrets(ctx, who, core.ListSecretsInput{Space: coretest.Space, Max: 10})
		if err != nil && !fault.Is(err, fault.Denied) {
			t.Fatal(err)
		}
		return err == nil
	}
	own := "arn:aws:iam::" + account + ":policy/p"
	for i, step := range []struct {
		verb secret.Verb
		in   identity.Input
		want bool
	}{
		{secret.GetUser, identity.Input{Name: "ann"}, false},
		{secret.PutUserPolicy, identity.Input{Name: "ann", PolicyName: "x", Document: allow("secretsmanager:*", "*")}, true},
		{secret.DeleteUserPolicy, identity.Input{Name: "ann", PolicyName: "x"}, false},
		{secret.PutGroupPolicy, identity.Input{Name: "team", PolicyName: "x", Document: allow("secretsmanager:ListSecrets", "*")}, false},
		{secret.AddUserToGroup, identity.Input{Name: "team", User: "ann"}, true},
		{secret.RemoveUserFromGroup, identity.Input{Name: "team", User: "ann"}, false},
		{secret.CreatePolicy, identity.Input{Name: "p", Document: allow("iam:*", "*")}, false},
		{secret.AttachUserPolicy, identity.Input{Name: "ann", PolicyARN: own}, false},
		{secret.CreatePolicyVersion, identity.Input{PolicyARN: own, Document: allow("secretsmanager:*", "*")}, false},
		{secret.SetDefaultPolicyVersion, identity.Input{PolicyARN: own, VersionID: "v2"}, true},
		{secret.PutUserPermissionsBoundary, identity.Input{Name: "ann", Boundary: "arn:aws:iam::aws:policy/IAMFullAccess"}, false},
		{secret.DeleteUserPermissionsBoundary, identity.Input{Name: "ann"}, true},
		{secret.UpdateUser, identity.Input{Name: "ann", NewName: "anna", NewPath: "/x/"}, true},
		{secret.DetachUserPolicy, identity.Input{Name: "anna", PolicyARN: own}, false},
	} {
		h.do(step.verb, step.in)
		if may() != step.want {
			t.Errorf("step %d, after %s: not %v", i, step.verb, step.want)
		}
	}
}

func (h *house) assume(who core.Caller, in identity.AssumeRoleInput) (identity.Assumed, error) {
	in.Account = account
	if in.Session == "" {
		in.Session = "session"
	}
	return h.Directory.AssumeRole(ctx, who, in)
}

// flip is another character of a token.
func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func TestSessions(t *testing.T) {
	h := newHouse(t)
	ann, key := h.user("ann", "")
	h.do(secret.CreateRole, identity.Input{Name: "app", Document: trust("arn:aws:iam::" + account + ":user/ann")})
	h.do(secret.PutRolePolicy, identity.Input{Name: "app", PolicyName: "x", Document: allow("secretsmanager:*", "*")})
	out, err := h.assume(ann, identity.AssumeRoleInput{Role: "/app", Lasts: 15 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	mine := claim{out.AccessKey, out.Token}
	who, err := h.come(mine)
	if err != nil || who.Principal != "arn:aws:sts::"+account+":assumed-role/app/session" {
		t.Fatal(who.Principal, err)
	}
	for name, bad := range map[string]claim{
		"another key": {"ASIAOTHER", out.Token}, "no token": {out.AccessKey, ""}, "a cut token": {out.AccessKey, out.Token[:len(out.Token)-8]},
		"a changed token": {out.AccessKey, out.Token[:80] + flip(out.Token[80]) + out.Token[81:]}, "nonsense": {out.AccessKey, "%%"}, "a key with a token": {key, out.Token},
	} {
		if _, err := h.come(bad); !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Run("a session policy narrows", func(t *testing.T) {
		out, err := h.assume(ann, identity.AssumeRoleInput{Role: "/app", Policy: allow("iam:*", "*")})
		if err != nil {
			t.Fatal(err)
		}
		who, err := h.come(claim{out.AccessKey, out.Token})
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.ListSecrets(ctx, who, core.ListSecretsInput{Space: coretest.Space, Max: 1})
		if r, ok := errors.AsType[*policy.Refusal](err); !ok || r.Layer != policy.Session {
			t.Error(err)
		}
		if _, err := h.Directory.Do(ctx, who, secret.ListUsers, identity.Input{Max: 1}); !fault.Is(err, fault.Denied) {
			t.Error("a session policy grants: ", err)
		}
	})
	t.Run("expired", func(t *testing.T) {
		h.now = h.now.Add(15 * time.Minute)
		defer func() { h.now = h.now.Add(-15 * time.Minute) }()
		if _, err := h.come(mine); !errors.Is(err, identity.ErrExpired) {
			t.Error(err)
		}
	})
	t.Run("with the key", func(t *testing.T) {
		h.do(secret.UpdateAccessKey, identity.Input{Name: "ann", AccessKey: key})
		if _, err := h.come(mine); !errors.Is(err, identity.ErrUnknownKey) {
			t.Error(err)
		}
		h.do(secret.UpdateAccessKey, identity.Input{Name: "ann", AccessKey: key, Active: true})
		if _, err := h.come(mine); err != nil {
			t.Error(err)
		}
	})
	t.Run("a role of the same name inherits nothing", func(t *testing.T) {
		h.do(secret.DeleteRolePolicy, identity.Input{Name: "app", PolicyName: "x"})
		h.do(secret.DeleteRole, identity.Input{Name: "app"})
		h.do(secret.CreateRole, identity.Input{Name: "app", Document: trust("arn:aws:iam::" + account + ":user/ann")})
		if _, err := h.come(mine); !errors.Is(err, identity.ErrUnknownKey) {
			t.Error(err)
		}
	})
}

func TestWhoMayAssume(t *testing.T) {
	h := newHouse(t)
	ann, _ := h.user("ann", "")
	bob, _ := h.user("bob", allow("sts:AssumeRole", "*"))
	h.do(secret.CreateRole, identity.Input{Name: "names-ann", Document: trust("arn:aws:iam::" + account + ":user/ann")})
	h.do(secret.CreateRole, identity.Input{Name: "account", Document: trust("arn:aws:iam::" + account + ":root")})
	for _, c := range []struct {
		who  core.Caller
		in   identity.AssumeRoleInput
		want fault.Code
		ok   bool
	}{
		{ann, identity.AssumeRoleInput{Role: "/names-ann"}, 0, true},
		{bob, identity.AssumeRoleInput{Role: "/names-ann"}, fault.Denied, false}, // his own policies are not enough
		{coretest.Admin(), identity.AssumeRoleInput{Role: "/names-ann"}, fault.Denied, false},
		{ann, identity.AssumeRoleInput{Role: "/account"}, fault.Denied, false}, // nor is the account
		{bob, identity.AssumeRoleInput{Role: "/account"}, 0, true},
		{bob, identity.AssumeRoleInput{Role: "/path/account"}, fault.Denied, false},
		{bob, identity.AssumeRoleInput{Role: "/none"}, fault.Denied, false},
		{bob, identity.AssumeRoleInput{Role: "/account", Lasts: 2 * time.Hour}, fault.Invalid, false},
		{bob, identity.AssumeRoleInput{Role: "/account", Tags: []secret.Tag{{Key: "a"}}}, fault.Denied, false},
		{ann, identity.AssumeRoleInput{Role: "/names-ann", Tags: []secret.Tag{{Key: "a"}}}, 0, true},
		{ann, identity.AssumeRoleInput{Role: "/names-ann", Transitive: []string{"a"}}, fault.Invalid, false},
		{ann, identity.AssumeRoleInput{Role: "/names-ann", Policy: "{}"}, fault.Invalid, false},
		{ann, identity.AssumeRoleInput{Role: "/names-ann", PolicyARNs: []string{"arn:aws:iam::" + account + ":policy/none"}}, fault.Invalid, false},
	} {
		_, err := h.assume(c.who, c.in)
		if (err == nil) != c.ok || !c.ok && !fault.Is(err, c.want) {
			t.Errorf("%s %+v: %v", c.who.Principal, c.in, err)
		}
	}

	// From role to role: an hour at most, and tags that go along.
	h.do(secret.CreateRole, identity.Input{Name: "next", MaxSession: 43200, Document: trust("arn:aws:iam::" + account + ":role/names-ann")})
	first, err := h.assume(ann, identity.AssumeRoleInput{Role: "/names-ann", Tags: []secret.Tag{{Key: "job", Value: "7"}}, Transitive: []string{"job"}, Source: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	who, err := h.come(claim{first.AccessKey, first.Token})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.assume(who, identity.AssumeRoleInput{Role: "/next", Token: first.Token, Lasts: 2 * time.Hour}); !fault.Is(err, fault.Invalid) {
		t.Error("a chained session of two hours: ", err)
	}
	if _, err := h.assume(who, identity.AssumeRoleInput{Role: "/next", Token: first.Token, Tags: []secret.Tag{{Key: "JOB", Value: "8"}}}); !fault.Is(err, fault.Invalid) {
		t.Error("a transitive tag was changed: ", err)
	}
	second, err := h.assume(who, identity.AssumeRoleInput{Role: "/next", Token: first.Token})
	if err != nil {
		t.Fatal(err)
	}
	who, err = h.come(claim{second.AccessKey, second.Token})
	if err != nil || who.Facts.Lookup("aws:principaltag/job").One != "7" || second.Source != "ann" || who.Facts.Lookup("aws:sourceidentity").One != "ann" {
		t.Error(who.Facts, second.Source, err)
	}
}

// Roles with a path are named by their sessions without it; a policy that is a
// boundary stays; a simulation is bounded.
func TestSmallPrint(t *testing.T) {
	h := newHouse(t)
	h.do(secret.CreateRole, identity.Input{Name: "app", Path: "/svc/", Document: trust(account)})
	h.do(secret.CreateRole, identity.Input{Name: "other", Document: trust("arn:aws:sts::" + account + ":assumed-role/app/one")})
	h.do(secret.CreatePolicy, identity.Input{Name: "p", Document: allow("iam:*", "*")})
	own := "arn:aws:iam::" + account + ":policy/p"
	h.do(secret.PutRolePermissionsBoundary, identity.Input{Name: "app", Boundary: own})
	if _, err := h.Directory.Do(ctx, coretest.Admin(), secret.DeletePolicy, identity.Input{PolicyARN: own}); !fault.Is(err, fault.Conflict) {
		t.Error("a boundary was deleted: ", err)
	}
	one, err := h.assume(coretest.Admin(), identity.AssumeRoleInput{Role: "/svc/app", Session: "one"})
	if err != nil {
		t.Fatal(err)
	}
	who, err := h.come(claim{one.AccessKey, one.Token})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.assume(who, identity.AssumeRoleInput{Role: "/other", Token: one.Token}); err != nil {
		t.Error("the session that is named: ", err)
	}
	many := make([]string, 100)
	for i := range many {
		many[i] = "a:b"
	}
	_, err = h.Directory.SimulateCustomPolicy(ctx, coretest.Admin(), identity.SimulateInput{Actions: many, Resources: many})
	if !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}
