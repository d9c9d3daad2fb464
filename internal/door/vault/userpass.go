package vault

import (
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/token"
)

// userPass are the paths of userpass methods.
// (https://developer.hashicorp.com/vault/api-docs/auth/userpass)
func userPass() []route {
	return []route{
		{path: "login/{name}", write: loginUser, public: true, login: true},
		{path: "users", list: listUsers},
		{path: "users/{name}", read: readUser, write: writeUser, remove: deleteUser, creates: true},
		{path: "users/{name}/password", write: writeUser},
		{path: "users/{name}/policies", write: writeUser},
	}
}

func loginUser(q *request) (*response, error) {
	password := plain.New(q.fields.bytes("password"))
	defer password.Wipe()
	if err := q.fields.err(); err != nil {
		return nil, q.door.refuse(q, err)
	}
	if password.Len() == 0 {
		return nil, q.door.refuse(q, fault.New(fault.Invalid, "missing password"))
	}
	return q.loggedIn(q.door.cfg.Methods.ByPassword(q.ctx, q.who, q.at(), q.vars[0], password))
}

func listUsers(q *request) (*response, error) {
	names, err := q.door.cfg.Methods.ListUserpassUsers(q.ctx, q.who, q.at())
	if err != nil {
		return nil, err
	}
	return keys(names), nil
}

func readUser(q *request) (*response, error) {
	u, err := q.door.cfg.Methods.GetUserpassUser(q.ctx, q.who, q.at(), q.vars[0])
	if err != nil {
		return nil, err
	}
	return &response{data: showParams(m{}, &u.Params)}, nil
}

// oldParams reads the parameters as they were called before all methods had
// them in common.
func (q *request) oldParams() (changes []func(*token.Params)) {
	f := &q.fields
	if v, given := f.list("policies"); given {
		changes = append(changes, func(p *token.Params) { p.Policies = v })
	}
	if v, given := f.list("bound_cidrs"); given {
		changes = append(changes, func(p *token.Params) { p.BoundCIDRs = v })
	}
	for name, of := range map[string]func(*token.Params) *int64{
		"ttl": func(p *token.Params) *int64 { return &p.TTL }, "max_ttl": func(p *token.Params) *int64 { return &p.MaxTTL }, "period": func(p *token.Params) *int64 { return &p.Period },
	} {
		if v, given := f.seconds(name); given {
			changes = append(changes, func(p *token.Params) { *of(p) = v })
		}
	}
	if v, given := f.whole("num_uses"); given {
		changes = append(changes, func(p *token.Params) { p.Uses = v })
	}
	return changes
}

func writeUser(q *request) (*response, error) {
	var password plain.Value
	if q.fields.has("password_hash") {
		return nil, q.reject(fault.New(fault.Invalid, "password_hash is not supported: passwords are kept as argon2id here"))
	}
	if q.fields.has("password") {
		password = plain.New(q.fields.bytes("password"))
		defer password.Wipe()
	}
	changes := append(q.oldParams(), q.tokenParams()...)
	if err := q.fields.err(); err != nil {
		return nil, q.reject(err)
	}
	return nil, q.door.cfg.Methods.PutUser(q.ctx, q.who, q.at(), q.vars[0], password, func(p *token.Params) {
		for _, change := range changes {
			change(p)
		}
	})
}

func deleteUser(q *request) (*response, error) {
	return nil, q.door.cfg.Methods.DeleteUserpassUser(q.ctx, q.who, q.at(), q.vars[0])
}
