package token

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/mount"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
)

// Target says which token an operation is about: the session's own, or that of
// the text, or that of the accessor.
type Target struct {
	Self     bool
	Text     string
	Accessor string
}

// target finds it. It fails with Unauthenticated if there is none that works.
func (t *Tokens) target(tx *gate.Tx, s *Session, of Target) (h held, err error) {
	account := s.Table.Account
	switch {
	case of.Self && s.Hash == "":
		return held{entry: &entry{Row: s.Token, changed: identity.ChangedKey(s.Token.Account)}}, nil
	case of.Self:
		if h, err = t.load(tx, s.Hash); err == nil && h.entry != nil {
			return h, nil // it may be at its last use
		}
	case of.Accessor != "":
		if h, err = t.byAccessor(tx, account, of.Accessor); err == nil && h.entry == nil {
			err = fault.Wrap(fault.Unauthenticated, errNoAccessor, "invalid accessor")
		}
		return h, err
	default:
		h, err = t.find(tx, of.Text)
	}
	if err == nil && h.entry != nil && h.Account != account {
		h = held{}
	}
	if err == nil && h.entry == nil {
		err = fault.Wrap(fault.Unauthenticated, ErrTarget, "bad token")
	}
	return h, err
}

// ErrTarget is in the chain of the fault of an operation on a token that is
// none.
var ErrTarget = errors.New("token: the token that was named is none")

var errNoAccessor = errors.New("token: no such accessor")

// ErrNoAccessor is in the chain of the fault of an accessor that is none.
var ErrNoAccessor = errNoAccessor

// Lookup shows a token. It fails with Unauthenticated.
func (t *Tokens) Lookup(ctx context.Context, who Caller, s *Session, at string, of Target) (Issued, error) {
	return gate.Do(ctx, t.gate, who, secret.LookupToken, setting(s.Table.Account, at), func(tx *gate.Tx, _ secret.Ref) (Issued, error) {
		h, err := t.target(tx, s, of)
		if err != nil {
			return Issued{}, err
		}
		b, err := t.bind(tx, h)
		if err != nil {
			return Issued{}, err
		}
		return Issued{Text: of.Text, Row: h.Row, Identity: b.identity}, nil
	})
}

// Renew lets a token go on for increment seconds from now, or, if that is zero,
// for as long as it was made for; never beyond any of its bounds. It fails with
// Invalid if it cannot be renewed.
func (t *Tokens) Renew(ctx context.Context, who Caller, s *Session, at string, of Target, increment int64) (Issued, error) {
	return gate.Do(ctx, t.gate, who, secret.RenewToken, setting(s.Table.Account, at), func(tx *gate.Tx, _ secret.Ref) (Issued, error) {
		h, err := t.target(tx, s, of)
		if err != nil {
			return Issued{}, err
		}
		if !h.Renewable || h.Expires.IsZero() {
			return Issued{}, fault.New(fault.Invalid, "lease is not renewable")
		}
		b, err := t.bind(tx, h)
		if err != nil {
			return Issued{}, err
		}
		r := h.Row
		role, err := t.role(tx, r.Account, r.Role)
		if err != nil {
			return Issued{}, err
		}
		if r.Role != "" && role == nil {
			return Issued{}, fault.New(fault.Invalid, "original token role %q could not be found, not renewing", r.Role)
		}
		if role != nil {
			r.Period = role.Params.Period
		}
		m := s.Table.At("auth/token/")
		if r.Mount != "" {
			m = s.Table.ByAccessor(r.Mount)
		}
		now := secret.InstantOf(tx.Now())
		r.Expires, r.Renewed = r.renewed(m, increment, now), now
		if err := index(tx, h.hash, h.Expires, r.Expires); err != nil {
			return Issued{}, err
		}
		return Issued{Text: of.Text, Row: r, Identity: b.identity}, put(tx, h.hash, &r)
	})
}

