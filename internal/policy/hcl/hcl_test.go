package hcl_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/policy/hcl"
)

type params map[string]policy.Operand

func (p params) Names() (all []string) {
	for n := range p {
		all = append(all, n)
	}
	return all
}
func (p params) Value(n string) policy.Operand { return p[n] }

type identity map[string]string

func (i identity) Lookup(name string) (string, bool) { v, ok := i[name]; return v, ok }

var alice = identity{
	"identity.entity.id": "id-1", "identity.entity.name": "alice", "identity.entity.metadata.team": "red",
	"identity.entity.metadata.star": "*", "identity.entity.metadata.deep": "a/b", "identity.entity.metadata.plus": "+",
}

func program(t *testing.T, texts ...string) *policy.Program {
	t.Helper()
	var blocks []policy.Block
	for i, text := range texts {
		p, err := hcl.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		blocks = append(blocks, p.Compile(string(rune('a'+i)), alice))
	}
	return policy.New(blocks...)
}

func ask(p *policy.Program, a policy.Ask) policy.Decision {
	if a.Params == nil {
		a.Params = params{}
	}
	q := policy.Question{Ask: a}
	return p.Decide(&q)
}

const (
	read   = policy.CanRead
	list   = policy.CanList
	update = policy.CanUpdate
)

