// Package entity knows the entities and groups of Vault's identity store: who
// logs in by several ways is one entity, and what it may do follows it.
//
// It reaches data only through the gate, and must not know the wire.
package entity

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/mount"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/stored"
	"github.com/strongroom-dev/strongroom/internal/token"
)

// Caller is who asks.
type Caller = gate.Caller

// Entity is somebody. One that is shown is shared: not to be changed.
type Entity struct {
	ID       string            `cbor:"1,keyasint"`
	Name     string            `cbor:"2,keyasint"`
	Policies []string          `cbor:"3,keyasint,omitempty"`
	Metadata map[string]string `cbor:"4,keyasint,omitempty"`
	Disabled bool              `cbor:"5,keyasint,omitempty"`
	Aliases  []Alias           `cbor:"6,keyasint,omitempty"`
	Created  secret.Instant    `cbor:"7,keyasint"`
	Updated  secret.Instant    `cbor:"8,keyasint"`
	Merged   []string          `cbor:"9,keyasint,omitempty"` // IDs of those that became part of it
}

// Alias is a way in which an entity logs in: its name at an auth method.
type Alias struct {
	ID       string            `cbor:"1,keyasint"`
	Mount    string            `cbor:"2,keyasint"` // accessor
	Name     string            `cbor:"3,keyasint"`
	Metadata map[string]string `cbor:"4,keyasint,omitempty"` // that the auth method knows
	Custom   map[string]string `cbor:"5,keyasint,omitempty"`
	Created  secret.Instant    `cbor:"6,keyasint"`
	Updated  secret.Instant    `cbor:"7,keyasint"`
}

// Entities does the operations. It is safe for concurrent use.
type Entities struct {
	gate      *gate.Gate
	directory *identity.Directory
	mounts    *mount.Mounts
	entities  *gate.Cache[*Entity]
	groups    *gate.Cache[*Group]
}

// New makes Entities. Use gives it the gate before anything else is called.
func New(d *identity.Directory, m *mount.Mounts) *Entities {
	return &Entities{directory: d, mounts: m, entities: gate.NewCache(stored.Decode[Entity]), groups: gate.NewCache(stored.Decode[Group])}
}

// Use gives it the gate.
func (s *Entities) Use(g *gate.Gate) { s.gate = g }

// The keys of the store.
//
//	entity/ACCOUNT/ID                    an Entity
//	entity-name/ACCOUNT/NAME             its ID; the name in lower case
//	entity-alias/ACCOUNT/ACCESSOR/NAME   the ID of the entity of an alias
//	entity-alias-id/ACCOUNT/ID           and that by the alias's own ID
//	group/ACCOUNT/ID                     a Group
//	group-name/ACCOUNT/NAME              its ID
//	group-alias/ACCOUNT/ACCESSOR/NAME    the ID of an external group
//	group-member/ACCOUNT/MEMBER/ID       index: the groups of an entity or a group
const (
	entityPrefix       = "entity/"
	entityNamePrefix   = "entity-name/"
	entityAliasPrefix  = "entity-alias/"
	aliasIDPrefix      = "entity-alias-id/"
	groupPrefix        = "group/"
	groupNamePrefix    = "group-name/"
	groupAliasPrefix   = "group-alias/"
	groupAliasIDPrefix = "group-alias-id/"
	memberPrefix       = "group-member/"
)

func aliasKey(prefix, account, accessor, name string) string {
	return prefix + account + "/" + accessor + "/" + name
}

func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// pointer reads an entry that holds an ID; empty if there is none.
func pointer(tx *gate.Tx, key string) (string, error) {
	sealed, err := tx.Get(key)
	if err != nil || sealed == nil {
		return "", err
	}
	opened, err := tx.Open(key, sealed)
	return string(opened.Open()), err
}

func (s *Entities) byID(tx *gate.Tx, account, id string) (*Entity, error) {
	e, _, err := s.entities.Load(tx, entityPrefix+account+"/"+id)
	return e, err
}

func (s *Entities) byName(tx *gate.Tx, account, name string) (*Entity, error) {
	id, err := pointer(tx, entityNamePrefix+account+"/"+fold.Lower(name))
	if err != nil || id == "" {
		return nil, err
	}
	return s.byID(tx, account, id)
}

