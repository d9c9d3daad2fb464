package iam_test

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// naive evaluates policies as the reference pages of IAM tell it, and as slowly
// as that: on the JSON as it stands, with regular expressions and maps. It
// shares no code with what it is compared to.
type naive struct {
	account, id, session, federated string
	action, resource, owner         string
	context                         map[string][]string // by lower-case key
	multi                           map[string]bool
	names                           map[string]string
}

// decide evaluates documents by layer; boundary and session are nil if there
// are none.
func (n *naive) decide(identity []string, boundary *string, session []string, resource *string) bool {
	verdict := func(docs []string, principals bool) (allow, deny bool, grade int) {
		for _, d := range docs {
			a, de, g := n.document(d, principals)
			allow, deny, grade = allow || a, deny || de, max(grade, g)
		}
		return
	}
	idAllow, idDeny, _ := verdict(identity, false)
	bAllow, sAllow, rAllow := true, true, false
	bDeny, sDeny, rDeny, grade := false, false, false, 0
	if boundary != nil {
		bAllow, bDeny, _ = verdict([]string{*boundary}, false)
	}
	if session != nil {
		sAllow, sDeny, _ = verdict(session, false)
	}
	if resource != nil {
		rAllow, rDeny, grade = verdict([]string{*resource}, true)
	}
	if idDeny || bDeny || sDeny || rDeny {
		return false
	}
	if n.owner != n.account {
		return rAllow && idAllow && bAllow && sAllow
	}
	if rAllow && grade == 3 {
		return true
	}
	return (idAllow || rAllow && grade == 2) && bAllow && sAllow
}

func (n *naive) document(text string, principals bool) (allow, deny bool, grade int) {
	var doc map[string]any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		panic(err)
	}
	version, _ := doc["Version"].(string)
	for _, s := range some(doc["Statement"]) {
		s := s.(map[string]any)
		g := 3
		if principals {
			g = n.principal(s)
		}
		if g == 0 || !n.applies(s, version) {
			continue
		}
		if s["Effect"] == "Deny" {
			deny = true
		} else {
			allow, grade = true, max(grade, g)
		}
	}
	return allow, deny, grade
}

func some(x any) []any {
	if l, ok := x.([]any); ok {
		return l
	}
	if x == nil {
		return nil
	}
	return []any{x}
}

// principal is 0 unnamed, 1 by account, 2 by role, 3 itself.
func (n *naive) principal(s map[string]any) int {
	p, not := s["Principal"], false
	if p == nil {
		p, not = s["NotPrincipal"], true
	}
	best := 0
	if p == "*" {
		best = 3
	} else {
		for kind, names := range p.(map[string]any) {
			for _, name := range some(names) {
				best = max(best, n.named(kind, name.(string)))
			}
		}
	}
	if not {
		return map[bool]int{true: 3, false: 0}[best == 0]
	}
	return best
}

func (n *naive) named(kind, name string) int {
	switch {
	case name == "*":
		return 3
	case kind == "Federated" && name == n.federated && name != "":
		return 3
	case kind != "AWS":
		return 0
	case name == n.account, name == "arn:aws:iam::"+n.account+":root":
		return 1
	}
	if m := regexp.MustCompile(`^arn:aws:sts::(\d+):assumed-role/([^/]+)/(.+)$`).FindStringSubmatch(name); m != nil {
		if n.names["arn:aws:iam::"+m[1]+":role/"+m[2]] == n.id && n.id != "" && n.session == m[3] {
			return 3
		}
		return 0
	}
	if n.names[name] == n.id && n.id != "" {
		if n.session != "" {
			return 2
		}
		return 3
	}
	return 0
}

func (n *naive) applies(s map[string]any, version string) bool {
	actions, not := some(s["Action"]), false
	if s["Action"] == nil {
		actions, not = some(s["NotAction"]), true
	}
	if slices.ContainsFunc(actions, func(a any) bool { return like("(?i)", a.(string), n.action) }) == not {
		return false
	}
	resources, not := some(s["Resource"]), false
	if s["Resource"] == nil {
		resources, not = some(s["NotResource"]), true
	}
	if resources != nil && slices.ContainsFunc(resources, func(r any) bool { return n.likeARN(r.(string), n.resource, version) }) == not {
		return false
	}
	conditions, _ := s["Condition"].(map[string]any)
	for op, keys := range conditions {
		for key, values := range keys.(map[string]any) {
			if !n.condition(op, strings.ToLower(key), some(values), version) {
				return false
			}
		}
	}
	return true
}

func like(flags, pattern, s string) bool {
	return expression(toRegexp(flags, pattern)).MatchString(s)
}

// expressions keeps what was compiled: the world of the questions is small.
var expressions sync.Map

func expression(expr string) *regexp.Regexp {
	if e, ok := expressions.Load(expr); ok {
		return e.(*regexp.Regexp)
	}
	e := regexp.MustCompile(expr)
	expressions.Store(expr, e)
	return e
}

