package iam

import (
	"encoding/json"
	"strings"
)

// Print writes a document as AWS shows a resource policy: indented, with a
// space before each colon, and lists in one line with their brackets. A text
// that is no JSON comes back as it is.
func Print(text string) string {
	n, err := readJSON([]byte(text))
	if err != nil {
		return text
	}
	var b strings.Builder
	n.print(&b, "")
	return b.String()
}

func (n node) print(b *strings.Builder, indent string) {
	switch v := n.value.(type) {
	case []member:
		printMembers(b, v, indent)
	case []node:
		b.WriteString("[ ")
		for i, item := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			item.print(b, indent)
		}
		b.WriteString(" ]")
	default:
		printScalar(b, v)
	}
}

func printMembers(b *strings.Builder, members []member, indent string) {
	if len(members) == 0 {
		b.WriteString("{ }")
		return
	}
	b.WriteString("{")
	for i, m := range members {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n" + indent + "  ")
		printScalar(b, m.name)
		b.WriteString(" : ")
		m.node.print(b, indent+"  ")
	}
	b.WriteString("\n" + indent + "}")
}

func printScalar(b *strings.Builder, v any) {
	var text strings.Builder
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // strings, numbers, booleans and null: cannot fail
	b.WriteString(strings.TrimSuffix(text.String(), "\n"))
}
