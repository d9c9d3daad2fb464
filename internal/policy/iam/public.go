package iam

import (
	"net/netip"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fold"
)

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
		key := fold.Lower(c.Key)
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
		if strings.Contains(v, "${") || !c.few(v) {
			return false
		}
	}
	return len(c.Values) > 0
}

// few reports whether a value stands for few: an address or a net that is not
// half the world, an ARN with its account spelled out, any other without
// wildcards at its beginning. Comparisons by size fix nothing.
func (c *Condition) few(v string) bool {
	switch {
	case strings.Contains(c.Operator, "IpAddress"):
		net, err := netip.ParsePrefix(v)
		return err != nil || net.Addr().Is4() && net.Bits() >= 8 || net.Addr().Is6() && net.Bits() >= 16
	case strings.Contains(c.Operator, "Numeric"), strings.Contains(c.Operator, "Date"), strings.Contains(c.Operator, "Bool"):
		return false
	case strings.HasPrefix(v, "arn:"):
		part := strings.SplitN(v, ":", 6)
		return len(part) == 6 && part[4] != "" && !strings.ContainsAny(part[4], "*?")
	case !strings.ContainsAny(v, "*?"):
		return true
	}
	return strings.IndexAny(v, "*?") >= shortestPrefix
}

// shortestPrefix is how much of a value with wildcards must be spelled out: a
// unique ID is longer.
const shortestPrefix = 12
