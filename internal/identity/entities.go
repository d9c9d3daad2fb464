package identity

import (
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/policy/iam"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// The bounds of AWS, which clients rely on.
const (
	maxKeys       = 2  // access keys of a user
	maxAttached   = 10 // managed policies of an entity
	maxGroups     = 10 // of a user
	maxTags       = 50
	maxTrust      = 2048
	defaultMaxAge = 3600 // of a role's sessions, in seconds
)

var kindTitles = map[secret.Kind]string{secret.KindUser: "User", secret.KindGroup: "Group", secret.KindRole: "Role"}

// load finds the entity that the operation is about.
func (j *job) load() (*Entity, error) {
	e, err := j.entity(j.tx, j.account, j.kind, j.in.Name)
	if err == nil && e == nil {
		err = missing(j.kind, j.in.Name)
	}
	return e, err
}

// edit changes the entity that the operation is about.
func (j *job) edit(change func(*Entity) error) error {
	old, err := j.load()
	if err != nil {
		return err
	}
	e := old.clone()
	if err := change(e); err != nil {
		return err
	}
	j.out.Entity = e
	return saveEntity(j.tx, j.account, e)
}

func (j *job) createEntity() error {
	there, err := j.entity(j.tx, j.account, j.kind, j.in.Name)
	if err != nil {
		return err
	}
	if there != nil {
		return fault.New(fault.Exists, "%s with name %s already exists.", kindTitles[j.kind], j.in.Name)
	}
	if v := map[secret.Kind]secret.Verb{secret.KindUser: secret.TagUser, secret.KindRole: secret.TagRole}[j.kind]; v != 0 {
		if err := j.mayTag(v); err != nil {
			return err
		}
	}
	e := &Entity{
		Kind: j.kind, Name: j.in.Name, Path: j.in.Path, ID: newID(idPrefixes[j.kind]),
		Created: secret.InstantOf(j.tx.Now()), MaxSession: j.in.MaxSession,
	}
	if j.in.Description != nil {
		e.Description = *j.in.Description
	}
	if err := addTags(&e.Tags, j.in.Tags); err != nil {
		return err
	}
	if j.in.Boundary != "" {
		if err := j.setBoundary(e, j.in.Boundary); err != nil {
			return err
		}
	}
	if j.kind == secret.KindRole {
		if e.MaxSession == 0 {
			e.MaxSession = defaultMaxAge
		}
		if err := j.setTrust(e, j.in.Document); err != nil {
			return err
		}
	}
	j.out.Entity = e
	return saveEntity(j.tx, j.account, e)
}

// setTrust checks a trust policy, and notes whom its principals name now.
func (j *job) setTrust(e *Entity, text string) error {
	doc, err := parse(text, iam.TrustPolicy, maxTrust)
	if err != nil {
		return err
	}
	names, err := j.NameAll(j.tx, doc)
	if err != nil {
		return err
	}
	e.Trust, e.TrustNames = text, names
	return nil
}

func (j *job) getEntity() (err error) {
	j.out.Entity, err = j.load()
	return err
}

// noLoginProfile answers for passwords of a console, which there is none of.
func (j *job) noLoginProfile() error {
	if _, err := j.load(); err != nil {
		return err
	}
	return fault.New(fault.NotFound, "Login Profile for User %s cannot be found.", j.in.Name)
}

// listOf lists the entities of a kind.
func listOf(k secret.Kind) func(*job) error {
	return func(j *job) error {
		return j.each(j.tx, j.account, k, func(e *Entity) (bool, error) {
			if fold.Lower(e.Name) <= fold.Lower(j.in.After) || !strings.HasPrefix(e.Path, j.in.PathPrefix) {
				return true, nil
			}
			if len(j.out.Entities) == j.in.Max {
				j.out.Next = j.out.Entities[j.in.Max-1].Name
				return false, nil
			}
			j.out.Entities = append(j.out.Entities, e)
			return true, nil
		})
	}
}

// rename gives a user another name or path. Its unique ID stays, and with it
// what policies that name it grant.
func (j *job) rename() error {
	old, err := j.load()
	if err != nil {
		return err
	}
	e := old.clone()
	if j.in.NewPath != "" {
		e.Path = j.in.NewPath
	}
	if j.in.NewName != "" && !fold.Equal(j.in.NewName, e.Name) {
		there, err := j.entity(j.tx, j.account, j.kind, j.in.NewName)
		if err != nil {
			return err
		}
		if there != nil {
			return fault.New(fault.Exists, "%s with name %s already exists.", kindTitles[j.kind], j.in.NewName)
		}
		if err := remove(j.tx, j.account, j.kind, e.Name); err != nil {
			return err
		}
	}
	if j.in.NewName != "" {
		e.Name = j.in.NewName
	}
	ref := secret.Ref{Space: secret.Space{Account: j.account}, Kind: j.kind, Name: e.Path + e.Name}
	if err := j.tx.Must(secret.UpdateUser, gate.Found{Ref: ref, Tags: e.Tags, Boundary: e.Boundary}); err != nil {
		return err // who it comes to be is asked as who it was
	}
	if err := j.renameKeys(e); err != nil {
		return err
	}
	return saveEntity(j.tx, j.account, e)
}

func (j *job) deleteEntity() error {
	e, err := j.load()
	if err != nil {
		return err
	}
	switch {
	case len(e.Attached) > 0:
		return conflict("Cannot delete entity, must detach all policies first.")
	case len(e.Inline) > 0:
		return conflict("Cannot delete entity, must delete policies first.")
	case len(e.Keys) > 0:
		return conflict("Cannot delete entity, must delete access keys first.")
	case len(e.Groups) > 0:
		return conflict("Cannot delete entity, must remove users from group first.")
	}
	if j.kind == secret.KindGroup {
		members, err := j.members(e.Name)
		if err != nil {
			return err
		}
		if len(members) > 0 {
			return conflict("Cannot delete entity, must remove users from group first.")
		}
	}
	return remove(j.tx, j.account, j.kind, e.Name)
}

func (j *job) updateRole() error {
	return j.edit(func(e *Entity) error {
		if j.in.Description != nil {
			e.Description = *j.in.Description
		}
		if j.in.MaxSession != 0 {
			e.MaxSession = j.in.MaxSession
		}
		return nil
	})
}

func (j *job) updateTrust() error {
	return j.edit(func(e *Entity) error { return j.setTrust(e, j.in.Document) })
}

func (j *job) tag() error {
	return j.edit(func(e *Entity) error { return addTags(&e.Tags, j.in.Tags) })
}
func (j *job) untag() error {
	return j.edit(func(e *Entity) error { removeTags(&e.Tags, j.in.TagKeys); return nil })
}

func (j *job) listTags() error {
	e, err := j.load()
	if err == nil {
		j.out.Tags = e.Tags
	}
	return err
}

// addTags sets tags. The case of their keys does not count.
func addTags(to *[]secret.Tag, tags []secret.Tag) error {
	for i, t := range tags {
		if slices.ContainsFunc(tags[:i], func(u secret.Tag) bool { return fold.Equal(u.Key, t.Key) }) {
			return fault.Wrap(fault.Invalid, ErrInput, "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		at := slices.IndexFunc(*to, func(u secret.Tag) bool { return fold.Equal(u.Key, t.Key) })
		if at < 0 {
			*to = append(*to, t)
		} else {
			(*to)[at] = t
		}
	}
	if len(*to) > maxTags {
		return limit("TagsPerResource", maxTags)
	}
	return nil
}

func removeTags(from *[]secret.Tag, keys []string) {
	*from = slices.DeleteFunc(*from, func(t secret.Tag) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return fold.Equal(k, t.Key) })
	})
}
