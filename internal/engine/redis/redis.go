// Package redis drives Redis and Valkey, whose users are in access control
// lists.
package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/plain"
)

// Engine implements engine.Overlapping: a user has as many passwords as it is
// given.
type Engine struct{}

// Traits implements engine.Engine. Only who may manage users changes a
// password.
func (Engine) Traits() engine.Traits {
	return engine.Traits{Names: []string{"redis", "valkey"}, UserLimit: 120, Exclude: "/@\"'\\ "}
}

func connect(ctx context.Context, l engine.Login) (*redis.Client, error) {
	if l.Port == 0 {
		l.Port = 6379
	}
	return engine.DialFromFirstByte(ctx, l, func(ctx context.Context, t *tls.Config) (*redis.Client, error) {
		c := redis.NewClient(&redis.Options{
			Addr: net.JoinHostPort(l.Host, strconv.Itoa(l.Port)), Username: l.User, Password: string(l.Password.Open()), Dialer: dialer(t),
			PoolSize: 1, MaxRetries: -1, DialTimeout: 10 * time.Second, ContextTimeoutEnabled: true, DisableIdentity: true,
		})
		if err := c.Ping(ctx).Err(); err != nil && !strings.HasPrefix(err.Error(), "NOPERM") { // who may not ping is in
			_ = c.Close()
			return nil, explain(err)
		}
		return c, nil
	})
}

// explain tells a password that is refused from everything else.
func explain(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, code := range []string{"WRONGPASS", "NOAUTH"} {
		if strings.Contains(text, code) {
			return fmt.Errorf("%w (%s)", engine.ErrRefused, code)
		}
	}
	return err
}

func with(ctx context.Context, as engine.Login, work func(*redis.Client) error) error {
	c, err := connect(ctx, as)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	return explain(work(c))
}

// Check implements engine.Engine.
func (Engine) Check(ctx context.Context, as engine.Login) error {
	return with(ctx, as, func(*redis.Client) error { return nil })
}

// setUser changes a user who is there, and saves the list if the server keeps
// one in a file.
func setUser(ctx context.Context, c *redis.Client, like, user string, rules ...string) error {
	if err := c.Do(ctx, "ACL", "GETUSER", like).Err(); errors.Is(err, redis.Nil) {
		return fmt.Errorf("there is no user %s", like)
	} else if err != nil {
		return err
	}
	args := []any{"ACL", "SETUSER", user}
	for _, r := range rules {
		args = append(args, r)
	}
	if err := c.Do(ctx, args...).Err(); err != nil {
		return err
	}
	return save(ctx, c)
}

func save(ctx context.Context, c *redis.Client) error {
	err := c.Do(ctx, "ACL", "SAVE").Err()
	if err != nil && strings.Contains(err.Error(), "not configured to use an ACL file") {
		return nil // its users are in the config, or elsewhere: they go with the process
	}
	return err
}

// SetPassword implements engine.Engine: the user has the password besides
// those that it had.
func (Engine) SetPassword(ctx context.Context, as engine.Login, user string, password plain.Value) error {
	return with(ctx, as, func(c *redis.Client) error {
		return setUser(ctx, c, user, user, ">"+string(password.Open()))
	})
}

// Retire implements engine.Overlapping.
func (Engine) Retire(ctx context.Context, as engine.Login, user string, keep plain.Value) error {
	return with(ctx, as, func(c *redis.Client) error {
		return setUser(ctx, c, user, user, "resetpass", ">"+string(keep.Open()))
	})
}

// Clone implements engine.Engine: the rules of the other user are the new
// one's.
func (Engine) Clone(ctx context.Context, as engine.Login, like, user string, password plain.Value) error {
	return with(ctx, as, func(c *redis.Client) error {
		lines, err := c.Do(ctx, "ACL", "LIST").StringSlice()
		if err != nil {
			return err
		}
		for _, line := range lines {
			fields := strings.Fields(line)
			if len(fields) < 2 || fields[0] != "user" || fields[1] != like {
				continue
			}
			rules := []string{"reset"}
			for _, f := range fields[2:] {
				if f != "nopass" && f != "resetpass" && !strings.HasPrefix(f, "#") {
					rules = append(rules, f)
				}
			}
			rules = join(rules)
			return setUser(ctx, c, like, user, append(rules, ">"+string(password.Open()))...)
		}
		return fmt.Errorf("there is no user %s", like)
	})
}

// join puts together a selector, "(~key +get)", that holds spaces.
func join(rules []string) []string {
	var out []string
	open := false
	for _, r := range rules {
		if open {
			out[len(out)-1] += " " + r
		} else {
			out = append(out, r)
		}
		open = (open || strings.HasPrefix(r, "(")) && !strings.HasSuffix(r, ")")
	}
	return out
}

// Drop implements engine.Engine. The server ends the user's connections.
func (Engine) Drop(ctx context.Context, as engine.Login, user string) error {
	return with(ctx, as, func(c *redis.Client) error {
		if err := c.Do(ctx, "ACL", "DELUSER", user).Err(); err != nil {
			return err
		}
		return save(ctx, c)
	})
}
