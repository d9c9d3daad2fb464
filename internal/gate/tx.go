package gate

import (
	"errors"
	"io/fs"
	"iter"
	"time"

	"github.com/strongroom-dev/strongroom/internal/audit"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
)

// Tx is what an operation's work may touch. It is valid while the work runs,
// and for one goroutine.
type Tx struct {
	op        *operation
	r         store.Reader
	w         store.Writer // nil in a read
	subject   *secret.Secret
	committed []func()
}

var errReadOnly = errors.New("gate: this verb does not write")

// Now is the operation's one time.
func (tx *Tx) Now() time.Time { return tx.op.begun }

// Caller is who asks.
func (tx *Tx) Caller() *Caller { return &tx.op.who }

// Subject is the secret that the ref was resolved to, nil if there is none. It
// is shared: clone it to change it.
func (tx *Tx) Subject() *secret.Secret { return tx.subject }

// Get gives an entry as it is stored: sealed, and valid while the work runs;
// nil if there is none.
func (tx *Tx) Get(key string) ([]byte, error) { return tx.r.Get(key) }

// Open opens a sealed entry of that key into memory of the caller's own.
func (tx *Tx) Open(key string, sealed []byte) (plain.Value, error) {
	b, err := tx.op.gate.cfg.Ring.Open(nil, key, sealed)
	if err != nil {
		return plain.Value{}, err
	}
	return plain.New(b), nil
}

// Scan walks entries as they are stored.
func (tx *Tx) Scan(r store.Range) iter.Seq2[store.Entry, error] { return tx.r.Scan(r) }

// Put seals a value and writes it.
func (tx *Tx) Put(key string, value []byte) error {
	if tx.w == nil {
		return errReadOnly
	}
	return tx.w.Put(key, tx.op.gate.cfg.Ring.Seal(nil, key, value))
}

// Seal seals what leaves the house and comes back, such as a token, under a
// name that tells what it is. Open opens it.
func (tx *Tx) Seal(name string, text []byte) []byte {
	return tx.op.gate.cfg.Ring.Seal(nil, name, text)
}

// PutIndex writes an entry whose key says everything.
func (tx *Tx) PutIndex(key string) error {
	if tx.w == nil {
		return errReadOnly
	}
	return tx.w.Put(key, nil)
}

// Delete removes an entry.
func (tx *Tx) Delete(key string) error {
	if tx.w == nil {
		return errReadOnly
	}
	return tx.w.Delete(key)
}

// May asks of another thing what the gate asked of the operation's own, for
// lists and batches. The answer is not recorded by itself: note an Item.
func (tx *Tx) May(v secret.Verb, found Found) bool {
	return tx.op.decide(&tx.op.part, v, &found).Allowed
}

// Must is May for what the operation cannot do without: it fails with Denied,
// and the record says why.
func (tx *Tx) Must(v secret.Verb, found Found) error {
	d := tx.op.decide(&tx.op.part, v, &found)
	if d.Allowed {
		return nil
	}
	tx.op.record.Decision, tx.op.record.Reasons = "deny", d.Reasons
	return denied(v, d)
}

// MustIn is Must for what is done in another region than the request's, with
// what a request for that alone would give.
func (tx *Tx) MustIn(region string, given policy.Keys, v secret.Verb, found Found) error {
	who := &tx.op.who
	before := *who
	defer func() { *who = before }()
	if who.Region != "" {
		who.Region = region
	}
	who.Given = given
	return tx.Must(v, found)
}

// MustWrite asks once more, of a path that its request may create or change,
// when it is known which of them it is: Vault's policies tell them apart. It
// fails with Denied.
func (tx *Tx) MustWrite(exists bool) error {
	who := &tx.op.who
	if who.Ask == nil {
		return nil
	}
	asked := who.Ask
	exact := *asked
	exact.Want = policy.CanUpdate
	if !exists {
		exact.Want = policy.CanCreate
	}
	who.Ask = &exact
	defer func() { who.Ask = asked }()
	return tx.Must(tx.op.verb, Found{Ref: tx.op.asked})
}

// Find finds the thing that a ref means.
func (tx *Tx) Find(r secret.Ref) (Found, error) { return tx.op.gate.cfg.Resolve(tx, r) }

// Would says what would be decided if another asked: as is who, with its
// program and facts, and as.Given what the request is supposed to bring. It
// decides about actions that are no verbs of ours too. missing are the
// condition keys that were asked for and that nobody knew.
func (tx *Tx) Would(as Caller, action string, found Found) (d policy.Decision, missing []string) {
	v := arn.Verb(action)
	if v != 0 {
		action = arn.Action(v) // as the verb is spelled: what is kept of an answer is kept by the verb
	}
	var q question
	s := supposed{circumstances: circumstances{who: &as, now: tx.op.begun}}
	q.ask(&s.circumstances, v, action, &found)
	q.Keys = &s
	d = tx.op.judge(&q, &as, v, &found)
	return d, s.missing
}

// Verb is the operation's.
func (tx *Tx) Verb() secret.Verb { return tx.op.verb }

// Committed has f called when the operation's writes are durable, and only
// then.
func (tx *Tx) Committed(f func()) { tx.committed = append(tx.committed, f) }

// Item notes one part of a batch in the record.
func (tx *Tx) Item(i audit.Item) { tx.op.record.Items = append(tx.op.record.Items, i) }

// Saw notes in the record which version's value was read or written.
func (tx *Tx) Saw(version string, value plain.Value) {
	tx.op.record.Version = version
	if !value.IsZero() {
		tx.op.record.Value = tx.op.gate.cfg.Ring.MAC("audit value", value.Open())
	}
}

// MAC is a keyed hash for the purpose.
func (tx *Tx) MAC(purpose string, data []byte) [32]byte {
	return tx.op.gate.cfg.Ring.MAC(purpose, data)
}

// Records reads the audit log from an index on.
func (tx *Tx) Records(from int64) iter.Seq2[audit.Entry, error] { return tx.op.gate.cfg.Log.Scan(from) }

// AuditHead is the audit log's size and root.
func (tx *Tx) AuditHead() audit.Head { return tx.op.gate.cfg.Log.Head() }

// AuditFiles shows the audit log's own files; they outlive the operation.
func (tx *Tx) AuditFiles() fs.FS { return tx.op.gate.cfg.Log.Files() }

// KeyringKey is the key of the wrapped keyring, the one entry that the keyring
// does not seal itself.
const KeyringKey = "keyring"

// Keyring is the number of the key that seals now, and when it was made.
func (tx *Tx) Keyring() (uint32, secret.Instant) {
	ring := tx.op.gate.cfg.Ring
	return ring.Active(), secret.Instant(ring.Since())
}

// RotateKeyring gives the keyring a new active key. Entries that older keys
// sealed stay readable. It returns the number of the new key.
func (tx *Tx) RotateKeyring() (uint32, error) {
	if tx.w == nil {
		return 0, errReadOnly
	}
	cfg := &tx.op.gate.cfg
	if cfg.Rewrap == nil {
		return 0, fault.New(fault.Unsupported, "This server cannot rotate its keyring.")
	}
	next := cfg.Ring.Rotated(tx.Now().UnixMilli())
	wrapped, err := cfg.Rewrap(next)
	if err != nil {
		return 0, err
	}
	if err := tx.w.Put(KeyringKey, wrapped); err != nil {
		return 0, err
	}
	tx.committed = append(tx.committed, func() { cfg.Ring.Adopt(next) })
	return next.Active(), nil
}