func TestClosestPatternAloneSpeaks(t *testing.T) {
	for _, c := range []struct {
		policies []string
		ask      policy.Ask
		allowed  bool
	}{
		{[]string{`path "secret/*" { capabilities = ["read"] }`}, policy.Ask{Path: "secret/a", Want: read}, true},
		{[]string{`path "/secret/*" { capabilities = ["read"] }`}, policy.Ask{Path: "secret/a", Want: read}, true},
		{[]string{`path "secret/*" { capabilities = ["read"] }`}, policy.Ask{Path: "secret", Want: read}, false},
		{[]string{`path "secret/*" { capabilities = ["read"] }`}, policy.Ask{Path: "secret/a", Want: update}, false},
		{[]string{`path "*" { capabilities = ["read"] }`}, policy.Ask{Path: "anything", Want: read}, true},
		{[]string{``}, policy.Ask{Path: "anything", Want: read}, false},
		// The closest one, even where it is silent.
		{[]string{`path "secret/*" { capabilities = ["read"] } path "secret/a" { capabilities = ["update"] }`}, policy.Ask{Path: "secret/a", Want: read}, false},
		{[]string{`path "secret/*" { capabilities = ["read"] }`, `path "secret/a*" { capabilities = ["list"] }`}, policy.Ask{Path: "secret/ab", Want: read}, false},
		{[]string{`path "secret/*" { capabilities = ["deny"] }`, `path "secret/a" { capabilities = ["read"] }`}, policy.Ask{Path: "secret/a", Want: read}, true},
		// Equal patterns: the union, unless one denies.
		{[]string{`path "secret/*" { capabilities = ["read"] }`, `path "secret/*" { capabilities = ["update"] }`}, policy.Ask{Path: "secret/a", Want: read}, true},
		{[]string{`path "secret/*" { capabilities = ["read"] }`, `path "secret/*" { capabilities = ["deny"] }`}, policy.Ask{Path: "secret/a", Want: read}, false},
		{[]string{`path "a" { capabilities = ["read", "deny"] }`}, policy.Ask{Path: "a", Want: read}, false},
		// The five rules.
		{[]string{`path "foo/a*" { capabilities = ["read"] } path "foo/+" { capabilities = ["deny"] }`}, policy.Ask{Path: "foo/ab", Want: read}, true},
		{[]string{`path "foo/bar/+/baz" { capabilities = ["read"] } path "foo/+/bar/baz" { capabilities = ["deny"] }`}, policy.Ask{Path: "foo/bar/bar/baz", Want: read}, true},
		{[]string{`path "foo/+/bar" { capabilities = ["read"] } path "foo/+/ba*" { capabilities = ["deny"] }`}, policy.Ask{Path: "foo/x/bar", Want: read}, true},
		{[]string{`path "foo/+" { capabilities = ["read"] } path "foo/*" { capabilities = ["deny"] }`}, policy.Ask{Path: "foo/x", Want: read}, true},
		{[]string{`path "+/a/c" { capabilities = ["read"] } path "+/+/c" { capabilities = ["deny"] }`}, policy.Ask{Path: "x/a/c", Want: read}, true},
		{[]string{`path "+/ab*" { capabilities = ["read"] } path "+/a*" { capabilities = ["deny"] }`}, policy.Ask{Path: "x/abc", Want: read}, true},
		{[]string{`path "secret/+/data" { capabilities = ["read"] }`}, policy.Ask{Path: "secret/a/b/data", Want: read}, false},
		{[]string{`path "secret/a+/data" { capabilities = ["read"] }`}, policy.Ask{Path: "secret/ab/data", Want: read}, false},
		// Lists end in a slash.
		{[]string{`path "secret/foo" { capabilities = ["list"] }`}, policy.Ask{Path: "secret/foo/", Want: list}, true},
		{[]string{`path "secret/foo/" { capabilities = ["list"] }`}, policy.Ask{Path: "secret/foo/", Want: list}, true},
		{[]string{`path "secret/foo/" { capabilities = ["list"] }`}, policy.Ask{Path: "secret/foo", Want: read}, false},
		{[]string{`path "secret/*" { capabilities = ["list"] } path "secret/foo" { capabilities = ["deny"] }`}, policy.Ask{Path: "secret/foo/", Want: list}, false},
		{[]string{`path "secret/*" { capabilities = ["list"] } path "secret/+" { capabilities = ["deny"] }`}, policy.Ask{Path: "secret/foo/", Want: list}, false},
		{[]string{`path "secret/+" { capabilities = ["list"] }`}, policy.Ask{Path: "secret/foo/", Want: list}, false},
		{[]string{`path "secret/+/" { capabilities = ["list"] }`}, policy.Ask{Path: "secret/foo/", Want: list}, true},
		// Sudo comes besides.
		{[]string{`path "sys/raw/*" { capabilities = ["read"] }`}, policy.Ask{Path: "sys/raw/a", Want: read, Sudo: true}, false},
		{[]string{`path "sys/raw/*" { capabilities = ["read", "sudo"] }`}, policy.Ask{Path: "sys/raw/a", Want: read, Sudo: true}, true},
		// The old form, and JSON.
		{[]string{`path "a" { policy = "write" }`}, policy.Ask{Path: "a", Want: update}, true},
		{[]string{`path "a" { policy = "deny" }`}, policy.Ask{Path: "a", Want: read}, false},
		{[]string{`{"path": {"a/*": {"capabilities": ["read"]}, "b": {"capabilities": ["list"]}}}`}, policy.Ask{Path: "a/b", Want: read}, true},
		// Wrapping.
		{[]string{`path "a" { capabilities = ["read"] min_wrapping_ttl = "1m" max_wrapping_ttl = "1h" }`}, policy.Ask{Path: "a", Want: read}, false},
		{[]string{`path "a" { capabilities = ["read"] min_wrapping_ttl = "1m" max_wrapping_ttl = "1h" }`}, policy.Ask{Path: "a", Want: read, WrapTTL: 60}, true},
		{[]string{`path "a" { capabilities = ["read"] max_wrapping_ttl = 90 }`}, policy.Ask{Path: "a", Want: read, WrapTTL: 91}, false},
		// Templates.
		{[]string{`path "secret/data/{{identity.entity.name}}/*" { capabilities = ["read"] }`}, policy.Ask{Path: "secret/data/alice/x", Want: read}, true},
		{[]string{`path "secret/data/{{ identity.entity.metadata.team }}" { capabilities = ["read"] }`}, policy.Ask{Path: "secret/data/red", Want: read}, true},
		{[]string{`path "secret/data/{{identity.entity.metadata.none}}" { capabilities = ["read"] }`}, policy.Ask{Path: "secret/data/", Want: read}, false},
		{[]string{`path "secret/{{identity.entity.metadata.star}}" { capabilities = ["read"] }`}, policy.Ask{Path: "secret/x", Want: read}, false},
		{[]string{`path "secret/{{identity.entity.metadata.star}}" { capabilities = ["read"] }`}, policy.Ask{Path: "secret/*", Want: read}, false},
		{[]string{`path "secret/{{identity.entity.metadata.plus}}/a" { capabilities = ["read"] }`}, policy.Ask{Path: "secret/x/a", Want: read}, false},
		{[]string{`path "secret/{{identity.entity.metadata.deep}}" { capabilities = ["read"] }`}, policy.Ask{Path: "secret/a/b", Want: read}, false},
		// Where a deny cannot be told, all is denied.
		{[]string{`path "secret/*" { capabilities = ["read"] } path "secret/{{identity.entity.metadata.star}}" { capabilities = ["deny"] }`}, policy.Ask{Path: "secret/x", Want: read}, false},
	} {
		if got := ask(program(t, c.policies...), c.ask); got.Allowed != c.allowed {
			t.Errorf("%s\n%+v: %+v", strings.Join(c.policies, "\n"), c.ask, got)
		}
	}
}

