// Package gate is the one way to the data. It alone holds the store: whatever
// is done to it is asked of the gate, which decides, has it done, and records
// what came of it before the answer leaves.
//
// It must not know protocols, nor what an operation does.
package gate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/strongroom-dev/strongroom/internal/audit"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/keyring"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
)

// Caller is who asks, this once.
type Caller struct {
	Principal string          // an ARN, or "anonymous", or "system"
	Region    string          // which the request was sent to; empty for any
	AccessKey string          // with which the caller proved who it is
	Program   *policy.Program // what the caller may do
	Door      string
	Source    string // network address
	Client    string // User-Agent
	RequestID string
	Secure    bool // over TLS

	Who   policy.Principal // the principal, as policies name it; no account for the system
	Facts policy.Keys      // what conditions may know of the principal; may be nil
	Given policy.Keys      // and of what the request gives; may be nil

	// Ask is how a request that is a path asks Vault's policies, but for the
	// path, which the thing itself gives; nil for other requests.
	Ask *policy.Ask
	// Below is the path of the namespace, below the caller's own, that the
	// request is for: "team/". Whoever may do something there by the policies
	// of the caller's own namespace does it as if the things were of its
	// account.
	Below string
}

// Anonymous is the principal of a caller that has not proved who it is.
const Anonymous = "anonymous"

// System is the principal of the house's own clockwork.
const System = "system"

// Found is the thing that a ref means: the ref completed from the thing itself,
// or as it was if it means nothing.
type Found struct {
	Ref    secret.Ref
	Secret *secret.Secret // if it is one, and there
	Tags   []secret.Tag   // of what is no secret
	ID     string         // the unique ID of a user, a group, a role or a policy
	// Boundary is the ARN of a user's or role's own permissions boundary.
	Boundary string
	Policy   *policy.Program // the thing's own policy, nil if it has none
	// PolicyRules: nobody may without the thing's own policy, not even in the
	// same account.
	PolicyRules bool
}

// Mounts knows under which path Vault's protocol shows the secrets of a space,
// and the version of the KV engine there; an empty path if it shows them
// nowhere.
type Mounts func(tx *Tx, space secret.Space) (path string, version int, err error)

// Resolver finds the thing that a ref means.
type Resolver func(tx *Tx, ref secret.Ref) (Found, error)

// Config is what a gate is made of.
type Config struct {
	Store   store.Store
	Ring    *keyring.Ring
	Log     audit.Log
	Resolve Resolver
	Mounts  Mounts                              // may be nil
	Node    string                              // this server's name in records
	Now     func() time.Time                    // time.Now if nil
	Rewrap  func(*keyring.Ring) ([]byte, error) // seals a changed ring under the root key
	Logger  *slog.Logger                        // for what no caller may see
}

// Gate holds the store. It is safe for concurrent use.
type Gate struct {
	cfg    Config
	failed atomic.Pointer[error] // why the node sealed itself
	outbox outbox

	rotating sync.Mutex // one rotation of the keyring at a time, until it is adopted
}

// New makes a gate. Call Recover before the first operation.
func New(cfg Config) *Gate {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Gate{cfg: cfg}
	g.outbox.signal = make(chan struct{}, 1)
	return g
}

// operation is one passage through the gate.
type operation struct {
	gate   *Gate
	who    Caller
	verb   secret.Verb
	asked  secret.Ref
	record audit.Record
	begun  time.Time
	own    question // of the operation's own thing
	part   question // of one part of a list or a batch
	tx     Tx
	work   func(*Tx, secret.Ref) error

	view   func(store.Reader) error // op.inView, made once
	update func(store.Writer) error // op.inUpdate
}

// operations are used again: there is one a request, and they are large.
var operations = sync.Pool{New: func() any {
	op := new(operation)
	op.view, op.update = op.inView, op.inUpdate
	return op
}}

// reset makes op another operation.
func (op *operation) reset(g *Gate, who Caller, v secret.Verb, r secret.Ref) {
	*op = operation{gate: g, who: who, verb: v, asked: r, view: op.view, update: op.update}
	if g != nil {
		op.begun = g.cfg.Now()
	}
}

// Do asks whether who may do v on r, does the work if so, records what came of
// it, and only then gives the answer. A write's record commits with the write;
// a read's, or a refusal's, is durable in the log before Do returns. If it
// cannot be recorded there is no answer.
//
// work may run more than once, must have no effects but through Tx, and must
// not keep it. Do fails with Denied, Sealed, Unavailable, or as work did; an
// error that is no fault is Internal.
func Do[T any](ctx context.Context, g *Gate, who Caller, v secret.Verb, r secret.Ref, work func(*Tx, secret.Ref) (T, error)) (T, error) {
	var none, out T
	if v == secret.RotateKeyring {
		g.rotating.Lock()
		defer g.rotating.Unlock()
	}
	op := operations.Get().(*operation)
	defer func() {
		op.reset(nil, Caller{}, 0, secret.Ref{})
		operations.Put(op)
	}()
	op.reset(g, who, v, r)
	op.work = func(tx *Tx, ref secret.Ref) (err error) {
		out, err = work(tx, ref)
		return err
	}
	err := g.Failed()
	if err == nil {
		err = op.pass(ctx)
	}
	if err := op.finish(err); err != nil {
		return none, err
	}
	return out, nil
}

