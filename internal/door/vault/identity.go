package vault

import (
	"strings"

	"github.com/strongroom-dev/strongroom/internal/entity"
	"github.com/strongroom-dev/strongroom/internal/fault"
)

// identities are the paths of entities and groups.
// (https://developer.hashicorp.com/vault/api-docs/secret/identity)
func identities() []route {
	all := []route{
		{path: "entity", write: writeEntity, creates: true},
		{path: "entity/id", list: listEntities(false)},
		{path: "entity/name", list: listEntities(true)},
		{path: "entity/id/{id}", read: readEntity, write: writeEntity, remove: deleteEntity, creates: true},
		{path: "entity/name/{name}", read: readEntity, write: writeEntity, remove: deleteEntity, creates: true},
		{path: "entity/batch-delete", write: deleteEntities},
		{path: "entity/merge", write: mergeEntities, differs: "policies and metadata of the merged ones are not taken over, and their tokens end"},
		{path: "group", write: writeGroup, creates: true},
		{path: "group/id", list: listGroups(false)},
		{path: "group/name", list: listGroups(true)},
		{path: "group/id/{id}", read: readGroup, write: writeGroup, remove: deleteGroup, creates: true},
		{path: "group/name/{name}", read: readGroup, write: writeGroup, remove: deleteGroup, creates: true},
		{path: "group-alias", write: writeGroupAlias},
		{path: "group-alias/id", list: listGroupAliases},
		{path: "group-alias/id/{id}", read: readGroupAlias, write: writeGroupAlias, remove: deleteGroupAlias},
		{path: "lookup/entity", write: lookupEntity},
		{path: "lookup/group", write: lookupGroup},
	}
	for _, name := range []string{"entity-alias", "alias", "persona"} { // the latter two are its older names
		all = append(all,
			route{path: name, write: writeAlias},
			route{path: name + "/id", list: listAliases},
			route{path: name + "/id/{id}", read: readAlias, write: writeAlias, remove: deleteAlias})
	}
	return all
}

// key is the entity or group that the path or the parameters mean.
func (q *request) key() entity.Key {
	switch {
	case strings.Contains(q.rest, "/id/"):
		return entity.Key{ID: q.vars[0]}
	case strings.Contains(q.rest, "/name/"):
		return entity.Key{Name: q.vars[0]}
	}
	k := entity.Key{ID: q.fields.text("id")}
	if k.ID == "" {
		k.Name = q.fields.text("name")
	}
	return k
}

func writeEntity(q *request) (*response, error) {
	f := &q.fields
	k := q.key()
	name := f.text("name")
	policies, withPolicies := f.list("policies")
	metadata, withMetadata := f.object("metadata")
	disabled, withDisabled := f.boolean("disabled")
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	isNew := true
	e, err := q.door.cfg.Entities.Put(q.ctx, q.who, q.account(), q.path, k, func(e *entity.Entity) {
		isNew = e.Updated.IsZero()
		if name != "" {
			e.Name = name
		}
		if withPolicies {
			e.Policies = policies
		}
		if withMetadata {
			e.Metadata = metadata
		}
		if withDisabled {
			e.Disabled = disabled
		}
	})
	if err != nil || !isNew && (k.ID != "" || strings.Contains(q.rest, "/name/")) {
		return nil, err
	}
	return &response{data: m{"aliases": nil, "id": e.ID, "name": e.Name}}, nil
}

func listEntities(byName bool) handler {
	return func(q *request) (*response, error) {
		names, err := q.door.cfg.Entities.ListEntities(q.ctx, q.who, q.account(), q.path, byName)
		if err != nil {
			return nil, err
		}
		return keys(names), nil
	}
}

func (q *request) showAlias(e string, a *entity.Alias) m {
	kind, path := "", ""
	if x := q.session.Table.ByAccessor(a.Mount); x != nil {
		kind, path = x.Type, x.Path
	}
	return m{
		"id": a.ID, "canonical_id": e, "name": a.Name, "mount_accessor": a.Mount, "mount_type": kind, "mount_path": path, "metadata": a.Metadata,
		"custom_metadata": a.Custom, "creation_time": stamp(a.Created), "last_update_time": stamp(a.Updated), "local": false, "merged_from_canonical_ids": nil,
	}
}

