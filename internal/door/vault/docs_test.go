package vault

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/mount"
)

var update = flag.Bool("update", false, "write the table of docs/vault.md anew")

// absent is why paths of Vault 1.14 and OpenBao 2 are not there. What is
// neither there nor named here fails the test.
var absent = []struct{ prefix, why string }{
	{"/auth/cert/", "logins by TLS certificate are not there yet"},
	{"/auth/kerberos/", "not planned"},
	{"/auth/ldap/", "logins by LDAP are not there yet"},
	{"/auth/oidc/", "the login by browser is not there yet; `jwt` takes tokens of OpenID Connect"},
	{"/auth/jwt/oidc/", "the login by browser is not there yet"},
	{"/auth/jwt/cel/", "OpenBao's roles in CEL: not planned"},
	{"/auth/radius/", "not planned"},
	{"/database/", "leased credentials are not there yet; [rotation](rotation.md) is"},
	{"/rabbitmq/", "leased credentials are not there yet"},
	{"/kubernetes/", "the secrets engine of Kubernetes is not there yet; logins by Kubernetes are"},
	{"/ldap/", "not there yet"},
	{"/pki/", "not there yet"},
	{"/ssh/", "not there yet"},
	{"/totp/", "not there yet"},
	{"/identity/mfa/", "second factors are not there yet"},
	{"/identity/oidc/", "this server issues no identity tokens yet"},
	{"/secret/detailed-metadata/", "OpenBao's list with details: not there yet"},
	{"/sys/config/auditing/", "no header of a request is recorded"},
	{"/sys/config/cors", "pages of other origins may not call this server"},
	{"/sys/config/reload/", "`kill -HUP` loads the certificate anew"},
	{"/sys/config/ui/", "there is no web console yet"},
	{"/sys/decode-token", "goes with generate-root"},
	{"/sys/generate-root", "not there yet: `strongroom init` prints a root token, which can make others"},
	{"/sys/internal/counters/", "nothing of the kind is counted"},
	{"/sys/internal/inspect/", "a tool for Vault's own developers"},
	{"/sys/internal/ui/namespaces", "list namespaces with sys/namespaces"},
	{"/sys/leases", "leased credentials are not there yet; tokens are renewed and revoked under auth/token"},
	{"/sys/locked-users", "a lock ends by itself, and with a restart"},
	{"/sys/loggers", "there is one log, on standard error"},
	{"/sys/mfa/", "second factors are not there yet"},
	{"/sys/metrics", "Prometheus reads /metrics"},
	{"/sys/monitor", "the log is on standard error"},
	{"/sys/plugins/", "there are no plugins: what there is, is in the binary"},
	{"/sys/policies/detailed/", "OpenBao's list with details: not there yet"},
	{"/sys/pprof", "not served"},
	{"/sys/quotas/", "not there yet; failed logins are bounded always"},
	{"/sys/raw", "never: there is no way around the policies and the log"},
	{"/sys/rekey/", "not there yet: the shares stay those of `strongroom init`"},
	{"/sys/namespaces/api-lock/", "a namespace is always open"},
	{"/sys/namespaces/{path}/", "OpenBao's: one seal protects all namespaces"},
	{"/sys/rotate/config", "the keyring is rotated when somebody asks for it"},
	{"/sys/rotate/keyring/config", "the keyring is rotated when somebody asks for it"},
	{"/sys/rotate/recovery/", "there are no recovery keys"},
	{"/sys/rotate/root", "as rekey"},
	{"/sys/workflows/", "OpenBao's workflows: not planned"},
	{"/transit/byok-export/", "keys cannot be brought from elsewhere yet"},
	{"/transit/cache-config", "there is no cache to size"},
	{"/transit/config/keys", "a key is made when it is first used to encrypt, by whoever may create it"},
	{"/transit/derive-key/", "no key agreement yet"},
	{"/transit/keys/{name}/csr", "no certificates yet"},
	{"/transit/keys/{name}/import", "keys cannot be brought from elsewhere yet"},
	{"/transit/keys/{name}/set-certificate", "no certificates yet"},
	{"/transit/keys/{name}/soft-delete", "OpenBao's: not there yet"},
	{"/transit/wrapping_key", "keys cannot be brought from elsewhere yet"},
}

// inLobby are operations that the server answers before it has any table.
var inLobby = map[string]bool{"POST /sys/init": true, "POST /sys/unseal": true}

// endpoint is a path of Vault's or OpenBao's with its operations.
type endpoint struct {
	path string
	ops  []operation
}

