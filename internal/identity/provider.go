package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// Provider is an OpenID Connect provider whose tokens are accepted.
type Provider struct {
	URL         string         `cbor:"1,keyasint"` // without the scheme: "token.actions.githubusercontent.com"
	Scheme      string         `cbor:"2,keyasint"`
	Audiences   []string       `cbor:"3,keyasint,omitempty"` // client IDs
	Thumbprints []string       `cbor:"4,keyasint,omitempty"` // kept for those who give them; TLS is checked by the system's authorities
	Created     secret.Instant `cbor:"5,keyasint"`
	Tags        []secret.Tag   `cbor:"6,keyasint,omitempty"`
}

// ARN is the provider's.
func (p *Provider) ARN(account string) string {
	return arn.IAM(account, "oidc-provider", "/"+p.URL)
}

const maxAudiences = 100

func providerKey(account, url string) string { return iamPrefix + account + "/provider/" + url }

func (d *Directory) provider(tx *gate.Tx, account, url string) (*Provider, error) {
	p, _, err := d.providers.Load(tx, providerKey(account, url))
	return p, err
}

func (j *job) loadProvider() (*Provider, error) {
	p, err := j.provider(j.tx, j.account, j.in.Name)
	if err == nil && p == nil {
		err = fault.New(fault.NotFound, "OpenIDConnect Provider not found for arn %s", arn.IAM(j.account, "oidc-provider", "/"+j.in.Name))
	}
	return p, err
}

func (j *job) saveProvider(p *Provider) error {
	text, err := stored.Encode(p)
	if err != nil {
		return err
	}
	j.out.Provider = p
	return j.tx.Put(providerKey(j.account, p.URL), text)
}

func (j *job) editProvider(change func(*Provider) error) error {
	old, err := j.loadProvider()
	if err != nil {
		return err
	}
	p := *old
	p.Audiences, p.Tags = slices.Clone(old.Audiences), slices.Clone(old.Tags)
	if err := change(&p); err != nil {
		return err
	}
	return j.saveProvider(&p)
}

func (j *job) createProvider() error {
	there, err := j.provider(j.tx, j.account, j.in.Name)
	if err != nil {
		return err
	}
	if there != nil {
		return fault.New(fault.Exists, "Provider with url %s already exists.", j.in.URL)
	}
	if len(j.in.Audiences) > maxAudiences {
		return limit("ClientIdsPerOpenIdConnectProvider", maxAudiences)
	}
	if err := j.mayTag(secret.TagOpenIDConnectProvider); err != nil {
		return err
	}
	scheme, _, _ := strings.Cut(j.in.URL, "://")
	p := &Provider{URL: j.in.Name, Scheme: scheme, Audiences: j.in.Audiences, Thumbprints: j.in.Thumbprints, Created: secret.InstantOf(j.tx.Now())}
	if err := addTags(&p.Tags, j.in.Tags); err != nil {
		return err
	}
	return j.saveProvider(p)
}

func (j *job) getProvider() (err error) {
	j.out.Provider, err = j.loadProvider()
	return err
}

func (j *job) listProviders() error {
	for row, err := range j.tx.Scan(store.Prefix(providerKey(j.account, ""))) {
		if err != nil {
			return err
		}
		p, err := j.providers.Decode(j.tx, row.Key, row.Value)
		if err != nil {
			return err
		}
		j.out.Names = append(j.out.Names, p.ARN(j.account))
	}
	return nil
}

func (j *job) deleteProvider() error {
	if _, err := j.loadProvider(); err != nil {
		return err
	}
	return j.tx.Delete(providerKey(j.account, j.in.Name))
}

func (j *job) addAudience() error {
	return j.editProvider(func(p *Provider) error {
		if !slices.Contains(p.Audiences, j.in.ClientID) {
			p.Audiences = append(p.Audiences, j.in.ClientID)
		}
		if len(p.Audiences) > maxAudiences {
			return limit("ClientIdsPerOpenIdConnectProvider", maxAudiences)
		}
		return nil
	})
}

