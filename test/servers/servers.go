// Package servers starts real servers for tests, from Debian's packages, each
// in a folder of its own, on a free port of the loopback, and ends them with
// the test.
package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a server that runs.
type Server struct {
	Port int
	// Admin and Password are those of one who may do everything.
	Admin, Password string

	t       testing.TB
	dir     string
	command func() *exec.Cmd
	process *exec.Cmd
	ended   chan error
}

const password = "all-doors-0pen"

// Find is the path of a program of Debian's, which need not be in PATH. A test
// without it fails: make install brings it.
func find(t testing.TB, patterns ...string) string {
	t.Helper()
	for _, p := range patterns {
		if found, _ := filepath.Glob(p); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	t.Fatalf("there is no %s on this machine: run make install", patterns[0])
	return ""
}

// freePort is a port that nobody listened on a moment ago.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// folder makes a folder that the account may write, and that the others may
// pass through.
func folder(t testing.TB, account string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "strongroom-"+account+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	own(t, dir, account)
	return dir
}

// own gives a file to an account, if the test may do that.
func own(t testing.TB, path, account string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	uid, gid := ids(t, account)
	if err := os.Chown(path, int(uid), int(gid)); err != nil {
		t.Fatal(err)
	}
}

func ids(t testing.TB, account string) (uid, gid uint32) {
	t.Helper()
	u, err := user.Lookup(account)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := strconv.Atoi(u.Uid)
	group, _ := strconv.Atoi(u.Gid)
	return uint32(id), uint32(group)
}

// as makes a command that runs as an account where the test is root, which
// servers refuse to be.
func as(t testing.TB, account, dir, program string, args ...string) *exec.Cmd {
	c := exec.Command(program, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "HOME="+dir, "LC_ALL=C")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		uid, gid := ids(t, account)
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
	return c
}

// run runs a command to its end.
func run(t testing.TB, c *exec.Cmd) {
	t.Helper()
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", c.Path, err, out)
	}
}

// Start starts a server that was stopped.
func (s *Server) Start() {
	s.t.Helper()
	c := s.command()
	log, err := os.OpenFile(s.Log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.process, s.ended = c, make(chan error, 1)
	go func() { s.ended <- c.Wait() }()
}

// Log is the file of what the server says.
func (s *Server) Log() string { return s.dir + ".log" }

// Stop ends the server as if its power was cut.
func (s *Server) Stop() {
	if s.process == nil {
		return
	}
	_ = syscall.Kill(-s.process.Process.Pid, syscall.SIGKILL)
	<-s.ended
	s.process = nil
}

// begin starts the server, has it end with the test, and waits until ready
// does not fail.
func (s *Server) begin(ready func(context.Context) error) *Server {
	s.t.Helper()
	s.Start()
	s.t.Cleanup(func() {
		s.Stop()
		_ = os.Remove(s.Log())
	})
	s.Wait(ready)
	return s
}

// Wait waits until ready does not fail.
func (s *Server) Wait(ready func(context.Context) error) {
	s.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := ready(ctx)
		cancel()
		if err == nil {
			return
		}
		select {
		case died := <-s.ended:
			s.ended <- died
			err = errors.Join(errors.New("the server ended"), died, err)
		case <-time.After(50 * time.Millisecond):
			if time.Now().Before(deadline) {
				continue
			}
		}
		log, _ := os.ReadFile(s.Log())
		s.t.Fatalf("%v\n%s", err, tail(string(log)))
	}
}

func tail(log string) string {
	lines := strings.Split(log, "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// listening is ready when somebody listens on the port.
func listening(port int) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = c.Close()
		}
		return err
	}
}

// Postgres starts a PostgreSQL whose users prove themselves by SCRAM.
func Postgres(t testing.TB) *Server {
	t.Helper()
	initdb, program := find(t, "/usr/lib/postgresql/*/bin/initdb"), find(t, "/usr/lib/postgresql/*/bin/postgres")
	dir := folder(t, "postgres")
	pass := filepath.Join(dir, "password")
	if err := os.WriteFile(pass, []byte(password), 0o600); err != nil {
		t.Fatal(err)
	}
	own(t, pass, "postgres")
	data := filepath.Join(dir, "data")
	run(t, as(t, "postgres", dir, initdb, "-D", data, "-U", "admin", "--pwfile", pass, "-A", "scram-sha-256", "--no-sync", "--no-instructions"))
	s := &Server{t: t, dir: dir, Port: freePort(t), Admin: "admin", Password: password}
	s.command = func() *exec.Cmd {
		return as(t, "postgres", dir, program, "-D", data, "-p", strconv.Itoa(s.Port), "-h", "127.0.0.1", "-k", dir, "-c", "max_connections=300", "-c", "fsync=off")
	}
	// It listens before it lets anybody in.
	return s.begin(func(ctx context.Context) error {
		c, err := pgx.Connect(ctx, fmt.Sprintf("postgres://%s:%s@127.0.0.1:%d/postgres", s.Admin, s.Password, s.Port))
		if err != nil {
			return err
		}
		return c.Close(ctx)
	})
}

