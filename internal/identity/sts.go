package identity

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// chainedMax is the longest that a session made by a session lasts.
const chainedMax = time.Hour

// CallerIdentity is who asks.
type CallerIdentity struct{ Account, ARN, UserID string }

// GetCallerIdentity says who asks. No policy refuses it.
func (d *Directory) GetCallerIdentity(ctx context.Context, who Caller) (CallerIdentity, error) {
	if who.Who.ID != "" { // whoever is somebody
		who.Program = policy.Grant("anybody may ask who they are", "sts:GetCallerIdentity")
	}
	return do(ctx, d, who, secret.GetCallerIdentity, secret.Ref{}, func(tx *gate.Tx, _ secret.Ref) (CallerIdentity, error) {
		c := tx.Caller()
		id := c.Who.ID
		if c.Who.Session != "" {
			id += ":" + c.Who.Session
		}
		return CallerIdentity{Account: c.Who.Account, ARN: c.Principal, UserID: id}, nil
	})
}

// AssumeRoleInput asks for a session of a role.
type AssumeRoleInput struct {
	Account    string // of the role
	Role       string // its path and name
	Session    string
	Lasts      time.Duration // zero for an hour
	ExternalID string
	Policy     string   // a session policy
	PolicyARNs []string // and managed ones
	Tags       []secret.Tag
	Transitive []string // keys of tags that sessions made by this one inherit
	Source     string   // SourceIdentity
	Token      string   // of the caller, if it is a session
}

// Assumed is a session of a role.
type Assumed struct {
	Credentials
	ARN    string
	RoleID string // and the session's name: "AROA…:session"
	Packed int    // how full the token is, in per cent
	Source string
}

// AssumeRole makes a session of a role. The role's trust policy must allow it,
// and, unless that names the caller itself, the caller's policies too. It fails
// with Denied, also where there is no such role, or Invalid.
func (d *Directory) AssumeRole(ctx context.Context, who Caller, in AssumeRoleInput) (Assumed, error) {
	given := policy.Facts{}
	given.Set("sts:externalid", in.ExternalID)
	given.Set("sts:rolesessionname", in.Session)
	given.Set("sts:sourceidentity", in.Source)
	given.SetTags(in.Tags)
	if len(in.Transitive) > 0 {
		given["sts:transitivetagkeys"] = policy.Many(in.Transitive)
	}
	who.Given = given
	name := in.Role[strings.LastIndexByte(in.Role, '/')+1:]
	ref := secret.Ref{Space: secret.Space{Account: in.Account}, Kind: secret.KindRole, Name: name}
	return do(ctx, d, who, secret.AssumeRole, ref, func(tx *gate.Tx, ref secret.Ref) (Assumed, error) {
		role, err := d.entity(tx, in.Account, secret.KindRole, name)
		if err != nil {
			return Assumed{}, err
		}
		if role == nil || role.Path+role.Name != "/"+strings.TrimPrefix(in.Role, "/") {
			return Assumed{}, fault.Wrap(fault.Denied, &policy.Refusal{Verb: secret.AssumeRole, Layer: policy.Resource}, "There is no such role, or it is not for you.")
		}
		return d.assume(tx, role, in)
	})
}

