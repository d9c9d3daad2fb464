package jsontext_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/jsontext"
)

func TestCheck(t *testing.T) {
	members := func(n int, last string) string {
		var b strings.Builder
		b.WriteString("{")
		for i := range n {
			b.WriteString(`"` + strings.Repeat("m", i+1) + `":1,`)
		}
		return b.String() + last + "}"
	}
	for text, want := range map[string]error{
		`{}`: nil, ` [1, -2.5e+3, "a\u00e9\n", true, null] `: nil, `"x"`: nil, `0`: nil,
		``: jsontext.ErrSyntax, `{`: jsontext.ErrSyntax, `{"a"}`: jsontext.ErrSyntax, `[1,]`: jsontext.ErrSyntax, `01`: jsontext.ErrSyntax, `1 2`: jsontext.ErrSyntax,
		`{"a":1,}`: jsontext.ErrSyntax, "\"a\nb\"": jsontext.ErrSyntax, `"\x"`: jsontext.ErrSyntax, `"\u12g4"`: jsontext.ErrSyntax, `"`: jsontext.ErrSyntax,
		"\"\xff\"": jsontext.ErrSyntax, `-`: jsontext.ErrSyntax, `1.`: jsontext.ErrSyntax, `nul`: jsontext.ErrSyntax,
		`{"a":1,"a":2}`: jsontext.ErrTwice, `{"a":1,"\u0061":2}`: jsontext.ErrTwice, `[{"x":{"b":1,"b":1}}]`: jsontext.ErrTwice,
		members(40, `"z":1`): nil, members(40, `"m":1`): jsontext.ErrTwice, members(16, `"mmm":1`): jsontext.ErrTwice,
		strings.Repeat("[", 64) + strings.Repeat("]", 64): nil,
		strings.Repeat("[", 65) + strings.Repeat("]", 65): jsontext.ErrDepth,
		strings.Repeat("[", 1<<20):                        jsontext.ErrDepth,
		strings.Repeat("9", 200):                          jsontext.ErrNumber,
	} {
		if err := jsontext.Check([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%.60s: %v, want %v", text, err, want)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,{"b":null}],"c":"\u00e9"}`, `[[],{},""]`, `{"a":1,"a":2}`, `-0.1e9`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		err := jsontext.Check([]byte(s))
		if err == nil && !json.Valid([]byte(s)) {
			t.Fatalf("%q is no JSON", s)
		}
		if errors.Is(err, jsontext.ErrSyntax) && json.Valid([]byte(s)) && strings.ToValidUTF8(s, "") == s {
			t.Fatalf("%q is JSON", s)
		}
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		if json.Unmarshal([]byte(s), &want) != nil {
			return
		}
		n := 0
		for name, value := range jsontext.Members([]byte(s)) {
			n++
			if string(want[name]) != string(value) {
				t.Fatalf("%q: member %q is %s", s, name, value)
			}
		}
		if n != len(want) {
			t.Fatalf("%q has %d members, not %d", s, len(want), n)
		}
	})
}

func TestMerge(t *testing.T) { // the examples of RFC 7396, of objects
	for _, c := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`}, {`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`}, {`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`}, {`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`}, {`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`}, {`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`"x"`, `{"a":"b"}`, `{"a":"b"}`}, {`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`}, {`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		var got, want any
		if err := json.Unmarshal(jsontext.Merge(nil, []byte(c[0]), []byte(c[1])), &got); err != nil {
			t.Fatal(err)
		}
		_ = json.Unmarshal([]byte(c[2]), &want)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s and %s made %v", c[0], c[1], got)
		}
	}
}

func FuzzUnquote(f *testing.F) {
	for _, s := range []string{`"a\n\u00e9\ud83d\ude00\/\"\\"`, `"\ud83d"`, `"\ud83dx\ude00"`, `""`, `"\uD83D\u0041"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if jsontext.Check([]byte(s)) != nil || s[0] != '"' || s[len(s)-1] != '"' {
			return
		}
		var want string
		if err := json.Unmarshal([]byte(s), &want); err != nil {
			t.Fatal(err)
		}
		if got := string(jsontext.Unquote([]byte(s))); got != want {
			t.Fatalf("%s is %q, not %q", s, got, want)
		}
	})
}
