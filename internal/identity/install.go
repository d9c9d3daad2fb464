package identity

import (
	"context"
	"slices"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// InstallKey is an access key that was drawn elsewhere, for a user.
type InstallKey struct {
	Account string
	User    string
	UserID  string // the unique ID that the user must have
	ID      string
	Secret  plain.Value
	Keep    string // the key to be kept where the user has too many; the other one goes
	Look    bool   // only look whether the user has it
}

// InstallAccessKey gives a user an access key, or finds that the user has it
// already. It fails with NotFound if there is no such user, Conflict if the
// key is another's, or Invalid for what is no access key.
func (d *Directory) InstallAccessKey(ctx context.Context, who Caller, in InstallKey) error {
	ref := secret.Ref{Space: secret.Space{Account: in.Account}, Kind: secret.KindUser, Name: in.User}
	_, err := do(ctx, d, who, secret.InstallAccessKey, ref, func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		return struct{}{}, d.install(tx, in)
	})
	return err
}

func (d *Directory) install(tx *gate.Tx, in InstallKey) error {
	e, err := d.entity(tx, in.Account, secret.KindUser, in.User)
	if err != nil {
		return err
	}
	if e == nil || e.ID != in.UserID {
		return missing(secret.KindUser, in.User)
	}
	row, err := openCredential(tx, in.ID)
	if err != nil {
		return err
	}
	if row != nil {
		clear(row.Secret)
	}
	switch {
	case row != nil && row.UserID == e.ID:
		return nil
	case row != nil:
		return fault.New(fault.Conflict, "The access key %s belongs to somebody else.", in.ID)
	case in.Look:
		return fault.New(fault.NotFound, "The Access Key with id %s cannot be found.", in.ID)
	case len(in.ID) < 16 || in.Secret.Len() < 16:
		return fault.New(fault.Invalid, "That is no access key.")
	}
	e = e.clone()
	for len(e.Keys) >= maxKeys {
		i := max(0, slices.IndexFunc(e.Keys, func(k string) bool { return k != in.Keep }))
		if err := tx.Delete(credentialPrefix + e.Keys[i]); err != nil {
			return err
		}
		e.Keys = slices.Delete(e.Keys, i, i+1)
	}
	e.Keys = append(e.Keys, in.ID)
	if err := saveEntity(tx, in.Account, e); err != nil {
		return err
	}
	return putCredential(tx, in.ID, credentialRow{Account: in.Account, User: e.Name, UserID: e.ID, Created: secret.InstantOf(tx.Now()), Secret: in.Secret.Open()})
}
