// Package mysql drives MySQL and MariaDB.
package mysql

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/plain"
)

// Engine implements engine.Engine.
type Engine struct{}

// Traits implements engine.Engine. MySQL's names are the shorter ones.
func (Engine) Traits() engine.Traits {
	return engine.Traits{Names: []string{"mysql", "aurora-mysql", "mariadb"}, UserLimit: 32, Exclude: "/@\"'\\", SelfService: true}
}

// silent keeps the driver from writing to standard error by itself.
type silent struct{}

func (silent) Print(...any) {}

func connect(ctx context.Context, l engine.Login) (*sql.DB, error) {
	return engine.Dial(ctx, l, func(ctx context.Context, t *tls.Config) (*sql.DB, error) {
		cfg := mysql.NewConfig()
		cfg.User, cfg.Passwd, cfg.DBName = l.User, string(l.Password.Open()), l.Database
		cfg.Net, cfg.Addr = "tcp", net.JoinHostPort(l.Host, strconv.Itoa(max(l.Port, 0)))
		if l.Port == 0 {
			cfg.Addr = net.JoinHostPort(l.Host, "3306")
		}
		cfg.TLS, cfg.InterpolateParams, cfg.Timeout, cfg.Logger = t, true, 10*time.Second, silent{}
		connector, err := mysql.NewConnector(cfg)
		if err != nil {
			return nil, err
		}
		db := sql.OpenDB(connector)
		db.SetMaxOpenConns(1)
		if err := db.PingContext(ctx); err != nil {
			_ = db.Close()
			return nil, explain(err)
		}
		return db, nil
	})
}

// explain tells a password that is refused from everything else.
func explain(err error) error {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	switch {
	case !ok:
		return err
	case e.Number == 1045 || e.Number == 1698:
		return fmt.Errorf("%w: %s (error %d)", engine.ErrRefused, e.Message, e.Number)
	}
	return fmt.Errorf("the server answered: %s (error %d)", e.Message, e.Number)
}

func with(ctx context.Context, as engine.Login, work func(*sql.DB) error) error {
	db, err := connect(ctx, as)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return explain(work(db))
}

// Check implements engine.Engine.
func (Engine) Check(ctx context.Context, as engine.Login) error {
	return with(ctx, as, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, "SELECT 1")
		return err
	})
}

// SetPassword implements engine.Engine. Of a user who may come from several
// hosts, every account is given it.
func (Engine) SetPassword(ctx context.Context, as engine.Login, user string, password plain.Value) error {
	return with(ctx, as, func(db *sql.DB) error {
		if user == as.User {
			return setOwn(ctx, db, password)
		}
		hosts, err := hostsOf(ctx, db, user)
		if err == nil && len(hosts) == 0 {
			err = fmt.Errorf("there is no user %s", user)
		}
		for _, host := range hosts {
			if err == nil {
				_, err = db.ExecContext(ctx, "ALTER USER ?@? IDENTIFIED BY ?", user, host, string(password.Open()))
			}
		}
		return err
	})
}

// setOwn changes one's own password, for which MariaDB asks no privilege only
// where it is said like this.
func setOwn(ctx context.Context, db *sql.DB, password plain.Value) error {
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return err
	}
	statement := "ALTER USER USER() IDENTIFIED BY ?"
	if strings.Contains(version, "MariaDB") {
		statement = "SET PASSWORD = PASSWORD(?)"
	}
	_, err := db.ExecContext(ctx, statement, string(password.Open()))
	return err
}

func hostsOf(ctx context.Context, db *sql.DB, user string) ([]string, error) {
	return texts(ctx, db, "SELECT Host FROM mysql.user WHERE User = ?", user)
}

// texts is a query's one column.
func texts(ctx context.Context, db *sql.DB, query string, args ...any) ([]string, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}

// Clone implements engine.Engine. What the other user was granted is granted
// to the new one, from the same hosts; what it lost since stays.
func (Engine) Clone(ctx context.Context, as engine.Login, like, user string, password plain.Value) error {
	return with(ctx, as, func(db *sql.DB) error {
		hosts, err := hostsOf(ctx, db, like)
		if err != nil {
			return err
		}
		if len(hosts) == 0 {
			return fmt.Errorf("there is no user %s", like)
		}
		for _, host := range hosts {
			if err := clone(ctx, db, like, user, host, password); err != nil {
				return err
			}
		}
		return nil
	})
}

func clone(ctx context.Context, db *sql.DB, like, user, host string, password plain.Value) error {
	for _, statement := range []string{"CREATE USER IF NOT EXISTS ?@? IDENTIFIED BY ?", "ALTER USER ?@? IDENTIFIED BY ?"} {
		if _, err := db.ExecContext(ctx, statement, user, host, string(password.Open())); err != nil {
			return err
		}
	}
	grants, err := texts(ctx, db, "SHOW GRANTS FOR ?@?", like, host)
	if err != nil {
		return err
	}
	for _, grant := range grants {
		statement, ok := regrant(grant, account(like, host), account(user, host))
		if !ok {
			continue
		}
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// account is a name as SHOW GRANTS writes it.
func account(user, host string) string { return backquote(user) + "@" + backquote(host) }

func backquote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// regrant makes of a line of SHOW GRANTS the statement that grants the same to
// another account, without the password that MariaDB shows in it.
func regrant(grant, from, to string) (string, bool) {
	for _, word := range []string{" TO ", " FOR "} { // GRANT … TO, SET DEFAULT ROLE … FOR
		i := strings.LastIndex(grant, word+from)
		if i < 0 {
			continue
		}
		return grant[:i] + word + to + options(grant[i+len(word+from):]), true
	}
	return "", false
}

// options are a grant's REQUIRE and WITH clauses, without how the user proves
// who it is.
func options(rest string) string {
	if strings.HasPrefix(rest, " IDENTIFIED ") {
		for _, clause := range []string{" REQUIRE ", " WITH "} {
			if i := strings.Index(rest, clause); i >= 0 {
				return rest[i:]
			}
		}
		return ""
	}
	return rest
}

// Drop implements engine.Engine.
func (Engine) Drop(ctx context.Context, as engine.Login, user string) error {
	return with(ctx, as, func(db *sql.DB) error {
		hosts, err := hostsOf(ctx, db, user)
		for _, host := range hosts {
			if err == nil {
				_, err = db.ExecContext(ctx, "DROP USER IF EXISTS ?@?", user, host)
			}
		}
		if err != nil {
			return err
		}
		sessions, err := texts(ctx, db, "SELECT CAST(id AS CHAR) FROM information_schema.processlist WHERE user = ?", user)
		for _, id := range sessions {
			_, _ = db.ExecContext(ctx, "KILL "+id) // it may have ended
		}
		return err
	})
}
