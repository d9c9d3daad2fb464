package login

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/token"
)

// KeySource says with whose keys a token must be signed: those that are given,
// or those at an address, or those of an issuer that publishes where they are.
type KeySource struct {
	Keys       []string // public keys, PEM
	JWKS       string   // URL of a JSON Web Key Set
	Discovery  string   // the issuer's URL
	CA         string   // PEM; whom to believe at that address; empty for the system's
	Algorithms []string
}

// Verifier checks a token's signature and gives its claims. It must not be
// asked in a transaction.
type Verifier interface {
	Claims(ctx context.Context, from KeySource, raw string) (map[string]any, error)
}

// JWTConfig is how a JWT method is configured.
type JWTConfig struct {
	Discovery   string   `cbor:"1,keyasint,omitempty"`
	DiscoveryCA string   `cbor:"2,keyasint,omitempty"`
	JWKS        string   `cbor:"3,keyasint,omitempty"`
	JWKSCA      string   `cbor:"4,keyasint,omitempty"`
	Keys        []string `cbor:"5,keyasint,omitempty"`
	Issuer      string   `cbor:"6,keyasint,omitempty"`
	DefaultRole string   `cbor:"7,keyasint,omitempty"`
	Algorithms  []string `cbor:"8,keyasint,omitempty"`
}

func (c *JWTConfig) source() KeySource {
	s := KeySource{Keys: c.Keys, JWKS: c.JWKS, CA: c.JWKSCA, Discovery: c.Discovery, Algorithms: c.Algorithms}
	if c.Discovery != "" {
		s.CA = c.DiscoveryCA
	}
	return s
}

func (c *JWTConfig) check() error {
	n := 0
	for _, given := range []bool{c.Discovery != "", c.JWKS != "", len(c.Keys) > 0} {
		if given {
			n++
		}
	}
	if n != 1 {
		return fault.New(fault.Invalid, "exactly one of 'jwt_validation_pubkeys', 'jwks_url' or 'oidc_discovery_url' must be set")
	}
	for _, u := range []string{c.Discovery, c.JWKS} {
		if u != "" && !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://127.0.0.1") && !strings.HasPrefix(u, "http://localhost") {
			return fault.New(fault.Invalid, "%s is not an https URL", u)
		}
	}
	return nil
}

// JWTRole is a role of a JWT method. One that came from the store is shared: not
// to be changed.
type JWTRole struct {
	Name       string              `cbor:"1,keyasint"`
	Audiences  []string            `cbor:"2,keyasint,omitempty"`
	Subject    string              `cbor:"3,keyasint,omitempty"`
	Claims     map[string][]string `cbor:"4,keyasint,omitempty"` // each must have one of the values
	Glob       bool                `cbor:"5,keyasint,omitempty"` // in which a * stands for anything
	UserClaim  string              `cbor:"6,keyasint"`
	Groups     string              `cbor:"7,keyasint,omitempty"` // the claim that names groups
	Mappings   map[string]string   `cbor:"8,keyasint,omitempty"` // claims that go into the token's metadata
	ExpLeeway  int64               `cbor:"9,keyasint,omitempty"` // seconds; zero for 150
	NbfLeeway  int64               `cbor:"10,keyasint,omitempty"`
	SkewLeeway int64               `cbor:"11,keyasint,omitempty"` // zero for 60
	Params     token.Params        `cbor:"12,keyasint,omitempty"`
}

const (
	kindConfig  = "config"
	kindJWTRole = "role"
)

// PutJWTConfig changes the method's configuration. It fails with Invalid.
func (m *Methods) PutJWTConfig(ctx context.Context, who Caller, at At, change func(*JWTConfig)) error {
	return write(ctx, m, who, at, kindConfig, "", func(_ *gate.Tx, c *JWTConfig, _ bool) error {
		change(c)
		return c.check()
	})
}

