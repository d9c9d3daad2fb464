package token

import (
	"context"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
)

// A cubbyhole is a token's own: no other token, not even a root one, comes to
// it, and it goes with the token. What is in it are JSON objects by path.

func cubbyKey(hash, path string) string { return cubbyPrefix + hash + "/" + path }

func (s *Session) hasCubbyhole() error {
	if s.Hash == "" {
		return fault.New(fault.Invalid, "cubbyhole operations are only supported by service tokens")
	}
	return nil
}

// ReadCubbyhole opens what is at a path. It fails with NotFound. Whoever gets
// the value wipes it.
func (t *Tokens) ReadCubbyhole(ctx context.Context, who Caller, s *Session, at, path string) (plain.Value, error) {
	return gate.Do(ctx, t.gate, who, secret.ReadCubbyhole, setting(s.Table.Account, at), func(tx *gate.Tx, _ secret.Ref) (plain.Value, error) {
		if err := s.hasCubbyhole(); err != nil {
			return plain.Value{}, err
		}
		return openCubby(tx, s.Hash, path)
	})
}

func openCubby(tx *gate.Tx, hash, path string) (plain.Value, error) {
	key := cubbyKey(hash, path)
	sealed, err := tx.Get(key)
	if err != nil {
		return plain.Value{}, err
	}
	if sealed == nil {
		return plain.Value{}, fault.New(fault.NotFound, "nothing is there")
	}
	return tx.Open(key, sealed)
}

// WriteCubbyhole puts a value at a path.
func (t *Tokens) WriteCubbyhole(ctx context.Context, who Caller, s *Session, at, path string, value plain.Value) error {
	_, err := gate.Do(ctx, t.gate, who, secret.WriteCubbyhole, setting(s.Table.Account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		if err := s.hasCubbyhole(); err != nil {
			return struct{}{}, err
		}
		if _, err := t.parent(tx, s); err != nil { // a token that is gone keeps nothing
			return struct{}{}, err
		}
		there, err := tx.Get(cubbyKey(s.Hash, path))
		if err != nil {
			return struct{}{}, err
		}
		if err := tx.MustWrite(there != nil); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Put(cubbyKey(s.Hash, path), value.Open())
	})
	return err
}

// DeleteCubbyhole removes what is at a path; nothing there is no error.
func (t *Tokens) DeleteCubbyhole(ctx context.Context, who Caller, s *Session, at, path string) error {
	_, err := gate.Do(ctx, t.gate, who, secret.DeleteCubbyhole, setting(s.Table.Account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		if err := s.hasCubbyhole(); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Delete(cubbyKey(s.Hash, path))
	})
	return err
}

// ListCubbyhole lists what is right below a folder, which ends in a slash or is
// empty; folders in it end in a slash.
func (t *Tokens) ListCubbyhole(ctx context.Context, who Caller, s *Session, at, folder string) ([]string, error) {
	return gate.Do(ctx, t.gate, who, secret.ListCubbyhole, setting(s.Table.Account, at), func(tx *gate.Tx, _ secret.Ref) ([]string, error) {
		if err := s.hasCubbyhole(); err != nil {
			return nil, err
		}
		var all []string
		prefix := cubbyKey(s.Hash, folder)
		for e, err := range tx.Scan(store.Prefix(prefix)) {
			if err != nil {
				return nil, err
			}
			name := e.Key[len(prefix):]
			if i := strings.IndexByte(name, '/'); i >= 0 {
				name = name[:i+1]
			}
			if len(all) == 0 || all[len(all)-1] != name {
				all = append(all, name)
			}
		}
		return all, nil
	})
}
