package vault

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/jsontext"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// kv2 are the paths of KV version 2.
// (https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2)
func kv2() []route {
	return []route{
		{path: "data/{path...}", read: readData, write: writeData, patch: patchData, remove: deleteLatest},
		{path: "metadata/{folder...}", read: readMetadata, write: writeMetadata, patch: patchMetadata, remove: deleteMetadata, list: listFolder, scan: scanFolder},
		{path: "metadata", list: listFolder, scan: scanFolder},
		{path: "subkeys/{path...}", read: readSubkeys},
		{path: "delete/{path...}", write: deleteVersions},
		{path: "undelete/{path...}", write: undeleteVersions},
		{path: "destroy/{path...}", write: destroyVersions},
		{path: "copy/{path...}", write: copySecret, differs: "Strongroom's own: copies or moves a secret without showing its value; `to` is the path of the copy under its mount, `mount` another mount, `move` deletes the source"},
		{path: "config", read: readKVConfig, write: writeKVConfig},
	}
}

// secretRef is the secret of a name in the request's mount.
func (q *request) secretRef(name string) secret.Ref {
	return secret.Ref{Space: q.session.Table.Space(q.mount), Kind: secret.KindSecret, Name: name}
}

// versionHint is the answer to a path of version 1 that was asked of version 2.
func (q *request) versionHint() *fault.Error {
	if q.mount == nil || q.mount.Type != "kv" || q.mount.Version() != 2 {
		return nil
	}
	return fault.Wrap(fault.NotFound, errWrongVersion, "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the Vault CLI, use 'vault kv get' for this operation.")
}

var errWrongVersion = errors.New("vault: a path of the other version")

// readData opens a version. One that is deleted is a 404 with its metadata.
func readData(q *request) (*response, error) {
	number, err := q.version()
	if err != nil {
		return nil, q.reject(err)
	}
	v, err := q.door.cfg.Core.ReadVersion(q.ctx, q.who, core.ReadVersionInput{Ref: q.secretRef(q.vars[0]), Number: number})
	if err != nil {
		return nil, err
	}
	out := &response{
		raw: func(b []byte) []byte {
			b = append(b, `{"data":`...)
			b = appendValue(b, v.Content)
			b = append(grow(b, 512), `,"metadata":`...)
			return append(appendVersion(b, &v), '}')
		},
		done: v.Content.Value.Wipe,
	}
	if v.Content.Form == secret.NoValue {
		out.status = http.StatusNotFound
	}
	return out, nil
}

// version is the number of the version that the query asks for; zero for the
// current one.
func (q *request) version() (uint64, error) {
	text := q.query.Get("version")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, fault.New(fault.Invalid, "Field validation failed: error converting input for field \"version\": expected a whole number")
	}
	return n, nil
}

// appendValue appends a value as Vault shows it: an object as it is, text as
// {"value": …}, binary as {"value_base64": …}; null if there is none.
func appendValue(b []byte, c core.Content) []byte {
	v := c.Value
	switch {
	case c.Form == secret.NoValue:
		return append(b, "null"...)
	case c.Form == secret.Binary:
		b = grow(b, base64.StdEncoding.EncodedLen(v.Len())+64)
		b = base64.StdEncoding.AppendEncode(append(b, `{"value_base64":"`...), v.Open())
		return append(b, `"}`...)
	case isObject(v):
		b = grow(b, v.Len()+64)
		return append(b, bytes.TrimSpace(v.Open())...)
	}
	b = grow(b, 6*v.Len()+64)
	b = jsontext.Append(append(b, `{"value":`...), v.Open())
	return append(b, '}')
}

// isObject reports whether a value is a JSON object that can be shown as it is.
func isObject(v plain.Value) bool {
	return core.IsObject(v) && jsontext.Check(v.Open()) == nil
}

func appendVersion(b []byte, v *core.Numbered) []byte {
	b = append(append(append(b, `{"created_time":"`...), stamp(v.Version.Created)...), `","custom_metadata":`...)
	b = appendTags(b, v.Secret)
	b = append(append(append(b, `,"deletion_time":"`...), stamp(v.Version.Deleted)...), `","destroyed":`...)
	b = strconv.AppendBool(b, v.Version.Destroyed)
	b = strconv.AppendUint(append(b, `,"version":`...), v.Version.Number, 10)
	return append(b, '}')
}

