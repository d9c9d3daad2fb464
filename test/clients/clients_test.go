//go:build clients

// Package clients_test has foreign clients speak to a real server: the AWS SDK
// for JavaScript, boto3 and the aws CLI, unmodified and as they are installed.
package clients_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var binary, address string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "strongroom-clients-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "strongroom")
	if out, err := exec.Command("go", "build", "-o", binary, "../../cmd/strongroom").CombinedOutput(); err != nil {
		fmt.Printf("%s", out)
		return 1
	}
	if err := writeKeys(filepath.Join(dir, "keys.json")); err != nil {
		panic(err)
	}
	server := exec.Command(binary, "dev", "--quiet", "--listen", "127.0.0.1:0", "--oidc-keys", issuer+"="+filepath.Join(dir, "keys.json"))
	out, err := server.StdoutPipe()
	if err != nil {
		panic(err)
	}
	if err := server.Start(); err != nil {
		panic(err)
	}
	defer func() {
		_ = server.Process.Signal(os.Interrupt)
		if err := server.Wait(); err != nil {
			fmt.Println("the server's end:", err)
		}
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if found := regexp.MustCompile(`AWS_ENDPOINT_URL=(\S+)`).FindStringSubmatch(lines.Text()); found != nil {
			address = found[1]
			break
		}
	}
	go func() {
		for lines.Scan() {
		}
	}()
	return m.Run()
}

// environment is that of somebody who pasted what dev prints, and has no other
// configuration.
func environment(extra ...string) []string {
	home, _ := os.MkdirTemp("", "home-")
	return append([]string{"PATH=/usr/local/bin:/usr/bin:/bin:" + os.Getenv("PATH"), "HOME=" + home, "AWS_ENDPOINT_URL=" + address,
		"AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=AKIASTRONGROOMDEV000",
		"AWS_SECRET_ACCESS_KEY=strongroom/dev/only/secret/access/key/01", "AWS_PAGER=", "NODE_NO_WARNINGS=1"}, extra...)
}

// command runs a program and gives its output and exit status.
func command(t *testing.T, env []string, name string, args ...string) (string, int) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Env = env
	out, err := c.CombinedOutput()
	if err != nil && c.ProcessState == nil {
		t.Fatalf("%s cannot run: %v (make install)", name, err)
	}
	return string(bytes.TrimSpace(out)), c.ProcessState.ExitCode()
}

func TestJavaScriptExample(t *testing.T) {
	out, status := command(t, environment(), "node", "../../examples/node/read.js")
	if status != 0 || out != "the password has 28 characters" {
		t.Errorf("%d: %s", status, out)
	}
	out, status = command(t, environment("AWS_SECRET_ACCESS_KEY=wrong"), "node", "../../examples/node/read.js")
	if status == 0 || !strings.HasPrefix(out, "InvalidSignatureException: The request signature we calculated") {
		t.Errorf("%d: %s", status, out)
	}
	out, status = command(t, environment("VAULT_ADDR="+address, "VAULT_TOKEN=root"), "node", "../../examples/node/read-vault.js")
	if status != 0 || out != "the password has 28 characters" {
		t.Errorf("%d: %s", status, out)
	}
	out, status = command(t, environment("VAULT_ADDR="+address, "VAULT_TOKEN=wrong"), "node", "../../examples/node/read-vault.js")
	if status == 0 || !strings.Contains(out, "permission denied") {
		t.Errorf("%d: %s", status, out)
	}
}

func TestJavaScriptStory(t *testing.T) {
	if out, status := command(t, environment("NODE_PATH=../../examples/node/node_modules"), "node", "testdata/story.js"); status != 0 {
		t.Errorf("%s", out)
	}
}

func TestBoto3Story(t *testing.T) {
	if out, status := command(t, environment("ENDPOINT="+address), "/usr/bin/python3", "testdata/story.py"); status != 0 {
		t.Errorf("%s", out)
	}
}

