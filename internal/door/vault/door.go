// Package vault is the door for programs written for HashiCorp Vault and
// OpenBao: their HTTP API under /v1/, on the same secrets, policies and log as
// every other door.
//
// It turns requests into calls of core, of the tokens and of the auth methods,
// and answers back. Which paths there are is data: see the tables of routes.
package vault

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/door"
	"github.com/strongroom-dev/strongroom/internal/entity"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/login"
	"github.com/strongroom-dev/strongroom/internal/mount"
	"github.com/strongroom-dev/strongroom/internal/name/path"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/token"
	"github.com/strongroom-dev/strongroom/internal/transit"
)

// MaxBody is the longest request, in bytes.
const MaxBody = 2 << 20

// Prefix begins the paths of the door.
const Prefix = "/v1/"

// Config is what the door needs.
type Config struct {
	Core      *core.Core
	Directory *identity.Directory
	Mounts    *mount.Mounts
	Tokens    *token.Tokens
	Entities  *entity.Entities
	Methods   *login.Methods
	Transit   *transit.Keys
	Now       func() time.Time // time.Now if nil
	Status    func() Status    // of the server
	Seal      func()           // seals the server, soon; nil if it could not be unsealed
}

// Door serves the protocol. It is safe for concurrent use.
type Door struct {
	cfg      Config
	routes   map[string]*routes // by type of mount
	failures *door.Failures
}

// New makes the door.
func New(cfg Config) *Door {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &Door{cfg: cfg, routes: map[string]*routes{}, failures: door.NewFailures(cfg.Now)}
	for kind, table := range tables() {
		d.routes[kind] = compile(kind, table)
	}
	return d
}

// Name implements door.Door.
func (*Door) Name() string { return "vault" }

// operation is what a request's method asks for.
type operation uint8

const (
	opRead operation = iota
	opList
	opScan
	opWrite
	opDelete
	opPatch
	operations
)

var operationNames = [operations]string{"read", "list", "scan", "write", "delete", "patch"}

// wants is what an operation asks of Vault's policies.
var wants = [operations]policy.Capabilities{policy.CanRead, policy.CanList, policy.CanScan, policy.CanUpdate, policy.CanDelete, policy.CanPatch}

// request is one request.
type request struct {
	ctx     context.Context
	door    *Door
	http    *http.Request
	id      string
	who     core.Caller
	token   string
	session token.Session
	mount   *mount.Mount
	path    string // under the namespace: "secret/data/app"
	rest    string // under the mount: "data/app"
	vars    [maxVars]string
	op      operation
	body    []byte
	fields  fields
	query   url.Values
	wrapTTL int64
	ask     policy.Ask
}

// account is that of the request's namespace.
func (q *request) account() string { return q.session.Table.Account }

// buffer is memory for bodies and answers, wiped after use: both hold values.
type buffer struct{ b []byte }

var buffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, 4096)} }}

// keepBuffer is the largest buffer that is used again.
const keepBuffer = 256 << 10

func (b *buffer) release() {
	clear(b.b[:cap(b.b)])
	if cap(b.b) <= keepBuffer {
		b.b = b.b[:0]
		buffers.Put(b)
	}
}

// Serve implements door.Door.
func (d *Door) Serve(w http.ResponseWriter, r *http.Request, x *door.Exchange) {
	body := buffers.Get().(*buffer)
	defer body.release()
	q := &request{ctx: r.Context(), door: d, http: r, id: x.ID}
	q.who = core.Caller{Door: d.Name(), Source: r.RemoteAddr, Client: r.UserAgent(), RequestID: x.ID, Principal: "anonymous", Secure: r.TLS != nil}
	h := w.Header()
	h["Cache-Control"], h["Content-Type"] = noStore, contentTypes
	out, err := d.serve(q, w, r, x, body)
	x.Principal = q.who.Principal
	if err != nil {
		writeError(w, q, x, err)
		return
	}
	if err := q.write(w, out); err != nil {
		writeError(w, q, x, err)
	}
}

var (
	noStore      = []string{"no-store"}
	contentTypes = []string{"application/json"}
)