func (q *request) showEntity(e *entity.Shown) m {
	aliases := []m{}
	for i := range e.Aliases {
		aliases = append(aliases, q.showAlias(e.ID, &e.Aliases[i]))
	}
	return m{
		"aliases": aliases, "creation_time": stamp(e.Created), "direct_group_ids": orEmpty(e.Direct), "disabled": e.Disabled,
		"group_ids": both(e.Direct, e.Inherited), "id": e.ID, "inherited_group_ids": orEmpty(e.Inherited), "last_update_time": stamp(e.Updated),
		"merged_entity_ids": e.Merged, "metadata": e.Metadata, "name": e.Name, "namespace_id": "root", "policies": orEmpty(e.Policies),
	}
}

func readEntity(q *request) (*response, error) {
	e, err := q.door.cfg.Entities.Get(q.ctx, q.who, q.account(), q.path, q.key())
	if err != nil {
		return nil, err
	}
	return &response{data: q.showEntity(&e)}, nil
}

func deleteEntity(q *request) (*response, error) {
	return nil, q.door.cfg.Entities.Delete(q.ctx, q.who, q.account(), q.path, []entity.Key{q.key()})
}

func deleteEntities(q *request) (*response, error) {
	ids, _ := q.fields.list("entity_ids")
	if err := q.fields.err(); err != nil {
		return nil, q.reject(err)
	}
	var all []entity.Key
	for _, id := range ids {
		all = append(all, entity.Key{ID: id})
	}
	return nil, q.door.cfg.Entities.Delete(q.ctx, q.who, q.account(), q.path, all)
}

func mergeEntities(q *request) (*response, error) {
	from, _ := q.fields.list("from_entity_ids")
	to := q.fields.text("to_entity_id")
	q.fields.has("force")
	if err := q.fields.err(); err != nil {
		return nil, q.reject(err)
	}
	return nil, q.door.cfg.Entities.Merge(q.ctx, q.who, q.account(), q.path, to, from)
}

func writeAlias(q *request) (*response, error) {
	f := &q.fields
	in := entity.Alias{ID: q.vars[0], Mount: f.text("mount_accessor"), Name: f.text("name")}
	if in.ID == "" {
		in.ID = f.text("id")
	}
	in.Custom, _ = f.object("custom_metadata")
	of := f.text("canonical_id")
	if of == "" {
		of = f.text("entity_id")
	}
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	e, a, err := q.door.cfg.Entities.PutAlias(q.ctx, q.who, q.account(), q.path, in, of)
	if err != nil {
		return nil, err
	}
	return &response{data: m{"canonical_id": e.ID, "id": a.ID}}, nil
}

func listAliases(q *request) (*response, error) {
	names, err := q.door.cfg.Entities.ListAliases(q.ctx, q.who, q.account(), q.path)
	if err != nil {
		return nil, err
	}
	return keys(names), nil
}

func readAlias(q *request) (*response, error) {
	e, a, err := q.door.cfg.Entities.GetAlias(q.ctx, q.who, q.account(), q.path, q.vars[0])
	if err != nil {
		return nil, err
	}
	return &response{data: q.showAlias(e.ID, &a)}, nil
}

func deleteAlias(q *request) (*response, error) {
	return nil, q.door.cfg.Entities.DeleteAlias(q.ctx, q.who, q.account(), q.path, q.vars[0])
}

func writeGroup(q *request) (*response, error) {
	f := &q.fields
	k := q.key()
	name, kind := f.text("name"), f.text("type")
	policies, withPolicies := f.list("policies")
	metadata, withMetadata := f.object("metadata")
	members, withMembers := f.list("member_entity_ids")
	groups, withGroups := f.list("member_group_ids")
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	if kind != "" && kind != "internal" && kind != "external" {
		return nil, q.reject(fault.New(fault.Invalid, "invalid group type %q", kind))
	}
	isNew := true
	g, err := q.door.cfg.Entities.PutGroup(q.ctx, q.who, q.account(), q.path, k, func(g *entity.Group) {
		isNew = g.Updated.IsZero()
		if name != "" {
			g.Name = name
		}
		if kind != "" {
			g.External = kind == "external"
		}
		if withPolicies {
			g.Policies = policies
		}
		if withMetadata {
			g.Metadata = metadata
		}
		if withMembers {
			g.Members = members
		}
		if withGroups {
			g.Groups = groups
		}
	})
	if err != nil || !isNew && (k.ID != "" || strings.Contains(q.rest, "/name/")) {
		return nil, err
	}
	return &response{data: m{"id": g.ID, "name": g.Name}}, nil
}

