// Package iam reads policies as AWS IAM writes them, and compiles them. It
// refuses what it would not understand: a condition that is not known is an
// error when the policy is written, never a rule that is silently not kept.
//
// It is pure: which principals there are is told to it.
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html)
package iam

import (
	"fmt"
	"strings"
)

// Kind is what a document is attached to, and so what it may hold.
type Kind uint8

// The kinds.
const (
	IdentityPolicy Kind = iota // of a user, group, role, boundary or session
	ResourcePolicy             // of a secret
	TrustPolicy                // of a role: who may assume it
)

// Document is a policy.
type Document struct {
	Version    string
	ID         string
	Statements []Statement
}

// Statement is one statement of a policy.
type Statement struct {
	Sid          string
	Deny         bool
	Principals   []Principal
	NotPrincipal bool
	Actions      []string
	NotAction    bool
	Resources    []string
	NotResource  bool
	Conditions   []Condition

	at   int
	path string
}

// Principal is one principal that a statement names: Type is "AWS",
// "Federated", "Service" or "CanonicalUser"; Name is "*" for everybody.
type Principal struct{ Type, Name string }

// Condition is one key of one operator.
type Condition struct {
	Operator, Key string
	Values        []string

	at   int
	path string
}

// Error says what is wrong with a document and where. Message is AWS's text.
type Error struct {
	Message      string
	Detail       string
	Line, Column int // from 1; zero if it is about the whole
}

func (e *Error) Error() string {
	var where []string
	if e.Line > 0 {
		where = append(where, fmt.Sprintf("line %d, column %d", e.Line, e.Column))
	}
	if e.Detail != "" {
		where = append(where, e.Detail)
	}
	if where == nil {
		return e.Message
	}
	return e.Message + " (" + strings.Join(where, ": ") + ")"
}

func (e *Error) place(text []byte, at int) {
	before := string(text[:min(max(at, 0), len(text))])
	e.Line = 1 + strings.Count(before, "\n")
	e.Column = len(before) - strings.LastIndexByte(before, '\n')
}

const syntax = "Syntax errors in policy."

// The versions of the language.
const (
	version2012 = "2012-10-17"
	version2008 = "2008-10-17"
)

// Parse reads a document. It fails with *Error.
func Parse(text []byte, k Kind) (*Document, error) {
	root, err := readJSON(text)
	if err != nil {
		return nil, err
	}
	p := &parser{text: text, kind: k, doc: &Document{Version: version2008}}
	if err := p.document(root); err != nil {
		return nil, err
	}
	return p.doc, nil
}

// parser reads one document.
type parser struct {
	text []byte
	kind Kind
	doc  *Document
}

func (p *parser) bad(n node, message, detail string) *Error {
	e := &Error{Message: message, Detail: detail}
	if n.path != "" && detail != "" {
		e.Detail = n.path + " " + detail
	}
	e.place(p.text, n.at)
	return e
}

func (p *parser) document(root node) error {
	members, ok := root.value.([]member)
	if !ok {
		return p.bad(root, syntax, "a policy must be an object")
	}
	var statements *node
	for i := range members {
		m := &members[i]
		var err error
		switch m.name {
		case "Version":
			p.doc.Version, err = p.str(m.node)
			if err == nil && p.doc.Version != version2012 && p.doc.Version != version2008 {
				err = p.bad(m.node, syntax, `must be "2012-10-17" or "2008-10-17"`)
			}
		case "Id":
			p.doc.ID, err = p.str(m.node)
		case "Statement":
			statements = &m.node
		default:
			err = p.bad(m.node, syntax, "is not known")
		}
		if err != nil {
			return err
		}
	}
	if p.kind == IdentityPolicy && p.doc.Version != version2012 {
		return &Error{Message: "Policy document must be version 2012-10-17 or greater."}
	}
	if statements == nil {
		return p.bad(root, syntax, "a policy must have a Statement")
	}
	return p.statements(*statements)
}

