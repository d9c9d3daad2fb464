package login

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/token"
)

// KubernetesConfig is how a Kubernetes method is configured: with the cluster's
// API, which is asked, or with the keys that it signs with.
type KubernetesConfig struct {
	Host       string   `cbor:"1,keyasint,omitempty"`
	CA         string   `cbor:"2,keyasint,omitempty"`
	Reviewer   string   `cbor:"3,keyasint,omitempty"` // the token with which the API is asked; empty for the one that is to be checked
	Keys       []string `cbor:"4,keyasint,omitempty"` // public keys, PEM
	Issuer     string   `cbor:"5,keyasint,omitempty"`
	AnyIssuer  bool     `cbor:"6,keyasint,omitempty"`
	NoLocalJWT bool     `cbor:"7,keyasint,omitempty"`
}

// KubernetesRole is a role of a Kubernetes method.
type KubernetesRole struct {
	Name       string       `cbor:"1,keyasint"`
	Accounts   []string     `cbor:"2,keyasint"`
	Namespaces []string     `cbor:"3,keyasint"`
	Audience   string       `cbor:"4,keyasint,omitempty"`
	ByName     bool         `cbor:"5,keyasint,omitempty"` // aliases are namespace/name, and not the account's UID
	Params     token.Params `cbor:"6,keyasint,omitempty"`
}

// ServiceAccount is whose token it is.
type ServiceAccount struct {
	Namespace string
	Name      string
	UID       string
}

// Reviewer asks a cluster whose token it is (TokenReview).
type Reviewer interface {
	Review(ctx context.Context, c KubernetesConfig, raw, audience string) (ServiceAccount, error)
}

// PutKubernetesConfig changes the configuration. It fails with Invalid.
func (m *Methods) PutKubernetesConfig(ctx context.Context, who Caller, at At, change func(*KubernetesConfig)) error {
	return write(ctx, m, who, at, kindConfig, "", func(_ *gate.Tx, c *KubernetesConfig, _ bool) error {
		change(c)
		if c.Host == "" && len(c.Keys) == 0 {
			return fault.New(fault.Invalid, "no host provided, and no pem_keys")
		}
		return nil
	})
}

// GetKubernetesConfig shows the configuration. It fails with NotFound.
func (m *Methods) GetKubernetesConfig(ctx context.Context, who Caller, at At) (*KubernetesConfig, error) {
	return read[KubernetesConfig](ctx, m, who, at, kindConfig, "")
}

// PutKubernetesRole writes a role. It fails with Invalid.
func (m *Methods) PutKubernetesRole(ctx context.Context, who Caller, at At, name string, change func(*KubernetesRole)) error {
	return write(ctx, m, who, at, kindRole, name, func(_ *gate.Tx, r *KubernetesRole, _ bool) error {
		r.Name = name
		change(r)
		switch {
		case len(r.Accounts) == 0:
			return fault.New(fault.Invalid, "%q can not be empty", "bound_service_account_names")
		case len(r.Namespaces) == 0:
			return fault.New(fault.Invalid, "%q can not be empty", "bound_service_account_namespaces")
		case slices.Contains(r.Accounts, "*") && slices.Contains(r.Namespaces, "*"):
			return fault.New(fault.Invalid, "service_account_names and service_account_namespaces can not both be %q", "*")
		}
		return r.Params.Check()
	})
}

// GetKubernetesRole shows a role. It fails with NotFound.
func (m *Methods) GetKubernetesRole(ctx context.Context, who Caller, at At, name string) (*KubernetesRole, error) {
	return read[KubernetesRole](ctx, m, who, at, kindRole, name)
}

// ListKubernetesRoles lists the names of roles.
func (m *Methods) ListKubernetesRoles(ctx context.Context, who Caller, at At) ([]string, error) {
	return m.list(ctx, who, at, kindRole)
}

// DeleteKubernetesRole removes a role; tokens that it gave go on.
func (m *Methods) DeleteKubernetesRole(ctx context.Context, who Caller, at At, name string) error {
	return m.remove(ctx, who, at, kindRole, name)
}

