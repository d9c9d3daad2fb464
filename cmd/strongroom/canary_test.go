package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// canary is a value that must be nowhere but in answers.
const canary = "hunter2-4f9c1d7a8be35260"

// forms are the ways in which it could be written down.
func forms() map[string][]byte {
	return map[string][]byte{
		"plain":  []byte(canary),
		"base64": []byte(base64.StdEncoding.EncodeToString([]byte(canary))[:28]),
		"hex":    []byte(hex.EncodeToString([]byte(canary))),
		"utf-16": bytes.Join(bytes.Split([]byte(canary), nil), []byte{0}),
	}
}

func sing(t *testing.T, where string, text []byte) {
	t.Helper()
	for form, bird := range forms() {
		if bytes.Contains(text, bird) {
			t.Errorf("the value is in %s, %s", where, form)
		}
	}
}

// served is a server in a process of its own.
type served struct {
	*client
	t    *testing.T
	cmd  *exec.Cmd
	logs bytes.Buffer
	dir  string
}

func serveFolder(t *testing.T) *served {
	t.Helper()
	s := &served{t: t, dir: filepath.Join(t.TempDir(), "house")}
	out, err := exec.Command("strongroom", "init", "--data", s.dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd = exec.Command("strongroom", "server", "--data", s.dir, "--listen", "127.0.0.1:0")
	s.cmd.Env = append(os.Environ(), "TMPDIR="+filepath.Dir(s.dir))
	s.cmd.Stderr = &s.logs
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	find := func(text []byte, p string) string { return string(regexp.MustCompile(p).FindSubmatch(text)[1]) }
	s.client = &client{
		endpoint:  &url.URL{Scheme: "http", Host: find([]byte(line), `on (\S+)`), Path: "/"},
		http:      &http.Client{},
		accessKey: find(out, `AWS_ACCESS_KEY_ID=(\S+)`), secretKey: find(out, `AWS_SECRET_ACCESS_KEY=(\S+)`), region: "us-east-1",
	}
	return s
}

// raw sends a body as it is, signed, and gives the answer.
func (s *served) raw(operation, body string) string {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.endpoint.String(), strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "secretsmanager."+operation)
	s.sign(r, "secretsmanager", []byte(body), time.Now())
	resp, err := s.http.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func (s *served) write(operation, name, value string) string {
	v, _ := json.Marshal(value)
	field := map[string]string{"CreateSecret": "Name"}[operation]
	if field == "" {
		field = "SecretId"
	}
	return s.raw(operation, fmt.Sprintf(`{%q:%q,"ClientRequestToken":%q,"SecretString":%s}`, field, name, newToken(), v))
}

// A whole story with a marked value: afterwards it is nowhere but where it was
// asked for.
func TestCanary(t *testing.T) {
	s := serveFolder(t)
	for _, op := range []string{"CreateSecret", "PutSecretValue", "UpdateSecret"} {
		sing(t, "the answer of "+op, []byte(s.write(op, "marked", canary)))
	}
	if got := s.raw("GetSecretValue", `{"SecretId":"marked"}`); !strings.Contains(got, canary) {
		t.Fatal("it is not in the answer where it belongs:", got)
	}
	s.raw("BatchGetSecretValue", `{"SecretIdList":["marked"]}`)
	for name, body := range map[string]string{
		"malformed":       `{"Name":"x","SecretString":"` + canary + `"`,
		"of another type": `{"Name":"x","ClientRequestToken":"` + newToken() + `","SecretString":{"a":"` + canary + `"}}`,
		"too long":        `{"Name":"x","ClientRequestToken":"` + newToken() + `","SecretString":"` + canary + strings.Repeat("x", 70000) + `"}`,
		"twice":           `{"Name":"x","ClientRequestToken":"` + newToken() + `","SecretString":"` + canary + `","SecretBinary":"eA=="}`,
		"no base64":       `{"Name":"x","ClientRequestToken":"` + newToken() + `","SecretBinary":"` + canary + `!"}`,
		"taken":           `{"Name":"marked","ClientRequestToken":"` + newToken() + `","SecretString":"` + canary + `"}`,
	} {
		sing(t, "the refusal of a value that is "+name, []byte(s.raw("CreateSecret", body)))
	}
	metrics, err := http.Get("http://" + s.endpoint.Host + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(metrics.Body)
	_ = metrics.Body.Close()
	sing(t, "the metrics", text)
	for _, f := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.cmd.Process.Pid, f))
		if err == nil {
			sing(t, "/proc/PID/"+f, text)
		}
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	sing(t, "the log", s.logs.Bytes())
	err = filepath.WalkDir(filepath.Dir(s.dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		sing(t, path, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// After a value was read fifty times and two hundred other requests came, no
// copy of it is left in the process.
func TestMemoryForgets(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root may look into the memory of a process that forbids it")
	}
	if raceEnabled {
		t.Skip("SKIPPED: under the race detector pools forget at random, and net/http's buffers with them; make test runs it without")
	}
	s := serveFolder(t)
	s.write("CreateSecret", "marked", canary)
	s.write("CreateSecret", "other", strings.Repeat("o", len(canary)))
	for range 50 {
		s.raw("GetSecretValue", `{"SecretId":"marked"}`)
	}
	for range 200 {
		s.raw("GetSecretValue", `{"SecretId":"other"}`)
	}
	if n := copies(t, s.cmd.Process.Pid, []byte(canary)); n > 0 {
		t.Errorf("%d copies of the value are in memory", n)
	}
	s.raw("GetSecretValue", `{"SecretId":"marked"}`) // a control: the search can find it
	if n := copies(t, s.cmd.Process.Pid, []byte(`"Name":"marked"`)); n == 0 {
		t.Error("the search finds nothing at all")
	}
}

// copies counts a text in a process's memory.
func copies(t *testing.T, pid int, text []byte) (n int) {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		if !strings.HasPrefix(fields[1], "rw") || strings.Contains(line, "store.db") {
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		begin, _ := strconv.ParseInt(from, 16, 64)
		end, _ := strconv.ParseInt(to, 16, 64)
		b := make([]byte, end-begin)
		if read, _ := mem.ReadAt(b, begin); read > 0 {
			n += bytes.Count(b[:read], text)
		}
	}
	return n
}
