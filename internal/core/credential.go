package core

import (
	"context"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/keyring"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
)

// credentialRow is an access key as it is stored.
type credentialRow struct {
	Principal string         `cbor:"1,keyasint"`
	Account   string         `cbor:"2,keyasint"`
	Created   secret.Instant `cbor:"3,keyasint"`
	Secret    []byte         `cbor:"4,keyasint"`
}

// credential is what is kept of one: all but the secret key.
type credential struct {
	principal string
	account   string
	program   *policy.Program
}

// administrator is the program of every access key until there are policies.
var administrator = policy.Grant("administrator access", "*")

func decodeCredential(opened []byte) (*credential, error) {
	row, err := decodeRow[credentialRow](opened)
	if err != nil {
		return nil, err
	}
	clear(row.Secret)
	return &credential{principal: row.Principal, account: row.Account, program: administrator}, nil
}

// Stamp changes whenever what is stored does; what is derived from a secret
// key may be kept under it.
type Stamp [keyring.HeadLen]byte

// Credential is what a door read off the wire: a claim to be somebody.
type Credential interface {
	// AccessKey names who it claims to be.
	AccessKey() string
	// Verify checks the claim against the secret key. It calls open only if
	// it kept nothing under the stamp, and wipes what it got. It fails with
	// an Unauthenticated fault.
	Verify(stamp Stamp, open func() (plain.Value, error)) error
}

// Authenticate finds out who asks: it gives back who with its principal and
// program filled in. It fails with Unauthenticated; only that is recorded, for
// a success shows in the record of what follows.
func (c *Core) Authenticate(ctx context.Context, who Caller, claim Credential) (Caller, error) {
	who.Principal, who.AccessKey = gate.Anonymous, claim.AccessKey()
	if who.Program == nil {
		who.Program = doorstep
	}
	ref := secret.CredentialRef(claim.AccessKey())
	return gate.Do(ctx, c.gate, who, secret.Authenticate, ref, func(tx *gate.Tx, ref secret.Ref) (Caller, error) {
		key := credentialPrefix + ref.Name
		sealed, err := tx.Get(key)
		if err != nil {
			return Caller{}, err
		}
		if len(sealed) < keyring.HeadLen {
			return Caller{}, &fault.Error{Code: fault.Unauthenticated, Message: "The security token included in the request is invalid.", Err: ErrUnknownKey}
		}
		cred, err := c.rows.credentials.Decode(tx, key, sealed)
		if err != nil {
			return Caller{}, damaged(err)
		}
		err = claim.Verify(Stamp(sealed), func() (plain.Value, error) {
			opened, err := tx.Open(key, sealed)
			if err != nil {
				return plain.Value{}, damaged(err)
			}
			defer opened.Wipe()
			row, err := decodeRow[credentialRow](opened.Open())
			if err != nil {
				return plain.Value{}, err
			}
			return plain.New(row.Secret), nil
		})
		if err != nil {
			return Caller{}, err
		}
		known := *tx.Caller()
		known.Principal, known.Who, known.Program = cred.principal, policy.Principal{Account: cred.account}, cred.program
		return known, nil
	})
}

// doorstep is what a caller may do who has not proved anything.
var doorstep = policy.Grant("anybody may try to authenticate", actionsOf([]secret.Verb{secret.Authenticate})...)

type coreError string

func (e coreError) Error() string { return string(e) }

// ErrUnknownKey is in the chain of an Unauthenticated fault whose access key
// does not exist.
const ErrUnknownKey = coreError("core: no such access key")

// NewCredential describes an access key to be made.
type NewCredential struct {
	AccessKey string
	Secret    plain.Value
	Principal string // an ARN
	Account   string
}

// CreateCredential makes an access key, replacing one of the same ID.
func (c *Core) CreateCredential(ctx context.Context, who Caller, in NewCredential) error {
	_, err := gate.Do(ctx, c.gate, who, secret.CreateCredential, secret.CredentialRef(in.AccessKey), func(tx *gate.Tx, ref secret.Ref) (struct{}, error) {
		row := credentialRow{Principal: in.Principal, Account: in.Account, Created: secret.InstantOf(tx.Now()), Secret: in.Secret.Open()}
		text, err := encodeRow(row)
		if err != nil {
			return struct{}{}, err
		}
		defer clear(text)
		return struct{}{}, tx.Put(credentialPrefix+ref.Name, text)
	})
	return err
}

// RefuseClaim records that a request was refused before it came to an
// operation: a claim that could not be read, or a request for nothing that
// there is. It gives back the cause. accessKey may be empty.
func (c *Core) RefuseClaim(ctx context.Context, who Caller, accessKey string, cause *fault.Error) error {
	who.AccessKey, who.Program = accessKey, doorstep
	_, err := gate.Do(ctx, c.gate, who, secret.Authenticate, secret.CredentialRef(accessKey), func(*gate.Tx, secret.Ref) (struct{}, error) {
		return struct{}{}, cause
	})
	return err
}

// HasCredential reports whether a store holds an access key, for who opens the
// store before there is a core.
func HasCredential(r store.Reader, accessKey string) (bool, error) {
	sealed, err := r.Get(credentialPrefix + accessKey)
	return sealed != nil, err
}
