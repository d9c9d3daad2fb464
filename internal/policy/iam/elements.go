package iam

import (
	"encoding/json"
	"fmt"
	"strings"
)

func (p *parser) actions(s *Statement, n node) error {
	items, err := p.list(n)
	if err != nil {
		return err
	}
	for _, i := range items {
		action := i.value.(string)
		vendor, name, found := strings.Cut(action, ":")
		switch {
		case action == "*":
		case !found:
			return p.bad(i, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.", "")
		case strings.Contains(name, ":"):
			return p.bad(i, "Actions/Condition can contain only one colon.", "")
		case vendor == "" || !isVendor(vendor):
			return p.bad(i, "Vendor "+vendor+" is not valid", "")
		case name == "":
			return p.bad(i, syntax, "names no action")
		}
		s.Actions = append(s.Actions, action)
	}
	return nil
}

func isVendor(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-'
	}) < 0
}

func (p *parser) resources(s *Statement, n node) error {
	items, err := p.list(n)
	if err != nil {
		return err
	}
	for _, i := range items {
		r := i.value.(string)
		segment := strings.SplitN(r, ":", 4)
		switch {
		case r == "*" || strings.HasPrefix(r, "${"):
		case p.kind == ResourcePolicy && !strings.Contains(r, ":"): // AWS takes any text there, and it names nothing
		case len(segment) < 2 || segment[0] != "arn":
			return p.bad(i, fmt.Sprintf(`Resource %s must be in ARN format or "*".`, r), "")
		case !strings.HasPrefix(segment[1], "aws") && !strings.ContainsAny(segment[1], "*?"):
			return p.bad(i, fmt.Sprintf("Partition %q is not valid for resource %q.", segment[1], r), "")
		case len(segment) > 2 && segment[2] != "*" && strings.ContainsAny(segment[2], "*?"):
			return p.bad(i, "Resource vendor must be fully qualified and cannot contain regexes.", "")
		}
		if problem := badVariable(r); problem != "" {
			return p.bad(i, syntax, problem)
		}
		s.Resources = append(s.Resources, r)
	}
	return nil
}

// badVariable finds a policy variable that could not be filled in.
func badVariable(s string) string {
	for {
		_, rest, found := strings.Cut(s, "${")
		if !found {
			return ""
		}
		inner, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "has a variable that is not closed"
		}
		key, fallback, has := strings.Cut(inner, ",")
		fallback = strings.TrimSpace(fallback)
		switch {
		case inner == "*" || inner == "?" || inner == "$":
		case strings.TrimSpace(key) == "" || strings.ContainsAny(key, "${*?'"):
			return "has a variable ${" + inner + "} that names no key"
		case has && (len(fallback) < 2 || fallback[0] != '\'' || fallback[len(fallback)-1] != '\''):
			return "has a variable ${" + inner + "} whose default is not in single quotes"
		}
		s = after
	}
}

// principalTypes are the kinds of principals that documents may name.
var principalTypes = map[string]bool{"AWS": true, "Federated": true, "Service": true, "CanonicalUser": true}

func (p *parser) principal(s *Statement, n node) error {
	if n.value == "*" {
		s.Principals = append(s.Principals, Principal{"AWS", "*"})
		return nil
	}
	members, ok := n.value.([]member)
	if !ok || len(members) == 0 {
		return p.bad(n, syntax, `must be "*" or an object`)
	}
	for _, m := range members {
		if !principalTypes[m.name] {
			return p.bad(m.node, syntax, "is no kind of principal")
		}
		items, err := p.list(m.node)
		if err != nil {
			return err
		}
		for _, i := range items {
			name := i.value.(string)
			if name == "" || name != "*" && strings.ContainsAny(name, "*?") {
				return p.bad(i, fmt.Sprintf(`Invalid principal in policy: "%s":"%s"`, m.name, name), "")
			}
			s.Principals = append(s.Principals, Principal{m.name, name})
		}
	}
	return nil
}

func (p *parser) conditions(s *Statement, n node) error {
	operators, ok := n.value.([]member)
	if !ok {
		return p.bad(n, syntax, "must be an object")
	}
	for _, op := range operators {
		keys, ok := op.node.value.([]member)
		if !ok {
			return p.bad(op.node, syntax, "must be an object of condition keys")
		}
		for _, k := range keys {
			values, err := p.scalars(k.node)
			if err != nil {
				return err
			}
			c := Condition{Operator: op.name, Key: k.name, Values: values, at: k.node.at, path: k.node.path}
			if !strings.Contains(k.name, ":") {
				return p.bad(k.node, "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.", "")
			}
			if _, err := c.compile(p.doc.Version); err != nil {
				return p.bad(k.node, err.Error(), "")
			}
			s.Conditions = append(s.Conditions, c)
		}
	}
	return nil
}

// scalars reads a condition's values, which may be numbers and booleans too.
func (p *parser) scalars(n node) ([]string, error) {
	items, ok := n.value.([]node)
	if !ok {
		items = []node{n}
	}
	var values []string
	for _, i := range items {
		switch v := i.value.(type) {
		case string:
			if problem := badVariable(v); problem != "" && p.doc.Version == version2012 {
				return nil, p.bad(i, syntax, problem)
			}
			values = append(values, v)
		case json.Number:
			values = append(values, v.String())
		case bool:
			values = append(values, fmt.Sprint(v))
		default:
			return nil, p.bad(i, syntax, "must be a string, a number or a boolean, or a list of them")
		}
	}
	return values, nil
}