func appendTags(b []byte, sec *secret.Secret) []byte {
	if sec == nil || len(sec.Tags) == 0 {
		return append(b, "null"...)
	}
	return appendJSON(b, tagsOf(sec))
}

// tagsOf are a secret's tags, which Vault calls custom metadata.
func tagsOf(sec *secret.Secret) map[string]string {
	all := map[string]string{}
	for _, t := range sec.Tags {
		all[t.Key] = t.Value
	}
	return all
}

// written is the answer to a write of a version.
func written(v *core.Numbered) *response {
	return &response{raw: func(b []byte) []byte { return appendVersion(grow(b, 512), v) }}
}

// writeData adds a version.
func writeData(q *request) (*response, error) {
	in, err := q.versionInput()
	if err != nil {
		return nil, q.reject(err)
	}
	data := q.fields.raw("data")
	if data == nil || data[0] != '{' {
		return nil, q.reject(fault.New(fault.Invalid, "no data provided"))
	}
	in.Content = core.Content{Value: plain.New(data), Form: secret.Text}
	in.Text, in.Binary = shapes(data)
	defer in.Text.Value.Wipe()
	defer in.Binary.Value.Wipe()
	v, err := q.door.cfg.Core.WriteVersion(q.ctx, q.who, in)
	if err != nil {
		return nil, err
	}
	return written(&v), nil
}

// versionInput reads the options of a write.
func (q *request) versionInput() (core.WriteVersionInput, error) {
	in := core.WriteVersionInput{Ref: q.secretRef(q.vars[0]), Token: core.NewVersionID(), Keep: secret.UsualVersions}
	q.fields.has("version")
	options := fields{}
	if o := q.fields.raw("options"); o != nil {
		if err := options.read(opWrite, o); err != nil {
			return in, err
		}
	}
	if n, given := options.whole("cas"); given {
		if n < 0 {
			return in, fault.New(fault.Invalid, "a check-and-set value is not negative")
		}
		follows := uint64(n)
		in.Follows = &follows
	}
	return in, options.err()
}

// shapes are what data stands for where it is just the form in which text that
// is no object, or binary, is shown.
func shapes(data []byte) (text, binary core.Content) {
	n, name, value := 0, "", []byte(nil)
	for k, v := range jsontext.Members(data) {
		n, name, value = n+1, k, v
	}
	if n != 1 || value[0] != '"' {
		return
	}
	switch name {
	case "value":
		text = core.Content{Value: plain.New(jsontext.Unquote(value)), Form: secret.Text}
	case "value_base64":
		quoted := jsontext.Unquote(value)
		defer clear(quoted)
		decoded := make([]byte, base64.StdEncoding.DecodedLen(len(quoted)))
		if n, err := base64.StdEncoding.Decode(decoded, quoted); err == nil {
			binary = core.Content{Value: plain.New(decoded[:n]), Form: secret.Binary}
		}
	}
	return
}

// patchData merges into the current version.
func patchData(q *request) (*response, error) {
	in, err := q.versionInput()
	if err != nil {
		return nil, q.reject(err)
	}
	patch := q.fields.raw("data")
	if patch == nil || patch[0] != '{' {
		return nil, q.reject(fault.New(fault.Invalid, "no data provided"))
	}
	v, err := q.door.cfg.Core.PatchVersion(q.ctx, q.who, in, func(current core.Content) (core.Content, error) {
		shown := appendValue(make([]byte, 0, current.Value.Len()+128), current)
		defer clear(shown)
		merged := jsontext.Merge(make([]byte, 0, len(shown)+len(patch)), shown, patch)
		if !isObject(current.Value) || current.Form == secret.Binary {
			if text, binary := shapes(merged); current.Form == secret.Binary && binary.Form != secret.NoValue {
				return binary, nil
			} else if current.Form == secret.Text && text.Form != secret.NoValue {
				return text, nil
			}
		}
		return core.Content{Value: plain.New(merged), Form: secret.Text}, nil
	})
	if err != nil {
		return nil, err
	}
	return written(&v), nil
}

