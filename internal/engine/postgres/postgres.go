// Package postgres drives PostgreSQL and what speaks its protocol.
package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/plain"
)

// Engine implements engine.Engine.
type Engine struct{}

// Traits implements engine.Engine. A colon would break .pgpass files.
func (Engine) Traits() engine.Traits {
	return engine.Traits{Names: []string{"postgres", "aurora-postgresql", "redshift"}, UserLimit: 63, Exclude: ":/@\"'\\", SelfService: true}
}

const connectTimeout = 10 * time.Second

func connect(ctx context.Context, l engine.Login) (*pgx.Conn, error) {
	return engine.Dial(ctx, l, func(ctx context.Context, t *tls.Config) (*pgx.Conn, error) {
		cfg, err := pgx.ParseConfig("sslmode=disable")
		if err != nil {
			return nil, err
		}
		cfg.Host, cfg.Port, cfg.Database, cfg.User, cfg.Password = l.Host, 5432, "postgres", l.User, string(l.Password.Open())
		if l.Port != 0 {
			cfg.Port = uint16(l.Port)
		}
		if l.Database != "" {
			cfg.Database = l.Database
		}
		cfg.TLSConfig, cfg.Fallbacks, cfg.ConnectTimeout = t, nil, connectTimeout
		cfg.RuntimeParams = map[string]string{"application_name": "strongroom", "client_encoding": "UTF8"}
		cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // one round trip, and poolers let it through
		conn, err := pgx.ConnectConfig(ctx, cfg)
		return conn, explain(err)
	})
}

// explain tells a password that is refused from everything else. The driver's
// own text repeats the address in several ways; ours names the cause.
func explain(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		if e.Code == "28P01" || e.Code == "28000" {
			return fmt.Errorf("%w: %s (SQLSTATE %s)", engine.ErrRefused, e.Message, e.Code)
		}
		return fmt.Errorf("PostgreSQL answered: %s (SQLSTATE %s)", e.Message, e.Code)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e
	}
	return err
}

// with does work on a connection of its own.
func with(ctx context.Context, as engine.Login, work func(*pgx.Conn) error) error {
	conn, err := connect(ctx, as)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return explain(work(conn))
}

// Check implements engine.Engine.
func (Engine) Check(ctx context.Context, as engine.Login) error {
	return with(ctx, as, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, "SELECT 1")
		return err
	})
}

// SetPassword implements engine.Engine. The server gets the password's SCRAM
// verifier, so that it is in none of its logs.
func (Engine) SetPassword(ctx context.Context, as engine.Login, user string, password plain.Value) error {
	return with(ctx, as, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, "ALTER ROLE "+quote(user)+" WITH PASSWORD '"+verifier(password)+"'")
		return err
	})
}

// Clone implements engine.Engine. The new role is a member of the other one
// and becomes it when it logs in: what it makes belongs to the other one, so
// that both may use it.
func (Engine) Clone(ctx context.Context, as engine.Login, like, user string, password plain.Value) error {
	return with(ctx, as, func(c *pgx.Conn) error {
		return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			// The role like is somebody's own: what it put into schemas of its must
			// not run as whoever we are.
			for _, statement := range []string{"SET LOCAL search_path = pg_catalog, pg_temp", "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('strongroom'))"} {
				if _, err := tx.Exec(ctx, statement); err != nil {
					return err
				}
			}
			do, err := "CREATE", tx.QueryRow(ctx, "SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = $1", user).Scan(new(int))
			if err == nil {
				do = "ALTER"
			} else if !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			for _, statement := range []string{
				do + " ROLE " + quote(user) + " WITH LOGIN PASSWORD '" + verifier(password) + "'",
				"GRANT " + quote(like) + " TO " + quote(user),
				"ALTER ROLE " + quote(user) + " RESET ALL",
			} {
				if _, err := tx.Exec(ctx, statement); err != nil {
					return err
				}
			}
			if err := copySettings(ctx, tx, like, user); err != nil {
				return err
			}
			_, err = tx.Exec(ctx, "ALTER ROLE "+quote(user)+" SET role TO "+quote(like))
			return err
		})
	})
}

// copySettings gives a role the settings of another one. Setting them for the
// transaction and taking them over from there needs no quoting of lists. The
// path in which functions are looked up comes last, when no more are.
func copySettings(ctx context.Context, tx pgx.Tx, from, to string) error {
	rows, err := tx.Query(ctx, "SELECT pg_catalog.split_part(s, '=', 1), pg_catalog.substr(s, pg_catalog.strpos(s, '=') + 1) FROM pg_catalog.pg_roles, pg_catalog.unnest(rolconfig) AS s WHERE rolname = $1 ORDER BY s ~ '^search_path='", from)
	if err != nil {
		return err
	}
	type setting struct{ Name, Value string }
	settings, err := pgx.CollectRows(rows, pgx.RowToStructByPos[setting])
	if err != nil {
		return err
	}
	for _, s := range settings {
		if s.Name == "role" || s.Name == "session_authorization" {
			continue
		}
		if _, err := tx.Exec(ctx, "SELECT pg_catalog.set_config($1, $2, true)", s.Name, s.Value); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "ALTER ROLE "+quote(to)+" SET "+pgx.Identifier{s.Name}.Sanitize()+" FROM CURRENT"); err != nil {
			return err
		}
	}
	return nil
}

// Drop implements engine.Engine. What the role owns in this database goes to
// whoever removes it, and its sessions end.
func (Engine) Drop(ctx context.Context, as engine.Login, user string) error {
	return with(ctx, as, func(c *pgx.Conn) error {
		err := c.QueryRow(ctx, "SELECT 1 FROM pg_roles WHERE rolname = $1", user).Scan(new(int))
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, statement := range []string{
			"ALTER ROLE " + quote(user) + " NOLOGIN",
			"REASSIGN OWNED BY " + quote(user) + " TO CURRENT_USER",
			"DROP OWNED BY " + quote(user),
		} {
			if _, err := c.Exec(ctx, statement); err != nil {
				return err
			}
		}
		if _, err := c.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", user); err != nil {
			return err
		}
		_, err = c.Exec(ctx, "DROP ROLE IF EXISTS "+quote(user))
		return err
	})
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }
