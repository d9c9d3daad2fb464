package core

import (
	"context"

	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// MayUse decides on and records the use of a path of Vault's that neither shows
// nor changes anything that is kept: a hash, random bytes, the server's state.
func (c *Core) MayUse(ctx context.Context, who Caller, ref secret.Ref) error {
	_, err := gate.Do(ctx, c.gate, who, secret.UsePath, ref, func(*gate.Tx, secret.Ref) (struct{}, error) {
		return struct{}{}, nil
	})
	return err
}
