package token

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/mount"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// Issued is a token that was made, or renewed.
type Issued struct {
	Text     string // the token itself; empty where it is not shown
	Row      Row
	Identity []string // policies that come of its entity
	Warnings []string
}

// Params are what the auth methods' roles and users say of the tokens that they
// give. Times are in seconds.
type Params struct {
	BoundCIDRs  []string `cbor:"1,keyasint,omitempty"`
	ExplicitMax int64    `cbor:"2,keyasint,omitempty"`
	MaxTTL      int64    `cbor:"3,keyasint,omitempty"`
	NoDefault   bool     `cbor:"4,keyasint,omitempty"`
	Uses        int64    `cbor:"5,keyasint,omitempty"`
	Period      int64    `cbor:"6,keyasint,omitempty"`
	Policies    []string `cbor:"7,keyasint,omitempty"`
	StrictIP    bool     `cbor:"8,keyasint,omitempty"`
	TTL         int64    `cbor:"9,keyasint,omitempty"`
	Type        string   `cbor:"10,keyasint,omitempty"`
}

// Check refuses what cannot be. It fails with Invalid.
func (p *Params) Check() error {
	switch {
	case p.TTL < 0 || p.MaxTTL < 0 || p.ExplicitMax < 0 || p.Period < 0:
		return fault.New(fault.Invalid, "a token's times are not negative")
	case p.Uses < 0:
		return fault.New(fault.Invalid, "'token_num_uses' cannot be negative")
	case p.MaxTTL > 0 && p.TTL > p.MaxTTL:
		return fault.New(fault.Invalid, "'token_ttl' cannot be greater than 'token_max_ttl'")
	case !slices.Contains([]string{"", "default", "service", "batch", "default-service", "default-batch"}, p.Type):
		return fault.New(fault.Invalid, "invalid 'token_type' value %q", p.Type)
	case slices.ContainsFunc(p.Policies, func(n string) bool { return identity.ACLName(n) == identity.RootPolicy }):
		return fault.New(fault.Invalid, "auth methods cannot create root tokens")
	case p.batch() && (p.Period > 0 || p.Uses > 0):
		return fault.New(fault.Invalid, "'token_type' cannot be 'batch' when a period or a number of uses is set")
	}
	return CheckCIDRs(p.BoundCIDRs)
}

func (p *Params) batch() bool { return p.Type == "batch" || p.Type == "default-batch" }

// Login is a login that succeeded.
type Login struct {
	Account     string
	Mount       *mount.Mount
	Path        string // of the request
	DisplayName string
	Meta        map[string]string
	Entity      string
	Params      Params
	Source      string // the address that it came from
}

