package vault_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/policy"
)

// What a path is decided as, it is done as; what could be read as two paths is
// refused.
func TestPaths(t *testing.T) {
	_, d := newDoor(t)
	must(t, d, "PUT", "/v1/secret/data/a/b", "root", `{"data":{"x":"y"}}`)
	must(t, d, "PUT", "/v1/secret/data/other", "root", `{"data":{"x":"y"}}`)
	must(t, d, "PUT", "/v1/sys/policies/acl/a", "root", `{"policy":"path \"secret/data/a/*\" { capabilities = [\"read\", \"create\", \"update\"] } path \"secret/data/a/no\" { capabilities = [\"deny\"] }"}`)
	user := data(t, must(t, d, "POST", "/v1/auth/token/create", "root", `{"policies":["a"]}`), "client_token")
	must(t, d, "GET", "/v1/secret/data/a/b", user, "")
	for path, status := range map[string]int{
		"/v1/secret/data/a/../other": 400, "/v1/secret/data/a/%2e%2e/other": 400, "/v1/secret/data/a/..%2fother": 400, "/v1/secret/data/a//b": 400,
		"/v1/secret/data/a/./b": 400, "/v1/secret/data/a/b%00": 400, "/v1/secret/data/a/b%0a": 400, "/v1/secret/data/a%5cb": 400, "/v1/secret/data/a/%ff": 400,
		"/v1/secret/data/other": 403, "/v1/Secret/data/a/b": 403, "/v1/secret/DATA/a/b": 403, "/v1/secret/data/A/b": 403, "/v1/secret/data/a/no": 403,
		"/v1/secret/data/a%2fb": 200, "/v1/secret/data/a/none": 404, "/v1/": 400, "/v1": 400,
		"/v1/secret/data/a/" + strings.Repeat("x", 3000): 400,
	} {
		if out := ask(t, d, "GET", path, user, ""); out.Code != status {
			t.Errorf("%.60s: %d: %s, want %d", path, out.Code, out.Body, status)
		}
	}
	no(t, d, "PUT", "/v1/secret/data/a/no", user, `{"data":{}}`, 403, "permission denied")
}

func TestBodies(t *testing.T) {
	_, d := newDoor(t)
	const at = "/v1/secret/data/a"
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	for body, want := range map[string]struct {
		status int
		text   string
	}{
		`{"data":{"a":1,"a":2}}`:                          {400, "member twice"},
		`{"data":` + deep + `}`:                           {400, "nested too deeply"},
		`{"data":{"n":` + strings.Repeat("9", 500) + `}}`: {400, "too long a number"},
		`{"data":`:                          {400, "not a JSON object"},
		`[]`:                                {400, "not a JSON object"},
		`{}`:                                {400, "no data provided"},
		`{"data":"text"}`:                   {400, "no data provided"},
		`{"data":{},"options":{"cas":"x"}}`: {400, "expected a whole number"},
		`{"data":{"v":"` + strings.Repeat("x", 70000) + `"}}`:    {413, "at most 65536 bytes"},
		`{"data":{"v":"` + strings.Repeat("x", 3<<20) + `"}}`:    {413, "too large"},
		`{"data":{"big":123456789012345678901234567890.000001}}`: {200, `"version":1`},
	} {
		no(t, d, "PUT", at, "root", body, want.status, want.text)
	}
	if out := must(t, d, "GET", at, "root", ""); !strings.Contains(out, "123456789012345678901234567890.000001") {
		t.Errorf("the number became %s", out)
	}
}

