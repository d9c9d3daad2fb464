package policy_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/strongroom-dev/strongroom/internal/policy"
)

func ask(p *policy.Program, action, resource string) policy.Decision {
	q := policy.Question{}
	q.Spelled[policy.AWS] = policy.Spelling{Action: action, Resource: resource}
	return p.Decide(&q)
}

const nothing = "no identity-based policy allows it"

func TestDecide(t *testing.T) {
	clause := func(e policy.Effect, action, name string) policy.Clause {
		return policy.Clause{Effect: e, Actions: []policy.Pattern{policy.NewPattern(action, policy.Folded)},
			Names: []policy.Pattern{policy.NewPattern(name, 0)}, Source: action + " on " + name}
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
		{"secretsmanager:PutSecretValue", "arn:prod/db", false, nothing},
		{"secretsmanager:GetSecretValue", "arn:Prod/db", false, nothing},
		{"secretsmanager:GetSecretValue", "arn:prod/root-AbCdEf", false, "* on *:prod/root-??????"},
		{"anything", "arn:dev/x", true, "* on arn:dev/*"},
		{"", "arn:dev/x", false, nothing},
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
	g := policy.NewPattern(strings.Repeat("*a", 1000)+"b", 0)
	begin := time.Now()
	if g.Match(strings.Repeat("a", 20000), nil) {
		t.Error("matched")
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Error("it took", took)
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("*", "")
	f.Add("é?*", "ééé")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 30 || len(s) > 100 || !utf8.ValidString(pattern) || !utf8.ValidString(s) {
			return
		}
		quoted := regexp.QuoteMeta(pattern)
		quoted = strings.ReplaceAll(strings.ReplaceAll(quoted, `\*`, `.*`), `\?`, `.`)
		want := regexp.MustCompile(`(?s)\A` + quoted + `\z`).MatchString(s)
		p := policy.NewPattern(pattern, 0)
		if got := p.Match(s, nil); got != want {
			t.Errorf("%q against %q: %v", pattern, s, got)
		}
	})
}

func FuzzCondition(f *testing.F) {
	for _, op := range []string{"StringLike", "NumericLessThan", "DateEquals", "Bool", "Null", "BinaryEquals", "IpAddress", "ArnLike", "ForAllValues:StringEqualsIfExists"} {
		f.Add(op, "aws:x", "${aws:x}*", "value")
	}
	f.Fuzz(func(t *testing.T, op, key, operand, value string) {
		c, err := policy.NewCondition(op, key, []string{operand}, true)
		if err != nil {
			return
		}
		c.Holds(nil)
		c.Holds(single{value})
		if strings.Contains(op, "IfExists") && !c.Holds(nil) {
			t.Errorf("%s does not hold of what is absent", op)
		}
	})
}

// single is keys that all have one value.
type single struct{ value string }

func (s single) Lookup(string) policy.Value { return policy.One(s.value) }
