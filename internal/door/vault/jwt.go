package vault

import (
	"encoding/json"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/jsontext"
	"github.com/strongroom-dev/strongroom/internal/login"
)

// jwtMethod are the paths of JWT methods.
// (https://developer.hashicorp.com/vault/api-docs/auth/jwt)
func jwtMethod() []route {
	return []route{
		{path: "login", write: loginJWT, public: true, login: true},
		{path: "config", read: readJWTConfig, write: writeJWTConfig},
		{path: "role", list: listJWTRoles},
		{path: "role/{name}", read: readJWTRole, write: writeJWTRole, remove: deleteJWTRole, creates: true, differs: "role_type is jwt: the login by browser is not there"},
	}
}

func loginJWT(q *request) (*response, error) {
	role, raw := q.fields.text("role"), q.fields.text("jwt")
	if err := q.fields.err(); err != nil {
		return nil, q.door.refuse(q, err)
	}
	if raw == "" {
		return nil, q.door.refuse(q, fault.New(fault.Invalid, "missing token"))
	}
	return q.loggedIn(q.door.cfg.Methods.ByJWT(q.ctx, q.who, q.at(), role, raw))
}

func readJWTConfig(q *request) (*response, error) {
	c, err := q.door.cfg.Methods.GetJWTConfig(q.ctx, q.who, q.at())
	if err != nil {
		return nil, err
	}
	return &response{data: m{
		"bound_issuer": c.Issuer, "default_role": c.DefaultRole, "jwks_ca_pem": c.JWKSCA, "jwks_url": c.JWKS, "jwt_supported_algs": orEmpty(c.Algorithms),
		"jwt_validation_pubkeys": orEmpty(c.Keys), "oidc_client_id": "", "oidc_discovery_ca_pem": c.DiscoveryCA, "oidc_discovery_url": c.Discovery,
		"oidc_response_mode": "", "oidc_response_types": []string{}, "provider_config": m{}, "namespace_in_state": true,
	}}, nil
}

func writeJWTConfig(q *request) (*response, error) {
	f := &q.fields
	if f.text("oidc_client_id") != "" {
		return nil, q.reject(fault.New(fault.Invalid, "the login by browser (oidc_client_id) is not part of this server"))
	}
	var changes []func(*login.JWTConfig)
	for name, of := range map[string]func(*login.JWTConfig) *string{
		"bound_issuer": func(c *login.JWTConfig) *string { return &c.Issuer }, "default_role": func(c *login.JWTConfig) *string { return &c.DefaultRole },
		"jwks_url": func(c *login.JWTConfig) *string { return &c.JWKS }, "jwks_ca_pem": func(c *login.JWTConfig) *string { return &c.JWKSCA },
		"oidc_discovery_url": func(c *login.JWTConfig) *string { return &c.Discovery }, "oidc_discovery_ca_pem": func(c *login.JWTConfig) *string { return &c.DiscoveryCA },
	} {
		if f.has(name) {
			v := f.text(name)
			changes = append(changes, func(c *login.JWTConfig) { *of(c) = v })
		}
	}
	if v, given := f.pems("jwt_validation_pubkeys"); given {
		changes = append(changes, func(c *login.JWTConfig) { c.Keys = v })
	}
	if v, given := f.list("jwt_supported_algs"); given {
		changes = append(changes, func(c *login.JWTConfig) { c.Algorithms = v })
	}
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	return nil, q.door.cfg.Methods.PutJWTConfig(q.ctx, q.who, q.at(), func(c *login.JWTConfig) {
		for _, change := range changes {
			change(c)
		}
	})
}

// pems is a list of PEM texts, or one text with several.
func (f *fields) pems(name string) ([]string, bool) {
	v := f.raw(name)
	if v == nil {
		return nil, false
	}
	if v[0] == '[' {
		return f.list(name)
	}
	all := []string{}
	for _, part := range strings.SplitAfter(f.text(name), "-----END PUBLIC KEY-----") {
		if part = strings.Trim(part, ", \r\n\t"); part != "" {
			all = append(all, part)
		}
	}
	return all, true
}

func listJWTRoles(q *request) (*response, error) {
	names, err := q.door.cfg.Methods.ListJWTRoles(q.ctx, q.who, q.at())
	if err != nil {
		return nil, err
	}
	return keys(names), nil
}

