// Package hcl reads Vault's ACL policies, written in HCL or JSON, and compiles
// them to path rules.
// (https://developer.hashicorp.com/vault/docs/concepts/policies)
//
// It is pure; where policies are kept, and to whom they are attached, is not
// its business. What it does not understand it refuses: a rule that is read in
// part would allow what nobody meant.
package hcl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/hcl"
	"github.com/hashicorp/hcl/hcl/ast"

	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/policy"
)

// The bounds on a policy's text.
const (
	MaxText  = 1 << 20 // bytes
	maxDepth = 32      // brackets within brackets
)

// Policy is a policy that was read.
type Policy struct {
	paths []path
}

// path is one path stanza.
type path struct {
	policy.Rule
	template []part // of a path with templates
}

// parse reads the text of a policy of either kind: bounded, and an object.
func parse(text string) (*ast.ObjectList, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("the policy is longer than %d bytes", MaxText)
	}
	if err := checkDepth(text); err != nil {
		return nil, err
	}
	file, err := hcl.Parse(text)
	if err != nil {
		return nil, err
	}
	root, ok := file.Node.(*ast.ObjectList)
	if !ok {
		return nil, errors.New("does not contain a root object")
	}
	return root, nil
}

// Parse reads a policy. It fails with a text that says which path and what of
// it.
func Parse(text string) (*Policy, error) {
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	p := &Policy{}
	for _, item := range root.Items {
		switch key := keyOf(item); key {
		case "name", "comment": // of no effect
		case "path":
			if err := p.readPaths(item); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("invalid key %q on line %d", key, item.Pos().Line)
		}
	}
	return p, nil
}

// checkDepth bounds what the parser, which is recursive, goes down to.
func checkDepth(text string) error {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '{', '[', '(':
			if depth++; depth > maxDepth {
				return fmt.Errorf("brackets are nested more than %d deep", maxDepth)
			}
		case '}', ']', ')':
			depth = max(0, depth-1)
		}
	}
	return nil
}

func keyOf(item *ast.ObjectItem) string {
	if len(item.Keys) == 0 {
		return ""
	}
	s, _ := item.Keys[0].Token.Value().(string)
	return s
}

// readPaths reads `path "a" { … }`, or in JSON `"path": {"a": {…}, "b": {…}}`.
func (p *Policy) readPaths(item *ast.ObjectItem) error {
	if len(item.Keys) == 2 {
		name, ok := item.Keys[1].Token.Value().(string)
		if !ok {
			return fmt.Errorf("a path that is no text on line %d", item.Pos().Line)
		}
		return p.readPath(name, item.Val)
	}
	list := objects(item.Val)
	if len(item.Keys) != 1 || list == nil {
		return fmt.Errorf("a path stanza without a path on line %d", item.Pos().Line)
	}
	for _, inner := range list {
		for _, i := range inner.List.Items {
			if err := p.readPath(keyOf(i), i.Val); err != nil {
				return err
			}
		}
	}
	return nil
}

// objects are the objects that a value is: one, or a list of them.
func objects(n ast.Node) []*ast.ObjectType {
	switch v := n.(type) {
	case *ast.ObjectType:
		return []*ast.ObjectType{v}
	case *ast.ListType:
		var all []*ast.ObjectType
		for _, i := range v.List {
			o, ok := i.(*ast.ObjectType)
			if !ok {
				return nil
			}
			all = append(all, o)
		}
		return all
	}
	return nil
}

// stanza is what a path stanza may hold.
type stanza struct {
	Policy       string           `hcl:"policy"`
	Capabilities []string         `hcl:"capabilities"`
	Allowed      map[string][]any `hcl:"allowed_parameters"`
	Denied       map[string][]any `hcl:"denied_parameters"`
	Required     []string         `hcl:"required_parameters"`
	MinWrap      any              `hcl:"min_wrapping_ttl"`
	MaxWrap      any              `hcl:"max_wrapping_ttl"`
}

var stanzaKeys = []string{
	"comment", "policy", "capabilities", "allowed_parameters", "denied_parameters", "required_parameters", "min_wrapping_ttl", "max_wrapping_ttl",
}

// unsupported are keys of Vault's that bind, and that are not enforced here.
var unsupported = []string{"mfa_methods", "control_group", "expiration", "pagination_limit", "response_keys_filter_path", "list_scan_response_keys_filter_path", "subscribe_event_types"}

