//go:build crash

// Package crash_test kills servers, cuts the power under them, fails their
// disks, and looks whether they kept their word: every acknowledged write is
// there, every answered request is in the log, the log verifies, the server
// starts.
package crash_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go/middleware"
)

// build makes the binary, once for each set of tags.
var build = func() func(t *testing.T, tags string) string {
	var mu sync.Mutex
	made := map[string]string{}
	dir, err := os.MkdirTemp("", "strongroom-crash-")
	if err != nil {
		panic(err)
	}
	return func(t *testing.T, tags string) string {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		if path, ok := made[tags]; ok {
			return path
		}
		path := filepath.Join(dir, "strongroom-"+tags)
		if out, err := exec.Command("go", "build", "-tags", tags, "-o", path, "../../cmd/strongroom").CombinedOutput(); err != nil {
			t.Fatalf("%s", out)
		}
		made[tags] = path
		return path
	}
}()

// house is a data folder with its credentials, and what was promised of it.
type house struct {
	t           *testing.T
	binary, dir string
	id, key     string
	cmd         *exec.Cmd
	addr        string
	log         *journal

	mu      sync.Mutex
	acked   map[string]map[string]string // by secret and version ID: the value
	tried   map[string]map[string]string // the same, of writes without an answer
	answers []string                     // request IDs that were answered with success
	made    int
}

// journal is what a server says, read while it says it.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func newHouse(t *testing.T, binary, dir string) *house {
	t.Helper()
	out, err := exec.Command(binary, "init", "--data", dir, "--account", "123456789012").CombinedOutput()
	if err != nil {
		t.Fatalf("%s", out)
	}
	find := func(p string) string { return string(regexp.MustCompile(p).FindSubmatch(out)[1]) }
	return &house{t: t, binary: binary, dir: dir, id: find(`AWS_ACCESS_KEY_ID=(\S+)`), key: find(`AWS_SECRET_ACCESS_KEY=(\S+)`),
		acked: map[string]map[string]string{}, tried: map[string]map[string]string{}}
}

// start starts the server and fails the test if it does not.
func (h *house) start() {
	h.t.Helper()
	if err := h.tryStart(); err != nil {
		h.t.Fatalf("the server does not start: %v\n%s", err, h.log.String())
	}
}

func (h *house) tryStart() error {
	h.log = new(journal)
	h.cmd = exec.Command(h.binary, "server", "--data", h.dir, "--listen", "127.0.0.1:0")
	h.cmd.Stderr = h.log
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := h.cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := regexp.MustCompile(`on (127\S+)`).FindStringSubmatch(lines.Text()); m != nil {
			h.addr = m[1]
			return nil
		}
	}
	return errors.Join(h.cmd.Wait(), errors.New(h.log.String()))
}

func (h *house) kill() {
	_ = h.cmd.Process.Signal(syscall.SIGKILL)
	_ = h.cmd.Wait()
}

func (h *house) stop() {
	_ = h.cmd.Process.Signal(syscall.SIGTERM)
	if err := h.cmd.Wait(); err != nil {
		h.t.Errorf("the server's end: %v\n%s", err, h.log.String())
	}
}

func (h *house) client() *sm.Client {
	return sm.New(sm.Options{
		BaseEndpoint: aws.String("http://" + h.addr), Region: "us-east-1", Retryer: retry.AddWithMaxAttempts(aws.NopRetryer{}, 1),
		Credentials: credentials.NewStaticCredentialsProvider(h.id, h.key, ""),
		HTTPClient:  &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	})
}

// load has workers write and read until ctx ends or the server is gone.
func (h *house) load(ctx context.Context, workers int) {
	c := h.client()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			h.mu.Lock()
			h.made++
			name := fmt.Sprintf("crash/%d", h.made)
			h.mu.Unlock()
			h.work(ctx, c, name)
		})
	}
	wg.Wait()
}

