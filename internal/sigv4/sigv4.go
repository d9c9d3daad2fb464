// Package sigv4 is AWS Signature Version 4: what is signed, and with which
// key. Server and client use the same functions.
//
// It is pure: it neither reads clocks nor decides what is acceptable.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Algorithm is the name of the signature's algorithm.
const Algorithm = "AWS4-HMAC-SHA256"

// TimeFormat is how X-Amz-Date is written, in UTC.
const TimeFormat = "20060102T150405Z"

// DateLen is the length of the date at its beginning.
const DateLen = len("20060102")

const terminator = "aws4_request"

// Scope is what a signing key is good for.
type Scope struct {
	Date    string // 20060102
	Region  string
	Service string
}

// Append appends the scope as it is signed.
func (s Scope) Append(dst []byte) []byte {
	dst = append(append(dst, s.Date...), '/')
	dst = append(append(dst, s.Region...), '/')
	dst = append(append(dst, s.Service...), '/')
	return append(dst, terminator...)
}

// Message is what of a request is signed.
type Message struct {
	Method string
	Path   string // as it was sent, escaped
	Query  string // as it was sent
	Host   string
	Length string              // Content-Length, where it is not among the headers
	Header map[string][]string // by canonical MIME name
}

// Key is a signing key, good for one scope. It is safe for concurrent use.
type Key struct {
	macs sync.Pool
}

// NewKey derives the key of a scope from a secret access key.
func NewKey(secret []byte, s Scope) *Key {
	k := sum(append([]byte("AWS4"), secret...), s.Date)
	k = sum(k, s.Region)
	k = sum(k, s.Service)
	k = sum(k, terminator)
	return &Key{macs: sync.Pool{New: func() any { return &keyed{Hash: hmac.New(sha256.New, k)} }}}
}

func sum(key []byte, text string) []byte {
	defer clear(key)
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// keyed is a hash and memory for what it hashes.
type keyed struct {
	hash.Hash
	buf []byte
	out [sha256.Size]byte
}

// Sign gives the signature, in hexadecimal, of the message whose headers of
// those names (lower case, joined by semicolons) are signed, whose body has
// the hash, and whose X-Amz-Date is at.
func (k *Key) Sign(m *Message, signedHeaders string, bodyHash []byte, at string, s Scope) [2 * sha256.Size]byte {
	h := k.macs.Get().(*keyed)
	defer k.macs.Put(h)
	h.buf = appendCanonical(h.buf[:0], m, signedHeaders, bodyHash)
	canonical := sha256.Sum256(h.buf)
	h.buf = append(append(h.buf[:0], Algorithm...), '\n')
	h.buf = append(append(h.buf, at...), '\n')
	h.buf = append(s.Append(h.buf), '\n')
	h.buf = hex.AppendEncode(h.buf, canonical[:])
	h.Reset()
	h.Write(h.buf)
	var out [2 * sha256.Size]byte
	hex.Encode(out[:], h.Sum(h.out[:0]))
	return out
}

// appendCanonical appends the canonical request.
func appendCanonical(dst []byte, m *Message, signedHeaders string, bodyHash []byte) []byte {
	dst = append(append(dst, m.Method...), '\n')
	dst = append(append(dst, canonicalPath(m.Path)...), '\n')
	dst = append(append(dst, canonicalQuery(m.Query)...), '\n')
	for name := range strings.SplitSeq(signedHeaders, ";") {
		dst = append(append(dst, name...), ':')
		dst = m.appendHeader(dst, name)
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	dst = append(append(dst, signedHeaders...), '\n')
	return hex.AppendEncode(dst, bodyHash)
}

func (m *Message) appendHeader(dst []byte, name string) []byte {
	values := m.Header[mimeName(name)]
	switch {
	case name == "host":
		return appendTrimmed(dst, m.Host)
	case name == "content-length" && len(values) == 0:
		return append(dst, m.Length...)
	}
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendTrimmed(dst, v)
	}
	return dst
}

// appendTrimmed appends s without space around it, and one space for a run.
func appendTrimmed(dst []byte, s string) []byte {
	s = strings.Trim(s, " \t")
	for i := range len(s) {
		if s[i] == ' ' && s[i-1] == ' ' {
			continue
		}
		dst = append(dst, s[i])
	}
	return dst
}

// The names that requests really sign, which need no memory to look up.
var mimeNames = func() map[string]string {
	names := map[string]string{}
	for _, n := range []string{"content-type", "content-length", "x-amz-date", "x-amz-target", "x-amz-security-token",
		"x-amz-content-sha256", "x-amz-user-agent", "amz-sdk-invocation-id", "amz-sdk-request", "date"} {
		names[n] = textproto.CanonicalMIMEHeaderKey(n)
	}
	return names
}()

func mimeName(name string) string {
	if n, ok := mimeNames[name]; ok {
		return n
	}
	return textproto.CanonicalMIMEHeaderKey(name)
}

// canonicalPath is the path, encoded once more segment by segment.
func canonicalPath(path string) string {
	if path == "" || path == "/" {
		return "/"
	}
	return strings.ReplaceAll(escape(path), "%2F", "/")
}

// canonicalQuery is the query's parts, encoded and in order.
func canonicalQuery(query string) string {
	if query == "" {
		return ""
	}
	var parts []string
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		parts = append(parts, escape(unescape(name))+"="+escape(unescape(value)))
	}
	slices.Sort(parts)
	return strings.Join(parts, "&")
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

func escape(s string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_', c == '~':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(hexDigits[c>>4])
			b.WriteByte(hexDigits[c&15])
		}
	}
	return b.String()
}
