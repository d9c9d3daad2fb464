package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"time"
)

// dialer connects, and bounds what the server may answer.
func dialer(t *tls.Config) func(ctx context.Context, network, addr string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: 10 * time.Second}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		var c net.Conn
		var err error
		if t != nil {
			c, err = (&tls.Dialer{NetDialer: plain, Config: t}).DialContext(ctx, network, addr)
		} else {
			c, err = plain.DialContext(ctx, network, addr)
		}
		if err != nil {
			return nil, err
		}
		return &bounded{Conn: c}, nil
	}
}

// The bounds on an answer.
const (
	maxLine  = 64 << 10
	maxBulk  = 1 << 20
	maxItems = 10_000
)

var errTooMuch = errors.New("the server announces a larger answer than it could have")

// bounded reads along what comes in RESP, and fails where a length or a count
// is announced that no answer to us has: the client would make room for it
// before it came.
// (https://redis.io/docs/latest/develop/reference/protocol-spec/)
type bounded struct {
	net.Conn
	line []byte // the line that has begun
	bulk int    // how many bytes of a text are still to come
}

// Read implements net.Conn.
func (c *bounded) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if bad := c.follow(b[:n]); bad != nil {
		return 0, bad
	}
	return n, err
}

func (c *bounded) follow(b []byte) error {
	for len(b) > 0 {
		if c.bulk > 0 {
			skip := min(c.bulk, len(b))
			c.bulk -= skip
			b = b[skip:]
			continue
		}
		if b[0] != '\n' {
			if c.line = append(c.line, b[0]); len(c.line) > maxLine {
				return errTooMuch
			}
			b = b[1:]
			continue
		}
		b = b[1:]
		if err := c.header(); err != nil {
			return err
		}
		c.line = c.line[:0]
	}
	return nil
}

// header looks at a line that has ended.
func (c *bounded) header() error {
	if len(c.line) < 2 {
		return nil
	}
	count := func(most int) (int, error) {
		n, err := strconv.Atoi(string(c.line[1 : len(c.line)-1]))
		if err != nil || n > most {
			return 0, errTooMuch
		}
		return n, nil
	}
	switch c.line[0] {
	case '*', '~', '>', '%', '|':
		_, err := count(maxItems)
		return err
	case '$', '=', '!':
		n, err := count(maxBulk)
		if n >= 0 && err == nil {
			c.bulk = n + len("\r\n")
		}
		return err
	}
	return nil
}