func (d *Directory) assume(tx *gate.Tx, role *Entity, in AssumeRoleInput) (Assumed, error) {
	t := token{Account: in.Account, Kind: secret.KindRole, Name: role.Name, ID: role.ID, Session: in.Session, Source: in.Source}
	lasts := in.Lasts
	if lasts == 0 {
		lasts = time.Hour
	}
	if lasts > time.Duration(role.MaxSession)*time.Second {
		return Assumed{}, fault.Wrap(fault.Invalid, ErrInput, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	if err := t.inherit(tx, d, &in, lasts); err != nil {
		return Assumed{}, err
	}
	if in.Source != "" {
		if err := d.mayWith(tx, secret.SetSourceIdentity, role, in.Account); err != nil {
			return Assumed{}, err
		}
	}
	if len(in.Tags) > 0 {
		if err := d.mayWith(tx, secret.TagSession, role, in.Account); err != nil {
			return Assumed{}, err
		}
	}
	if err := addTags(&t.Tags, in.Tags); err != nil {
		return Assumed{}, err
	}
	for _, k := range in.Transitive {
		if !slices.ContainsFunc(in.Tags, func(g secret.Tag) bool { return fold.Equal(g.Key, k) }) {
			return Assumed{}, fault.Wrap(fault.Invalid, ErrInput, "The specified transitive tag key must be included in the requested tags.")
		}
		t.Transitive = append(t.Transitive, k)
	}
	var err error
	if t.Policies, err = d.sessionPolicies(tx, in.Policy, in.PolicyARNs); err != nil {
		return Assumed{}, err
	}
	return d.begin(tx, &t, role, lasts)
}

// begin begins the session.
func (d *Directory) begin(tx *gate.Tx, t *token, role *Entity, lasts time.Duration) (Assumed, error) {
	c, err := t.seal(tx, lasts)
	if err != nil {
		return Assumed{}, err
	}
	return Assumed{Credentials: c, ARN: t.arn(role), RoleID: role.ID + ":" + t.Session, Packed: 100 * len(c.Token) / (maxToken * 4 / 3), Source: t.Source}, nil
}

// inherit takes over what goes from the caller's session to the next: the
// transitive tags, which cannot be changed, the source identity, and the
// long-term key at the beginning.
func (t *token) inherit(tx *gate.Tx, d *Directory, in *AssumeRoleInput, lasts time.Duration) error {
	if in.Token == "" {
		t.Root = tx.Caller().AccessKey
		return nil
	}
	from, ok := d.sessions.get(in.Token)
	if !ok {
		opened, _, err := openToken(tx, in.Token)
		if err != nil {
			return err
		}
		clear(opened.Secret)
		from.token = *opened
	}
	t.Root = from.token.Root
	if from.token.Kind == secret.KindRole && lasts > chainedMax {
		return fault.Wrap(fault.Invalid, ErrInput, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.")
	}
	if from.token.Source != "" {
		if in.Source != "" && in.Source != from.token.Source {
			return fault.Wrap(fault.Denied, ErrInput, "The source identity of a session cannot be changed by a further one.")
		}
		t.Source = from.token.Source
	}
	t.Provider = from.token.Provider
	if from.token.Federated != "" {
		t.Provider = from.token.Federated
	}
	t.Through = slices.Clone(from.token.Through)
	if link := (through{from.token.Kind, from.token.Name, from.token.ID}); link.Kind == secret.KindRole && !slices.Contains(t.Through, link) {
		t.Through = append(t.Through, link)
	}
	for _, tag := range from.token.Tags {
		if !slices.ContainsFunc(from.token.Transitive, func(k string) bool { return fold.Equal(k, tag.Key) }) {
			continue
		}
		if slices.ContainsFunc(in.Tags, func(g secret.Tag) bool { return fold.Equal(g.Key, tag.Key) }) {
			return fault.Wrap(fault.Invalid, ErrInput, "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
		t.Tags = append(t.Tags, tag)
		t.Transitive = append(t.Transitive, tag.Key)
	}
	return nil
}

// mayWith asks whether the caller may do with sessions of the role what v is.
func (d *Directory) mayWith(tx *gate.Tx, v secret.Verb, role *Entity, account string) error {
	ref := secret.Ref{Space: secret.Space{Account: account}, Kind: secret.KindRole, Name: role.Path + role.Name}
	return tx.Must(v, gate.Found{Ref: ref, Tags: role.Tags, Policy: role.trust(), PolicyRules: true})
}

// GetSessionToken makes a session of the user that asks, with all that binds
// the user. It fails with Denied for who is a session already.
func (d *Directory) GetSessionToken(ctx context.Context, who Caller, lasts time.Duration) (Credentials, error) {
	if lasts == 0 {
		lasts = 12 * time.Hour
	}
	if who.Who.ID != "" && who.Who.Session == "" { // as on AWS, no policy is needed
		who.Program = policy.Grant("a user may make a session of its own", "sts:GetSessionToken")
	}
	return do(ctx, d, who, secret.GetSessionToken, secret.Ref{}, func(tx *gate.Tx, _ secret.Ref) (Credentials, error) {
		c := tx.Caller()
		cred, ok, err := d.credentials.Load(tx, credentialPrefix+c.AccessKey)
		if err != nil {
			return Credentials{}, err
		}
		if !ok {
			return Credentials{}, fault.New(fault.Denied, "Cannot call GetSessionToken with session credentials")
		}
		t := token{Account: cred.account, Kind: secret.KindUser, Name: cred.user, ID: cred.userID, Root: c.AccessKey}
		return t.seal(tx, lasts)
	})
}

// GetAccessKeyInfo says which account an access key belongs to; empty if it is
// not of this house.
func (d *Directory) GetAccessKeyInfo(ctx context.Context, who Caller, accessKey string) (string, error) {
	return do(ctx, d, who, secret.GetAccessKeyInfo, secret.Ref{}, func(tx *gate.Tx, _ secret.Ref) (string, error) {
		c, ok, err := d.credentials.Load(tx, credentialPrefix+accessKey)
		if err != nil || !ok {
			return "", err
		}
		return c.account, nil
	})
}