// Policies sorts policies' names, each once, in the form that counts.
func Policies(names []string, withDefault bool) []string {
	var out []string
	for _, n := range names {
		if !strings.HasPrefix(n, "arn:") {
			n = identity.ACLName(n)
		}
		if n != "" {
			out = append(out, n)
		}
	}
	if withDefault {
		out = append(out, identity.DefaultPolicy)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Issue makes the token of a login. It fails with Denied where the address is
// not one of those that the method's role allows.
func (t *Tokens) Issue(tx *gate.Tx, l Login) (Issued, error) {
	p := &l.Params
	if !InCIDRs(p.BoundCIDRs, l.Source) {
		return Issued{}, fault.New(fault.Denied, "the address is not one of those that are bound")
	}
	now := secret.InstantOf(tx.Now())
	r := Row{
		Account: l.Account, Policies: Policies(p.Policies, !p.NoDefault), Path: l.Path, Meta: l.Meta, DisplayName: l.DisplayName,
		Uses: p.Uses, Used: p.Uses, Created: now, MaxTTL: p.MaxTTL, ExplicitMax: p.ExplicitMax, Period: p.Period, Renewable: true,
		Entity: l.Entity, Mount: l.Mount.Accessor, CIDRs: p.BoundCIDRs, Orphan: true, Batch: p.batch(),
	}
	if p.Type == "" || p.Type == "default" {
		r.Batch = l.Mount.Config.TokenType == "batch" || l.Mount.Config.TokenType == "default-batch"
	}
	if p.StrictIP {
		r.CIDRs = []string{hostOf(l.Source)}
	}
	if r.Policies = slices.DeleteFunc(r.Policies, func(n string) bool { return n == identity.RootPolicy }); r.Batch {
		r.Renewable, r.Uses, r.Used = false, 0, 0
	}
	warnings := r.setTTL(p.TTL, l.Mount)
	out, err := t.issue(tx, &r, "")
	out.Warnings = warnings
	return out, err
}

func hostOf(source string) string {
	if i := strings.LastIndexByte(source, ':'); i >= 0 && strings.Contains(source, "]") || strings.Count(source, ":") == 1 {
		source = source[:i]
	}
	return strings.Trim(source, "[]")
}

// setTTL reckons how long a new token works: what was asked for, or the mount's
// default, but never longer than any of the bounds.
func (r *Row) setTTL(asked int64, m *mount.Mount) (warnings []string) {
	standard, longest := m.TTLs()
	ttl := asked
	switch {
	case r.Period > 0:
		ttl = min(r.Period, longest)
	case ttl == 0:
		ttl = standard
	}
	bound := longest
	if r.MaxTTL > 0 {
		bound = min(bound, r.MaxTTL)
	}
	if r.Period > 0 {
		bound = longest
	}
	if r.ExplicitMax > 0 {
		bound = min(bound, r.ExplicitMax)
	}
	if ttl > bound {
		if asked > bound {
			warnings = append(warnings, fmt.Sprintf("TTL of %q exceeded the effective max_ttl of %q; TTL value is capped accordingly", seconds(asked), seconds(bound)))
		}
		ttl = bound
	}
	r.TTL, r.Expires = ttl, r.Created+secret.Instant(ttl*1000)
	return warnings
}

func seconds(n int64) string {
	h, m, s := n/3600, n/60%60, n%60
	switch {
	case h > 0:
		return fmt.Sprintf("%dh%dm%ds", h, m, s)
	case m > 0:
		return fmt.Sprintf("%dm%ds", m, s)
	}
	return fmt.Sprintf("%ds", s)
}

// issue stores a row under a new token, or under the text that is given.
func (t *Tokens) issue(tx *gate.Tx, r *Row, text string) (Issued, error) {
	out := Issued{}
	if r.Entity != "" {
		p, ok, err := t.entities.Persona(tx, r.Account, r.Entity)
		if err != nil {
			return out, err
		}
		if !ok || p.Disabled {
			return out, fault.New(fault.Denied, "the entity is disabled")
		}
		out.Identity = p.Policies
	}
	if r.Batch {
		row, err := stored.Encode(r)
		if err != nil {
			return out, err
		}
		out.Text, out.Row = batchPrefix+base64.RawURLEncoding.EncodeToString(tx.Seal(batchName, row)), *r
		return out, nil
	}
	if text == "" {
		text = NewID()
	}
	r.Accessor = random(24)
	hash := hashOf(tx, text)
	if err := put(tx, hash, r); err != nil {
		return out, err
	}
	if err := tx.Put(accessorPrefix+r.Account+"/"+r.Accessor, []byte(hash)); err != nil {
		return out, err
	}
	if r.Parent != "" {
		if err := tx.PutIndex(childPrefix + r.Parent + "/" + hash); err != nil {
			return out, err
		}
	}
	out.Text, out.Row = text, *r
	return out, index(tx, hash, 0, r.Expires)
}

func put(tx *gate.Tx, hash string, r *Row) error {
	text, err := stored.Encode(r)
	if err != nil {
		return err
	}
	return tx.Put(rowPrefix+hash, text)
}

func dueKey(at secret.Instant, hash string) string {
	return fmt.Sprintf("%s%012x/%s", duePrefix, uint64(at), hash)
}

// index keeps the index of when tokens end.
func index(tx *gate.Tx, hash string, before, after secret.Instant) error {
	if before == after {
		return nil
	}
	if !before.IsZero() {
		if err := tx.Delete(dueKey(before, hash)); err != nil {
			return err
		}
	}
	if after.IsZero() {
		return nil
	}
	return tx.PutIndex(dueKey(after, hash))
}