func (s *Entities) byAlias(tx *gate.Tx, account, accessor, name string) (*Entity, error) {
	id, err := pointer(tx, aliasKey(entityAliasPrefix, account, accessor, name))
	if err != nil || id == "" {
		return nil, err
	}
	return s.byID(tx, account, id)
}

// save writes an entity, and the pointers to it. old is what it replaces, nil
// for none.
func (s *Entities) save(tx *gate.Tx, account string, old, e *Entity) error {
	e.Updated = secret.InstantOf(tx.Now())
	text, err := stored.Encode(e)
	if err != nil {
		return err
	}
	if err := tx.Put(entityPrefix+account+"/"+e.ID, text); err != nil {
		return err
	}
	pointers := func(e *Entity) map[string]bool {
		all := map[string]bool{entityNamePrefix + account + "/" + fold.Lower(e.Name): true}
		for _, a := range e.Aliases {
			all[aliasKey(entityAliasPrefix, account, a.Mount, a.Name)], all[aliasIDPrefix+account+"/"+a.ID] = true, true
		}
		return all
	}
	now := pointers(e)
	if old != nil {
		before := pointers(old)
		for k := range before {
			if !now[k] {
				if err := tx.Delete(k); err != nil {
					return err
				}
			}
		}
		maps.DeleteFunc(now, func(k string, _ bool) bool { return before[k] })
	}
	for k := range now {
		if err := tx.Put(k, []byte(e.ID)); err != nil {
			return err
		}
	}
	return nil
}

// Ensure finds the entity of whoever logs in by a name at an auth method, and
// makes it if there is none. It fails with Denied if it is disabled.
func (s *Entities) Ensure(tx *gate.Tx, account, accessor, name string, metadata map[string]string) (string, error) {
	e, err := s.byAlias(tx, account, accessor, name)
	if err != nil {
		return "", err
	}
	now := secret.InstantOf(tx.Now())
	if e != nil {
		if e.Disabled {
			return "", fault.New(fault.Denied, "the entity is disabled")
		}
		i := slices.IndexFunc(e.Aliases, func(a Alias) bool { return a.Mount == accessor && a.Name == name })
		if maps.Equal(e.Aliases[i].Metadata, metadata) {
			return e.ID, nil
		}
		c := e.clone()
		c.Aliases[i].Metadata, c.Aliases[i].Updated = metadata, now
		if err := s.save(tx, account, e, c); err != nil {
			return "", err
		}
		return e.ID, s.directory.Changed(tx, account) // templates may ask for it
	}
	id := newID()
	e = &Entity{
		ID: id, Name: "entity_" + id[:8], Created: now,
		Aliases: []Alias{{ID: newID(), Mount: accessor, Name: name, Metadata: metadata, Created: now, Updated: now}},
	}
	return id, s.save(tx, account, nil, e)
}

func (e *Entity) clone() *Entity {
	c := *e
	c.Policies, c.Aliases, c.Merged = slices.Clone(e.Policies), slices.Clone(e.Aliases), slices.Clone(e.Merged)
	c.Metadata = maps.Clone(e.Metadata)
	return &c
}

// Persona implements token.Entities.
func (s *Entities) Persona(tx *gate.Tx, account, id string) (token.Persona, bool, error) {
	e, err := s.byID(tx, account, id)
	if err != nil || e == nil {
		return token.Persona{}, false, err
	}
	groups, err := s.groupsOf(tx, account, id)
	if err != nil {
		return token.Persona{}, false, err
	}
	p := token.Persona{Name: e.Name, Disabled: e.Disabled, Policies: slices.Clone(e.Policies), Facts: &facts{e, groups}}
	for _, g := range groups {
		p.Policies = append(p.Policies, g.Policies...)
	}
	p.Policies = token.Policies(p.Policies, false)
	return p, true, nil
}

// facts fill in templates. It implements hcl.Identity.
type facts struct {
	entity *Entity
	groups []*Group
}