func (p *parser) statements(n node) error {
	items, ok := n.value.([]node)
	if !ok {
		items = []node{n}
	}
	if len(items) == 0 {
		return p.bad(n, syntax, "must not be empty")
	}
	sids := map[string]bool{}
	for _, item := range items {
		s, err := p.statement(item)
		if err != nil {
			return err
		}
		if s.Sid != "" && sids[s.Sid] {
			return p.bad(item, "Statement IDs (SID) in a single policy must be unique.", "")
		}
		sids[s.Sid] = true
		p.doc.Statements = append(p.doc.Statements, *s)
	}
	return nil
}

func (p *parser) statement(n node) (*Statement, error) {
	members, ok := n.value.([]member)
	if !ok {
		return nil, p.bad(n, syntax, "must be an object")
	}
	s := &Statement{at: n.at, path: n.path}
	has := map[string]bool{}
	for _, m := range members {
		has[m.name] = true
		read, ok := elements[m.name]
		if !ok {
			return nil, p.bad(m.node, syntax, "is not known")
		}
		if err := read(p, s, m.node); err != nil {
			return nil, err
		}
	}
	return s, p.complete(n, s, has)
}

// elements are the members of a statement.
var elements = map[string]func(p *parser, s *Statement, n node) error{
	"Sid": func(p *parser, s *Statement, n node) (err error) {
		if s.Sid, err = p.str(n); err == nil && p.kind == IdentityPolicy && !isAlphanumeric(s.Sid) {
			err = p.bad(n, "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*", "")
		}
		return err
	},
	"Effect": func(p *parser, s *Statement, n node) error {
		effect, err := p.str(n)
		if err == nil && effect != "Allow" && effect != "Deny" {
			err = p.bad(n, syntax, "must be Allow or Deny")
		}
		s.Deny = effect == "Deny"
		return err
	},
	"Principal":    (*parser).principal,
	"NotPrincipal": func(p *parser, s *Statement, n node) error { s.NotPrincipal = true; return p.principal(s, n) },
	"Action":       (*parser).actions,
	"NotAction":    func(p *parser, s *Statement, n node) error { s.NotAction = true; return p.actions(s, n) },
	"Resource":     (*parser).resources,
	"NotResource":  func(p *parser, s *Statement, n node) error { s.NotResource = true; return p.resources(s, n) },
	"Condition":    (*parser).conditions,
}

// complete checks which members a statement must and must not have.
func (p *parser) complete(n node, s *Statement, has map[string]bool) error {
	one := func(a, b string) bool { return has[a] != has[b] }
	switch {
	case !has["Effect"]:
		return p.bad(n, syntax, "has no Effect")
	case has["Action"] && has["NotAction"], has["Resource"] && has["NotResource"], has["Principal"] && has["NotPrincipal"]:
		return p.bad(n, syntax, "has an element and its complement")
	case !one("Action", "NotAction") || len(s.Actions) == 0:
		return p.bad(n, "Policy statement must contain actions.", "")
	case p.kind == TrustPolicy && (has["Resource"] || has["NotResource"]):
		return p.bad(n, "Has prohibited field Resource.", "")
	case p.kind != TrustPolicy && (!one("Resource", "NotResource") || len(s.Resources) == 0):
		return p.bad(n, "Policy statement must contain resources.", "")
	case p.kind == IdentityPolicy && (has["Principal"] || has["NotPrincipal"]):
		return p.bad(n, "Policy document should not specify a principal.", "")
	case p.kind != IdentityPolicy && !one("Principal", "NotPrincipal"):
		return p.bad(n, syntax, "must have a Principal")
	}
	return nil
}

func (p *parser) str(n node) (string, error) {
	s, ok := n.value.(string)
	if !ok {
		return "", p.bad(n, syntax, "must be a string")
	}
	return s, nil
}

// list reads a string or a list of strings.
func (p *parser) list(n node) ([]node, error) {
	items, ok := n.value.([]node)
	if !ok {
		items = []node{n}
	}
	for _, i := range items {
		if _, err := p.str(i); err != nil {
			return nil, p.bad(i, syntax, "must be a string or a list of strings")
		}
	}
	return items, nil
}

func isAlphanumeric(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}
