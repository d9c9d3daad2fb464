package vault

import (
	"bytes"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// kv1 are the paths of KV version 1: the same secrets, of which it keeps one
// version.
// (https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v1)
func kv1() []route {
	return []route{
		{path: "{folder...}", read: readPlain, write: writePlain, remove: deletePlain, list: listFolder, scan: scanFolder, generic: true},
	}
}

func readPlain(q *request) (*response, error) {
	v, err := q.door.cfg.Core.ReadVersion(q.ctx, q.who, core.ReadVersionInput{Ref: q.secretRef(q.vars[0])})
	if err != nil {
		return nil, err
	}
	if v.Content.Form == secret.NoValue {
		return nil, fault.New(fault.NotFound, "deleted")
	}
	standard, _ := q.mount.TTLs()
	return &response{
		raw:  func(b []byte) []byte { return appendValue(b, v.Content) },
		done: v.Content.Value.Wipe, leaseDuration: standard,
	}, nil
}

func writePlain(q *request) (*response, error) {
	data := bytes.TrimSpace(q.body)
	if len(q.fields.names) == 0 {
		return nil, q.reject(fault.New(fault.Invalid, "missing data fields"))
	}
	in := core.WriteVersionInput{Ref: q.secretRef(q.vars[0]), Token: core.NewVersionID(), Keep: 1, Content: core.Content{Value: plain.New(data), Form: secret.Text}}
	in.Text, in.Binary = shapes(data)
	defer in.Text.Value.Wipe()
	defer in.Binary.Value.Wipe()
	_, err := q.door.cfg.Core.WriteVersion(q.ctx, q.who, in)
	return nil, err
}

func deletePlain(q *request) (*response, error) { return deleteMetadata(q) }
