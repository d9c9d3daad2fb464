//go:build engines

// Package rotation_test rotates the passwords of real databases with a real
// server, while clients log in, while the server is killed, and while the
// network breaks.
package rotation_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

var (
	binary string
	ctx    = context.Background()
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "strongroom-rotation-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "strongroom")
	if out, err := exec.Command("go", "build", "-tags", "crashpoints", "-o", binary, "../../cmd/strongroom").CombinedOutput(); err != nil {
		fmt.Printf("%s", out)
		return 1
	}
	return m.Run()
}

// soak reports whether the long forms were asked for.
func soak() bool { return os.Getenv("STRONGROOM_SOAK") != "" }

// server is a Strongroom that can be killed and started again.
type server struct {
	t       testing.TB
	data    string
	process *exec.Cmd
	ended   chan struct{}
	*sm.Client
}

func newServer(t testing.TB) *server {
	s := &server{t: t, data: filepath.Join(t.TempDir(), "data")}
	s.start("")
	t.Cleanup(s.kill)
	return s
}

var says = regexp.MustCompile(`AWS_ENDPOINT_URL=(\S+)`)

// start starts the server, which is to die at a point of a rotation.
func (s *server) start(crashAt string) {
	s.t.Helper()
	c := exec.Command(binary, "dev", "--quiet", "--listen", "127.0.0.1:0", "--data", s.data)
	c.Env = append(os.Environ(), "STRONGROOM_CRASH_AT="+crashAt)
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	address := ""
	for address == "" && lines.Scan() {
		if found := says.FindStringSubmatch(lines.Text()); found != nil {
			address = found[1]
		}
	}
	if address == "" {
		s.t.Fatal("the server does not start")
	}
	s.process, s.ended = c, make(chan struct{})
	go func() {
		for lines.Scan() {
		}
		_ = c.Wait()
		close(s.ended)
	}()
	s.Client = sm.New(sm.Options{BaseEndpoint: &address, Region: "us-east-1", RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIASTRONGROOMDEV000", "strongroom/dev/only/secret/access/key/01", "")})
}

func (s *server) kill() {
	_ = s.process.Process.Kill()
	<-s.ended
}

// awaitDeath waits until the server has died by itself.
func (s *server) awaitDeath() bool {
	select {
	case <-s.ended:
		return true
	case <-time.After(10 * time.Second):
		return false
	}
}

func (s *server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) create(name string, value map[string]any) {
	s.t.Helper()
	text, err := json.Marshal(value)
	s.must(err)
	_, err = s.CreateSecret(ctx, &sm.CreateSecretInput{Name: &name, SecretString: aws.String(string(text))})
	s.must(err)
}

func (s *server) rotate(name, function string) error {
	in := &sm.RotateSecretInput{SecretId: &name}
	if function != "" {
		in.RotationLambdaARN = &function
	}
	_, err := s.RotateSecret(ctx, in)
	return err
}

// settled waits until no rotation of the secret is under way, and gives what
// there is to say of it.
func (s *server) settled(name string) *sm.DescribeSecretOutput {
	s.t.Helper()
	deadline := time.Now().Add(40 * time.Second)
	for {
		d, err := s.DescribeSecret(ctx, &sm.DescribeSecretInput{SecretId: &name})
		s.must(err)
		pending, current := 0, 0
		for _, labels := range d.VersionIdsToStages {
			for _, l := range labels {
				switch l {
				case "AWSPENDING":
					pending++
				case "AWSCURRENT":
					current++
				}
			}
		}
		if current != 1 {
			s.t.Fatalf("%d versions are current", current)
		}
		if pending == 0 {
			return d
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the rotation does not end: %v", d.VersionIdsToStages)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// credential is what a database's secret holds.
type credential struct {
	Engine, Host, Username, Password string
	Port                             int
}

// read reads a secret's current version.
func (s *server) read(name string) (credential, error) {
	var c credential
	out, err := s.GetSecretValue(ctx, &sm.GetSecretValueInput{SecretId: &name})
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal([]byte(*out.SecretString), &c)
}

// outdated reports whether a credential is neither the current one nor the one
// before.
func (s *server) outdated(name string, c credential) bool {
	for _, label := range []string{"AWSCURRENT", "AWSPREVIOUS"} {
		var is credential
		out, err := s.GetSecretValue(ctx, &sm.GetSecretValueInput{SecretId: &name, VersionStage: &label})
		if err != nil || json.Unmarshal([]byte(*out.SecretString), &is) != nil || is == c {
			return false
		}
	}
	return true
}

// retry has a rotation that failed tried again; one that did not needs none.
func (s *server) retry(name string) {
	s.t.Helper()
	c := exec.Command(binary, "rotate", "retry", name)
	c.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+*s.Options().BaseEndpoint, "AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=AKIASTRONGROOMDEV000", "AWS_SECRET_ACCESS_KEY=strongroom/dev/only/secret/access/key/01")
	if out, err := c.CombinedOutput(); err != nil && !strings.Contains(string(out), "No rotation of this secret is under way") {
		s.t.Fatalf("rotate retry: %s", out)
	}
}
