package iam

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// node is a piece of JSON and where it stands.
type node struct {
	at    int // offset in the text
	path  string
	value any // string, json.Number, bool, nil, []node or []member
}

type member struct {
	name string
	node node
}

// reader reads JSON as an ordered tree: which member stands twice, and where,
// is lost in a map.
type reader struct {
	text []byte
	d    *json.Decoder
}

// maxDepth is more than any policy needs.
const maxDepth = 16

func readJSON(text []byte) (node, error) {
	if !utf8.Valid(text) {
		return node{}, &Error{Message: "This policy contains invalid Json", Detail: "it is not UTF-8"}
	}
	r := &reader{text: text, d: json.NewDecoder(bytes.NewReader(text))}
	r.d.UseNumber()
	n, err := r.node("", 0)
	if err != nil {
		return node{}, err
	}
	if _, err := r.d.Token(); err != io.EOF {
		return node{}, r.bad("something follows the document")
	}
	return n, nil
}

// bad is a complaint about the place where the reader stands.
func (r *reader) bad(detail string) *Error {
	e := &Error{Message: "This policy contains invalid Json", Detail: detail}
	e.place(r.text, int(r.d.InputOffset()))
	return e
}

func (r *reader) node(path string, depth int) (node, error) {
	if depth > maxDepth {
		return node{}, r.bad("it is nested too deeply")
	}
	at := int(r.d.InputOffset())
	at += len(r.text[at:]) - len(bytes.TrimLeft(r.text[at:], " \t\r\n:,"))
	t, err := r.d.Token()
	if err != nil {
		return node{}, r.bad(strings.TrimPrefix(err.Error(), "json: "))
	}
	n := node{at: at, path: path, value: t}
	switch t {
	case json.Delim('{'):
		n.value, err = r.members(path, depth)
	case json.Delim('['):
		n.value, err = r.items(path, depth)
	}
	return n, err
}

func (r *reader) members(path string, depth int) ([]member, error) {
	members := []member{}
	seen := map[string]bool{}
	for r.d.More() {
		t, err := r.d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, r.bad("a member's name is missing")
		}
		at := strings.TrimPrefix(path+"."+name, ".")
		if seen[name] {
			e := r.bad(at + " is there twice")
			e.Message = syntax
			return nil, e
		}
		seen[name] = true
		n, err := r.node(at, depth+1)
		if err != nil {
			return nil, err
		}
		members = append(members, member{name, n})
	}
	if _, err := r.d.Token(); err != nil {
		return nil, r.bad("an object is not closed")
	}
	return members, nil
}

func (r *reader) items(path string, depth int) ([]node, error) {
	items := []node{}
	for r.d.More() {
		n, err := r.node(fmt.Sprintf("%s[%d]", path, len(items)), depth+1)
		if err != nil {
			return nil, err
		}
		items = append(items, n)
	}
	if _, err := r.d.Token(); err != nil {
		return nil, r.bad("a list is not closed")
	}
	return items, nil
}
