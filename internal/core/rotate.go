package core

import (
	"context"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/timetable"
)

// Rotators are the rotation functions that are built in.
type Rotators interface {
	// Find is the one of that name; false if there is none.
	Find(function string) (Rotator, bool)
}

// Rotator is one rotation function.
type Rotator interface {
	// Borrows tells of a rotation that does more than its secret's own
	// credentials allow: what whoever sets it up must be allowed to do, and
	// what it would touch. Both are empty for one that does not. It fails with
	// Invalid if the value is not as it must be.
	Borrows(value plain.Value) (needs []Need, target string, err error)
}

// Need is something that a caller must be allowed to do to a secret, which is
// named by its ARN or name, or to a user of the same account.
type Need struct {
	Verb secret.Verb
	ID   string
}

// RotateSecretInput says how a secret rotates, and begins with it.
type RotateSecretInput struct {
	Ref      secret.Ref
	Token    string                // the ID of the coming version
	Function string                // empty for the one that it has
	Rules    *secret.RotationRules // nil for those that it has
	Later    bool                  // in its next window; now it is only tried
	Stated   bool                  // whether Later was asked for, not supposed
}

// The errors' texts are AWS's, with its curly apostrophe.
func errNoFunction() error {
	return fault.New(fault.Conflict, "No Lambda rotation function ARN is associated with this secret.")
}

func errNotInvokable() error {
	return fault.New(fault.Denied, "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.")
}

func errPending() error {
	return fault.New(fault.Conflict, "A previous rotation isn’t complete. That rotation will be reattempted.")
}

// RotateSecret sets how a secret rotates and begins a rotation, which the
// clockwork goes on with. Whoever sets up one that uses another secret's
// credentials must be allowed to read that secret. It fails with NotFound,
// Deleted, Invalid, Denied, or Conflict if there is no function or a rotation
// is under way.
func (c *Core) RotateSecret(ctx context.Context, who Caller, in RotateSecretInput) (Written, error) {
	who.Given = in.given()
	out, err := gate.Do(ctx, c.gate, who, secret.RotateSecret, in.Ref, func(tx *gate.Tx, ref secret.Ref) (Written, error) {
		old, err := live(tx)
		if err != nil {
			return Written{}, err
		}
		if v := old.ByID(in.Token); v != nil && v.Has(secret.Current) || old.Rotation != nil && old.Rotation.Run != nil && old.Rotation.Run.Version == in.Token {
			return Written{Ref: ref, VersionID: in.Token}, nil // the same request again
		}
		if v := old.ByID(in.Token); v != nil && !v.Has(secret.Pending) {
			return Written{}, tokenUsed(ref, in.Token) // an old version does not become current by rotating
		}
		sec := old.Clone()
		if err := c.setRotation(tx, ref, sec, in); err != nil {
			return Written{}, err
		}
		begin := c.beginRun
		if in.Later {
			begin = c.beginTest
		}
		if err := begin(tx, ref.Space, sec, in.Token); err != nil {
			return Written{}, err
		}
		sec.Changed = secret.InstantOf(tx.Now())
		return Written{Ref: ref, VersionID: in.Token}, c.save(tx, ref.Space, old, sec)
	})
	if err == nil {
		c.WakeRotations()
	}
	return out, err
}

// setRotation checks and sets how sec rotates.
func (c *Core) setRotation(tx *gate.Tx, ref secret.Ref, sec *secret.Secret, in RotateSecretInput) error {
	r := sec.EditRotation()
	if in.Function != "" {
		r.Function = in.Function
	}
	if r.Function == "" {
		return errNoFunction()
	}
	if pending := sec.At(secret.Pending); r.Run != nil || pending != nil && !pending.Has(secret.Current) && pending.ID != in.Token {
		return errPending()
	}
	if in.Rules != nil {
		r.Rules = *in.Rules
	}
	table, err := timetable.Parse(r.Rules)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "%s", err)
	}
	r.Enabled = true
	reckon(r, table, secret.InstantOf(tx.Now()))
	return c.bindTarget(tx, ref, sec, r)
}

// reckon finds the next window after a rotation at that time.
func reckon(r *secret.Rotation, table timetable.Timetable, from secret.Instant) {
	r.Open, r.Close = 0, 0
	if w := table.Next(from.Time()); !w.Open.IsZero() {
		r.Open, r.Close = secret.InstantOf(w.Open), secret.InstantOf(w.Close)
	}
}

// timetableOf is of rules that were checked when they were set.
func timetableOf(r *secret.Rotation) timetable.Timetable {
	table, _ := timetable.Parse(r.Rules)
	return table
}

// RotationDays is about how many days lie between two rotations.
func RotationDays(r secret.RotationRules) int {
	table, _ := timetable.Parse(r)
	return table.Days()
}

// bindTarget has the rotator look at the value, and fixes what a rotation may
// touch beyond what its own credentials allow. The caller must be allowed to
// do that without it.
func (c *Core) bindTarget(tx *gate.Tx, ref secret.Ref, sec *secret.Secret, r *secret.Rotation) error {
	rotator, err := c.rotatorOf(tx, ref, r.Function)
	if err != nil {
		return err
	}
	current := sec.At(secret.Current)
	if rotator == nil || current == nil || current.Form == secret.NoValue {
		return nil
	}
	value, err := c.valueOf(tx, ref.Space, sec, current)
	if err != nil {
		return err
	}
	defer value.Wipe()
	needs, target, err := rotator.Borrows(value)
	if err != nil {
		return err
	}
	r.Target, r.Lender = target, ""
	for _, n := range needs {
		found, err := c.needed(tx, ref.Space, n)
		if err != nil {
			return err
		}
		if err := tx.Must(n.Verb, found); err != nil {
			return err
		}
		r.Lender = found.ID
		if n.Verb == secret.GetValue {
			r.Lender = arn.Secret(found.Ref)
		}
	}
	return nil
}

