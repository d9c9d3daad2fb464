package policy

import "strings"

// Glob is a compiled pattern: `*` stands for any run of characters, `?` for
// one. Matching takes linear time whatever the pattern.
type Glob struct {
	text string
	kind globKind
	fold bool
}

type globKind uint8

const (
	exact  globKind = iota
	all             // "*"
	prefix          // one "*", at the end
	wild
)

// NewGlob compiles a pattern; fold makes it blind to the case of ASCII
// letters.
func NewGlob(pattern string, fold bool) Glob {
	if fold {
		pattern = strings.ToLower(pattern)
	}
	first := strings.IndexAny(pattern, "*?")
	switch {
	case first < 0:
		return Glob{pattern, exact, fold}
	case pattern == "*":
		return Glob{pattern, all, fold}
	case first == len(pattern)-1 && pattern[first] == '*':
		return Glob{pattern[:first], prefix, fold}
	}
	return Glob{pattern, wild, fold}
}

// Match reports whether the pattern describes all of s.
func (g Glob) Match(s string) bool {
	if g.kind == all {
		return true
	}
	switch {
	case g.kind == exact && g.fold:
		return strings.EqualFold(s, g.text)
	case g.kind == exact:
		return s == g.text
	case g.fold:
		s = strings.ToLower(s)
	}
	if g.kind == prefix {
		return strings.HasPrefix(s, g.text)
	}
	return match(g.text, s)
}

// match is the greedy two-pointer matcher: it backs up to the last star only.
func match(p, s string) bool {
	var i, j int
	star, mark := -1, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
