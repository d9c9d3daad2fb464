package identity

import (
	"context"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/keyring"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
)

// Credential is what a door read off the wire: a claim to be somebody.
type Credential interface {
	// AccessKey names who it claims to be.
	AccessKey() string
	// Token is the session's, empty for a long-term access key.
	Token() string
	// Scope is the service and the region that it is for.
	Scope() (service, region string)
	// Verify checks the claim against the secret key. It calls open only if
	// it kept nothing under the stamp, and wipes what it got. It fails with
	// an Unauthenticated fault.
	Verify(stamp Stamp, open func() (plain.Value, error)) error
}

// Authenticate finds out who asks: it gives back who with its principal and
// program filled in. It fails with Unauthenticated; only that is recorded, for
// a success shows in the record of what follows.
func (d *Directory) Authenticate(ctx context.Context, who Caller, claim Credential) (Caller, error) {
	who.Principal, who.AccessKey = gate.Anonymous, claim.AccessKey()
	if who.Program == nil {
		who.Program = doorstep
	}
	ref := secret.CredentialRef(claim.AccessKey())
	return do(ctx, d, who, secret.Authenticate, ref, func(tx *gate.Tx, _ secret.Ref) (Caller, error) {
		if claim.Token() != "" {
			return d.bySession(tx, claim)
		}
		return d.byKey(tx, claim)
	})
}

func unknownKey() error {
	return fault.Wrap(fault.Unauthenticated, ErrUnknownKey, "The security token included in the request is invalid.")
}

// byKey authenticates by a long-term access key.
func (d *Directory) byKey(tx *gate.Tx, claim Credential) (Caller, error) {
	id := claim.AccessKey()
	key := credentialPrefix + id
	sealed, err := tx.Get(key)
	if err != nil {
		return Caller{}, err
	}
	if len(sealed) < keyring.HeadLen {
		// As much work as for a key that there is, so that time does not tell.
		_ = claim.Verify(Stamp{}, func() (plain.Value, error) { return NewSecretKey(), nil })
		return Caller{}, unknownKey()
	}
	c, err := d.credentials.Decode(tx, key, sealed)
	if err != nil {
		return Caller{}, err
	}
	err = claim.Verify(Stamp(sealed), func() (plain.Value, error) {
		row, err := openCredential(tx, id)
		if err != nil {
			return plain.Value{}, err
		}
		return plain.New(row.Secret), nil
	})
	if err != nil {
		return Caller{}, err
	}
	if c.inactive {
		return Caller{}, unknownKey()
	}
	b, ok, err := d.bind(tx, c.account, secret.KindUser, c.user, c.userID)
	if err != nil {
		return Caller{}, err
	}
	if !ok {
		return Caller{}, unknownKey()
	}
	d.noteUse(tx, c, claim)
	who := *tx.Caller()
	who.Principal, who.Program = b.arn, b.program
	who.Who, who.Facts = policy.Principal{Account: c.account, ID: c.userID}, b.facts
	return who, nil
}

// doorstep is what a caller may do who has not proved anything.
var doorstep = policy.Grant("anybody may try to authenticate", actionsOf([]secret.Verb{secret.Authenticate})...)

// RefuseClaim records that a request was refused before it came to an
// operation: a claim that could not be read, or a request for nothing that
// there is. It gives back the cause. accessKey may be empty.
func (d *Directory) RefuseClaim(ctx context.Context, who Caller, accessKey string, cause *fault.Error) error {
	who.AccessKey, who.Program = accessKey, doorstep
	_, err := do(ctx, d, who, secret.Authenticate, secret.CredentialRef(accessKey), func(*gate.Tx, secret.Ref) (struct{}, error) {
		return struct{}{}, cause
	})
	return err
}

// NewCredential describes an access key that is given, not drawn.
type NewCredential struct {
	AccessKey string
	Secret    plain.Value
	Account   string
	User      string
}

// CreateCredential makes an access key of that ID and, if there is none, its
// user, who may do everything: how a house gets its first administrator.
func (d *Directory) CreateCredential(ctx context.Context, who Caller, in NewCredential) error {
	_, err := do(ctx, d, who, secret.CreateCredential, secret.CredentialRef(in.AccessKey), func(tx *gate.Tx, ref secret.Ref) (struct{}, error) {
		e, err := d.entity(tx, in.Account, secret.KindUser, in.User)
		if err != nil {
			return struct{}{}, err
		}
		now := secret.InstantOf(tx.Now())
		if e == nil {
			e = &Entity{Kind: secret.KindUser, Name: in.User, Path: "/", ID: newID(idPrefixes[secret.KindUser]), Created: now, Attached: []string{Administrator}}
		}
		e = e.clone()
		if !slices.Contains(e.Keys, ref.Name) {
			e.Keys = append(e.Keys, ref.Name)
		}
		if err := saveEntity(tx, in.Account, e); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, putCredential(tx, ref.Name, credentialRow{Account: in.Account, User: e.Name, UserID: e.ID, Created: now, Secret: in.Secret.Open()})
	})
	return err
}

// HasCredential reports whether a store holds an access key, for who opens the
// store before there is a gate.
func HasCredential(r store.Reader, accessKey string) (bool, error) {
	sealed, err := r.Get(credentialPrefix + accessKey)
	return sealed != nil, err
}

// FirstAccount is the first account of which a store holds anything, for who
// opens the store before there is a gate; empty if there is none.
func FirstAccount(r store.Reader) (string, error) {
	for e, err := range r.Scan(store.Prefix(iamPrefix)) {
		account, _, _ := strings.Cut(strings.TrimPrefix(e.Key, iamPrefix), "/")
		return account, err
	}
	return "", nil
}

// ActAs gives a user of the house, as whom the house does what that user asked
// it to do later. It fails with Unauthenticated if there is no such user any
// more.
func (d *Directory) ActAs(ctx context.Context, who Caller, user, id string) (Caller, error) {
	ref, _ := arn.Ref(user, secret.Space{})
	return do(ctx, d, who, secret.ActAs, ref, func(tx *gate.Tx, _ secret.Ref) (Caller, error) {
		b, ok, err := d.bind(tx, ref.Space.Account, secret.KindUser, ref.Name, id)
		if err == nil && !ok {
			err = unknownKey()
		}
		if err != nil {
			return Caller{}, err
		}
		as := *tx.Caller()
		as.Principal, as.Program = b.arn, b.program
		as.Who, as.Facts = policy.Principal{Account: ref.Space.Account, ID: id}, b.facts
		return as, nil
	})
}
