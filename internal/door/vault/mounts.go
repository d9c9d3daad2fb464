package vault

import (
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/mount"
	"github.com/strongroom-dev/strongroom/internal/policy"
)

// mountRoutes are the paths of mounts.
// (https://developer.hashicorp.com/vault/api-docs/system/mounts)
func mountRoutes() []route {
	return []route{
		{path: "mounts", read: listMounts(false)},
		{path: "auth", read: listMounts(true)},
		{path: "mounts/auth/{path}/tune", read: readTune, write: writeTune},
		{path: "mounts/auth/{path}", read: readMount},
		{path: "mounts/{path...}", read: readMount, write: enableMount, remove: disableMount},
		{path: "auth/{path}/tune", read: readTune, write: writeTune, sudo: true},
		{path: "auth/{path...}", read: readMount, write: enableMount, remove: disableMount, sudo: true},
		{path: "remount", write: remount, sudo: true, differs: "is done when it answers"},
		{path: "remount/status/{id}", read: remountStatus},
		{path: "internal/ui/mounts", read: uiMounts, public: true},
		{path: "internal/ui/mounts/{path...}", read: uiMount},
		{path: "internal/ui/resultant-acl", read: resultantACL},
	}
}

type mountConfig struct {
	DefaultTTL      int64    `json:"default_lease_ttl"`
	ForceNoCache    bool     `json:"force_no_cache"`
	MaxTTL          int64    `json:"max_lease_ttl"`
	TokenType       string   `json:"token_type,omitempty"`
	Listing         string   `json:"listing_visibility,omitempty"`
	RequestHeaders  []string `json:"passthrough_request_headers,omitempty"`
	ResponseHeaders []string `json:"allowed_response_headers,omitempty"`
	AuditRequest    []string `json:"audit_non_hmac_request_keys,omitempty"`
	AuditResponse   []string `json:"audit_non_hmac_response_keys,omitempty"`
}

type shownMount struct {
	Accessor         string            `json:"accessor"`
	Config           mountConfig       `json:"config"`
	Deprecation      string            `json:"deprecation_status,omitempty"`
	Description      string            `json:"description"`
	ExternalEntropy  bool              `json:"external_entropy_access"`
	Local            bool              `json:"local"`
	Options          map[string]string `json:"options"`
	Path             string            `json:"path,omitempty"`
	PluginVersion    string            `json:"plugin_version"`
	RunningVersion   string            `json:"running_plugin_version"`
	RunningSHA256    string            `json:"running_sha256"`
	SealWrap         bool              `json:"seal_wrap"`
	Type             string            `json:"type"`
	UUID             string            `json:"uuid"`
	AccessibleRegion string            `json:"region,omitempty"`
}

func (q *request) show(x *mount.Mount) shownMount {
	c := x.Config
	out := shownMount{
		Accessor: x.Accessor, Description: x.Description, Local: x.Local, Options: x.Options, SealWrap: x.SealWrap, Type: x.Type, UUID: x.UUID,
		RunningVersion: "v" + q.door.cfg.Status().Version + "+builtin.strongroom", AccessibleRegion: x.Region,
		Config: mountConfig{c.DefaultTTL, c.ForceNoCache, c.MaxTTL, c.TokenType, c.Listing, c.RequestHeaders, c.ResponseHeaders, c.AuditRequest, c.AuditResponse},
	}
	if x.Type != mount.System && x.Type != mount.Identity && x.Type != mount.Cubbyhole && x.Type != mount.Token {
		out.Deprecation = "supported"
	}
	return out
}

// listMounts shows the secrets engines, or the auth methods without "auth/".
func listMounts(auth bool) handler {
	return func(q *request) (*response, error) {
		t, err := q.door.cfg.Mounts.List(q.ctx, q.who, q.account(), q.path)
		if err != nil {
			return nil, err
		}
		out := m{}
		for _, x := range t.All() {
			if x.IsAuth() == auth {
				out[strings.TrimPrefix(x.Path, mount.AuthPrefix)] = q.show(x)
			}
		}
		return &response{flat: true, data: out}, nil
	}
}

// mountPath is the mount that the request's path names: behind sys/mounts/, or
// behind sys/ for auth methods.
func (q *request) mountPath() string {
	p := strings.TrimPrefix(strings.TrimPrefix(q.rest, "mounts/"), "remount/")
	p = strings.TrimSuffix(strings.TrimSuffix(p, "/"), "/tune")
	return strings.Trim(p, "/") + "/"
}

func (q *request) foundMount() (*mount.Mount, error) {
	t, err := q.door.cfg.Mounts.List(q.ctx, q.who, q.account(), q.path)
	if err != nil {
		return nil, err
	}
	x := t.At(q.mountPath())
	if x == nil {
		return nil, fault.New(fault.Invalid, "No secret engine mount at %s", q.mountPath())
	}
	return x, nil
}

