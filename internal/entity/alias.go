package entity

import (
	"context"
	"slices"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// PutAlias gives an entity an alias, or changes one. It fails with Invalid.
func (s *Entities) PutAlias(ctx context.Context, who Caller, account, at string, in Alias, entity string) (*Entity, Alias, error) {
	type made struct {
		e *Entity
		a Alias
	}
	out, err := gate.Do(ctx, s.gate, who, secret.WriteSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (made, error) {
		old, at, err := s.aliased(tx, account, &in, &entity)
		if err != nil {
			return made{}, err
		}
		now := secret.InstantOf(tx.Now())
		e := old.clone()
		if at < 0 {
			in.ID, in.Created, in.Updated = newID(), now, now
			e.Aliases = append(e.Aliases, in)
		} else {
			a := &e.Aliases[at]
			if in.Mount != "" {
				a.Mount = in.Mount
			}
			if in.Name != "" {
				a.Name = in.Name
			}
			if in.Custom != nil {
				a.Custom = in.Custom
			}
			a.Updated, in = now, *a
		}
		if err := s.save(tx, account, old, e); err != nil {
			return made{}, err
		}
		return made{e, in}, s.directory.Changed(tx, account)
	})
	return out.e, out.a, err
}

// aliased finds the entity that an alias is, or is to be, one of, and its place
// there; less than zero for a new one.
func (s *Entities) aliased(tx *gate.Tx, account string, in *Alias, entity *string) (*Entity, int, error) {
	if in.ID != "" {
		id, err := pointer(tx, aliasIDPrefix+account+"/"+in.ID)
		if err != nil || id == "" {
			return nil, 0, orElse(err, fault.New(fault.Invalid, "invalid entity alias ID"))
		}
		e, err := s.byID(tx, account, id)
		if err != nil || e == nil {
			return nil, 0, orElse(err, notFound())
		}
		return e, slices.IndexFunc(e.Aliases, func(a Alias) bool { return a.ID == in.ID }), nil
	}
	table, err := s.mounts.Of(tx, account)
	if err != nil {
		return nil, 0, err
	}
	m := table.ByAccessor(in.Mount)
	switch {
	case in.Name == "":
		return nil, 0, fault.New(fault.Invalid, "missing alias name")
	case m == nil || !m.IsAuth():
		return nil, 0, fault.New(fault.Invalid, "invalid mount accessor %q", in.Mount)
	}
	there, err := s.byAlias(tx, account, in.Mount, in.Name)
	if err != nil {
		return nil, 0, err
	}
	if there != nil {
		if *entity != "" && *entity != there.ID {
			return nil, 0, fault.New(fault.Invalid, "alias is already tied to a different entity")
		}
		return there, slices.IndexFunc(there.Aliases, func(a Alias) bool { return a.Mount == in.Mount && a.Name == in.Name }), nil
	}
	e, err := s.byID(tx, account, *entity)
	if err != nil || e == nil {
		return nil, 0, orElse(err, fault.New(fault.Invalid, "invalid entity ID"))
	}
	return e, -1, nil
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// GetAlias shows an alias and its entity. It fails with NotFound.
func (s *Entities) GetAlias(ctx context.Context, who Caller, account, at, id string) (*Entity, Alias, error) {
	e, err := gate.Do(ctx, s.gate, who, secret.ReadSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (*Entity, error) {
		of, err := pointer(tx, aliasIDPrefix+account+"/"+id)
		if err != nil || of == "" {
			return nil, orElse(err, notFound())
		}
		e, err := s.byID(tx, account, of)
		if err == nil && e == nil {
			err = notFound()
		}
		return e, err
	})
	if err != nil {
		return nil, Alias{}, err
	}
	i := slices.IndexFunc(e.Aliases, func(a Alias) bool { return a.ID == id })
	return e, e.Aliases[max(i, 0)], nil
}

// ListAliases lists the IDs of aliases.
func (s *Entities) ListAliases(ctx context.Context, who Caller, account, at string) ([]string, error) {
	return s.list(ctx, who, account, at, aliasIDPrefix)
}

// DeleteAlias takes an alias from its entity.
func (s *Entities) DeleteAlias(ctx context.Context, who Caller, account, at, id string) error {
	_, err := gate.Do(ctx, s.gate, who, secret.DeleteSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		of, err := pointer(tx, aliasIDPrefix+account+"/"+id)
		if err != nil || of == "" {
			return struct{}{}, err
		}
		old, err := s.byID(tx, account, of)
		if err != nil || old == nil {
			return struct{}{}, err
		}
		e := old.clone()
		e.Aliases = slices.DeleteFunc(e.Aliases, func(a Alias) bool { return a.ID == id })
		if err := s.save(tx, account, old, e); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.directory.Changed(tx, account)
	})
	return err
}

// Lookup asks for an entity or a group by any of its names.
type Lookup struct {
	Key
	AliasID    string
	AliasMount string // accessor
	AliasName  string
}

// LookupEntity shows an entity. It fails with NotFound.
func (s *Entities) LookupEntity(ctx context.Context, who Caller, account, at string, in Lookup) (Shown, error) {
	return gate.Do(ctx, s.gate, who, secret.ReadSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (Shown, error) {
		e, err := s.find(tx, account, in.Key)
		if in.AliasID != "" {
			var id string
			if id, err = pointer(tx, aliasIDPrefix+account+"/"+in.AliasID); err == nil && id != "" {
				e, err = s.byID(tx, account, id)
			}
		} else if in.AliasName != "" {
			e, err = s.byAlias(tx, account, in.AliasMount, in.AliasName)
		}
		if err == nil && e == nil {
			err = notFound()
		}
		if err != nil {
			return Shown{}, err
		}
		return s.shown(tx, account, e)
	})
}
