package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/sigv4"
)

// value is what a usual secret holds.
const value = `{"DB_HOST":"db.internal","DB_PORT":"5432","DB_USER":"myapp","DB_PASSWORD":"correct-horse-battery-staple"}`

// server is a process that is measured.
type server struct {
	cmd     *exec.Cmd
	addr    string
	dir     string
	started time.Duration

	accessKey, secretKey string
	token                string // of a session
	vault                string // a root token
}

// startServer makes a data folder, if it is not there, and serves it.
func startServer(s *settings, dir string) (*server, error) {
	credentials := filepath.Join(dir, "bench-credentials")
	if _, err := os.Stat(credentials); err != nil {
		out, err := exec.Command(s.binary, "init", "--data", dir).Output()
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(credentials, out, 0o600); err != nil {
			return nil, err
		}
	}
	text, err := os.ReadFile(credentials)
	if err != nil {
		return nil, err
	}
	srv := &server{dir: dir,
		accessKey: find(text, `AWS_ACCESS_KEY_ID=(\S+)`), secretKey: find(text, `AWS_SECRET_ACCESS_KEY=(\S+)`), vault: find(text, `VAULT_TOKEN=(\S+)`)}
	logFile, err := os.Create(filepath.Join(dir, "bench.log"))
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	srv.cmd = exec.Command(s.binary, "server", "--data", dir, "--listen", "127.0.0.1:0")
	srv.cmd.Stderr = logFile
	return srv, srv.start(`on (127\S+)`)
}

// startBare serves the same answer from net/http alone.
func startBare(s *settings, answer string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	srv := &server{cmd: exec.Command(self, "bare", "127.0.0.1:0", answer)}
	return srv, srv.start(`on (127\S+)`)
}

func (s *server) start(address string) error {
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := s.cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if a := find(lines.Bytes(), address); a != "" {
			s.addr, s.started = a, time.Since(begin)
			return nil
		}
	}
	return fmt.Errorf("the server did not start: %w", s.cmd.Wait())
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(os.Interrupt)
	_ = s.cmd.Wait()
}

func find(text []byte, pattern string) string {
	if m := regexp.MustCompile(pattern).FindSubmatch(text); m != nil {
		return string(m[1])
	}
	return ""
}

// signed is a whole signed request, as the Go SDK would send it.
func (s *server) signed(operation, body string) []byte {
	at := time.Now().UTC().Format(sigv4.TimeFormat)
	a := sigv4.Authorization{AccessKey: s.accessKey, SignedHeaders: "content-length;content-type;host;x-amz-date;x-amz-target",
		Scope: sigv4.Scope{Date: at[:sigv4.DateLen], Region: "us-east-1", Service: "secretsmanager"}}
	target := "secretsmanager." + operation
	hash := sha256.Sum256([]byte(body))
	header := map[string][]string{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Date": {at}, "X-Amz-Target": {target}}
	session := ""
	if s.token != "" {
		a.SignedHeaders = "content-length;content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
		header["X-Amz-Security-Token"] = []string{s.token}
		session = "X-Amz-Security-Token: " + s.token + "\r\n"
	}
	signature := sigv4.NewKey([]byte(s.secretKey), a.Scope).Sign(
		&sigv4.Message{Method: "POST", Path: "/", Host: s.addr, Length: strconv.Itoa(len(body)), Header: header}, a.SignedHeaders, hash[:], at, a.Scope)
	a.Signature = string(signature[:])
	return fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: %s\r\nUser-Agent: aws-sdk-go-v2/1.41.0 os/linux lang/go#1.26 md/GOOS#linux md/GOARCH#amd64 api/secretsmanager#1.50.0\r\n"+
		"Content-Length: %d\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Date: %s\r\nX-Amz-Target: %s\r\n%sAuthorization: %s\r\nAccept-Encoding: gzip\r\n\r\n%s",
		s.addr, len(body), at, target, session, a.Header(), body)
}