func (d *Door) serve(q *request, w http.ResponseWriter, r *http.Request, x *door.Exchange, body *buffer) (*response, error) {
	if err := q.readHead(r); err != nil {
		return nil, d.refuse(q, err)
	}
	if err := readBody(w, r, body); err != nil {
		return nil, d.refuse(q, err)
	}
	q.body = body.b
	var err error
	q.who, q.session, err = d.cfg.Tokens.Authenticate(q.ctx, q.who, q.token, header(r, "X-Vault-Namespace"))
	if err != nil {
		return nil, err
	}
	h, rt, err := q.route(x)
	if err != nil {
		return nil, err
	}
	if !rt.keeps {
		if err := d.cfg.Tokens.Spend(q.ctx, q.who, &q.session); err != nil {
			return nil, err
		}
	}
	out, err := h(q)
	if err == nil && q.wrapTTL > 0 && out != nil && out.status < http.StatusBadRequest && out.wrap == nil && out.bare == nil {
		out, err = q.wrap(out)
	}
	if !rt.keeps {
		if spent := d.cfg.Tokens.Spent(q.ctx, q.who, &q.session); spent != nil {
			return nil, spent
		}
	}
	return out, err
}

// refuse records a request that came to no operation.
func (d *Door) refuse(q *request, cause error) error {
	f, ok := errors.AsType[*fault.Error](cause)
	if !ok {
		f = fault.Wrap(fault.Invalid, cause, "the request is not valid")
	}
	if err := d.cfg.Directory.RefuseClaim(q.ctx, q.who, "", f); err != error(f) {
		return err
	}
	return cause
}

// readHead reads all of a request but its body.
func (q *request) readHead(r *http.Request) (err error) {
	if r.URL.RawQuery != "" {
		if q.query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
			return fault.New(fault.Invalid, "the query cannot be read")
		}
	}
	if q.op, err = q.operation(r.Method); err != nil {
		return err
	}
	q.path = strings.TrimPrefix(r.URL.Path, Prefix)
	if q.op == opList || q.op == opScan {
		q.path = strings.TrimSuffix(q.path, "/") + "/"
	}
	if err := path.Clean(q.path); err != nil {
		if errors.Is(err, path.ErrRelative) {
			return fault.New(fault.Invalid, "relative paths not supported")
		}
		return fault.New(fault.Invalid, "the path is not one: it is empty, too long, or holds an empty segment or a character that no path has")
	}
	q.token = header(r, "X-Vault-Token")
	if q.token == "" {
		q.token, _ = strings.CutPrefix(header(r, "Authorization"), "Bearer ")
	}
	if ttl := header(r, "X-Vault-Wrap-Ttl"); ttl != "" {
		q.wrapTTL, err = duration(ttl)
		if err != nil || q.wrapTTL < 0 {
			return fault.New(fault.Invalid, "error parsing X-Vault-Wrap-TTL header")
		}
	}
	return nil
}

// header is the first value of a header, whose name is as net/http writes it.
func header(r *http.Request, name string) string {
	if values := r.Header[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func (q *request) operation(method string) (operation, error) {
	is := func(name string) bool {
		switch q.query.Get(name) {
		case "true", "True", "TRUE", "1", "t", "T":
			return true
		}
		return false
	}
	switch method {
	case http.MethodGet, http.MethodHead:
		switch {
		case is("list"):
			return opList, nil
		case is("scan"):
			return opScan, nil
		}
		return opRead, nil
	case "LIST":
		return opList, nil
	case "SCAN":
		return opScan, nil
	case http.MethodPost, http.MethodPut:
		return opWrite, nil
	case http.MethodDelete:
		return opDelete, nil
	case http.MethodPatch:
		return opPatch, nil
	}
	return 0, fault.New(fault.Unsupported, "unsupported operation")
}

// readBody reads the whole request.
func readBody(w http.ResponseWriter, r *http.Request, into *buffer) error {
	var err error
	into.b, err = door.ReadBody(w, r, into.b, MaxBody)
	switch {
	case errors.Is(err, door.ErrTooLarge):
		return fault.New(fault.TooLarge, "request body too large")
	case err != nil:
		return fault.New(fault.Invalid, "the request body ended unexpectedly")
	}
	return nil
}

// setting is the ref of the request's path.
func (q *request) setting() secret.Ref { return mount.Setting(q.account(), q.path) }
