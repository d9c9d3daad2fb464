package core

import (
	"slices"
	"strings"
	"unicode"

	"github.com/strongroom-dev/strongroom/internal/secret"
)

// The keys of filters.
const (
	FilterAll           = "all"
	FilterName          = "name"
	FilterTagKey        = "tag-key"
	FilterTagValue      = "tag-value"
	FilterDescription   = "description"
	FilterPrimaryRegion = "primary-region"
	FilterOwningService = "owning-service"
)

// Filter picks secrets as AWS does: any one of the values must match, and a
// value that begins with ! matches what the rest of it does not. Names, tags,
// regions and services are matched by their beginning, to the letter;
// descriptions, and everything under "all", word by word, by the beginnings of
// words, whatever the case.
type Filter struct {
	Key    string
	Values []string
}

func (f *Filter) match(s secret.Space, sec *secret.Secret) bool {
	for _, v := range f.Values {
		rest, negated := strings.CutPrefix(v, "!")
		if f.matchOne(s, sec, rest) != negated {
			return true
		}
	}
	return false
}

func (f *Filter) matchOne(s secret.Space, sec *secret.Secret, value string) bool {
	switch f.Key {
	case FilterName:
		return strings.HasPrefix(sec.Name, value)
	case FilterTagKey:
		return slices.ContainsFunc(sec.Tags, func(t secret.Tag) bool { return strings.HasPrefix(t.Key, value) })
	case FilterTagValue:
		return slices.ContainsFunc(sec.Tags, func(t secret.Tag) bool { return strings.HasPrefix(t.Value, value) })
	case FilterDescription:
		return wordsMatch(plainWords(value), plainWords(sec.Description))
	case FilterAll:
		return wordsMatch(camelWords(value), allWords(sec))
	}
	if f.Key == FilterPrimaryRegion {
		return sec.IsReplica() && strings.HasPrefix(sec.Primary, value) || len(sec.Replicas) > 0 && strings.HasPrefix(s.Region, value)
	}
	return false // secrets here have no owning service
}

// wordsMatch reports whether every word begins one of the text's.
func wordsMatch(words, text []string) bool {
	if len(words) == 0 {
		return false
	}
	for _, w := range words {
		if !slices.ContainsFunc(text, func(t string) bool { return strings.HasPrefix(t, w) }) {
			return false
		}
	}
	return true
}

func isSeparator(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }

func plainWords(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), unicode.IsSpace)
}

func allWords(sec *secret.Secret) []string {
	words := nameWords(sec.Name)
	words = append(words, camelWords(sec.Description)...)
	for _, t := range sec.Tags {
		words = append(append(words, camelWords(t.Key)...), camelWords(t.Value)...)
	}
	return words
}

// nameWords splits a name, unless it holds two different separators.
func nameWords(name string) []string {
	var first rune
	for _, r := range name {
		if isSeparator(r) {
			if first != 0 && r != first {
				return []string{strings.ToLower(name)}
			}
			first = r
		}
	}
	return camelWords(name)
}

// camelWords splits at separators and where the case changes: fooBar is foo
// and bar, HTTPServer is http and server.
func camelWords(s string) []string {
	var words []string
	for _, part := range strings.FieldsFunc(s, isSeparator) {
		runes := []rune(part)
		begin := 0
		for i := 1; i < len(runes); i++ {
			lowerUpper := !unicode.IsUpper(runes[i-1]) && unicode.IsUpper(runes[i])
			upperLower := i-begin > 1 && unicode.IsUpper(runes[i-1]) && unicode.IsLower(runes[i])
			if upperLower {
				words = append(words, strings.ToLower(string(runes[begin:i-1])))
				begin = i - 1
			} else if lowerUpper {
				words = append(words, strings.ToLower(string(runes[begin:i])))
				begin = i
			}
		}
		words = append(words, strings.ToLower(string(runes[begin:])))
	}
	return words
}
