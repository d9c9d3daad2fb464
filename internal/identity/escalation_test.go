package identity_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

func managedARN(path string) string { return "arn:aws:iam::" + account + ":policy/" + path }

// Ways to more rights than the policies of a caller give, each shut.
func TestEscalations(t *testing.T) {
	const under = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":%q,"Resource":"*","Condition":%s}]}`
	every := func(actions ...string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}]}`
	}
	denying := func(deny, condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"` + deny + `","Resource":"*"` + condition + `}]}`
	}
	bounded := fmt.Sprintf(under, "iam:AttachUserPolicy", `{"StringEquals":{"iam:PermissionsBoundary":"`+managedARN("wall")+`"}}`)
	for _, c := range []struct {
		name, document string
		verb           secret.Verb
		in             identity.Input
		ok             bool
	}{
		{"a boundary that the operation does not take", bounded, secret.AttachUserPolicy,
			identity.Input{Name: "free", PolicyARN: identity.Administrator, Boundary: managedARN("wall")}, false},
		{"the boundary that the user has", bounded, secret.AttachUserPolicy, identity.Input{Name: "walled", PolicyARN: identity.Administrator}, true},
		{"tags that the operation does not take", fmt.Sprintf(under, "iam:DeleteUser", `{"StringEquals":{"aws:RequestTag/a":"b"}}`), secret.DeleteUser,
			identity.Input{Name: "free", Tags: []secret.Tag{{Key: "a", Value: "b"}}}, false},
		{"keys of tags beside tags", fmt.Sprintf(under, "iam:TagUser", `{"ForAllValues:StringEquals":{"aws:TagKeys":["cost"]}}`), secret.TagUser,
			identity.Input{Name: "free", Tags: []secret.Tag{{Key: "clearance", Value: "top"}}, TagKeys: []string{"cost"}}, false},
		{"a policy under another path", fmt.Sprintf(under, "iam:AttachUserPolicy", `{"ArnLike":{"iam:PolicyARN":"`+managedARN("delegable/*")+`"}}`), secret.AttachUserPolicy,
			identity.Input{Name: "free", PolicyARN: managedARN("delegable/wall")}, false},
		{"a policy in another case", denying("iam:AttachUserPolicy", `,"Condition":{"ArnEquals":{"iam:PolicyARN":"`+identity.Administrator+`"}}`), secret.AttachUserPolicy,
			identity.Input{Name: "free", PolicyARN: strings.Replace(identity.Administrator, "Admin", "admin", 1)}, false},
		{"a move to where one may not", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:UpdateUser","Resource":"arn:aws:iam::*:user/dev/*"}]}`, secret.UpdateUser,
			identity.Input{Name: "mover", NewPath: "/admin/"}, false},
		{"a move to where one may", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:UpdateUser","Resource":"arn:aws:iam::*:user/dev/*"}]}`, secret.UpdateUser,
			identity.Input{Name: "mover", NewPath: "/dev/two/"}, true},
		{"a user with tags", denying("iam:TagUser", ""), secret.CreateUser, identity.Input{Name: "made", Tags: []secret.Tag{{Key: "a"}}}, false},
		{"a user without", denying("iam:TagUser", ""), secret.CreateUser, identity.Input{Name: "made"}, true},
		{"a role with tags", denying("iam:TagRole", ""), secret.CreateRole, identity.Input{Name: "made", Document: trust(account), Tags: []secret.Tag{{Key: "a"}}}, false},
		{"a policy with tags", denying("iam:TagPolicy", ""), secret.CreatePolicy, identity.Input{Name: "made", Document: every("*"), Tags: []secret.Tag{{Key: "a"}}}, false},
		{"a provider with tags", denying("iam:TagOpenIDConnectProvider", ""), secret.CreateOpenIDConnectProvider,
			identity.Input{URL: "https://made.example", Audiences: []string{"a"}, Tags: []secret.Tag{{Key: "a"}}}, false},
		{"a provider that is protected", denying("iam:DeleteOpenIDConnectProvider", `,"Condition":{"StringEquals":{"aws:ResourceTag/keep":"yes"}}`), secret.DeleteOpenIDConnectProvider,
			identity.Input{Name: "idp.example"}, false},
		{"a tag that folds in Unicode alone", denying("iam:TagUser", `,"Condition":{"ForAnyValue:StringEqualsIgnoreCase":{"aws:TagKeys":"class"}}`), secret.TagUser,
			identity.Input{Name: "classed", Tags: []secret.Tag{{Key: "cla\u017f\u017f", Value: "low"}}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.do(secret.CreatePolicy, identity.Input{Name: "wall", Document: every("*")})
			h.do(secret.CreateUser, identity.Input{Name: "free"})
			h.do(secret.CreateUser, identity.Input{Name: "walled", Boundary: managedARN("wall")})
			h.do(secret.CreateUser, identity.Input{Name: "mover", Path: "/dev/"})
			h.do(secret.CreateUser, identity.Input{Name: "classed", Tags: []secret.Tag{{Key: "class", Value: "high"}}})
			h.do(secret.CreateOpenIDConnectProvider, identity.Input{URL: "https://idp.example", Audiences: []string{"a"}, Tags: []secret.Tag{{Key: "keep", Value: "yes"}}})
			who, _ := h.user("eve", c.document)
			_, err := h.Directory.Do(ctx, who, c.verb, c.in)
			if (err == nil) != c.ok {
				t.Errorf("%v", err)
			}
			if tags := h.do(secret.ListUserTags, identity.Input{Name: "classed"}).Tags; tags[0].Value != "high" {
				t.Errorf("the tag is %v", tags)
			}
		})
	}
}

// A question about an action that is spelled in letters which fold to it leaves
// nothing behind that answers for the action itself.
func TestQuestionsLeaveNothingBehind(t *testing.T) {
	h := newHouse(t)
	who, _ := h.user("eve", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":["iam:Attach*","secretsmanager:Delete*"],"Resource":"*"}]}`)
	for _, action := range []string{"\u0130am:AttachUserPolicy", "iam:Attach\u0130serPolicy", "IAM:ATTACHUSERPOLICY", "secretsmanager:DeleteResourcePol\u0130cy"} {
		if _, err := h.Directory.WhoCan(ctx, who, action, "*", coretest.Space); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Directory.SimulateCustomPolicy(ctx, who, identity.SimulateInput{Actions: []string{action}, Policies: []string{allow("*", "*")}, Home: coretest.Space}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.Directory.Do(ctx, who, secret.AttachUserPolicy, identity.Input{Name: "eve", PolicyARN: identity.Administrator}); !fault.Is(err, fault.Denied) {
		t.Errorf("%v", err)
	}
}

func TestSourceIdentityIsAskedFor(t *testing.T) {
	h := newHouse(t)
	who, _ := h.user("eve", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"},{"Effect":"Deny","Action":"sts:SetSourceIdentity","Resource":"*"}]}`)
	h.do(secret.CreateRole, identity.Input{Name: "app", Document: trust(account)})
	in := identity.AssumeRoleInput{Account: account, Role: "/app", Session: "one"}
	if _, err := h.Directory.AssumeRole(ctx, who, in); err != nil {
		t.Error(err)
	}
	in.Source = "the-admin"
	if _, err := h.Directory.AssumeRole(ctx, who, in); !fault.Is(err, fault.Denied) {
		t.Errorf("%v", err)
	}
}

// claims are what a token was checked to say.
type claims map[string]any

func (c claims) Verify(context.Context, string, string) (map[string]any, error) { return c, nil }

func federated(t *testing.T) (*house, func() (identity.WebAssumed, error)) {
	h := newHouse(t)
	h.do(secret.CreateOpenIDConnectProvider, identity.Input{URL: "https://idp.example", Audiences: []string{"a"}})
	h.do(secret.CreateRole, identity.Input{Name: "web", Document: `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::` + account + `:oidc-provider/idp.example"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"idp.example:sub":"good"}}},
		{"Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"sts:AssumeRole"}]}`})
	h.do(secret.PutRolePolicy, identity.Input{Name: "web", PolicyName: "p", Document: allow("sts:AssumeRole", "*")})
	return h, func() (identity.WebAssumed, error) {
		in := identity.WebIdentityInput{Issuer: "https://idp.example", Web: "a.b.c"}
		in.Account, in.Role, in.Session = account, "/web", "one"
		return h.Directory.AssumeRoleWithWebIdentity(ctx, core.Caller{Door: "test"}, in)
	}
}

func TestClaimsThatDifferInCaseCountForNothing(t *testing.T) {
	h, assume := federated(t)
	h.Directory.Tokens = claims{"sub": "good", "aud": "a"}
	if _, err := assume(); err != nil {
		t.Fatal(err)
	}
	h.Directory.Tokens = claims{"sub": "evil", "SUB": "good", "aud": "a"}
	for range 50 {
		if _, err := assume(); !fault.Is(err, fault.Denied) {
			t.Fatal(err)
		}
	}
}

// A chain of sessions ends with whatever it stands on.
func TestChainsEnd(t *testing.T) {
	for _, end := range []string{"the provider", "a role between"} {
		t.Run(end, func(t *testing.T) {
			h, assume := federated(t)
			h.Directory.Tokens = claims{"sub": "good", "aud": "a"}
			h.do(secret.CreateRole, identity.Input{Name: "last", Document: trust(account)})
			first, err := assume()
			if err != nil {
				t.Fatal(err)
			}
			next := claim{first.AccessKey, first.Token}
			for range 3 {
				who, err := h.come(next)
				if err != nil {
					t.Fatal(err)
				}
				role := "/web"
				if next.token != first.Token {
					role = "/last"
				}
				h.do(secret.PutRolePolicy, identity.Input{Name: "last", PolicyName: "p", Document: allow("sts:AssumeRole", "*")})
				out, err := h.Directory.AssumeRole(ctx, who, identity.AssumeRoleInput{Account: account, Role: role, Session: "next", Token: next.token})
				if err != nil {
					t.Fatal(err)
				}
				next = claim{out.AccessKey, out.Token}
				h.now = h.now.Add(time.Minute)
			}
			if end == "the provider" {
				h.do(secret.DeleteOpenIDConnectProvider, identity.Input{URL: "https://idp.example"})
			} else {
				h.do(secret.DeleteRolePolicy, identity.Input{Name: "web", PolicyName: "p"})
				h.do(secret.DeleteRole, identity.Input{Name: "web"})
			}
			if _, err := h.come(next); !fault.Is(err, fault.Unauthenticated) {
				t.Errorf("it lives on: %v", err)
			}
		})
	}
}