func readMount(q *request) (*response, error) {
	if path, tune := strings.CutSuffix(strings.TrimSuffix(q.rest, "/"), "/tune"); tune && path != "mounts" {
		return readTune(q)
	}
	x, err := q.foundMount()
	if err != nil {
		return nil, err
	}
	return &response{flat: true, data: q.show(x)}, nil
}

func readTune(q *request) (*response, error) {
	x, err := q.foundMount()
	if err != nil {
		return nil, fault.New(fault.Invalid, "cannot fetch sysview for path %q", q.mountPath())
	}
	standard, longest := x.TTLs()
	c := x.Config
	out := struct {
		mountConfig
		Description string            `json:"description"`
		Options     map[string]string `json:"options,omitempty"`
	}{mountConfig{standard, c.ForceNoCache, longest, c.TokenType, c.Listing, c.RequestHeaders, c.ResponseHeaders, c.AuditRequest, c.AuditResponse}, x.Description, x.Options}
	return &response{flat: true, data: out}, nil
}

// engines and methods are the types that can be mounted, and later are those of
// Vault's that are not there yet.
var (
	engineTypes = []string{mount.KV, mount.Transit}
	methodTypes = []string{mount.AppRole, mount.UserPass, mount.JWT, mount.Kubernetes}
	laterTypes  = []string{"database", "pki", "ssh", "totp", "aws", "azure", "gcp", "consul", "nomad", "rabbitmq", "ldap", "openldap", "kmip", "terraform", "cert", "oidc", "github", "okta", "radius", "kerberos"}
)

func enableMount(q *request) (*response, error) {
	if strings.HasSuffix(strings.TrimSuffix(q.rest, "/"), "/tune") {
		return writeTune(q)
	}
	f := &q.fields
	x := mount.Mount{Path: q.mountPath(), Type: f.text("type"), Description: f.text("description")}
	x.Local, _ = f.boolean("local")
	x.SealWrap, _ = f.boolean("seal_wrap")
	x.Options, _ = f.object("options")
	change, err := configChange(f.raw("config"))
	if err == nil {
		err = f.err()
	}
	if err != nil {
		return nil, q.reject(err)
	}
	if x.Type == "" || x.Type == "plugin" {
		x.Type = f.text("plugin_name")
	}
	if x.Type == "kv-v2" {
		x.Type = mount.KV
		x.SetOptions(map[string]string{"version": "2"})
	}
	x.Type = strings.TrimPrefix(strings.TrimPrefix(x.Type, "vault-plugin-secrets-"), "vault-plugin-auth-")
	if err := checkType(&x); err != nil {
		return nil, q.reject(err)
	}
	change(&x)
	return nil, q.door.cfg.Mounts.Enable(q.ctx, q.who, q.account(), q.path, x)
}

func checkType(x *mount.Mount) error {
	types, word := engineTypes, "secrets engine"
	if x.IsAuth() {
		types, word = methodTypes, "auth method"
	}
	switch {
	case x.Type == "":
		return fault.New(fault.Invalid, "backend type must be specified as a string")
	case slices.Contains(types, x.Type):
		return nil
	case slices.Contains(laterTypes, x.Type):
		return fault.New(fault.Invalid, "the %s %q is not part of this server: %s are", word, x.Type, strings.Join(types, ", "))
	}
	return fault.New(fault.Invalid, "plugin not found in the catalog: %s", x.Type)
}

// configChange reads what can be tuned.
func configChange(object []byte) (func(*mount.Mount), error) {
	f := fields{}
	if object != nil {
		if err := f.read(opWrite, object); err != nil {
			return nil, err
		}
	}
	return f.tuning(), f.err()
}

