package iam

import "strings"

// narrowing are the condition keys that, where they must have certain values,
// keep a policy from being for everybody.
var narrowing = []string{
	"aws:principalaccount", "aws:principalarn", "aws:principalorgid", "aws:principalorgpaths", "aws:principaltag/", "aws:userid", "aws:username",
	"aws:sourceip", "aws:sourcevpc", "aws:sourcevpce", "aws:sourcearn", "aws:sourceaccount",
}

// Public reports whether the document lets anybody in: whether a statement
// allows everybody something, under no condition that narrows who that is.
func (d *Document) Public() bool {
	for i := range d.Statements {
		if s := &d.Statements[i]; !s.Deny && s.everybody() && !s.narrow() {
			return true
		}
	}
	return false
}

func (s *Statement) everybody() bool {
	for _, p := range s.Principals {
		if p.Name == "*" {
			return true
		}
	}
	return s.NotPrincipal
}

func (s *Statement) narrow() bool {
	for _, c := range s.Conditions {
		key := strings.ToLower(c.Key)
		for _, n := range narrowing {
			if strings.HasPrefix(key, n) && c.fixes() {
				return true
			}
		}
	}
	return false
}

// fixes reports whether the condition demands values that are not anything.
func (c *Condition) fixes() bool {
	if strings.Contains(c.Operator, "Not") || strings.HasSuffix(c.Operator, "IfExists") || c.Operator == "Null" || strings.HasPrefix(c.Operator, "ForAllValues:") {
		return false
	}
	for _, v := range c.Values {
		if strings.Trim(v, "*?") == "" || v == "0.0.0.0/0" || v == "::/0" || strings.Contains(v, "${") {
			return false
		}
	}
	return len(c.Values) > 0
}
