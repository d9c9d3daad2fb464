package core

import (
	"context"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/policy/hcl"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// PasswordPolicy says how passwords are drawn.
type PasswordPolicy struct {
	Text string `cbor:"1,keyasint"`
}

// passwordPrefix + ACCOUNT/NAME is the key of a PasswordPolicy.
const passwordPrefix = "password-policy/"

func passwordKey(account, name string) string { return passwordPrefix + account + "/" + name }

// PutPasswordPolicy writes a password policy. at is the path of the request. It
// fails with Invalid.
func (c *Core) PutPasswordPolicy(ctx context.Context, who Caller, account, at, name, text string) error {
	_, err := gate.Do(ctx, c.gate, who, secret.WriteSetting, settingOf(account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		if _, err := hcl.ParsePassword(text); err != nil {
			return struct{}{}, fault.New(fault.Invalid, "invalid password policy: %s", err)
		}
		row, err := stored.Encode(PasswordPolicy{text})
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Put(passwordKey(account, name), row)
	})
	return err
}

// GetPasswordPolicy shows a password policy. It fails with NotFound.
func (c *Core) GetPasswordPolicy(ctx context.Context, who Caller, account, at, name string) (*PasswordPolicy, error) {
	return gate.Do(ctx, c.gate, who, secret.ReadSetting, settingOf(account, at), func(tx *gate.Tx, _ secret.Ref) (*PasswordPolicy, error) {
		return passwordPolicy(tx, account, name)
	})
}

func passwordPolicy(tx *gate.Tx, account, name string) (*PasswordPolicy, error) {
	key := passwordKey(account, name)
	sealed, err := tx.Get(key)
	if err != nil {
		return nil, err
	}
	if sealed == nil {
		return nil, fault.New(fault.NotFound, "there is no such password policy")
	}
	opened, err := tx.Open(key, sealed)
	if err != nil {
		return nil, damaged(err)
	}
	return stored.Decode[PasswordPolicy](opened.Open())
}

// ListPasswordPolicies lists the names of password policies.
func (c *Core) ListPasswordPolicies(ctx context.Context, who Caller, account, at string) ([]string, error) {
	return gate.Do(ctx, c.gate, who, secret.ListSettings, settingOf(account, at), func(tx *gate.Tx, _ secret.Ref) (all []string, err error) {
		prefix := passwordKey(account, "")
		for e, err := range tx.Scan(store.Prefix(prefix)) {
			if err != nil {
				return nil, err
			}
			all = append(all, strings.TrimPrefix(e.Key, prefix))
		}
		return all, nil
	})
}

// DeletePasswordPolicy removes a password policy; that there is none is no
// error.
func (c *Core) DeletePasswordPolicy(ctx context.Context, who Caller, account, at, name string) error {
	_, err := gate.Do(ctx, c.gate, who, secret.DeleteSetting, settingOf(account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		return struct{}{}, tx.Delete(passwordKey(account, name))
	})
	return err
}

// GeneratePassword draws a password by a policy. Whoever gets it wipes it. It
// fails with NotFound.
func (c *Core) GeneratePassword(ctx context.Context, who Caller, account, at, name string) (plain.Value, error) {
	return gate.Do(ctx, c.gate, who, secret.ReadSetting, settingOf(account, at), func(tx *gate.Tx, _ secret.Ref) (plain.Value, error) {
		p, err := passwordPolicy(tx, account, name)
		if err != nil {
			return plain.Value{}, err
		}
		rules, err := hcl.ParsePassword(p.Text)
		if err != nil {
			return plain.Value{}, err
		}
		return plain.New(rules.Generate()), nil
	})
}
