package jsontext_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/strongroom-dev/strongroom/internal/jsontext"
)

func FuzzAppend(f *testing.F) {
	for _, s := range []string{"", "plain", `a "quoted" \ one`, "\x00\n\r\t\x7f", "ä€😀", "\xff\xc0 bad", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := jsontext.Append(nil, s)
		var back string
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatalf("%q became %s: %v", s, got, err)
		}
		want := s
		if !utf8.ValidString(s) {
			want = string([]rune(s))
		}
		if back != want {
			t.Errorf("%q became %s", s, got)
		}
		if strings.ContainsAny(string(got), "\x00\n\x7f") {
			t.Errorf("a control character is left in %q", got)
		}
		if again := jsontext.Append(nil, []byte(s)); string(again) != string(got) {
			t.Errorf("as bytes %s, as a string %s", again, got)
		}
	})
}

func TestAppendMember(t *testing.T) {
	got := jsontext.AppendMember([]byte(`{"a":1`), "empty", "")
	got = jsontext.AppendMember(got, "name", `x"y`)
	if want := `{"a":1,"name":"x\"y"`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
