package vault

import (
	"slices"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/token"
)

// policies are the paths of ACL policies and of what they allow.
// (https://developer.hashicorp.com/vault/api-docs/system/policies)
func policies() []route {
	return []route{
		{path: "policy", read: listPolicies(true), list: listPolicies(true)},
		{path: "policy/{name}", read: readPolicy("rules"), write: writePolicy, remove: deletePolicy},
		{path: "policies/acl", list: listPolicies(false), read: listPolicies(false)},
		{path: "policies/acl/{name}", read: readPolicy("policy"), write: writePolicy, remove: deletePolicy},
		{path: "capabilities", write: capabilities},
		{path: "capabilities-self", write: capabilities},
		{path: "capabilities-accessor", write: capabilities},
	}
}

func listPolicies(old bool) handler {
	return func(q *request) (*response, error) {
		names, err := q.door.cfg.Directory.ListACLs(q.ctx, q.who, q.account(), q.path)
		if err != nil {
			return nil, err
		}
		if old {
			return &response{flat: true, data: m{"keys": names, "policies": names}}, nil
		}
		return &response{data: m{"keys": names}}, nil
	}
}

func readPolicy(member string) handler {
	return func(q *request) (*response, error) {
		a, err := q.door.cfg.Directory.GetACL(q.ctx, q.who, q.account(), q.path, q.vars[0])
		if err != nil {
			return nil, err
		}
		out := m{"name": a.Name, member: a.Text, "version": a.Version, "cas_required": a.MustCAS}
		if !a.Modified.IsZero() {
			out["modified"] = stamp(a.Modified)
		}
		return &response{flat: member == "rules", data: out}, nil
	}
}

func writePolicy(q *request) (*response, error) {
	f := &q.fields
	in := identity.PutACLInput{Name: q.vars[0], Text: f.text("policy")}
	var out *response
	if rules := f.text("rules"); in.Text == "" && rules != "" {
		in.Text = rules
		out = &response{warnings: []string{"'rules' is deprecated, please use 'policy' instead"}}
	}
	if n, given := f.whole("cas"); given {
		in.CAS = &n
	}
	if v, given := f.boolean("cas_required"); given {
		in.MustCAS = &v
	}
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	for _, name := range []string{"ttl", "expiration"} {
		if f.has(name) {
			return nil, q.reject(fault.New(fault.Invalid, "a policy that ends by itself is not supported"))
		}
	}
	if in.Text == "" {
		return nil, q.reject(fault.New(fault.Invalid, "'policy' parameter not supplied or empty"))
	}
	return out, q.door.cfg.Directory.PutACL(q.ctx, q.who, q.account(), q.path, in)
}

func deletePolicy(q *request) (*response, error) {
	return nil, q.door.cfg.Directory.DeleteACL(q.ctx, q.who, q.account(), q.path, q.vars[0])
}

// capabilities says what a token may do at paths.
func capabilities(q *request) (*response, error) {
	f := &q.fields
	paths, _ := f.list("paths")
	if more, given := f.list("path"); given && len(paths) == 0 {
		paths = more
	}
	of := token.Target{Self: true}
	switch q.rest {
	case "capabilities":
		of = q.named()
	case "capabilities-accessor":
		var err error
		if of, err = q.accessor(); err != nil {
			return nil, q.reject(err)
		}
	}
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	if len(paths) == 0 {
		return nil, q.reject(fault.New(fault.Invalid, "paths must be supplied"))
	}
	all, err := q.door.cfg.Tokens.CapabilitiesOf(q.ctx, q.who, &q.session, q.path, of, paths)
	if err != nil {
		return nil, err
	}
	out := m{}
	for i, p := range paths {
		out[p] = all[i]
	}
	if len(paths) == 1 {
		out["capabilities"] = all[0]
	}
	f.used = append(f.used, "token", "accessor")
	if !slices.Contains(paths, "request_id") {
		return &response{flat: true, data: out}, nil
	}
	return &response{data: out}, nil
}
