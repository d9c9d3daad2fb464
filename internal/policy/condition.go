package policy

import (
	"bytes"
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/fold"
)

// Condition is one compiled condition: an operator, a key, and the operands.
type Condition struct {
	key      string
	negated  bool // "Not": no operand may match
	ifExists bool // a key that is absent is as good as a match
	set      set
	hits     func(c *Condition, value string, keys Keys) bool // does a value match an operand?
	null     bool                                             // the operator Null: absent must be what absent says
	absent   bool

	texts   []Pattern
	numbers []float64
	times   []time.Time
	nets    []netip.Prefix
	blobs   [][]byte
	truths  []bool
	compare func(order int) bool // of numbers and times
}

// set says how many values of a key must match.
type set uint8

const (
	scalar set = iota
	forAllValues
	forAnyValue
)

// ConditionError says why a condition cannot be compiled.
type ConditionError struct{ Problem string }

func (e *ConditionError) Error() string { return e.Problem }

// NewCondition compiles `{operator: {key: values}}` of an IAM document.
// variables says whether values may hold policy variables. It fails with a
// *ConditionError.
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html)
func NewCondition(operator, key string, values []string, variables bool) (Condition, error) {
	c := Condition{key: fold.Lower(key)}
	name := operator
	if rest, ok := strings.CutPrefix(name, "ForAllValues:"); ok {
		name, c.set = rest, forAllValues
	} else if rest, ok := strings.CutPrefix(name, "ForAnyValue:"); ok {
		name, c.set = rest, forAnyValue
	}
	if rest, ok := strings.CutSuffix(name, "IfExists"); ok {
		name, c.ifExists = rest, true
	}
	op, ok := operators[name]
	if !ok || name == "Null" && (c.ifExists || c.set != scalar) {
		return c, &ConditionError{"Invalid Condition type : " + operator + "."}
	}
	mode := op.mode
	if variables {
		mode |= Variables
	}
	c.negated, c.compare, c.hits = op.negated, op.compare, op.hits
	for _, v := range values {
		if problem := op.add(&c, v, mode); problem != "" {
			return c, &ConditionError{"Invalid value " + strconv.Quote(v) + " for " + operator + ": " + problem + "."}
		}
	}
	if name == "Null" {
		c.null = true
		if len(c.truths) != 1 {
			return c, &ConditionError{"Null takes one value, true or false."}
		}
		c.absent = c.truths[0]
	}
	return c, nil
}

// operator is one row of the table of operators.
type operator struct {
	negated bool
	mode    Mode
	add     func(c *Condition, operand string, m Mode) (problem string)
	hits    func(c *Condition, value string, keys Keys) bool
	compare func(order int) bool
}

func equal(order int) bool        { return order == 0 }
func less(order int) bool         { return order < 0 }
func lessEqual(order int) bool    { return order <= 0 }
func greater(order int) bool      { return order > 0 }
func greaterEqual(order int) bool { return order >= 0 }

// operators by name; the set operators and IfExists are cut off before.
var operators = map[string]operator{
	"StringEquals":              {mode: Literal, add: addText, hits: hitsText},
	"StringNotEquals":           {mode: Literal, add: addText, hits: hitsText, negated: true},
	"StringEqualsIgnoreCase":    {mode: Literal | Folded, add: addText, hits: hitsText},
	"StringNotEqualsIgnoreCase": {mode: Literal | Folded, add: addText, hits: hitsText, negated: true},
	"StringLike":                {add: addText, hits: hitsText},
	"StringNotLike":             {add: addText, hits: hitsText, negated: true},
	"ArnEquals":                 {add: addARN, hits: hitsText},
	"ArnLike":                   {add: addARN, hits: hitsText},
	"ArnNotEquals":              {add: addARN, hits: hitsText, negated: true},
	"ArnNotLike":                {add: addARN, hits: hitsText, negated: true},
	"NumericEquals":             {add: addNumber, hits: hitsNumber, compare: equal},
	"NumericNotEquals":          {add: addNumber, hits: hitsNumber, compare: equal, negated: true},
	"NumericLessThan":           {add: addNumber, hits: hitsNumber, compare: less},
	"NumericLessThanEquals":     {add: addNumber, hits: hitsNumber, compare: lessEqual},
	"NumericGreaterThan":        {add: addNumber, hits: hitsNumber, compare: greater},
	"NumericGreaterThanEquals":  {add: addNumber, hits: hitsNumber, compare: greaterEqual},
	"DateEquals":                {add: addTime, hits: hitsTime, compare: equal},
	"DateNotEquals":             {add: addTime, hits: hitsTime, compare: equal, negated: true},
	"DateLessThan":              {add: addTime, hits: hitsTime, compare: less},
	"DateLessThanEquals":        {add: addTime, hits: hitsTime, compare: lessEqual},
	"DateGreaterThan":           {add: addTime, hits: hitsTime, compare: greater},
	"DateGreaterThanEquals":     {add: addTime, hits: hitsTime, compare: greaterEqual},
	"Bool":                      {add: addTruth, hits: hitsTruth},
	"Null":                      {add: addTruth},
	"BinaryEquals":              {add: addBlob, hits: hitsBlob},
	"IpAddress":                 {add: addNet, hits: hitsNet},
	"NotIpAddress":              {add: addNet, hits: hitsNet, negated: true},
}