// needed finds the secret or the user that a need is about. That there is no
// such secret is told only to whoever might read it.
func (c *Core) needed(tx *gate.Tx, s secret.Space, n Need) (gate.Found, error) {
	if n.Verb != secret.GetValue {
		return tx.Find(secret.Ref{Space: secret.Space{Account: s.Account}, Kind: secret.KindUser, Name: n.ID})
	}
	ref, err := arn.ParseSecretID(n.ID, s)
	if err != nil {
		return gate.Found{}, fault.New(fault.Invalid, "The masterarn %s names no secret.", n.ID)
	}
	found, err := tx.Find(ref)
	if err == nil && found.Secret == nil && tx.May(n.Verb, found) {
		err = fault.New(fault.Invalid, "The masterarn %s names no secret.", n.ID)
	}
	return found, err
}

// beginRun begins a rotation: a version without a value waits for it.
func (c *Core) beginRun(tx *gate.Tx, s secret.Space, sec *secret.Secret, token string) error {
	r := sec.EditRotation()
	now := secret.InstantOf(tx.Now())
	r.Run = &secret.Run{Version: token, Step: secret.StepCreate, Try: now}
	r.Fired = now
	if current := sec.At(secret.Current); current != nil {
		r.Run.From = current.Number
	}
	if sec.ByID(token) != nil { // it is pending, and has its value
		return nil
	}
	gone := sec.Expire(now)
	if err := checkVersions(sec); err != nil {
		return err
	}
	sec.AddVersion(token, secret.NoValue, now, []string{secret.Pending})
	if err := checkLabels(sec); err != nil {
		return err
	}
	return c.removeValues(tx, s, sec, gone) // last: who cannot begin has removed nothing
}

// beginTest has a copy of the current value tried.
func (c *Core) beginTest(tx *gate.Tx, s secret.Space, sec *secret.Secret, token string) error {
	current := sec.At(secret.Current)
	if current == nil || current.Form == secret.NoValue {
		return nil
	}
	value, err := c.valueOf(tx, s, sec, current)
	if err != nil {
		return err
	}
	defer value.Wipe()
	if sec.ByID(token) == nil {
		if _, err := c.addVersion(tx, s, sec, token, Content{value, current.Form}, []string{secret.Pending}); err != nil {
			return err
		}
	}
	sec.EditRotation().Run = &secret.Run{Version: token, From: current.Number, Step: secret.StepTest, TestOnly: true, Try: secret.InstantOf(tx.Now())}
	return nil
}

// CancelRotation ends a secret's rotation. What it is configured with stays. A
// run that may have changed the credential already is brought to its end, so
// that the current version can always log in; to cancel once more gives it up.
// It fails with NotFound or Deleted.
func (c *Core) CancelRotation(ctx context.Context, who Caller, ref secret.Ref) (Written, error) {
	return gate.Do(ctx, c.gate, who, secret.CancelRotation, ref, func(tx *gate.Tx, ref secret.Ref) (Written, error) {
		old, err := live(tx)
		if err != nil {
			return Written{}, err
		}
		sec := old.Clone()
		r := sec.EditRotation()
		again := !r.Enabled
		r.Enabled, r.Open, r.Close = false, 0, 0
		out := Written{Ref: ref}
		if r.Run != nil {
			out.VersionID = r.Run.Version
			own, err := c.builtIn(tx, ref, r.Function)
			if err != nil {
				return Written{}, err
			}
			if again || !r.Run.Touched || r.Run.TestOnly || own == nil {
				if !r.Run.Touched && own != nil {
					unpend(sec, r.Run.Version) // a function of the user's own may have done anything: as on AWS, its label stays
				}
				r.Run = nil
				r.Fence++
			}
		}
		sec.Changed = secret.InstantOf(tx.Now())
		return out, c.save(tx, ref.Space, old, sec)
	})
}

// RetryRotation has a rotation that failed tried again at once. It fails with
// NotFound, Deleted, or Conflict if none is under way.
func (c *Core) RetryRotation(ctx context.Context, who Caller, ref secret.Ref) (secret.Ref, error) {
	ref, err := gate.Do(ctx, c.gate, who, secret.RetryRotation, ref, func(tx *gate.Tx, ref secret.Ref) (secret.Ref, error) {
		old, err := live(tx)
		if err != nil {
			return ref, err
		}
		if old.Rotation == nil || old.Rotation.Run == nil {
			return ref, fault.New(fault.Conflict, "No rotation of this secret is under way.")
		}
		sec := old.Clone()
		r := sec.EditRotation()
		r.Run.Try = secret.InstantOf(tx.Now())
		if err := c.bindTarget(tx, ref, sec, r); err != nil {
			return ref, err
		}
		return ref, c.save(tx, ref.Space, old, sec)
	})
	if err == nil {
		c.WakeRotations()
	}
	return ref, err
}