// Lookup implements hcl.Identity.
func (f *facts) Lookup(name string) (string, bool) {
	if rest, ok := strings.CutPrefix(name, "identity.entity."); ok {
		return f.ofEntity(rest)
	}
	rest, ok := strings.CutPrefix(name, "identity.groups.")
	by, rest, found := strings.Cut(rest, ".")
	if !ok || !found {
		return "", false
	}
	for _, g := range f.groups {
		key := g.Name
		if by == "ids" {
			key = g.ID
		}
		member, ok := strings.CutPrefix(rest, key+".")
		if !ok {
			continue
		}
		switch member {
		case "id":
			return g.ID, true
		case "name":
			return g.Name, true
		}
		if k, ok := strings.CutPrefix(member, "metadata."); ok {
			v, ok := g.Metadata[k]
			return v, ok
		}
	}
	return "", false
}

func (f *facts) ofEntity(name string) (string, bool) {
	switch name {
	case "id":
		return f.entity.ID, true
	case "name":
		return f.entity.Name, true
	}
	if k, ok := strings.CutPrefix(name, "metadata."); ok {
		v, ok := f.entity.Metadata[k]
		return v, ok
	}
	rest, ok := strings.CutPrefix(name, "aliases.")
	accessor, member, found := strings.Cut(rest, ".")
	if !ok || !found {
		return "", false
	}
	for _, a := range f.entity.Aliases {
		if a.Mount != accessor {
			continue
		}
		switch member {
		case "id":
			return a.ID, true
		case "name":
			return a.Name, true
		}
		if k, ok := strings.CutPrefix(member, "metadata."); ok {
			v, ok := a.Metadata[k]
			return v, ok
		}
		if k, ok := strings.CutPrefix(member, "custom_metadata."); ok {
			v, ok := a.Custom[k]
			return v, ok
		}
	}
	return "", false
}

// Key says which entity or group is meant: that of the ID or of the name.
type Key struct{ ID, Name string }

func (s *Entities) find(tx *gate.Tx, account string, k Key) (*Entity, error) {
	if k.ID != "" {
		return s.byID(tx, account, k.ID)
	}
	if k.Name != "" {
		return s.byName(tx, account, k.Name)
	}
	return nil, nil
}

func setting(account, at string) secret.Ref { return mount.Setting(account, at) }

// Put writes an entity: change gets a copy of the one that is meant, or a new
// one if there is none. It fails with Invalid.
func (s *Entities) Put(ctx context.Context, who Caller, account, at string, k Key, change func(*Entity)) (*Entity, error) {
	return gate.Do(ctx, s.gate, who, secret.WriteSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (*Entity, error) {
		old, err := s.find(tx, account, k)
		if err != nil {
			return nil, err
		}
		if err := tx.MustWrite(old != nil); err != nil {
			return nil, err
		}
		e := &Entity{ID: newID(), Name: k.Name, Created: secret.InstantOf(tx.Now())}
		if old != nil {
			e = old.clone()
		} else if k.ID != "" {
			return nil, fault.New(fault.Invalid, "entity not found from id")
		}
		change(e)
		if e.Name == "" {
			e.Name = "entity_" + e.ID[:8]
		}
		e.Policies = token.Policies(e.Policies, false)
		if slices.Contains(e.Policies, identity.RootPolicy) {
			return nil, fault.New(fault.Invalid, "policies cannot contain root")
		}
		other, err := s.byName(tx, account, e.Name)
		if err != nil {
			return nil, err
		}
		if other != nil && other.ID != e.ID {
			return nil, fault.New(fault.Invalid, "entity name is already in use")
		}
		if err := s.save(tx, account, old, e); err != nil {
			return nil, err
		}
		return e, s.directory.Changed(tx, account)
	})
}

// Shown is an entity with its groups.
type Shown struct {
	*Entity
	Direct    []string // IDs of groups that it is in
	Inherited []string // and of those that these are in
}

// Get shows an entity. It fails with NotFound.
func (s *Entities) Get(ctx context.Context, who Caller, account, at string, k Key) (Shown, error) {
	return gate.Do(ctx, s.gate, who, secret.ReadSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (Shown, error) {
		e, err := s.find(tx, account, k)
		if err == nil && e == nil {
			err = notFound()
		}
		if err != nil {
			return Shown{}, err
		}
		return s.shown(tx, account, e)
	})
}

func notFound() error { return fault.New(fault.NotFound, "there is none") }

