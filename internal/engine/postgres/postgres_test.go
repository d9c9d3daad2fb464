//go:build engines

package postgres_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/engine/enginetest"
	"github.com/strongroom-dev/strongroom/internal/engine/postgres"
	"github.com/strongroom-dev/strongroom/test/servers"
)

func exec(as engine.Login, statements ...string) error {
	ctx := context.Background()
	cfg, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return err
	}
	cfg.Host, cfg.Port, cfg.Database, cfg.User, cfg.Password = as.Host, uint16(as.Port), "postgres", as.User, string(as.Password.Open())
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	for _, s := range statements {
		if _, err := c.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

func TestEngine(t *testing.T) {
	s := servers.Postgres(t)
	admin := engine.Login{Host: "127.0.0.1", Port: s.Port, User: s.Admin, Password: enginetest.Password(s.Password)}
	if err := exec(admin, "CREATE TABLE things (n int)"); err != nil {
		t.Fatal(err)
	}
	enginetest.Examine(t, enginetest.Subject{
		Engine: postgres.Engine{}, Admin: admin,
		Make: func(t *testing.T, user, password string) {
			if err := exec(admin, `CREATE ROLE "`+user+`" LOGIN PASSWORD '`+password+`'`, `GRANT SELECT, INSERT ON things TO "`+user+`"`); err != nil {
				t.Fatal(err)
			}
		},
		Use: func(as engine.Login) error { return exec(as, "INSERT INTO things VALUES (1)", "SELECT * FROM things") },
	})
}

// What one of the two users makes, the other one may use; settings go along.
func TestCloneShares(t *testing.T) {
	s := servers.Postgres(t)
	ctx := context.Background()
	admin := engine.Login{Host: "127.0.0.1", Port: s.Port, User: s.Admin, Password: enginetest.Password(s.Password)}
	if err := exec(admin, `CREATE ROLE "Or""ders" LOGIN PASSWORD 'one'`, `CREATE SCHEMA stock AUTHORIZATION "Or""ders"`,
		`ALTER ROLE "Or""ders" SET search_path = "$user", 'stock', public`, `ALTER ROLE "Or""ders" SET work_mem = '9MB'`, `ALTER ROLE "Or""ders" SET my.own = 'it''s'`); err != nil {
		t.Fatal(err)
	}
	if err := (postgres.Engine{}).Clone(ctx, admin, `Or"ders`, `Or"ders_clone`, enginetest.Password("two")); err != nil {
		t.Fatal(err)
	}
	one, two := admin, admin
	one.User, one.Password = `Or"ders`, enginetest.Password("one")
	two.User, two.Password = `Or"ders_clone`, enginetest.Password("two")
	for _, err := range []error{
		exec(two, "CREATE TABLE made (n int)", "INSERT INTO stock.made VALUES (1)"),
		exec(one, "INSERT INTO made VALUES (2)", "ALTER TABLE made ADD m int"),
		exec(two, "DROP TABLE made"),
		exec(two, "DO $$ BEGIN IF current_setting('work_mem') <> '9MB' OR current_setting('my.own') <> 'it''s' OR current_user <> 'Or\"ders' THEN RAISE EXCEPTION 'not like the other: % %', current_setting('work_mem'), current_user; END IF; END $$"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}

// What a role put into its own schemas does not run as the superuser that
// clones it.
func TestCloneRunsNothingOfTheRoles(t *testing.T) {
	s := servers.Postgres(t)
	ctx := context.Background()
	admin := engine.Login{Host: "127.0.0.1", Port: s.Port, User: s.Admin, Password: enginetest.Password(s.Password)}
	app := admin
	app.User, app.Password = "app", enginetest.Password("one")
	trap := func(signature, result string) string {
		return "CREATE FUNCTION app." + signature + " RETURNS " + result + " LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'ALTER ROLE app SUPERUSER'; RETURN NULL; END $$"
	}
	for _, err := range []error{
		exec(admin, "CREATE ROLE app LOGIN PASSWORD 'one'", "CREATE SCHEMA app AUTHORIZATION app"),
		exec(app, trap("set_config(text, text, boolean)", "text"), trap("split_part(text, text, integer)", "text"), trap("strpos(text, text)", "integer"),
			"ALTER ROLE app SET search_path = app, pg_catalog", "ALTER ROLE app SET work_mem = '9MB'"),
		(postgres.Engine{}).Clone(ctx, admin, "app", "app_clone", enginetest.Password("two")),
		(postgres.Engine{}).Clone(ctx, admin, "app", "app_clone", enginetest.Password("three")),
		exec(admin, "DO $$ BEGIN IF (SELECT bool_or(rolsuper) FROM pg_roles WHERE rolname LIKE 'app%') THEN RAISE EXCEPTION 'it did'; END IF; END $$"),
	} {
		if err != nil {
			t.Error(err)
		}
	}
}
