package vault

import (
	"net/http"
	"time"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/login"
	"github.com/strongroom-dev/strongroom/internal/token"
)

// appRole are the paths of AppRole methods.
// (https://developer.hashicorp.com/vault/api-docs/auth/approle)
func appRole() []route {
	all := []route{
		{path: "login", write: loginAppRole, public: true, login: true},
		{path: "role", list: listAppRoles},
		{path: "role/{name}", read: readAppRole, write: writeAppRole, remove: deleteAppRole, creates: true},
		{path: "role/{name}/role-id", read: readRoleID, write: writeAppRole},
		{path: "role/{name}/secret-id", write: generateSecretID, list: listSecretIDs},
		{path: "role/{name}/custom-secret-id", write: generateSecretID},
		{path: "role/{name}/secret-id/lookup", write: lookupSecretID},
		{path: "role/{name}/secret-id/destroy", write: destroySecretID, remove: destroySecretID},
		{path: "role/{name}/secret-id-accessor/lookup", write: lookupSecretID},
		{path: "role/{name}/secret-id-accessor/destroy", write: destroySecretID, remove: destroySecretID},
		{path: "tidy/secret-id", write: tidySecretIDs},
	}
	for _, p := range appRoleParts {
		all = append(all, route{path: "role/{name}/" + p.path, read: readAppRolePart(p), write: writeAppRole, remove: resetAppRolePart(p)})
	}
	return all
}

// at is where the request's auth method is.
func (q *request) at() login.At {
	return login.At{Account: q.account(), Mount: q.mount, Path: q.path}
}

// loggedIn answers a login. Failed ones are counted.
func (q *request) loggedIn(out token.Issued, err error) (*response, error) {
	if err != nil {
		if fault.Is(err, fault.Unauthenticated) {
			q.door.failures.Failed(q.http.RemoteAddr, "")
		}
		return nil, err
	}
	return q.tokenAnswer(&out), nil
}

func loginAppRole(q *request) (*response, error) {
	role, id := q.fields.text("role_id"), q.fields.text("secret_id")
	if err := q.fields.err(); err != nil {
		return nil, q.door.refuse(q, err)
	}
	return q.loggedIn(q.door.cfg.Methods.ByAppRole(q.ctx, q.who, q.at(), role, id))
}

func listAppRoles(q *request) (*response, error) {
	names, err := q.door.cfg.Methods.ListAppRoles(q.ctx, q.who, q.at())
	if err != nil {
		return nil, err
	}
	return keys(names), nil
}

// orNull makes null of an empty list, as AppRole shows its own lists.
func orNull(list []string) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

func showAppRole(r *login.AppRole) m {
	return showParams(m{
		"bind_secret_id": !r.Unbound, "local_secret_ids": r.LocalIDs, "secret_id_bound_cidrs": orNull(r.CIDRs),
		"secret_id_num_uses": r.Uses, "secret_id_ttl": r.TTL,
	}, &r.Params)
}

func readAppRole(q *request) (*response, error) {
	r, err := q.door.cfg.Methods.GetAppRole(q.ctx, q.who, q.at(), q.vars[0])
	if err != nil {
		return nil, err
	}
	return &response{data: showAppRole(r)}, nil
}

// writeAppRole writes a role, or a part of one: the parameters say which.
func writeAppRole(q *request) (*response, error) {
	f := &q.fields
	var changes []func(*login.AppRole)
	params := q.tokenParams()
	for name, to := range map[string]string{"policies": "token_policies", "period": "token_period", "bound_cidr_list": "secret_id_bound_cidrs"} { // as they were called once
		if f.has(name) && !f.has(to) {
			switch name {
			case "policies":
				v, _ := f.list(name)
				params = append(params, func(p *token.Params) { p.Policies = v })
			case "period":
				v, _ := f.seconds(name)
				params = append(params, func(p *token.Params) { p.Period = v })
			default:
				v, _ := f.list(name)
				changes = append(changes, func(r *login.AppRole) { r.CIDRs = v })
			}
		}
	}
	if v, given := f.boolean("bind_secret_id"); given {
		changes = append(changes, func(r *login.AppRole) { r.Unbound = !v })
	}
	if v, given := f.boolean("local_secret_ids"); given {
		changes = append(changes, func(r *login.AppRole) { r.LocalIDs = v })
	}
	if v, given := f.list("secret_id_bound_cidrs"); given {
		changes = append(changes, func(r *login.AppRole) { r.CIDRs = v })
	}
	if v, given := f.whole("secret_id_num_uses"); given {
		changes = append(changes, func(r *login.AppRole) { r.Uses = v })
	}
	if v, given := f.seconds("secret_id_ttl"); given {
		changes = append(changes, func(r *login.AppRole) { r.TTL = v })
	}
	if f.has("role_id") {
		v := f.text("role_id")
		changes = append(changes, func(r *login.AppRole) { r.RoleID = v })
	}
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	return nil, q.door.cfg.Methods.PutAppRole(q.ctx, q.who, q.at(), q.vars[0], func(r *login.AppRole) {
		for _, change := range changes {
			change(r)
		}
		for _, change := range params {
			change(&r.Params)
		}
	})
}

func deleteAppRole(q *request) (*response, error) {
	return nil, q.door.cfg.Methods.DeleteAppRole(q.ctx, q.who, q.at(), q.vars[0])
}

func readRoleID(q *request) (*response, error) {
	r, err := q.door.cfg.Methods.GetAppRole(q.ctx, q.who, q.at(), q.vars[0])
	if err != nil {
		return nil, err
	}
	return &response{data: m{"role_id": r.RoleID}}, nil
}