// MariaDB starts a MariaDB.
func MariaDB(t testing.TB) *Server {
	t.Helper()
	program, install, client := find(t, "/usr/sbin/mariadbd"), find(t, "/usr/bin/mariadb-install-db"), find(t, "/usr/bin/mariadb")
	dir := folder(t, "mysql")
	data, socket := filepath.Join(dir, "data"), filepath.Join(dir, "socket")
	run(t, as(t, "mysql", dir, install, "--no-defaults", "--datadir="+data, "--auth-root-authentication-method=normal", "--skip-test-db"))
	s := &Server{t: t, dir: dir, Port: freePort(t), Admin: "admin", Password: password}
	s.command = func() *exec.Cmd {
		return as(t, "mysql", dir, program, "--no-defaults", "--datadir="+data, "--socket="+socket, "--port="+strconv.Itoa(s.Port),
			"--bind-address=127.0.0.1", "--skip-name-resolve", "--max-connections=300", "--pid-file="+filepath.Join(dir, "pid"), "--innodb-flush-log-at-trx-commit=0")
	}
	s.begin(listening(s.Port))
	sql := "CREATE USER admin@'%' IDENTIFIED BY '" + password + "'; GRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION; CREATE DATABASE app; DROP USER root@localhost"
	run(t, as(t, "mysql", dir, client, "--no-defaults", "-u", "root", "--socket="+socket, "-e", sql))
	return s
}

// Redis starts a Redis whose default user has a password.
func Redis(t testing.TB) *Server {
	t.Helper()
	program := find(t, "/usr/bin/redis-server", "/usr/bin/valkey-server")
	dir := folder(t, "redis")
	s := &Server{t: t, dir: dir, Port: freePort(t), Admin: "default", Password: password}
	acl := filepath.Join(dir, "users.acl")
	if err := os.WriteFile(acl, []byte("user default on >"+password+" ~* &* +@all\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	own(t, acl, "redis")
	s.command = func() *exec.Cmd {
		return as(t, "redis", dir, program, "--port", strconv.Itoa(s.Port), "--bind", "127.0.0.1", "--aclfile", acl, "--save", "", "--dir", dir)
	}
	return s.begin(listening(s.Port))
}

// RabbitMQ starts a RabbitMQ with its management plugin, whose port is Port.
func RabbitMQ(t testing.TB) *Server {
	t.Helper()
	program := find(t, "/usr/lib/rabbitmq/bin/rabbitmq-server")
	dir := folder(t, "rabbitmq")
	s := &Server{t: t, dir: dir, Port: freePort(t), Admin: "guest", Password: "guest"}
	amqp, dist, epmd := freePort(t), freePort(t), freePort(t)
	for name, text := range map[string]string{
		"rabbitmq.conf":   fmt.Sprintf("listeners.tcp.1 = 127.0.0.1:%d\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = %d\nlog.console = true\n", amqp, s.Port),
		"enabled_plugins": "[rabbitmq_management].\n",
		".erlang.cookie":  "strongroomtests",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o400); err != nil {
			t.Fatal(err)
		}
		own(t, path, "rabbitmq")
	}
	s.command = func() *exec.Cmd {
		c := as(t, "rabbitmq", dir, program)
		c.Env = append(c.Env, "RABBITMQ_NODENAME=test@localhost", fmt.Sprint("RABBITMQ_DIST_PORT=", dist), fmt.Sprint("ERL_EPMD_PORT=", epmd),
			"RABBITMQ_CONFIG_FILE="+filepath.Join(dir, "rabbitmq"), "RABBITMQ_ENABLED_PLUGINS_FILE="+filepath.Join(dir, "enabled_plugins"),
			"RABBITMQ_MNESIA_BASE="+dir, "RABBITMQ_LOG_BASE="+dir, "RABBITMQ_PID_FILE="+filepath.Join(dir, "pid"), "ERL_EPMD_ADDRESS=127.0.0.1")
		return c
	}
	return s.begin(listening(s.Port))
}

// FerretDB starts a FerretDB, which speaks MongoDB's protocol and keeps users
// as MongoDB does. It is built from the module beside this file.
func FerretDB(t testing.TB) *Server {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(cache, "strongroom-tests", "ferretdb")
	run(t, exec.Command(filepath.Join(filepath.Dir(here), "mongodb", "build"), program))
	dir := t.TempDir()
	s := &Server{t: t, dir: dir, Port: freePort(t), Admin: "admin", Password: password}
	s.command = func() *exec.Cmd {
		c := exec.Command(program, "--handler=sqlite", "--sqlite-url=file:"+dir+"/", "--listen-addr=127.0.0.1:"+strconv.Itoa(s.Port), "--debug-addr=-", "--telemetry=disable",
			"--state-dir="+dir, "--test-enable-new-auth", "--setup-database=admin", "--setup-username="+s.Admin, "--setup-password="+s.Password, "--log-level=warn")
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		return c
	}
	return s.begin(listening(s.Port))
}