// GetJWTConfig shows the configuration. It fails with NotFound.
func (m *Methods) GetJWTConfig(ctx context.Context, who Caller, at At) (*JWTConfig, error) {
	return read[JWTConfig](ctx, m, who, at, kindConfig, "")
}

// PutJWTRole writes a role. It fails with Invalid.
func (m *Methods) PutJWTRole(ctx context.Context, who Caller, at At, name string, change func(*JWTRole)) error {
	return write(ctx, m, who, at, kindJWTRole, name, func(_ *gate.Tx, r *JWTRole, _ bool) error {
		r.Name = name
		change(r)
		switch {
		case r.UserClaim == "":
			return fault.New(fault.Invalid, "a user claim must be defined on the role")
		case len(r.Audiences) == 0 && r.Subject == "" && len(r.Claims) == 0 && len(r.Params.BoundCIDRs) == 0:
			return fault.New(fault.Invalid, "must have at least one bound constraint when creating/updating a role")
		}
		return r.Params.Check()
	})
}

// GetJWTRole shows a role. It fails with NotFound.
func (m *Methods) GetJWTRole(ctx context.Context, who Caller, at At, name string) (*JWTRole, error) {
	return read[JWTRole](ctx, m, who, at, kindJWTRole, name)
}

// ListJWTRoles lists the names of roles.
func (m *Methods) ListJWTRoles(ctx context.Context, who Caller, at At) ([]string, error) {
	return m.list(ctx, who, at, kindJWTRole)
}

// DeleteJWTRole removes a role; tokens that it gave go on.
func (m *Methods) DeleteJWTRole(ctx context.Context, who Caller, at At, name string) error {
	return m.remove(ctx, who, at, kindJWTRole, name)
}

// asked is what a login by a token is decided by.
type asked struct {
	config *JWTConfig
	role   *JWTRole
}

// ByJWT logs in with a JSON Web Token.
func (m *Methods) ByJWT(ctx context.Context, who Caller, at At, role, raw string) (token.Issued, error) {
	a, err := look(ctx, m, who, at, func(tx *gate.Tx) (a asked, err error) {
		if a.config, err = load[JWTConfig](tx, at.key(kindConfig, "")); err != nil || a.config == nil {
			return a, err
		}
		if role == "" {
			role = a.config.DefaultRole
		}
		a.role, _, err = m.jwts.Load(tx, at.key(kindJWTRole, role))
		return a, err
	})
	switch {
	case err != nil:
		return token.Issued{}, err
	case a.config == nil:
		return token.Issued{}, m.fail(ctx, who, at, refused("could not load configuration"))
	case role == "":
		return token.Issued{}, m.fail(ctx, who, at, refused("missing role"))
	case a.role == nil:
		return token.Issued{}, m.fail(ctx, who, at, refused("role %q could not be found", role))
	}
	claims, err := m.Keys.Claims(ctx, a.config.source(), raw)
	if err != nil {
		return token.Issued{}, m.fail(ctx, who, at, fault.Wrap(fault.Unauthenticated, fmt.Errorf("%w: %w", ErrRefused, err), "error validating token: the signature is not good, or the keys cannot be had"))
	}
	if err := a.role.check(claims, a.config.Issuer, time.Now()); err != nil {
		return token.Issued{}, m.fail(ctx, who, at, err)
	}
	user := claimText(claim(claims, a.role.UserClaim))
	if user == "" {
		return token.Issued{}, m.fail(ctx, who, at, refused("claim %q not found in token", a.role.UserClaim))
	}
	return m.login(ctx, who, at, func(tx *gate.Tx) (token.Issued, error) {
		again, _, err := m.jwts.Load(tx, at.key(kindJWTRole, role))
		if err != nil || again != a.role {
			return token.Issued{}, orElse(err, refused("the role was changed meanwhile: try again"))
		}
		meta := map[string]string{"role": role}
		for from, to := range a.role.Mappings {
			if v := claimText(claim(claims, from)); v != "" {
				meta[to] = v
			}
		}
		var groups []string
		if a.role.Groups != "" {
			groups = append([]string{}, claimList(claim(claims, a.role.Groups))...)
		}
		display := strings.TrimSuffix(strings.TrimPrefix(at.Mount.Path, "auth/"), "/") + "-" + user
		return m.issue(tx, at, user, display, meta, groups, a.role.Params)
	})
}