// tuning gives who changes a mount as the parameters say.
func (f *fields) tuning() func(*mount.Mount) {
	var changes []func(*mount.Mount)
	for name, of := range map[string]func(*mount.Config) *int64{
		"default_lease_ttl": func(c *mount.Config) *int64 { return &c.DefaultTTL }, "max_lease_ttl": func(c *mount.Config) *int64 { return &c.MaxTTL },
	} {
		if f.has(name) && strings.Trim(string(f.raw(name)), `"`) == "" {
			continue // "" leaves it as it is
		}
		if f.text(name) == "system" {
			changes = append(changes, func(x *mount.Mount) { *of(&x.Config) = 0 })
			continue
		}
		if v, given := f.seconds(name); given {
			changes = append(changes, func(x *mount.Mount) { *of(&x.Config) = v })
		}
	}
	for name, of := range map[string]func(*mount.Config) *[]string{
		"passthrough_request_headers": func(c *mount.Config) *[]string { return &c.RequestHeaders }, "allowed_response_headers": func(c *mount.Config) *[]string { return &c.ResponseHeaders },
		"audit_non_hmac_request_keys": func(c *mount.Config) *[]string { return &c.AuditRequest }, "audit_non_hmac_response_keys": func(c *mount.Config) *[]string { return &c.AuditResponse },
	} {
		if v, given := f.list(name); given {
			changes = append(changes, func(x *mount.Mount) { *of(&x.Config) = v })
		}
	}
	for name, of := range map[string]func(*mount.Mount) *string{
		"description": func(x *mount.Mount) *string { return &x.Description }, "listing_visibility": func(x *mount.Mount) *string { return &x.Config.Listing },
		"token_type": func(x *mount.Mount) *string { return &x.Config.TokenType },
	} {
		if f.has(name) {
			v := f.text(name)
			changes = append(changes, func(x *mount.Mount) { *of(x) = v })
		}
	}
	if v, given := f.boolean("force_no_cache"); given {
		changes = append(changes, func(x *mount.Mount) { x.Config.ForceNoCache = v })
	}
	if v, given := f.object("options"); given && v != nil {
		changes = append(changes, func(x *mount.Mount) { x.SetOptions(v) })
	}
	return func(x *mount.Mount) {
		for _, change := range changes {
			change(x)
		}
	}
}

func writeTune(q *request) (*response, error) {
	change := q.fields.tuning()
	if err := q.fields.err(); err != nil {
		return nil, q.reject(err)
	}
	return nil, q.door.cfg.Mounts.Tune(q.ctx, q.who, q.account(), q.path, q.mountPath(), func(x *mount.Mount) error {
		region := x.Options["region"]
		change(x)
		if x.Type == mount.KV && x.Options["region"] != region {
			return fault.New(fault.Invalid, "the region of a mount cannot be changed")
		}
		return nil
	})
}

func disableMount(q *request) (*response, error) {
	return nil, q.door.cfg.Mounts.Disable(q.ctx, q.who, q.account(), q.path, q.mountPath())
}

func remount(q *request) (*response, error) {
	from, to := strings.Trim(q.fields.text("from"), "/")+"/", strings.Trim(q.fields.text("to"), "/")+"/"
	if err := q.fields.err(); err != nil {
		return nil, q.reject(err)
	}
	if err := q.door.cfg.Mounts.Move(q.ctx, q.who, q.account(), q.path, from, to); err != nil {
		return nil, err
	}
	return &response{flat: true, data: m{"migration_id": q.id}}, nil
}

func remountStatus(q *request) (*response, error) {
	return q.used(&response{data: m{"migration_id": q.vars[0], "migration_info": m{"source_mount": "", "target_mount": "", "status": "success"}}})
}

// sees reports whether the caller may know of a mount: its policies allow
// anything in it.
func (q *request) sees(x *mount.Mount) bool {
	return x.Config.Listing == "unauth" || q.session.Token.IsRoot() || q.who.Program.AnyBelow(q.who.Below+x.Path)
}

func uiMounts(q *request) (*response, error) {
	secrets, methods := m{}, m{}
	for _, x := range q.session.Table.All() {
		switch {
		case !q.sees(x):
		case x.IsAuth():
			methods[strings.TrimPrefix(x.Path, mount.AuthPrefix)] = q.show(x)
		default:
			secrets[x.Path] = q.show(x)
		}
	}
	return q.publicly(&response{data: m{"auth": methods, "secret": secrets}})
}

// publicly records what anybody may ask, and that shows only what the caller
// may know.
func (q *request) publicly(out *response) (*response, error) {
	who := q.who
	who.Program = publicProgram
	if err := q.door.cfg.Core.MayUse(q.ctx, who, q.setting()); err != nil {
		return nil, err
	}
	return out, nil
}

var publicProgram = policy.Grant("anybody may ask", "strongroom:UsePath")

// uiMount tells a client which mount a path is under. Whoever may do nothing
// there learns nothing.
func uiMount(q *request) (*response, error) {
	x, _ := q.session.Table.Find(q.vars[0])
	if x == nil || !q.sees(x) {
		return nil, q.door.refuse(q, fault.Wrap(fault.Denied, nil, "preflight capability check returned 403, please ensure client's policies grant access to path %q", strings.Trim(q.vars[0], "/")+"/"))
	}
	out := q.show(x)
	out.Path = x.Path
	return q.publicly(&response{data: out})
}

func resultantACL(q *request) (*response, error) {
	if q.session.Token.IsRoot() {
		return q.used(&response{data: m{"root": true}})
	}
	exact, glob := m{}, m{}
	for _, r := range q.who.Program.Rules() {
		if path, ok := strings.CutSuffix(r.Path, "*"); ok {
			glob[path] = m{"capabilities": r.Can.Names()}
		} else {
			exact[r.Path] = m{"capabilities": r.Can.Names()}
		}
	}
	return q.used(&response{data: m{"root": false, "exact_paths": exact, "glob_paths": glob}})
}
