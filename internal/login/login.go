// Package login knows the auth methods of Vault's protocol: what a program or a
// person shows to get a token, and the roles and users by which it is decided
// which one.
//
// It reaches data only through the gate, and must not know the wire. Whatever
// takes long or goes over the network is done before a transaction, and what it
// was based on is looked at again in it.
package login

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"

	"github.com/strongroom-dev/strongroom/internal/entity"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/mount"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/stored"
	"github.com/strongroom-dev/strongroom/internal/token"
)

// Caller is who asks.
type Caller = gate.Caller

// Methods does the operations. It is safe for concurrent use.
type Methods struct {
	// Keys checks JSON Web Tokens. It is set before the first use.
	Keys Verifier
	// Reviewer asks Kubernetes about tokens. It is set before the first use.
	Reviewer Reviewer

	gate     *gate.Gate
	tokens   *token.Tokens
	entities *entity.Entities
	locks    locks
	hashing  chan struct{}

	approles *gate.Cache[*AppRole]
	jwts     *gate.Cache[*JWTRole]
}

// New makes Methods. Use gives it the gate before anything else is called.
func New(t *token.Tokens, e *entity.Entities) *Methods {
	return &Methods{
		tokens: t, entities: e, hashing: make(chan struct{}, hashersAtOnce),
		approles: gate.NewCache(stored.Decode[AppRole]), jwts: gate.NewCache(stored.Decode[JWTRole]),
	}
}

// Use gives it the gate.
func (m *Methods) Use(g *gate.Gate) { m.gate = g }

// At is where a request goes: an auth method of an account.
type At struct {
	Account string
	Mount   *mount.Mount
	Path    string // of the request, under the namespace
}

func (a *At) ref() secret.Ref { return mount.Setting(a.Account, a.Path) }

// key is the key of something of the method's: auth/UUID/KIND/NAME. What is kept
// there goes with the mount.
func (a *At) key(kind, name string) string { return Prefix + a.Mount.UUID + "/" + kind + "/" + name }

// Prefix begins the keys of the auth methods, each under the UUID of its mount.
const Prefix = "auth/"

// doorstep is what anybody may: try to log in.
var doorstep = policy.Grant("anybody may try to log in", arn.Action(secret.Login), arn.Action(secret.Authenticate))

// ErrRefused is in the chain of the fault of a login that was refused.
var ErrRefused = errors.New("login: refused")

func refused(format string, args ...any) *fault.Error {
	return fault.Wrap(fault.Unauthenticated, ErrRefused, format, args...)
}

// login passes a login through the gate.
func (m *Methods) login(ctx context.Context, who Caller, at At, work func(*gate.Tx) (token.Issued, error)) (token.Issued, error) {
	who.Program = doorstep
	return gate.Do(ctx, m.gate, who, secret.Login, at.ref(), func(tx *gate.Tx, _ secret.Ref) (token.Issued, error) {
		return work(tx)
	})
}

// look reads what a login is decided by, before the login itself.
func look[T any](ctx context.Context, m *Methods, who Caller, at At, work func(*gate.Tx) (T, error)) (T, error) {
	who.Program = doorstep
	return gate.Do(ctx, m.gate, who, secret.Authenticate, at.ref(), func(tx *gate.Tx, _ secret.Ref) (T, error) { return work(tx) })
}

// fail records a login that was refused.
func (m *Methods) fail(ctx context.Context, who Caller, at At, cause error) error {
	_, err := m.login(ctx, who, at, func(*gate.Tx) (token.Issued, error) { return token.Issued{}, cause })
	return err
}

// issue makes the token of a login by somebody who is called alias there.
func (m *Methods) issue(tx *gate.Tx, at At, alias, display string, meta map[string]string, groups []string, p token.Params) (token.Issued, error) {
	id, err := m.entities.Ensure(tx, at.Account, at.Mount.Accessor, alias, nil)
	if err != nil {
		return token.Issued{}, err
	}
	if groups != nil {
		if err := m.entities.JoinExternal(tx, at.Account, at.Mount.Accessor, id, groups); err != nil {
			return token.Issued{}, err
		}
	}
	return m.tokens.Issue(tx, token.Login{
		Account: at.Account, Mount: at.Mount, Path: at.Path, DisplayName: display, Meta: meta, Entity: id, Params: p, Source: tx.Caller().Source,
	})
}

// load reads a row; nil if there is none.
func load[T any](tx *gate.Tx, key string) (*T, error) {
	sealed, err := tx.Get(key)
	if err != nil || sealed == nil {
		return nil, err
	}
	opened, err := tx.Open(key, sealed)
	if err != nil {
		return nil, err
	}
	defer opened.Wipe()
	return stored.Decode[T](opened.Open())
}

func put(tx *gate.Tx, key string, row any) error {
	text, err := stored.Encode(row)
	if err != nil {
		return err
	}
	defer clear(text)
	return tx.Put(key, text)
}

// list lists what follows a prefix in keys.
func (m *Methods) list(ctx context.Context, who Caller, at At, kind string) ([]string, error) {
	return gate.Do(ctx, m.gate, who, secret.ListSettings, at.ref(), func(tx *gate.Tx, _ secret.Ref) ([]string, error) {
		return names(tx, at.key(kind, ""))
	})
}

func names(tx *gate.Tx, prefix string) (all []string, err error) {
	for e, err := range tx.Scan(store.Prefix(prefix)) {
		if err != nil {
			return nil, err
		}
		all = append(all, e.Key[len(prefix):])
	}
	return all, nil
}

// read shows a row. It fails with NotFound.
func read[T any](ctx context.Context, m *Methods, who Caller, at At, kind, name string) (*T, error) {
	return gate.Do(ctx, m.gate, who, secret.ReadSetting, at.ref(), func(tx *gate.Tx, _ secret.Ref) (*T, error) {
		row, err := load[T](tx, at.key(kind, name))
		if err == nil && row == nil {
			err = fault.New(fault.NotFound, "there is none")
		}
		return row, err
	})
}

// write changes a row, or makes it.
func write[T any](ctx context.Context, m *Methods, who Caller, at At, kind, name string, change func(tx *gate.Tx, row *T, isNew bool) error) error {
	_, err := gate.Do(ctx, m.gate, who, secret.WriteSetting, at.ref(), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		row, err := load[T](tx, at.key(kind, name))
		if err != nil {
			return struct{}{}, err
		}
		if err := tx.MustWrite(row != nil); err != nil {
			return struct{}{}, err
		}
		isNew := row == nil
		if isNew {
			row = new(T)
		}
		if err := change(tx, row, isNew); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, put(tx, at.key(kind, name), row)
	})
	return err
}

// remove removes a row; that there is none is no error.
func (m *Methods) remove(ctx context.Context, who Caller, at At, kind, name string) error {
	_, err := gate.Do(ctx, m.gate, who, secret.DeleteSetting, at.ref(), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		return struct{}{}, tx.Delete(at.key(kind, name))
	})
	return err
}

// Forget removes all that an auth method kept, in the transaction in which it
// goes.
func Forget(tx *gate.Tx, at *mount.Mount) error {
	keys, err := names(tx, Prefix+at.UUID+"/")
	if err != nil {
		return err
	}
	for _, k := range keys {
		if err := tx.Delete(Prefix + at.UUID + "/" + k); err != nil {
			return err
		}
	}
	return nil
}

func uuid() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func hashOf(tx *gate.Tx, purpose, text string) string {
	sum := tx.MAC(purpose, []byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:24])
}
