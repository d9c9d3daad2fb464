package policy_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/strongroom-dev/strongroom/internal/policy"
)

func ask(p *policy.Program, action, resource string) policy.Decision {
	q := policy.Question{}
	q.Spelled[policy.AWS] = policy.Spelling{Action: action, Resource: resource}
	return p.Decide(&q)
}

func TestDecide(t *testing.T) {
	clause := func(e policy.Effect, action, name string) policy.Clause {
		return policy.Clause{Effect: e, Actions: []policy.Glob{policy.NewGlob(action, true)},
			Names: []policy.Glob{policy.NewGlob(name, false)}, Source: action + " on " + name}
	}
	p := policy.New(
		policy.Block{Clauses: []policy.Clause{clause(policy.Allow, "secretsmanager:Get*", "arn:prod/*"), clause(policy.Allow, "*", "arn:dev/*")}},
		policy.Block{Clauses: []policy.Clause{clause(policy.Deny, "*", "*:prod/root-??????")}},
	)
	for _, test := range []struct {
		action, resource string
		want             bool
		reason           string
	}{
		{"secretsmanager:GetSecretValue", "arn:prod/db", true, "secretsmanager:Get* on arn:prod/*"},
		{"SecretsManager:getsecretvalue", "arn:prod/db", true, "secretsmanager:Get* on arn:prod/*"},
		{"secretsmanager:PutSecretValue", "arn:prod/db", false, policy.ReasonNothing},
		{"secretsmanager:GetSecretValue", "arn:Prod/db", false, policy.ReasonNothing},
		{"secretsmanager:GetSecretValue", "arn:prod/root-AbCdEf", false, "* on *:prod/root-??????"},
		{"anything", "arn:dev/x", true, "* on arn:dev/*"},
		{"", "arn:dev/x", false, policy.ReasonNothing},
	} {
		d := ask(p, test.action, test.resource)
		if d.Allowed != test.want || strings.Join(d.Reasons, ",") != test.reason {
			t.Errorf("%s on %s: %+v", test.action, test.resource, d)
		}
	}
	for name, p := range map[string]*policy.Program{"nil": nil, "empty": {}} {
		if ask(p, "a", "b").Allowed {
			t.Errorf("the %s program allows something", name)
		}
	}
}

func TestHostilePatternIsLinear(t *testing.T) {
	g := policy.NewGlob(strings.Repeat("*a", 1000)+"b", false)
	begin := time.Now()
	if g.Match(strings.Repeat("a", 20000)) {
		t.Error("matched")
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Error("it took", took)
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("*", "")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 30 || len(s) > 100 {
			return
		}
		for _, x := range []string{pattern, s} {
			for i := range len(x) {
				if x[i] >= 0x80 {
					return // the reference thinks in runes
				}
			}
		}
		quoted := regexp.QuoteMeta(pattern)
		quoted = strings.ReplaceAll(strings.ReplaceAll(quoted, `\*`, `.*`), `\?`, `.`)
		want := regexp.MustCompile(`(?s)\A` + quoted + `\z`).MatchString(s)
		if got := policy.NewGlob(pattern, false).Match(s); got != want {
			t.Errorf("%q against %q: %v", pattern, s, got)
		}
	})
}
