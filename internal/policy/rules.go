package policy

import (
	"maps"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fold"
)

// Capabilities are what a path rule of a Vault policy allows, as bits.
type Capabilities uint16

// The capabilities. CanNothing is Vault's "deny".
const (
	CanCreate Capabilities = 1 << iota
	CanRead
	CanUpdate
	CanDelete
	CanList
	CanScan
	CanPatch
	CanSudo
	CanNothing
)

var capabilityNames = [...]string{"create", "read", "update", "delete", "list", "scan", "patch", "sudo", "deny"}

// ParseCapability reads one capability's name; false if it is none.
func ParseCapability(name string) (Capabilities, bool) {
	i := slices.Index(capabilityNames[:], name)
	if i < 0 {
		return 0, false
	}
	return 1 << i, true
}

// Names lists the capabilities in alphabetical order, as Vault shows them.
func (c Capabilities) Names() []string {
	var names []string
	for i, n := range capabilityNames {
		if c&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// Operand is a value that a parameter may or must not have: text, in which a *
// at either end stands for anything, or, if Raw, any other value as compact
// JSON.
type Operand struct {
	Text string
	Raw  bool
}

func (o *Operand) equal(v Operand) bool {
	if o.Raw || v.Raw {
		return *o == v
	}
	text, begins := strings.CutSuffix(o.Text, "*")
	rest, ends := strings.CutPrefix(text, "*")
	switch {
	case o.Text == "*":
		return true
	case begins && ends:
		return strings.Contains(v.Text, rest)
	case begins:
		return strings.HasPrefix(v.Text, text)
	case ends:
		return strings.HasSuffix(v.Text, rest)
	}
	return v.Text == text
}

// Params are the parameters that a request brings, by name. Policies that
// bound none do not ask for them.
type Params interface {
	Names() []string
	Value(name string) Operand
}

// EveryPath is the path of a rule that comes before every other one, whatever
// is asked: of one that denies everything because what it was to deny cannot be
// told. It is no path that a policy could hold.
const EveryPath = "\x00"

// Rule is what a Vault policy says of the paths that a pattern describes. A *
// is the pattern's last character if it is in it, and stands for any rest; a +
// that is a whole segment stands for any one segment.
type Rule struct {
	Path     string
	Can      Capabilities
	Allowed  map[string][]Operand // parameters, in lower case, that may be given; nil for all
	Denied   map[string][]Operand
	Required []string
	MinWrap  int64 // seconds for which an answer must at least be wrapped; 0 for no bound
	MaxWrap  int64 // and at most
	Source   string
}

// Ask is a question as Vault's policies are asked it.
type Ask struct {
	Path string
	Want Capabilities // one of them
	Sudo bool         // the path is one of those that want it besides
	// Params are what the request brings; nil if it came in another protocol,
	// and rules that bound parameters do not allow it.
	Params  Params
	WrapTTL int64 // seconds; 0 if the answer is not to be wrapped
}

// rule is a compiled Rule.
type rule struct {
	Rule
	clause   Clause   // what stands for it in a decision
	prefix   bool     // Path, without its *, is a beginning
	segments []string // of a path that has a +
	first    int      // where its first wildcard is
	wild     int      // how many segments are a +
}

// rules are all rules that bind a caller.
type rules struct {
	exact    map[string]*rule
	prefixes map[string]*rule // by their beginning
	lengths  []int            // of those, the longest first
	wild     []*rule          // those with a + segment
}

// newRules merges rules of equal patterns and compiles them.
func newRules(all []Rule) *rules {
	merged := map[string]*Rule{}
	for i := range all {
		if there, ok := merged[all[i].Path]; ok {
			there.merge(&all[i])
			continue
		}
		r := all[i]
		merged[r.Path] = &r
	}
	rs := &rules{exact: map[string]*rule{}, prefixes: map[string]*rule{}}
	for _, path := range slices.Sorted(maps.Keys(merged)) {
		rs.add(merged[path])
	}
	slices.SortFunc(rs.lengths, func(a, b int) int { return b - a })
	rs.lengths = slices.Compact(rs.lengths)
	return rs
}

func (rs *rules) add(r *Rule) {
	c := &rule{Rule: *r, clause: Clause{Effect: Allow, Tongue: Vault, Source: r.Source}, first: len(r.Path)}
	text := r.Path
	text, c.prefix = strings.CutSuffix(text, "*")
	if c.prefix {
		c.first = len(text)
	}
	if r.Can&CanNothing != 0 {
		c.clause.Effect = Deny
	}
	parts := strings.Split(text, "/")
	switch {
	case slices.Contains(parts, "+"):
		c.segments = parts
		at := 0
		for _, p := range parts {
			if p == "+" {
				c.wild++
				c.first = min(c.first, at)
			}
			at += len(p) + 1
		}
		rs.wild = append(rs.wild, c)
	case c.prefix:
		rs.prefixes[text] = c
		rs.lengths = append(rs.lengths, len(text))
	default:
		rs.exact[text] = c
	}
}

// merge adds what another policy says of the same pattern: the capabilities of
// both, unless one denies; the wider bounds on wrapping; and of parameters,
// what either bounds.
func (r *Rule) merge(o *Rule) {
	if (r.Can|o.Can)&CanNothing != 0 {
		if r.Can&CanNothing == 0 {
			r.Source = o.Source
		}
		r.Can = CanNothing
		return
	}
	r.Can |= o.Can
	if r.Source != o.Source {
		r.Source += ", " + o.Source
	}
	if o.MinWrap > 0 && (r.MinWrap == 0 || o.MinWrap < r.MinWrap) {
		r.MinWrap = o.MinWrap
	}
	if o.MaxWrap > r.MaxWrap {
		r.MaxWrap = o.MaxWrap
	}
	r.Allowed, r.Denied = mergeParams(r.Allowed, o.Allowed), mergeParams(r.Denied, o.Denied)
	for _, p := range o.Required {
		if !slices.Contains(r.Required, p) {
			r.Required = append(slices.Clip(r.Required), p)
		}
	}
}

// mergeParams is both; an empty list, which stands for any value, wins.
func mergeParams(a, b map[string][]Operand) map[string][]Operand {
	if a == nil {
		return b
	}
	out := maps.Clone(a)
	for k, values := range b {
		old, ok := out[k]
		if ok && (len(old) == 0 || len(values) == 0) {
			out[k] = nil
			continue
		}
		out[k] = append(slices.Clip(old), values...)
	}
	return out
}

// closest is the one rule that speaks of a path; nil if none does. An exact
// path comes before all patterns. Of a list's path, which ends in a slash, a
// rule for the path without it speaks too; a pattern for that may only deny.
func (rs *rules) closest(path string, list bool) *rule {
	if r := rs.exact[EveryPath]; r != nil {
		return r
	}
	if r := rs.exact[path]; r != nil {
		return r
	}
	bare, slashed := strings.CutSuffix(path, "/")
	list = list && slashed
	if list {
		if r := rs.exact[bare]; r != nil {
			return r
		}
	}
	best := rs.pattern(path, nil, false)
	if list {
		best = rs.pattern(bare, best, true)
	}
	return best
}

// pattern finds the best of the patterns that match, and of best.
func (rs *rules) pattern(path string, best *rule, deniesOnly bool) *rule {
	better := func(r *rule) {
		if (!deniesOnly || r.Can&CanNothing != 0) && (best == nil || best.below(r)) {
			best = r
		}
	}
	for _, n := range rs.lengths {
		if n > len(path) {
			continue
		}
		if r := rs.prefixes[path[:n]]; r != nil {
			better(r)
			break
		}
	}
	if len(rs.wild) > 0 {
		parts := strings.Split(path, "/")
		for _, r := range rs.wild {
			if r.matches(parts) {
				better(r)
			}
		}
	}
	return best
}

func (r *rule) matches(parts []string) bool {
	if len(parts) < len(r.segments) || !r.prefix && len(parts) != len(r.segments) {
		return false
	}
	for i, s := range r.segments {
		last := r.prefix && i == len(r.segments)-1
		if s != "+" && s != parts[i] && !(last && strings.HasPrefix(parts[i], s)) {
			return false
		}
	}
	return true
}

// below reports whether r has a lower priority than s.
// (https://developer.hashicorp.com/vault/docs/concepts/policies#priority-matching)
func (r *rule) below(s *rule) bool {
	switch {
	case r.first != s.first:
		return r.first < s.first
	case r.prefix != s.prefix:
		return r.prefix
	case r.wild != s.wild:
		return r.wild > s.wild
	case len(r.Path) != len(s.Path):
		return len(r.Path) < len(s.Path)
	}
	return r.Path < s.Path
}

// decide finds the rule that speaks and whether it permits; nil if none speaks,
// or what does is silent on what is asked.
func (rs *rules) decide(a *Ask) (*rule, bool) {
	r := rs.closest(a.Path, a.Want&(CanList|CanScan) != 0)
	switch {
	case r == nil:
		return nil, false
	case r.Can&CanNothing != 0:
		return r, false
	case r.Can&a.Want == 0, a.Sudo && r.Can&CanSudo == 0, !r.wraps(a.WrapTTL), !r.takes(a):
		return nil, false
	}
	return r, true
}

func (r *rule) wraps(ttl int64) bool {
	return (r.MaxWrap == 0 || ttl > 0 && ttl <= r.MaxWrap) && (r.MinWrap == 0 || ttl >= r.MinWrap)
}

// takes reports whether the rule allows the request's parameters.
func (r *rule) takes(a *Ask) bool {
	if r.Allowed == nil && r.Denied == nil && len(r.Required) == 0 || a.Want&(CanCreate|CanUpdate|CanPatch|CanRead) == 0 {
		return true
	}
	if a.Params == nil {
		return false
	}
	names := a.Params.Names()
	for _, p := range r.Required {
		if !slices.ContainsFunc(names, func(n string) bool { return fold.Lower(n) == p }) {
			return false
		}
	}
	if len(names) == 0 {
		return true
	}
	if _, all := r.Denied["*"]; all {
		return false
	}
	for _, n := range names {
		if !r.takesOne(fold.Lower(n), a.Params.Value(n)) {
			return false
		}
	}
	return true
}

func (r *rule) takesOne(name string, value Operand) bool {
	in := func(values []Operand) bool {
		return len(values) == 0 || slices.ContainsFunc(values, func(o Operand) bool { return o.equal(value) })
	}
	if values, ok := r.Denied[name]; ok && in(values) {
		return false
	}
	if r.Allowed == nil {
		return true
	}
	if values, ok := r.Allowed[name]; ok {
		return in(values)
	}
	_, rest := r.Allowed["*"]
	return rest
}

// HasRules reports whether Vault policies are part of the program.
func (p *Program) HasRules() bool { return p != nil && p.rules != nil }

// Capabilities are what the program's Vault policies allow on a path; none and
// CanNothing both mean that they refuse.
func (p *Program) Capabilities(path string) Capabilities {
	if !p.HasRules() {
		return 0
	}
	if r := p.rules.closest(path, strings.HasSuffix(path, "/")); r != nil {
		return r.Can
	}
	return 0
}

// AnyBelow reports whether the program's Vault policies allow anything on any
// path that begins with prefix.
func (p *Program) AnyBelow(prefix string) bool {
	if !p.HasRules() {
		return false
	}
	reaches := func(r *rule) bool {
		if r.Can&CanNothing != 0 || r.Can == 0 {
			return false
		}
		text, _ := strings.CutSuffix(r.Path, "*")
		if r.segments == nil {
			return strings.HasPrefix(text, prefix) || r.prefix && strings.HasPrefix(prefix, text)
		}
		parts := strings.Split(strings.TrimSuffix(prefix, "/"), "/")
		for i, part := range parts {
			if i == len(r.segments) {
				return r.prefix
			}
			last := r.prefix && i == len(r.segments)-1
			if s := r.segments[i]; s != "+" && s != part && !(last && strings.HasPrefix(part, s)) {
				return false
			}
		}
		return true
	}
	for _, all := range []map[string]*rule{p.rules.exact, p.rules.prefixes} {
		for _, r := range all {
			if reaches(r) {
				return true
			}
		}
	}
	return slices.ContainsFunc(p.rules.wild, reaches)
}

// Rules lists the program's rules of Vault policies, merged, by path.
func (p *Program) Rules() []Rule {
	if !p.HasRules() {
		return nil
	}
	var all []Rule
	for _, m := range []map[string]*rule{p.rules.exact, p.rules.prefixes} {
		for _, r := range m {
			all = append(all, r.Rule)
		}
	}
	for _, r := range p.rules.wild {
		all = append(all, r.Rule)
	}
	slices.SortFunc(all, func(a, b Rule) int { return strings.Compare(a.Path, b.Path) })
	return all
}