// The CLI's version in Debian knows the endpoint by flag alone.
func TestCommandLine(t *testing.T) {
	aws := func(args ...string) (string, int) {
		return command(t, environment(), "/usr/bin/aws", append([]string{"--endpoint-url", address, "--output", "text", "secretsmanager"}, args...)...)
	}
	for _, step := range []struct {
		args   []string
		status int
		want   string // a regular expression
	}{
		{[]string{"create-secret", "--name", "cli/one", "--secret-string", "first", "--tags", "Key=team,Value=blue"}, 0, `^arn:aws:secretsmanager:us-east-1:000000000000:secret:cli/one-\w{6}\s+cli/one\s+[0-9a-f-]{36}$`},
		{[]string{"create-secret", "--name", "cli/one", "--secret-string", "other"}, 254, `ResourceExistsException.*The operation failed because the secret cli/one already exists\.`},
		{[]string{"get-secret-value", "--secret-id", "cli/one", "--query", "SecretString"}, 0, `^first$`},
		{[]string{"put-secret-value", "--secret-id", "cli/one", "--secret-string", "second"}, 0, `AWSCURRENT`},
		{[]string{"get-secret-value", "--secret-id", "cli/one", "--version-stage", "AWSPREVIOUS", "--query", "SecretString"}, 0, `^first$`},
		{[]string{"describe-secret", "--secret-id", "cli/one", "--query", "Tags[0].Value"}, 0, `^blue$`},
		{[]string{"list-secrets", "--filters", "Key=name,Values=cli/", "--query", "SecretList[].Name"}, 0, `^cli/one$`},
		{[]string{"get-random-password", "--password-length", "20", "--exclude-punctuation"}, 0, `^[A-Za-z0-9]{20}$`},
		{[]string{"delete-secret", "--secret-id", "cli/one", "--recovery-window-in-days", "7", "--query", "Name"}, 0, `^cli/one$`},
		{[]string{"get-secret-value", "--secret-id", "cli/one"}, 254, `InvalidRequestException.*because it was marked for deletion`},
		{[]string{"restore-secret", "--secret-id", "cli/one", "--query", "Name"}, 0, `^cli/one$`},
		{[]string{"delete-secret", "--secret-id", "cli/one", "--force-delete-without-recovery", "--query", "Name"}, 0, `^cli/one$`},
		{[]string{"describe-secret", "--secret-id", "cli/one"}, 254, `ResourceNotFoundException.*Secrets Manager can't find the specified secret\.`},
		{[]string{"rotate-secret", "--secret-id", "prod/myapp/database"}, 254, `InvalidRequestException.*No Lambda rotation function ARN is associated`},
	} {
		out, status := aws(step.args...)
		if status != step.status || !regexp.MustCompile(step.want).MatchString(out) {
			t.Errorf("aws %s: %d: %s", strings.Join(step.args, " "), status, out)
		}
	}
}

func TestServicesInJavaScript(t *testing.T) {
	if out, status := command(t, environment("NODE_PATH=node_modules"), "node", "testdata/services.js"); status != 0 {
		t.Errorf("%s", out)
	}
}

func TestServicesInBoto3(t *testing.T) {
	if out, status := command(t, environment("ENDPOINT="+address), "/usr/bin/python3", "testdata/services.py"); status != 0 {
		t.Errorf("%s", out)
	}
}

// Two services with the aws CLI alone.
func TestServicesOnTheCommandLine(t *testing.T) {
	aws := func(env []string, args ...string) (string, int) {
		return command(t, env, "/usr/bin/aws", append([]string{"--endpoint-url", address, "--output", "text"}, args...)...)
	}
	must := func(args ...string) string {
		out, status := aws(environment(), args...)
		if status != 0 {
			t.Fatalf("aws %s: %s", strings.Join(args, " "), out)
		}
		return out
	}
	user := must("iam", "create-user", "--user-name", "cli-ann", "--query", "User.Arn")
	key := strings.Fields(must("iam", "create-access-key", "--user-name", "cli-ann", "--query", "AccessKey.[AccessKeyId,SecretAccessKey]"))
	ann := environment("AWS_ACCESS_KEY_ID="+key[0], "AWS_SECRET_ACCESS_KEY="+key[1])
	sessions := map[string][]string{}
	for _, s := range []string{"orders", "billing"} {
		must("secretsmanager", "create-secret", "--name", "cli/"+s, "--secret-string", s)
		role := must("iam", "create-role", "--role-name", "cli-"+s, "--query", "Role.Arn", "--assume-role-policy-document",
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+user+`"},"Action":"sts:AssumeRole"}}`)
		must("iam", "put-role-policy", "--role-name", "cli-"+s, "--policy-name", "read", "--policy-document",
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:us-east-1:000000000000:secret:cli/`+s+`-??????"}}`)
		out, status := aws(ann, "sts", "assume-role", "--role-arn", role, "--role-session-name", "one", "--query", "Credentials.[AccessKeyId,SecretAccessKey,SessionToken]")
		if status != 0 {
			t.Fatal(out)
		}
		c := strings.Fields(out)
		sessions[s] = environment("AWS_ACCESS_KEY_ID="+c[0], "AWS_SECRET_ACCESS_KEY="+c[1], "AWS_SESSION_TOKEN="+c[2])
	}
	for own, other := range map[string]string{"orders": "billing", "billing": "orders"} {
		if out, status := aws(sessions[own], "secretsmanager", "get-secret-value", "--secret-id", "cli/"+own, "--query", "SecretString"); status != 0 || out != own {
			t.Errorf("its own: %d: %s", status, out)
		}
		want := "User: arn:aws:sts::000000000000:assumed-role/cli-" + own + "/one is not authorized to perform: secretsmanager:GetSecretValue on resource: cli/" + other +
			" because no identity-based policy allows the secretsmanager:GetSecretValue action"
		if out, status := aws(sessions[own], "secretsmanager", "get-secret-value", "--secret-id", "cli/"+other); status != 254 || !strings.Contains(out, want) {
			t.Errorf("the other's: %d: %s", status, out)
		}
	}
}
