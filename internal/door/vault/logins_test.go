package vault_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/strongroom-dev/strongroom/internal/door/vault"
	"github.com/strongroom-dev/strongroom/internal/kubernetes"
	"github.com/strongroom-dev/strongroom/internal/oidc"
)

// issuer signs tokens, and shows its keys over HTTP.
type issuer struct {
	*httptest.Server
	key *ecdsa.PrivateKey
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
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// pem is the public key.
func (i *issuer) pem(t *testing.T) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(i.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func (i *issuer) sign(t *testing.T, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.key, KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func body(t *testing.T, members map[string]any) string {
	t.Helper()
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func doorWithMethods(t *testing.T) *vault.Door {
	t.Helper()
	h, d := newDoor(t)
	h.Methods.Keys, h.Methods.Reviewer = oidc.New(time.Now), kubernetes.Reviewer{}
	return d
}

// A token is taken from whoever has the keys, wherever the keys are from, if
// it says what the role wants.
func TestJWTLogins(t *testing.T) {
	i, stranger := newIssuer(t), newIssuer(t)
	good := map[string]any{"iss": i.URL, "sub": "repo:x", "aud": "strongroom", "exp": time.Now().Add(time.Minute).Unix(), "ref": "main", "team": map[string]any{"name": "blue"}, "groups": []string{"a", "b"}}
	with := func(name string, value any) map[string]any {
		c := maps.Clone(good)
		c[name] = value
		return c
	}
	for source, config := range map[string]map[string]any{
		"keys":      {"jwt_validation_pubkeys": i.pem(t), "bound_issuer": i.URL},
		"set":       {"jwks_url": i.URL + "/keys", "bound_issuer": i.URL},
		"discovery": {"oidc_discovery_url": i.URL, "bound_issuer": i.URL},
	} {
		t.Run(source, func(t *testing.T) {
			d := doorWithMethods(t)
			must(t, d, "POST", "/v1/sys/auth/ci", "root", `{"type":"jwt"}`)
			no(t, d, "POST", "/v1/auth/ci/login", "", `{"role":"r","jwt":"x"}`, 400, "could not load configuration")
			must(t, d, "POST", "/v1/auth/ci/config", "root", body(t, config))
			must(t, d, "POST", "/v1/auth/ci/role/r", "root", `{"role_type":"jwt","user_claim":"sub","bound_audiences":["strongroom"],"bound_claims":{"ref":"main"},"claim_mappings":{"/team/name":"team"},"token_policies":["p"]}`)
			out := must(t, d, "POST", "/v1/auth/ci/login", "", body(t, map[string]any{"role": "r", "jwt": i.sign(t, good)}))
			var auth struct {
				Auth struct {
					Policies []string
					Metadata map[string]string
				}
			}
			if err := json.Unmarshal([]byte(out), &auth); err != nil || auth.Auth.Metadata["team"] != "blue" || len(auth.Auth.Policies) != 2 {
				t.Errorf("%s: %v", out, err)
			}
			for what, c := range map[string]struct {
				token string
				text  string
			}{
				"another issuer's key": {stranger.sign(t, good), "signature is not good"},
				"another issuer":       {i.sign(t, with("iss", stranger.URL)), "invalid issuer"},
				"another audience":     {i.sign(t, with("aud", "other")), "invalid audience"},
				"another claim":        {i.sign(t, with("ref", "evil")), "does not match"},
				"a claim with a star":  {i.sign(t, with("ref", "*")), "does not match"},
				"no user":              {i.sign(t, with("sub", "")), "not found in token"},
				"an old one":           {i.sign(t, with("exp", time.Now().Add(-time.Hour).Unix())), "expired"},
				"an early one":         {i.sign(t, with("nbf", time.Now().Add(time.Hour).Unix())), "not yet valid"},
				"no signature":         {"eyJhbGciOiJub25lIn0." + "eyJzdWIiOiJ4In0" + ".", "signature is not good"},
				"no token":             {"x", "signature is not good"},
			} {
				w := ask(t, d, "POST", "/v1/auth/ci/login", "", body(t, map[string]any{"role": "r", "jwt": c.token}), "X-Forwarded-For", what)
				if w.Code != 400 || !strings.Contains(w.Body.String(), c.text) {
					t.Errorf("%s: %d %s, want %q", what, w.Code, w.Body, c.text)
				}
			}
		})
	}
}

// A service account is who its cluster says, or who the cluster's keys say.
func TestKubernetesLogins(t *testing.T) {
	i := newIssuer(t)
	account := map[string]any{
		"iss": "https://kubernetes.default.svc", "sub": "system:serviceaccount:shop:orders", "aud": []string{"api"}, "exp": time.Now().Add(time.Minute).Unix(),
		"kubernetes.io": map[string]any{"namespace": "shop", "serviceaccount": map[string]any{"name": "orders", "uid": "u1"}},
	}
	good := i.sign(t, account)
	var asked []string
	cluster := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct{ Spec struct{ Token string } }
		_ = json.NewDecoder(r.Body).Decode(&review)
		asked = append(asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		user := map[string]string{"username": "system:serviceaccount:shop:orders", "uid": "u1"}
		if review.Spec.Token == "a-human" {
			user = map[string]string{"username": "somebody"}
		}
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{"status": map[string]any{"authenticated": review.Spec.Token != "bad", "user": user}})
	}))
	t.Cleanup(cluster.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cluster.Certificate().Raw}))

	for source, config := range map[string]map[string]any{
		"review": {"kubernetes_host": cluster.URL, "kubernetes_ca_cert": ca, "token_reviewer_jwt": "reviewer"},
		"keys":   {"pem_keys": []string{i.pem(t)}, "disable_iss_validation": true},
	} {
		t.Run(source, func(t *testing.T) {
			d := doorWithMethods(t)
			must(t, d, "POST", "/v1/sys/auth/kubernetes", "root", `{"type":"kubernetes"}`)
			must(t, d, "POST", "/v1/auth/kubernetes/config", "root", body(t, config))
			must(t, d, "POST", "/v1/auth/kubernetes/role/orders", "root", `{"bound_service_account_names":"orders","bound_service_account_namespaces":"shop","token_policies":"p"}`)
			must(t, d, "POST", "/v1/auth/kubernetes/role/other", "root", `{"bound_service_account_names":"orders","bound_service_account_namespaces":"prod","token_policies":"p"}`)
			out := must(t, d, "POST", "/v1/auth/kubernetes/login", "", body(t, map[string]any{"role": "orders", "jwt": good}))
			if !strings.Contains(out, `"service_account_namespace":"shop"`) || !strings.Contains(out, `"p"`) {
				t.Error(out)
			}
			login := func(role, token string) *httptest.ResponseRecorder {
				return ask(t, d, "POST", "/v1/auth/kubernetes/login", "", body(t, map[string]any{"role": role, "jwt": token}))
			}
			for n, w := range []*httptest.ResponseRecorder{login("other", good), login("orders", "bad"), login("orders", "a-human"), login("none", good)} {
				if w.Code != 403 && w.Code != 400 {
					t.Errorf("%d: %d %s", n, w.Code, w.Body)
				}
			}
		})
	}
	for _, a := range asked {
		if a != "POST /apis/authentication.k8s.io/v1/tokenreviews Bearer reviewer" {
			t.Errorf("the cluster was asked %q", a)
		}
	}
	if len(asked) == 0 {
		t.Error("the cluster was not asked")
	}
}