func TestParameters(t *testing.T) {
	text := func(s string) policy.Operand { return policy.Operand{Text: s} }
	raw := func(s string) policy.Operand { return policy.Operand{Text: s, Raw: true} }
	for _, c := range []struct {
		stanza  string
		params  params
		allowed bool
	}{
		{`allowed_parameters = { "a" = [] }`, params{"a": text("x")}, true},
		{`allowed_parameters = { "a" = [] }`, params{"A": text("x")}, true},
		{`allowed_parameters = { "a" = [] }`, params{"a": text("x"), "b": text("y")}, false},
		{`allowed_parameters = { "a" = [] "*" = [] }`, params{"a": text("x"), "b": text("y")}, true},
		{`allowed_parameters = { "a" = ["x", "y*"] "*" = [] }`, params{"a": text("yes")}, true},
		{`allowed_parameters = { "a" = ["x", "y*"] "*" = [] }`, params{"a": text("no")}, false},
		{`allowed_parameters = { "a" = ["*s"] }`, params{"a": text("yes")}, true},
		{`allowed_parameters = { "a" = [1, true] }`, params{"a": raw("1")}, true},
		{`allowed_parameters = { "a" = [1, true] }`, params{"a": text("1")}, false},
		{`allowed_parameters = { "a" = [1, true] }`, params{"a": raw("true")}, true},
		{`denied_parameters = { "a" = [] }`, params{"a": text("x")}, false},
		{`denied_parameters = { "a" = [] }`, params{"b": text("x")}, true},
		{`denied_parameters = { "*" = [] }`, params{"b": text("x")}, false},
		{`denied_parameters = { "*" = [] }`, params{}, true},
		{`denied_parameters = { "a" = ["x"] } allowed_parameters = { "*" = [] }`, params{"a": text("y")}, true},
		{`denied_parameters = { "a" = ["x"] } allowed_parameters = { "*" = [] }`, params{"a": text("x")}, false},
		{`required_parameters = ["a", "B"]`, params{"a": text("x"), "b": text("y")}, true},
		{`required_parameters = ["a", "b"]`, params{"a": text("x")}, false},
	} {
		p := program(t, `path "p" { capabilities = ["update"] `+c.stanza+` }`)
		if got := ask(p, policy.Ask{Path: "p", Want: update, Params: c.params}); got.Allowed != c.allowed {
			t.Errorf("%s with %v: %+v", c.stanza, c.params, got)
		}
	}
	p := program(t, `path "p" { capabilities = ["update"] required_parameters = ["a"] }`)
	if p.Decide(&policy.Question{Ask: policy.Ask{Path: "p", Want: update}}).Allowed {
		t.Error("a request whose parameters cannot be known was allowed")
	}
}

