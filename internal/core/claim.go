package core

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/audit"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
)

// Claim is one step of a rotation, to be done by whoever has it: nobody else
// does until it is settled, or its time is over.
type Claim struct {
	Ref      secret.Ref
	Secret   *secret.Secret // as it was then; shared: not to be changed
	Rotation *secret.Rotation
	Run      secret.Run
}

// claimTime is how long a step may take: somewhat longer than AWS's longest
// function.
const claimTime = 16 * time.Minute

// StepTime is how long whoever has a claim may work on it.
const StepTime = 15 * time.Minute

// RotationsDue reports whether ClaimRotations has anything to give. It is the
// house's own question to its own index, and is not recorded.
func (c *Core) RotationsDue(ctx context.Context) (bool, error) {
	return c.gate.Any(ctx, func(now secret.Instant) store.Range {
		return store.Range{From: duePrefix, To: duePrefix + timeKey(now+1)}
	})
}

// RotationsWake receives when there may be something to do before its time.
func (c *Core) RotationsWake() <-chan struct{} { return c.rotations }

// RotationsClaimed reports whether ReleaseRotations has anything to take back.
// It is not recorded, as RotationsDue is not.
func (c *Core) RotationsClaimed(ctx context.Context) (bool, error) {
	return c.gate.Any(ctx, func(secret.Instant) store.Range { return store.Prefix(claimedPrefix) })
}

// WakeRotations has RotationsWake receive.
func (c *Core) WakeRotations() {
	select {
	case c.rotations <- struct{}{}:
	default:
	}
}

// ClaimRotations gives out the steps that are due, at most so many, the
// earliest first, and begins the rotations whose windows have opened.
func (c *Core) ClaimRotations(ctx context.Context, who Caller, most int) ([]Claim, error) {
	return gate.Do(ctx, c.gate, who, secret.ClaimRotations, secret.System(), func(tx *gate.Tx, _ secret.Ref) ([]Claim, error) {
		refs, err := c.rotationsDue(tx, most)
		if err != nil {
			return nil, err
		}
		var claims []Claim
		for _, ref := range refs {
			claim, err := c.claim(tx, ref)
			if err != nil { // one that cannot begin holds up no other
				if err := c.postpone(tx, ref, err); err != nil {
					return nil, err
				}
				continue
			}
			claims = append(claims, claim)
			tx.Item(auditItem(arn.Secret(claim.Ref)))
		}
		return claims, nil
	})
}

func (c *Core) rotationsDue(tx *gate.Tx, most int) ([]secret.Ref, error) {
	var refs []secret.Ref
	until := duePrefix + timeKey(secret.InstantOf(tx.Now())+1)
	for e, err := range tx.Scan(store.Range{From: duePrefix, To: until}) {
		if err != nil || len(refs) == most {
			return refs, err
		}
		refs = append(refs, refInIndex(strings.TrimPrefix(e.Key, duePrefix)))
	}
	return refs, nil
}

// postponement is how long a rotation that could not begin waits.
const postponement = time.Hour

// postpone notes why a rotation could not begin, and has it tried later. An
// entry that cannot be read stays due: its secret cannot be read either.
func (c *Core) postpone(tx *gate.Tx, ref secret.Ref, why error) error {
	f, ok := errors.AsType[*fault.Error](why)
	if !ok || fault.Is(why, fault.Internal) {
		tx.Item(audit.Item{Resource: arn.Secret(ref), Decision: "allow", Outcome: fault.Internal.String()})
		return nil
	}
	tx.Item(audit.Item{Resource: arn.Secret(ref), Decision: "allow", Outcome: f.Code.String()})
	return c.editRotation(tx, ref, func(r *secret.Rotation) bool {
		now := tx.Now()
		r.Failure = &secret.Run{Step: secret.StepCreate, Attempts: 1, Error: kept(f.Message), Failed: secret.InstantOf(now)}
		r.Open = secret.InstantOf(now.Add(postponement))
		return true
	})
}

func (c *Core) claim(tx *gate.Tx, ref secret.Ref) (Claim, error) {
	old, err := c.load(tx, ref.Space, ref.Name)
	if err != nil {
		return Claim{}, err
	}
	if old == nil || old.Rotation == nil {
		return Claim{}, fmt.Errorf("core: the index of rotations names %s, which does not rotate", ref.Name)
	}
	sec := old.Clone()
	now := tx.Now()
	if sec.Rotation.Run == nil {
		window := sec.Rotation.Open
		if err := c.beginRun(tx, ref.Space, sec, NewVersionID()); err != nil {
			return Claim{}, err
		}
		r := sec.EditRotation()
		r.Fired = window
		reckon(r, timetableOf(r), secret.InstantOf(now))
	}
	return c.take(tx, ref, old, sec, now)
}