func readJWTRole(q *request) (*response, error) {
	r, err := q.door.cfg.Methods.GetJWTRole(q.ctx, q.who, q.at(), q.vars[0])
	if err != nil {
		return nil, err
	}
	kind := "string"
	if r.Glob {
		kind = "glob"
	}
	return &response{data: showParams(m{
		"role_type": "jwt", "bound_audiences": r.Audiences, "bound_subject": r.Subject, "bound_claims": r.Claims, "bound_claims_type": kind,
		"claim_mappings": r.Mappings, "user_claim": r.UserClaim, "user_claim_json_pointer": strings.HasPrefix(r.UserClaim, "/"), "groups_claim": r.Groups,
		"expiration_leeway": r.ExpLeeway, "not_before_leeway": r.NbfLeeway, "clock_skew_leeway": r.SkewLeeway,
		"allowed_redirect_uris": nil, "oidc_scopes": nil, "verbose_oidc_logging": false, "max_age": 0,
	}, &r.Params)}, nil
}

func writeJWTRole(q *request) (*response, error) {
	f := &q.fields
	if kind := f.text("role_type"); kind != "" && kind != "jwt" {
		return nil, q.reject(fault.New(fault.Invalid, "role_type %q is not part of this server: jwt is", kind))
	}
	var changes []func(*login.JWTRole)
	if v, given := f.list("bound_audiences"); given {
		changes = append(changes, func(r *login.JWTRole) { r.Audiences = v })
	}
	if raw := f.raw("bound_claims"); raw != nil {
		v := f.claims(raw)
		changes = append(changes, func(r *login.JWTRole) { r.Claims = v })
	}
	if f.has("bound_claims_type") {
		v := f.text("bound_claims_type")
		changes = append(changes, func(r *login.JWTRole) { r.Glob = v == "glob" })
	}
	if v, given := f.object("claim_mappings"); given {
		changes = append(changes, func(r *login.JWTRole) { r.Mappings = v })
	}
	for name, of := range map[string]func(*login.JWTRole) *string{
		"bound_subject": func(r *login.JWTRole) *string { return &r.Subject }, "user_claim": func(r *login.JWTRole) *string { return &r.UserClaim },
		"groups_claim": func(r *login.JWTRole) *string { return &r.Groups },
	} {
		if f.has(name) {
			v := f.text(name)
			changes = append(changes, func(r *login.JWTRole) { *of(r) = v })
		}
	}
	for name, of := range map[string]func(*login.JWTRole) *int64{
		"expiration_leeway": func(r *login.JWTRole) *int64 { return &r.ExpLeeway }, "not_before_leeway": func(r *login.JWTRole) *int64 { return &r.NbfLeeway },
		"clock_skew_leeway": func(r *login.JWTRole) *int64 { return &r.SkewLeeway },
	} {
		if v, given := f.seconds(name); given {
			changes = append(changes, func(r *login.JWTRole) { *of(r) = v })
		}
	}
	params := append(q.oldParams(), q.tokenParams()...)
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	return nil, q.door.cfg.Methods.PutJWTRole(q.ctx, q.who, q.at(), q.vars[0], func(r *login.JWTRole) {
		for _, change := range changes {
			change(r)
		}
		for _, change := range params {
			change(&r.Params)
		}
	})
}

// claims reads {"claim": "value" or ["value", …]}.
func (f *fields) claims(raw []byte) map[string][]string {
	out := map[string][]string{}
	if raw[0] != '{' {
		f.fail("bound_claims", "an object")
	}
	for name, v := range jsontext.Members(raw) {
		var one string
		var many []string
		switch {
		case json.Unmarshal(v, &one) == nil && v[0] == '"':
			out[name] = []string{one}
		case v[0] == '[' && json.Unmarshal(v, &many) == nil:
			out[name] = many
		case v[0] == '{' || v[0] == '[':
			f.fail("bound_claims", "texts or lists of texts")
		default:
			out[name] = []string{string(v)}
		}
	}
	return out
}

func deleteJWTRole(q *request) (*response, error) {
	return nil, q.door.cfg.Methods.DeleteJWTRole(q.ctx, q.who, q.at(), q.vars[0])
}
