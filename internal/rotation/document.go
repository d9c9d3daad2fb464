package rotation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/jsontext"
	"github.com/strongroom-dev/strongroom/internal/plain"
)

// document is a secret's value: a JSON object, as AWS's rotation functions
// have it. Members that a rotation does not know stay as and where they are.
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html)
type document struct {
	members []member
}

type member struct {
	name  string
	value json.RawMessage
}

var errNoObject = fault.New(fault.Invalid, "The secret's value is not a JSON object with the members that its rotation needs.")

// parse reads a value. The document holds copies: wipe it.
func parse(value plain.Value) (*document, error) {
	d := json.NewDecoder(bytes.NewReader(value.Open()))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errNoObject
	}
	doc := &document{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, errNoObject
		}
		m := member{name: name.(string)}
		if doc.has(m.name) {
			return nil, fault.New(fault.Invalid, "The secret's value has the member %q twice: nobody can tell which one counts.", m.name)
		}
		if err := d.Decode(&m.value); err != nil {
			return nil, errNoObject
		}
		doc.members = append(doc.members, m)
	}
	if _, err := d.Token(); err != nil || d.More() {
		return nil, errNoObject
	}
	return doc, nil
}

// wipe clears what the document holds.
func (d *document) wipe() {
	for _, m := range d.members {
		clear(m.value)
	}
}

func (d *document) has(name string) bool {
	return slices.ContainsFunc(d.members, func(m member) bool { return m.name == name })
}

// text is a member that is text or, as some write ports and switches, a number
// or a boolean; empty if there is none.
func (d *document) text(name string) string {
	for _, m := range d.members {
		if m.name != name {
			continue
		}
		var s string
		if json.Unmarshal(m.value, &s) == nil {
			return s
		}
		if c := m.value[0]; c != '{' && c != '[' {
			return string(m.value)
		}
	}
	return ""
}

// set gives a member a text.
func (d *document) set(name string, text []byte) {
	value := jsontext.Append(nil, text)
	for i := range d.members {
		if d.members[i].name == name {
			clear(d.members[i].value)
			d.members[i].value = value
			return
		}
	}
	d.members = append(d.members, member{name, value})
}

// value is the document as text.
func (d *document) value() plain.Value {
	b := []byte{'{'}
	for i, m := range d.members {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(jsontext.Append(b, m.name), ": "...)
		b = append(b, m.value...)
	}
	return plain.New(append(b, '}'))
}

// login is how one logs in with the document's credentials.
func (d *document) login(names []string) (engine.Login, error) {
	l := engine.Login{Host: d.text("host"), Database: d.text("dbname"), User: d.text("username"), Password: plain.New([]byte(d.text("password")))}
	for _, m := range []string{"host", "username", "password"} {
		if d.text(m) == "" {
			return l, fault.New(fault.Invalid, "The secret's value has no %q member.", m)
		}
	}
	if e := d.text("engine"); e != "" && !slices.Contains(names, e) {
		return l, fault.New(fault.Invalid, "The secret's \"engine\" is another one than that of its rotation function, %q.", names[0])
	}
	if port := d.text("port"); port != "" {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return l, fault.New(fault.Invalid, "The secret's port is not a port.")
		}
		l.Port = n
	}
	switch ssl := d.text("ssl"); ssl {
	case "", "null":
	case "true", "True":
		l.TLS = engine.Verified
	case "false", "False":
		l.TLS = engine.Plain
	default:
		return l, fault.New(fault.Invalid, `The secret's "ssl" is true or false.`)
	}
	return l, nil
}

// public are the members of a secret's value that an error may show.
var public = []string{"engine", "host", "port", "dbname", "username", "dbInstanceIdentifier", "masterarn", "ssl", "UserName", "AccessKeyId"}

// hideAll takes all text of a value out of a text that came from elsewhere, but
// for the members that are public.
func hideAll(text string, value plain.Value) string {
	text = hide(text, value)
	doc, err := parse(value)
	if err != nil {
		return text
	}
	defer doc.wipe()
	for _, m := range doc.members {
		if slices.Contains(public, m.name) {
			continue
		}
		for _, leaf := range leaves(m.value, nil) {
			text = hide(text, plain.New([]byte(leaf)))
			for _, written := range spellings(leaf) {
				text = hide(text, plain.New([]byte(written)))
			}
		}
	}
	return text
}

// leaves are the texts and numbers in a value.
func leaves(value json.RawMessage, all []string) []string {
	var s string
	var list []json.RawMessage
	var object map[string]json.RawMessage
	switch {
	case json.Unmarshal(value, &s) == nil:
		return append(all, s)
	case json.Unmarshal(value, &list) == nil:
		for _, v := range list {
			all = leaves(v, all)
		}
		return all
	case json.Unmarshal(value, &object) == nil:
		for _, v := range object {
			all = leaves(v, all)
		}
		return all
	}
	return append(all, string(value))
}

// spellings are how a text is written inside of JSON and of URLs.
func spellings(s string) []string {
	var all []string
	for _, escapeHTML := range []bool{true, false} {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(escapeHTML)
		if e.Encode(s) == nil {
			all = append(all, strings.Trim(strings.TrimSpace(b.String()), `"`))
		}
	}
	ascii := strconv.QuoteToASCII(s)
	return append(all, ascii[1:len(ascii)-1], url.QueryEscape(s), url.PathEscape(s))
}

// hide takes passwords out of a text that came from elsewhere.
func hide(text string, values ...plain.Value) string {
	for _, v := range values {
		if v.Len() > 3 {
			text = string(bytes.ReplaceAll([]byte(text), v.Open(), []byte("[hidden]")))
		}
	}
	return text
}

// failure is what a step failed with, as a text for whoever has to mend it.
func failure(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Message
	}
	return fmt.Sprint(err)
}