func (s *Entities) shown(tx *gate.Tx, account string, e *Entity) (Shown, error) {
	out := Shown{Entity: e}
	direct, err := names(tx, memberPrefix+account+"/"+e.ID+"/")
	if err != nil {
		return out, err
	}
	all, err := s.groupsOf(tx, account, e.ID)
	if err != nil {
		return out, err
	}
	out.Direct = direct
	for _, g := range all {
		if !slices.Contains(direct, g.ID) {
			out.Inherited = append(out.Inherited, g.ID)
		}
	}
	return out, nil
}

// names lists what follows a prefix in keys.
func names(tx *gate.Tx, prefix string) (all []string, err error) {
	for e, err := range tx.Scan(store.Prefix(prefix)) {
		if err != nil {
			return nil, err
		}
		all = append(all, e.Key[len(prefix):])
	}
	return all, nil
}

// ListEntities lists the IDs of entities, or their names in lower case.
func (s *Entities) ListEntities(ctx context.Context, who Caller, account, at string, byName bool) ([]string, error) {
	return s.list(ctx, who, account, at, map[bool]string{false: entityPrefix, true: entityNamePrefix}[byName])
}

func (s *Entities) list(ctx context.Context, who Caller, account, at, prefix string) ([]string, error) {
	return gate.Do(ctx, s.gate, who, secret.ListSettings, setting(account, at), func(tx *gate.Tx, _ secret.Ref) ([]string, error) {
		return names(tx, prefix+account+"/")
	})
}

// Delete removes entities; their tokens stop working at once. That there is
// none is no error.
func (s *Entities) Delete(ctx context.Context, who Caller, account, at string, which []Key) error {
	_, err := gate.Do(ctx, s.gate, who, secret.DeleteSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		for _, k := range which {
			e, err := s.find(tx, account, k)
			if err != nil {
				return struct{}{}, err
			}
			if e == nil {
				continue
			}
			if err := s.remove(tx, account, e); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, s.directory.Changed(tx, account)
	})
	return err
}

func (s *Entities) remove(tx *gate.Tx, account string, e *Entity) error {
	keys := []string{entityPrefix + account + "/" + e.ID, entityNamePrefix + account + "/" + fold.Lower(e.Name)}
	for _, a := range e.Aliases {
		keys = append(keys, aliasKey(entityAliasPrefix, account, a.Mount, a.Name), aliasIDPrefix+account+"/"+a.ID)
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	return s.leaveGroups(tx, account, e.ID)
}

// Merge makes entities part of another one, with their aliases and their places
// in groups; what they were allowed by their own policies is not taken over. It
// fails with Invalid.
func (s *Entities) Merge(ctx context.Context, who Caller, account, at, to string, from []string) error {
	_, err := gate.Do(ctx, s.gate, who, secret.WriteSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		old, err := s.byID(tx, account, to)
		if err != nil || old == nil {
			return struct{}{}, orElse(err, fault.New(fault.Invalid, "entity id to merge to is invalid"))
		}
		e := old.clone()
		for _, id := range from {
			other, err := s.byID(tx, account, id)
			if err != nil {
				return struct{}{}, err
			}
			if other == nil || id == to {
				return struct{}{}, fault.New(fault.Invalid, "entity id %q to merge from is invalid", id)
			}
			for _, a := range other.Aliases {
				if slices.ContainsFunc(e.Aliases, func(b Alias) bool { return b.Mount == a.Mount }) {
					return struct{}{}, fault.New(fault.Invalid, "both entities have an alias at %s: delete one first", a.Mount)
				}
				e.Aliases = append(e.Aliases, a)
			}
			e.Merged = append(append(e.Merged, id), other.Merged...)
			if err := s.takeGroups(tx, account, id, to); err != nil {
				return struct{}{}, err
			}
			if err := s.remove(tx, account, other); err != nil {
				return struct{}{}, err
			}
		}
		if err := s.save(tx, account, old, e); err != nil {
			return struct{}{}, err
		}
		for _, a := range e.Aliases { // those that were the others' point here now
			for _, k := range []string{aliasKey(entityAliasPrefix, account, a.Mount, a.Name), aliasIDPrefix + account + "/" + a.ID} {
				if err := tx.Put(k, []byte(e.ID)); err != nil {
					return struct{}{}, err
				}
			}
		}
		return struct{}{}, s.directory.Changed(tx, account)
	})
	return err
}
