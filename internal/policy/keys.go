package policy

import (
	"strconv"

	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// Value is what a condition key stands for in one request.
type Value struct {
	Present bool
	One     string
	// Multi marks a key that may hold many values, even where it holds one or
	// none; they are in Many.
	Multi bool
	Many  []string
}

// One is a key's single value.
func One(s string) Value { return Value{Present: true, One: s} }

// Many is a key's values.
func Many(s []string) Value { return Value{Present: len(s) > 0, Multi: true, Many: s} }

// Keys knows the circumstances of a request.
type Keys interface {
	// Lookup finds a condition key, which is in lower case:
	// "aws:sourceip", "secretsmanager:resourcetag/team".
	Lookup(key string) Value
}

// Facts are keys in a map, by their names in lower case.
type Facts map[string]Value

// Lookup implements Keys.
func (f Facts) Lookup(key string) Value { return f[key] }

// Set sets a key to one value; an empty one leaves it absent.
func (f Facts) Set(key, value string) {
	if value != "" {
		f[key] = One(value)
	}
}

// SetBool sets a key to "true" or "false".
func (f Facts) SetBool(key string, value bool) { f[key] = One(strconv.FormatBool(value)) }

// SetTags sets what a request says of tags: aws:RequestTag and aws:TagKeys.
func (f Facts) SetTags(tags []secret.Tag) {
	var keys []string
	for _, t := range tags {
		keys = append(keys, t.Key)
		f["aws:requesttag/"+fold.Lower(t.Key)] = One(t.Value)
	}
	f["aws:tagkeys"] = Many(keys)
}
