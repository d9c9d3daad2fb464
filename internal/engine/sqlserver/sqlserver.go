// Package sqlserver drives Microsoft SQL Server, whose logins have passwords.
package sqlserver

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"

	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/plain"
)

// Engine implements engine.Engine.
type Engine struct{}

// Traits implements engine.Engine.
func (Engine) Traits() engine.Traits {
	return engine.Traits{Names: []string{"sqlserver"}, UserLimit: 128, Exclude: "/@\"'\\", SelfService: true}
}

// settings are the driver's, for a login. The password of a login is never
// sent in the clear: without TLS for the whole connection the protocol
// encrypts the login alone.
func settings(l engine.Login, t *tls.Config) (msdsn.Config, error) {
	q := url.Values{"app name": {"strongroom"}, "dial timeout": {"10"}, "database": {l.Database}, "encrypt": {"disable"}}
	if l.Database == "" {
		q.Set("database", "master")
	}
	if t != nil {
		q.Set("encrypt", "true")
		q.Set("TrustServerCertificate", strconv.FormatBool(t.InsecureSkipVerify))
	}
	host := l.Host
	if l.Port != 0 {
		host += ":" + strconv.Itoa(l.Port)
	}
	u := url.URL{Scheme: "sqlserver", User: url.UserPassword(l.User, string(l.Password.Open())), Host: host, RawQuery: q.Encode()}
	return msdsn.Parse(u.String())
}

func connect(ctx context.Context, l engine.Login) (*sql.DB, error) {
	return engine.Dial(ctx, l, func(ctx context.Context, t *tls.Config) (*sql.DB, error) {
		cfg, err := settings(l, t)
		if err != nil {
			return nil, errors.New("the login cannot be used for SQL Server") // the driver's text may hold the password
		}
		db := sql.OpenDB(mssql.NewConnectorConfig(cfg))
		db.SetMaxOpenConns(1)
		if err := db.PingContext(ctx); err != nil {
			_ = db.Close()
			return nil, explain(err)
		}
		return db, nil
	})
}

// The numbers of errors of logins that fail, or must change their password.
const (
	loginFailed        = 18456
	passwordMustChange = 18488
)

// explain tells a password that is refused from everything else.
func explain(err error) error {
	e, ok := errors.AsType[mssql.Error](err)
	switch {
	case !ok:
		return err
	case e.Number == loginFailed || e.Number == passwordMustChange:
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
		_, err := db.ExecContext(ctx, "SELECT @@VERSION")
		return err
	})
}

// identifier and literal quote for statements that take no parameters.
func identifier(name string) string { return "[" + strings.ReplaceAll(name, "]", "]]") + "]" }
func literal(text string) string    { return "N'" + strings.ReplaceAll(text, "'", "''") + "'" }

// alter is the statement that changes a password. One's own is changed only
// with the old one.
func alter(as engine.Login, user string, password plain.Value) string {
	statement := "ALTER LOGIN " + identifier(user) + " WITH PASSWORD = " + literal(string(password.Open()))
	if as.User == user {
		statement += " OLD_PASSWORD = " + literal(string(as.Password.Open()))
	}
	return statement
}

// SetPassword implements engine.Engine.
func (Engine) SetPassword(ctx context.Context, as engine.Login, user string, password plain.Value) error {
	return with(ctx, as, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, alter(as, user, password))
		return err
	})
}

// Clone implements engine.Engine: the server roles and permissions, and in the
// login's database the user with its roles and permissions.
func (Engine) Clone(ctx context.Context, as engine.Login, like, user string, password plain.Value) error {
	return with(ctx, as, func(db *sql.DB) error {
		for _, step := range cloning(user, password) {
			if _, err := db.ExecContext(ctx, step, sql.Named("like", like), sql.Named("user", user)); err != nil {
				return err
			}
		}
		return nil
	})
}

// granting runs, for each row of a query, the statement that it is.
func granting(query string) string {
	return `DECLARE @s nvarchar(max) = N''; SELECT @s = @s + x.s + N';' FROM (` + query + `) AS x; EXEC sp_executesql @s`
}

// cloning is what makes one login like another.
func cloning(user string, password plain.Value) []string {
	secret := literal(string(password.Open()))
	return []string{
		`IF SUSER_ID(@like) IS NULL THROW 50000, N'there is no such login', 1`,
		`IF SUSER_ID(@user) IS NULL CREATE LOGIN ` + identifier(user) + ` WITH PASSWORD = ` + secret + ` ELSE ALTER LOGIN ` + identifier(user) + ` WITH PASSWORD = ` + secret,
		granting(`SELECT N'ALTER SERVER ROLE ' + QUOTENAME(r.name) + N' ADD MEMBER ' + QUOTENAME(@user) AS s
			FROM sys.server_role_members m JOIN sys.server_principals r ON r.principal_id = m.role_principal_id WHERE m.member_principal_id = SUSER_ID(@like)`),
		granting(`SELECT CASE p.state WHEN 'D' THEN N'DENY ' ELSE N'GRANT ' END + p.permission_name COLLATE DATABASE_DEFAULT + N' TO ' + QUOTENAME(@user) + CASE p.state WHEN 'W' THEN N' WITH GRANT OPTION' ELSE N'' END AS s
			FROM sys.server_permissions p WHERE p.class = 100 AND p.grantee_principal_id = SUSER_ID(@like)`),
		`IF DATABASE_PRINCIPAL_ID(@like) IS NOT NULL AND DATABASE_PRINCIPAL_ID(@user) IS NULL CREATE USER ` + identifier(user) + ` FOR LOGIN ` + identifier(user),
		granting(`SELECT N'ALTER ROLE ' + QUOTENAME(r.name) + N' ADD MEMBER ' + QUOTENAME(@user) AS s
			FROM sys.database_role_members m JOIN sys.database_principals r ON r.principal_id = m.role_principal_id WHERE m.member_principal_id = DATABASE_PRINCIPAL_ID(@like)`),
		granting(`SELECT CASE p.state WHEN 'D' THEN N'DENY ' ELSE N'GRANT ' END + p.permission_name COLLATE DATABASE_DEFAULT
				+ CASE p.class WHEN 1 THEN N' ON OBJECT::' + QUOTENAME(OBJECT_SCHEMA_NAME(p.major_id)) + N'.' + QUOTENAME(OBJECT_NAME(p.major_id)) + ISNULL(N'(' + QUOTENAME(COL_NAME(p.major_id, NULLIF(p.minor_id, 0))) + N')', N'')
					WHEN 3 THEN N' ON SCHEMA::' + QUOTENAME(SCHEMA_NAME(p.major_id)) ELSE N'' END
				+ N' TO ' + QUOTENAME(@user) + CASE p.state WHEN 'W' THEN N' WITH GRANT OPTION' ELSE N'' END AS s
			FROM sys.database_permissions p WHERE p.class IN (0, 1, 3) AND p.grantee_principal_id = DATABASE_PRINCIPAL_ID(@like)`),
	}
}

// Drop implements engine.Engine.
func (Engine) Drop(ctx context.Context, as engine.Login, user string) error {
	return with(ctx, as, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, `IF DATABASE_PRINCIPAL_ID(@user) IS NOT NULL DROP USER `+identifier(user)+`; IF SUSER_ID(@user) IS NOT NULL DROP LOGIN `+identifier(user), sql.Named("user", user))
		return err
	})
}