// renewed is when a token ends that is renewed now.
func (r *Row) renewed(m *mount.Mount, increment int64, now secret.Instant) secret.Instant {
	standard, longest := m.TTLs()
	ttl := increment
	switch {
	case r.Period > 0:
		ttl = r.Period
	case ttl <= 0 && r.TTL > 0:
		ttl = r.TTL
	case ttl <= 0:
		ttl = standard
	}
	until := now + secret.Instant(min(ttl, longest)*1000)
	bound := func(seconds int64) {
		if seconds > 0 {
			until = min(until, r.Created+secret.Instant(seconds*1000))
		}
	}
	bound(r.ExplicitMax)
	if r.Period == 0 {
		bound(r.MaxTTL)
		bound(longest)
	}
	return until
}

// Revoke ends a token, and with it all its children, at once; with orphans,
// its children become orphans. It fails with Unauthenticated.
func (t *Tokens) Revoke(ctx context.Context, who Caller, s *Session, at string, of Target, orphans bool) error {
	_, err := gate.Do(ctx, t.gate, who, secret.RevokeToken, setting(s.Table.Account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		h, err := t.target(tx, s, of)
		if err != nil {
			if errors.Is(err, ErrTarget) && !orphans {
				err = nil // it is over already
			}
			return struct{}{}, err
		}
		if h.Batch {
			return struct{}{}, fault.New(fault.Invalid, "batch tokens cannot be revoked")
		}
		if orphans {
			if err := t.release(tx, h.hash); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, drop(tx, h)
	})
	return err
}

// release makes orphans of a token's children.
func (t *Tokens) release(tx *gate.Tx, hash string) error {
	children, err := names(tx, childPrefix+hash+"/")
	if err != nil {
		return err
	}
	for _, c := range children {
		h, err := t.load(tx, c)
		if err != nil {
			return err
		}
		if err := tx.Delete(childPrefix + hash + "/" + c); err != nil || h.entry == nil {
			return err
		}
		r := h.Row
		r.Parent, r.Orphan = "", true
		if err := put(tx, c, &r); err != nil {
			return err
		}
	}
	return nil
}

// drop removes a token. Its children work no more from then on; they and what
// it keeps are removed by Sweep.
func drop(tx *gate.Tx, h held) error {
	keys := []string{rowPrefix + h.hash, accessorPrefix + h.Account + "/" + h.Accessor}
	if h.Parent != "" {
		keys = append(keys, childPrefix+h.Parent+"/"+h.hash)
	}
	for _, k := range keys {
		if err := tx.Delete(k); err != nil {
			return err
		}
	}
	if err := index(tx, h.hash, h.Expires, 0); err != nil {
		return err
	}
	return tx.PutIndex(gonePrefix + h.hash)
}

// ListAccessors lists the accessors of the account's tokens.
func (t *Tokens) ListAccessors(ctx context.Context, who Caller, s *Session, at string) ([]string, error) {
	return gate.Do(ctx, t.gate, who, secret.ListTokens, setting(s.Table.Account, at), func(tx *gate.Tx, _ secret.Ref) ([]string, error) {
		return names(tx, accessorPrefix+s.Table.Account+"/")
	})
}

// RevokePath ends all tokens that were given under a path, as by an auth
// method: each with its children.
func (t *Tokens) RevokePath(ctx context.Context, who Caller, s *Session, at, prefix string) error {
	_, err := gate.Do(ctx, t.gate, who, secret.RevokeToken, setting(s.Table.Account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		var all []held
		for e, err := range tx.Scan(store.Prefix(rowPrefix)) {
			if err != nil {
				return struct{}{}, err
			}
			row, err := t.rows.Decode(tx, e.Key, e.Value)
			if err != nil {
				return struct{}{}, err
			}
			if row.Account == s.Table.Account && !row.IsRoot() && (row.Path == prefix || strings.HasPrefix(row.Path, strings.TrimSuffix(prefix, "/")+"/")) {
				all = append(all, held{row, e.Key[len(rowPrefix):]})
			}
		}
		for _, h := range all {
			if err := drop(tx, h); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	return err
}

// perSweep bounds one Sweep.
const perSweep = 500

// Sweepable reports whether Sweep has anything to remove.
func (t *Tokens) Sweepable(ctx context.Context) (bool, error) {
	for _, r := range []func(secret.Instant) store.Range{dueBy, func(secret.Instant) store.Range { return store.Prefix(gonePrefix) }} {
		if any, err := t.gate.Any(ctx, r); any || err != nil {
			return any, err
		}
	}
	return false, nil
}

func dueBy(now secret.Instant) store.Range {
	return store.Range{From: duePrefix, To: dueKey(now+1, "")}
}

// Sweep removes tokens that ended, the children of those that are gone, and
// what they kept; a bounded number at a time. It returns how many.
func (t *Tokens) Sweep(ctx context.Context, who Caller) (int, error) {
	return gate.Do(ctx, t.gate, who, secret.TidyTokens, secret.System(), func(tx *gate.Tx, _ secret.Ref) (int, error) {
		var due []string
		for e, err := range tx.Scan(dueBy(secret.InstantOf(tx.Now()))) {
			if err != nil {
				return 0, err
			}
			if due = append(due, e.Key); len(due) == perSweep {
				break
			}
		}
		for _, key := range due {
			h, err := t.load(tx, key[strings.LastIndexByte(key, '/')+1:])
			if err != nil {
				return 0, err
			}
			if h.entry == nil || dueKey(h.Expires, h.hash) != key {
				err = tx.Delete(key)
			} else {
				err = drop(tx, h)
			}
			if err != nil {
				return 0, err
			}
		}
		n, err := t.sweepGone(tx, perSweep-len(due))
		return n + len(due), err
	})
}

// sweepGone removes what is left of tokens that are gone.
func (t *Tokens) sweepGone(tx *gate.Tx, most int) (int, error) {
	gone, err := someNames(tx, gonePrefix, most)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, hash := range gone {
		var keys []string
		for _, prefix := range []string{childPrefix, cubbyPrefix} {
			all, err := someNames(tx, prefix+hash+"/", most+1)
			if err != nil {
				return n, err
			}
			for _, k := range all {
				keys = append(keys, prefix+hash+"/"+k)
			}
		}
		for _, key := range keys {
			if n++; n > most {
				return n, nil
			}
			if err := t.sweepOne(tx, key); err != nil {
				return n, err
			}
		}
		if n++; n > most {
			return n, nil
		}
		if err := tx.Delete(gonePrefix + hash); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (t *Tokens) sweepOne(tx *gate.Tx, key string) error {
	if strings.HasPrefix(key, childPrefix) {
		h, err := t.load(tx, key[strings.LastIndexByte(key, '/')+1:])
		if err != nil {
			return err
		}
		if h.entry != nil {
			return drop(tx, h) // which removes the key too
		}
	}
	return tx.Delete(key)
}

// Tidy asks for nothing: what ended is swept all the time. It is there for who
// asks for it.
func (t *Tokens) Tidy(ctx context.Context, who Caller, s *Session, at string) error {
	_, err := gate.Do(ctx, t.gate, who, secret.TidyTokens, setting(s.Table.Account, at), func(*gate.Tx, secret.Ref) (struct{}, error) {
		return struct{}{}, nil
	})
	return err
}

// CapabilitiesOf are what a token's policies allow on paths.
func (t *Tokens) CapabilitiesOf(ctx context.Context, who Caller, s *Session, at string, of Target, paths []string) ([][]string, error) {
	return gate.Do(ctx, t.gate, who, secret.CheckCapabilities, setting(s.Table.Account, at), func(tx *gate.Tx, _ secret.Ref) ([][]string, error) {
		h, err := t.target(tx, s, of)
		if err != nil {
			return nil, err
		}
		b, err := t.bind(tx, h)
		if err != nil {
			return nil, err
		}
		out := make([][]string, len(paths))
		for i, p := range paths {
			out[i] = capabilities(&h.Row, b.program, p)
		}
		return out, nil
	})
}

func capabilities(r *Row, p *policy.Program, path string) []string {
	if r.IsRoot() {
		return []string{"root"}
	}
	can := p.Capabilities(strings.TrimPrefix(path, "/"))
	names := can.Names()
	if can&policy.CanNothing != 0 || len(names) == 0 {
		return []string{"deny"}
	}
	return slices.Clip(names)
}
