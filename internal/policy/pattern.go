package policy

import (
	"strings"
	"unicode/utf8"

	"github.com/strongroom-dev/strongroom/internal/fold"
)

// Pattern is a compiled pattern: wildcards, and variables that a question
// fills in. What a variable stands for is taken literally: its wildcards are
// none. Matching takes linear time whatever the pattern.
type Pattern struct {
	kind  patternKind
	fold  bool
	text  string    // of exact, prefix and wild: with manyMark and oneMark for wildcards
	parts []part    // of filled
	arn   []Pattern // of segmented: the six segments
}

type patternKind uint8

const (
	exact patternKind = iota
	all
	prefix    // one many-wildcard, at the end
	wild      // any other
	filled    // with variables
	segmented // an ARN, segment by segment
)

// The wildcards in a compiled text: bytes that are in no UTF-8.
const (
	manyMark = '\xff' // any run of characters
	oneMark  = '\xfe' // one character
)

// part is literal text (with wildcard marks), or a variable.
type part struct {
	text     string
	variable string // the condition key, in lower case
	fallback string
	has      bool // a fallback
}

// Mode says how a pattern is read.
type Mode uint8

// The modes; they combine.
const (
	Folded    Mode = 1 << iota // blind to the case of ASCII letters
	Literal                    // * and ? are characters like others
	Variables                  // ${key} is filled in
)

// Any matches everything.
var Any = NewPattern("*", 0)

// NewPattern compiles a pattern. A variable that is not closed is literal
// text: who writes policies is told so before.
func NewPattern(s string, m Mode) Pattern {
	if m&Variables != 0 && strings.Contains(s, "${") {
		if parts := split(s, m); len(parts) > 1 || len(parts) == 1 && parts[0].variable != "" {
			return Pattern{kind: filled, fold: m&Folded != 0, parts: parts}
		} else if len(parts) == 1 {
			return plain(parts[0].text, m)
		}
	}
	return plain(mark(s, m), m)
}

func mark(s string, m Mode) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if m&Folded != 0 {
		s = lower(s)
	}
	if m&Literal != 0 {
		return s
	}
	return strings.NewReplacer("*", string([]byte{manyMark}), "?", string([]byte{oneMark})).Replace(s)
}

// plain compiles a marked text.
func plain(text string, m Mode) Pattern {
	p := Pattern{text: text, fold: m&Folded != 0}
	first := 0
	for first < len(text) && text[first] < oneMark {
		first++
	}
	switch {
	case first == len(text):
		p.kind = exact
	case text == string([]byte{manyMark}):
		p.kind = all
	case first == len(text)-1 && text[first] == manyMark:
		p.kind, p.text = prefix, text[:first]
	default:
		p.kind = wild
	}
	return p
}

// split cuts a text at its variables. ${*}, ${?} and ${$} are the characters.
func split(s string, m Mode) []part {
	var parts []part
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			parts = append(parts, part{text: text.String()})
			text.Reset()
		}
	}
	for {
		before, rest, found := strings.Cut(s, "${")
		text.WriteString(mark(before, m))
		if !found {
			break
		}
		inner, after, closed := strings.Cut(rest, "}")
		if !closed {
			text.WriteString(mark("${"+rest, m))
			break
		}
		s = after
		if inner == "*" || inner == "?" || inner == "$" {
			text.WriteString(inner)
			continue
		}
		flush()
		parts = append(parts, variable(inner, m))
	}
	flush()
	return parts
}

// variable reads `key` or `key, 'fallback'`.
func variable(inner string, m Mode) part {
	key, fallback, has := strings.Cut(inner, ",")
	v := part{variable: fold.Lower(strings.TrimSpace(key)), has: has}
	if has {
		v.fallback = strings.Trim(strings.TrimSpace(fallback), "'")
		if m&Folded != 0 {
			v.fallback = lower(v.fallback)
		}
	}
	return v
}

// segments is how many an ARN has: arn:partition:service:region:account:resource.
const segments = 6