// appRolePart is a part of a role that has a path of its own.
type appRolePart struct {
	path    string
	members []string
	reset   func(*login.AppRole)
}

var appRoleParts = []appRolePart{
	{"policies", []string{"token_policies"}, func(r *login.AppRole) { r.Params.Policies = nil }},
	{"bind-secret-id", []string{"bind_secret_id"}, func(r *login.AppRole) { r.Unbound = false }},
	{"local-secret-ids", []string{"local_secret_ids"}, func(r *login.AppRole) { r.LocalIDs = false }},
	{"secret-id-bound-cidrs", []string{"secret_id_bound_cidrs"}, func(r *login.AppRole) { r.CIDRs = nil }},
	{"bound-cidr-list", []string{"secret_id_bound_cidrs"}, func(r *login.AppRole) { r.CIDRs = nil }},
	{"secret-id-num-uses", []string{"secret_id_num_uses"}, func(r *login.AppRole) { r.Uses = 0 }},
	{"secret-id-ttl", []string{"secret_id_ttl"}, func(r *login.AppRole) { r.TTL = 0 }},
	{"token-ttl", []string{"token_ttl"}, func(r *login.AppRole) { r.Params.TTL = 0 }},
	{"token-max-ttl", []string{"token_max_ttl"}, func(r *login.AppRole) { r.Params.MaxTTL = 0 }},
	{"token-num-uses", []string{"token_num_uses"}, func(r *login.AppRole) { r.Params.Uses = 0 }},
	{"token-bound-cidrs", []string{"token_bound_cidrs"}, func(r *login.AppRole) { r.Params.BoundCIDRs = nil }},
	{"period", []string{"token_period"}, func(r *login.AppRole) { r.Params.Period = 0 }},
}

func readAppRolePart(p appRolePart) handler {
	return func(q *request) (*response, error) {
		r, err := q.door.cfg.Methods.GetAppRole(q.ctx, q.who, q.at(), q.vars[0])
		if err != nil {
			return nil, err
		}
		all, out := showAppRole(r), m{}
		for _, name := range p.members {
			out[name] = all[name]
		}
		return &response{data: out}, nil
	}
}

func resetAppRolePart(p appRolePart) handler {
	return func(q *request) (*response, error) {
		return nil, q.door.cfg.Methods.PutAppRole(q.ctx, q.who, q.at(), q.vars[0], p.reset)
	}
}

func generateSecretID(q *request) (*response, error) {
	f := &q.fields
	in := login.NewSecretID{ID: f.text("secret_id")}
	in.Metadata, _ = f.object("metadata")
	in.CIDRs, _ = f.list("cidr_list")
	in.Bound, _ = f.list("token_bound_cidrs")
	if v, given := f.seconds("ttl"); given {
		in.TTL = &v
	}
	if v, given := f.whole("num_uses"); given {
		in.Uses = &v
	}
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	id, s, err := q.door.cfg.Methods.GenerateSecretID(q.ctx, q.who, q.at(), q.vars[0], in)
	if err != nil {
		return nil, err
	}
	return &response{data: m{"secret_id": id, "secret_id_accessor": s.Accessor, "secret_id_num_uses": s.Uses, "secret_id_ttl": s.TTL}}, nil
}

func listSecretIDs(q *request) (*response, error) {
	names, err := q.door.cfg.Methods.ListSecretIDs(q.ctx, q.who, q.at(), q.vars[0])
	if err != nil {
		return nil, err
	}
	return keys(names), nil
}

// which is the secret ID of the parameters.
func (q *request) which() (login.Which, error) {
	w := login.Which{ID: q.fields.text("secret_id"), Accessor: q.fields.text("secret_id_accessor")}
	if w.ID == "" && w.Accessor == "" {
		return w, fault.New(fault.Invalid, "missing secret_id or secret_id_accessor")
	}
	return w, q.fields.err()
}

func lookupSecretID(q *request) (*response, error) {
	w, err := q.which()
	if err != nil {
		return nil, q.reject(err)
	}
	s, err := q.door.cfg.Methods.LookupSecretID(q.ctx, q.who, q.at(), q.vars[0], w)
	if fault.Is(err, fault.NotFound) && w.ID != "" {
		return nil, nil // Vault says nothing of one that is not there
	}
	if err != nil {
		return nil, err
	}
	expires := time.Time{}.Format(time.RFC3339)
	if !s.Expires.IsZero() {
		expires = stamp(s.Expires)
	}
	metadata := s.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return &response{data: m{
		"cidr_list": orEmpty(s.CIDRs), "creation_time": stamp(s.Created), "expiration_time": expires, "last_updated_time": stamp(s.Updated), "metadata": metadata,
		"secret_id_accessor": s.Accessor, "secret_id_num_uses": s.Uses, "secret_id_ttl": s.TTL, "token_bound_cidrs": orEmpty(s.Bound),
	}}, nil
}

func destroySecretID(q *request) (*response, error) {
	w, err := q.which()
	if err != nil {
		return nil, q.reject(err)
	}
	return nil, q.door.cfg.Methods.DestroySecretID(q.ctx, q.who, q.at(), q.vars[0], w)
}

func tidySecretIDs(q *request) (*response, error) {
	if err := q.door.cfg.Methods.TidySecretIDs(q.ctx, q.who, q.at()); err != nil {
		return nil, err
	}
	return &response{status: http.StatusAccepted, warnings: []string{"Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs."}}, nil
}