func listGroups(byName bool) handler {
	return func(q *request) (*response, error) {
		names, err := q.door.cfg.Entities.ListEntityGroups(q.ctx, q.who, q.account(), q.path, byName)
		if err != nil {
			return nil, err
		}
		return keys(names), nil
	}
}

func (q *request) group(in entity.Lookup) (*response, error) {
	g, err := q.door.cfg.Entities.GetEntityGroup(q.ctx, q.who, q.account(), q.path, in)
	if err != nil {
		return nil, err
	}
	kind, alias := "internal", m{}
	if g.External {
		kind = "external"
	}
	if g.Alias != nil {
		alias = q.showAlias(g.ID, g.Alias)
	}
	return &response{data: m{
		"alias": alias, "creation_time": stamp(g.Created), "id": g.ID, "last_update_time": stamp(g.Updated), "member_entity_ids": g.Members,
		"member_group_ids": orNull(g.Groups), "metadata": g.Metadata, "modify_index": g.Writes, "name": g.Name, "namespace_id": "root",
		"parent_group_ids": orNull(g.Parents), "policies": orEmpty(g.Policies), "type": kind,
	}}, nil
}

func readGroup(q *request) (*response, error) { return q.group(entity.Lookup{Key: q.key()}) }

func deleteGroup(q *request) (*response, error) {
	return nil, q.door.cfg.Entities.DeleteEntityGroup(q.ctx, q.who, q.account(), q.path, q.key())
}

func writeGroupAlias(q *request) (*response, error) {
	f := &q.fields
	in := entity.Alias{ID: q.vars[0], Mount: f.text("mount_accessor"), Name: f.text("name")}
	if in.ID == "" {
		in.ID = f.text("id")
	}
	of := f.text("canonical_id")
	if err := f.err(); err != nil {
		return nil, q.reject(err)
	}
	g, err := q.door.cfg.Entities.PutGroupAlias(q.ctx, q.who, q.account(), q.path, of, in)
	if err != nil {
		return nil, err
	}
	return &response{data: m{"canonical_id": g.ID, "id": g.Alias.ID}}, nil
}

func listGroupAliases(q *request) (*response, error) {
	names, err := q.door.cfg.Entities.ListGroupAliases(q.ctx, q.who, q.account(), q.path)
	if err != nil {
		return nil, err
	}
	return keys(names), nil
}

func readGroupAlias(q *request) (*response, error) {
	g, err := q.door.cfg.Entities.GetGroupAlias(q.ctx, q.who, q.account(), q.path, q.vars[0])
	if err != nil {
		return nil, err
	}
	return &response{data: q.showAlias(g.ID, g.Alias)}, nil
}

func deleteGroupAlias(q *request) (*response, error) {
	return nil, q.door.cfg.Entities.DeleteGroupAlias(q.ctx, q.who, q.account(), q.path, q.vars[0])
}

// lookupOf reads by which of its names something is asked for.
func (q *request) lookupOf() (entity.Lookup, error) {
	f := &q.fields
	in := entity.Lookup{
		Key: entity.Key{ID: f.text("id"), Name: f.text("name")}, AliasID: f.text("alias_id"), AliasName: f.text("alias_name"), AliasMount: f.text("alias_mount_accessor"),
	}
	return in, f.err()
}

func lookupEntity(q *request) (*response, error) {
	in, err := q.lookupOf()
	if err != nil {
		return nil, q.reject(err)
	}
	e, err := q.door.cfg.Entities.LookupEntity(q.ctx, q.who, q.account(), q.path, in)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &response{data: q.showEntity(&e)}, nil
}

func lookupGroup(q *request) (*response, error) {
	in, err := q.lookupOf()
	if err != nil {
		return nil, q.reject(err)
	}
	out, err := q.group(in)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return out, err
}