func (j *job) removeAudience() error {
	return j.editProvider(func(p *Provider) error {
		p.Audiences = slices.DeleteFunc(p.Audiences, func(a string) bool { return a == j.in.ClientID })
		return nil
	})
}

func (j *job) setThumbprints() error {
	return j.editProvider(func(p *Provider) error { p.Thumbprints = j.in.Thumbprints; return nil })
}

func (j *job) tagProvider() error {
	return j.editProvider(func(p *Provider) error { return addTags(&p.Tags, j.in.Tags) })
}

func (j *job) untagProvider() error {
	return j.editProvider(func(p *Provider) error { removeTags(&p.Tags, j.in.TagKeys); return nil })
}

// Verifier checks identity tokens. It may speak with the issuer, and so is
// never called inside of a transaction.
type Verifier interface {
	Verify(ctx context.Context, issuer, token string) (claims map[string]any, err error)
}

// Errors in the chains of Unauthenticated faults about identity tokens.
const (
	// ErrIdentityToken: the token is not good.
	ErrIdentityToken = identityError("identity: bad identity token")
	// ErrIssuer: the issuer's keys could not be had.
	ErrIssuer = identityError("identity: the issuer does not answer")
)

// WebIdentityInput asks for a session of a role by an identity token.
type WebIdentityInput struct {
	AssumeRoleInput
	Issuer string // which the token claims
	Web    string // the token
}

// WebAssumed is a session that was made by an identity token.
type WebAssumed struct {
	Assumed
	Subject, Audience, Provider string
}

// AssumeRoleWithWebIdentity makes a session of a role for who brings an
// identity token of a provider that the role's account knows and the role
// trusts. It fails with Unauthenticated if the token is not good, and with
// Denied.
func (d *Directory) AssumeRoleWithWebIdentity(ctx context.Context, who Caller, in WebIdentityInput) (WebAssumed, error) {
	p, err := d.trusted(ctx, who, in)
	if err != nil {
		return WebAssumed{}, err
	}
	claims, err := d.Tokens.Verify(ctx, in.Issuer, in.Web)
	if err != nil {
		return WebAssumed{}, d.badToken(ctx, who, err)
	}
	subject, _ := claims["sub"].(string)
	audience, ok := p.audience(claims)
	if !ok || subject == "" {
		return WebAssumed{}, d.badToken(ctx, who, fmt.Errorf("%w: it is for another audience", ErrIdentityToken))
	}
	provider := p.ARN(in.Account)
	who.Principal, who.Who = subject, policy.Principal{Federated: provider}
	if who.Program == nil {
		who.Program = doorstep
	}
	who.Given = in.claims(p.URL, claims, audience)
	name := in.Role[strings.LastIndexByte(in.Role, '/')+1:]
	ref := secret.Ref{Space: secret.Space{Account: in.Account}, Kind: secret.KindRole, Name: name}
	return do(ctx, d, who, secret.AssumeRoleWithWebIdentity, ref, func(tx *gate.Tx, _ secret.Ref) (WebAssumed, error) {
		role, err := d.entity(tx, in.Account, secret.KindRole, name)
		if err != nil {
			return WebAssumed{}, err
		}
		if role == nil || role.Path+role.Name != in.Role {
			return WebAssumed{}, fault.Wrap(fault.Denied, &policy.Refusal{Verb: secret.AssumeRoleWithWebIdentity, Layer: policy.Resource}, "There is no such role, or it is not for you.")
		}
		out, err := d.federate(tx, role, in, provider)
		return WebAssumed{Assumed: out, Subject: subject, Audience: audience, Provider: provider}, err
	})
}

