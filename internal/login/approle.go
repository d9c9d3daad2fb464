package login

import (
	"context"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/stored"
	"github.com/strongroom-dev/strongroom/internal/token"
)

// AppRole is a role of an AppRole method: a program that knows the role's ID,
// and a secret ID of it, gets a token.
// (https://developer.hashicorp.com/vault/docs/auth/approle)
type AppRole struct {
	Name     string       `cbor:"1,keyasint"`
	RoleID   string       `cbor:"2,keyasint"`
	Unbound  bool         `cbor:"3,keyasint,omitempty"` // no secret ID is asked for
	CIDRs    []string     `cbor:"4,keyasint,omitempty"` // from where secret IDs may be used
	Uses     int64        `cbor:"5,keyasint,omitempty"` // of each secret ID
	TTL      int64        `cbor:"6,keyasint,omitempty"` // of each, in seconds
	LocalIDs bool         `cbor:"7,keyasint,omitempty"`
	Params   token.Params `cbor:"8,keyasint,omitempty"`
}

// SecretID is a secret ID as it is stored, without itself.
type SecretID struct {
	Accessor string            `cbor:"1,keyasint"`
	Created  secret.Instant    `cbor:"2,keyasint"`
	Updated  secret.Instant    `cbor:"3,keyasint"`
	Expires  secret.Instant    `cbor:"4,keyasint,omitempty"`
	TTL      int64             `cbor:"5,keyasint,omitempty"`
	Uses     int64             `cbor:"6,keyasint,omitempty"` // left; zero for any number
	Metadata map[string]string `cbor:"7,keyasint,omitempty"`
	CIDRs    []string          `cbor:"8,keyasint,omitempty"`
	Bound    []string          `cbor:"9,keyasint,omitempty"` // from where the tokens may be used
}

// The kinds of keys, under the method's own prefix:
//
//	role/NAME                an AppRole
//	role-id/ID               the name of the role of an ID
//	secret-id/NAME/HASH      a SecretID
//	accessor/NAME/ACCESSOR   its hash
const (
	kindRole     = "role"
	kindRoleID   = "role-id"
	kindSecretID = "secret-id"
	kindAccessor = "accessor"
)

// RoleName is a role's name as it counts.
func RoleName(name string) string { return fold.Lower(name) }

func noAppRole(name string) error { return fault.New(fault.NotFound, "role %q does not exist", name) }

// PutAppRole writes a role. It fails with Invalid.
func (m *Methods) PutAppRole(ctx context.Context, who Caller, at At, name string, change func(*AppRole)) error {
	name = RoleName(name)
	return write(ctx, m, who, at, kindRole, name, func(tx *gate.Tx, r *AppRole, isNew bool) error {
		before := r.RoleID
		if isNew {
			r.Name, r.RoleID = name, uuid()
			before = ""
		}
		change(r)
		if err := r.check(); err != nil {
			return err
		}
		return m.pointRoleID(tx, at, r, before)
	})
}

func (r *AppRole) check() error {
	if err := r.Params.Check(); err != nil {
		return err
	}
	switch {
	case r.Uses < 0 || r.TTL < 0:
		return fault.New(fault.Invalid, "secret_id_num_uses and secret_id_ttl are not negative")
	case r.Unbound && len(r.CIDRs) == 0 && len(r.Params.BoundCIDRs) == 0:
		return fault.New(fault.Invalid, "at least one constraint should be enabled on the role")
	case r.RoleID == "" || len(r.RoleID) > 4096 || strings.ContainsAny(r.RoleID, "/\x00"):
		return fault.New(fault.Invalid, "a role_id is not empty, and holds no slash")
	}
	return token.CheckCIDRs(r.CIDRs)
}

// pointRoleID keeps the pointer from a role's ID to its name.
func (m *Methods) pointRoleID(tx *gate.Tx, at At, r *AppRole, before string) error {
	if r.RoleID == before {
		return nil
	}
	there, err := tx.Get(at.key(kindRoleID, r.RoleID))
	if err != nil {
		return err
	}
	if there != nil {
		return fault.New(fault.Invalid, "role_id already in use")
	}
	if before != "" {
		if err := tx.Delete(at.key(kindRoleID, before)); err != nil {
			return err
		}
	}
	return tx.Put(at.key(kindRoleID, r.RoleID), []byte(r.Name))
}

// GetAppRole shows a role. It fails with NotFound.
func (m *Methods) GetAppRole(ctx context.Context, who Caller, at At, name string) (*AppRole, error) {
	return read[AppRole](ctx, m, who, at, kindRole, RoleName(name))
}

// ListAppRoles lists the names of roles.
func (m *Methods) ListAppRoles(ctx context.Context, who Caller, at At) ([]string, error) {
	return m.list(ctx, who, at, kindRole)
}

