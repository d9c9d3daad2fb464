package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/jsontext"
	"github.com/strongroom-dev/strongroom/internal/policy"
)

// fields are the parameters of a request, as they stand in its body. The first
// that has the wrong type is remembered: ask err when all are read.
type fields struct {
	names  []string
	values [][]byte
	used   []string
	bad    error
}

// read reads a body: an object, or nothing.
func (f *fields) read(op operation, body []byte) error {
	if op != opWrite && op != opPatch && len(body) == 0 {
		return nil
	}
	body = bytes.TrimSpace(body)
	if len(body) == 0 || string(body) == "null" {
		return nil
	}
	switch err := jsontext.Check(body); {
	case errors.Is(err, jsontext.ErrTwice):
		return fault.New(fault.Invalid, "failed to parse JSON input: an object has a member twice")
	case errors.Is(err, jsontext.ErrDepth), errors.Is(err, jsontext.ErrNumber):
		return fault.New(fault.Invalid, "failed to parse JSON input: it is nested too deeply, or holds too long a number")
	case err != nil || body[0] != '{':
		if op == opRead || op == opDelete || op == opList || op == opScan {
			return nil // a body that says nothing there
		}
		return fault.New(fault.Invalid, "failed to parse JSON input: it is not a JSON object")
	}
	for name, value := range jsontext.Members(body) {
		f.names, f.values = append(f.names, name), append(f.values, value)
	}
	return nil
}

// raw is a parameter as it stands there; nil if it is not, or is null.
func (f *fields) raw(name string) []byte {
	f.used = append(f.used, name)
	if i := slices.Index(f.names, name); i >= 0 && string(f.values[i]) != "null" {
		return f.values[i]
	}
	return nil
}

func (f *fields) has(name string) bool { return f.raw(name) != nil }

func (f *fields) fail(name, want string) {
	if f.bad == nil {
		f.bad = fault.New(fault.Invalid, "Field validation failed: error converting input for field %q: expected %s", name, want)
	}
}

// err is what is wrong with the parameters that were asked for.
func (f *fields) err() error { return f.bad }

// unknown are the parameters that nobody asked for.
func (f *fields) unknown() []string {
	var all []string
	for _, n := range f.names {
		if !slices.Contains(f.used, n) {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all
}

// text is a parameter that is text; numbers and booleans are taken as they are
// written.
func (f *fields) text(name string) string {
	v := f.raw(name)
	if v == nil {
		return ""
	}
	switch v[0] {
	case '"':
		var s string
		_ = json.Unmarshal(v, &s)
		return s
	case '{', '[':
		f.fail(name, "a text")
		return ""
	}
	return string(v)
}

// bytes is a parameter that is text, in memory that can be wiped.
func (f *fields) bytes(name string) []byte {
	v := f.raw(name)
	if v == nil {
		return nil
	}
	if v[0] != '"' {
		f.fail(name, "a text")
		return nil
	}
	return jsontext.Unquote(v)
}

func (f *fields) boolean(name string) (value, given bool) {
	v := f.raw(name)
	if v == nil {
		return false, false
	}
	b, err := strconv.ParseBool(strings.Trim(string(v), `"`))
	if err != nil {
		f.fail(name, "a boolean")
	}
	return b, true
}

func (f *fields) whole(name string) (value int64, given bool) {
	v := f.raw(name)
	if v == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.Trim(string(v), `"`), 10, 64)
	if err != nil {
		f.fail(name, "a whole number")
	}
	return n, true
}

// seconds is a parameter that is a duration: seconds, or text as 1h30m.
func (f *fields) seconds(name string) (value int64, given bool) {
	v := f.raw(name)
	if v == nil {
		return 0, false
	}
	text := strings.Trim(string(v), `"`)
	if text == "" {
		return 0, true
	}
	n, err := duration(text)
	if err != nil {
		f.fail(name, "a duration in seconds, or as 1h30m")
	}
	return n, true
}

// maxSeconds is the longest duration: a hundred years.
const maxSeconds = 100 * 365 * 24 * 60 * 60

// duration reads seconds, or text as 1h30m or 7d, which it rounds up to a
// second.
func duration(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, bounded(n)
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseInt(days, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("not a duration")
		}
		n *= 24 * 60 * 60
		return n, bounded(n)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("not a duration")
	}
	n := int64(d / time.Second)
	if d > 0 && d%time.Second != 0 {
		n++
	}
	return n, bounded(n)
}

func bounded(n int64) error {
	if n > maxSeconds || n < -maxSeconds {
		return errors.New("a duration is at most a hundred years")
	}
	return nil
}

// list is a parameter that is a list of texts, or one text with commas.
func (f *fields) list(name string) (values []string, given bool) {
	v := f.raw(name)
	if v == nil {
		return nil, false
	}
	values = []string{}
	if v[0] != '[' {
		for _, s := range strings.Split(f.text(name), ",") {
			if s = strings.TrimSpace(s); s != "" {
				values = append(values, s)
			}
		}
		return values, true
	}
	for e := range jsontext.Elements(v) {
		var s string
		switch {
		case e[0] == '"':
			_ = json.Unmarshal(e, &s)
		case e[0] == '{' || e[0] == '[':
			f.fail(name, "a list of texts")
		default:
			s = string(e)
		}
		values = append(values, s)
	}
	return values, true
}

// object is a parameter that is an object of texts; as text it is JSON, or
// pairs as a=b,c=d.
func (f *fields) object(name string) (values map[string]string, given bool) {
	v := f.raw(name)
	if v == nil {
		return nil, false
	}
	if v[0] == '"' {
		text := f.text(name)
		if text == "" {
			return nil, true
		}
		v = []byte(text)
		if jsontext.Check(v) != nil || v[0] != '{' {
			return f.pairs(name, text), true
		}
	}
	if v[0] != '{' {
		f.fail(name, "an object")
		return nil, true
	}
	values = map[string]string{}
	for key, value := range jsontext.Members(v) {
		switch {
		case value[0] == '"':
			var s string
			_ = json.Unmarshal(value, &s)
			values[key] = s
		case value[0] == '{' || value[0] == '[':
			f.fail(name, "an object of texts")
		case string(value) != "null":
			values[key] = string(value)
		}
	}
	return values, true
}

func (f *fields) pairs(name, text string) map[string]string {
	values := map[string]string{}
	for _, pair := range strings.Split(text, ",") {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			f.fail(name, "an object of texts")
		}
		values[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	return values
}

// operand is a parameter as policies compare it.
func (f *fields) operand(name string) policy.Operand {
	i := slices.Index(f.names, name)
	if i < 0 {
		return policy.Operand{}
	}
	if v := f.values[i]; v[0] == '"' {
		return policy.Operand{Text: string(jsontext.Unquote(v))}
	}
	var b bytes.Buffer
	_ = json.Compact(&b, f.values[i]) // it was checked
	return policy.Operand{Text: b.String(), Raw: true}
}
