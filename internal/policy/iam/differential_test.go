package iam_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/policy/iam"
)

// questions is how many are asked.
const questions = 20_000

// dice makes up documents, callers and circumstances out of a small world, so
// that things meet often.
type dice struct{ *rand.Rand }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

// few picks one, as itself, or some in a list.
func few(d dice, from ...string) any {
	if d.chance(60) {
		return pick(d, from...)
	}
	n := 1 + d.IntN(3)
	var l []string
	for range n {
		l = append(l, pick(d, from...))
	}
	return l
}

const acct, other = "111111111111", "222222222222"

var (
	actions   = []string{"secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:DescribeSecret", "iam:CreateUser"}
	resources = []string{
		"arn:aws:secretsmanager:us-east-1:" + acct + ":secret:prod/db-AbCdEf", "arn:aws:secretsmanager:eu-west-1:" + acct + ":secret:prod/a:b-AbCdEf",
		"arn:aws:secretsmanager:us-east-1:" + acct + ":secret:team/red/key-AbCdEf", "arn:aws:secretsmanager:us-east-1:" + acct + ":secret:team/*/key-AbCdEf",
	}
	names = map[string]string{
		"arn:aws:iam::" + acct + ":user/ann": "AIDAANN", "arn:aws:iam::" + acct + ":role/app": "AROAAPP",
		"arn:aws:iam::" + other + ":user/bob": "AIDABOB",
	}
	principals = []string{"*", acct, other, "arn:aws:iam::" + acct + ":root", "arn:aws:iam::" + acct + ":user/ann", "arn:aws:iam::" + acct + ":role/app",
		"arn:aws:sts::" + acct + ":assumed-role/app/one", "arn:aws:iam::" + other + ":user/bob", "arn:aws:iam::" + acct + ":user/gone"}
	keyNames = []string{"aws:username", "aws:PrincipalTag/team", "aws:SourceIp", "aws:CurrentTime", "aws:MultiFactorAuthAge", "aws:SecureTransport", "aws:TagKeys", "aws:PrincipalArn", "secretsmanager:VersionStage", "x:Blob"}
)

func (d dice) statement(k iam.Kind) map[string]any {
	s := map[string]any{"Effect": pick(d, "Allow", "Allow", "Deny")}
	s[pick(d, "Action", "Action", "Action", "NotAction")] = few(d, "*", "secretsmanager:*", "secretsmanager:Get*", "SECRETSMANAGER:?etSecretValue", "iam:*", actions[0], actions[1], actions[2])
	if k != iam.TrustPolicy {
		s[pick(d, "Resource", "Resource", "Resource", "NotResource")] = few(d, "*", "arn:aws:secretsmanager:*:"+acct+":secret:prod/*", "arn:aws:secretsmanager:*:*:secret:team/${aws:PrincipalTag/team}/*",
			"arn:aws:secretsmanager:us-*", "arn:aws:secretsmanager:*:secret:prod/*", "arn:aws:secretsmanager:us-east-1:"+acct+":secret:team/${*}/key-??????",
			"arn:aws:secretsmanager:us-east-1:"+acct+":secret:team/${aws:username, 'red'}/key-*", resources[0], resources[1], "arn:*:*:*:*:*")
	}
	if k != iam.IdentityPolicy {
		var p any = map[string]any{"AWS": few(d, principals...)}
		if d.chance(20) {
			p = "*"
		}
		s[pick(d, "Principal", "Principal", "Principal", "NotPrincipal")] = p
	}
	if d.chance(45) {
		conditions := map[string]any{}
		for range 1 + d.IntN(2) {
			op, key, values := d.condition()
			conditions[op] = map[string]any{key: values}
		}
		s["Condition"] = conditions
	}
	return s
}

func (d dice) condition() (op, key string, values any) {
	key = pick(d, keyNames...)
	texts := []string{"red", "RED", "r*", "?ed", "${aws:username}", "${aws:PrincipalTag/team}", "${aws:PrincipalTag/team, 'red'}", "*", "AWSCURRENT", "true", "k1", "k2", "5", "é?"}
	switch d.IntN(8) {
	case 0, 1, 2:
		op, values = pick(d, "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike"), few(d, texts...)
	case 3:
		op, values = pick(d, "NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"), few(d, "5", "4.5", "-1", "1000000")
	case 4:
		op, values = pick(d, "DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"), few(d, "2026-01-01T00:00:00Z", "1767225600", "2027-01-01T00:00:00+02:00")
	case 5:
		op, values = pick(d, "Bool", "Null", "BinaryEquals"), pick(d, "true", "false")
		if op == "BinaryEquals" {
			values = few(d, "QUJD", "AAAA")
		}
	case 6:
		op, values = pick(d, "IpAddress", "NotIpAddress"), few(d, "10.0.0.0/8", "192.0.2.1", "2001:db8::/32")
	case 7:
		op, values = pick(d, "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"), few(d, "arn:aws:iam::*:user/*", "arn:aws:iam::"+acct+":user/ann", "arn:aws:sts", "arn:aws:iam::"+acct+":user/${aws:username}", "*")
	}
	if op != "Null" {
		op = pick(d, "", "", "", "ForAllValues:", "ForAnyValue:") + op + pick(d, "", "", "IfExists")
	}
	return op, key, values
}

