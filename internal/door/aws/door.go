// Package aws is the door for programs written for AWS: the JSON 1.1 protocol
// of Secrets Manager, with Signature Version 4, and beside it, in the same
// protocol, Strongroom's own operations.
//
// It turns requests into calls of core and answers back; what a secret is and
// who may do what is not its business.
package aws

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/door"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// MaxBody is the longest request, in bytes: the longest value, had every
// character of it been escaped, and room for the rest.
const MaxBody = 1 << 20

// Config is what the door needs.
type Config struct {
	Core *core.Core
	// Directory knows who may come in.
	Directory *identity.Directory
	Now       func() time.Time // time.Now if nil
	Temp      string           // folder for what is too large for memory
	Seal      []byte           // the seal's config, which goes into backups
	Leaving   <-chan struct{}  // closed when the server stops, for who watches; may be nil
}

// Door serves the protocol. It is safe for concurrent use.
type Door struct {
	cfg      Config
	services map[string]*service      // by target prefix
	queries  map[string]*queryService // by API version
	keys     signingKeys
	failures *door.Failures
}

// New makes the door.
func New(cfg Config) *Door {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &Door{cfg: cfg, services: map[string]*service{}, queries: map[string]*queryService{}}
	for _, s := range []*service{secretsManager(), strongroom()} {
		d.services[s.name] = s
	}
	for _, s := range []*queryService{iamService(), stsService()} {
		d.queries[s.version] = s
	}
	d.failures = door.NewFailures(cfg.Now)
	d.keys.kept = map[keyName]keptKey{}
	return d
}

// Name implements door.Door.
func (*Door) Name() string { return "aws" }

// service is a group of operations under one signing name and target prefix.
type service struct {
	name       string
	operations map[string]*operation
}

func newService(name string, operations ...*operation) *service {
	s := &service{name: name, operations: map[string]*operation{}}
	for _, o := range operations {
		s.operations[o.name] = o
	}
	return s
}

// operation is one row of the table.
type operation struct {
	name string
	verb secret.Verb
	// serve reads the input, checks it, and calls core.
	serve func(r *request) (answer, error)
}

// answer appends an output's members to a JSON object, in alphabetical order.
type answer func(o *object)

// request is one call of an operation.
type request struct {
	ctx  context.Context
	door *Door
	op   *operation
	who  core.Caller
	home secret.Space // the caller's account, in the region that was signed for
	body []byte
	// given is the identifier of the thing as the request spells it, for the
	// text of a refusal.
	given string
	w     http.ResponseWriter
	sent  bool // the operation has answered by itself
	claim claim
	id    [1]string // the request ID, as a header holds it
}

// buffer is memory for bodies and answers, wiped after use: both hold values.
type buffer struct {
	b []byte
	o object // what writes into it
}

var buffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, 4096)} }}

// keepBuffer is the largest buffer that is used again.
const keepBuffer = 256 << 10

func (b *buffer) release() {
	clear(b.b[:cap(b.b)])
	b.o = object{}
	if cap(b.b) <= keepBuffer {
		b.b = b.b[:0]
		buffers.Put(b)
	}
}

const contentType = "application/x-amz-json-1.1"

// Serve implements door.Door.
func (d *Door) Serve(w http.ResponseWriter, r *http.Request, x *door.Exchange) {
	body := buffers.Get().(*buffer)
	defer body.release()
	err := readBody(w, r, body)
	q := &request{ctx: r.Context(), door: d, w: w, body: body.b, id: [1]string{x.ID}}
	w.Header()["X-Amzn-Requestid"] = q.id[:]
	if err == nil && isQuery(r) {
		d.serveQuery(q, r, x)
		return
	}
	var out answer
	if err == nil {
		out, err = d.dispatch(q, r, x)
	}
	x.Principal = q.who.Principal
	if err != nil {
		writeError(w, q, x, err)
		return
	}
	if !q.sent {
		write(w, http.StatusOK, out)
	}
}

// readBody reads the whole request.
func readBody(w http.ResponseWriter, r *http.Request, into *buffer) error {
	if r.Method != http.MethodPost {
		return &wireError{kind: "UnknownOperationException", status: http.StatusMethodNotAllowed}
	}
	var err error
	into.b, err = door.ReadBody(w, r, into.b, MaxBody)
	switch {
	case errors.Is(err, door.ErrTooLarge):
		return errTooLarge
	case err != nil:
		return &wireError{kind: "IncompleteBody", message: "The request body terminated unexpectedly.", status: http.StatusBadRequest, lower: true}
	}
	return nil
}

// dispatch authenticates, finds the operation, and has it served.
func (d *Door) dispatch(q *request, r *http.Request, x *door.Exchange) (answer, error) {
	q.who = d.stranger(r, x)
	target := r.Header.Get("X-Amz-Target")
	prefix, name, _ := strings.Cut(target, ".")
	s := d.services[prefix]
	if err := d.authenticate(q, r, s); err != nil {
		return nil, err
	}
	var op *operation
	if s != nil {
		op = s.operations[name]
	}
	if op == nil {
		f := fault.Wrap(fault.Unsupported, errUnknownOperation, "There is no such operation.")
		if err := d.cfg.Directory.RefuseClaim(q.ctx, q.who, q.who.AccessKey, f); err != error(f) {
			return nil, err
		}
		return nil, errUnknownOperation
	}
	q.op = op
	x.Operation = op.name
	if ct := r.Header.Get("Content-Type"); !strings.HasPrefix(ct, contentType) {
		return nil, q.reject(secret.InSpace(q.home), errUnknownOperation)
	}
	return op.serve(q)
}

// stranger is who asks, before anything is proved.
func (d *Door) stranger(r *http.Request, x *door.Exchange) core.Caller {
	return core.Caller{
		Door: d.Name(), Source: r.RemoteAddr, Client: r.UserAgent(), RequestID: x.ID, Principal: "anonymous", Secure: r.TLS != nil,
	}
}

// write sends an answer; nil is an empty object.
func write(w http.ResponseWriter, status int, out answer) {
	buf := buffers.Get().(*buffer)
	defer buf.release()
	buf.o = object{b: append(buf.b, '{')}
	if out != nil {
		out(&buf.o)
	}
	buf.b = append(buf.o.b, '}')
	h := w.Header()
	h["Content-Type"] = contentTypes
	if len(buf.b) > countedByServer {
		h["Content-Length"] = []string{strconv.Itoa(len(buf.b))}
	}
	w.WriteHeader(status)
	_, _ = w.Write(buf.b) // a client that is gone needs no answer
}

// countedByServer is the length up to which net/http finds out the length of an
// answer by itself.
const countedByServer = 2000

var contentTypes = []string{contentType}

// reject has a refusal for the request's own faults recorded, unless the
// caller may not do it at all.
func (q *request) reject(ref secret.Ref, cause error) error {
	f, ok := errors.AsType[*fault.Error](cause)
	if !ok {
		f = fault.Wrap(fault.Invalid, cause, "The request is not valid.")
	}
	if err := q.door.cfg.Core.Reject(q.ctx, q.who, q.op.verb, ref, f); err != error(f) {
		return err
	}
	return cause
}
