package path_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/name/path"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

func TestClean(t *testing.T) {
	for p, want := range map[string]error{
		"secret/data/a": nil, "secret/data/a/": nil, "secret": nil, "secret/data/A b+c*d": nil, "secret/data/ä": nil, "a/...": nil, "a/.b": nil,
		"": path.ErrBad, "/": path.ErrBad, "/a": path.ErrBad, "a//b": path.ErrBad, "a//": path.ErrBad, "a\\b": path.ErrBad, "a\x00b": path.ErrBad, "a\nb": path.ErrBad, "a/\xff": path.ErrBad, "a\x7f": path.ErrBad,
		"..": path.ErrRelative, "a/../b": path.ErrRelative, "a/.": path.ErrRelative, "./a": path.ErrRelative, "a/..": path.ErrRelative, "a/../": path.ErrRelative,
		strings.Repeat("a", path.Max): nil, strings.Repeat("a", path.Max+1): path.ErrBad,
	} {
		if err := path.Clean(p); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", p, err, want)
		}
	}
}

// What is clean stays what it is however it is cut and joined: no other path is
// read from it.
func FuzzClean(f *testing.F) {
	for _, p := range []string{"secret/data/a", "a/../b", "a//b", "a/./b", "%2e%2e/a", "a/\u202e/b"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if path.Clean(p) != nil {
			return
		}
		for i, s := range strings.Split(strings.TrimSuffix(p, "/"), "/") {
			if s == "" || s == "." || s == ".." {
				t.Fatalf("%q has the segment %q at %d", p, s, i)
			}
		}
	})
}

func TestSpell(t *testing.T) {
	for _, c := range []struct {
		verb    secret.Verb
		version int
		path    string
		want    policy.Capabilities
	}{
		{secret.GetValue, 2, "m/data/a/b", policy.CanRead}, {secret.PutValue, 2, "m/data/a/b", policy.CanUpdate}, {secret.DeleteSecret, 2, "m/metadata/a/b", policy.CanDelete},
		{secret.ListFolder, 2, "m/metadata/a/b", policy.CanList}, {secret.GetValue, 1, "m/a/b", policy.CanRead}, {secret.DestroyVersions, 1, "", 0}, {secret.CreateUser, 2, "", 0},
	} {
		if p, want := path.Spell(c.verb, "m/", c.version, "a/b"); p != c.path || want != c.want {
			t.Errorf("%s in version %d: %q, %v", c.verb, c.version, p, want.Names())
		}
	}
}
