package oidc

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"github.com/strongroom-dev/strongroom/internal/login"
)

// Claims implements login.Verifier: it checks a token's signature, and nothing
// else of it.
func (i *Issuers) Claims(ctx context.Context, from login.KeySource, raw string) (map[string]any, error) {
	set, err := i.keySet(ctx, from)
	if err != nil {
		return nil, err
	}
	wanted := signatures()
	if len(from.Algorithms) > 0 {
		wanted = slices.DeleteFunc(wanted, func(a jose.SignatureAlgorithm) bool { return !slices.Contains(from.Algorithms, string(a)) })
	}
	if _, err := jose.ParseSigned(raw, wanted); err != nil {
		return nil, fmt.Errorf("oidc: it is no JSON Web Token of an allowed algorithm: %w", err)
	}
	payload, err := set.VerifySignature(ctx, raw)
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	d := json.NewDecoder(strings.NewReader(string(payload)))
	d.UseNumber()
	if err := d.Decode(&claims); err != nil {
		return nil, fmt.Errorf("oidc: the claims are no JSON object: %w", err)
	}
	return claims, nil
}

// remotes keeps the key sets that are fetched, so that they are fetched once.
type remotes struct {
	mu  sync.Mutex
	all map[string]oidc.KeySet
}

func (i *Issuers) keySet(ctx context.Context, from login.KeySource) (oidc.KeySet, error) {
	if len(from.Keys) > 0 {
		return staticKeys(from.Keys)
	}
	name := from.JWKS + "\x00" + from.Discovery + "\x00" + from.CA
	i.remotes.mu.Lock()
	known := i.remotes.all[name]
	i.remotes.mu.Unlock()
	if known != nil {
		return known, nil
	}
	client, err := i.trusting(from.CA)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(context.WithoutCancel(ctx), client) // the set keeps it
	address := from.JWKS
	if address == "" {
		if address, err = discover(ctx, from.Discovery); err != nil {
			return nil, err
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if err := secure(u); err != nil {
		return nil, err
	}
	set := oidc.NewRemoteKeySet(ctx, address)
	i.remotes.mu.Lock()
	defer i.remotes.mu.Unlock()
	if i.remotes.all == nil || len(i.remotes.all) >= maxIssuers {
		i.remotes.all = map[string]oidc.KeySet{}
	}
	i.remotes.all[name] = set
	return set, nil
}

// discover asks an issuer where its keys are.
func discover(ctx context.Context, issuer string) (string, error) {
	u, err := url.Parse(issuer)
	if err != nil {
		return "", err
	}
	if err := secure(u); err != nil {
		return "", err
	}
	p, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	var at struct {
		Keys string `json:"jwks_uri"`
	}
	return at.Keys, p.Claims(&at)
}

// trusting is a client that believes one authority alone, or the system's.
func (i *Issuers) trusting(ca string) (*http.Client, error) {
	if ca == "" {
		return i.client, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(ca)) {
		return nil, errors.New("oidc: the CA's certificate is no PEM")
	}
	return &http.Client{
		Timeout: fetchTimeout, CheckRedirect: i.client.CheckRedirect,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
	}, nil
}

func staticKeys(pems []string) (oidc.KeySet, error) {
	set := &oidc.StaticKeySet{}
	for _, text := range pems {
		key, err := publicKey(text)
		if err != nil {
			return nil, err
		}
		set.PublicKeys = append(set.PublicKeys, key)
	}
	return set, nil
}

// publicKey reads a public key, or the one of a certificate.
func publicKey(text string) (crypto.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("oidc: a key is no PEM")
	}
	if block.Type == "CERTIFICATE" {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return c.PublicKey, nil
	}
	if key, err := x509.ParsePKCS1PublicKey(block.Bytes); err == nil {
		return key, nil
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}
