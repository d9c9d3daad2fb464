package rotation

import (
	"context"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// KeyInstaller gives users access keys that were drawn elsewhere.
type KeyInstaller interface {
	InstallAccessKey(ctx context.Context, who core.Caller, in identity.InstallKey) error
}

// accessKeys rotates the access key of a user of Strongroom itself. The value
// has the members of IAM's AccessKey: UserName, AccessKeyId, SecretAccessKey.
// The key before stays in force until the next rotation.
type accessKeys struct {
	keys KeyInstaller
	core *core.Core
}

func (a *accessKeys) performer(c *core.Core) performer { return &accessKeys{a.keys, c} }
func (*accessKeys) swaps() bool                        { return false }
func (*accessKeys) patience() time.Duration            { return driverTime }

// Borrows implements core.Rotator: the house's right to make keys.
func (*accessKeys) Borrows(value plain.Value) ([]core.Need, string, error) {
	doc, err := parse(value)
	if err != nil {
		return nil, "", err
	}
	defer doc.wipe()
	user := doc.text("UserName")
	if user == "" {
		return nil, "", fault.New(fault.Invalid, `The secret's value has no "UserName" member.`)
	}
	return []core.Need{{Verb: secret.CreateAccessKey, ID: user}, {Verb: secret.DeleteAccessKey, ID: user}}, user, nil
}

func (a *accessKeys) perform(ctx context.Context, claim *core.Claim) (core.Outcome, error) {
	if changed(claim) || foreign(claim) {
		return core.Outcome{Rebase: true}, nil
	}
	switch claim.Run.Step {
	case secret.StepCreate:
		return core.Outcome{}, a.create(ctx, claim)
	case secret.StepSet, secret.StepTest:
		return core.Outcome{}, a.install(ctx, claim)
	default:
		return core.Outcome{Moves: true}, nil
	}
}

func (a *accessKeys) create(ctx context.Context, claim *core.Claim) error {
	doc, err := begin(ctx, a.core, claim)
	if doc == nil {
		return err
	}
	defer doc.wipe()
	key := identity.NewSecretKey()
	defer key.Wipe()
	doc.set("AccessKeyId", []byte(identity.NewAccessKeyID("AKIA")))
	doc.set("SecretAccessKey", key.Open())
	return putPending(ctx, a.core, claim, doc)
}

// install makes the pending key one of the user's, beside the current one. To
// do so again finds it there.
func (a *accessKeys) install(ctx context.Context, claim *core.Claim) error {
	pending, err := get(ctx, a.core, claim.Ref, claim.Run.Version)
	if err != nil {
		return err
	}
	defer pending.wipe()
	if pending.text("UserName") != claim.Rotation.Target {
		return errTarget
	}
	in := identity.InstallKey{Account: claim.Ref.Space.Account, User: pending.text("UserName"), ID: pending.text("AccessKeyId"),
		UserID: claim.Rotation.Lender, Secret: plain.New([]byte(pending.text("SecretAccessKey"))), Look: claim.Run.TestOnly}
	defer in.Secret.Wipe()
	if id, err := current(claim); err == nil {
		old, err := get(ctx, a.core, claim.Ref, id)
		if err != nil {
			return err
		}
		in.Keep = old.text("AccessKeyId")
		old.wipe()
	}
	return a.keys.InstallAccessKey(ctx, house(), in)
}