// check wants the claims to be what the role binds. It fails with
// Unauthenticated.
func (r *JWTRole) check(claims map[string]any, issuer string, now time.Time) error {
	if issuer != "" && claimText(claims["iss"]) != issuer {
		return refused("error validating token: invalid issuer (iss) claim")
	}
	if err := r.checkTimes(claims, now); err != nil {
		return err
	}
	if r.Subject != "" && claimText(claims["sub"]) != r.Subject {
		return refused("error validating token: invalid subject (sub) claim")
	}
	audiences := claimList(claims["aud"])
	switch {
	case len(r.Audiences) == 0 && len(audiences) > 0:
		return refused("error validating token: audience claim found in JWT but no audiences bound to the role")
	case len(r.Audiences) > 0 && !slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(r.Audiences, a) }):
		return refused("error validating token: invalid audience (aud) claim: audience claim does not match any expected audience")
	}
	for name, values := range r.Claims {
		got := claimList(claim(claims, name))
		if !slices.ContainsFunc(got, func(g string) bool {
			return slices.ContainsFunc(values, func(v string) bool { return v == g || r.Glob && glob(v, g) })
		}) {
			return refused("error validating claims: claim %q does not match any associated bound claim values", name)
		}
	}
	return nil
}

func leeway(given, usual int64) time.Duration {
	switch {
	case given < 0:
		return 0
	case given == 0:
		given = usual
	}
	return time.Duration(given) * time.Second
}

func (r *JWTRole) checkTimes(claims map[string]any, now time.Time) error {
	skew := leeway(r.SkewLeeway, 60)
	exp, hasExp := claimTime(claims["exp"])
	nbf, hasNbf := claimTime(claims["nbf"])
	iat, hasIat := claimTime(claims["iat"])
	if !hasExp && !hasNbf && !hasIat {
		return refused("error validating token: no issued at (iat), not before (nbf), or expiration time (exp) claims in token")
	}
	if !hasExp { // one that never ends is taken for a while only
		from := iat
		if !hasIat {
			from = nbf
		}
		exp = from.Add(leeway(r.ExpLeeway, 150))
	}
	switch {
	case now.After(exp.Add(skew)):
		return refused("error validating token: token is expired")
	case hasNbf && now.Add(leeway(r.NbfLeeway, 0)+skew).Before(nbf):
		return refused("error validating token: token not yet valid")
	case hasIat && now.Add(skew).Before(iat):
		return refused("error validating token: token issued in the future")
	}
	return nil
}

// claim is a claim by its name, or by a path as "/a/b" (RFC 6901).
func claim(claims map[string]any, name string) any {
	if !strings.HasPrefix(name, "/") {
		return claims[name]
	}
	var at any = claims
	for _, part := range strings.Split(name[1:], "/") {
		object, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	return at
}

func claimText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

func claimList(v any) []string {
	list, ok := v.([]any)
	if !ok {
		if s := claimText(v); s != "" {
			return []string{s}
		}
		return nil
	}
	var all []string
	for _, x := range list {
		if s := claimText(x); s != "" {
			all = append(all, s)
		}
	}
	return all
}

func claimTime(v any) (time.Time, bool) {
	f, err := strconv.ParseFloat(claimText(v), 64)
	if err != nil || f < 0 || f > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0), true
}

// glob matches a text in which * stands for anything.
func glob(pattern, s string) bool {
	first, rest, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, first)
	if !ok {
		return false
	}
	for {
		part, more, found := strings.Cut(rest, "*")
		if !found {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], more
	}
}
