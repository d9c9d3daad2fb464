// Package core is what the house does: one exported method an operation, each
// with the verb of its name. It reaches data only through the gate.
//
// It must not know protocols: what a door cannot say with the types here, it
// must work out itself. The texts of its faults are those of AWS Secrets
// Manager, whose semantics these are; a door of another protocol goes by the
// codes.
package core

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/policy/iam"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// Caller is who asks.
type Caller = gate.Caller

// Core does the operations. It is safe for concurrent use.
type Core struct {
	// Rotators are the built-in rotation functions. They are set before the
	// first use.
	Rotators Rotators

	gate *gate.Gate
	rows *rows

	others gate.Resolver
	names  Namer

	accessed sync.Map // access -> secret.Instant: reads of today that RecordAccess will write down
	accesses atomic.Int64

	rotations chan struct{} // receives when a rotation was asked for
	swaps     swaps
	feed      feed
}

// rows are the decoded entries that are kept.
type rows struct {
	secrets  *gate.Cache[*secret.Secret]
	policies *gate.Cache[*policy.Program] // the secrets' own
	events   *gate.Cache[*Event]
	keeping  *gate.Cache[*secret.Keeping]
}

// Namer knows the users and roles that a policy names. It fails with Invalid if
// there is no such one.
type Namer interface {
	NameAll(tx *gate.Tx, doc *iam.Document) (iam.Naming, error)
}

// New makes a core and the gate it goes through. cfg.Resolve, which may be nil,
// is asked for what is no secret.
func New(cfg gate.Config, names Namer) (*Core, *gate.Gate) {
	c := &Core{rows: &rows{
		secrets:  gate.NewCache(stored.Decode[secret.Secret]),
		policies: gate.NewCache(decodePolicy),
		events:   gate.NewCache(stored.Decode[Event]),
		keeping:  gate.NewCache(stored.Decode[secret.Keeping]),
	}, others: cfg.Resolve, names: names, rotations: make(chan struct{}, 1)}
	cfg.Resolve = c.resolve
	c.gate = gate.New(cfg)
	return c, c.gate
}

// House is the caller for what the house does of itself.
func House(verbs ...secret.Verb) Caller {
	return Caller{Principal: gate.System, Door: "clockwork", Program: policy.Grant("the house's own clockwork", actionsOf(verbs)...)}
}

// Reject records that a request was refused for what it holds, which the door
// found out. Whoever may not do it at all learns just that.
func (c *Core) Reject(ctx context.Context, who Caller, v secret.Verb, r secret.Ref, cause *fault.Error) error {
	_, err := gate.Do(ctx, c.gate, who, v, r, func(*gate.Tx, secret.Ref) (struct{}, error) {
		return struct{}{}, cause
	})
	return err
}

// Failed is why the node sealed itself, nil if it did not.
func (c *Core) Failed() error { return c.gate.Failed() }
