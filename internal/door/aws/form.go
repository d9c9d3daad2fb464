package aws

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/strongroom-dev/strongroom/internal/secret"
)

// form is the members of a request of the Query protocol.
type form struct{ values url.Values }

func (f form) get(name string) string { return f.values.Get(name) }

func (f form) has(name string) bool { return f.values.Has(name) }

// list reads name.member.1, name.member.2…
func (f form) list(name string) []string {
	var all []string
	for i := 1; f.has(fmt.Sprintf("%s.member.%d", name, i)); i++ {
		all = append(all, f.get(fmt.Sprintf("%s.member.%d", name, i)))
	}
	return all
}

// arns reads PolicyArns.member.1.arn…
func (f form) arns(name string) []string {
	var all []string
	for i := 1; f.has(fmt.Sprintf("%s.member.%d.arn", name, i)); i++ {
		all = append(all, f.get(fmt.Sprintf("%s.member.%d.arn", name, i)))
	}
	return all
}

func (f form) tags() []secret.Tag {
	var all []secret.Tag
	for i := 1; f.has(fmt.Sprintf("Tags.member.%d.Key", i)); i++ {
		at := fmt.Sprintf("Tags.member.%d.", i)
		all = append(all, secret.Tag{Key: f.get(at + "Key"), Value: f.get(at + "Value")})
	}
	return all
}

// context reads ContextEntries.member.1.ContextKeyName…
func (f form) context() []contextEntry {
	var all []contextEntry
	for i := 1; f.has(fmt.Sprintf("ContextEntries.member.%d.ContextKeyName", i)); i++ {
		at := fmt.Sprintf("ContextEntries.member.%d.", i)
		all = append(all, contextEntry{Key: f.get(at + "ContextKeyName"), Values: f.list(at + "ContextKeyValues"), Multi: strings.HasSuffix(f.get(at+"ContextKeyType"), "List")})
	}
	return all
}

// queryChecker finds out what is wrong with a form, all of it.
type queryChecker struct {
	f        form
	problems []string
}

func (c *queryChecker) add(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// member is how messages spell a member's name.
func member(name string) string { return strings.ToLower(name[:1]) + name[1:] }

func (c *queryChecker) need(name string) {
	if !c.f.has(name) {
		c.add("Value null at '%s' failed to satisfy constraint: Member must not be null", member(name))
	}
}

// length bounds a member that is there.
func (c *queryChecker) length(name string, least, most int) {
	v := c.f.get(name)
	switch n := len([]rune(v)); {
	case !c.f.has(name):
	case n < least:
		c.add("Value '%s' at '%s' failed to satisfy constraint: Member must have length greater than or equal to %d", shown(v), member(name), least)
	case n > most:
		c.add("Value '%s' at '%s' failed to satisfy constraint: Member must have length less than or equal to %d", shown(v), member(name), most)
	}
}

// chars wants only letters, digits and those of extra.
func (c *queryChecker) chars(name, extra, pattern string) {
	v := c.f.get(name)
	if strings.IndexFunc(v, func(r rune) bool {
		return !(r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r))) && !strings.ContainsRune(extra, r)
	}) >= 0 {
		c.add("Value '%s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: %s", shown(v), member(name), pattern)
	}
}

const shownLength = 200

func shown(v string) string {
	if len(v) > shownLength {
		return v[:shownLength] + "..."
	}
	return v
}

// path wants "/" or "/…/".
func (c *queryChecker) path(name string, prefix bool) {
	v := c.f.get(name)
	if v == "" {
		return
	}
	bad := v[0] != '/' || !prefix && v[len(v)-1] != '/'
	for _, r := range v {
		bad = bad || r < 0x21 || r > 0x7e
	}
	if bad || len(v) > 512 {
		c.add("Value '%s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: (\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F)", shown(v), member(name))
	}
}

// whole reads a number that is there, and bounds it.
func (c *queryChecker) whole(name string, otherwise, least, most int64) int64 {
	if !c.f.has(name) {
		return otherwise
	}
	n, err := strconv.ParseInt(c.f.get(name), 10, 64)
	switch {
	case err != nil:
		c.add("Value '%s' at '%s' failed to satisfy constraint: Member must be a number", shown(c.f.get(name)), member(name))
	case n < least:
		c.add("Value '%d' at '%s' failed to satisfy constraint: Member must have value greater than or equal to %d", n, member(name), least)
	case n > most:
		c.add("Value '%d' at '%s' failed to satisfy constraint: Member must have value less than or equal to %d", n, member(name), most)
	}
	return n
}

func (c *queryChecker) tags() []secret.Tag {
	tags := c.f.tags()
	for i, t := range tags {
		if n := len([]rune(t.Key)); n < 1 || n > 128 {
			c.add("Value '%s' at 'tags.%d.member.key' failed to satisfy constraint: Member must have length between 1 and 128", shown(t.Key), i+1)
		}
		if len([]rune(t.Value)) > 256 {
			c.add("Value '%s' at 'tags.%d.member.value' failed to satisfy constraint: Member must have length less than or equal to 256", shown(t.Value), i+1)
		}
	}
	return tags
}

// err is everything that was found, as one error.
func (c *queryChecker) err() error {
	switch n := len(c.problems); n {
	case 0:
		return nil
	case 1:
		return badForm("1 validation error detected: " + c.problems[0])
	default:
		return badForm(fmt.Sprintf("%d validation errors detected: %s", n, strings.Join(c.problems, "; ")))
	}
}

func badForm(message string) *wireError {
	return &wireError{kind: "ValidationError", message: message, status: http.StatusBadRequest}
}
