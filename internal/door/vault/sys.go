package vault

import (
	"net/http"
	"sort"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
)

// others are the paths under sys/ that stand alone.
func others() []route {
	return []route{
		{path: "audit", read: listAudit, sudo: true, differs: "there is one log, which is always on: it is shown as file/"},
		{path: "audit/{path...}", write: changeAudit, remove: changeAudit, sudo: true, differs: "refused: the log can be neither added nor taken away"},
		{path: "audit-hash/{path...}", write: auditHash, differs: "the hash of a value as this server's log has it"},
		{path: "leases/revoke-prefix/{prefix...}", write: revokePrefix, sudo: true, differs: "under auth/ it ends the tokens that were given there; other leases are not there yet"},
		{path: "revoke-prefix/{prefix...}", write: revokePrefix, sudo: true, differs: "as leases/revoke-prefix"},
		{path: "internal/specs/openapi", read: openAPI, public: true, differs: "paths and methods, without parameters"},
	}
}

func listAudit(q *request) (*response, error) {
	return q.used(&response{flat: true, data: m{"file/": m{
		"type": "file", "path": "file/", "description": "the one log of this server; it cannot be taken away", "local": false, "options": m{},
	}}})
}

func changeAudit(q *request) (*response, error) {
	return nil, q.reject(fault.New(fault.Invalid, "there is one audit log, which is always on: devices can be neither enabled nor disabled"))
}

func auditHash(q *request) (*response, error) {
	input := q.fields.bytes("input")
	defer clear(input)
	if err := q.fields.err(); err != nil {
		return nil, q.reject(err)
	}
	sum, err := q.door.cfg.Core.AuditHash(q.ctx, q.who, q.setting(), input)
	if err != nil {
		return nil, err
	}
	return &response{flat: true, data: m{"hash": "hmac-sha256:" + sum}}, nil
}

// revokePrefix ends the tokens that were given under a path.
func revokePrefix(q *request) (*response, error) {
	prefix := strings.TrimSuffix(q.vars[0], "/")
	if !strings.HasPrefix(prefix, "auth/") {
		return nil, q.reject(fault.New(fault.Invalid, "leases of secrets engines are not part of this server yet"))
	}
	return nil, q.door.cfg.Tokens.RevokePath(q.ctx, q.who, &q.session, q.path, prefix)
}

var methods = [operations]string{opRead: "get", opWrite: "post", opDelete: "delete", opPatch: "patch"}

// openAPI describes the paths of the namespace's mounts.
func openAPI(q *request) (*response, error) {
	paths := m{}
	for _, x := range q.session.Table.All() {
		if !q.sees(x) && x.Path != "sys/" {
			continue
		}
		kind := x.Type
		if kind == "kv" && x.Version() == 2 {
			kind = "kv2"
		}
		for _, r := range tables()[kind] {
			at := m{}
			for op, h := range r.handlers() {
				if h != nil && methods[op] != "" {
					at[methods[op]] = m{"responses": m{"200": m{"description": "OK"}}, "tags": []string{x.Type}}
				}
			}
			if r.list != nil && at["get"] == nil {
				at["get"] = m{"parameters": []m{{"name": "list", "in": "query", "schema": m{"type": "string"}}}, "responses": m{"200": m{"description": "OK"}}}
			}
			paths["/"+x.Path+strings.ReplaceAll(r.path, "...", "")] = at
		}
	}
	return q.publicly(&response{bare: m{
		"openapi": "3.0.2", "paths": paths,
		"info": m{"title": "Strongroom's paths of the Vault API", "version": q.door.cfg.Status().Version},
	}})
}

// help says what may be done at a path.
func (q *request) help(rt *compiled) (*response, error) {
	var can []string
	for op, h := range rt.ops {
		if h != nil {
			can = append(can, operationNames[op])
		}
	}
	sort.Strings(can)
	text := "Request:        " + q.rest + "\nMatching Route: " + rt.path + "\n\nOperations: " + strings.Join(can, ", ") + "\n"
	if rt.differs != "" {
		text += "\nIt differs from Vault's: " + rt.differs + "\n"
	}
	return q.publicly(&response{status: http.StatusOK, bare: m{"help": text, "see_also": nil, "openapi": nil}})
}