// NewARN compiles a pattern for ARNs. A wildcard does not reach beyond its
// segment, and what is missing at the end is anything.
func NewARN(s string, m Mode) Pattern {
	cuts := cutARN(s, m)
	if len(cuts) < 2 {
		return NewPattern(s, m)
	}
	head := strings.Join(cuts[:min(len(cuts), segments-1)], ":")
	if len(cuts) == segments && !strings.ContainsAny(head, "*?$") {
		return NewPattern(s, m) // as a whole it says the same
	}
	p := Pattern{kind: segmented}
	for _, c := range cuts {
		p.arn = append(p.arn, NewPattern(c, m))
	}
	for len(p.arn) < segments {
		p.arn = append(p.arn, Any)
	}
	return p
}

// cutARN cuts at the first five colons that are in no variable.
func cutARN(s string, m Mode) []string {
	var cuts []string
	begin, depth := 0, 0
	for i := 0; i < len(s) && len(cuts) < segments-1; i++ {
		switch {
		case m&Variables != 0 && s[i] == '$' && i+1 < len(s) && s[i+1] == '{':
			depth = 1
		case s[i] == '}':
			depth = 0
		case s[i] == ':' && depth == 0:
			cuts = append(cuts, s[begin:i])
			begin = i + 1
		}
	}
	return append(cuts, s[begin:])
}

func anyMatch(patterns []Pattern, s string, keys Keys) bool {
	for i := range patterns {
		if patterns[i].Match(s, keys) {
			return true
		}
	}
	return false
}

// Match reports whether the pattern describes all of s. A pattern with a
// variable that keys does not fill, or fills with many values, matches nothing.
func (p *Pattern) Match(s string, keys Keys) bool {
	switch p.kind {
	case all:
		return true
	case exact:
		return len(s) == len(p.text) && p.begins(s)
	case prefix:
		return len(s) >= len(p.text) && p.begins(s)
	case segmented:
		return p.matchARN(s, keys)
	case filled:
		var room [256]byte
		text, ok := p.fill(room[:0], keys)
		return ok && match(text, s, p.fold)
	}
	return match(p.text, s, p.fold)
}

// begins reports whether s, which is long enough, begins with the text. The
// patterns of a program tend to begin alike and to end otherwise, so it looks
// at the end first.
func (p *Pattern) begins(s string) bool {
	t := p.text
	if p.fold {
		return match(t, s[:len(t)], true)
	}
	if n := len(t); n >= 8 && s[n-8:n] != t[n-8:] {
		return false
	}
	return s[:len(t)] == t
}

// fill appends the text with its variables filled in.
func (p *Pattern) fill(dst []byte, keys Keys) ([]byte, bool) {
	for i := range p.parts {
		part := &p.parts[i]
		if part.variable == "" {
			dst = append(dst, part.text...)
			continue
		}
		var v Value
		if keys != nil {
			v = keys.Lookup(part.variable)
		}
		value := v.One
		switch {
		case v.Multi:
			return nil, false
		case !v.Present && !part.has:
			return nil, false
		case !v.Present:
			value = part.fallback
		}
		if strings.IndexByte(value, manyMark) >= 0 || strings.IndexByte(value, oneMark) >= 0 {
			value = strings.ToValidUTF8(value, "\ufffd")
		}
		if p.fold {
			value = lower(value)
		}
		dst = append(dst, value...)
	}
	return dst, true
}

func (p *Pattern) matchARN(s string, keys Keys) bool {
	for i := range p.arn {
		segment, rest, more := s, "", false
		if i < segments-1 {
			if segment, rest, more = strings.Cut(s, ":"); !more {
				return false
			}
		}
		if !p.arn[i].Match(segment, keys) {
			return false
		}
		s = rest
	}
	return true
}

// match is the greedy two-pointer matcher: it backs up to the last star only.
// With fold the pattern is in lower case.
func match[P string | []byte](p P, s string, fold bool) bool {
	var i, j int
	star, mark := -1, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == manyMark:
			star, mark = i, j
			i++
		case i < len(p) && p[i] == oneMark:
			i++
			j += runeLen(s[j:])
		case i < len(p) && (p[i] == s[j] || fold && p[i] == lowerByte(s[j])):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == manyMark {
		i++
	}
	return i == len(p)
}

func runeLen(s string) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// lower folds ASCII letters only.
func lower(s string) string {
	for i := range len(s) {
		if lowerByte(s[i]) != s[i] {
			b := []byte(s)
			for j := range b {
				b[j] = lowerByte(b[j])
			}
			return string(b)
		}
	}
	return s
}