func (d dice) document(k iam.Kind) string {
	version := "2012-10-17"
	if k != iam.IdentityPolicy && d.chance(20) {
		version = "2008-10-17"
	}
	var statements []any
	for range 1 + d.IntN(3) {
		statements = append(statements, d.statement(k))
	}
	text, err := json.Marshal(map[string]any{"Version": version, "Statement": statements})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// world is keys as a map.
type world struct {
	values map[string][]string
	multi  map[string]bool
}

func (w world) Lookup(key string) policy.Value {
	v, ok := w.values[key]
	switch {
	case w.multi[key]:
		return policy.Many(v)
	case ok:
		return policy.One(v[0])
	}
	return policy.Value{}
}

func (d dice) world() world {
	w := world{map[string][]string{}, map[string]bool{}}
	maybe := func(key string, values ...string) {
		if d.chance(60) {
			w.values[key] = []string{pick(d, values...)}
		}
	}
	maybe("aws:username", "ann", "red", "RED", "*", "team:x")
	maybe("aws:principaltag/team", "red", "*", "blue", "é€")
	maybe("aws:sourceip", "10.1.2.3", "192.0.2.1", "2001:db8::7", "nonsense")
	maybe("aws:currenttime", "2026-01-01T00:00:00Z", "2027-05-05T00:00:00Z")
	maybe("aws:multifactorauthage", "5", "4.5", "7", "x")
	maybe("aws:securetransport", "true", "false")
	maybe("aws:principalarn", "arn:aws:iam::"+acct+":user/ann", "arn:aws:sts::"+acct+":assumed-role/app/one")
	maybe("secretsmanager:versionstage", "AWSCURRENT", "AWSPENDING")
	maybe("x:blob", "QUJD", "AAAA", "!")
	w.multi["aws:tagkeys"] = true
	if d.chance(60) {
		w.values["aws:tagkeys"] = pick(d, []string{"k1"}, []string{"k1", "k2"}, []string{"red", "5"})
	}
	return w
}

// asked is one made-up question with all that bears on it.
type asked struct {
	identity, session  []string
	boundary, resource *string
	naive              naive
	world              world
}

func (d dice) ask() asked {
	a := asked{world: d.world()}
	for range d.IntN(3) {
		a.identity = append(a.identity, d.document(iam.IdentityPolicy))
	}
	doc := func(k iam.Kind, percent int) *string {
		if !d.chance(percent) {
			return nil
		}
		text := d.document(k)
		return &text
	}
	a.boundary, a.resource = doc(iam.IdentityPolicy, 30), doc(iam.ResourcePolicy, 60)
	if s := doc(iam.IdentityPolicy, 30); s != nil {
		a.session = []string{*s}
	}
	a.naive = naive{action: pick(d, actions...), resource: pick(d, resources...), owner: acct, context: a.world.values, multi: a.world.multi, names: names}
	switch d.IntN(3) {
	case 0:
		a.naive.account, a.naive.id = acct, "AIDAANN"
	case 1:
		a.naive.account, a.naive.id, a.naive.session = acct, "AROAAPP", pick(d, "one", "two")
	case 2:
		a.naive.account, a.naive.id = other, "AIDABOB"
	}
	return a
}

func block(t testing.TB, text string, k iam.Kind, l policy.Layer) policy.Block {
	t.Helper()
	doc, err := iam.Parse([]byte(text), k)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return doc.Compile("a policy", l, names)
}

func (a *asked) decide(t testing.TB) bool {
	var blocks []policy.Block
	for _, d := range a.identity {
		blocks = append(blocks, block(t, d, iam.IdentityPolicy, policy.Identity))
	}
	if a.boundary != nil {
		blocks = append(blocks, block(t, *a.boundary, iam.IdentityPolicy, policy.Boundary))
	}
	for _, d := range a.session {
		blocks = append(blocks, block(t, d, iam.IdentityPolicy, policy.Session))
	}
	n := &a.naive
	q := policy.Question{Who: policy.Principal{Account: n.account, ID: n.id, Session: n.session}, Owner: n.owner, Keys: a.world}
	q.Spelled[policy.AWS] = policy.Spelling{Action: n.action, Resource: n.resource}
	if a.resource != nil {
		q.Policy = policy.New(block(t, *a.resource, iam.ResourcePolicy, policy.Resource))
	}
	return policy.New(blocks...).Decide(&q).Allowed
}

// Made-up questions are decided as the naive evaluator decides them.
func TestDifferential(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(1, rand.Uint64()))}
	allowed := 0
	for range questions {
		a := d.ask()
		want := a.naive.decide(a.identity, a.boundary, a.session, a.resource)
		if want {
			allowed++
		}
		if got := a.decide(t); got != want {
			text := func(s *string) string {
				if s == nil {
					return "none"
				}
				return *s
			}
			t.Fatalf("decided %v, the naive evaluator %v\nidentity %s\nboundary %s\nsession %s\nresource %s\nquestion %+v", got, want,
				a.identity, text(a.boundary), a.session, text(a.resource), a.naive)
		}
	}
	t.Logf("%d of %d were allowed", allowed, questions)
	if allowed < questions/50 {
		t.Error("too few are allowed for the comparison to mean something")
	}
}

