package jsontext

import (
	"bytes"
	"errors"
	"iter"
	"unicode/utf16"
	"unicode/utf8"
)

// The bounds on JSON that others send.
const (
	MaxDepth  = 64  // brackets within brackets
	maxNumber = 128 // characters
)

// The errors of Check. None quotes the text.
var (
	ErrSyntax = errors.New("jsontext: not JSON")
	ErrDepth  = errors.New("jsontext: nested too deeply")
	ErrTwice  = errors.New("jsontext: an object has a member twice")
	ErrNumber = errors.New("jsontext: a number is too long")
)

// Check wants the text to be one JSON value in UTF-8, with no member twice,
// within the bounds. It copies nothing of it but names that are escaped.
func Check(text []byte) error {
	if !utf8.Valid(text) {
		return ErrSyntax
	}
	s := scanner{text: text}
	s.space()
	if err := s.value(0); err != nil {
		return err
	}
	s.space()
	if s.at != len(text) {
		return ErrSyntax
	}
	return nil
}

// Members walks the members of an object that Check has passed: the names,
// decoded, and the values as they stand in the text. Of what is no object it
// gives none.
func Members(object []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		s := scanner{text: object}
		s.space()
		if !s.is('{') {
			return
		}
		s.at++
		for {
			s.space()
			if s.is(',') {
				s.at++
				s.space()
			}
			if !s.is('"') {
				return
			}
			begin := s.at
			_ = s.str()
			name := string(decodeName(object[begin:s.at]))
			s.space()
			s.at++ // the colon
			s.space()
			begin = s.at
			if s.value(0) != nil || !yield(name, object[begin:s.at]) {
				return
			}
		}
	}
}

// Elements walks the elements of an array that Check has passed.
func Elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		s := scanner{text: array}
		s.space()
		if !s.is('[') {
			return
		}
		s.at++
		for {
			s.space()
			if s.is(',') {
				s.at++
				s.space()
			}
			if s.at >= len(array) || s.is(']') {
				return
			}
			begin := s.at
			if s.value(0) != nil || !yield(array[begin:s.at]) {
				return
			}
		}
	}
}

// decodeName is a name as it is meant; the bytes of the text itself if nothing
// in it is escaped.
func decodeName(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') >= 0 {
		return Unquote(quoted)
	}
	return quoted[1 : len(quoted)-1]
}

type scanner struct {
	text []byte
	at   int
}

func (s *scanner) is(c byte) bool { return s.at < len(s.text) && s.text[s.at] == c }

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) value(depth int) error {
	if s.at >= len(s.text) {
		return ErrSyntax
	}
	switch c := s.text[s.at]; {
	case c == '{':
		return s.object(depth + 1)
	case c == '[':
		return s.array(depth + 1)
	case c == '"':
		return s.str()
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if end := s.at + len(word); end <= len(s.text) && string(s.text[s.at:end]) == word {
			s.at = end
			return nil
		}
	}
	return ErrSyntax
}

// few is up to how many names are compared one by one.
const few = 16

func (s *scanner) object(depth int) error {
	if depth > MaxDepth {
		return ErrDepth
	}
	var room [few][]byte
	names := room[:0]
	var many map[string]struct{}
	s.at++
	s.space()
	if s.is('}') {
		s.at++
		return nil
	}
	for {
		if !s.is('"') {
			return ErrSyntax
		}
		begin := s.at
		if err := s.str(); err != nil {
			return err
		}
		name := decodeName(s.text[begin:s.at])
		if len(names) == few && many == nil {
			many = make(map[string]struct{}, 2*few)
			for _, n := range names {
				many[string(n)] = struct{}{}
			}
		}
		if many != nil {
			if _, twice := many[string(name)]; twice {
				return ErrTwice
			}
			many[string(name)] = struct{}{}
		} else {
			for _, n := range names {
				if string(n) == string(name) {
					return ErrTwice
				}
			}
			names = append(names, name)
		}
		s.space()
		if !s.is(':') {
			return ErrSyntax
		}
		s.at++
		s.space()
		if err := s.value(depth); err != nil {
			return err
		}
		if more, err := s.next('}'); err != nil || !more {
			return err
		}
	}
}

