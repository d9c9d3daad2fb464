//go:build engines

package rotation_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"

	"github.com/strongroom-dev/strongroom/test/servers"
)

// database is a kind of database, with a server of it.
type database struct {
	name     string // in functions
	engine   string // in secrets
	server   *servers.Server
	exec     func(c credential, statement string) error
	makeUser []string
}

func postgres(t *testing.T) *database {
	return &database{name: "postgresql", engine: "postgres", server: servers.Postgres(t), exec: pgExec,
		makeUser: []string{"CREATE ROLE app LOGIN PASSWORD 'first-password'", "CREATE ROLE solo LOGIN PASSWORD 'first-password'"}}
}

func mariadb(t *testing.T) *database {
	return &database{name: "mariadb", engine: "mariadb", server: servers.MariaDB(t), exec: mariaExec,
		makeUser: []string{"CREATE USER app@'%' IDENTIFIED BY 'first-password'", "GRANT ALL ON app.* TO app@'%'", "CREATE USER solo@'%' IDENTIFIED BY 'first-password'"}}
}

func pgExec(c credential, statement string) error {
	cfg, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return err
	}
	cfg.Host, cfg.Port, cfg.Database, cfg.User, cfg.Password = c.Host, uint16(c.Port), "postgres", c.Username, c.Password
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

func mariaExec(c credential, statement string) error {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr = c.Username, c.Password, "tcp", fmt.Sprintf("%s:%d", c.Host, c.Port)
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	_, err = db.Exec(statement)
	return err
}

func (d *database) admin() credential {
	return credential{Engine: d.engine, Host: "127.0.0.1", Port: d.server.Port, Username: d.server.Admin, Password: d.server.Password}
}

// begin makes two users and the secrets: of the superuser, of a user who takes
// turns with another one, and of one who changes the password alone.
func (d *database) begin(t *testing.T, s *server, port int) {
	t.Helper()
	for _, statement := range d.makeUser {
		s.must(d.exec(d.admin(), statement))
	}
	a := d.admin()
	s.create("master", map[string]any{"engine": d.engine, "host": a.Host, "port": port, "username": a.Username, "password": a.Password})
	s.create("app", map[string]any{"engine": d.engine, "host": a.Host, "port": port, "username": "app", "password": "first-password", "masterarn": "master"})
	s.create("own", map[string]any{"engine": d.engine, "host": a.Host, "port": port, "username": "solo", "password": "first-password"})
}

func (d *database) single() string { return "strongroom-" + d.name + "-single-user" }
func (d *database) turns() string  { return "strongroom-" + d.name + "-alternating-users" }

// Sixteen clients read the secret, log in and query, while it rotates again
// and again. With two users who take turns nobody is ever refused; with one
// user, nobody who reads once more is.
func TestClientsWhileItRotates(t *testing.T) {
	rotations := 25
	if soak() {
		rotations = 200
	}
	for _, make := range []func(*testing.T) *database{postgres, mariadb} {
		d := make(t)
		for _, strategy := range []struct {
			secret, function string
			again            int
		}{{"app", d.turns(), 0}, {"own", d.single(), 1}} {
			t.Run(strategy.function, func(t *testing.T) {
				s := newServer(t)
				_ = d.exec(d.admin(), map[string]string{"postgres": "DROP ROLE IF EXISTS app_clone; DROP ROLE IF EXISTS app; DROP ROLE IF EXISTS solo", "mariadb": "DROP USER IF EXISTS app@'%', app_clone@'%', solo@'%'"}[d.engine])
				d.begin(t, s, d.server.Port)
				stop := make16(t, s, d, strategy.secret, strategy.again)
				for i := range rotations {
					if err := s.rotate(strategy.secret, strategy.function); err != nil {
						t.Fatalf("rotation %d: %v", i, err)
					}
					s.settled(strategy.secret)
					time.Sleep(50 * time.Millisecond) // nobody rotates faster: a client must come to use what it has read
				}
				stop(rotations)
			})
		}
	}
}

// make16 lets sixteen clients loose and gives what ends and judges them.
func make16(t *testing.T, s *server, d *database, name string, again int) (stop func(rotations int)) {
	var logins, refused, lost, late atomic.Int64
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	for range 16 {
		wg.Go(func() {
			for ctx.Err() == nil {
				var err error
				for range again + 1 {
					var c credential
					if c, err = s.read(name); err != nil {
						break
					}
					if err = d.exec(c, "SELECT 1"); err == nil {
						break
					}
					if again == 0 && s.outdated(name, c) {
						late.Add(1) // two rotations between a read and its login: nothing is promised
						err = nil
						break
					}
					refused.Add(1)
				}
				if err != nil {
					lost.Add(1)
					t.Errorf("a client is lost: %v", err)
				}
				logins.Add(1)
			}
		})
	}
	return func(rotations int) {
		cancel()
		wg.Wait()
		t.Logf("%d rotations, %d logins, %d refused at first, %d lost, %d two rotations late", rotations, logins.Load(), refused.Load(), lost.Load(), late.Load())
		if again == 0 && refused.Load() > 0 {
			t.Errorf("%d logins were refused", refused.Load())
		}
	}
}

