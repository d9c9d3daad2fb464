package identity

import (
	"slices"

	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

func inGroup(e *Entity, group string) bool {
	return slices.ContainsFunc(e.Groups, func(g string) bool { return fold.Equal(g, group) })
}

// members are the users of a group.
func (j *job) members(group string) (users []*Entity, err error) {
	err = j.each(j.tx, j.account, secret.KindUser, func(e *Entity) (bool, error) {
		if inGroup(e, group) {
			users = append(users, e)
		}
		return true, nil
	})
	return users, err
}

func (j *job) getGroup() (err error) {
	if j.out.Entity, err = j.load(); err != nil {
		return err
	}
	j.out.Entities, err = j.members(j.in.Name)
	return err
}

// user finds the user that an operation on a group names.
func (j *job) user() (*Entity, error) {
	u, err := j.entity(j.tx, j.account, secret.KindUser, j.in.User)
	if err == nil && u == nil {
		err = missing(secret.KindUser, j.in.User)
	}
	return u, err
}

func (j *job) addUser() error {
	group, err := j.load()
	if err != nil {
		return err
	}
	u, err := j.user()
	if err != nil || inGroup(u, group.Name) {
		return err
	}
	if len(u.Groups) >= maxGroups {
		return limit("GroupsPerUser", maxGroups)
	}
	u = u.clone()
	u.Groups = append(u.Groups, group.Name)
	return saveEntity(j.tx, j.account, u)
}

func (j *job) removeUser() error {
	group, err := j.load()
	if err != nil {
		return err
	}
	u, err := j.user()
	if err != nil {
		return err
	}
	if !inGroup(u, group.Name) {
		return missing(secret.KindUser, j.in.User)
	}
	u = u.clone()
	u.Groups = slices.DeleteFunc(u.Groups, func(g string) bool { return fold.Equal(g, group.Name) })
	return saveEntity(j.tx, j.account, u)
}

func (j *job) listGroupsOf() error {
	u, err := j.load()
	if err != nil {
		return err
	}
	for _, name := range u.Groups {
		g, err := j.entity(j.tx, j.account, secret.KindGroup, name)
		if err != nil {
			return err
		}
		if g != nil {
			j.out.Entities = append(j.out.Entities, g)
		}
	}
	return nil
}