func TestRefusals(t *testing.T) {
	_, d := newDoor(t)
	for _, c := range []struct {
		method, path, token, body string
		status                    int
		text                      string
	}{
		{"GET", "/v1/secret/data/a", "", "", 403, "missing client token"},
		{"GET", "/v1/secret/data/a", "wrong", "", 403, "permission denied"},
		{"GET", "/v1/secret/data/a", "hvb.AAAA", "", 403, "permission denied"},
		{"GET", "/v1/secret/data/none", "root", "", 404, `{"errors":[]}`},
		{"LIST", "/v1/secret/metadata/none", "root", "", 404, `{"errors":[]}`},
		{"GET", "/v1/secret/none", "root", "", 404, "Invalid path for a versioned K/V secrets engine"},
		{"GET", "/v1/none/at/all", "root", "", 404, "no handler for route"},
		{"POST", "/v1/secret/metadata", "root", "", 400, "not empty"},
		{"POST", "/v1/auth/token/accessors", "root", "", 405, "unsupported operation"},
		{"TRACE", "/v1/secret/data/a", "root", "", 405, "unsupported operation"},
		{"POST", "/v1/sys/mounts/database", "root", `{"type":"database"}`, 400, "is not part of this server"},
		{"POST", "/v1/sys/mounts/x", "root", `{"type":"nonsense"}`, 400, "plugin not found in the catalog"},
		{"POST", "/v1/sys/mounts/secret/x", "root", `{"type":"kv"}`, 400, "existing mount at secret/"},
		{"POST", "/v1/sys/auth/ldap", "root", `{"type":"ldap"}`, 400, "is not part of this server"},
		{"DELETE", "/v1/sys/mounts/sys", "root", "", 400, "cannot unmount"},
		{"PUT", "/v1/sys/policies/acl/root", "root", `{"policy":"path \"a\" { capabilities = [\"read\"] }"}`, 400, "cannot update"},
		{"PUT", "/v1/sys/policies/acl/x", "root", `{"policy":"path \"a\" { capabilities = [\"fly\"] }"}`, 400, "invalid capability"},
		{"DELETE", "/v1/sys/policies/acl/default", "root", "", 400, "cannot delete"},
		{"POST", "/v1/auth/token/lookup", "root", `{"token":"none"}`, 403, "bad token"},
		{"POST", "/v1/auth/token/lookup-accessor", "root", `{"accessor":"none"}`, 403, "invalid accessor"},
		{"POST", "/v1/auth/token/renew-self", "root", "", 400, "lease is not renewable"},
		{"POST", "/v1/auth/token/create", "root", `{"ttl":"-1h"}`, 400, "not negative"},
		{"POST", "/v1/auth/token/create", "root", `{"ttl":"99999999999h"}`, 400, "duration"},
		{"POST", "/v1/auth/token/create", "root", `{"num_uses":-1}`, 400, "cannot be negative"},
		{"POST", "/v1/auth/token/create", "root", `{"id":"hvs.mine"}`, 400, "prefix"},
		{"POST", "/v1/sys/wrapping/wrap", "root", `{"a":"b"}`, 400, "response wrapping"},
		{"POST", "/v1/sys/wrapping/unwrap", "root", `{"token":"none"}`, 400, "wrapping token is not valid or does not exist"},
		{"POST", "/v1/sys/capabilities-self", "root", `{}`, 400, "paths must be supplied"},
		{"POST", "/v1/sys/tools/random/999999999", "root", "", 400, "should be between"},
		{"POST", "/v1/sys/seal", "root", "", 400, "not opened over HTTP"},
	} {
		no(t, d, c.method, c.path, c.token, c.body, c.status, c.text)
	}
}

