package entity

import (
	"context"
	"maps"
	"slices"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/stored"
	"github.com/strongroom-dev/strongroom/internal/token"
)

// Group is entities, and other groups, that something holds for. Of an external
// one an auth method says at each login who is in it.
type Group struct {
	ID       string            `cbor:"1,keyasint"`
	Name     string            `cbor:"2,keyasint"`
	External bool              `cbor:"3,keyasint,omitempty"`
	Policies []string          `cbor:"4,keyasint,omitempty"`
	Metadata map[string]string `cbor:"5,keyasint,omitempty"`
	Members  []string          `cbor:"6,keyasint,omitempty"` // IDs of entities
	Groups   []string          `cbor:"7,keyasint,omitempty"` // and of groups
	Alias    *Alias            `cbor:"8,keyasint,omitempty"` // of an external one
	Created  secret.Instant    `cbor:"9,keyasint"`
	Updated  secret.Instant    `cbor:"10,keyasint"`
	Writes   int64             `cbor:"11,keyasint,omitempty"`
}

func (g *Group) clone() *Group {
	c := *g
	c.Policies, c.Members, c.Groups = slices.Clone(g.Policies), slices.Clone(g.Members), slices.Clone(g.Groups)
	c.Metadata = maps.Clone(g.Metadata)
	if g.Alias != nil {
		a := *g.Alias
		c.Alias = &a
	}
	return &c
}

func (s *Entities) group(tx *gate.Tx, account string, k Key) (*Group, error) {
	id := k.ID
	if id == "" && k.Name != "" {
		var err error
		if id, err = pointer(tx, groupNamePrefix+account+"/"+fold.Lower(k.Name)); err != nil {
			return nil, err
		}
	}
	if id == "" {
		return nil, nil
	}
	g, _, err := s.groups.Load(tx, groupPrefix+account+"/"+id)
	return g, err
}

// maxGroups bounds the groups that somebody is in, directly or not.
const maxGroups = 1000

// groupsOf are the groups that an entity is in, directly or not.
func (s *Entities) groupsOf(tx *gate.Tx, account, id string) ([]*Group, error) {
	var all []*Group
	seen := map[string]bool{}
	for todo := []string{id}; len(todo) > 0; todo = todo[1:] {
		in, err := names(tx, memberPrefix+account+"/"+todo[0]+"/")
		if err != nil {
			return nil, err
		}
		for _, gid := range in {
			if seen[gid] {
				continue
			}
			seen[gid] = true
			g, err := s.group(tx, account, Key{ID: gid})
			if err != nil {
				return nil, err
			}
			if g == nil {
				continue
			}
			if all = append(all, g); len(all) > maxGroups {
				return nil, fault.New(fault.Limit, "somebody is in more than %d groups", maxGroups)
			}
			todo = append(todo, gid)
		}
	}
	return all, nil
}

func (s *Entities) saveGroup(tx *gate.Tx, account string, old, g *Group) error {
	g.Updated, g.Writes = secret.InstantOf(tx.Now()), g.Writes+1
	text, err := stored.Encode(g)
	if err != nil {
		return err
	}
	if err := tx.Put(groupPrefix+account+"/"+g.ID, text); err != nil {
		return err
	}
	before := map[string]bool{}
	if old != nil {
		before = s.groupPointers(account, old)
	}
	now := s.groupPointers(account, g)
	for k := range before {
		if !now[k] {
			if err := tx.Delete(k); err != nil {
				return err
			}
		}
	}
	for k := range now {
		if !before[k] {
			if err := tx.Put(k, []byte(g.ID)); err != nil {
				return err
			}
		}
	}
	return s.directory.Changed(tx, account)
}

func (s *Entities) groupPointers(account string, g *Group) map[string]bool {
	all := map[string]bool{groupNamePrefix + account + "/" + fold.Lower(g.Name): true}
	for _, id := range append(slices.Clone(g.Members), g.Groups...) {
		all[memberPrefix+account+"/"+id+"/"+g.ID] = true
	}
	if g.Alias != nil {
		all[aliasKey(groupAliasPrefix, account, g.Alias.Mount, g.Alias.Name)] = true
		all[groupAliasIDPrefix+account+"/"+g.Alias.ID] = true
	}
	return all
}

// PutGroup writes a group: change gets a copy of the one that is meant, or a
// new one if there is none. It fails with Invalid.
func (s *Entities) PutGroup(ctx context.Context, who Caller, account, at string, k Key, change func(*Group)) (*Group, error) {
	return gate.Do(ctx, s.gate, who, secret.WriteSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (*Group, error) {
		old, err := s.group(tx, account, k)
		if err != nil {
			return nil, err
		}
		if err := tx.MustWrite(old != nil); err != nil {
			return nil, err
		}
		g := &Group{ID: newID(), Name: k.Name, Created: secret.InstantOf(tx.Now())}
		if old != nil {
			g = old.clone()
		} else if k.ID != "" {
			return nil, fault.New(fault.Invalid, "group not found from id")
		}
		external := g.External
		change(g)
		if g.Name == "" {
			g.Name = "group_" + g.ID[:8]
		}
		if old != nil && g.External != external {
			return nil, fault.New(fault.Invalid, "group type cannot be changed")
		}
		g.Policies = token.Policies(g.Policies, false)
		return g, s.checkAndSave(tx, account, old, g)
	})
}

