// Package kubernetes asks a cluster whose token one is.
//
// It must not know what a token opens.
package kubernetes

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/login"
)

// Reviewer implements login.Reviewer with a cluster's TokenReview API.
// (https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/)
type Reviewer struct{}

const (
	timeout   = 10 * time.Second
	maxAnswer = 1 << 20
)

type review struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Spec       struct {
		Token     string   `json:"token"`
		Audiences []string `json:"audiences,omitempty"`
	} `json:"spec"`
	Status struct {
		Authenticated bool     `json:"authenticated"`
		Error         string   `json:"error"`
		Audiences     []string `json:"audiences"`
		User          struct {
			Username string `json:"username"`
			UID      string `json:"uid"`
		} `json:"user"`
	} `json:"status"`
}

// Review implements login.Reviewer. It fails if the cluster does not say that
// the token is good, and that of a service account.
func (Reviewer) Review(ctx context.Context, c login.KubernetesConfig, raw, audience string) (login.ServiceAccount, error) {
	asked := review{APIVersion: "authentication.k8s.io/v1", Kind: "TokenReview"}
	asked.Spec.Token = raw
	if audience != "" {
		asked.Spec.Audiences = []string{audience}
	}
	as := c.Reviewer
	if as == "" {
		as = raw
	}
	got, err := post(ctx, c, as, &asked)
	if err != nil {
		return login.ServiceAccount{}, err
	}
	part := strings.Split(got.Status.User.Username, ":")
	switch {
	case !got.Status.Authenticated || got.Status.Error != "":
		return login.ServiceAccount{}, errors.New("kubernetes: the cluster does not know the token")
	case audience != "" && !slices.Contains(got.Status.Audiences, audience):
		return login.ServiceAccount{}, errors.New("kubernetes: the token is for another audience")
	case len(part) != 4 || part[0] != "system" || part[1] != "serviceaccount":
		return login.ServiceAccount{}, errors.New("kubernetes: the token is not one of a service account")
	}
	return login.ServiceAccount{Namespace: part[2], Name: part[3], UID: got.Status.User.UID}, nil
}

func post(ctx context.Context, c login.KubernetesConfig, as string, asked *review) (*review, error) {
	at, err := url.Parse(c.Host)
	if err != nil || at.Host == "" {
		return nil, fmt.Errorf("kubernetes: %q is no address of a cluster", c.Host)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM([]byte(c.CA)) {
			return nil, errors.New("kubernetes: the CA's certificate is no PEM")
		}
	}
	body, err := json.Marshal(asked)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.JoinPath("/apis/authentication.k8s.io/v1/tokenreviews").String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+as)
	r.Header.Set("Content-Type", "application/json")
	client := &http.Client{
		Timeout: timeout, Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("kubernetes: the cluster answered %d", resp.StatusCode)
	}
	var got review
	return &got, json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&got)
}
