//go:build engines

package rotation_test

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/strongroom-dev/strongroom/test/servers"
)

func redisExec(c credential, statement string) error {
	client := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("%s:%d", c.Host, c.Port), Username: c.Username, Password: c.Password, MaxRetries: -1})
	defer func() { _ = client.Close() }()
	return client.Get(ctx, statement).Err()
}

// A user of Redis has both passwords while it rotates: with one user alone,
// nobody is refused, though it is changed twenty times.
func TestRedis(t *testing.T) {
	s, server := servers.Redis(t), newServer(t)
	admin := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", s.Port), Username: s.Admin, Password: s.Password})
	defer func() { _ = admin.Close() }()
	for _, command := range [][]any{{"SET", "SELECT 1", "x"}, {"ACL", "SETUSER", "app", "on", ">first-password", "~*", "+get", "+ping"}} {
		server.must(admin.Do(ctx, command...).Err())
	}
	server.create("master", map[string]any{"engine": "redis", "host": "127.0.0.1", "port": s.Port, "username": s.Admin, "password": s.Password})
	server.create("app", map[string]any{"engine": "redis", "host": "127.0.0.1", "port": s.Port, "username": "app", "password": "first-password", "masterarn": "master"})
	d := &database{name: "redis", engine: "redis", server: s, exec: redisExec}
	stop := make16(t, server, d, "app", 0)
	for range 20 {
		server.must(server.rotate("app", "strongroom-redis-single-user"))
		server.settled("app")
	}
	stop(20)
	if err := redisExec(credential{Host: "127.0.0.1", Port: s.Port, Username: "app", Password: "first-password"}, "SELECT 1"); err == nil {
		t.Error("the first password still works")
	}
}
