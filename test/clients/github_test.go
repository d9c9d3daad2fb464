//go:build clients

package clients_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// issuer is that of GitHub Actions; the server has its keys from a file.
const issuer = "https://token.actions.githubusercontent.com"

var issuerKey *rsa.PrivateKey

// writeKeys makes the issuer's key, and writes its public half.
func writeKeys(path string) (err error) {
	if issuerKey, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return err
	}
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: issuerKey.Public(), KeyID: "one", Algorithm: "RS256", Use: "sig"}}})
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// githubToken is a token as a job of that repository gets it, changed by change.
func githubToken(t *testing.T, key *rsa.PrivateKey, change func(map[string]any)) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: "one"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{
		"iss": issuer, "aud": "sts.amazonaws.com", "sub": "repo:octo-org/octo-repo:ref:refs/heads/main", "repository": "octo-org/octo-repo",
		"iat": time.Now().Add(-time.Minute).Unix(), "nbf": time.Now().Add(-time.Minute).Unix(), "exp": time.Now().Add(5 * time.Minute).Unix(),
	}
	change(claims)
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// A job of GitHub Actions comes in by its identity token, and reads.
func TestGitHubActions(t *testing.T) {
	ctx := context.Background()
	admin := credentials.NewStaticCredentialsProvider("AKIASTRONGROOMDEV000", "strongroom/dev/only/secret/access/key/01", "")
	directory := iam.New(iam.Options{BaseEndpoint: &address, Region: "us-east-1", Credentials: admin})
	provider, err := directory.CreateOpenIDConnectProvider(ctx, &iam.CreateOpenIDConnectProviderInput{Url: aws.String(issuer), ClientIDList: []string{"sts.amazonaws.com"}})
	if err != nil {
		t.Fatal(err)
	}
	role, err := directory.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("github"), Path: aws.String("/ci/"), AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"` + *provider.OpenIDConnectProviderArn + `"},"Action":"sts:AssumeRoleWithWebIdentity",
		"Condition":{"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"},"StringLike":{"token.actions.githubusercontent.com:sub":"repo:octo-org/octo-repo:*"}}}}`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := directory.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("github"), PolicyArn: aws.String("arn:aws:iam::aws:policy/AWSSecretsManagerClientReadOnlyAccess")}); err != nil {
		t.Fatal(err)
	}
	anonymous := sts.New(sts.Options{BaseEndpoint: &address, Region: "us-east-1"})
	assume := func(token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return anonymous.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("GitHubActions"), WebIdentityToken: &token})
	}
	out, err := assume(githubToken(t, issuerKey, func(map[string]any) {}))
	if err != nil {
		t.Fatal(err)
	}
	c := credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	me, err := sts.New(sts.Options{BaseEndpoint: &address, Region: "us-east-1", Credentials: c}).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil || *me.Arn != "arn:aws:sts::000000000000:assumed-role/github/GitHubActions" {
		t.Errorf("%+v %v", me, err)
	}
	secrets := sm.New(sm.Options{BaseEndpoint: &address, Region: "us-east-1", Credentials: c})
	if list, err := secrets.ListSecrets(ctx, &sm.ListSecretsInput{}); err != nil || len(list.SecretList) == 0 {
		t.Errorf("%+v %v", list, err)
	}
	if got, err := secrets.GetSecretValue(ctx, &sm.GetSecretValueInput{SecretId: aws.String("prod/myapp/database")}); err != nil || !strings.Contains(*got.SecretString, "DB_PASSWORD") {
		t.Error(err)
	}

	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]struct{ token, code string }{
		"another repository": {githubToken(t, issuerKey, func(c map[string]any) { c["sub"] = "repo:octo-org/other:ref:refs/heads/main" }), "AccessDenied"},
		"another audience":   {githubToken(t, issuerKey, func(c map[string]any) { c["aud"] = "elsewhere" }), "InvalidIdentityToken"},
		"expired":            {githubToken(t, issuerKey, func(c map[string]any) { c["exp"] = time.Now().Add(-time.Minute).Unix() }), "InvalidIdentityToken"},
		"not yet":            {githubToken(t, issuerKey, func(c map[string]any) { c["nbf"] = time.Now().Add(time.Hour).Unix() }), "InvalidIdentityToken"},
		"another issuer":     {githubToken(t, issuerKey, func(c map[string]any) { c["iss"] = "https://elsewhere.example" }), "InvalidIdentityToken"},
		"another key":        {githubToken(t, stranger, func(map[string]any) {}), "InvalidIdentityToken"},
		"no token":           {"abcdefgh", "InvalidIdentityToken"},
	} {
		_, err := assume(bad.token)
		if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != bad.code {
			t.Errorf("%s: %v", name, err)
		}
	}

	// With the provider go the sessions that it vouched for.
	if _, err := directory.DeleteOpenIDConnectProvider(ctx, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: provider.OpenIDConnectProviderArn}); err != nil {
		t.Error(err)
	}
	if _, err := secrets.ListSecrets(ctx, &sm.ListSecretsInput{}); err == nil {
		t.Error("a session outlives its provider")
	}
}
