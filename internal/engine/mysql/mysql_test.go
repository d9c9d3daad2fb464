//go:build engines

package mysql_test

import (
	"database/sql"
	"fmt"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/engine/enginetest"
	"github.com/strongroom-dev/strongroom/internal/engine/mysql"
	"github.com/strongroom-dev/strongroom/test/servers"
)

func exec(as engine.Login, statements ...string) error {
	cfg := driver.NewConfig()
	cfg.User, cfg.Passwd, cfg.Net, cfg.Addr = as.User, string(as.Password.Open()), "tcp", fmt.Sprintf("%s:%d", as.Host, as.Port)
	connector, err := driver.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

func TestMariaDB(t *testing.T) {
	s := servers.MariaDB(t)
	admin := engine.Login{Host: "127.0.0.1", Port: s.Port, User: s.Admin, Password: enginetest.Password(s.Password)}
	if err := exec(admin, "CREATE TABLE app.things (n int)", "CREATE DATABASE `o``dd`", "CREATE ROLE reader", "GRANT SELECT ON app.things TO reader"); err != nil {
		t.Fatal(err)
	}
	enginetest.Examine(t, enginetest.Subject{
		Engine: mysql.Engine{}, Admin: admin,
		Make: func(t *testing.T, user, password string) {
			for _, host := range []string{"%", "127.0.0.1"} {
				account := "'" + user + "'@'" + host + "'"
				if err := exec(admin, "CREATE USER "+account+" IDENTIFIED BY '"+password+"' WITH MAX_USER_CONNECTIONS 50", "GRANT INSERT ON app.things TO "+account,
					"GRANT ALL ON `o``dd`.* TO "+account+" WITH GRANT OPTION", "GRANT reader TO "+account, "SET DEFAULT ROLE reader FOR "+account); err != nil {
					t.Fatal(err)
				}
			}
		},
		Use: func(as engine.Login) error {
			return exec(as, "INSERT INTO app.things VALUES (1)", "SELECT * FROM app.things", "CREATE TABLE IF NOT EXISTS `o``dd`.t (n int)")
		},
	})
}