// Another deny never allows, an allow less never allows, and the order of
// statements and policies decides nothing.
func TestProperties(t *testing.T) {
	d := dice{rand.New(rand.NewPCG(2, rand.Uint64()))}
	change := func(text string, f func([]any) []any) string {
		var doc map[string]any
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		doc["Statement"] = f(doc["Statement"].([]any))
		out, _ := json.Marshal(doc)
		return string(out)
	}
	for range questions / 10 {
		a := d.ask()
		if len(a.identity) == 0 {
			continue
		}
		before := a.decide(t)
		i := d.IntN(len(a.identity))
		b := a
		b.identity = slices.Clone(a.identity)
		b.identity[i] = change(a.identity[i], func(s []any) []any {
			deny := d.statement(iam.IdentityPolicy)
			deny["Effect"] = "Deny"
			return append(s, deny)
		})
		if !before && b.decide(t) {
			t.Fatalf("a deny more allows: %s", b.identity)
		}
		b.identity[i] = change(a.identity[i], func(s []any) []any {
			kept := s[:0]
			for _, one := range s {
				if one.(map[string]any)["Effect"] != "Allow" {
					kept = append(kept, one)
				}
			}
			return append(kept, map[string]any{"Effect": "Deny", "Action": "none:none", "Resource": "arn:aws:none"})
		})
		if !before && b.decide(t) {
			t.Fatalf("an allow less allows: %s", b.identity)
		}
		b.identity[i] = change(a.identity[i], func(s []any) []any {
			slices.Reverse(s)
			return s
		})
		slices.Reverse(b.identity)
		if before != b.decide(t) {
			t.Fatalf("the order decides: %s", b.identity)
		}
	}
}

// BenchmarkDecide asks one question of 20 policies of 20 statements, all of
// which speak of the action; a third of the statements have a condition.
func BenchmarkDecide(b *testing.B) {
	var blocks []policy.Block
	for i := range 20 {
		var statements []any
		for j := range 20 {
			s := map[string]any{"Effect": "Allow", "Action": []string{"secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"},
				"Resource": fmt.Sprintf("arn:aws:secretsmanager:us-east-1:%s:secret:team-%02d/app-%02d/*", acct, i, j)}
			if j%3 == 0 {
				s["Condition"] = map[string]any{"StringEquals": map[string]any{"aws:PrincipalTag/team": "red"}}
			}
			statements = append(statements, s)
		}
		text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
		if err != nil {
			b.Fatal(err)
		}
		blocks = append(blocks, block(b, string(text), iam.IdentityPolicy, policy.Identity))
	}
	p := policy.New(blocks...)
	q := policy.Question{Verb: 1, Who: policy.Principal{Account: acct, ID: "AIDAANN"}, Owner: acct,
		Keys: world{map[string][]string{"aws:principaltag/team": {"red"}}, nil}}
	q.Spelled[policy.AWS] = policy.Spelling{Action: actions[0], Resource: "arn:aws:secretsmanager:us-east-1:" + acct + ":secret:team-19/app-18/db-AbCdEf"}
	b.ReportAllocs()
	for b.Loop() {
		if !p.Decide(&q).Allowed {
			b.Fatal("refused")
		}
	}
}