// take marks the run of sec as somebody's.
func (c *Core) take(tx *gate.Tx, ref secret.Ref, old, sec *secret.Secret, now time.Time) (Claim, error) {
	r := sec.EditRotation()
	r.Fence++
	r.Run.Claimed = secret.InstantOf(now.Add(claimTime))
	if r.Run.Step == secret.StepSet {
		r.Run.Touched = true // from here on nobody knows
	}
	ref.Suffix = sec.Suffix
	return Claim{Ref: ref, Secret: sec, Rotation: r, Run: *r.Run}, c.save(tx, ref.Space, old, sec)
}

// Outcome is what became of a claimed step.
type Outcome struct {
	Error string         // why it failed; empty if it did not
	Retry secret.Instant // when a failed one is tried again
	// Moves: the current label has still to be moved, with finishSecret.
	// Otherwise whoever did the step has moved it.
	Moves bool
	// Rebase: a new version became current meanwhile. Another pending one is
	// made of it, with the credentials of the one that was to come.
	Rebase bool
}

// SettleRotation notes what became of a claimed step. If there is another one
// after it, it is claimed at once; otherwise Secret of the answer is nil. It
// fails with Conflict if the claim is no longer good: the step belongs to
// somebody else, or to nobody.
func (c *Core) SettleRotation(ctx context.Context, who Caller, claim Claim, out Outcome) (Claim, error) {
	return gate.Do(ctx, c.gate, who, secret.SettleRotation, claim.Ref, func(tx *gate.Tx, ref secret.Ref) (Claim, error) {
		old := tx.Subject()
		if old == nil || old.Rotation == nil || old.Rotation.Run == nil || old.Rotation.Fence != claim.Rotation.Fence {
			return Claim{}, fault.New(fault.Conflict, "The step was taken over, or the rotation was cancelled.")
		}
		sec := old.Clone()
		r := sec.EditRotation()
		r.Run.Claimed = 0
		now := secret.InstantOf(tx.Now())
		again := false
		var err error
		if v := sec.ByID(r.Run.Version); out == (Outcome{Retry: out.Retry}) && r.Run.Step == secret.StepFinish && v != nil && !v.Has(secret.Current) {
			out.Error = "finishSecret came to its end, but the version is not AWSCURRENT."
		}
		if current := sec.At(secret.Current); out.Moves && current != nil && current.Number != r.Run.From && current.ID != r.Run.Version {
			out = Outcome{Rebase: true} // it was changed by hand since the step began
		}
		switch {
		case out.Error != "":
			fail(sec, r, now, out)
		case out.Rebase:
			again, err = true, c.rebase(tx, ref.Space, sec)
		default:
			again, err = advance(sec, r, now, out.Moves)
		}
		if err != nil {
			return Claim{}, err
		}
		if again {
			return c.take(tx, ref, old, sec, tx.Now())
		}
		return Claim{}, c.save(tx, ref.Space, old, sec)
	})
}

// maxRotationError bounds the text of an error that is kept.
const maxRotationError = 600

// kept is as much of an error's text, which may come from elsewhere, as is kept.
func kept(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxRotationError)], "")
}

// fail notes why a step failed. A test alone is not tried again.
func fail(sec *secret.Secret, r *secret.Rotation, now secret.Instant, out Outcome) {
	r.Run.Attempts++
	r.Run.Error, r.Run.Failed, r.Run.Try = kept(out.Error), now, out.Retry
	if r.Run.TestOnly {
		unpend(sec, r.Run.Version)
		r.Failure = r.Run
		r.Run = nil
	}
}

