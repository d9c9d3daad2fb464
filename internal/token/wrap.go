package token

import (
	"context"
	"errors"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// Wrapping is an answer that is kept for whoever shows a token, once.
type Wrapping struct {
	Token    string
	Accessor string
	TTL      int64 // seconds
	Created  secret.Instant
	Path     string // of the request whose answer it is
	Wrapped  string // the accessor of the token that is in the answer, if one is
}

// response is where in the cubbyhole of a wrapping token the answer is.
const response = "response"

// ErrWrapping is in the chain of the fault of a wrapping token that is none, or
// was used.
var ErrWrapping = errors.New("token: not a wrapping token")

func noWrapping() error {
	return fault.Wrap(fault.Invalid, ErrWrapping, "wrapping token is not valid or does not exist")
}

// asWrapper lets a caller whose answer is to be wrapped have it wrapped: whether
// it may ask for that, the policies said of the answer itself.
func asWrapper(who Caller, v secret.Verb) Caller {
	who.Program = policy.Grant("whoever gets an answer may have it wrapped", arn.Action(v))
	return who
}

// Wrap keeps the answer to a request to path under a new token that works once.
func (t *Tokens) Wrap(ctx context.Context, who Caller, s *Session, path string, answer plain.Value, ttl int64) (Wrapping, error) {
	return gate.Do(ctx, t.gate, asWrapper(who, secret.WrapResponse), secret.WrapResponse, setting(s.Table.Account, path), func(tx *gate.Tx, _ secret.Ref) (Wrapping, error) {
		return t.wrap(tx, s.Table.Account, path, answer, ttl)
	})
}

func (t *Tokens) wrap(tx *gate.Tx, account, path string, answer plain.Value, ttl int64) (Wrapping, error) {
	now := secret.InstantOf(tx.Now())
	r := &Row{
		Account: account, Policies: []string{identity.WrappingPolicy}, Path: path, Created: now, TTL: ttl, ExplicitMax: ttl,
		Expires: now + secret.Instant(ttl*1000), Uses: 1, Used: 1, Orphan: true, DisplayName: "wrapping",
	}
	out, err := t.issue(tx, r, "")
	if err != nil {
		return Wrapping{}, err
	}
	w := Wrapping{Token: out.Text, Accessor: out.Row.Accessor, TTL: ttl, Created: now, Path: path}
	return w, tx.Put(cubbyKey(hashOf(tx, out.Text), response), answer.Open())
}

// wrapping finds a wrapping token that was not used.
func (t *Tokens) wrapping(tx *gate.Tx, account, text string) (held, error) {
	h, err := t.find(tx, text)
	if err == nil && (h.entry == nil || h.Account != account || len(h.Policies) != 1 || h.Policies[0] != identity.WrappingPolicy) {
		err = noWrapping()
	}
	return h, err
}

// Unwrap gives the answer that a wrapping token keeps, and ends the token. It
// fails with Invalid if that is none, or was used. Whoever gets the answer wipes
// it.
func (t *Tokens) Unwrap(ctx context.Context, who Caller, s *Session, at, text string) (plain.Value, error) {
	return gate.Do(ctx, t.gate, who, secret.UnwrapResponse, setting(s.Table.Account, at), func(tx *gate.Tx, _ secret.Ref) (plain.Value, error) {
		h, err := t.wrapping(tx, s.Table.Account, text)
		if err != nil {
			return plain.Value{}, err
		}
		answer, err := openCubby(tx, h.hash, response)
		if err != nil {
			return plain.Value{}, err
		}
		if err := tx.Delete(cubbyKey(h.hash, response)); err != nil {
			return plain.Value{}, err
		}
		return answer, drop(tx, h)
	})
}

// LookupWrapping says what a wrapping token is for, to whoever has it. It fails
// with Invalid.
func (t *Tokens) LookupWrapping(ctx context.Context, who Caller, s *Session, at, text string) (Wrapping, error) {
	return gate.Do(ctx, t.gate, asWrapper(who, secret.LookupWrapping), secret.LookupWrapping, setting(s.Table.Account, at), func(tx *gate.Tx, _ secret.Ref) (Wrapping, error) {
		h, err := t.wrapping(tx, s.Table.Account, text)
		if err != nil {
			return Wrapping{}, err
		}
		return Wrapping{TTL: h.TTL, Created: h.Created, Path: h.Path}, nil
	})
}

// Rewrap gives what a wrapping token keeps a new token, for as long again, and
// ends the old one. It fails with Invalid.
func (t *Tokens) Rewrap(ctx context.Context, who Caller, s *Session, at, text string) (Wrapping, error) {
	return gate.Do(ctx, t.gate, who, secret.RewrapResponse, setting(s.Table.Account, at), func(tx *gate.Tx, _ secret.Ref) (Wrapping, error) {
		h, err := t.wrapping(tx, s.Table.Account, text)
		if err != nil {
			return Wrapping{}, err
		}
		answer, err := openCubby(tx, h.hash, response)
		if err != nil {
			return Wrapping{}, err
		}
		defer answer.Wipe()
		if err := drop(tx, h); err != nil {
			return Wrapping{}, err
		}
		return t.wrap(tx, h.Account, h.Path, answer, h.TTL)
	})
}
