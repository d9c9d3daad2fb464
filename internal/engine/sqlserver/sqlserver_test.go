package sqlserver

import (
	"crypto/tls"
	"errors"
	"fmt"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/plain"
)

// There is no SQL Server to be had for tests: what is sent is looked at, and
// what would come back is made up.

func TestStatements(t *testing.T) {
	own := engine.Login{User: "a]pp", Password: plain.New([]byte("ol'd"))}
	for got, want := range map[string]string{
		alter(own, "a]pp", plain.New([]byte("ne'w"))):                      `ALTER LOGIN [a]]pp] WITH PASSWORD = N'ne''w' OLD_PASSWORD = N'ol''d'`,
		alter(engine.Login{User: "sa"}, "a]pp", plain.New([]byte("ne'w"))): `ALTER LOGIN [a]]pp] WITH PASSWORD = N'ne''w'`,
		cloning("x'; DROP LOGIN sa; --", plain.New([]byte("p'; --")))[1]:   `IF SUSER_ID(@user) IS NULL CREATE LOGIN [x'; DROP LOGIN sa; --] WITH PASSWORD = N'p''; --' ELSE ALTER LOGIN [x'; DROP LOGIN sa; --] WITH PASSWORD = N'p''; --'`,
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestSettings(t *testing.T) {
	l := engine.Login{Host: "db.example", Port: 1444, User: "ann@corp", Password: plain.New([]byte("p/@?#:&;={}"))}
	cfg, err := settings(l, &tls.Config{ServerName: "db.example"})
	if err != nil || cfg.Password != "p/@?#:&;={}" || cfg.User != "ann@corp" || cfg.Host != "db.example" || cfg.Port != 1444 || cfg.Database != "master" || cfg.Encryption == 0 {
		t.Errorf("%+v %v", cfg.User, err)
	}
}

func TestRefusals(t *testing.T) {
	if err := explain(mssql.Error{Number: loginFailed, Message: "Login failed for user 'app'."}); !errors.Is(err, engine.ErrRefused) {
		t.Error(err)
	}
	if err := explain(fmt.Errorf("x: %w", mssql.Error{Number: 4060, Message: "Cannot open database"})); errors.Is(err, engine.ErrRefused) || err == nil {
		t.Error(err)
	}
}
