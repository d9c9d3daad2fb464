package iam

import (
	"fmt"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/policy"
)

// Naming tells what the principals of a document mean: the unique IDs of users
// and roles by their ARNs, as they were when the document was written. Who is
// not in it is nobody: a name that is used again inherits nothing.
type Naming map[string]string

// Compile makes a block of a document. name is the policy's, for reasons.
func (d *Document) Compile(name string, layer policy.Layer, names Naming) policy.Block {
	b := policy.Block{Layer: layer}
	for i := range d.Statements {
		b.Clauses = append(b.Clauses, d.Statements[i].compile(d.Version, Label(name, i, d.Statements[i].Sid), names))
	}
	return b
}

// Label names a statement for people; the first is number 1.
func Label(policyName string, i int, sid string) string {
	if sid == "" {
		return fmt.Sprintf("%s, statement %d", policyName, i+1)
	}
	return fmt.Sprintf("%s, statement %d (%s)", policyName, i+1, sid)
}

func (s *Statement) compile(version, label string, names Naming) policy.Clause {
	var mode policy.Mode
	if version == version2012 {
		mode = policy.Variables
	}
	c := policy.Clause{Tongue: policy.AWS, NotActions: s.NotAction, NotNames: s.NotResource, NotWho: s.NotPrincipal, Source: label}
	if s.Deny {
		c.Effect = policy.Deny
	}
	for _, a := range s.Actions {
		c.Actions = append(c.Actions, policy.NewPattern(a, policy.Folded))
	}
	for _, r := range s.Resources {
		c.Names = append(c.Names, policy.NewARN(r, mode))
	}
	if s.Resources == nil { // a trust policy is about its role
		c.Names = []policy.Pattern{policy.Any}
	}
	for _, p := range s.Principals {
		c.Who = append(c.Who, p.compile(names))
	}
	for i := range s.Conditions {
		when, err := s.Conditions[i].compile(version)
		if err != nil { // Parse has compiled it before
			panic(err)
		}
		c.When = append(c.When, when)
	}
	return c
}

func (c *Condition) compile(version string) (policy.Condition, error) {
	return policy.NewCondition(c.Operator, c.Key, c.Values, version == version2012)
}

// nobody is a principal that no caller is.
var nobody = policy.Who{Kind: policy.WhoService}

func (p Principal) compile(names Naming) policy.Who {
	switch {
	case p.Name == "*" && (p.Type == "AWS" || p.Type == "Federated"):
		return policy.Who{Kind: policy.Anyone}
	case p.Type == "Federated":
		return policy.Who{Kind: policy.WhoFederated, ID: p.Name}
	case p.Type != "AWS":
		return nobody
	case p.Account() != "":
		return policy.Who{Kind: policy.WhoAccount, ID: p.Account()}
	}
	entity, session := p.Entity()
	id := names[entity]
	switch {
	case id == "":
		return nobody
	case session != "":
		return policy.Who{Kind: policy.WhoSession, ID: id, Session: session}
	}
	return policy.Who{Kind: policy.WhoEntity, ID: id}
}

// Account is the account that the principal names as a whole, by its number
// or its root; empty if it names something else.
func (p Principal) Account() string {
	account := p.Name
	if rest, ok := strings.CutPrefix(account, "arn:aws:iam::"); ok {
		if account, ok = strings.CutSuffix(rest, ":root"); !ok {
			return ""
		}
	}
	if len(account) != 12 || strings.Trim(account, "0123456789") != "" {
		return ""
	}
	return account
}

// Entity is the ARN of the user or role that the principal names, and the
// session's name if it names one of a role:
// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`. A role in it has no path.
func (p Principal) Entity() (entity, session string) {
	rest, ok := strings.CutPrefix(p.Name, "arn:aws:sts::")
	if !ok {
		return p.Name, ""
	}
	account, rest, _ := strings.Cut(rest, ":assumed-role/")
	role, session, ok := strings.Cut(rest, "/")
	if !ok || role == "" || session == "" {
		return p.Name, ""
	}
	return "arn:aws:iam::" + account + ":role/" + role, session
}

// Principals are those of type AWS that name a user, a role or a session, each
// once, in the order in which they stand.
func (d *Document) Principals() []Principal {
	var all []Principal
	seen := map[Principal]bool{}
	for i := range d.Statements {
		for _, p := range d.Statements[i].Principals {
			if p.Type == "AWS" && p.Name != "*" && p.Account() == "" && !seen[p] {
				seen[p] = true
				all = append(all, p)
			}
		}
	}
	return all
}
