// Package jsontext appends JSON strings to byte slices: for what is written too
// often for an encoder, and for values that must not become Go strings.
//
// It must not know what is written.
package jsontext

import "unicode/utf8"

// Append appends a JSON string. Bytes that are not UTF-8 become U+FFFD, and
// control characters, DEL among them, are escaped (RFC 8259 §7).
func Append[S string | []byte](dst []byte, s S) []byte {
	dst = append(dst, '"')
	begin := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < 0x7f {
			i++
			continue
		}
		dst = append(dst, s[begin:i]...)
		n := 1
		if c < utf8.RuneSelf {
			dst = appendEscape(dst, c)
		} else {
			var r rune
			r, n = decodeRune(s, i)
			dst = utf8.AppendRune(dst, r)
		}
		i += n
		begin = i
	}
	return append(append(dst, s[begin:]...), '"')
}

const hexDigits = "0123456789abcdef"

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

func decodeRune[S string | []byte](s S, i int) (rune, int) {
	var four [utf8.UTFMax]byte
	n := copy(four[:], s[i:min(len(s), i+utf8.UTFMax)])
	return utf8.DecodeRune(four[:n])
}

// AppendMember appends a member of an object, with a comma before it; nothing
// if the value is empty. The name is plain ASCII.
func AppendMember(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	dst = append(dst, ',', '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	return Append(dst, value)
}
