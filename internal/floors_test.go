package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/strongroom-dev/strongroom/"

// floors is who may import whom: a package may import packages of lower floors,
// never of its own or a higher one, except those named after a colon. Do not
// change it to fix a build: change the design first, in an ADR.
const floors = `
	0 internal/fold internal/secret internal/fault internal/plain internal/group internal/jsontext internal/stored proof test/servers
	1 internal/timetable internal/policy internal/policy/iam:internal/policy internal/policy/hcl:internal/policy internal/name/arn internal/name/path:internal/policy internal/sigv4
	2 internal/engine internal/store internal/seal internal/audit internal/keyring
	3 internal/store/mem internal/store/bolt internal/store/storetest:internal/store/mem internal/seal/file internal/seal/shamir internal/audit/file
	3 internal/engine/postgres internal/engine/mysql internal/engine/redis internal/engine/rabbitmq internal/engine/mongodb internal/engine/sqlserver internal/engine/enginetest
	4 internal/gate
	5 internal/core internal/identity internal/mount internal/token:internal/identity,internal/mount internal/entity:internal/identity,internal/mount,internal/token internal/login:internal/mount,internal/token,internal/entity internal/transit:internal/mount internal/schedule internal/backup:internal/core internal/rotation:internal/core,internal/identity internal/core/coretest:internal/core,internal/identity,internal/mount,internal/token,internal/entity,internal/login,internal/transit
	6 internal/webhook internal/function:internal/rotation,internal/webhook internal/oidc internal/kubernetes internal/door internal/door/aws:internal/door,internal/oidc internal/door/vault:internal/door
	8 cmd/strongroom bench
`

// forbidden is what a floor's packages must not import from elsewhere, besides
// what floors says.
var forbidden = map[string]map[string]string{
	"internal/secret":    {"os": "", "net": "", "net/http": ""},
	"internal/policy":    {"os": "", "net": "", "net/http": ""}, // "time" reads dates; see TestPureCodeAsksNoClock
	"internal/name/arn":  {"os": "", "net": "", "net/http": "", "time": ""},
	"internal/name/path": {"os": "", "net": "", "net/http": "", "time": ""},
	"internal/sigv4":     {"os": "", "net": "", "net/http": "", "time": ""},
}

type rule struct {
	floor  int
	except map[string]bool
}

func plan() map[string]rule {
	rules := map[string]rule{}
	for line := range strings.Lines(floors) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		for _, f := range fields[1:] {
			name, except, _ := strings.Cut(f, ":")
			r := rule{floor: int(fields[0][0] - '0'), except: map[string]bool{}}
			for _, e := range strings.Split(except, ",") {
				r.except[e] = true
			}
			rules[name] = r
		}
	}
	return rules
}

// eachFile parses the imports of every Go file of the module that is no test.
func eachFile(t *testing.T, fn func(pkg, file string, imports []string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		var imports []string
		for _, i := range parsed.Imports {
			imports = append(imports, strings.Trim(i.Path.Value, `"`))
		}
		pkg := strings.TrimPrefix(path.Dir(filepath.ToSlash(file)), "../")
		fn(pkg, file, imports)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFloors(t *testing.T) {
	rules := plan()
	eachFile(t, func(pkg, file string, imports []string) {
		mine, ok := rules[pkg]
		if !ok {
			t.Errorf("%s: package %s has no floor: give it one", file, pkg)
			return
		}
		for _, i := range imports {
			if _, bad := forbidden[pkg][i]; bad {
				t.Errorf("%s imports %s, which its floor forbids", file, i)
			}
			if mine.floor < 6 && i == "net/http" && pkg != "internal/engine/rabbitmq" { // which is driven over HTTP
				t.Errorf("%s imports net/http, which is for doors", file)
			}
			name, ours := strings.CutPrefix(i, module)
			if !ours || mine.except[name] {
				continue
			}
			if theirs, ok := rules[name]; !ok || theirs.floor >= mine.floor {
				t.Errorf("%s (floor %d) imports %s (floor %d)", file, mine.floor, name, theirs.floor)
			}
		}
	})
}

// Policies compare dates, and so read them; what time it is they are told.
func TestPureCodeAsksNoClock(t *testing.T) {
	files, err := filepath.Glob("policy/*.go")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("policy/iam/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, more...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, clock := range []string{"time.Now", "time.Since", "time.Until", "time.After"} {
			if !strings.HasSuffix(file, "_test.go") && strings.Contains(string(text), clock) {
				t.Errorf("%s calls %s", file, clock)
			}
		}
	}
}

// Doors speak to core; what lies under the gate is not theirs.
func TestDoorsDoNotReachUnderTheGate(t *testing.T) {
	eachFile(t, func(pkg, file string, imports []string) {
		if !strings.HasPrefix(pkg, "internal/door/") {
			return
		}
		for _, i := range imports {
			for _, under := range []string{"internal/store", "internal/keyring", "internal/seal", "internal/gate", "internal/audit/file"} {
				if name := strings.TrimPrefix(i, module); name == under || strings.HasPrefix(name, under+"/") {
					t.Errorf("%s imports %s", file, i)
				}
			}
		}
	})
}

// The size of things: who comes near a limit splits, and does not raise it.
func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	said := map[string]bool{}
	eachFile(t, func(pkg, file string, _ []string) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		said[pkg] = said[pkg] || strings.Contains(string(text), "\n// Package ") || strings.HasPrefix(string(text), "// Package ") || strings.HasPrefix(string(text), "// Command ")
		if n := strings.Count(string(text), "\n"); n > 600 {
			t.Errorf("%s has %d lines: split it", file, n)
		}
	})
	for pkg, ok := range said {
		if !ok {
			t.Errorf("package %s has no doc comment", pkg)
		}
	}
}
