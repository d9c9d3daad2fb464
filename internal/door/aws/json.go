package aws

import (
	"encoding/base64"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/strongroom-dev/strongroom/internal/jsontext"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// object writes the members of a JSON object. It is written here, and not
// left to a library, because it writes open values, whose bytes must not be
// copied into memory that nobody wipes.
type object struct {
	b     []byte
	comma bool
}

// reserve makes room for n more bytes and some punctuation. The memory that was
// too small is wiped: append would leave it, and what is in it, behind.
func (o *object) reserve(n int) {
	n += 128
	if cap(o.b)-len(o.b) >= n {
		return
	}
	grown := make([]byte, len(o.b), 2*cap(o.b)+n)
	copy(grown, o.b)
	clear(o.b[:cap(o.b)])
	o.b = grown
}

// escaped is how many bytes of JSON one byte may become.
const escaped = 6

func (o *object) member(name string) {
	o.reserve(len(name))
	if o.comma {
		o.b = append(o.b, ',')
	}
	o.comma = true
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *object) str(name, value string) {
	o.member(name)
	o.reserve(escaped * len(value))
	o.b = jsontext.Append(o.b, value)
}

// arn writes the ARN of a secret, which needs no escaping where its name needs
// none: a name that does is written as any string.
func (o *object) arn(r secret.Ref) {
	if !arn.ValidName(r.Name) {
		o.str("ARN", arn.Secret(r))
		return
	}
	o.member("ARN")
	o.reserve(len(r.Name) + len(r.Space.Region) + len(r.Space.Account))
	o.b = append(o.b, '"')
	o.b = append(arn.AppendSecret(o.b, r), '"')
}

// opt writes a member unless it is empty.
func (o *object) opt(name, value string) {
	if value != "" {
		o.str(name, value)
	}
}

func (o *object) strs(name string, values []string) {
	o.member(name)
	o.b = append(o.b, '[')
	for i, v := range values {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.reserve(escaped * len(v))
		o.b = jsontext.Append(o.b, v)
	}
	o.b = append(o.b, ']')
}

func (o *object) boolean(name string, value bool) {
	o.member(name)
	o.b = strconv.AppendBool(o.b, value)
}

func (o *object) number(name string, value int64) {
	o.member(name)
	o.b = strconv.AppendInt(o.b, value, 10)
}

// time writes seconds since 1970, to the millisecond; never is left out.
func (o *object) time(name string, i secret.Instant) {
	if i.IsZero() {
		return
	}
	o.member(name)
	o.b = strconv.AppendInt(o.b, int64(i)/1000, 10)
	if ms := int64(i) % 1000; ms != 0 {
		o.b = append(o.b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	}
}

// text and binary write open values.
func (o *object) text(name string, v plain.Value) {
	o.member(name)
	o.reserve(escaped * v.Len())
	o.b = jsontext.Append(o.b, v.Open())
}

func (o *object) binary(name string, v plain.Value) {
	o.member(name)
	o.reserve(base64.StdEncoding.EncodedLen(v.Len()))
	o.b = append(o.b, '"')
	o.b = base64.StdEncoding.AppendEncode(o.b, v.Open())
	o.b = append(o.b, '"')
}

// object writes a member that is an object.
func (o *object) object(name string, write func(*object)) {
	o.member(name)
	o.reserve(0)
	inner := object{b: append(o.b, '{')}
	write(&inner)
	inner.reserve(0)
	o.b = append(inner.b, '}')
}

// list writes an array of objects.
func list[T any](o *object, name string, items []T, write func(*object, T)) {
	o.member(name)
	o.b = append(o.b, '[')
	for i, item := range items {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.reserve(0)
		inner := object{b: append(o.b, '{')}
		write(&inner, item)
		inner.reserve(0)
		o.b = append(inner.b, '}')
	}
	o.b = append(o.b, ']')
}

// sensitive is a JSON string that holds an open value: it is decoded into
// memory of its own, which is wiped, and never becomes a Go string.
type sensitive struct {
	value plain.Value
	given bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *sensitive) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if len(b) < 2 || b[0] != '"' {
		return &notAString{b[0]}
	}
	s.value.Wipe() // of a member that is there twice
	s.value, s.given = plain.New(unquote(b[1:len(b)-1])), true
	return nil
}

// unquote decodes what stands between the quotes of a valid JSON string.
func unquote(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); {
		if b[i] != '\\' {
			if b[i] < utf8.RuneSelf {
				out = append(out, b[i])
				i++
				continue
			}
			r, n := utf8.DecodeRune(b[i:])
			out = utf8.AppendRune(out, r)
			i += n
			continue
		}
		switch c := b[i+1]; c {
		case 'u':
			r := hex4(b[i+2:])
			i += 6
			if utf16.IsSurrogate(r) {
				if i+6 <= len(b) && b[i] == '\\' && b[i+1] == 'u' {
					if pair := utf16.DecodeRune(r, hex4(b[i+2:])); pair != utf8.RuneError {
						out = utf8.AppendRune(out, pair)
						i += 6
						continue
					}
				}
				r = utf8.RuneError
			}
			out = utf8.AppendRune(out, r)
			continue
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		default:
			out = append(out, c)
		}
		i += 2
	}
	return out
}

func hex4(b []byte) rune {
	n, _ := strconv.ParseUint(string(b[:4]), 16, 32)
	return rune(n)
}

// notAString says which kind of JSON stood in place of a string.
type notAString struct{ first byte }

func (*notAString) Error() string { return "not a string" }
