package vault

import (
	"bytes"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/plain"
)

// cubbyhole are the paths of the cubbyhole, which is the token's own.
// (https://developer.hashicorp.com/vault/api-docs/secret/cubbyhole)
func cubbyhole() []route {
	return []route{
		{path: "{folder...}", read: readCubbyhole, write: writeCubbyhole, remove: deleteCubbyhole, list: listCubbyhole, creates: true, generic: true},
	}
}

func readCubbyhole(q *request) (*response, error) {
	v, err := q.door.cfg.Tokens.ReadCubbyhole(q.ctx, q.who, &q.session, q.path, q.vars[0])
	if err != nil {
		return nil, err
	}
	return &response{raw: func(b []byte) []byte { return append(grow(b, v.Len()), v.Open()...) }, done: v.Wipe}, nil
}

func writeCubbyhole(q *request) (*response, error) {
	if len(q.fields.names) == 0 {
		return nil, q.reject(fault.New(fault.Invalid, "missing data fields"))
	}
	return nil, q.door.cfg.Tokens.WriteCubbyhole(q.ctx, q.who, &q.session, q.path, q.vars[0], plain.New(bytes.TrimSpace(q.body)))
}

func deleteCubbyhole(q *request) (*response, error) {
	return nil, q.door.cfg.Tokens.DeleteCubbyhole(q.ctx, q.who, &q.session, q.path, q.vars[0])
}

func listCubbyhole(q *request) (*response, error) {
	folder := strings.TrimSuffix(q.vars[0], "/")
	if folder != "" {
		folder += "/"
	}
	names, err := q.door.cfg.Tokens.ListCubbyhole(q.ctx, q.who, &q.session, q.path, folder)
	if err != nil {
		return nil, err
	}
	return keys(names), nil
}
