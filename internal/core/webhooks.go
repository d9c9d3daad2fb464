package core

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// Hook is a webhook: a URL that is told of events, with the rights of the user
// who registered it.
type Hook struct {
	Space    secret.Space   `cbor:"1,keyasint"`
	Name     string         `cbor:"2,keyasint"`
	URL      string         `cbor:"3,keyasint"`
	Prefix   string         `cbor:"4,keyasint,omitempty"`
	Key      []byte         `cbor:"5,keyasint"`
	Owner    string         `cbor:"6,keyasint"` // the user's ARN
	OwnerID  string         `cbor:"7,keyasint"` // and unique ID
	Created  secret.Instant `cbor:"8,keyasint"`
	After    uint64         `cbor:"9,keyasint"` // the last event that it was told
	Attempts int            `cbor:"10,keyasint,omitempty"`
	Error    string         `cbor:"11,keyasint,omitempty"`
	Next     secret.Instant `cbor:"12,keyasint,omitempty"` // when it is tried again
}

// NewHook describes a webhook.
type NewHook struct {
	Space  secret.Space
	Name   string
	URL    string
	Prefix string
}

const hookPrefix = "hook/"

// maxHooks bounds the webhooks of a space.
const maxHooks = 100

func hookKey(s secret.Space, name string) string { return hookPrefix + spaceKey(s) + name }

// RegisterWebhook has a URL told of the events from now on, signed with a key
// that is shown only now; whoever gets it wipes it. It is told what the caller,
// a user, may know. It fails with Invalid.
func (c *Core) RegisterWebhook(ctx context.Context, who Caller, in NewHook) (plain.Value, error) {
	key := make([]byte, signingKeyLen)
	_, _ = rand.Read(key)
	defer clear(key)
	_, err := gate.Do(ctx, c.gate, who, secret.RegisterWebhook, secret.InSpace(in.Space), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		u, err := url.Parse(in.URL)
		switch {
		case !functionName.MatchString(in.Name):
			return struct{}{}, fault.New(fault.Invalid, "A webhook's name is 1 to 64 letters, digits, hyphens and underscores.")
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "":
			return struct{}{}, fault.New(fault.Invalid, "A webhook's URL begins with http:// or https:// and holds no password.")
		case !strings.Contains(who.Principal, ":user/"):
			return struct{}{}, fault.New(fault.Invalid, "A webhook is registered by a user, whose rights it has, and not by a session.")
		}
		others, err := hooks(tx, hookPrefix+spaceKey(in.Space))
		if err != nil {
			return struct{}{}, err
		}
		for i := range others {
			clear(others[i].Key)
		}
		if len(others) >= maxHooks {
			return struct{}{}, fault.New(fault.Limit, "There are %d webhooks already.", maxHooks)
		}
		head, err := eventHead(tx)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, putHook(tx, &Hook{
			Space: in.Space, Name: in.Name, URL: in.URL, Prefix: in.Prefix, Key: key,
			Owner: who.Principal, OwnerID: who.Who.ID, Created: secret.InstantOf(tx.Now()), After: head,
		})
	})
	if err != nil {
		return plain.Value{}, err
	}
	return plain.New(base64.StdEncoding.AppendEncode([]byte(SigningKeyPrefix), key)), nil
}

func putHook(tx *gate.Tx, h *Hook) error {
	text, err := stored.Encode(h)
	if err != nil {
		return err
	}
	defer clear(text)
	return tx.Put(hookKey(h.Space, h.Name), text)
}

func hooks(tx *gate.Tx, prefix string) ([]Hook, error) {
	var all []Hook
	for e, err := range tx.Scan(store.Prefix(prefix)) {
		if err != nil {
			return nil, err
		}
		opened, err := tx.Open(e.Key, e.Value)
		if err != nil {
			return nil, damaged(err)
		}
		h, err := stored.Decode[Hook](opened.Open())
		opened.Wipe()
		if err != nil {
			return nil, err
		}
		all = append(all, *h)
	}
	return all, nil
}

// ListWebhooks lists the webhooks of a space, without their keys.
func (c *Core) ListWebhooks(ctx context.Context, who Caller, s secret.Space) ([]Hook, error) {
	return gate.Do(ctx, c.gate, who, secret.ListWebhooks, secret.InSpace(s), func(tx *gate.Tx, _ secret.Ref) ([]Hook, error) {
		all, err := hooks(tx, hookPrefix+spaceKey(s))
		for i := range all {
			clear(all[i].Key)
			all[i].Key = nil
		}
		return all, err
	})
}

// DeleteWebhook has a webhook told no more. It fails with NotFound.
func (c *Core) DeleteWebhook(ctx context.Context, who Caller, s secret.Space, name string) error {
	_, err := gate.Do(ctx, c.gate, who, secret.DeleteWebhook, secret.InSpace(s), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		sealed, err := tx.Get(hookKey(s, name))
		if err == nil && sealed == nil {
			err = fault.New(fault.NotFound, "There is no webhook %s.", name)
		}
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Delete(hookKey(s, name))
	})
	return err
}

// AnyWebhooks reports whether there are webhooks. It is the house's own
// question, and not recorded.
func (c *Core) AnyWebhooks(ctx context.Context) (bool, error) {
	return c.gate.Any(ctx, func(secret.Instant) store.Range { return store.Prefix(hookPrefix) })
}

// OpenWebhooks gives all webhooks, with their keys, to whoever tells them.
func (c *Core) OpenWebhooks(ctx context.Context, who Caller) ([]Hook, error) {
	return gate.Do(ctx, c.gate, who, secret.OpenWebhooks, secret.System(), func(tx *gate.Tx, _ secret.Ref) ([]Hook, error) {
		return hooks(tx, hookPrefix)
	})
}

// SettleWebhook notes how far a webhook was told, or why not.
func (c *Core) SettleWebhook(ctx context.Context, who Caller, told Hook) error {
	_, err := gate.Do(ctx, c.gate, who, secret.SettleWebhook, secret.InSpace(told.Space), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		all, err := hooks(tx, hookKey(told.Space, told.Name))
		for i := range all {
			if h := &all[i]; err == nil && h.Name == told.Name && h.Created == told.Created {
				h.After, h.Attempts, h.Next = max(h.After, told.After), told.Attempts, told.Next
				h.Error = kept(told.Error)
				err = putHook(tx, h)
			}
			clear(all[i].Key)
		}
		return struct{}{}, err
	})
	return err
}