func TestRefusedTexts(t *testing.T) {
	for text, want := range map[string]string{
		`path "a" { capabilities = ["fly"] }`:                                `path "a": invalid capability "fly"`,
		`path "a*b" { capabilities = ["read"] }`:                             "last character",
		`path "a/+*" { capabilities = ["read"] }`:                            "'+*' is forbidden",
		`path "a" { capabilitys = ["read"] }`:                                `invalid key "capabilitys"`,
		`paths "a" { capabilities = ["read"] }`:                              `invalid key "paths"`,
		`path "a" { capabilities = ["read"] control_group = {} }`:            "not supported",
		`path "a" { min_wrapping_ttl = "2h" max_wrapping_ttl = "1h" }`:       "cannot be less",
		`path "a/{{identity.entity.name" { capabilities = ["read"] }`:        "not closed",
		`path "a/{{env.HOME}}" { capabilities = ["read"] }`:                  "unknown template",
		`path "a" { policy = "everything" }`:                                 "invalid policy",
		`path "a" {`:                                                         "",
		strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100):        "nested",
		`path "a" { capabilities = "read" capabilities = ["deny"] }`:         "",
		`path "a" { capabilities = ["read"] allowed_parameters = ["data"] }`: "",
	} {
		if _, err := hcl.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// naive answers by looking at every rule, as the reference says it in words.
func naive(paths []string, asked string) (best string) {
	if slices.Contains(paths, asked) {
		return asked
	}
	type score struct{ first, whole, plus, length int }
	of := func(p string) score {
		s := score{first: len(p), whole: 1, length: len(p)}
		if i := strings.IndexAny(p, "+*"); i >= 0 {
			s.first = i
		}
		if strings.HasSuffix(p, "*") {
			s.whole = 0
		}
		s.plus = -strings.Count(p, "+")
		return s
	}
	less := func(a, b string) bool {
		x, y := of(a), of(b)
		for _, d := range []int{x.first - y.first, x.whole - y.whole, x.plus - y.plus, x.length - y.length, strings.Compare(a, b)} {
			if d != 0 {
				return d < 0
			}
		}
		return false
	}
	for _, p := range paths {
		if strings.ContainsAny(p, "+*") && naiveMatch(p, asked) && (best == "" || less(best, p)) {
			best = p
		}
	}
	return best
}

func naiveMatch(p, s string) bool {
	switch {
	case p == "*":
		return true
	case p == "":
		return s == ""
	case p[0] == '+':
		for i := 0; i <= len(s); i++ {
			if i == len(s) || s[i] == '/' {
				return naiveMatch(p[1:], s[i:])
			}
		}
		return false
	}
	return s != "" && p[0] == s[0] && naiveMatch(p[1:], s[1:])
}

func TestPriorityAgainstANaiveReading(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func(alphabet []string) string {
		var parts []string
		for range 1 + r.IntN(4) {
			parts = append(parts, alphabet[r.IntN(len(alphabet))])
		}
		return strings.Join(parts, "/")
	}
	for range 20000 {
		var paths []string
		text := ""
		for range 1 + r.IntN(6) {
			p := word([]string{"a", "b", "ab", "+"})
			if r.IntN(2) == 0 && !strings.HasSuffix(p, "+") {
				p += "*"
			} else if r.IntN(3) == 0 {
				p += "/*"
			}
			if !slices.Contains(paths, p) {
				paths = append(paths, p)
				text += `path "` + p + `" { capabilities = ["read"] } `
			}
		}
		asked := word([]string{"a", "b", "ab", "abc"})
		d := ask(program(t, text), policy.Ask{Path: asked, Want: read})
		got := ""
		if d.Allowed {
			_, got, _ = strings.Cut(d.Reasons[0], "path ")
		}
		if want := naive(paths, asked); got != want {
			t.Fatalf("%v asked for %q: %q, and naively %q", paths, asked, got, want)
		}
	}
}

func TestPasswords(t *testing.T) {
	p, err := hcl.ParsePassword(`length = 20 rule "charset" { charset = "abc" min-chars = 1 } rule "charset" { charset = "0123456789" min-chars = 5 }`)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		s := string(p.Generate())
		digits := 0
		for _, c := range s {
			if c >= '0' && c <= '9' {
				digits++
			}
		}
		if len(s) != 20 || digits < 5 || !strings.ContainsAny(s, "abc") || strings.Trim(s, "abc0123456789") != "" {
			t.Errorf("a password is %q", s)
		}
	}
	for _, text := range []string{``, `length = 3 rule "charset" { charset = "a" }`, `length = 20`, `length = 5 rule "charset" { charset = "a" min-chars = 6 }`, `length = 20 rule "words" {}`, `width = 2`} {
		if _, err := hcl.ParsePassword(text); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`path "secret/{{identity.entity.name}}/*" { capabilities = ["read"] allowed_parameters = { "a" = ["b*", 1] } }`)
	f.Add(`{"path": {"a/+/b": {"capabilities": ["deny"], "min_wrapping_ttl": 3}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := hcl.Parse(text)
		if err != nil {
			return
		}
		program := policy.New(p.Compile("p", alice))
		program.AnyBelow("secret/")
		program.Capabilities("secret/a/")
	})
}
