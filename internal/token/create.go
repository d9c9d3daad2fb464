package token

import (
	"context"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/mount"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// CreateInput describes a new token. Times are in seconds, zero for what is
// usual.
type CreateInput struct {
	At          string // path of the request
	Role        string // a token role
	ID          string // the token itself; for root tokens to choose
	Policies    []string
	Meta        map[string]string
	Orphan      bool
	NoDefault   bool
	Renewable   bool
	TTL         int64
	ExplicitMax int64
	DisplayName string
	Uses        int64
	Period      int64
	Type        string // service or batch; empty for what the role says
	EntityAlias string
}

// Create makes a token, a child of the session's unless it is to be an orphan.
// It fails with Invalid, Denied or Exists.
func (t *Tokens) Create(ctx context.Context, who Caller, s *Session, in CreateInput) (Issued, error) {
	account := s.Table.Account
	return gate.Do(ctx, t.gate, who, secret.CreateToken, setting(account, in.At), func(tx *gate.Tx, _ secret.Ref) (Issued, error) {
		parent, err := t.parent(tx, s)
		if err != nil {
			return Issued{}, err
		}
		m := s.Table.At("auth/token/")
		c := creation{in: in, account: account, parent: parent, sudo: parent.IsRoot() || tx.Caller().Program.Capabilities(who.Below+in.At)&policy.CanSudo != 0}
		if in.Role != "" {
			role, err := t.role(tx, account, in.Role)
			if err != nil {
				return Issued{}, err
			}
			if role == nil {
				return Issued{}, fault.New(fault.Invalid, "unknown role %s", in.Role)
			}
			c.role = role
		}
		r, warnings, err := c.row(tx, m)
		if err != nil {
			return Issued{}, err
		}
		if r.Parent != "" {
			if err := t.checkDepth(tx, parent); err != nil {
				return Issued{}, err
			}
		}
		if in.ID != "" {
			if there, err := t.load(tx, hashOf(tx, in.ID)); err != nil || there.entry != nil {
				return Issued{}, orElse(err, fault.New(fault.Invalid, "cannot create a token with a duplicate ID"))
			}
		}
		out, err := t.issue(tx, r, in.ID)
		out.Warnings = warnings
		return out, err
	})
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// parent finds the session's token again, in the transaction: it may have been
// revoked since.
func (t *Tokens) parent(tx *gate.Tx, s *Session) (held, error) {
	if s.Hash == "" { // a batch token, which is nowhere stored
		return held{entry: &entry{Row: s.Token, changed: identity.ChangedKey(s.Token.Account)}}, nil
	}
	h, err := t.load(tx, s.Hash)
	h, err = t.working(tx, h, err)
	if err == nil && h.entry == nil {
		err = notValid()
	}
	return h, err
}

func (t *Tokens) checkDepth(tx *gate.Tx, h held) (err error) {
	for range maxDepth - 1 {
		if h.Parent == "" {
			return nil
		}
		if h, err = t.load(tx, h.Parent); err != nil || h.entry == nil {
			return orElse(err, notValid())
		}
	}
	return fault.New(fault.Invalid, "a line of children is at most %d tokens long: make an orphan", maxDepth)
}

// creation is a token being made.
type creation struct {
	in      CreateInput
	account string
	parent  held
	sudo    bool // the parent may do what only root may
	role    *Role
}

// row checks what was asked for, and makes the row of it.
func (c *creation) row(tx *gate.Tx, m *mount.Mount) (*Row, []string, error) {
	in := &c.in
	if err := c.check(); err != nil {
		return nil, nil, err
	}
	now := secret.InstantOf(tx.Now())
	r := &Row{
		Account: c.account, Path: in.At, Meta: in.Meta, DisplayName: strings.TrimRight("token-"+in.DisplayName, "-"), Created: now,
		Uses: in.Uses, Used: in.Uses, ExplicitMax: in.ExplicitMax, Period: in.Period, Renewable: in.Renewable, Orphan: in.Orphan,
		Batch: in.Type == "batch", Entity: c.parent.Entity,
	}
	var err error
	if r.Policies, err = c.policies(); err != nil {
		return nil, nil, err
	}
	if c.role != nil {
		c.byRole(r)
	}
	if r.Orphan {
		r.Entity = ""
	} else {
		r.Parent = c.parent.hash
	}
	if r.IsRoot() && in.TTL == 0 && r.Period == 0 && r.ExplicitMax == 0 && c.parent.Expires.IsZero() {
		r.Renewable = false
		return r, nil, nil
	}
	if r.IsRoot() && r.Batch {
		return nil, nil, fault.New(fault.Invalid, "batch tokens cannot be root tokens")
	}
	warnings := r.setTTL(in.TTL, m)
	if !c.parent.Expires.IsZero() && r.IsRoot() { // a root token must not outlive the one that made it
		r.Expires = min(r.Expires, c.parent.Expires)
	}
	if r.Batch {
		r.Renewable = false
	}
	return r, warnings, nil
}

func (c *creation) check() error {
	in := &c.in
	switch {
	case c.parent.Batch:
		return fault.New(fault.Invalid, "batch tokens cannot create more tokens")
	case c.parent.Used > 0:
		return fault.New(fault.Invalid, "restricted use token cannot generate child tokens")
	case in.Uses < 0:
		return fault.New(fault.Invalid, "number of uses cannot be negative")
	case in.TTL < 0 || in.ExplicitMax < 0 || in.Period < 0:
		return fault.New(fault.Invalid, "a token's times are not negative")
	case !slices.Contains([]string{"", "service", "batch"}, in.Type):
		return fault.New(fault.Invalid, "invalid 'type' value")
	case in.EntityAlias != "":
		return fault.New(fault.Invalid, "'entity_alias' is not supported")
	case in.ID != "" && !c.parent.IsRoot():
		return fault.New(fault.Invalid, "root or sudo privileges required to specify token id")
	case in.ID != "" && (strings.HasPrefix(in.ID, servicePrefix) || strings.HasPrefix(in.ID, batchPrefix) || strings.HasPrefix(in.ID, "s.") || strings.Contains(in.ID, ".") || in.Type == "batch"):
		return fault.New(fault.Invalid, "custom token ID cannot have the 'hvs.' prefix or contain a dot, and cannot be of a batch token")
	case in.Orphan && !c.sudo && c.role == nil && in.At != "auth/token/create-orphan":
		return fault.New(fault.Invalid, "root or sudo privileges required to create orphan token")
	case in.Period > 0 && !c.sudo && c.role == nil:
		return fault.New(fault.Invalid, "root or sudo privileges required to create periodic token")
	case in.Type == "batch" && (in.Uses > 0 || in.Period > 0):
		return fault.New(fault.Invalid, "batch tokens cannot have a period or a limited number of uses")
	}
	return nil
}

// policies are the token's: of what its parent has, unless the parent may do
// more.
func (c *creation) policies() ([]string, error) {
	in := &c.in
	asked := Policies(in.Policies, false)
	if c.role != nil {
		return c.role.policies(asked, c.parent.Policies, in.NoDefault, c.sudo)
	}
	if len(asked) == 0 {
		asked = c.parent.Policies
	}
	withDefault := !in.NoDefault && !slices.Contains(asked, identity.RootPolicy)
	all := Policies(asked, withDefault)
	if slices.Contains(all, identity.RootPolicy) && !c.parent.IsRoot() {
		return nil, fault.New(fault.Invalid, "root tokens may not be created without parent token being root")
	}
	if !c.sudo {
		for _, p := range all {
			if p != identity.DefaultPolicy && !slices.Contains(c.parent.Policies, p) {
				return nil, fault.New(fault.Invalid, "child policies must be subset of parent")
			}
		}
	}
	if slices.Contains(all, identity.WrappingPolicy) {
		return nil, fault.New(fault.Invalid, "cannot assign policy %q", identity.WrappingPolicy)
	}
	if in.NoDefault {
		all = slices.DeleteFunc(all, func(p string) bool { return p == identity.DefaultPolicy && !slices.Contains(asked, p) })
	}
	return all, nil
}

// InstallRoot makes a root token of a given text, if there is none of it: how a
// house gets its first.
func (t *Tokens) InstallRoot(ctx context.Context, who Caller, account, text string) error {
	_, err := gate.Do(ctx, t.gate, who, secret.CreateToken, setting(account, "auth/token/create"), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		there, err := t.load(tx, hashOf(tx, text))
		if err != nil || there.entry != nil {
			return struct{}{}, err
		}
		r := &Row{Account: account, Policies: []string{identity.RootPolicy}, Path: "auth/token/root", DisplayName: "root", Created: secret.InstantOf(tx.Now()), Orphan: true}
		_, err = t.issue(tx, r, text)
		return struct{}{}, err
	})
	return err
}
