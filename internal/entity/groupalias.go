package entity

import (
	"cmp"
	"context"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// PutGroupAlias ties an external group to the name that an auth method knows it
// by. An alias that in.ID names changes; members that in leaves empty stay. It
// fails with Invalid.
func (s *Entities) PutGroupAlias(ctx context.Context, who Caller, account, at, group string, in Alias) (*Group, error) {
	return gate.Do(ctx, s.gate, who, secret.WriteSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (*Group, error) {
		if in.ID != "" {
			there, err := s.groupByAlias(tx, account, in.ID)
			if err != nil || there == nil {
				return nil, orElse(err, fault.New(fault.Invalid, "invalid group alias ID"))
			}
			if group == "" {
				group = there.ID
			}
			if group != there.ID {
				return nil, fault.New(fault.Invalid, "an alias stays with its group: delete it, and make another")
			}
			in.Mount, in.Name = cmp.Or(in.Mount, there.Alias.Mount), cmp.Or(in.Name, there.Alias.Name)
		}
		old, err := s.group(tx, account, Key{ID: group})
		if err != nil {
			return nil, err
		}
		if err := s.mayAlias(tx, account, old, &in); err != nil {
			return nil, err
		}
		g := old.clone()
		now := secret.InstantOf(tx.Now())
		in.ID, in.Created, in.Updated = newID(), now, now
		if old.Alias != nil {
			in.ID, in.Created = old.Alias.ID, old.Alias.Created
		}
		g.Alias = &in
		return g, s.saveGroup(tx, account, old, g)
	})
}

func (s *Entities) mayAlias(tx *gate.Tx, account string, g *Group, in *Alias) error {
	table, err := s.mounts.Of(tx, account)
	if err != nil {
		return err
	}
	m := table.ByAccessor(in.Mount)
	switch {
	case g == nil:
		return fault.New(fault.Invalid, "invalid group ID given in 'canonical_id'")
	case !g.External:
		return fault.New(fault.Invalid, "alias can't be set on an internal group")
	case in.Name == "":
		return fault.New(fault.Invalid, "missing alias name")
	case m == nil || !m.IsAuth():
		return fault.New(fault.Invalid, "invalid mount accessor %q", in.Mount)
	}
	taken, err := pointer(tx, aliasKey(groupAliasPrefix, account, in.Mount, in.Name))
	if err == nil && taken != "" && taken != g.ID {
		err = fault.New(fault.Invalid, "alias is already tied to a different group")
	}
	return err
}

// groupByAlias is the group that an alias's ID belongs to, or nil.
func (s *Entities) groupByAlias(tx *gate.Tx, account, id string) (*Group, error) {
	of, err := pointer(tx, groupAliasIDPrefix+account+"/"+id)
	if err != nil || of == "" {
		return nil, err
	}
	return s.group(tx, account, Key{ID: of})
}

// GetGroupAlias shows the group that an alias belongs to. It fails with
// NotFound.
func (s *Entities) GetGroupAlias(ctx context.Context, who Caller, account, at, id string) (*Group, error) {
	return gate.Do(ctx, s.gate, who, secret.ReadSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (*Group, error) {
		g, err := s.groupByAlias(tx, account, id)
		if err == nil && g == nil {
			err = notFound()
		}
		return g, err
	})
}

// ListGroupAliases lists the IDs of the aliases of groups.
func (s *Entities) ListGroupAliases(ctx context.Context, who Caller, account, at string) ([]string, error) {
	return s.list(ctx, who, account, at, groupAliasIDPrefix)
}

// DeleteGroupAlias unties a group from its name; that there is no such alias is
// no error. Nobody is its member any more, for no login would end that.
func (s *Entities) DeleteGroupAlias(ctx context.Context, who Caller, account, at, id string) error {
	_, err := gate.Do(ctx, s.gate, who, secret.DeleteSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		old, err := s.groupByAlias(tx, account, id)
		if err != nil || old == nil {
			return struct{}{}, err
		}
		g := old.clone()
		g.Alias, g.Members = nil, nil
		return struct{}{}, s.saveGroup(tx, account, old, g)
	})
	return err
}
