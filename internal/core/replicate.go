package core

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// Replicas are rows and values of their own in another region of the same
// installation. They are written in the transaction that changes the secret,
// so that they are never behind.

func errReplica() error {
	return fault.New(fault.Invalid, "Operation not permitted on a replica secret. Call must be made in primary secret's region.")
}

// ReplicateSecretInput says where copies are to be.
type ReplicateSecretInput struct {
	Ref       secret.Ref
	Regions   []secret.Replica
	Overwrite bool // what is called so there
}

func (in *ReplicateSecretInput) given() policy.Keys { return givenReplicas(in.Regions, in.Overwrite) }

func givenReplicas(regions []secret.Replica, overwrite bool) policy.Facts {
	keys := policy.Facts{}
	if len(regions) > 0 {
		names := make([]string, len(regions))
		for i, r := range regions {
			names[i] = r.Region
		}
		keys["secretsmanager:addreplicaregions"] = policy.Many(names)
		keys.SetBool("secretsmanager:forceoverwritereplicasecret", overwrite)
	}
	return keys
}

// ReplicateSecret copies a secret to regions, and keeps the copies up to date.
// A region where another secret is called so gets none, which shows in the
// answer; to overwrite one needs the right to delete it. It fails with
// NotFound, Deleted or Invalid.
func (c *Core) ReplicateSecret(ctx context.Context, who Caller, in ReplicateSecretInput) (Described, error) {
	who.Given = in.given()
	return c.changeReplicas(ctx, who, secret.ReplicateSecret, in.Ref, func(tx *gate.Tx, ref secret.Ref, sec *secret.Secret) error {
		return c.addReplicas(tx, ref.Space, sec, in.Regions, in.Overwrite)
	})
}

func (c *Core) changeReplicas(ctx context.Context, who Caller, v secret.Verb, ref secret.Ref, change func(*gate.Tx, secret.Ref, *secret.Secret) error) (Described, error) {
	return gate.Do(ctx, c.gate, who, v, ref, func(tx *gate.Tx, ref secret.Ref) (Described, error) {
		old, err := live(tx)
		if err != nil {
			return Described{}, err
		}
		sec := old.Clone()
		if err := change(tx, ref, sec); err != nil {
			return Described{}, err
		}
		return Described{ref, sec}, c.save(tx, ref.Space, old, sec)
	})
}

// addReplicas notes where copies are to be; save makes them.
func (c *Core) addReplicas(tx *gate.Tx, s secret.Space, sec *secret.Secret, regions []secret.Replica, overwrite bool) error {
	for _, r := range regions {
		if r.Region == s.Region {
			return fault.New(fault.Invalid, "Invalid replica region.")
		}
		if there := sec.ReplicaIn(r.Region); there != nil && there.Problem == "" {
			there.KeyID = r.KeyID
			continue
		}
		space := secret.Space{Account: s.Account, Region: r.Region}
		other, err := c.load(tx, space, sec.Name)
		if err != nil {
			return err
		}
		if other != nil && overwrite && len(other.Replicas) == 0 && !other.IsReplica() {
			found, err := c.foundSecret(tx, space, other)
			if err == nil {
				err = mayOverwrite(tx, found)
			}
			if err == nil {
				err = c.erase(tx, space, other)
			}
			if err != nil {
				return err
			}
			other = nil
		}
		if other != nil {
			r.Problem = fmt.Sprintf("Replication failed: Secret name %s already exists in region %s.", sec.Name, r.Region)
		}
		sec.Replicas = slices.DeleteFunc(sec.Replicas, func(x secret.Replica) bool { return x.Region == r.Region })
		sec.Replicas = append(sec.Replicas, r)
	}
	return checkReplicas(sec)
}

// mayOverwrite asks what a deletion for good in the other region would be asked.
func mayOverwrite(tx *gate.Tx, found gate.Found) error {
	in := DeleteSecretInput{Ref: found.Ref, Force: true}
	return tx.MustIn(found.Ref.Space.Region, in.given(), secret.DeleteSecret, found)
}

// The bounds on replication: how many copies a secret has, and how many values
// are written in one transaction.
const (
	maxReplicas = 40
	maxCopies   = 1000
)

// checkReplicas refuses what would take too long at once.
func checkReplicas(sec *secret.Secret) error {
	if len(sec.Replicas) > maxReplicas {
		return fault.New(fault.Limit, "A secret has at most %d replicas.", maxReplicas)
	}
	if len(sec.Replicas)*len(sec.Versions) > maxCopies {
		return fault.New(fault.Limit, "%d versions in %d regions are more than can be copied at once (%d): remove labels from old versions, or regions.", len(sec.Versions), len(sec.Replicas), maxCopies)
	}
	return nil
}

