package aws

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/strongroom-dev/strongroom/internal/jsontext"
)

func FuzzStrings(f *testing.F) {
	f.Add("a\"\\\n\x00é\U0001F511\xff")
	f.Fuzz(func(t *testing.T, s string) {
		line := jsontext.Append(nil, s)
		var back string
		if err := json.Unmarshal(line, &back); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if utf8.ValidString(s) && back != s {
			t.Errorf("%q came back as %q", s, back)
		}
		std, _ := json.Marshal(s)
		for _, quoted := range [][]byte{line, std} {
			var own sensitive
			if err := json.Unmarshal(quoted, &own); err != nil || string(own.value.Open()) != back {
				t.Errorf("%s was read as %q", quoted, own.value.Open())
			}
		}
	})
}

func FuzzFlat(f *testing.F) {
	f.Add([]byte(`{"SecretId":"a", "VersionId" : "b"}`))
	f.Add([]byte(`{"SecretId":"a","SecretId":"b"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var fast, slow getSecretValueInput
		if !decodeFlat(body, &fast) {
			return
		}
		if err := json.Unmarshal(body, &slow); err != nil {
			t.Fatalf("%q was taken: %v", body, err)
		}
		if text(fast.SecretId) != text(slow.SecretId) || text(fast.VersionId) != text(slow.VersionId) || text(fast.VersionStage) != text(slow.VersionStage) {
			t.Errorf("%q was read otherwise", body)
		}
	})
}