func (p *Policy) readPath(name string, value ast.Node) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("path %q: %s", name, fmt.Sprintf(format, args...))
	}
	list := objects(value)
	if len(list) != 1 {
		return fail("not a block")
	}
	for _, i := range list[0].List.Items {
		switch key := keyOf(i); {
		case slices.Contains(unsupported, key):
			return fail("%s on line %d is not supported", key, i.Pos().Line)
		case !slices.Contains(stanzaKeys, key):
			return fail("invalid key %q on line %d", key, i.Pos().Line)
		}
	}
	var s stanza
	if err := hcl.DecodeObject(&s, list[0]); err != nil {
		return fail("%v", err)
	}
	r, err := s.rule(strings.TrimPrefix(name, "/"))
	if err != nil {
		return fail("%v", err)
	}
	template, err := parseTemplate(r.Path)
	if err != nil {
		return fail("%v", err)
	}
	p.paths = append(p.paths, path{Rule: r, template: template})
	return nil
}

// old are the capabilities that the old form, policy = "…", stands for.
var old = map[string]policy.Capabilities{
	"deny":  policy.CanNothing,
	"read":  policy.CanRead | policy.CanList,
	"write": policy.CanCreate | policy.CanRead | policy.CanUpdate | policy.CanDelete | policy.CanList | policy.CanPatch,
	"sudo":  policy.CanCreate | policy.CanRead | policy.CanUpdate | policy.CanDelete | policy.CanList | policy.CanPatch | policy.CanSudo,
}

func (s *stanza) rule(name string) (policy.Rule, error) {
	r := policy.Rule{Path: name}
	if err := checkPath(name); err != nil {
		return r, err
	}
	if s.Policy != "" {
		can, ok := old[s.Policy]
		if !ok {
			return r, fmt.Errorf("invalid policy %q", s.Policy)
		}
		r.Can = can
	}
	for _, c := range s.Capabilities {
		bit, ok := policy.ParseCapability(c)
		if !ok {
			return r, fmt.Errorf("invalid capability %q", c)
		}
		r.Can |= bit
	}
	if r.Can&policy.CanNothing != 0 {
		r.Can = policy.CanNothing
	}
	var err error
	if r.Allowed, err = params(s.Allowed); err != nil {
		return r, err
	}
	if r.Denied, err = params(s.Denied); err != nil {
		return r, err
	}
	for _, p := range s.Required {
		r.Required = append(r.Required, fold.Lower(p))
	}
	if r.MinWrap, err = seconds(s.MinWrap); err != nil {
		return r, fmt.Errorf("min_wrapping_ttl: %w", err)
	}
	if r.MaxWrap, err = seconds(s.MaxWrap); err != nil {
		return r, fmt.Errorf("max_wrapping_ttl: %w", err)
	}
	if r.MinWrap != 0 && r.MaxWrap != 0 && r.MaxWrap < r.MinWrap {
		return r, errors.New("max_wrapping_ttl cannot be less than min_wrapping_ttl")
	}
	return r, nil
}

// checkPath refuses wildcards that would mean nothing, or something else than
// what was meant.
func checkPath(name string) error {
	i := strings.IndexByte(name, '*')
	switch {
	case strings.IndexByte(name, 0) >= 0:
		return errors.New("a path holds no NUL")
	case strings.Contains(name, "+*"):
		return errors.New("invalid use of wildcards ('+*' is forbidden)")
	case i >= 0 && i != len(name)-1:
		return errors.New("a * is allowed as the last character only")
	}
	return nil
}

func params(in map[string][]any) (map[string][]policy.Operand, error) {
	if in == nil {
		return nil, nil
	}
	out := map[string][]policy.Operand{}
	for name, values := range in {
		all := make([]policy.Operand, 0, len(values))
		for _, v := range values {
			if s, ok := v.(string); ok {
				all = append(all, policy.Operand{Text: s})
				continue
			}
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			if err := e.Encode(v); err != nil {
				return nil, fmt.Errorf("parameter %q: %w", name, err)
			}
			all = append(all, policy.Operand{Text: strings.TrimSpace(b.String()), Raw: true})
		}
		out[fold.Lower(name)] = all
	}
	return out, nil
}

// seconds reads a duration: a number of seconds, or text as 1h30m.
func seconds(v any) (int64, error) {
	var d time.Duration
	switch v := v.(type) {
	case nil:
		return 0, nil
	case int:
		d = time.Duration(v) * time.Second
	case string:
		if n, err := strconv.ParseInt(v, 10, 32); err == nil {
			d = time.Duration(n) * time.Second
			break
		}
		var err error
		if d, err = time.ParseDuration(v); err != nil {
			return 0, err
		}
	default:
		return 0, errors.New("not a duration")
	}
	if d < 0 {
		return 0, errors.New("a duration is not negative")
	}
	return int64((d + time.Second - 1) / time.Second), nil
}
