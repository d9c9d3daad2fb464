package core

import (
	"context"
	"time"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// UpdateSecretInput changes what is not nil.
type UpdateSecretInput struct {
	Ref         secret.Ref
	Token       string
	Content     Content // a new current version, if it has a form
	Description *string
	KeyID       *string
	Type        *string
}

// UpdateSecret changes a secret's description, key or type, or adds a current
// version as PutValue does. It fails as PutValue does.
func (c *Core) UpdateSecret(ctx context.Context, who Caller, in UpdateSecretInput) (Written, error) {
	who.Given = in.given()
	return gate.Do(ctx, c.gate, who, secret.UpdateSecret, in.Ref, func(tx *gate.Tx, ref secret.Ref) (Written, error) {
		old, err := live(tx)
		if err != nil {
			return Written{}, err
		}
		sec := old.Clone()
		out := Written{Ref: ref}
		if in.Content.Form != secret.NoValue {
			v, err := c.putVersion(tx, ref, sec, PutValueInput{Token: in.Token, Content: in.Content})
			if err != nil {
				return Written{}, err
			}
			out.VersionID, out.Labels = v.ID, v.Labels
		}
		for field, value := range map[*string]*string{&sec.Description: in.Description, &sec.KeyID: in.KeyID, &sec.Type: in.Type} {
			if value != nil {
				*field = *value
				sec.Changed = secret.InstantOf(tx.Now())
			}
		}
		return out, c.save(tx, ref.Space, old, sec)
	})
}

// MoveLabelInput moves a label to a version, takes it from one, or both. The
// IDs may be empty.
type MoveLabelInput struct {
	Ref   secret.Ref
	Label string
	To    string
	From  string
}

// MoveLabel moves a label. A label that is on a version is moved only if that
// version is named; the current label is moved, never removed. It fails with
// NotFound, Deleted, Invalid or Limit.
func (c *Core) MoveLabel(ctx context.Context, who Caller, in MoveLabelInput) (secret.Ref, error) {
	if splitLabelMove && in.To != "" {
		_, _ = c.retag(ctx, who, secret.MoveLabel, in.Ref, func(_ *gate.Tx, sec *secret.Secret) error { sec.Detach(in.Label); return nil })
		in.From = ""
	}
	who.Given = in.given()
	return gate.Do(ctx, c.gate, who, secret.MoveLabel, in.Ref, func(tx *gate.Tx, ref secret.Ref) (secret.Ref, error) {
		old, err := live(tx)
		if err != nil {
			return ref, err
		}
		sec := old.Clone()
		if err := moveLabel(sec, in); err != nil {
			return ref, err
		}
		sec.Changed = secret.InstantOf(tx.Now())
		return ref, c.save(tx, ref.Space, old, sec)
	})
}

func moveLabel(sec *secret.Secret, in MoveLabelInput) error {
	for _, id := range []string{in.To, in.From} {
		if id != "" && sec.ByID(id) == nil {
			return fault.New(fault.NotFound, "Secrets Manager can't find the specified secret value for VersionId: %s", id)
		}
	}
	holder := sec.At(in.Label)
	switch {
	case in.To == "" && in.From == "":
		return fault.New(fault.Invalid, "You must specify either MoveToVersionId or RemoveFromVersionId.")
	case in.To == "" && in.Label == secret.Current:
		return fault.New(fault.Invalid, "You can only move staging label AWSCURRENT to a different secret version. It can’t be completely removed.")
	case in.To != "" && holder != nil && holder.ID == in.To:
		return nil
	case holder != nil && in.From == "":
		return fault.New(fault.Invalid, "The parameter RemoveFromVersionId can't be empty. Staging label %s is currently attached to version %s, so you must explicitly reference that version in RemoveFromVersionId.", in.Label, holder.ID)
	case in.From != "" && (holder == nil || holder.ID != in.From):
		return fault.New(fault.Invalid, "When you move staging label %s, if you specify RemoveFromVersionId, it must be set to the version that currently has the staging label %s.", in.Label, in.Label)
	}
	if in.To == "" {
		sec.Detach(in.Label)
		return nil
	}
	sec.Attach(in.Label, sec.ByID(in.To).Number)
	return checkLabels(sec)
}

// DeleteSecretInput marks a secret for deletion, or, with Force, deletes it.
type DeleteSecretInput struct {
	Ref    secret.Ref
	Window time.Duration // how long it can be restored
	Stated bool          // the window was asked for, not supposed
	Force  bool
}

// Gone says what was deleted and when its window ends.
type Gone struct {
	Ref secret.Ref
	At  secret.Instant
}

// DeleteSecret begins the recovery window, in which RestoreSecret undoes it.
// With Force the secret is gone at once, and it is no error if there is none.
func (c *Core) DeleteSecret(ctx context.Context, who Caller, in DeleteSecretInput) (Gone, error) {
	who.Given = in.given()
	return gate.Do(ctx, c.gate, who, secret.DeleteSecret, in.Ref, func(tx *gate.Tx, ref secret.Ref) (Gone, error) {
		now := tx.Now()
		old := tx.Subject()
		if in.Force {
			if old == nil {
				if ref.Suffix == "" {
					ref.Suffix = NewSuffix()
				}
				return Gone{ref, secret.InstantOf(now)}, nil
			}
			if err := mayDelete(ref, old); err != nil {
				return Gone{}, err
			}
			return Gone{ref, secret.InstantOf(now)}, c.erase(tx, ref.Space, old)
		}
		if _, err := live(tx); err != nil {
			return Gone{}, err
		}
		if err := mayDelete(ref, old); err != nil {
			return Gone{}, err
		}
		sec := old.Clone()
		sec.Deleted = secret.InstantOf(now)
		sec.Changed = sec.Deleted
		sec.PurgeAt = secret.InstantOf(now.Add(in.Window))
		return Gone{ref, sec.PurgeAt}, c.save(tx, ref.Space, old, sec)
	})
}

// RestoreSecret takes back a DeleteSecret. On a secret that is not marked it
// does nothing. It fails with NotFound.
func (c *Core) RestoreSecret(ctx context.Context, who Caller, ref secret.Ref) (secret.Ref, error) {
	return gate.Do(ctx, c.gate, who, secret.RestoreSecret, ref, func(tx *gate.Tx, ref secret.Ref) (secret.Ref, error) {
		old := tx.Subject()
		if old == nil {
			return ref, noSecret()
		}
		if !old.IsDeleted() {
			return ref, nil
		}
		sec := old.Clone()
		sec.Deleted, sec.PurgeAt = 0, 0
		sec.Changed = secret.InstantOf(tx.Now())
		return ref, c.save(tx, ref.Space, old, sec)
	})
}

// MaxTags is how many tags a secret may have.
const MaxTags = 50

// TagSecret adds tags, replacing those of the same keys. It fails with
// NotFound, Deleted or Limit.
func (c *Core) TagSecret(ctx context.Context, who Caller, ref secret.Ref, tags []secret.Tag) (secret.Ref, error) {
	who.Given = givenTags(tags)
	return c.retag(ctx, who, secret.TagSecret, ref, func(tx *gate.Tx, sec *secret.Secret) error {
		sec.SetTags(tags)
		if err := checkTags(sec); err != nil {
			return err
		}
		sec.Changed = secret.InstantOf(tx.Now())
		return nil
	})
}

// checkTags bounds a secret's tags, and wants their keys to differ in more than
// their case.
func checkTags(sec *secret.Secret) error {
	if len(sec.Tags) > MaxTags {
		return fault.New(fault.Limit, "The number of tags exceeds the limit of %d.", MaxTags)
	}
	if key, found := sec.AmbiguousTag(fold.Equal); found {
		return fault.New(fault.Invalid, "The tag key %s differs from another one only in its case, which policies do not tell apart.", key)
	}
	return nil
}

// UntagSecret removes tags; keys that are not there are no error. It fails
// with NotFound or Deleted.
func (c *Core) UntagSecret(ctx context.Context, who Caller, ref secret.Ref, keys []string) (secret.Ref, error) {
	who.Given = givenTagKeys(keys)
	return c.retag(ctx, who, secret.UntagSecret, ref, func(_ *gate.Tx, sec *secret.Secret) error {
		sec.RemoveTags(keys)
		return nil
	})
}

func (c *Core) retag(ctx context.Context, who Caller, v secret.Verb, ref secret.Ref, change func(*gate.Tx, *secret.Secret) error) (secret.Ref, error) {
	return gate.Do(ctx, c.gate, who, v, ref, func(tx *gate.Tx, ref secret.Ref) (secret.Ref, error) {
		old, err := live(tx)
		if err != nil {
			return ref, err
		}
		sec := old.Clone()
		if err := change(tx, sec); err != nil {
			return ref, err
		}
		return ref, c.save(tx, ref.Space, old, sec)
	})
}

// perPurge bounds one PurgeDeleted.
const perPurge = 100

// PurgeDeleted removes secrets whose recovery window is over, a bounded number
// at a time, and returns how many.
func (c *Core) PurgeDeleted(ctx context.Context, who Caller) (int, error) {
	return gate.Do(ctx, c.gate, who, secret.PurgeDeleted, secret.System(), func(tx *gate.Tx, _ secret.Ref) (int, error) {
		due, err := c.due(tx, secret.InstantOf(tx.Now()))
		if err != nil {
			return 0, err
		}
		for _, ref := range due {
			sec, err := c.load(tx, ref.Space, ref.Name)
			if err != nil {
				return 0, err
			}
			ref.Suffix = sec.Suffix
			tx.Item(auditItem(arn.Secret(ref)))
			if err := c.erase(tx, ref.Space, sec); err != nil {
				return 0, err
			}
		}
		return len(due), nil
	})
}
