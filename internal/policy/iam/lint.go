package iam

import (
	"fmt"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/policy"
)

// Finding is something in a document that is allowed, and hardly meant.
type Finding struct {
	Line, Column int
	Rule         string
	Message      string
}

// Lint looks for what is hardly meant: statements that reach every secret,
// conditions that can never hold, statements that another makes useless,
// actions that there are not. actions are those that there are; text is what
// the document was read from.
func (d *Document) Lint(text []byte, actions []string) []Finding {
	l := &linter{doc: d, text: text, actions: actions}
	for i := range d.Statements {
		s := &d.Statements[i]
		l.reach(s)
		l.unknownActions(s)
		l.impossible(s)
		l.shadowed(i)
	}
	return l.found
}

type linter struct {
	doc     *Document
	text    []byte
	actions []string
	found   []Finding
}

func (l *linter) add(at int, rule, format string, args ...any) {
	var e Error
	e.place(l.text, at)
	l.found = append(l.found, Finding{e.Line, e.Column, rule, fmt.Sprintf(format, args...)})
}

// anySecret are secrets that nobody would mean all of.
var anySecret = []string{
	"arn:aws:secretsmanager:us-east-1:000000000000:secret:a-AbCdEf", "arn:aws:secretsmanager:eu-west-1:999999999999:secret:z/y-ZzZzZz",
	"arn:aws:secretsmanager:us-east-1:000000000000:secret:m/n/o-Mm0Mm0",
}

// reach finds statements that open every value to whom they are attached to.
func (l *linter) reach(s *Statement) {
	if s.Deny || len(s.Conditions) > 0 || s.Resources == nil {
		return
	}
	var c policy.Clause
	c = s.compile(l.doc.Version, "", nil)
	opens := matchesAny(c.Actions, "secretsmanager:getsecretvalue") != s.NotAction
	for _, secret := range anySecret {
		opens = opens && matchesAny(c.Names, secret) != s.NotResource
	}
	if opens && (s.Principals == nil || s.everybody()) {
		l.add(s.at, "every-secret", "%s reaches every secret: name the secrets, or a prefix of their names", s.path)
	}
}

func matchesAny(patterns []policy.Pattern, s string) bool {
	return slices.ContainsFunc(patterns, func(p policy.Pattern) bool { return p.Match(s, nil) })
}

// unknownActions finds actions of the services that are known which match
// nothing.
func (l *linter) unknownActions(s *Statement) {
	for _, a := range s.Actions {
		vendor, _, _ := strings.Cut(fold.Lower(a), ":")
		p := policy.NewPattern(a, policy.Folded)
		known, matches := false, false
		for _, there := range l.actions {
			known = known || strings.HasPrefix(fold.Lower(there), vendor+":")
			matches = matches || p.Match(there, nil)
		}
		if known && !matches {
			l.add(s.at, "unknown-action", "%s: there is no action %s", s.path, a)
		}
	}
}

// multiValued are keys that hold many values.
var multiValued = []string{"aws:tagkeys", "sts:transitivetagkeys", "secretsmanager:addreplicaregions"}

// impossible finds conditions that can never hold.
func (l *linter) impossible(s *Statement) {
	for i, c := range s.Conditions {
		key := fold.Lower(c.Key)
		switch {
		case len(c.Values) == 0 && !strings.Contains(c.Operator, "Not"):
			l.add(c.at, "never-holds", "%s lists no values: it never holds", c.path)
		case slices.Contains(multiValued, key) && !strings.HasPrefix(c.Operator, "For") && c.Operator != "Null":
			l.add(c.at, "never-holds", "%s holds many values: without ForAnyValue or ForAllValues it never holds", c.path)
		}
		for _, other := range s.Conditions[:i] {
			if fold.Lower(other.Key) == key && contradict(c, other) {
				l.add(c.at, "never-holds", "%s and %s never hold together", other.path, c.path)
			}
		}
	}
}

// contradict reports whether two conditions on one key exclude each other.
func contradict(a, b Condition) bool {
	if b.Operator == "Null" {
		a, b = b, a
	}
	if a.Operator == "Null" {
		demands := !strings.Contains(b.Operator, "Not") && !strings.HasSuffix(b.Operator, "IfExists") && !strings.HasPrefix(b.Operator, "ForAll") && b.Operator != "Null"
		return demands && len(a.Values) == 1 && fold.Equal(a.Values[0], "true")
	}
	if a.Operator != "StringEquals" {
		a, b = b, a
	}
	if a.Operator != "StringEquals" || !slices.Contains([]string{"StringEquals", "StringLike", "StringEqualsIgnoreCase"}, b.Operator) {
		return false
	}
	other, err := b.compile(version2012)
	if err != nil || strings.Contains(strings.Join(append(a.Values, b.Values...), ""), "${") {
		return false
	}
	return !slices.ContainsFunc(a.Values, func(v string) bool { return other.Holds(policy.Facts{other.Key(): policy.One(v)}) })
}

// shadowed finds a statement to which another leaves nothing to say.
func (l *linter) shadowed(i int) {
	s := &l.doc.Statements[i]
	for j := range l.doc.Statements {
		o := &l.doc.Statements[j]
		if i == j || o.Deny != s.Deny && !o.Deny || len(o.Conditions) > 0 || !o.covers(s) || o.Deny == s.Deny && j > i && s.covers(o) && len(s.Conditions) == 0 {
			continue
		}
		if o.Deny && !s.Deny {
			l.add(s.at, "shadowed", "%s allows only what %s denies", s.path, o.path)
		} else {
			l.add(s.at, "shadowed", "%s says nothing that %s does not say", s.path, o.path)
		}
		return
	}
}

// covers reports whether s speaks of all that o does.
func (s *Statement) covers(o *Statement) bool {
	if s.NotAction || o.NotAction || s.NotResource || o.NotResource || s.NotPrincipal || o.NotPrincipal {
		return false
	}
	for _, p := range o.Principals {
		if !slices.Contains(s.Principals, p) && !s.everybody() {
			return false
		}
	}
	return coverAll(s.Actions, o.Actions, fold.Lower) && coverAll(s.Resources, o.Resources, func(r string) string { return r })
}

func coverAll(wide, narrow []string, fold func(string) string) bool {
	for _, n := range narrow {
		if !slices.ContainsFunc(wide, func(w string) bool { return covers(fold(w), fold(n)) }) {
			return false
		}
	}
	return true
}

// covers reports whether every text that the pattern n describes is described
// by w. It may say no where that is so.
func covers(w, n string) bool {
	var i, j int
	star, mark := -1, 0
	for j < len(n) {
		switch {
		case i < len(w) && w[i] == '*':
			star, mark = i, j
			i++
		case i < len(w) && (w[i] == n[j] || w[i] == '?' && n[j] != '*'):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(w[i:], "*") == ""
}
