package vault

import (
	"net/http"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/mount"
)

// namespaces are the paths of namespaces, each of which is an account.
// (https://openbao.org/api-docs/system/namespaces/)
func namespaces() []route {
	return []route{
		{path: "namespaces", list: listNamespaces, read: listNamespaces},
		{path: "namespaces/{path...}", read: readNamespace, write: writeNamespace, patch: writeNamespace, remove: deleteNamespace, differs: "an account of its own; one that holds secrets or namespaces is not deleted"},
	}
}

func (q *request) showNamespace(n *mount.Namespace) m {
	metadata := n.Metadata
	if metadata == nil {
		metadata = map[string]string{}
	}
	return m{"id": n.ID, "uuid": n.UUID, "path": strings.TrimPrefix(n.Path, q.session.Namespace), "custom_metadata": metadata, "locked": false, "tainted": false, "account": n.Account}
}

func listNamespaces(q *request) (*response, error) {
	all, err := q.door.cfg.Mounts.ListNamespaces(q.ctx, q.who, q.account(), q.path, q.session.Namespace)
	if err != nil {
		return nil, err
	}
	names, info := []string{}, m{}
	for _, n := range all {
		name := strings.TrimPrefix(n.Path, q.session.Namespace)
		names = append(names, name)
		info[name] = q.showNamespace(n)
	}
	if len(names) == 0 {
		return keys(nil), nil
	}
	return &response{data: m{"keys": names, "key_info": info}}, nil
}

func readNamespace(q *request) (*response, error) {
	n, err := q.door.cfg.Mounts.GetNamespace(q.ctx, q.who, q.account(), q.path, q.session.Namespace, q.vars[0])
	if err != nil {
		return nil, err
	}
	return &response{data: q.showNamespace(n)}, nil
}

func writeNamespace(q *request) (*response, error) {
	metadata, _ := q.fields.object("custom_metadata")
	if err := q.fields.err(); err != nil {
		return nil, q.reject(err)
	}
	n, err := q.door.cfg.Mounts.CreateNamespace(q.ctx, q.who, q.account(), q.path, q.session.Namespace, q.vars[0], metadata)
	if err != nil {
		return nil, err
	}
	return &response{data: q.showNamespace(n)}, nil
}

func deleteNamespace(q *request) (*response, error) {
	if err := q.door.cfg.Mounts.DeleteNamespace(q.ctx, q.who, q.account(), q.path, q.session.Namespace, q.vars[0]); err != nil {
		return nil, err
	}
	return &response{status: http.StatusOK, data: m{"status": "done"}}, nil
}