func (s *Entities) checkAndSave(tx *gate.Tx, account string, old, g *Group) error {
	if slices.Contains(g.Policies, identity.RootPolicy) {
		return fault.New(fault.Invalid, "policies cannot contain root")
	}
	if g.External && old == nil && len(g.Members) > 0 {
		return fault.New(fault.Invalid, "member entities can't be set manually for external groups")
	}
	other, err := s.group(tx, account, Key{Name: g.Name})
	if err != nil {
		return err
	}
	if other != nil && other.ID != g.ID {
		return fault.New(fault.Invalid, "group name is already in use")
	}
	for _, id := range g.Members {
		if e, err := s.byID(tx, account, id); err != nil || e == nil {
			return orElse(err, fault.New(fault.Invalid, "invalid entity ID %q", id))
		}
	}
	above, err := s.groupsOf(tx, account, g.ID)
	if err != nil {
		return err
	}
	for _, id := range g.Groups {
		member, err := s.group(tx, account, Key{ID: id})
		if err != nil || member == nil {
			return orElse(err, fault.New(fault.Invalid, "invalid group ID %q", id))
		}
		if id == g.ID || slices.ContainsFunc(above, func(a *Group) bool { return a.ID == id }) {
			return fault.New(fault.Invalid, "cyclic relationship detected for member group ID %q", id)
		}
	}
	return s.saveGroup(tx, account, old, g)
}

// ShownGroup is a group with those that it is in.
type ShownGroup struct {
	*Group
	Parents []string
}

// GetEntityGroup shows a group. It fails with NotFound.
func (s *Entities) GetEntityGroup(ctx context.Context, who Caller, account, at string, in Lookup) (ShownGroup, error) {
	return gate.Do(ctx, s.gate, who, secret.ReadSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (ShownGroup, error) {
		if in.AliasName != "" {
			var err error
			if in.ID, err = pointer(tx, aliasKey(groupAliasPrefix, account, in.AliasMount, in.AliasName)); err != nil {
				return ShownGroup{}, err
			}
		}
		g, err := s.group(tx, account, in.Key)
		if err == nil && g == nil {
			err = notFound()
		}
		if err != nil {
			return ShownGroup{}, err
		}
		parents, err := names(tx, memberPrefix+account+"/"+g.ID+"/")
		return ShownGroup{g, parents}, err
	})
}

// ListEntityGroups lists the IDs of groups, or their names in lower case.
func (s *Entities) ListEntityGroups(ctx context.Context, who Caller, account, at string, byName bool) ([]string, error) {
	return s.list(ctx, who, account, at, map[bool]string{false: groupPrefix, true: groupNamePrefix}[byName])
}

// DeleteEntityGroup removes a group; that there is none is no error.
func (s *Entities) DeleteEntityGroup(ctx context.Context, who Caller, account, at string, k Key) error {
	_, err := gate.Do(ctx, s.gate, who, secret.DeleteSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		g, err := s.group(tx, account, k)
		if err != nil || g == nil {
			return struct{}{}, err
		}
		if err := s.leaveGroups(tx, account, g.ID); err != nil {
			return struct{}{}, err
		}
		for k := range s.groupPointers(account, g) {
			if err := tx.Delete(k); err != nil {
				return struct{}{}, err
			}
		}
		if err := tx.Delete(groupPrefix + account + "/" + g.ID); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.directory.Changed(tx, account)
	})
	return err
}

// leaveGroups takes an entity or a group out of all groups.
func (s *Entities) leaveGroups(tx *gate.Tx, account, id string) error {
	return s.regroup(tx, account, id, func(g *Group) {
		g.Members = slices.DeleteFunc(g.Members, func(x string) bool { return x == id })
		g.Groups = slices.DeleteFunc(g.Groups, func(x string) bool { return x == id })
	})
}

// takeGroups puts an entity into all groups of another one.
func (s *Entities) takeGroups(tx *gate.Tx, account, from, to string) error {
	return s.regroup(tx, account, from, func(g *Group) {
		if !slices.Contains(g.Members, to) {
			g.Members = append(g.Members, to)
		}
	})
}

func (s *Entities) regroup(tx *gate.Tx, account, id string, change func(*Group)) error {
	in, err := names(tx, memberPrefix+account+"/"+id+"/")
	if err != nil {
		return err
	}
	for _, gid := range in {
		old, err := s.group(tx, account, Key{ID: gid})
		if err != nil {
			return err
		}
		if old == nil {
			continue
		}
		g := old.clone()
		change(g)
		if err := s.saveGroup(tx, account, old, g); err != nil {
			return err
		}
	}
	return nil
}

// JoinExternal makes an entity, at a login, a member of the external groups
// that the auth method names, and of no other of that method's.
func (s *Entities) JoinExternal(tx *gate.Tx, account, accessor, entity string, groups []string) error {
	wanted := map[string]bool{}
	for _, name := range groups {
		id, err := pointer(tx, aliasKey(groupAliasPrefix, account, accessor, name))
		if err != nil {
			return err
		}
		if id != "" {
			wanted[id] = true
		}
	}
	in, err := names(tx, memberPrefix+account+"/"+entity+"/")
	if err != nil {
		return err
	}
	for _, id := range in {
		wanted[id] = wanted[id] // those that it is in are looked at too
	}
	for id, belongs := range wanted {
		old, err := s.group(tx, account, Key{ID: id})
		if err != nil {
			return err
		}
		if old == nil || !old.External || old.Alias == nil || old.Alias.Mount != accessor || slices.Contains(old.Members, entity) == belongs {
			continue
		}
		g := old.clone()
		g.Members = slices.DeleteFunc(g.Members, func(x string) bool { return x == entity })
		if belongs {
			g.Members = append(g.Members, entity)
		}
		if err := s.saveGroup(tx, account, old, g); err != nil {
			return err
		}
	}
	return nil
}