// advance goes on to the next step, or ends the rotation.
func advance(sec *secret.Secret, r *secret.Rotation, now secret.Instant, moves bool) (again bool, err error) {
	if r.Run.TestOnly {
		unpend(sec, r.Run.Version)
		r.Run, r.Failure = nil, nil
		return false, nil
	}
	if r.Run.Step < secret.StepFinish {
		r.Run.Step++
		return true, nil
	}
	v := sec.ByID(r.Run.Version)
	if v == nil {
		return false, fault.New(fault.Conflict, "The version that was to become current is gone.")
	}
	if moves && !v.Has(secret.Current) {
		sec.Attach(secret.Current, v.Number)
	}
	if moves {
		unpend(sec, v.ID)
	}
	sec.Changed = now
	r.Last = now
	r.Run, r.Failure = nil, nil
	if r.Enabled {
		reckon(r, timetableOf(r), now)
	}
	return false, nil
}

// unpend takes the pending label from a version.
func unpend(sec *secret.Secret, id string) {
	if v := sec.At(secret.Pending); v != nil && v.ID == id {
		sec.Detach(secret.Pending)
	}
}

// rebase begins the run anew on what is current now.
func (c *Core) rebase(tx *gate.Tx, s secret.Space, sec *secret.Secret) error {
	before := *sec.Rotation.Run
	if err := c.beginRun(tx, s, sec, NewVersionID()); err != nil {
		return err
	}
	r := sec.EditRotation()
	r.Fired = sec.Rotation.Fired
	r.Run.Touched = before.Touched
	if before.Touched { // else what was to come is in force nowhere
		r.Run.Carry = before.Version
	}
	return nil
}

// ReleaseRotations takes back the claims of a process that is no more, so that
// their steps are due at once. It is called before the first claim of a house
// that has its store to itself, and costs as much as there are claims.
func (c *Core) ReleaseRotations(ctx context.Context, who Caller) (int, error) {
	return gate.Do(ctx, c.gate, who, secret.ReleaseRotations, secret.System(), func(tx *gate.Tx, _ secret.Ref) (int, error) {
		n := 0
		for e, err := range tx.Scan(store.Prefix(claimedPrefix)) {
			if err != nil {
				return n, err
			}
			ref := refInIndex("/" + strings.TrimPrefix(e.Key, claimedPrefix))
			if err := c.editRotation(tx, ref, func(r *secret.Rotation) bool { r.Run.Claimed, r.Run.Try = 0, secret.InstantOf(tx.Now()); return true }); err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	})
}

// RescheduleRotations is for when the clock was set back: what was put off by
// a time that never came to be is due at its own time again. A window whose
// rotation has been made is not opened twice. It costs as much as there are
// secrets that rotate.
func (c *Core) RescheduleRotations(ctx context.Context, who Caller) (int, error) {
	return gate.Do(ctx, c.gate, who, secret.RescheduleRotations, secret.System(), func(tx *gate.Tx, _ secret.Ref) (int, error) {
		n, now := 0, secret.InstantOf(tx.Now())
		var refs []secret.Ref
		for e, err := range tx.Scan(store.Range{From: duePrefix + timeKey(now+1), To: duePrefix + "~"}) {
			if err != nil {
				return n, err
			}
			refs = append(refs, refInIndex(strings.TrimPrefix(e.Key, duePrefix)))
		}
		for _, ref := range refs {
			if err := c.editRotation(tx, ref, func(r *secret.Rotation) bool {
				changed := setBack(r, now)
				if changed {
					n++
				}
				return changed
			}); err != nil {
				return n, err
			}
		}
		return n, nil
	})
}

// setBack corrects what a clock that was ahead has written.
func setBack(r *secret.Rotation, now secret.Instant) bool {
	if run := r.Run; run != nil {
		if ahead := secret.InstantOf(now.Time().Add(claimTime)); run.Claimed > ahead || run.Failed > now {
			run.Claimed, run.Try, run.Failed = min(run.Claimed, ahead), now, min(run.Failed, now)
			return true
		}
		return false
	}
	if r.Last <= now {
		return false
	}
	r.Last = now
	reckon(r, timetableOf(r), min(r.Fired, now))
	if r.Open <= r.Fired {
		reckon(r, timetableOf(r), r.Fired)
	}
	return true
}

// editRotation changes the rotation of a secret; change reports whether it did.
func (c *Core) editRotation(tx *gate.Tx, ref secret.Ref, change func(*secret.Rotation) bool) error {
	old, err := c.load(tx, ref.Space, ref.Name)
	if err != nil || old == nil || old.Rotation == nil {
		return err
	}
	sec := old.Clone()
	if !change(sec.EditRotation()) {
		return nil
	}
	return c.save(tx, ref.Space, old, sec)
}

// NewVersionID draws a UUID, as AWS does for versions.
func NewVersionID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