// notFoundIsNone makes no error of a thing that is not there, as where it is to
// be deleted.
func notFoundIsNone(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// deleteLatest is asked for with delete on data/, and so is decided there.
func deleteLatest(q *request) (*response, error) {
	return nil, notFoundIsNone(q.door.cfg.Core.DeleteLatest(q.ctx, q.who, q.secretRef(q.vars[0])))
}

// versions reads the parameter of that name: numbers, also as text.
func (q *request) versions() ([]uint64, error) {
	list, given := q.fields.list("versions")
	var numbers []uint64
	for _, s := range list {
		n, err := strconv.ParseUint(s, 10, 63)
		if err != nil || n == 0 {
			return nil, fault.New(fault.Invalid, "Field validation failed: error converting input for field \"versions\": expected whole numbers")
		}
		numbers = append(numbers, n)
	}
	if !given || len(numbers) == 0 {
		return nil, fault.New(fault.Invalid, "No version number provided")
	}
	return numbers, q.fields.err()
}

func eachVersion(do func(*core.Core, *request, secret.Ref, []uint64) error) handler {
	return func(q *request) (*response, error) {
		numbers, err := q.versions()
		if err != nil {
			return nil, q.reject(err)
		}
		return nil, notFoundIsNone(do(q.door.cfg.Core, q, q.secretRef(q.vars[0]), numbers))
	}
}

var (
	deleteVersions = eachVersion(func(c *core.Core, q *request, r secret.Ref, n []uint64) error {
		return c.DeleteVersions(q.ctx, q.who, r, n)
	})
	undeleteVersions = eachVersion(func(c *core.Core, q *request, r secret.Ref, n []uint64) error {
		return c.UndeleteVersions(q.ctx, q.who, r, n)
	})
	destroyVersions = eachVersion(func(c *core.Core, q *request, r secret.Ref, n []uint64) error {
		return c.DestroyVersions(q.ctx, q.who, r, n)
	})
)

// readSubkeys shows the structure of a value: its keys, with null for values.
func readSubkeys(q *request) (*response, error) {
	number, err := q.version()
	if err != nil {
		return nil, q.reject(err)
	}
	depth := 0
	if text := q.query.Get("depth"); text != "" {
		if depth, err = strconv.Atoi(text); err != nil || depth < 0 {
			return nil, q.reject(fault.New(fault.Invalid, "Field validation failed: error converting input for field \"depth\": expected a whole number"))
		}
	}
	v, err := q.door.cfg.Core.ReadVersion(q.ctx, q.who, core.ReadVersionInput{Ref: q.secretRef(q.vars[0]), Number: number, Verb: secret.ReadSubkeys})
	if err != nil {
		return nil, err
	}
	defer v.Content.Value.Wipe()
	var tree any
	status := 0
	if v.Content.Form == secret.NoValue {
		status = http.StatusNotFound
	} else {
		shown := appendValue(nil, v.Content)
		tree = subkeys(shown, depth)
		clear(shown)
	}
	metadata := json.RawMessage(appendVersion(nil, &v))
	return &response{status: status, data: m{"subkeys": tree, "metadata": metadata}}, nil
}

func subkeys(object []byte, depth int) any {
	tree := m{}
	for name, value := range jsontext.Members(object) {
		tree[name] = nil
		if value[0] == '{' && depth != 1 {
			if below := subkeys(value, depth-1); len(below.(m)) > 0 {
				tree[name] = below
			}
		}
	}
	return tree
}

// copySecret copies or moves a secret.
func copySecret(q *request) (*response, error) {
	to, move := q.fields.text("to"), false
	move, _ = q.fields.boolean("move")
	where := q.mount
	if name := q.fields.text("mount"); name != "" {
		where = q.session.Table.At(strings.Trim(name, "/") + "/")
	}
	if err := q.fields.err(); err != nil {
		return nil, q.reject(err)
	}
	if to == "" || where == nil || where.Type != "kv" {
		return nil, q.reject(fault.New(fault.Invalid, "to is the path of the copy, and mount the path of a KV mount"))
	}
	target := secret.Ref{Space: q.session.Table.Space(where), Kind: secret.KindSecret, Name: strings.Trim(to, "/")}
	v, err := q.door.cfg.Core.CopySecret(q.ctx, q.who, core.CopySecretInput{From: q.secretRef(q.vars[0]), To: target, Token: core.NewVersionID(), Move: move})
	if err != nil {
		return nil, err
	}
	return written(&v), nil
}