// A token ends with the one that made it, at once, and so does what it kept.
func TestTokenTrees(t *testing.T) {
	h, d := newDoor(t)
	ctx := context.Background()
	create := func(parent, body string) string {
		return data(t, must(t, d, "POST", "/v1/auth/token/create", parent, body), "client_token")
	}
	works := func(token string) bool { return ask(t, d, "GET", "/v1/auth/token/lookup-self", token, "").Code == 200 }
	must(t, d, "PUT", "/v1/sys/policies/acl/p", "root", `{"policy":"path \"auth/token/create\" { capabilities = [\"update\", \"sudo\"] } path \"auth/token/revoke-orphan\" { capabilities = [\"update\", \"sudo\"] }"}`)
	parent := create("root", `{"policies":["p"]}`)
	child := create(parent, `{"policies":["p"]}`)
	grandchild := create(child, `{"policies":["p"]}`)
	batch := create(child, `{"type":"batch"}`)
	orphan := create(child, `{"no_parent":true}`)
	must(t, d, "PUT", "/v1/cubbyhole/x", grandchild, `{"a":"b"}`)
	for _, token := range []string{parent, child, grandchild, batch, orphan} {
		if !works(token) {
			t.Fatal("a new token does not work")
		}
	}
	must(t, d, "POST", "/v1/auth/token/revoke", "root", `{"token":"`+parent+`"}`)
	for name, token := range map[string]string{"parent": parent, "child": child, "grandchild": grandchild, "batch": batch} {
		if works(token) {
			t.Errorf("the %s works after the parent was revoked", name)
		}
	}
	if !works(orphan) {
		t.Error("an orphan ended with the token that made it")
	}
	for {
		n, err := h.Tokens.Sweep(ctx, coretest.Admin())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	for key := range h.Entries() {
		if strings.HasPrefix(key, "cubbyhole/") || strings.HasPrefix(key, "token-gone/") {
			t.Errorf("%s is left", key)
		}
	}

	// With revoke-orphan the children stay.
	parent = create("root", `{"policies":["p"]}`)
	child = create(parent, `{"policies":["p"]}`)
	must(t, d, "POST", "/v1/auth/token/revoke-orphan", "root", `{"token":"`+parent+`"}`)
	if works(parent) || !works(child) {
		t.Errorf("after revoke-orphan: parent %v, child %v", works(parent), works(child))
	}

	// Uses are counted.
	twice := create("root", `{"num_uses":2}`)
	if !works(twice) || !works(twice) || works(twice) {
		t.Error("a token of two uses has not two uses")
	}
	for _, e := range h.Entries() {
		if strings.Contains(e, twice) {
			t.Error("a token is stored in the clear")
		}
	}
}

// One secret and one set of policies at both doors.
func TestAcrossDoors(t *testing.T) {
	h, d := newDoor(t)
	ctx := context.Background()
	ref := coretest.Ref("app/db")
	must(t, d, "PUT", "/v1/secret/data/app/db", "root", `{"data":{"user":"u"}}`)
	read := func(number string) string {
		return must(t, d, "GET", "/v1/secret/data/app/db"+number, "root", "")
	}
	aws := func() string {
		got, err := h.GetValue(ctx, coretest.Admin(), core.GetValueInput{Ref: ref})
		if err != nil {
			return err.Error()
		}
		return string(got.Content.Value.Open())
	}
	if got := aws(); got != `{"user":"u"}` {
		t.Errorf("AWS reads %s", got)
	}
	if _, err := h.PutValue(ctx, coretest.Admin(), core.PutValueInput{Ref: ref, Token: strings.Repeat("t", 32), Content: coretest.TextOf("plain text")}); err != nil {
		t.Fatal(err)
	}
	if got := read(""); !strings.Contains(got, `"data":{"value":"plain text"}`) || !strings.Contains(got, `"version":2`) {
		t.Errorf("Vault reads %s", got)
	}
	must(t, d, "PUT", "/v1/secret/data/app/db", "root", `{"data":{"value":"still text"}}`)
	if got := aws(); got != "still text" {
		t.Errorf("text became %s", got)
	}
	must(t, d, "PUT", "/v1/secret/data/app/db", "root", `{"data":{"value":"now","and":"more"}}`)
	if got := aws(); got != `{"value":"now","and":"more"}` {
		t.Errorf("an object became %s", got)
	}
	// The current label is the current version.
	sec, err := h.DescribeSecret(ctx, coretest.Admin(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.MoveLabel(ctx, coretest.Admin(), core.MoveLabelInput{Ref: ref, Label: "AWSCURRENT", To: sec.Secret.ByNumber(1).ID, From: sec.Secret.At("AWSCURRENT").ID}); err != nil {
		t.Fatal(err)
	}
	if got := read(""); !strings.Contains(got, `"user":"u"`) || !strings.Contains(must(t, d, "GET", "/v1/secret/metadata/app/db", "root", ""), `"current_version":1`) {
		t.Errorf("after the label moved Vault reads %s", got)
	}
	// Deletions.
	must(t, d, "DELETE", "/v1/secret/data/app/db", "root", "")
	if got := aws(); !strings.Contains(got, "can't find the specified secret value") {
		t.Errorf("of a deleted version AWS reads %s", got)
	}
	must(t, d, "POST", "/v1/secret/undelete/app/db", "root", `{"versions":[1]}`)
	if _, err := h.DeleteSecret(ctx, coretest.Admin(), core.DeleteSecretInput{Ref: ref, Window: 1e15}); err != nil {
		t.Fatal(err)
	}
	if out := ask(t, d, "GET", "/v1/secret/data/app/db", "root", ""); out.Code != 404 || !strings.Contains(out.Body.String(), `"deletion_time":"2`) {
		t.Errorf("of a secret that waits for its deletion Vault says %d %s", out.Code, out.Body)
	}
	no(t, d, "PUT", "/v1/secret/data/app/db", "root", `{"data":{}}`, 400, "marked for deletion")
	if _, err := h.RestoreSecret(ctx, coretest.Admin(), ref); err != nil {
		t.Fatal(err)
	}
	// Tags are custom metadata.
	must(t, d, "POST", "/v1/secret/metadata/app/db", "root", `{"custom_metadata":{"team":"blue"}}`)
	if sec, _ = h.DescribeSecret(ctx, coretest.Admin(), ref); len(sec.Secret.Tags) != 1 || sec.Secret.Tags[0].Value != "blue" {
		t.Errorf("the tags are %v", sec.Secret.Tags)
	}
	// A token's policies bind at the other door too, and an IAM document binds a
	// token.
	who := func(policies string) core.Caller {
		token := data(t, must(t, d, "POST", "/v1/auth/token/create", "root", `{"policies":`+policies+`,"no_default_policy":true}`), "client_token")
		c, _, err := h.Tokens.Authenticate(ctx, core.Caller{Door: "aws", Region: coretest.Region}, token, "")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	must(t, d, "PUT", "/v1/sys/policies/acl/reader", "root", `{"policy":"path \"secret/data/app/*\" { capabilities = [\"read\"] }"}`)
	reader := who(`["reader"]`)
	if _, err := h.GetValue(ctx, reader, core.GetValueInput{Ref: ref}); err != nil {
		t.Errorf("an ACL policy at AWS's door: %v", err)
	}
	for name, err := range map[string]error{
		"write":   errOf(h.PutValue(ctx, reader, core.PutValueInput{Ref: ref, Token: strings.Repeat("u", 32), Content: coretest.TextOf("x")})),
		"another": errOf(h.GetValue(ctx, reader, core.GetValueInput{Ref: coretest.Ref("other")})),
		"delete":  errOf(h.DeleteSecret(ctx, reader, core.DeleteSecretInput{Ref: ref, Force: true})),
	} {
		if _, refused := asRefusal(err); !refused {
			t.Errorf("%s: %v", name, err)
		}
	}
	if out := ask(t, d, "GET", "/v1/secret/data/app/db", data(t, must(t, d, "POST", "/v1/auth/token/create", "root", `{"policies":["arn:aws:iam::aws:policy/SecretsManagerReadWrite"],"no_default_policy":true}`), "client_token"), ""); out.Code != http.StatusOK {
		t.Errorf("an IAM policy at Vault's door: %d %s", out.Code, out.Body)
	}
	// All of it is in the one log.
	doors := map[string]bool{}
	for _, r := range h.Records() {
		if r.Resource == "arn:aws:secretsmanager:us-east-1:000000000000:secret:app/db-"+sec.Secret.Suffix {
			doors[r.Door+" "+r.Verb] = true
		}
	}
	for _, want := range []string{"vault GetValue", "vault PutValue", "test GetValue", "vault DeleteLatest", "vault UndeleteVersions", "vault UpdateMetadata"} {
		if !doors[want] {
			t.Errorf("the log has no %s: %v", want, doors)
		}
	}
}

func errOf[T any](_ T, err error) error { return err }

func asRefusal(err error) (*policy.Refusal, bool) {
	for ; err != nil; err = unwrap(err) {
		if r, ok := err.(*policy.Refusal); ok {
			return r, true
		}
	}
	return nil, false
}

func unwrap(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return nil
}

// Copies show no value to whoever makes them.
func TestCopy(t *testing.T) {
	_, d := newDoor(t)
	must(t, d, "PUT", "/v1/secret/data/from", "root", `{"data":{"x":"y"}}`)
	must(t, d, "PUT", "/v1/sys/policies/acl/mover", "root", `{"policy":"path \"secret/copy/from\" { capabilities = [\"update\"] } path \"secret/data/to/*\" { capabilities = [\"create\"] }"}`)
	mover := data(t, must(t, d, "POST", "/v1/auth/token/create", "root", `{"policies":["mover"]}`), "client_token")
	no(t, d, "GET", "/v1/secret/data/from", mover, "", 403, "")
	no(t, d, "POST", "/v1/secret/copy/from", mover, `{"to":"elsewhere"}`, 403, "")
	if out := must(t, d, "POST", "/v1/secret/copy/from", mover, `{"to":"to/here"}`); strings.Contains(out, `"y"`) {
		t.Errorf("a copy showed %s", out)
	}
	no(t, d, "POST", "/v1/secret/copy/from", mover, `{"to":"to/there","move":true}`, 403, "")
	if out := must(t, d, "GET", "/v1/secret/data/to/here", "root", ""); !strings.Contains(out, `"x":"y"`) {
		t.Errorf("the copy is %s", out)
	}
	must(t, d, "POST", "/v1/secret/copy/from", "root", `{"to":"moved","move":true}`)
	no(t, d, "GET", "/v1/secret/data/from", "root", "", 404, "")
}

// What was revoked is refused on the very next request, whoever reads beside it.
func TestRevocationUnderReaders(t *testing.T) {
	_, d := newDoor(t)
	must(t, d, "PUT", "/v1/secret/data/a", "root", `{"data":{"x":"y"}}`)
	for round := range 3 {
		must(t, d, "PUT", "/v1/sys/policies/acl/r", "root", `{"policy":"path \"secret/data/*\" { capabilities = [\"read\"] } path \"auth/token/create\" { capabilities = [\"update\"] }"}`)
		parent := data(t, must(t, d, "POST", "/v1/auth/token/create", "root", `{"policies":["r"]}`), "client_token")
		child := data(t, must(t, d, "POST", "/v1/auth/token/create", parent, `{"policies":["r"]}`), "client_token")
		stop, done := make(chan struct{}), make(chan error, 64)
		for range 64 {
			go func() {
				for {
					select {
					case <-stop:
						done <- nil
						return
					default:
					}
					if out := ask(t, d, "GET", "/v1/secret/data/a", child, ""); out.Code != 200 && out.Code != 403 {
						done <- fmt.Errorf("%d: %s", out.Code, out.Body)
						return
					}
				}
			}()
		}
		switch round {
		case 0:
			must(t, d, "POST", "/v1/auth/token/revoke", "root", `{"token":"`+parent+`"}`)
		case 1:
			must(t, d, "DELETE", "/v1/sys/policies/acl/r", "root", "")
		default:
			must(t, d, "PUT", "/v1/sys/policies/acl/r", "root", `{"policy":"path \"secret/data/a\" { capabilities = [\"deny\"] }"}`)
		}
		for range 20 {
			if out := ask(t, d, "GET", "/v1/secret/data/a", child, ""); out.Code != 403 {
				t.Errorf("round %d: after it was revoked: %d", round, out.Code)
				break
			}
		}
		close(stop)
		for range 64 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
}
