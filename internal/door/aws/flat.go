package aws

import "bytes"

// flat is an input whose members are strings, which is decoded without a
// library when it is as plain as most are. It is asked most.
type flat interface {
	// field is where the member of that name goes; nil if there is none.
	field(name []byte) **string
}

// decodeFlat decodes `{"Name":"value",…}` without escapes, other types or
// unknown members, and reports whether it was that. If it was not, encoding/json decides.
func decodeFlat(body []byte, into flat) bool {
	b, ok := bytes.CutPrefix(bytes.TrimSpace(body), []byte("{"))
	for ok {
		var name, value []byte
		if name, b, ok = plainString(b); !ok {
			return false
		}
		if b, ok = bytes.CutPrefix(bytes.TrimLeft(b, " "), []byte(":")); !ok {
			return false
		}
		if value, b, ok = plainString(b); !ok {
			return false
		}
		to := into.field(name)
		if to == nil || *to != nil {
			return false
		}
		s := string(value)
		*to = &s
		b = bytes.TrimLeft(b, " ")
		if string(b) == "}" {
			return true
		}
		b, ok = bytes.CutPrefix(b, []byte(","))
	}
	return false
}

// plainString cuts a JSON string of printable ASCII without escapes off b.
func plainString(b []byte) (s, rest []byte, ok bool) {
	if b, ok = bytes.CutPrefix(bytes.TrimLeft(b, " "), []byte(`"`)); !ok {
		return nil, nil, false
	}
	for i, c := range b {
		switch {
		case c == '"':
			return b[:i], b[i+1:], true
		case c == '\\' || c < 0x20 || c >= 0x7f:
			return nil, nil, false
		}
	}
	return nil, nil, false
}