// once sends one request on a connection of its own and gives the answer.
func (s *server) once(request []byte) ([]byte, error) {
	c, err := dial(s.addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	err = c.exchange(request)
	return c.body, err
}

func (s *server) create(name, value string) error {
	_, err := s.once(s.signed("CreateSecret", createBody(name, value)))
	return err
}

func createBody(name, value string) string {
	v, _ := json.Marshal(value)
	return fmt.Sprintf(`{"Name":%q,"ClientRequestToken":"%s","SecretString":%s}`, name, gate.NewID(time.Now()), v)
}

func (s *server) sample(read requests) (string, error) {
	body, err := s.once(read(0, 0))
	return string(body), err
}

// reader reads secrets by chance. A signature is good for five minutes, so
// that each request is signed once, or, with fresh, as it is sent.
func (s *server) reader(names []string, fresh bool) requests {
	if fresh {
		return func(int, int) []byte { return s.readOf(names[rand.IntN(len(names))]) }
	}
	var mu sync.RWMutex
	var made time.Time
	var all [][]byte
	return func(int, int) []byte {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(made) > 2*time.Minute {
			all, made = nil, time.Now()
			for _, n := range names {
				all = append(all, s.readOf(n))
			}
		}
		return all[rand.IntN(len(all))]
	}
}

func (s *server) readOf(name string) []byte {
	return s.signed("GetSecretValue", fmt.Sprintf(`{"SecretId":%q}`, name))
}

// writer puts values: every connection has secrets of its own, and a new one
// after every hundred versions.
func (s *server) writer() requests {
	run := gate.NewID(time.Now())
	return func(conn, n int) []byte {
		name := fmt.Sprintf("bench/write/%s/%d/%d", run, conn, n/100)
		if n%100 == 0 {
			return s.signed("CreateSecret", createBody(name, value))
		}
		return s.signed("PutSecretValue", strings.Replace(createBody(name, value), `"Name"`, `"SecretId"`, 1))
	}
}

// names are the names of the secrets of a sized store.
func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("team%04d/app/name%07d", i%1000, i)
	}
	return out
}

// startSized serves a store of n secrets, which it fills first if need be, and
// starts it anew, so that the start is that of the filled store.
func startSized(s *settings, n int) (*server, error) {
	dir := filepath.Join(s.dir, fmt.Sprint("sized-", n))
	filled := filepath.Join(dir, "bench-filled")
	srv, err := startServer(s, dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filled); err == nil {
		return srv, nil
	}
	begin := time.Now()
	if err := srv.fill(names(n)); err != nil {
		srv.stop()
		return nil, err
	}
	fmt.Printf("filled a store with %d secrets in %s\n", n, time.Since(begin).Round(time.Second))
	srv.stop()
	if err := os.WriteFile(filled, nil, 0o600); err != nil {
		return nil, err
	}
	return startServer(s, dir)
}

// fill creates secrets over many connections.
func (s *server) fill(names []string) error {
	return s.inParallel(len(names), func(c *connection, n int) error {
		return c.exchange(s.signed("CreateSecret", createBody(names[n], value)))
	})
}

// cpu is the time that the process has used.
func (s *server) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // a tick is a hundredth
}

// anonymous is the memory that is not the store's file.
func (s *server) anonymous() int64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	kb, _ := strconv.ParseInt(find(text, `RssAnon:\s+(\d+)`), 10, 64)
	return kb << 10
}

func (s *server) onDisk() (total int64) {
	_ = filepath.WalkDir(s.dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if info, err := d.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}

// counters are the server's own, by name.
type counters map[string]float64

func (s *server) counters() counters {
	resp, err := http.Get("http://" + s.addr + "/metrics")
	if err != nil {
		return nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	out := counters{}
	for line := range strings.Lines(string(text)) {
		name, v, _ := strings.Cut(strings.TrimSpace(line), " ")
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			out[name] = f
		}
	}
	return out
}

func (c counters) since(before counters) counters {
	out := maps.Clone(c)
	for k, v := range before {
		out[k] -= v
	}
	return out
}