// ByServiceAccount logs in with the token of a service account.
func (m *Methods) ByServiceAccount(ctx context.Context, who Caller, at At, role, raw string) (token.Issued, error) {
	type asked struct {
		config *KubernetesConfig
		role   *KubernetesRole
	}
	a, err := look(ctx, m, who, at, func(tx *gate.Tx) (a asked, err error) {
		if a.config, err = load[KubernetesConfig](tx, at.key(kindConfig, "")); err == nil {
			a.role, err = load[KubernetesRole](tx, at.key(kindRole, role))
		}
		return a, err
	})
	switch {
	case err != nil:
		return token.Issued{}, err
	case a.config == nil:
		return token.Issued{}, m.fail(ctx, who, at, refused("could not load backend configuration"))
	case a.role == nil:
		return token.Issued{}, m.fail(ctx, who, at, refused("invalid role name %q", role))
	}
	sa, err := m.serviceAccount(ctx, a.config, raw, a.role.Audience)
	if err != nil {
		return token.Issued{}, m.fail(ctx, who, at, fault.Wrap(fault.Unauthenticated, fmt.Errorf("%w: %w", ErrRefused, err), "permission denied"))
	}
	if !a.role.takes(sa) {
		return token.Issued{}, m.fail(ctx, who, at, refused("service account name or namespace not authorized"))
	}
	return m.login(ctx, who, at, func(tx *gate.Tx) (token.Issued, error) {
		now, err := load[KubernetesRole](tx, at.key(kindRole, role))
		if err != nil || now == nil {
			return token.Issued{}, orElse(err, refused("invalid role name %q", role))
		}
		if now.Audience != a.role.Audience || !now.takes(sa) {
			return token.Issued{}, refused("the role was changed meanwhile: try again")
		}
		alias := sa.UID
		if now.ByName || alias == "" {
			alias = sa.Namespace + "/" + sa.Name
		}
		meta := map[string]string{
			"role": role, "service_account_name": sa.Name, "service_account_namespace": sa.Namespace, "service_account_uid": sa.UID, "service_account_secret_name": "",
		}
		return m.issue(tx, at, alias, "kubernetes-"+sa.Namespace+"-"+sa.Name, meta, nil, now.Params)
	})
}

// takes reports whether the role is for a service account.
func (r *KubernetesRole) takes(sa ServiceAccount) bool {
	in := func(list []string, s string) bool {
		return slices.ContainsFunc(list, func(p string) bool { return glob(p, s) })
	}
	return in(r.Accounts, sa.Name) && in(r.Namespaces, sa.Namespace)
}

// serviceAccount finds out whose token it is: from the cluster, or by its keys.
func (m *Methods) serviceAccount(ctx context.Context, c *KubernetesConfig, raw, audience string) (ServiceAccount, error) {
	if c.Host != "" {
		return m.Reviewer.Review(ctx, *c, raw, audience)
	}
	claims, err := m.Keys.Claims(ctx, KeySource{Keys: c.Keys}, raw)
	if err != nil {
		return ServiceAccount{}, err
	}
	r := JWTRole{UserClaim: "sub"}
	if audience != "" {
		r.Audiences = []string{audience}
	} else {
		delete(claims, "aud") // any audience
	}
	issuer := c.Issuer
	if c.AnyIssuer {
		issuer = ""
	}
	if claims["exp"] == nil && claims["iat"] == nil && claims["nbf"] == nil {
		claims["nbf"] = json.Number(strconv.FormatInt(time.Now().Unix(), 10)) // those of old clusters never end
	}
	if err := r.check(claims, issuer, time.Now()); err != nil {
		return ServiceAccount{}, err
	}
	first := func(names ...string) string {
		for _, n := range names {
			if s := claimText(claim(claims, n)); s != "" {
				return s
			}
		}
		return ""
	}
	sa := ServiceAccount{
		Namespace: first("/kubernetes.io/namespace", "kubernetes.io/serviceaccount/namespace"),
		Name:      first("/kubernetes.io/serviceaccount/name", "kubernetes.io/serviceaccount/service-account.name"),
		UID:       first("/kubernetes.io/serviceaccount/uid", "kubernetes.io/serviceaccount/service-account.uid"),
	}
	if claimText(claims["sub"]) != "system:serviceaccount:"+sa.Namespace+":"+sa.Name {
		return ServiceAccount{}, fmt.Errorf("%w: the subject is no service account", ErrRefused)
	}
	return sa, nil
}