// DeleteAppRole removes a role and its secret IDs; tokens that it gave go on.
func (m *Methods) DeleteAppRole(ctx context.Context, who Caller, at At, name string) error {
	name = RoleName(name)
	_, err := gate.Do(ctx, m.gate, who, secret.DeleteSetting, at.ref(), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		r, err := load[AppRole](tx, at.key(kindRole, name))
		if err != nil || r == nil {
			return struct{}{}, err
		}
		keys := []string{at.key(kindRole, name), at.key(kindRoleID, r.RoleID)}
		for _, kind := range []string{kindSecretID, kindAccessor} {
			all, err := names(tx, at.key(kind, name+"/"))
			if err != nil {
				return struct{}{}, err
			}
			for _, k := range all {
				keys = append(keys, at.key(kind, name+"/"+k))
			}
		}
		for _, k := range keys {
			if err := tx.Delete(k); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	return err
}

// NewSecretID describes a secret ID that is to be made. Nil members are those
// of the role.
type NewSecretID struct {
	ID       string // drawn if empty
	TTL      *int64
	Uses     *int64
	Metadata map[string]string
	CIDRs    []string
	Bound    []string
}

// GenerateSecretID makes a secret ID of a role, and gives it with its row. It
// fails with NotFound or Invalid.
func (m *Methods) GenerateSecretID(ctx context.Context, who Caller, at At, name string, in NewSecretID) (string, *SecretID, error) {
	id := in.ID
	if id == "" {
		id = uuid()
	}
	row, err := gate.Do(ctx, m.gate, who, secret.GenerateSecretID, at.ref(), func(tx *gate.Tx, _ secret.Ref) (*SecretID, error) {
		r, err := load[AppRole](tx, at.key(kindRole, RoleName(name)))
		if err != nil {
			return nil, err
		}
		if r == nil {
			return nil, noAppRole(name)
		}
		s, err := r.secretID(in, secret.InstantOf(tx.Now()))
		if err != nil {
			return nil, err
		}
		hash := hashOf(tx, "secret-id", id)
		key := at.key(kindSecretID, r.Name+"/"+hash)
		if there, err := tx.Get(key); err != nil || there != nil {
			return nil, orElse(err, fault.New(fault.Invalid, "SecretID is already registered"))
		}
		if err := put(tx, key, s); err != nil {
			return nil, err
		}
		return s, tx.Put(at.key(kindAccessor, r.Name+"/"+s.Accessor), []byte(hash))
	})
	return id, row, err
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func (r *AppRole) secretID(in NewSecretID, now secret.Instant) (*SecretID, error) {
	if r.Unbound {
		return nil, fault.New(fault.Invalid, "bind_secret_id is not set on the role")
	}
	s := &SecretID{Accessor: uuid(), Created: now, Updated: now, TTL: r.TTL, Uses: r.Uses, Metadata: in.Metadata, CIDRs: in.CIDRs, Bound: in.Bound}
	for _, own := range []struct {
		to   *int64
		asks *int64
		most int64
		name string
	}{{&s.TTL, in.TTL, r.TTL, "ttl"}, {&s.Uses, in.Uses, r.Uses, "num_uses"}} {
		switch {
		case own.asks == nil:
		case *own.asks < 0:
			return nil, fault.New(fault.Invalid, "%s cannot be negative", own.name)
		case own.most > 0 && (*own.asks == 0 || *own.asks > own.most):
			return nil, fault.New(fault.Invalid, "%s cannot be more than what the role says", own.name)
		default:
			*own.to = *own.asks
		}
	}
	if s.TTL > 0 {
		s.Expires = now + secret.Instant(s.TTL*1000)
	}
	for _, list := range [][]string{in.CIDRs, in.Bound} {
		if err := token.CheckCIDRs(list); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Which says which secret ID of a role is meant.
type Which struct {
	ID       string
	Accessor string
}

// find finds a secret ID that still works; nil if there is none.
func (w Which) find(tx *gate.Tx, at At, role string) (hash string, s *SecretID, err error) {
	if w.ID != "" {
		hash = hashOf(tx, "secret-id", w.ID)
	} else {
		key := at.key(kindAccessor, role+"/"+w.Accessor)
		sealed, err := tx.Get(key)
		if err != nil || sealed == nil {
			return "", nil, err
		}
		opened, err := tx.Open(key, sealed)
		if err != nil {
			return "", nil, err
		}
		hash = string(opened.Open())
	}
	s, err = load[SecretID](tx, at.key(kindSecretID, role+"/"+hash))
	if s != nil && !s.Expires.IsZero() && secret.InstantOf(tx.Now()) >= s.Expires {
		s = nil
	}
	return hash, s, err
}

// LookupSecretID shows a secret ID. It fails with NotFound.
func (m *Methods) LookupSecretID(ctx context.Context, who Caller, at At, role string, w Which) (*SecretID, error) {
	return gate.Do(ctx, m.gate, who, secret.LookupSecretID, at.ref(), func(tx *gate.Tx, _ secret.Ref) (*SecretID, error) {
		_, s, err := w.find(tx, at, RoleName(role))
		if err == nil && s == nil {
			err = fault.New(fault.NotFound, "there is no such secret ID")
		}
		return s, err
	})
}

// DestroySecretID removes a secret ID; that there is none is no error.
func (m *Methods) DestroySecretID(ctx context.Context, who Caller, at At, role string, w Which) error {
	_, err := gate.Do(ctx, m.gate, who, secret.DestroySecretID, at.ref(), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		hash, s, err := w.find(tx, at, RoleName(role))
		if err != nil || s == nil {
			return struct{}{}, err
		}
		return struct{}{}, dropSecretID(tx, at, RoleName(role), hash, s)
	})
	return err
}

func dropSecretID(tx *gate.Tx, at At, role, hash string, s *SecretID) error {
	if err := tx.Delete(at.key(kindSecretID, role+"/"+hash)); err != nil {
		return err
	}
	return tx.Delete(at.key(kindAccessor, role+"/"+s.Accessor))
}

// ListSecretIDs lists the accessors of a role's secret IDs.
func (m *Methods) ListSecretIDs(ctx context.Context, who Caller, at At, role string) ([]string, error) {
	return m.list(ctx, who, at, kindAccessor+"/"+RoleName(role))
}

// TidySecretIDs removes the secret IDs that ended.
func (m *Methods) TidySecretIDs(ctx context.Context, who Caller, at At) error {
	_, err := gate.Do(ctx, m.gate, who, secret.DestroySecretID, at.ref(), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		all, err := names(tx, at.key(kindSecretID, ""))
		if err != nil {
			return struct{}{}, err
		}
		now := secret.InstantOf(tx.Now())
		for _, k := range all {
			s, err := load[SecretID](tx, at.key(kindSecretID, k))
			if err != nil {
				return struct{}{}, err
			}
			if s == nil || s.Expires.IsZero() || now < s.Expires {
				continue
			}
			role, hash, _ := strings.Cut(k, "/")
			if err := dropSecretID(tx, at, role, hash, s); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	return err
}

// ByAppRole logs in with a role's ID and a secret ID of it.
func (m *Methods) ByAppRole(ctx context.Context, who Caller, at At, roleID, secretID string) (token.Issued, error) {
	return m.login(ctx, who, at, func(tx *gate.Tx) (token.Issued, error) {
		r, err := m.roleOfID(tx, at, roleID)
		if err != nil {
			return token.Issued{}, err
		}
		if !token.InCIDRs(r.CIDRs, who.Source) {
			return token.Issued{}, errAppRole()
		}
		p := r.Params
		meta := map[string]string{"role_name": r.Name}
		if !r.Unbound {
			s, err := m.spend(tx, at, r, secretID, who.Source)
			if err != nil {
				return token.Issued{}, err
			}
			if len(s.Bound) > 0 {
				p.BoundCIDRs = s.Bound
			}
			for k, v := range s.Metadata {
				if k != "role_name" {
					meta[k] = v
				}
			}
		}
		return m.issue(tx, at, r.RoleID, strings.TrimSuffix(strings.TrimPrefix(at.Mount.Path, "auth/"), "/"), meta, nil, p)
	})
}

func errAppRole() error { return refused("invalid role or secret ID") }

func (m *Methods) roleOfID(tx *gate.Tx, at At, roleID string) (*AppRole, error) {
	if roleID == "" || strings.Contains(roleID, "/") {
		return nil, errAppRole()
	}
	key := at.key(kindRoleID, roleID)
	sealed, err := tx.Get(key)
	if err != nil {
		return nil, err
	}
	if sealed == nil {
		return nil, errAppRole()
	}
	name, err := tx.Open(key, sealed)
	if err != nil {
		return nil, err
	}
	r, ok, err := m.approles.Load(tx, at.key(kindRole, string(name.Open())))
	if err == nil && !ok {
		err = errAppRole()
	}
	return r, err
}

// spend checks a secret ID, and takes one of its uses.
func (m *Methods) spend(tx *gate.Tx, at At, r *AppRole, id, source string) (*SecretID, error) {
	if id == "" {
		return nil, errAppRole()
	}
	hash, s, err := Which{ID: id}.find(tx, at, r.Name)
	if err != nil {
		return nil, err
	}
	if s == nil || !token.InCIDRs(s.CIDRs, source) {
		return nil, errAppRole()
	}
	switch s.Uses {
	case 0:
		return s, nil
	case 1:
		return s, dropSecretID(tx, at, r.Name, hash, s)
	}
	left := *s
	left.Uses--
	left.Updated = secret.InstantOf(tx.Now())
	left.CIDRs = slices.Clone(s.CIDRs)
	text, err := stored.Encode(&left)
	if err != nil {
		return nil, err
	}
	return s, tx.Put(at.key(kindSecretID, r.Name+"/"+hash), text)
}