func (h *house) work(ctx context.Context, c *sm.Client, name string) {
	token := newToken()
	h.note(h.tried, name, token, "first")
	out, err := c.CreateSecret(ctx, &sm.CreateSecretInput{Name: &name, ClientRequestToken: &token, SecretString: aws.String("first")})
	if err != nil {
		return
	}
	h.answered(&out.ResultMetadata)
	h.note(h.acked, name, token, "first")
	for n := 0; n < 80 && ctx.Err() == nil; n++ {
		token, value := newToken(), fmt.Sprint(rand.Uint64())
		h.note(h.tried, name, token, value)
		put, err := c.PutSecretValue(ctx, &sm.PutSecretValueInput{SecretId: &name, ClientRequestToken: &token, SecretString: &value})
		if err != nil {
			return
		}
		h.answered(&put.ResultMetadata)
		h.note(h.acked, name, token, value)
		got, err := c.GetSecretValue(ctx, &sm.GetSecretValueInput{SecretId: &name})
		if err != nil {
			return
		}
		if *got.SecretString != value {
			h.t.Errorf("%s: read %s after writing %s", name, *got.SecretString, value)
		}
		h.answered(&got.ResultMetadata)
	}
}

func newToken() string { return fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()) }

// answered notes that a request was answered.
func (h *house) answered(m *middleware.Metadata) {
	id, _ := awsmiddleware.GetRequestIDMetadata(*m)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers = append(h.answers, id)
}

func (h *house) note(in map[string]map[string]string, name, token, value string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if in[name] == nil {
		in[name] = map[string]string{}
	}
	in[name][token] = value
}

// broken says what the house did not keep of its word; empty if all is well.
// The server must run.
func (h *house) broken() string {
	var problems []string
	c := h.client()
	ctx := context.Background()
	for name, versions := range h.acked {
		d, err := c.DescribeSecret(ctx, &sm.DescribeSecretInput{SecretId: &name})
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", name, err))
			continue
		}
		current := 0
		for id, labels := range d.VersionIdsToStages {
			for _, l := range labels {
				if l == "AWSCURRENT" {
					current++
				}
			}
			if _, ok := h.tried[name][id]; !ok {
				problems = append(problems, fmt.Sprintf("%s has a version nobody wrote", name))
			}
		}
		if current != 1 {
			problems = append(problems, fmt.Sprintf("%s has %d current versions", name, current))
		}
		for id, value := range versions {
			got, err := c.GetSecretValue(ctx, &sm.GetSecretValueInput{SecretId: &name, VersionId: &id})
			if err != nil {
				problems = append(problems, fmt.Sprintf("%s: an acknowledged version: %v", name, err))
			} else if *got.SecretString != value {
				problems = append(problems, fmt.Sprintf("%s: an acknowledged version has another value", name))
			}
		}
	}
	problems = append(problems, h.brokenLog()...)
	if len(problems) > 5 {
		problems = append(problems[:5], fmt.Sprintf("and %d more", len(problems)-5))
	}
	return strings.Join(problems, "\n")
}

// recent is more records than one round of load and its checks make.
const recent = 20_000

// brokenLog looks for every answered request in the log, and verifies it.
func (h *house) brokenLog() []string {
	env := append(os.Environ(), "AWS_ENDPOINT_URL=http://"+h.addr, "AWS_ACCESS_KEY_ID="+h.id, "AWS_SECRET_ACCESS_KEY="+h.key, "AWS_REGION=us-east-1")
	run := func(args ...string) (string, error) {
		cmd := exec.Command(h.binary, args...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run("audit", "verify"); err != nil {
		return []string{"the log does not verify: " + out}
	}
	// The records of the last writes are shipped within a moment: it is looked
	// again a few times before something is called missing.
	var problems []string
	for range 12 {
		text, err := run("audit", "tail", "-n", fmt.Sprint(recent), "--json", "--data", h.dir)
		if err != nil {
			return []string{"the log cannot be read: " + text[:min(len(text), 300)]}
		}
		problems = nil
		for _, id := range h.answers {
			if !strings.Contains(text, id) {
				problems = append(problems, "a request that was answered is not in the log: "+id)
			}
		}
		if problems == nil {
			break
		}
	}
	return problems
}
