//go:build engines

package redis_test

import (
	"context"
	"fmt"
	"testing"

	driver "github.com/redis/go-redis/v9"

	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/engine/enginetest"
	"github.com/strongroom-dev/strongroom/internal/engine/redis"
	"github.com/strongroom-dev/strongroom/test/servers"
)

func do(as engine.Login, commands ...[]any) error {
	c := driver.NewClient(&driver.Options{Addr: fmt.Sprintf("%s:%d", as.Host, as.Port), Username: as.User, Password: string(as.Password.Open())})
	defer func() { _ = c.Close() }()
	for _, command := range commands {
		if err := c.Do(context.Background(), command...).Err(); err != nil {
			return err
		}
	}
	return nil
}

func TestEngine(t *testing.T) {
	s := servers.Redis(t)
	admin := engine.Login{Host: "127.0.0.1", Port: s.Port, User: s.Admin, Password: enginetest.Password(s.Password)}
	enginetest.Examine(t, enginetest.Subject{
		Engine: redis.Engine{}, Admin: admin,
		Make: func(t *testing.T, user, password string) {
			if err := do(admin, []any{"ACL", "SETUSER", user, "on", ">" + password, "~app:*", "+set", "+get", "+ping", "(~other:* +get)"}); err != nil {
				t.Fatal(err)
			}
		},
		Use: func(as engine.Login) error { return do(as, []any{"SET", "app:1", "x"}, []any{"GET", "app:1"}) },
	})
}
