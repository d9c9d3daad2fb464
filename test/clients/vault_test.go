//go:build clients

package clients_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	vault "github.com/hashicorp/vault/api"
	bao "github.com/openbao/openbao/api/v2"
)

// with is a client of HashiCorp's with a token.
func with(t *testing.T, token string) *vault.Client {
	t.Helper()
	cfg := vault.DefaultConfig()
	cfg.Address, cfg.MaxRetries = address, 0
	c, err := vault.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.SetToken(token)
	return c
}

func ok[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func done(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// status wants an error of a status, with a text.
func status(t *testing.T, err error, code int, text string) {
	t.Helper()
	e, is := errors.AsType[*vault.ResponseError](err)
	if !is || e.StatusCode != code || !strings.Contains(strings.Join(e.Errors, " "), text) {
		t.Errorf("got %v, want %d %q", err, code, text)
	}
}

// What Vault's own Go client does, from the server's health to a token's end.
func TestVaultInGo(t *testing.T) {
	ctx := context.Background()
	root := with(t, "root")
	if h := ok[*vault.HealthResponse](t)(root.Sys().Health()); !h.Initialized || h.Sealed {
		t.Errorf("health: %+v", h)
	}
	if s := ok[*vault.SealStatusResponse](t)(root.Sys().SealStatus()); s.Sealed {
		t.Errorf("seal status: %+v", s)
	}

	// One secret, whoever made it.
	kv := root.KVv2("secret")
	if s := ok[*vault.KVSecret](t)(kv.Get(ctx, "prod/myapp/database")); s.Data["DB_PASSWORD"] != "correct-horse-battery-staple" {
		t.Errorf("the example is %+v", s)
	}
	ok[*vault.KVSecret](t)(kv.Put(ctx, "vault-go/one", map[string]any{"user": "u", "deep": map[string]any{"n": 1}}))
	ok[*vault.KVSecret](t)(kv.Put(ctx, "vault-go/one", map[string]any{"user": "v"}, vault.WithCheckAndSet(1)))
	_, err := kv.Put(ctx, "vault-go/one", map[string]any{"user": "w"}, vault.WithCheckAndSet(1))
	status(t, err, http.StatusBadRequest, "check-and-set parameter did not match the current version")
	ok[*vault.KVSecret](t)(kv.Patch(ctx, "vault-go/one", map[string]any{"password": "p"}))
	if s := ok[*vault.KVSecret](t)(kv.Get(ctx, "vault-go/one")); s.VersionMetadata.Version != 3 || s.Data["user"] != "v" || s.Data["password"] != "p" {
		t.Errorf("patched: %+v", s.Data)
	}
	ok[*vault.KVSecret](t)(kv.Rollback(ctx, "vault-go/one", 1))
	if s := ok[*vault.KVSecret](t)(kv.Get(ctx, "vault-go/one")); s.VersionMetadata.Version != 4 || s.Data["deep"].(map[string]any)["n"] != json.Number("1") {
		t.Errorf("rolled back: %+v", s.Data)
	}
	done(t, kv.DeleteVersions(ctx, "vault-go/one", []int{4}))
	if s, err := kv.Get(ctx, "vault-go/one"); err == nil && s.Data != nil {
		t.Errorf("a deleted version shows %+v", s.Data)
	}
	done(t, kv.Undelete(ctx, "vault-go/one", []int{4}))
	done(t, kv.Destroy(ctx, "vault-go/one", []int{1, 2}))
	done(t, kv.PutMetadata(ctx, "vault-go/one", vault.KVMetadataPutInput{MaxVersions: 3, CustomMetadata: map[string]any{"owner": "me"}}))
	meta := ok[*vault.KVMetadata](t)(kv.GetMetadata(ctx, "vault-go/one"))
	if meta.CurrentVersion != 4 || meta.MaxVersions != 3 || !meta.Versions["1"].Destroyed || meta.CustomMetadata["owner"] != "me" {
		t.Errorf("metadata: %+v", meta)
	}
	if l := ok[*vault.Secret](t)(root.Logical().List("secret/metadata/vault-go")); l.Data["keys"].([]any)[0] != "one" {
		t.Errorf("list: %+v", l.Data)
	}
	if _, err := kv.Get(ctx, "vault-go/none"); !errors.Is(err, vault.ErrSecretNotFound) {
		t.Error(err)
	}
	done(t, kv.DeleteMetadata(ctx, "vault-go/one"))

	// Version 1, beside it.
	done(t, root.Sys().Mount("go-kv1", &vault.MountInput{Type: "kv"}))
	done(t, root.KVv1("go-kv1").Put(ctx, "a/b", map[string]any{"x": "y"}))
	if s := ok[*vault.KVSecret](t)(root.KVv1("go-kv1").Get(ctx, "a/b")); s.Data["x"] != "y" {
		t.Errorf("version 1: %+v", s)
	}
	done(t, root.Sys().Unmount("go-kv1"))

	// A policy, a token under it, its renewal and its end.
	done(t, root.Sys().PutPolicy("go-app", `path "secret/data/vault-go/*" { capabilities = ["create", "read", "update"] } path "auth/token/create" { capabilities = ["update"] }`))
	app := ok[*vault.Secret](t)(root.Auth().Token().Create(&vault.TokenCreateRequest{Policies: []string{"go-app"}, TTL: "1h", Metadata: map[string]string{"team": "blue"}}))
	mine := with(t, app.Auth.ClientToken)
	ok[*vault.KVSecret](t)(mine.KVv2("secret").Put(ctx, "vault-go/own", map[string]any{"a": "b"}))
	_, err = mine.KVv2("secret").Get(ctx, "prod/myapp/database")
	status(t, err, http.StatusForbidden, "permission denied")
	_, err = mine.Logical().List("secret/metadata/vault-go")
	status(t, err, http.StatusForbidden, "permission denied")
	self := ok[*vault.Secret](t)(mine.Auth().Token().LookupSelf())
	if self.Data["meta"].(map[string]any)["team"] != "blue" || !slices.Equal(self.Data["policies"].([]any), []any{"default", "go-app"}) {
		t.Errorf("lookup-self: %+v", self.Data)
	}
	if r := ok[*vault.Secret](t)(mine.Auth().Token().RenewSelf(1800)); r.Auth.LeaseDuration != 1800 {
		t.Errorf("renewed for %d", r.Auth.LeaseDuration)
	}
	child := ok[*vault.Secret](t)(mine.Auth().Token().Create(&vault.TokenCreateRequest{Policies: []string{"go-app"}}))
	_, err = mine.Auth().Token().Create(&vault.TokenCreateRequest{Policies: []string{"root"}})
	status(t, err, http.StatusBadRequest, "root")
	if caps := ok[[]string](t)(mine.Sys().CapabilitiesSelf("secret/data/vault-go/x")); !slices.Equal(caps, []string{"create", "read", "update"}) {
		t.Errorf("capabilities: %v", caps)
	}
	done(t, root.Auth().Token().RevokeAccessor(app.Auth.Accessor))
	for _, gone := range []string{app.Auth.ClientToken, child.Auth.ClientToken} {
		_, err = with(t, gone).Auth().Token().LookupSelf()
		status(t, err, http.StatusForbidden, "permission denied")
	}

	// An answer that is wrapped, once.
	wrapping := with(t, "root")
	wrapping.SetWrappingLookupFunc(func(_, path string) string {
		if strings.HasPrefix(path, "secret/") {
			return "5m"
		}
		return ""
	})
	wrapped := ok[*vault.Secret](t)(wrapping.Logical().Read("secret/data/vault-go/own"))
	if wrapped.Data != nil || wrapped.WrapInfo.TTL != 300 || wrapped.WrapInfo.CreationPath != "secret/data/vault-go/own" {
		t.Errorf("wrapped: %+v", wrapped)
	}
	opened := ok[*vault.Secret](t)(with(t, wrapped.WrapInfo.Token).Logical().Unwrap(""))
	if opened.Data["data"].(map[string]any)["a"] != "b" {
		t.Errorf("unwrapped: %+v", opened.Data)
	}
	_, err = root.Logical().Unwrap(wrapped.WrapInfo.Token)
	status(t, err, http.StatusBadRequest, "wrapping token is not valid or does not exist")
}

func TestVaultLoginsInGo(t *testing.T) {
	root := with(t, "root")
	for kind := range maps.Keys(map[string]bool{"approle": true, "userpass": true}) {
		done(t, root.Sys().EnableAuthWithOptions("go-"+kind, &vault.EnableAuthOptions{Type: kind}))
	}
	done(t, root.Sys().PutPolicy("go-login", `path "secret/data/{{identity.entity.aliases.`+accessor(t, root, "go-userpass/")+`.name}}/*" { capabilities = ["create", "update", "read"] }`))
	write := func(c *vault.Client, path string, data map[string]any) *vault.Secret {
		t.Helper()
		return ok[*vault.Secret](t)(c.Logical().Write(path, data))
	}
	write(root, "auth/go-approle/role/ci", map[string]any{"token_policies": "go-login", "token_ttl": "20m", "secret_id_num_uses": 1})
	role := ok[*vault.Secret](t)(root.Logical().Read("auth/go-approle/role/ci/role-id")).Data["role_id"]
	id := write(root, "auth/go-approle/role/ci/secret-id", map[string]any{"metadata": `{"build": "7"}`}).Data["secret_id"]
	stranger := with(t, "")
	in := write(stranger, "auth/go-approle/login", map[string]any{"role_id": role, "secret_id": id})
	if a := in.Auth; a.LeaseDuration != 1200 || a.Metadata["role_name"] != "ci" || a.Metadata["build"] != "7" || !slices.Equal(a.Policies, []string{"default", "go-login"}) || !a.Orphan {
		t.Errorf("approle: %+v", a)
	}
	_, err := stranger.Logical().Write("auth/go-approle/login", map[string]any{"role_id": role, "secret_id": id})
	status(t, err, http.StatusBadRequest, "invalid role or secret ID")

	write(root, "auth/go-userpass/users/Ann", map[string]any{"password": "pa55", "token_policies": []string{"go-login"}})
	_, err = stranger.Logical().Write("auth/go-userpass/login/ann", map[string]any{"password": "no"})
	status(t, err, http.StatusBadRequest, "invalid username or password")
	ann := write(stranger, "auth/go-userpass/login/ann", map[string]any{"password": "pa55"})
	mine := with(t, ann.Auth.ClientToken)
	write(mine, "secret/data/ann/own", map[string]any{"data": map[string]any{"a": "b"}})
	_, err = mine.Logical().Write("secret/data/bob/own", map[string]any{"data": map[string]any{"a": "b"}})
	status(t, err, http.StatusForbidden, "permission denied")

	// What binds an entity follows it, at once.
	done(t, root.Sys().PutPolicy("go-extra", `path "secret/data/prod/*" { capabilities = ["read"] }`))
	group := write(root, "identity/group", map[string]any{"name": "go-readers", "policies": "go-extra", "member_entity_ids": []string{ann.Auth.EntityID}})
	ok[*vault.Secret](t)(mine.Logical().Read("secret/data/prod/myapp/database"))
	ok[*vault.Secret](t)(root.Logical().Delete("identity/group/id/" + group.Data["id"].(string)))
	_, err = mine.Logical().Read("secret/data/prod/myapp/database")
	status(t, err, http.StatusForbidden, "permission denied")

	// So does the end of the auth method.
	done(t, root.Sys().DisableAuth("go-userpass"))
	_, err = mine.Auth().Token().LookupSelf()
	status(t, err, http.StatusForbidden, "permission denied")
	done(t, root.Sys().DisableAuth("go-approle"))
}

func accessor(t *testing.T, c *vault.Client, path string) string {
	t.Helper()
	return ok[map[string]*vault.AuthMount](t)(c.Sys().ListAuth())[path].Accessor
}

// OpenBao's client, and what only OpenBao has.
func TestOpenBaoInGo(t *testing.T) {
	ctx := context.Background()
	cfg := bao.DefaultConfig()
	cfg.Address = address
	c, err := bao.NewClient(cfg)
	done(t, err)
	c.SetToken("root")
	ok[*bao.KVSecret](t)(c.KVv2("secret").Put(ctx, "bao/deep/er/one", map[string]any{"a": "b"}))
	ok[*bao.KVSecret](t)(c.KVv2("secret").Put(ctx, "bao/two", map[string]any{"a": "b"}))
	if s := ok[*bao.KVSecret](t)(c.KVv2("secret").Get(ctx, "bao/two")); s.Data["a"] != "b" {
		t.Errorf("%+v", s)
	}
	if s := ok[*bao.Secret](t)(c.Logical().ScanWithContext(ctx, "secret/metadata/bao")); !slices.Equal(s.Data["keys"].([]any), []any{"deep/er/one", "two"}) {
		t.Errorf("scan: %+v", s.Data)
	}
	// A namespace is a world of its own.
	ok[*bao.Secret](t)(c.Logical().Write("sys/namespaces/team", map[string]any{}))
	team := c.WithNamespace("team")
	ok[*bao.KVSecret](t)(team.KVv2("secret").Put(ctx, "bao/two", map[string]any{"a": "team's"}))
	if s := ok[*bao.KVSecret](t)(c.KVv2("secret").Get(ctx, "bao/two")); s.Data["a"] != "b" {
		t.Errorf("the root's became %+v", s.Data)
	}
	token := ok[*bao.Secret](t)(team.Auth().Token().Create(&bao.TokenCreateRequest{Policies: []string{"root"}}))
	outside, err := bao.NewClient(cfg)
	done(t, err)
	outside.SetToken(token.Auth.ClientToken)
	if _, err := outside.KVv2("secret").Get(ctx, "bao/two"); err == nil {
		t.Error("a namespace's token read the root namespace")
	}
}

func TestNodeVault(t *testing.T) {
	if out, status := command(t, environment("NODE_PATH=node_modules", "VAULT_ADDR="+address, "VAULT_TOKEN=root"), "node", "testdata/vault.js"); status != 0 {
		t.Errorf("%s", out)
	}
}

func TestHvac(t *testing.T) {
	if out, status := command(t, environment("VAULT_ADDR="+address, "VAULT_TOKEN=root"), "/usr/bin/python3", "testdata/vault.py"); status != 0 {
		t.Errorf("%s", out)
	}
}

// consul-template renders a secret with a token of its own, and stops where the
// token may not read.
func TestConsulTemplate(t *testing.T) {
	root := with(t, "root")
	done(t, root.Sys().PutPolicy("consul-template", `path "secret/data/prod/myapp/*" { capabilities = ["read"] }`))
	made := ok[*vault.Secret](t)(root.Auth().Token().Create(&vault.TokenCreateRequest{Policies: []string{"consul-template"}, TTL: "1h"}))
	render := func(path string) (string, string, int) {
		dir := t.TempDir()
		done(t, os.WriteFile(filepath.Join(dir, "in"), []byte(`{{ with secret "`+path+`" }}{{ .Data.data.DB_PASSWORD | len }} {{ .Data.metadata.version }}{{ end }}`), 0o600))
		out, status := command(t, environment("VAULT_ADDR="+address, "VAULT_TOKEN="+made.Auth.ClientToken),
			"bin/consul-template", "-once", "-vault-retry=false", "-template", filepath.Join(dir, "in")+":"+filepath.Join(dir, "out"))
		text, _ := os.ReadFile(filepath.Join(dir, "out"))
		return string(text), out, status
	}
	if text, out, status := render("secret/data/prod/myapp/database"); status != 0 || text != "28 1" {
		t.Errorf("%d: %q: %s", status, text, out)
	}
	if text, out, status := render("secret/data/other"); status == 0 || text != "" || !strings.Contains(out, "permission denied") {
		t.Errorf("%d: %q: %s", status, text, out)
	}
}
