// Package oidc checks the identity tokens of OpenID Connect issuers: GitHub
// Actions, GitLab, Kubernetes and others. An issuer's keys are fetched as it
// says and kept, or are read from a file where it cannot be reached.
//
// It must not know what a token opens.
package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// Issuers knows the keys of issuers. It is safe for concurrent use.
type Issuers struct {
	client *http.Client
	now    func() time.Time

	mu        sync.Mutex
	verifiers map[string]*oidc.IDTokenVerifier // by issuer
	remotes   remotes
}

// The bounds on speaking with an issuer.
const (
	fetchTimeout = 10 * time.Second
	maxIssuers   = 256
)

// algorithms are the signatures that are accepted.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.EdDSA}

// New makes Issuers. now is time.Now if nil.
func New(now func() time.Time) *Issuers {
	if now == nil {
		now = time.Now
	}
	return &Issuers{
		client: &http.Client{Timeout: fetchTimeout, CheckRedirect: func(r *http.Request, _ []*http.Request) error { return secure(r.URL) }},
		now:    now, verifiers: map[string]*oidc.IDTokenVerifier{},
	}
}

func (i *Issuers) config() *oidc.Config {
	return &oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: algorithms, Now: i.now} // whom a token is for is judged elsewhere
}

// ReadFile takes an issuer's keys from a file, a JSON Web Key Set (RFC 7517);
// the issuer is then never asked.
func (i *Issuers) ReadFile(issuer, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(text, &set); err != nil {
		return fmt.Errorf("%s is no JSON Web Key Set: %w", path, err)
	}
	keys := &oidc.StaticKeySet{}
	for _, k := range set.Keys {
		if !k.Valid() || !k.IsPublic() {
			return fmt.Errorf("%s: the key %q is no public key", path, k.KeyID)
		}
		keys.PublicKeys = append(keys.PublicKeys, k.Key)
	}
	if len(keys.PublicKeys) == 0 {
		return fmt.Errorf("%s holds no keys", path)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.verifiers[issuer] = oidc.NewVerifier(issuer, keys, i.config())
	return nil
}

// IssuerOf reads whose token it claims to be, without checking anything.
func IssuerOf(token string) (string, error) {
	var claims struct {
		Issuer string `json:"iss"`
	}
	part := strings.Split(token, ".")
	if len(part) != 3 {
		return "", errors.New("oidc: it is no JSON Web Token")
	}
	sig, err := jose.ParseSigned(token, signatures())
	if err != nil {
		return "", fmt.Errorf("oidc: it is no JSON Web Token: %w", err)
	}
	if err := json.Unmarshal(sig.UnsafePayloadWithoutVerification(), &claims); err != nil || claims.Issuer == "" {
		return "", errors.New("oidc: it names no issuer")
	}
	return claims.Issuer, nil
}

func signatures() []jose.SignatureAlgorithm {
	var all []jose.SignatureAlgorithm
	for _, a := range algorithms {
		all = append(all, jose.SignatureAlgorithm(a))
	}
	return all
}

// ErrUnreachable: the issuer's keys could not be had.
var ErrUnreachable = errors.New("oidc: the issuer's keys could not be fetched")

// Verify checks a token's signature, issuer and times, and gives its claims.
// The issuer must be one that is trusted: it is asked for its keys. It fails
// with ErrUnreachable, or because the token is bad.
func (i *Issuers) Verify(ctx context.Context, issuer, token string) (map[string]any, error) {
	v, err := i.verifier(ctx, issuer)
	if err != nil {
		return nil, err
	}
	verified, err := v.Verify(oidc.ClientContext(ctx, i.client), token)
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	return claims, verified.Claims(&claims)
}

func (i *Issuers) verifier(ctx context.Context, issuer string) (*oidc.IDTokenVerifier, error) {
	i.mu.Lock()
	v := i.verifiers[issuer]
	i.mu.Unlock()
	if v != nil {
		return v, nil
	}
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, err
	}
	if err := secure(u); err != nil {
		return nil, err
	}
	// The provider keeps its context: that of one request would not do.
	p, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), i.client), issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	v = p.Verifier(i.config())
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.verifiers) < maxIssuers {
		i.verifiers[issuer] = v
	}
	return v, nil
}

// secure refuses what is not HTTPS, but for this machine.
func secure(u *url.URL) error {
	ip := net.ParseIP(u.Hostname())
	if u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("oidc: %s is not HTTPS", u.Redacted())
}