func toRegexp(flags, pattern string) string {
	var b strings.Builder
	b.WriteString("(?s)" + flags + "^")
	for _, r := range pattern {
		switch r {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return b.String() + "$"
}

var variable = regexp.MustCompile(`\$\{([^}]*)\}`)

// substituted turns a pattern with variables into a regular expression; false
// if a variable has no value.
func (n *naive) substituted(flags, pattern, version string, literal bool) (string, bool) {
	if version != "2012-10-17" {
		if literal {
			return "(?s)" + flags + "^" + regexp.QuoteMeta(pattern) + "$", true
		}
		return toRegexp(flags, pattern), true
	}
	out, last := "", 0
	piece := func(s string) string {
		if literal {
			return regexp.QuoteMeta(s)
		}
		e := strings.TrimPrefix(toRegexp("", s), "(?s)^")
		return strings.TrimSuffix(e, "$")
	}
	for _, m := range variable.FindAllStringSubmatchIndex(pattern, -1) {
		out += piece(pattern[last:m[0]])
		last = m[1]
		inner := pattern[m[2]:m[3]]
		if inner == "*" || inner == "?" || inner == "$" {
			out += regexp.QuoteMeta(inner)
			continue
		}
		key, fallback, has := strings.Cut(inner, ",")
		key = strings.ToLower(strings.TrimSpace(key))
		values, there := n.context[key]
		switch {
		case n.multi[key]:
			return "", false
		case there:
			out += regexp.QuoteMeta(values[0])
		case has:
			out += regexp.QuoteMeta(strings.Trim(strings.TrimSpace(fallback), "'"))
		default:
			return "", false
		}
	}
	return "(?s)" + flags + "^" + out + piece(pattern[last:]) + "$", true
}

// likeARN compares segment by segment.
func (n *naive) likeARN(pattern, s, version string) bool {
	if pattern == "*" {
		return true
	}
	hidden := variable.ReplaceAllStringFunc(pattern, func(v string) string { return strings.ReplaceAll(v, ":", "\x01") })
	p, a := strings.SplitN(hidden, ":", 6), strings.SplitN(s, ":", 6)
	if len(p) == 1 {
		expr, ok := n.substituted("", pattern, version, false)
		return ok && expression(expr).MatchString(s)
	}
	for len(p) < 6 {
		p = append(p, "*")
	}
	if len(a) != 6 {
		return false
	}
	for i := range p {
		expr, ok := n.substituted("", strings.ReplaceAll(p[i], "\x01", ":"), version, false)
		if !ok || !expression(expr).MatchString(a[i]) {
			return false
		}
	}
	return true
}

func (n *naive) condition(op, key string, operands []any, version string) bool {
	values, there := n.context[key]
	set := ""
	if prefix, rest, ok := strings.Cut(op, ":"); ok {
		set, op = prefix, rest
	}
	if op == "Null" {
		return (operands[0] == "true" || operands[0] == true) == !there
	}
	if rest, ok := strings.CutSuffix(op, "IfExists"); ok {
		if !there {
			return true
		}
		op = rest
	}
	negated := strings.Contains(op, "Not")
	if !there {
		switch set {
		case "ForAllValues":
			return true
		case "ForAnyValue":
			return false
		}
		return negated
	}
	op = strings.Replace(op, "Not", "", 1)
	holds := func(v string) bool {
		return slices.ContainsFunc(operands, func(o any) bool { return n.compare(op, v, toText(o), version) }) != negated
	}
	switch set {
	case "ForAllValues":
		return !slices.ContainsFunc(values, func(v string) bool { return !holds(v) })
	case "ForAnyValue":
		return slices.ContainsFunc(values, holds)
	}
	return !n.multi[key] && holds(values[0])
}

func toText(x any) string {
	switch x := x.(type) {
	case string:
		return x
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(x)
	}
	panic(x)
}

func (n *naive) compare(op, value, operand, version string) bool {
	flags := ""
	switch op {
	case "StringEqualsIgnoreCase":
		flags = "(?i)"
		fallthrough
	case "StringEquals", "StringLike":
		expr, ok := n.substituted(flags, operand, version, op != "StringLike")
		return ok && expression(expr).MatchString(value)
	case "ArnEquals", "ArnLike":
		return n.likeARN(operand, value, version)
	case "Bool":
		return strings.EqualFold(value, operand)
	case "BinaryEquals":
		a, err := base64.StdEncoding.DecodeString(value)
		b, _ := base64.StdEncoding.DecodeString(operand)
		return err == nil && string(a) == string(b)
	case "IpAddress":
		a, err := netip.ParseAddr(value)
		p, err2 := netip.ParsePrefix(operand)
		if err2 != nil {
			b, _ := netip.ParseAddr(operand)
			return err == nil && a == b
		}
		return err == nil && p.Contains(a)
	}
	if rest, ok := strings.CutPrefix(op, "Numeric"); ok {
		a, err := strconv.ParseFloat(value, 64)
		b, _ := strconv.ParseFloat(operand, 64)
		return err == nil && ordered(rest, int(a*1000)-int(b*1000))
	}
	rest := strings.TrimPrefix(op, "Date")
	moment := func(s string) (time.Time, bool) {
		if t, err := time.Parse(time.RFC3339, s); err == nil {
			return t, true
		}
		sec, err := strconv.ParseInt(s, 10, 64)
		return time.Unix(sec, 0), err == nil && len(s) > 4
	}
	a, ok := moment(value)
	b, _ := moment(operand)
	return ok && ordered(rest, a.Compare(b))
}

func ordered(how string, order int) bool {
	switch how {
	case "Equals":
		return order == 0
	case "LessThan":
		return order < 0
	case "LessThanEquals":
		return order <= 0
	case "GreaterThan":
		return order > 0
	}
	return order >= 0
}
