package core

import (
	"context"
	"encoding/hex"

	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// MayUse decides on and records the use of a path of Vault's that neither shows
// nor changes anything that is kept: a hash, random bytes, the server's state.
func (c *Core) MayUse(ctx context.Context, who Caller, ref secret.Ref) error {
	return c.note(ctx, who, secret.UsePath, ref)
}

// SealServer decides on and records that the server is sealed, which is then
// done by whoever can.
func (c *Core) SealServer(ctx context.Context, who Caller, ref secret.Ref) error {
	return c.note(ctx, who, secret.SealServer, ref)
}

// UnsealServer records that the server was opened.
func (c *Core) UnsealServer(ctx context.Context, who Caller) error {
	return c.note(ctx, who, secret.UnsealServer, secret.System())
}

func (c *Core) note(ctx context.Context, who Caller, v secret.Verb, ref secret.Ref) error {
	_, err := gate.Do(ctx, c.gate, who, v, ref, func(*gate.Tx, secret.Ref) (struct{}, error) {
		return struct{}{}, nil
	})
	return err
}

// AuditHash is the keyed hash under which a value is in the audit log, so that
// whoever has the value finds where it was read.
func (c *Core) AuditHash(ctx context.Context, who Caller, ref secret.Ref, value []byte) (string, error) {
	return gate.Do(ctx, c.gate, who, secret.UsePath, ref, func(tx *gate.Tx, _ secret.Ref) (string, error) {
		sum := tx.MAC("audit value", value)
		return hex.EncodeToString(sum[:]), nil
	})
}
