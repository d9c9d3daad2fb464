//go:build clients

package clients_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

func administrator() *sm.Client {
	return sm.New(sm.Options{BaseEndpoint: &address, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("AKIASTRONGROOMDEV000", "strongroom/dev/only/secret/access/key/01", "")})
}

// strongroom runs the command line as the administrator.
func strongroom(t *testing.T, args ...string) string {
	t.Helper()
	out, status := command(t, environment(), binary, args...)
	if status != 0 {
		t.Fatalf("strongroom %s: %d: %s", strings.Join(args, " "), status, out)
	}
	return out
}

// await waits until something is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(what, " does not come to be")
		}
	}
}

// A function written for AWS, in Python with boto3, is called as Lambda is and
// calls back with what register has printed, and with no other right. It may
// have the name of one that is built in.
func TestRotationFunction(t *testing.T) {
	ctx := context.Background()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	_ = l.Close()
	file := filepath.Join(t.TempDir(), "password")
	env := []string{"PATH=/usr/bin:/bin", "PASSWORD_FILE=" + file}
	for line := range strings.Lines(strongroom(t, "function", "register", "SecretsManagerRDSMySQLRotationSingleUser", "--url", "http://"+at)) {
		if line = strings.TrimSpace(line); strings.Contains(line, "=") {
			env = append(env, strings.Replace(line, "AWS_REGION", "AWS_DEFAULT_REGION", 1))
		}
	}
	_, port, _ := net.SplitHostPort(at)
	function := exec.Command("/usr/bin/python3", "testdata/function.py", port)
	function.Env, function.Stderr = env, os.Stderr
	if err := function.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = function.Process.Kill(); _ = function.Wait() })
	await(t, "the function", func() bool {
		c, err := net.Dial("tcp", at)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})

	admin, name := administrator(), aws.String("function/filed")
	if _, err := admin.CreateSecret(ctx, &sm.CreateSecretInput{Name: name, SecretString: aws.String(`{"user":"ann","password":"first"}`)}); err != nil {
		t.Fatal(err)
	}
	rotated, err := admin.RotateSecret(ctx, &sm.RotateSecretInput{SecretId: name, RotationLambdaARN: aws.String("arn:aws:lambda:us-east-1:000000000000:function:SecretsManagerRDSMySQLRotationSingleUser")})
	if err != nil {
		t.Fatal(err)
	}
	var d *sm.DescribeSecretOutput
	await(t, "the rotation", func() bool {
		d, err = admin.DescribeSecret(ctx, &sm.DescribeSecretInput{SecretId: name})
		return err == nil && d.LastRotatedDate != nil
	})
	got, err := admin.GetSecretValue(ctx, &sm.GetSecretValueInput{SecretId: name})
	if err != nil {
		t.Fatal(err)
	}
	var value struct{ User, Password string }
	written, _ := os.ReadFile(file)
	if json.Unmarshal([]byte(*got.SecretString), &value) != nil || value.Password != string(written) || value.Password == "first" || value.User != "ann" || *got.VersionId != *rotated.VersionId {
		t.Errorf("the value is %s, the file holds %d bytes", *got.VersionId, len(written))
	}

	// It fails, says why without the password, and is tried again.
	if err := os.WriteFile(file+".broken", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	strongroom(t, "rotate", "now", *name)
	out := ""
	await(t, "the failure", func() bool {
		status := 0
		out, status = command(t, environment(), binary, "rotate", "status", *name)
		return status == 1
	})
	if !strings.Contains(out, "setSecret: the function SecretsManagerRDSMySQLRotationSingleUser failed: ValueError: the password [hidden] cannot be written") {
		t.Error(out)
	}
	_ = os.Remove(file + ".broken")
	strongroom(t, "rotate", "retry", *name)
	await(t, "the end", func() bool {
		_, status := command(t, environment(), binary, "rotate", "status", *name)
		return status == 0
	})

	// It may do that to no other secret.
	if _, err := admin.CreateSecret(ctx, &sm.CreateSecretInput{Name: aws.String("function/other"), SecretString: aws.String("x")}); err != nil {
		t.Fatal(err)
	}
	set := map[string]string{}
	for _, e := range env {
		k, v, _ := strings.Cut(e, "=")
		set[k] = v
	}
	own := sm.New(sm.Options{BaseEndpoint: &address, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(set["AWS_ACCESS_KEY_ID"], set["AWS_SECRET_ACCESS_KEY"], "")})
	if _, err := own.GetSecretValue(ctx, &sm.GetSecretValueInput{SecretId: aws.String("function/other")}); err == nil || !strings.Contains(err.Error(), "is not authorized") {
		t.Errorf("another secret: %v", err)
	}
	if _, err := own.GetSecretValue(ctx, &sm.GetSecretValueInput{SecretId: name}); err != nil {
		t.Errorf("its own: %v", err)
	}
}

// A webhook gets the steps signed as Standard Webhooks says.
func TestRotationWebhook(t *testing.T) {
	ctx := context.Background()
	admin, name := administrator(), aws.String("function/hooked")
	var key []byte
	problems := make(chan string, 20)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id, at := r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp")
		mac := hmac.New(sha256.New, key)
		_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, at, body)
		if r.Header.Get("Webhook-Signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			problems <- "the signature is wrong"
		}
		var event struct{ Step, SecretId, ClientRequestToken string } //nolint:revive // the wire's spelling
		if err := json.Unmarshal(body, &event); err != nil {
			problems <- err.Error()
		}
		var err error
		switch event.Step {
		case "createSecret":
			_, err = admin.PutSecretValue(ctx, &sm.PutSecretValueInput{SecretId: &event.SecretId, ClientRequestToken: &event.ClientRequestToken, SecretString: aws.String("second"), VersionStages: []string{"AWSPENDING"}})
		case "finishSecret":
			d, _ := admin.DescribeSecret(ctx, &sm.DescribeSecretInput{SecretId: &event.SecretId})
			for id, labels := range d.VersionIdsToStages {
				if labels[0] == "AWSCURRENT" {
					_, err = admin.UpdateSecretVersionStage(ctx, &sm.UpdateSecretVersionStageInput{SecretId: &event.SecretId, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: &event.ClientRequestToken, RemoveFromVersionId: &id})
				}
			}
		}
		if err != nil {
			problems <- err.Error()
		}
	}))
	defer hook.Close()
	_, text, _ := strings.Cut(strongroom(t, "function", "register", "hooked", "--url", hook.URL, "--webhook"), "WEBHOOK_SECRET=whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) != 32 {
		t.Fatal(text, err)
	}
	if _, err := admin.CreateSecret(ctx, &sm.CreateSecretInput{Name: name, SecretString: aws.String("first")}); err != nil {
		t.Fatal(err)
	}
	strongroom(t, "rotate", "now", *name, "--function", "hooked")
	await(t, "the rotation", func() bool {
		got, err := admin.GetSecretValue(ctx, &sm.GetSecretValueInput{SecretId: name})
		return err == nil && *got.SecretString == "second"
	})
	close(problems)
	for p := range problems {
		t.Error(p)
	}
}