// Key is the condition key that it asks for, in lower case.
func (c *Condition) Key() string { return c.key }

// Holds reports whether the circumstances are what the condition wants. keys
// may be nil.
func (c *Condition) Holds(keys Keys) bool {
	var v Value
	if keys != nil {
		v = keys.Lookup(c.key)
	}
	switch {
	case c.null:
		return v.Present != c.absent
	case !v.Present && c.ifExists:
		return true
	case !v.Present:
		return c.set == forAllValues || c.set == scalar && c.negated
	case c.set == scalar:
		return !v.Multi && c.good(v.One, keys)
	case !v.Multi:
		return c.good(v.One, keys)
	}
	for _, one := range v.Many {
		if c.good(one, keys) == (c.set == forAnyValue) {
			return c.set == forAnyValue
		}
	}
	return c.set == forAllValues
}

// good reports whether one value is as the condition wants it.
func (c *Condition) good(value string, keys Keys) bool { return c.hits(c, value, keys) != c.negated }

func addText(c *Condition, s string, m Mode) string {
	c.texts = append(c.texts, NewPattern(s, m))
	return ""
}

func addARN(c *Condition, s string, m Mode) string {
	if s != "*" && !strings.HasPrefix(s, "arn:") && !strings.HasPrefix(s, "${") {
		return "it must be an ARN"
	}
	c.texts = append(c.texts, NewARN(s, m))
	return ""
}

func hitsText(c *Condition, value string, keys Keys) bool { return anyMatch(c.texts, value, keys) }

func addNumber(c *Condition, s string, _ Mode) string {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return "it must be a number"
	}
	c.numbers = append(c.numbers, n)
	return ""
}

func hitsNumber(c *Condition, value string, _ Keys) bool {
	n, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return false
	}
	for _, o := range c.numbers {
		if n == o && c.compare(0) || n < o && c.compare(-1) || n > o && c.compare(1) {
			return true
		}
	}
	return false
}

// dateForms are the forms of ISO 8601 that are understood, besides seconds
// since 1970.
var dateForms = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04Z07:00", "2006-01-02"}

func parseTime(s string) (time.Time, bool) {
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) > 4 {
		return time.Unix(seconds, 0), true
	}
	for _, form := range dateForms {
		if t, err := time.Parse(form, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func addTime(c *Condition, s string, _ Mode) string {
	t, ok := parseTime(s)
	if !ok {
		return "it must be a date in ISO 8601, or seconds since 1970"
	}
	c.times = append(c.times, t)
	return ""
}

func hitsTime(c *Condition, value string, _ Keys) bool {
	t, ok := parseTime(value)
	for _, o := range c.times {
		if ok && c.compare(t.Compare(o)) {
			return true
		}
	}
	return false
}

func addTruth(c *Condition, s string, _ Mode) string {
	if !fold.Equal(s, "true") && !fold.Equal(s, "false") {
		return "it must be true or false"
	}
	c.truths = append(c.truths, fold.Equal(s, "true"))
	return ""
}

func hitsTruth(c *Condition, value string, _ Keys) bool {
	for _, o := range c.truths {
		if o && fold.Equal(value, "true") || !o && fold.Equal(value, "false") {
			return true
		}
	}
	return false
}

func addBlob(c *Condition, s string, _ Mode) string {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "it must be base64"
	}
	c.blobs = append(c.blobs, b)
	return ""
}

func hitsBlob(c *Condition, value string, _ Keys) bool {
	b, err := base64.StdEncoding.DecodeString(value)
	for _, o := range c.blobs {
		if err == nil && bytes.Equal(b, o) {
			return true
		}
	}
	return false
}

func addNet(c *Condition, s string, _ Mode) string {
	if p, err := netip.ParsePrefix(s); err == nil {
		c.nets = append(c.nets, p.Masked())
		return ""
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return "it must be an IP address or a range in CIDR notation"
	}
	c.nets = append(c.nets, netip.PrefixFrom(a, a.BitLen()))
	return ""
}

func hitsNet(c *Condition, value string, _ Keys) bool {
	a, err := netip.ParseAddr(value)
	for _, o := range c.nets {
		if err == nil && o.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}
