package vault

import (
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/login"
)

// kubernetes are the paths of Kubernetes methods.
// (https://developer.hashicorp.com/vault/api-docs/auth/kubernetes)
func kubernetes() []route {
	return []route{
		{path: "login", write: loginKubernetes, public: true, login: true},
		{path: "config", read: readKubernetesConfig, write: writeKubernetesConfig, differs: "without kubernetes_host tokens are checked with pem_keys alone"},
		{path: "role", list: listKubernetesRoles},
		{path: "role/{name}", read: readKubernetesRole, write: writeKubernetesRole, remove: deleteKubernetesRole, creates: true},
	}
}

func loginKubernetes(q *request) (*response, error) {
	role, raw := q.fields.text("role"), q.fields.text("jwt")
	if err := q.fields.err(); err != nil {
		return nil, q.door.refuse(q, err)
	}
	if role == "" || raw == "" {
		return nil, q.door.refuse(q, fault.New(fault.Invalid, "missing role or jwt"))
	}
	return q.loggedIn(q.door.cfg.Methods.ByServiceAccount(q.ctx, q.who, q.at(), role, raw))
}

func readKubernetesConfig(q *request) (*response, error) {
	c, err := q.door.cfg.Methods.GetKubernetesConfig(q.ctx, q.who, q.at())
	if err != nil {
		return nil, err
	}
	return &response{data: m{
		"kubernetes_host": c.Host, "kubernetes_ca_cert": c.CA, "pem_keys": orEmpty(c.Keys), "issuer": c.Issuer, "disable_iss_validation": c.AnyIssuer,
		"disable_local_ca_jwt": c.NoLocalJWT, "token_reviewer_jwt_set": c.Reviewer != "",
	}}, nil
}

func writeKubernetesConfig(q *request) (*response, error) {
	f := &q.fields
	var changes []func(*login.KubernetesConfig)
	for name, of := range map[string]func(*login.KubernetesConfig) *string{
		"kubernetes_host": func(c *login.KubernetesConfig) *string { return &c.Host }, "kubernetes_ca_cert": func(c *login.KubernetesConfig) *string { return &c.CA },
		"token_reviewer_jwt": func(c *login.KubernetesConfig) *string { return &c.Reviewer }, "issuer": func(c *login.KubernetesConfig) *string { return &c.Issuer },
	} {
		if f.has(name) {
			v := f.text(name)
			changes = append(changes, func(c *login.KubernetesConfig) { *of(c) = v })
		}
	}
	if v, given := f.pems("pem_keys"); given {
		changes = append(changes, func(c *login.KubernetesConfig) { c.Keys = v })
	}
	for name, of := range map[string]func(*login.KubernetesConfig) *bool{
		"disable_iss_validation": func(c *login.KubernetesConfig) *bool { return &c.AnyIssuer }, "disable_local_ca_jwt": func(c *login.KubernetesConfig) *bool { return &c.NoLocalJWT },
	} {
		if v, given := f.boolean(name); given {
			changes = append(changes, func(c *login.KubernetesConfig) { *of(c) = v })
		}
	}
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	return nil, q.door.cfg.Methods.PutKubernetesConfig(q.ctx, q.who, q.at(), func(c *login.KubernetesConfig) {
		for _, change := range changes {
			change(c)
		}
	})
}

func listKubernetesRoles(q *request) (*response, error) {
	names, err := q.door.cfg.Methods.ListKubernetesRoles(q.ctx, q.who, q.at())
	if err != nil {
		return nil, err
	}
	return keys(names), nil
}

func readKubernetesRole(q *request) (*response, error) {
	r, err := q.door.cfg.Methods.GetKubernetesRole(q.ctx, q.who, q.at(), q.vars[0])
	if err != nil {
		return nil, err
	}
	source := "serviceaccount_uid"
	if r.ByName {
		source = "serviceaccount_name"
	}
	return &response{data: showParams(m{
		"bound_service_account_names": r.Accounts, "bound_service_account_namespaces": r.Namespaces, "audience": r.Audience, "alias_name_source": source,
	}, &r.Params)}, nil
}

func writeKubernetesRole(q *request) (*response, error) {
	f := &q.fields
	var changes []func(*login.KubernetesRole)
	if v, given := f.list("bound_service_account_names"); given {
		changes = append(changes, func(r *login.KubernetesRole) { r.Accounts = v })
	}
	if v, given := f.list("bound_service_account_namespaces"); given {
		changes = append(changes, func(r *login.KubernetesRole) { r.Namespaces = v })
	}
	if f.has("audience") {
		v := f.text("audience")
		changes = append(changes, func(r *login.KubernetesRole) { r.Audience = v })
	}
	if f.has("alias_name_source") {
		v := f.text("alias_name_source")
		changes = append(changes, func(r *login.KubernetesRole) { r.ByName = v == "serviceaccount_name" })
	}
	params := append(q.oldParams(), q.tokenParams()...)
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	return nil, q.door.cfg.Methods.PutKubernetesRole(q.ctx, q.who, q.at(), q.vars[0], func(r *login.KubernetesRole) {
		for _, change := range changes {
			change(r)
		}
		for _, change := range params {
			change(&r.Params)
		}
	})
}

func deleteKubernetesRole(q *request) (*response, error) {
	return nil, q.door.cfg.Methods.DeleteKubernetesRole(q.ctx, q.who, q.at(), q.vars[0])
}