func (s *scanner) array(depth int) error {
	if depth > MaxDepth {
		return ErrDepth
	}
	s.at++
	s.space()
	if s.is(']') {
		s.at++
		return nil
	}
	for {
		if err := s.value(depth); err != nil {
			return err
		}
		if more, err := s.next(']'); err != nil || !more {
			return err
		}
	}
}

// next goes behind a comma, or the bracket that ends it all.
func (s *scanner) next(end byte) (more bool, err error) {
	s.space()
	switch {
	case s.is(','):
		s.at++
		s.space()
		return true, nil
	case s.is(end):
		s.at++
		return false, nil
	}
	return false, ErrSyntax
}

func (s *scanner) str() error {
	s.at++
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch {
		case c == '"':
			return nil
		case c < 0x20:
			return ErrSyntax
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		}
	}
	return ErrSyntax
}

func (s *scanner) escape() error {
	if s.at >= len(s.text) {
		return ErrSyntax
	}
	c := s.text[s.at]
	s.at++
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
		for range 4 {
			if s.at >= len(s.text) || !isHex(s.text[s.at]) {
				return ErrSyntax
			}
			s.at++
		}
		return nil
	}
	return ErrSyntax
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func (s *scanner) number() error {
	begin := s.at
	if s.is('-') {
		s.at++
	}
	switch {
	case s.is('0'):
		s.at++
	case !s.digits():
		return ErrSyntax
	}
	if s.is('.') {
		s.at++
		if !s.digits() {
			return ErrSyntax
		}
	}
	if s.is('e') || s.is('E') {
		s.at++
		if s.is('+') || s.is('-') {
			s.at++
		}
		if !s.digits() {
			return ErrSyntax
		}
	}
	if s.at-begin > maxNumber {
		return ErrNumber
	}
	return nil
}

func (s *scanner) digits() bool {
	begin := s.at
	for s.at < len(s.text) && s.text[s.at] >= '0' && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > begin
}

// Merge appends what a JSON merge patch (RFC 7396) makes of an object. Both were
// checked; target may be anything, and counts as an empty object if it is none.
func Merge(dst, target, patch []byte) []byte {
	dst = append(dst, '{')
	first := true
	member := func(name string) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(Append(dst, name), ':')
	}
	find := func(object []byte, name string) []byte {
		for n, v := range Members(object) {
			if n == name {
				return v
			}
		}
		return nil
	}
	for name, old := range Members(target) {
		change := find(patch, name)
		switch {
		case change == nil:
			member(name)
			dst = append(dst, old...)
		case string(change) == "null":
		case change[0] == '{':
			member(name)
			dst = Merge(dst, old, change)
		default:
			member(name)
			dst = append(dst, change...)
		}
	}
	for name, change := range Members(patch) {
		if string(change) == "null" || find(target, name) != nil {
			continue
		}
		member(name)
		if change[0] == '{' {
			dst = Merge(dst, nil, change)
		} else {
			dst = append(dst, change...)
		}
	}
	return append(dst, '}')
}

// Unquote decodes a JSON string that Check has passed into memory of its own.
// An escaped surrogate that has no other half becomes U+FFFD.
func Unquote(quoted []byte) []byte {
	out := make([]byte, 0, len(quoted))
	for at := 1; at < len(quoted)-1; at++ {
		if quoted[at] != '\\' {
			out = append(out, quoted[at])
			continue
		}
		at++
		switch c := quoted[at]; c {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			r := hex4(quoted[at+1:])
			at += 4
			if utf16.IsSurrogate(r) {
				second := rune(utf8.RuneError)
				if at+6 < len(quoted) && quoted[at+1] == '\\' && quoted[at+2] == 'u' {
					second = hex4(quoted[at+3:])
				}
				if r = utf16.DecodeRune(r, second); r != utf8.RuneError {
					at += 6
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
	}
	return out
}

func hex4(b []byte) (r rune) {
	for _, c := range b[:4] {
		switch {
		case c <= '9':
			c -= '0'
		case c >= 'a':
			c -= 'a' - 10
		default:
			c -= 'A' - 10
		}
		r = r<<4 | rune(c)
	}
	return r
}
