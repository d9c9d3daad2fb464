package vault

import (
	"github.com/strongroom-dev/strongroom/internal/fault"
)

// passwordPolicies are the paths of password policies.
// (https://developer.hashicorp.com/vault/docs/concepts/password-policies)
func passwordPolicies() []route {
	return []route{
		{path: "policies/password", list: listPasswordPolicies},
		{path: "policies/password/{name}", read: readPasswordPolicy, write: writePasswordPolicy, remove: deletePasswordPolicy},
		{path: "policies/password/{name}/generate", read: generatePassword},
	}
}

func listPasswordPolicies(q *request) (*response, error) {
	names, err := q.door.cfg.Core.ListPasswordPolicies(q.ctx, q.who, q.account(), q.path)
	if err != nil {
		return nil, err
	}
	return keys(names), nil
}

func readPasswordPolicy(q *request) (*response, error) {
	p, err := q.door.cfg.Core.GetPasswordPolicy(q.ctx, q.who, q.account(), q.path, q.vars[0])
	if err != nil {
		return nil, err
	}
	return &response{data: m{"policy": p.Text}}, nil
}

func writePasswordPolicy(q *request) (*response, error) {
	text := q.fields.text("policy")
	if err := q.fields.err(); err != nil {
		return nil, q.reject(err)
	}
	if text == "" {
		return nil, q.reject(fault.New(fault.Invalid, "missing policy"))
	}
	return nil, q.door.cfg.Core.PutPasswordPolicy(q.ctx, q.who, q.account(), q.path, q.vars[0], text)
}

func deletePasswordPolicy(q *request) (*response, error) {
	return nil, q.door.cfg.Core.DeletePasswordPolicy(q.ctx, q.who, q.account(), q.path, q.vars[0])
}

func generatePassword(q *request) (*response, error) {
	password, err := q.door.cfg.Core.GeneratePassword(q.ctx, q.who, q.account(), q.path, q.vars[0])
	if err != nil {
		return nil, err
	}
	return &response{data: m{"password": string(password.Open())}, done: password.Wipe}, nil
}
