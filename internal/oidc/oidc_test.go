package oidc_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/strongroom-dev/strongroom/internal/oidc"
)

// issuer is an OpenID Connect issuer on this machine.
type issuer struct {
	*httptest.Server
	key  *ecdsa.PrivateKey
	asks int // how often its keys were fetched
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		i.asks++
		_ = json.NewEncoder(w).Encode(i.keys())
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) keys() jose.JSONWebKeySet {
	return jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}}
}

func (i *issuer) token(t *testing.T, from string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.key, KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(map[string]any{"iss": from, "sub": "somebody", "aud": "a", "exp": time.Now().Add(time.Minute).Unix()}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestKeysAreFetchedOnce(t *testing.T) {
	i, all := newIssuer(t), oidc.New(nil)
	for range 3 {
		claims, err := all.Verify(context.Background(), i.URL, i.token(t, i.URL))
		if err != nil || claims["sub"] != "somebody" {
			t.Fatal(claims, err)
		}
	}
	if i.asks != 1 {
		t.Error("the keys were fetched", i.asks, "times")
	}
	if _, err := all.Verify(context.Background(), i.URL, i.token(t, "http://127.0.0.1:1")); err == nil {
		t.Error("a token of another issuer is taken")
	}
	other := newIssuer(t)
	if _, err := all.Verify(context.Background(), i.URL, other.token(t, i.URL)); err == nil {
		t.Error("a token of another key is taken")
	}
}

func TestAnIssuerThatDoesNotAnswer(t *testing.T) {
	i := newIssuer(t)
	i.Close()
	if _, err := oidc.New(nil).Verify(context.Background(), i.URL, i.token(t, i.URL)); !errors.Is(err, oidc.ErrUnreachable) {
		t.Error(err)
	}
	if _, err := oidc.New(nil).Verify(context.Background(), "http://issuer.example", "x"); err == nil || errors.Is(err, oidc.ErrUnreachable) {
		t.Error("an issuer without TLS was asked:", err)
	}
}

func TestKeysFromAFile(t *testing.T) {
	i, all := newIssuer(t), oidc.New(nil)
	path := filepath.Join(t.TempDir(), "keys.json")
	text, err := json.Marshal(i.keys())
	if err != nil {
		t.Fatal(err)
	}
	for content, ok := range map[string]bool{string(text): true, "{}": false, "x": false, `{"keys":[{"kty":"oct","k":"AAAA"}]}`: false} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := all.ReadFile("https://far.example", path); (err == nil) != ok {
			t.Errorf("%.20s: %v", content, err)
		}
	}
	if _, err := all.Verify(context.Background(), "https://far.example", i.token(t, "https://far.example")); err != nil {
		t.Error(err)
	}
}

func FuzzIssuerOf(f *testing.F) {
	f.Add("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL3gifQ.c2ln")
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		if issuer, err := oidc.IssuerOf(token); err == nil && issuer == "" {
			t.Error("no issuer and no error")
		}
	})
}