// RemoveReplicas deletes the copies in regions. It fails with NotFound,
// Deleted or Invalid.
func (c *Core) RemoveReplicas(ctx context.Context, who Caller, ref secret.Ref, regions []string) (Described, error) {
	return c.changeReplicas(ctx, who, secret.RemoveReplicas, ref, func(tx *gate.Tx, ref secret.Ref, sec *secret.Secret) error {
		for _, region := range regions {
			r := sec.ReplicaIn(region)
			if r == nil {
				return fault.New(fault.Invalid, "The secret has no replica in region %s.", region)
			}
			if r.Problem == "" {
				if err := c.eraseReplica(tx, secret.Space{Account: ref.Space.Account, Region: region}, sec.Name, ref.Space.Region); err != nil {
					return err
				}
			}
			sec.Replicas = slices.DeleteFunc(sec.Replicas, func(x secret.Replica) bool { return x.Region == region })
		}
		return nil
	})
}

func (c *Core) eraseReplica(tx *gate.Tx, s secret.Space, name, home string) error {
	there, err := c.load(tx, s, name)
	if err != nil || there == nil || there.Primary != home {
		return err
	}
	return c.erase(tx, s, there)
}

// StopReplication makes a secret of a replica, in whose region it is called.
// It fails with NotFound, Deleted, or Conflict if it is no replica.
func (c *Core) StopReplication(ctx context.Context, who Caller, ref secret.Ref) (secret.Ref, error) {
	return gate.Do(ctx, c.gate, who, secret.StopReplication, ref, func(tx *gate.Tx, ref secret.Ref) (secret.Ref, error) {
		old := tx.Subject()
		if old == nil {
			return ref, noSecret()
		}
		if !old.IsReplica() {
			return ref, fault.New(fault.Conflict, "The secret is not a replica: the call must be made in the replica's region.")
		}
		home := secret.Space{Account: ref.Space.Account, Region: old.Primary}
		primary, err := c.load(tx, home, old.Name)
		if err != nil {
			return ref, err
		}
		if primary != nil {
			changed := primary.Clone()
			changed.Replicas = slices.DeleteFunc(changed.Replicas, func(x secret.Replica) bool { return x.Region == ref.Space.Region })
			if err := c.save(tx, home, primary, changed); err != nil {
				return ref, err
			}
		}
		sec := old.Clone()
		sec.Primary, sec.Rotation = "", nil
		if v := sec.At(secret.Pending); v != nil && v.Form == secret.NoValue {
			sec.Detach(secret.Pending) // of a rotation that goes on without it
		}
		sec.Changed = secret.InstantOf(tx.Now())
		return ref, c.save(tx, ref.Space, old, sec)
	})
}

// replicate brings the copies of a secret up to date.
func (c *Core) replicate(tx *gate.Tx, s secret.Space, sec *secret.Secret) error {
	for _, r := range sec.Replicas {
		if r.Problem != "" {
			continue
		}
		if err := c.copyTo(tx, s, sec, r); err != nil {
			return err
		}
	}
	return nil
}

func (c *Core) copyTo(tx *gate.Tx, s secret.Space, sec *secret.Secret, r secret.Replica) error {
	there := secret.Space{Account: s.Account, Region: r.Region}
	old, err := c.load(tx, there, sec.Name)
	if err != nil {
		return err
	}
	if old != nil && (old.Primary != s.Region || old.Suffix != sec.Suffix) {
		return nil // it is no copy of this one
	}
	copied := sec.Clone()
	copied.Primary, copied.KeyID, copied.Replicas = s.Region, r.KeyID, nil
	if copied.Rotation != nil {
		copied.EditRotation().Run = nil
	}
	copied.Accessed = 0
	for i := range copied.Versions {
		v := &copied.Versions[i]
		v.Accessed = 0
		var before *secret.Version
		if old != nil {
			before = old.ByNumber(v.Number)
		}
		if before != nil {
			v.Accessed = before.Accessed
			copied.Accessed = max(copied.Accessed, before.Accessed)
		}
		if v.Destroyed && before != nil && before.Form != secret.NoValue {
			if err := tx.Delete(valueKey(there, copied, v.Number)); err != nil {
				return err
			}
		}
		if v.Form == secret.NoValue || before != nil && before.Form == v.Form {
			continue
		}
		value, err := c.valueOf(tx, s, sec, v)
		if err != nil {
			return err
		}
		err = tx.Put(valueKey(there, copied, v.Number), value.Open())
		value.Wipe()
		if err != nil {
			return err
		}
	}
	if old != nil {
		for _, v := range old.Versions {
			if copied.ByNumber(v.Number) == nil {
				if err := tx.Delete(valueKey(there, copied, v.Number)); err != nil {
					return err
				}
			}
		}
	}
	return c.save(tx, there, old, copied)
}

// mayDelete refuses to delete what has copies, or is one.
func mayDelete(ref secret.Ref, sec *secret.Secret) error {
	if sec.IsReplica() {
		return errReplica()
	}
	var regions []string
	for _, r := range sec.Replicas {
		if r.Problem == "" {
			regions = append(regions, r.Region)
		}
	}
	if len(regions) == 0 {
		return nil
	}
	return fault.New(fault.Conflict, "You can't delete secret %s that still has replica regions [%s].", arn.Secret(ref), strings.Join(regions, ", "))
}