// complete fills in what every record says.
func (op *operation) complete() {
	r := &op.record
	r.ID, r.Time, r.Node, r.Door = NewID(op.begun), op.begun, op.gate.cfg.Node, op.who.Door
	r.Caller, r.AccessKey, r.Source = op.who.Principal, op.who.AccessKey, op.who.Source
	r.Client, r.RequestID, r.Verb = op.who.Client, op.who.RequestID, op.verb.String()
	if r.Resource == "" {
		r.Resource = arn.Resource(op.asked)
	}
	r.Took = op.gate.cfg.Now().Sub(op.begun)
}

// pass opens the transaction that the verb asks for and goes through the door.
func (op *operation) pass(ctx context.Context) error {
	if !op.verb.Writes() {
		return op.gate.cfg.Store.View(ctx, op.view)
	}
	if err := op.gate.cfg.Store.Update(ctx, op.update); err != nil {
		return err
	}
	for _, f := range op.tx.committed {
		f()
	}
	op.gate.outbox.add(&op.record)
	return nil
}

func (op *operation) inView(r store.Reader) error {
	op.tx = Tx{op: op, r: r}
	return op.decideAndWork()
}

func (op *operation) inUpdate(w store.Writer) error {
	op.record = audit.Record{} // of an earlier run
	op.tx = Tx{op: op, r: w, w: w}
	if err := op.decideAndWork(); err != nil {
		return err
	}
	return op.toOutbox(w)
}

func (op *operation) decideAndWork() (err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("gate: %s panicked: %v\n%s", op.verb, x, debug.Stack())
		}
	}()
	found, err := op.gate.cfg.Resolve(&op.tx, op.asked)
	if err != nil {
		return err
	}
	op.tx.subject = found.Secret
	d := op.decide(&op.own, op.verb, &found)
	op.record.Resource, op.record.Reasons = op.own.about.resource, d.Reasons
	if !d.Allowed {
		op.record.Decision = "deny"
		return denied(op.verb, d)
	}
	op.record.Decision = "allow"
	return op.work(&op.tx, found.Ref)
}

func denied(v secret.Verb, d policy.Decision) error {
	return fault.Wrap(fault.Denied, &policy.Refusal{Verb: v, Explicit: d.Explicit, Layer: d.Layer}, "%s", d.Reasons[0])
}

// finish records whatever is not recorded yet, and turns the error into a
// fault.
func (op *operation) finish(err error) error {
	if err == nil && (op.verb.Writes() || op.verb.Quiet()) {
		return nil
	}
	op.complete()
	op.record.Outcome = "ok"
	if err != nil {
		err = asFault(err)
		op.record.Outcome = fault.CodeOf(err).String()
		if fault.Is(err, fault.Internal) || fault.Is(err, fault.Unavailable) {
			op.gate.cfg.Logger.Error("operation failed", "verb", op.verb.String(), "request_id", op.who.RequestID, "record", op.record.ID, "error", err)
		}
	}
	if op.gate.Failed() != nil {
		return cmp.Or(err, op.gate.Failed())
	}
	if failed := op.gate.log(&op.record); failed != nil {
		return failed
	}
	return err
}

// asFault makes a fault of any error.
func asFault(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	switch {
	case errors.Is(err, store.ErrClosed):
		return fault.Wrap(fault.Unavailable, err, "The server is shutting down.")
	case errors.Is(err, store.ErrUnknown):
		return fault.Wrap(fault.Unavailable, err, "The store did not confirm the write.")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(fault.Unavailable, err, "The request was cancelled.")
	}
	return fault.Wrap(fault.Internal, err, "An internal error occurred.")
}

// log makes one record durable.
func (g *Gate) log(r *audit.Record) error {
	b := buffers.Get().(*buffer)
	defer buffers.Put(b)
	b.text = r.Append(b.text[:0])
	b.list[0] = b.text
	if answerFirst {
		go func(text []byte) { _ = g.cfg.Log.Append(text) }(append([]byte{}, b.text...))
		return nil
	}
	return g.logged(g.cfg.Log.Append(b.list[:]...))
}

// logged turns an error of the log into a fault, and seals the node on one
// after which the log cannot be trusted.
func (g *Gate) logged(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, audit.ErrTooLong):
		return fault.Wrap(fault.Internal, err, "The request could not be recorded.")
	case errors.Is(err, audit.ErrFull):
		g.cfg.Logger.Error("there is no room for the audit log: requests are refused until there is", "error", err)
		return fault.Wrap(fault.Unavailable, err, "The request could not be recorded.")
	}
	g.fail(err)
	return g.Failed()
}

func (g *Gate) fail(cause error) {
	err := error(fault.Wrap(fault.Sealed, cause, "The server sealed itself because the audit log could not be written."))
	if g.failed.CompareAndSwap(nil, &err) {
		g.cfg.Logger.Error("the audit log could not be written: this node is sealed until it is restarted", "error", cause)
	}
}

// Failed is why the node sealed itself, a fault of code Sealed; nil if it did
// not.
func (g *Gate) Failed() error {
	if err := g.failed.Load(); err != nil {
		return *err
	}
	return nil
}