// The server is killed at every point of a rotation.
func TestKilledAnywhere(t *testing.T) {
	d := postgres(t)
	s := newServer(t)
	d.begin(t, s, d.server.Port)
	for _, c := range []struct{ secret, function string }{{"app", d.turns()}, {"own", d.single()}} {
		for _, step := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
			for _, point := range []string{"begin", "effect", "settle"} {
				s.kill()
				s.start(step + "/" + point)
				s.must(s.rotate(c.secret, c.function))
				if !s.awaitDeath() {
					t.Fatalf("%s/%s is never reached", step, point)
				}
				s.start("")
				s.settled(c.secret)
				d.judge(t, s, c.secret, step+"/"+point)
			}
		}
	}
}

// judge wants the current version to log in, and no user too many.
func (d *database) judge(t *testing.T, s *server, name, where string) {
	t.Helper()
	c, err := s.read(name)
	s.must(err)
	if err := d.exec(c, "SELECT 1"); err != nil {
		t.Errorf("%s: the current version cannot log in: %v", where, err)
	}
	orphans := map[string]string{
		"postgres": "DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_roles WHERE rolcanlogin AND rolname NOT IN ('admin', 'app', 'app_clone', 'solo')) THEN RAISE EXCEPTION 'there is an orphan'; END IF; END $$",
	}[d.engine]
	if err := d.exec(d.admin(), orphans); err != nil {
		t.Errorf("%s: %v", where, err)
	}
}

// The server is killed at any time, again and again.
func TestKilledAtAnyTime(t *testing.T) {
	kills := 15
	if soak() {
		kills = 200
	}
	d := postgres(t)
	s := newServer(t)
	d.begin(t, s, d.server.Port)
	for i := range kills {
		if err := s.rotate("app", d.turns()); err != nil && !strings.Contains(err.Error(), "isn’t complete") {
			t.Fatal(err)
		}
		time.Sleep(rand.N(60 * time.Millisecond))
		s.kill()
		s.start("")
		d.judge(t, s, "app", fmt.Sprint("kill ", i))
	}
	s.settled("app")
}

// cutter passes a connection on and cuts it after so many chunks from the
// server, as a network does.
type cutter struct {
	net.Listener
	to    string
	after atomic.Int64 // chunks that pass; negative for all
}

func newCutter(t *testing.T, port int) *cutter {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c := &cutter{Listener: l, to: fmt.Sprintf("127.0.0.1:%d", port)}
	c.after.Store(-1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go c.pass(conn)
		}
	}()
	return c
}

func (c *cutter) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(server, client)
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		if left := c.after.Load(); left == 0 {
			time.Sleep(20 * time.Millisecond) // what it has asked for is done, and the answer is lost
			return
		} else if left > 0 {
			c.after.Add(-1)
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// The network to the database breaks after any number of answers; what it was
// asked to do, it did.
func TestCutOffFromTheDatabase(t *testing.T) {
	for _, make := range []func(*testing.T) *database{postgres, mariadb} {
		d := make(t)
		t.Run(d.name, func(t *testing.T) {
			s := newServer(t)
			proxy := newCutter(t, d.server.Port)
			d.begin(t, s, proxy.Addr().(*net.TCPAddr).Port)
			for _, c := range []struct{ secret, function string }{{"app", d.turns()}} {
				for cut := range int64(24) {
					proxy.after.Store(cut)
					s.must(s.rotate(c.secret, c.function))
					deadline := time.Now().Add(2 * time.Second)
					for proxy.after.Load() != 0 && time.Now().Before(deadline) {
						time.Sleep(time.Millisecond)
					}
					time.Sleep(50 * time.Millisecond)
					value, err := s.read(c.secret) // while nothing goes
					s.must(err)
					value.Port = d.server.Port
					if err := d.exec(value, "SELECT 1"); err != nil {
						t.Errorf("after %d answers the current version cannot log in: %v", cut, err)
					}
					proxy.after.Store(-1)
					s.retry(c.secret)
					s.settled(c.secret)
				}
			}
		})
	}
}

// The database is stopped in the middle, and comes back.
func TestDatabaseStops(t *testing.T) {
	d := postgres(t)
	s := newServer(t)
	d.begin(t, s, d.server.Port)
	s.must(s.rotate("own", d.single()))
	s.settled("own")
	d.server.Stop()
	s.must(s.rotate("own", ""))
	time.Sleep(100 * time.Millisecond)
	d.server.Start()
	d.server.Wait(func(context.Context) error { return d.exec(d.admin(), "SELECT 1") })
	s.retry("own")
	s.settled("own")
	d.judge(t, s, "own", "after the database was away")
}