func endpoints(t *testing.T) (all []endpoint) {
	listed, err := os.ReadFile("testdata/endpoints.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(listed)) {
		fields := strings.Fields(line)
		if len(all) == 0 || all[len(all)-1].path != fields[1] {
			all = append(all, endpoint{path: fields[1]})
		}
		e := &all[len(all)-1]
		switch {
		case fields[0] == "GET" && len(fields) == 3:
			e.ops = append(e.ops, opRead, opList)
		default:
			e.ops = append(e.ops, map[string]operation{"GET": opRead, "POST": opWrite, "DELETE": opDelete, "PATCH": opPatch}[fields[0]])
		}
	}
	return all
}

// table is whose routes a path belongs to, and the path under its mount.
func table(p string) (kind, rest string) {
	kind, rest, _ = strings.Cut(strings.TrimPrefix(p, "/"), "/")
	switch kind {
	case "auth":
		kind, rest, _ = strings.Cut(rest, "/")
		return kind, rest
	case "secret":
		return "kv2", rest
	case "kv1":
		return mount.KV, rest
	case "sys":
		return mount.System, rest
	case "identity", "cubbyhole", "transit":
		return kind, rest
	}
	return "", rest
}

func whyAbsent(p string) (prefix, why string) {
	for _, a := range absent {
		if strings.HasPrefix(p, a.prefix) && len(a.prefix) > len(prefix) {
			prefix, why = a.prefix, a.why
		}
	}
	return prefix, why
}

// TestEndpoints holds docs/vault.md to what the tables of routes have.
func TestEndpoints(t *testing.T) {
	compiled := map[string]*routes{}
	for kind, table := range tables() {
		compiled[kind] = compile(kind, table)
	}
	var out strings.Builder
	out.WriteString("| path | | operations |\n|---|---|---|\n")
	last := ""
	works, differs, missing := 0, 0, 0
	for _, e := range endpoints(t) {
		var rt *route
		var vars [maxVars]string
		kind, rest := table(e.path)
		if rs := compiled[kind]; rs != nil {
			if c := rs.find(rest, &vars); c != nil {
				rt = &c.route
			}
		}
		prefix, why := whyAbsent(e.path)
		if rt != nil && len(prefix) > len(e.path)-len(rest)+len(literal(rt.path)) {
			rt = nil // a path with a variable that takes all: not meant
		}
		switch {
		case rt == nil && inLobby["POST "+e.path]:
			fmt.Fprintf(&out, "| `%s` | works | write |\n", e.path)
			works++
		case rt == nil && why == "":
			t.Errorf("%s is neither there nor named as absent", e.path)
		case rt == nil:
			missing++
			if prefix != last {
				fmt.Fprintf(&out, "| `%s` | not there | %s |\n", strings.TrimSuffix(prefix, "/")+more(e.path, prefix), why)
			}
			last = prefix
		default:
			there, not := split(e, rt)
			note := strings.Join(there, ", ")
			if len(not) > 0 {
				note += "; not " + strings.Join(not, ", ")
			}
			if rt.differs != "" {
				note += ": " + rt.differs
			}
			state := "works"
			if rt.differs != "" || len(not) > 0 {
				state = "differs"
				differs++
			} else {
				works++
			}
			fmt.Fprintf(&out, "| `%s` | %s | %s |\n", e.path, state, note)
		}
	}
	fmt.Fprintf(&out, "\nOf %d paths %d work, %d differ, %d are not there.\n", works+differs+missing, works, differs, missing)
	compareTable(t, out.String())
}

// literal is a path up to its first variable.
func literal(p string) string {
	before, _, _ := strings.Cut(p, "{")
	return before
}

// more tells a family of paths from a single one.
func more(p, prefix string) string {
	if p == prefix {
		return ""
	}
	return "…"
}

func split(e endpoint, rt *route) (there, not []string) {
	handlers := rt.handlers()
	for _, op := range e.ops {
		switch {
		case handlers[op] != nil || inLobby["POST "+e.path] && op == opWrite:
			there = append(there, operationNames[op])
		case op == opList && handlers[opRead] != nil, op == opRead && handlers[opList] != nil:
			// One GET that the list of endpoints has under both names.
		default:
			not = append(not, operationNames[op])
		}
	}
	return there, not
}

func compareTable(t *testing.T, want string) {
	const file, begin, end = "../../../docs/vault.md", "<!-- generated: go test ./internal/door/vault -run TestEndpoints -update -->\n\n", "\n<!-- end -->"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := bytes.Cut(page, []byte(begin))
	have, tail, closed := bytes.Cut(rest, []byte(end))
	if !found || !closed {
		t.Fatalf("%s has lost the marks around the table", file)
	}
	if *update {
		page = append(append(append(append([]byte{}, head...), begin+want...), end...), tail...)
		if err := os.WriteFile(file, page, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(have) != want {
		t.Errorf("the table in %s is not what the routes are; write it anew with -update", file)
	}
}