// trusted finds the provider that the role's account knows the issuer as. Only
// then is an issuer asked for anything.
func (d *Directory) trusted(ctx context.Context, who Caller, in WebIdentityInput) (*Provider, error) {
	if who.Program == nil {
		who.Program = doorstep
	}
	who.Principal = gate.Anonymous
	scheme, url, _ := strings.Cut(in.Issuer, "://")
	url = strings.TrimSuffix(url, "/") // providers are kept without; the token's claim is compared as it is
	return do(ctx, d, who, secret.Authenticate, secret.CredentialRef(url), func(tx *gate.Tx, _ secret.Ref) (*Provider, error) {
		p, err := d.provider(tx, in.Account, url)
		if err == nil && (p == nil || p.Scheme != scheme) {
			err = fault.Wrap(fault.Unauthenticated, ErrIdentityToken, "No OpenIDConnect provider found in your account for %s", in.Issuer)
		}
		return p, err
	})
}

// badToken has a refusal recorded.
func (d *Directory) badToken(ctx context.Context, who Caller, cause error) error {
	f := fault.Wrap(fault.Unauthenticated, fmt.Errorf("%w: %w", ErrIdentityToken, cause), "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements")
	if d.Unreachable == nil || !d.Unreachable(cause) {
		f.Message = "The web identity token that was passed is expired, is not valid, or is for another audience."
	} else {
		f.Err = fmt.Errorf("%w: %w", ErrIssuer, cause)
	}
	return d.RefuseClaim(ctx, who, "", f)
}

// audience is whom the token is for: one whom the provider lists.
func (p *Provider) audience(claims map[string]any) (string, bool) {
	if azp, ok := claims["azp"].(string); ok && azp != "" {
		return azp, slices.Contains(p.Audiences, azp)
	}
	for _, a := range texts(claims["aud"]) {
		if slices.Contains(p.Audiences, a) {
			return a, true
		}
	}
	return "", false
}

func texts(claim any) []string {
	switch c := claim.(type) {
	case string:
		return []string{c}
	case []any:
		var all []string
		for _, one := range c {
			if s, ok := one.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}

// claims are what the trust policy may ask: every claim that is a text, a
// number, a boolean or a list of texts, as PROVIDER:CLAIM.
func (in *WebIdentityInput) claims(url string, claims map[string]any, audience string) policy.Keys {
	keys := policy.Facts{}
	prefix := fold.Lower(url) + ":"
	folded := map[string]int{}
	for name := range claims {
		folded[fold.Lower(name)]++
	}
	for name, claim := range claims {
		if folded[fold.Lower(name)] > 1 {
			continue // conditions could not tell one from the other: none of them counts
		}
		switch c := claim.(type) {
		case string, bool, float64:
			keys.Set(prefix+fold.Lower(name), fmt.Sprint(c))
		case []any:
			keys[prefix+fold.Lower(name)] = policy.Many(texts(c))
		}
	}
	if _, ok := claims["azp"]; ok {
		keys[prefix+"oaud"] = policy.Many(texts(claims["aud"]))
	}
	keys.Set(prefix+"aud", audience)
	keys.Set("sts:rolesessionname", in.Session)
	keys.Set("aws:federatedprovider", url)
	return keys
}

// federate makes the session.
func (d *Directory) federate(tx *gate.Tx, role *Entity, in WebIdentityInput, provider string) (Assumed, error) {
	lasts := in.Lasts
	if lasts == 0 {
		lasts = time.Hour
	}
	if lasts > time.Duration(role.MaxSession)*time.Second {
		return Assumed{}, fault.Wrap(fault.Invalid, ErrInput, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	t := token{Account: in.Account, Kind: secret.KindRole, Name: role.Name, ID: role.ID, Session: in.Session, Federated: provider}
	var err error
	if t.Policies, err = d.sessionPolicies(tx, in.Policy, in.PolicyARNs); err != nil {
		return Assumed{}, err
	}
	return d.begin(tx, &t, role, lasts)
}
