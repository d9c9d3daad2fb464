package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/strongroom-dev/strongroom/internal/name/arn"
)

// decode reads an input. An empty body is an empty object, members that are
// not known are ignored, as AWS does.
func decode(body []byte, into any) error {
	if len(body) == 0 {
		return nil
	}
	if f, ok := into.(flat); ok && decodeFlat(body, f) {
		return nil
	}
	err := json.Unmarshal(body, into)
	if err == nil {
		return nil
	}
	message := ""
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		message = typeProblem(e.Value, e.Type.Kind().String())
	} else if e, ok := errors.AsType[*notAString](err); ok {
		message = typeProblem(map[byte]string{'{': "object", '[': "array", 't': "bool", 'f': "bool"}[e.first], "string")
	}
	return &wireError{kind: "SerializationException", message: message, status: http.StatusBadRequest}
}

// typeProblem says, in AWS's words, that JSON of one kind stands where another
// is due. It never quotes the JSON.
func typeProblem(got, want string) string {
	got, _, _ = strings.Cut(got, " ")
	names := map[string]string{"string": "STRING_VALUE", "bool": "TRUE_VALUE", "number": "NUMBER_VALUE", "": "NUMBER_VALUE"}
	types := map[string]string{"string": "String", "int64": "Long", "int": "Integer", "bool": "Boolean"}
	switch {
	case got == "object":
		return "Start of structure or map found where not expected."
	case got == "array":
		return "Start of list found where not expected"
	case types[want] == "":
		return "Unexpected field type"
	}
	return names[got] + " can not be converted to " + types[want]
}

// checker gathers what breaks the constraints of the service's model.
type checker struct{ problems []string }

func (c *checker) add(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

// required wants a member to be there.
func (c *checker) required(field string, given bool) bool {
	if !given {
		c.add("Value null at '%s' failed to satisfy constraint: Member must not be null", field)
	}
	return given
}

// length bounds the length of a member that is there.
func (c *checker) length(field string, value *string, least, most int) {
	if value == nil {
		return
	}
	if n := utf8.RuneCountInString(*value); n < least || n > most {
		c.bounds("Value '"+*value+"' at '"+field+"'", n, least, most)
	}
}

// hidden bounds the length of a value, which is not shown.
func (c *checker) hidden(field string, s sensitive, most int) {
	if s.given {
		c.bounds("Value at '"+field+"'", s.value.Len(), 1, most)
	}
}

func (c *checker) bounds(what string, n, least, most int) {
	if n < least {
		c.add("%s failed to satisfy constraint: Member must have length greater than or equal to %d", what, least)
	}
	if n > most {
		c.add("%s failed to satisfy constraint: Member must have length less than or equal to %d", what, most)
	}
}

// pattern wants a text that is there to be of a form.
func (c *checker) pattern(field string, value *string, form *regexp.Regexp) {
	if value != nil && !form.MatchString(*value) {
		c.add("Value '%s' at '%s' failed to satisfy constraint: Member must satisfy regular expression pattern: %s", *value, field, strings.TrimSuffix(strings.TrimPrefix(form.String(), "^"), "$"))
	}
}

// strings bounds a list that is there, and its elements.
func (c *checker) strings(field string, list []string, least, most, shortest, longest int) {
	if list == nil {
		return
	}
	shown := "[" + strings.Join(list, ", ") + "]"
	c.bounds("Value '"+shown+"' at '"+field+"'", len(list), least, most)
	for _, e := range list {
		if n := len([]rune(e)); n < shortest || n > longest {
			c.add("Value '%s' at '%s' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to %d, Member must have length greater than or equal to %d]", shown, field, longest, shortest)
			return
		}
	}
}

// between bounds a number that is there.
func (c *checker) between(field string, n *int64, least, most int64) {
	if n == nil {
		return
	}
	if *n < least {
		c.add("Value '%d' at '%s' failed to satisfy constraint: Member must have value greater than or equal to %d", *n, field, least)
	}
	if *n > most {
		c.add("Value '%d' at '%s' failed to satisfy constraint: Member must have value less than or equal to %d", *n, field, most)
	}
}

// oneOf wants a member that is there to be one of an enumeration.
func (c *checker) oneOf(field, value string, all ...string) {
	for _, a := range all {
		if a == value {
			return
		}
	}
	c.add("Value '%s' at '%s' failed to satisfy constraint: Member must satisfy enum value set: [%s]", value, field, strings.Join(all, ", "))
}

func (c *checker) tags(tags []tag) {
	for i, t := range tags {
		at := fmt.Sprintf("tags.%d.member.", i+1)
		c.length(at+"key", t.Key, 1, 128)
		c.length(at+"value", t.Value, 0, 256)
	}
}

func (c *checker) secretID(id *string) {
	if c.required("secretId", id != nil) {
		c.length("secretId", id, 1, 2048)
	}
}

func validation(message string) *wireError {
	return &wireError{kind: "ValidationException", message: message, status: http.StatusBadRequest, lower: true}
}

// err is everything that was found, as one error.
func (c *checker) err() error {
	switch n := len(c.problems); n {
	case 0:
		return nil
	case 1:
		return validation("1 validation error detected: " + c.problems[0])
	default:
		return validation(fmt.Sprintf("%d validation errors detected: %s", n, strings.Join(c.problems, "; ")))
	}
}

const badName = "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"

// names judges the characters of names and IDs, which the model leaves open.
func names(id *string, name *string) error {
	if (id != nil && !arn.ValidSecretID(*id)) || (name != nil && !arn.ValidName(*name)) {
		return validation(badName)
	}
	return nil
}

// text is the string behind p, empty for nil.
func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func number(p *int64, otherwise int64) int64 {
	if p == nil {
		return otherwise
	}
	return *p
}

// tag is a tag as it is sent.
type tag struct{ Key, Value *string }
