//go:build clients

package clients_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"bufio"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// A secret's life, told by the AWS SDK for Go.
func TestGoStory(t *testing.T) {
	ctx := context.Background()
	c := sm.New(sm.Options{BaseEndpoint: &address, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("AKIASTRONGROOMDEV000", "strongroom/dev/only/secret/access/key/01", "")})
	name := aws.String("go/story")
	_, err := c.GetSecretValue(ctx, &sm.GetSecretValueInput{SecretId: name})
	if missing, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok || *missing.Message != "Secrets Manager can't find the specified secret." {
		t.Errorf("%T %v", err, err)
	}
	made, err := c.CreateSecret(ctx, &sm.CreateSecretInput{Name: name, SecretBinary: []byte{0, 1, 255}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.GetSecretValue(ctx, &sm.GetSecretValueInput{SecretId: made.ARN, VersionStage: aws.String("AWSCURRENT")})
	if err != nil || string(got.SecretBinary) != "\x00\x01\xff" || got.SecretString != nil || *got.VersionId != *made.VersionId || time.Since(*got.CreatedDate) > time.Minute {
		t.Errorf("%+v %v", got, err)
	}
	_, err = c.CreateSecret(ctx, &sm.CreateSecretInput{Name: name, SecretString: aws.String("x")})
	if _, ok := errors.AsType[*types.ResourceExistsException](err); !ok {
		t.Errorf("%T %v", err, err)
	}
	for range 3 {
		if _, err := c.PutSecretValue(ctx, &sm.PutSecretValueInput{SecretId: name, SecretString: aws.String("x")}); err != nil {
			t.Error(err)
		}
	}
	versions := 0
	pages := sm.NewListSecretVersionIdsPaginator(c, &sm.ListSecretVersionIdsInput{SecretId: name, IncludeDeprecated: aws.Bool(true), MaxResults: aws.Int32(1)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		versions += len(page.Versions)
	}
	if versions != 4 {
		t.Error(versions, "versions")
	}
	seen := 0
	for lists := sm.NewListSecretsPaginator(c, &sm.ListSecretsInput{MaxResults: aws.Int32(1)}); lists.HasMorePages(); {
		page, err := lists.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		seen += len(page.SecretList)
	}
	if seen < 2 {
		t.Error(seen, "secrets")
	}
}

// certificate makes a self-signed one, and the pool that trusts it.
func certificate(t *testing.T, dir string, serial int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "strongroom"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	for file, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: keyDER}} {
		text := pem.EncodeToMemory(block)
		pool.AppendCertsFromPEM(text)
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return pool
}

// TLS is 1.3 alone, and SIGHUP brings a new certificate without a pause.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	pool := certificate(t, dir, 1)
	if out, err := exec.Command(binary, "init", "--data", filepath.Join(dir, "house")).CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	server := exec.Command(binary, "server", "--data", filepath.Join(dir, "house"), "--listen", "127.0.0.1:0",
		"--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem"))
	logs, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Process.Kill(); _ = server.Wait() }()
	line, _ := bufio.NewReader(out).ReadString('\n')
	addr := regexp.MustCompile(`127\S+`).FindString(line)
	serial := func(config *tls.Config) (int64, error) {
		client := http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
		resp, err := client.Get("https://" + addr + "/healthz")
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		return resp.TLS.PeerCertificates[0].SerialNumber.Int64(), nil
	}
	if n, err := serial(&tls.Config{RootCAs: pool}); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if _, err := serial(&tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("TLS 1.2 was accepted")
	}
	pool = certificate(t, dir, 2)
	if err := server.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(logs); lines.Scan(); {
		if regexp.MustCompile("certificate reloaded").MatchString(lines.Text()) {
			break
		}
	}
	if n, err := serial(&tls.Config{RootCAs: pool}); n != 2 || err != nil {
		t.Error("after SIGHUP:", n, err)
	}
}
