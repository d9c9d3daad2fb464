package hcl

import (
	"errors"
	"fmt"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/policy"
)

// Identity fills in templates: it gives the value of a name as
// "identity.entity.name"; false if there is none.
type Identity interface {
	Lookup(name string) (value string, ok bool)
}

// Nobody is the identity of who has none.
var Nobody Identity = nobody{}

type nobody struct{}

func (nobody) Lookup(string) (string, bool) { return "", false }

// part is literal text, or the name of what is filled in.
type part struct {
	text string
	name string
}

// parseTemplate cuts a path at its {{names}}; nil for a path without.
func parseTemplate(path string) ([]part, error) {
	if !strings.Contains(path, "{{") {
		if strings.Contains(path, "}}") {
			return nil, errors.New("a template that is closed and not opened")
		}
		return nil, nil
	}
	var parts []part
	for {
		text, rest, found := strings.Cut(path, "{{")
		parts = append(parts, part{text: text})
		if !found {
			return parts, nil
		}
		name, after, closed := strings.Cut(rest, "}}")
		name = strings.TrimSpace(name)
		switch {
		case !closed:
			return nil, errors.New("a template that is not closed")
		case !strings.HasPrefix(name, "identity.entity.") && !strings.HasPrefix(name, "identity.groups."):
			return nil, fmt.Errorf("unknown template %q", name)
		}
		parts = append(parts, part{name: name})
		path = after
	}
}

// widening are the characters that would make a rule speak of more than the one
// that its author meant.
const widening = "*+/,\x00"

// errWide says that a value holds such a character.
var errWide = errors.New("hcl: a value that would widen the rule")

// fill renders a path; ok is false if a value is missing.
func fill(parts []part, who Identity) (path string, ok bool, err error) {
	var b strings.Builder
	for _, p := range parts {
		if p.name == "" {
			b.WriteString(p.text)
			continue
		}
		v, ok := who.Lookup(p.name)
		if !ok || v == "" {
			return "", false, nil
		}
		if strings.ContainsAny(v, widening) || v == "." || v == ".." {
			return "", false, errWide
		}
		b.WriteString(v)
	}
	return b.String(), true, nil
}

// Compile makes a block of the policy for one identity. A rule whose templates
// cannot be filled in is left out. Where a value would widen the rule, it is
// left out too, unless it denies: then the policy denies everything, for what
// its author wanted to forbid cannot be told.
// (https://github.com/openbao/openbao/security/advisories/GHSA-59w7-v8rr-pr4p)
func (p *Policy) Compile(name string, who Identity) policy.Block {
	b := policy.Block{Layer: policy.Identity, Combine: policy.MostSpecific, Rules: make([]policy.Rule, 0, len(p.paths))}
	for i := range p.paths {
		r := p.paths[i].Rule
		r.Source = "policy " + name + ", path " + r.Path
		if p.paths[i].template != nil {
			path, ok, err := fill(p.paths[i].template, who)
			switch {
			case err != nil && r.Can&policy.CanNothing != 0:
				return policy.Block{Layer: policy.Identity, Combine: policy.MostSpecific, Rules: everythingDenied(r.Source)}
			case !ok:
				continue
			}
			r.Path = path
		}
		b.Rules = append(b.Rules, r)
	}
	return b
}

func everythingDenied(source string) []policy.Rule {
	return []policy.Rule{{Path: policy.EveryPath, Can: policy.CanNothing, Source: source + " (a template's value holds a wildcard or a slash)"}}
}

// Templated reports whether the policy says different things to different
// identities.
func (p *Policy) Templated() bool {
	for i := range p.paths {
		if p.paths[i].template != nil {
			return true
		}
	}
	return false
}
