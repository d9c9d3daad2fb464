package token

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// Role says what tokens may be made through it. One that came from the store is
// shared: not to be changed.
type Role struct {
	Name           string   `cbor:"1,keyasint"`
	Allowed        []string `cbor:"2,keyasint,omitempty"`
	AllowedGlob    []string `cbor:"3,keyasint,omitempty"`
	Disallowed     []string `cbor:"4,keyasint,omitempty"`
	DisallowedGlob []string `cbor:"5,keyasint,omitempty"`
	Orphan         bool     `cbor:"6,keyasint,omitempty"`
	Renewable      bool     `cbor:"7,keyasint,omitempty"`
	PathSuffix     string   `cbor:"8,keyasint,omitempty"`
	EntityAliases  []string `cbor:"9,keyasint,omitempty"`
	Params         Params   `cbor:"10,keyasint,omitempty"`
}

func roleKey(account, name string) string { return rolePrefix + account + "/" + name }

func (t *Tokens) role(tx *gate.Tx, account, name string) (*Role, error) {
	r, _, err := t.roles.Load(tx, roleKey(account, name))
	return r, err
}

func glob(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		parts := strings.Split(p, "*")
		rest, ok := strings.CutPrefix(s, parts[0])
		if !ok || len(parts) == 1 {
			return ok && rest == ""
		}
		for _, part := range parts[1 : len(parts)-1] {
			i := strings.Index(rest, part)
			if i < 0 {
				return false
			}
			rest = rest[i+len(part):]
		}
		return strings.HasSuffix(rest, parts[len(parts)-1])
	})
}

// policies are those of a token that is made through the role. sudo: the parent
// may give what it has not. The root policy is never inherited through a role.
func (r *Role) policies(asked, parents []string, noDefault, sudo bool) ([]string, error) {
	noDefault = noDefault || r.Params.NoDefault
	bounded := len(r.Allowed) > 0 || len(r.AllowedGlob) > 0
	switch {
	case len(asked) == 0 && bounded:
		asked = r.Allowed
	case len(asked) == 0:
		asked = slices.DeleteFunc(slices.Clone(parents), func(p string) bool { return p == identity.RootPolicy })
	}
	withDefault := !noDefault && !slices.Contains(r.Disallowed, identity.DefaultPolicy) && !glob(r.DisallowedGlob, identity.DefaultPolicy)
	all := Policies(asked, withDefault)
	for _, p := range all {
		implied := p == identity.DefaultPolicy && withDefault
		switch {
		case p == identity.RootPolicy || p == identity.WrappingPolicy:
			return nil, fault.New(fault.Invalid, "a token role cannot give policy %q", p)
		case slices.Contains(r.Disallowed, p) || glob(r.DisallowedGlob, p):
			return nil, fault.New(fault.Invalid, "token policy %q is disallowed by this role", p)
		case bounded && !implied && !slices.Contains(r.Allowed, p) && !glob(r.AllowedGlob, p):
			return nil, fault.New(fault.Invalid, "token policies (%q) must be subset of the role's allowed policies (%q) or glob policies (%q)", all, r.Allowed, r.AllowedGlob)
		case !bounded && !implied && !sudo && len(r.Disallowed) == 0 && len(r.DisallowedGlob) == 0 && !slices.Contains(parents, p):
			return nil, fault.New(fault.Invalid, "token policies (%q) must be subset of parent token's policies (%q)", all, parents)
		}
	}
	return all, nil
}

// byRole fills in what the role says of the token.
func (c *creation) byRole(r *Row) {
	p := &c.role.Params
	r.Role, r.Orphan = c.role.Name, c.role.Orphan
	r.Renewable = r.Renewable && c.role.Renewable
	r.Period, r.CIDRs = p.Period, p.BoundCIDRs
	switch {
	case r.ExplicitMax == 0:
		r.ExplicitMax = p.ExplicitMax
	case p.ExplicitMax > 0:
		r.ExplicitMax = min(r.ExplicitMax, p.ExplicitMax)
	}
	if p.Uses > 0 && (r.Uses == 0 || p.Uses < r.Uses) {
		r.Uses, r.Used = p.Uses, p.Uses
	}
	switch p.Type {
	case "batch":
		r.Batch = true
	case "service":
		r.Batch = false
	case "default-batch":
		r.Batch = c.in.Type != "service"
	}
	if c.role.PathSuffix != "" {
		r.Path += "/" + c.role.PathSuffix
	}
	if r.Batch {
		r.Uses, r.Used, r.Period = 0, 0, 0
	}
}

// PutTokenRole writes a role, which change makes of the one that is there, or of a
// new one. It fails with Invalid.
func (t *Tokens) PutTokenRole(ctx context.Context, who Caller, account, at, name string, change func(*Role) error) error {
	_, err := gate.Do(ctx, t.gate, who, secret.WriteSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		old, err := t.role(tx, account, name)
		if err != nil {
			return struct{}{}, err
		}
		if err := tx.MustWrite(old != nil); err != nil {
			return struct{}{}, err
		}
		r := Role{Name: name, Renewable: true, Params: Params{Type: "default-service"}}
		if old != nil {
			r = *old
		}
		if err := change(&r); err != nil {
			return struct{}{}, err
		}
		for _, list := range []*[]string{&r.Allowed, &r.Disallowed} {
			*list = Policies(*list, false)
		}
		if err := cmp.Or(r.Params.Check(), r.check()); err != nil {
			return struct{}{}, err
		}
		text, err := stored.Encode(&r)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Put(roleKey(account, name), text)
	})
	return err
}

func (r *Role) check() error {
	if slices.Contains(r.Allowed, identity.RootPolicy) {
		return fault.New(fault.Invalid, "a token role cannot allow the root policy")
	}
	if strings.Contains(r.PathSuffix, "..") {
		return fault.New(fault.Invalid, "error registering path suffix: cannot contain parent references")
	}
	return nil
}

// GetTokenRole shows a role. It fails with NotFound.
func (t *Tokens) GetTokenRole(ctx context.Context, who Caller, account, at, name string) (*Role, error) {
	return gate.Do(ctx, t.gate, who, secret.ReadSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (*Role, error) {
		r, err := t.role(tx, account, name)
		if err == nil && r == nil {
			err = fault.New(fault.NotFound, "no such role")
		}
		return r, err
	})
}

// ListTokenRoles lists the names of the roles.
func (t *Tokens) ListTokenRoles(ctx context.Context, who Caller, account, at string) ([]string, error) {
	return gate.Do(ctx, t.gate, who, secret.ListSettings, setting(account, at), func(tx *gate.Tx, _ secret.Ref) ([]string, error) {
		return names(tx, roleKey(account, ""))
	})
}

// names lists what follows a prefix in keys.
func names(tx *gate.Tx, prefix string) ([]string, error) {
	return someNames(tx, prefix, math.MaxInt)
}

// someNames lists the first of them.
func someNames(tx *gate.Tx, prefix string, most int) (all []string, err error) {
	for e, err := range tx.Scan(store.Prefix(prefix)) {
		if err != nil {
			return nil, err
		}
		if len(all) == most {
			break
		}
		all = append(all, e.Key[len(prefix):])
	}
	return all, nil
}

// DeleteTokenRole removes a role; tokens that were made through it go on.
func (t *Tokens) DeleteTokenRole(ctx context.Context, who Caller, account, at, name string) error {
	_, err := gate.Do(ctx, t.gate, who, secret.DeleteSetting, setting(account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		return struct{}{}, tx.Delete(roleKey(account, name))
	})
	return err
}
