//go:build clients

package clients_test

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// following is a strongroom watch that runs.
func following(t *testing.T, env []string, args ...string) *bufio.Scanner {
	t.Helper()
	c := exec.Command(binary, append([]string{"watch"}, args...)...)
	c.Env = env
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = c.Stdout
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return bufio.NewScanner(out)
}

// story changes a secret in every way that is told of.
func story(t *testing.T, name string) []string {
	t.Helper()
	ctx, c, id := context.Background(), administrator(), &name
	made, err := c.CreateSecret(ctx, &sm.CreateSecretInput{Name: id})
	if err != nil {
		t.Fatal(err)
	}
	var errs []error
	note := func(_ any, err error) { errs = append(errs, err) }
	note(c.PutSecretValue(ctx, &sm.PutSecretValueInput{SecretId: id, SecretString: aws.String("one")}))
	note(c.TagResource(ctx, &sm.TagResourceInput{SecretId: id})) // tells nothing
	note(c.PutSecretValue(ctx, &sm.PutSecretValueInput{SecretId: id, SecretString: aws.String("two"), VersionStages: []string{"NEXT"}}))
	note(c.GetSecretValue(ctx, &sm.GetSecretValueInput{SecretId: id})) // neither does this
	note(c.PutResourcePolicy(ctx, &sm.PutResourcePolicyInput{SecretId: id, ResourcePolicy: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"secretsmanager:CancelRotateSecret","Resource":"*"}]}`)}))
	note(c.DeleteSecret(ctx, &sm.DeleteSecretInput{SecretId: made.ARN}))
	note(c.RestoreSecret(ctx, &sm.RestoreSecretInput{SecretId: made.ARN}))
	for i, err := range errs {
		if err != nil && i != 1 { // no tags are no tags to tag with
			t.Fatal(i, err)
		}
	}
	return []string{"created", "version", "labels", "policy", "deleted", "restored"}
}

// gone deletes a secret for good: from then on only that is told of it.
func gone(t *testing.T, name string) {
	t.Helper()
	if _, err := administrator().DeleteSecret(context.Background(), &sm.DeleteSecretInput{SecretId: &name, ForceDeleteWithoutRecovery: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
}

// Who may describe one secret is told of it, and of no other.
func TestWatchOnlyWhatMayBeDescribed(t *testing.T) {
	ctx := context.Background()
	directory := iam.New(iam.Options{BaseEndpoint: &address, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("AKIASTRONGROOMDEV000", "strongroom/dev/only/secret/access/key/01", "")})
	user := aws.String("watcher")
	if _, err := directory.CreateUser(ctx, &iam.CreateUserInput{UserName: user}); err != nil {
		t.Fatal(err)
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"strongroom:*Events","Resource":"*"},
		{"Effect":"Allow","Action":"secretsmanager:DescribeSecret","Resource":"arn:aws:secretsmanager:*:*:secret:events/mine-??????"}]}`
	if _, err := directory.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: user, PolicyName: aws.String("p"), PolicyDocument: &policy}); err != nil {
		t.Fatal(err)
	}
	key, err := directory.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: user})
	if err != nil {
		t.Fatal(err)
	}
	lines := following(t, environment("AWS_ACCESS_KEY_ID="+*key.AccessKey.AccessKeyId, "AWS_SECRET_ACCESS_KEY="+*key.AccessKey.SecretAccessKey), "--after", "0", "events/")
	story(t, "events/other")
	seen := map[string]bool{}
	for _, kind := range append(story(t, "events/mine"), "deleted") {
		if kind == "deleted" && seen["restored"] {
			gone(t, "events/mine")
		}
		seen[kind] = true
		if !lines.Scan() || !strings.Contains(lines.Text(), "  "+kind) || !strings.Contains(lines.Text(), "  events/mine  ") {
			t.Fatalf("for %s it printed %q", kind, lines.Text())
		}
	}
	// It ends when the right to watch does.
	if _, err := directory.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: user, AccessKeyId: key.AccessKey.AccessKeyId}); err != nil {
		t.Fatal(err)
	}
	story(t, "events/mine")
	for lines.Scan() {
		if strings.Contains(lines.Text(), "events/mine") {
			t.Errorf("it goes on: %s", lines.Text())
		}
	}
}

// A webhook is told, again until it answers, in order.
func TestWebhook(t *testing.T) {
	var mu sync.Mutex
	var key []byte
	var told, problems []string
	refuse := 1
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, key)
		_, _ = fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), body)
		if r.Header.Get("Webhook-Signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
			problems = append(problems, "a wrong signature")
		}
		if refuse > 0 {
			refuse--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var m struct {
			Type string
			Data struct{ Name, Kind string }
		}
		if err := json.Unmarshal(body, &m); err != nil || m.Type != "secret."+m.Data.Kind || m.Data.Name != "hooked/one" {
			problems = append(problems, string(body))
		}
		told = append(told, m.Data.Kind)
	}))
	defer hook.Close()
	_, text, _ := strings.Cut(strongroom(t, "webhook", "add", "mine", "--url", hook.URL, "--prefix", "hooked/"), "WEBHOOK_SECRET=whsec_")
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(text, err)
	}
	mu.Lock()
	key = decoded
	mu.Unlock()
	want := story(t, "hooked/one")
	for _, n := range []int{len(want), len(want) + 1} {
		await(t, "an event", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(told) >= n
		})
		if n == len(want) {
			gone(t, "hooked/one")
		}
	}
	want = append(want, "deleted")
	if !slices.Equal(told, want) || len(problems) > 0 {
		t.Errorf("it was told %v: %v", told, problems)
	}
	if out := strongroom(t, "webhook", "list"); !strings.Contains(out, "mine") {
		t.Error(out)
	}
	strongroom(t, "webhook", "rm", "mine")
	if out := strongroom(t, "webhook", "list"); out != "" {
		t.Error(out)
	}
}
