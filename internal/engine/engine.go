// Package engine is the port to outside systems whose users have passwords:
// databases, caches, queues. There is one driver a kind of system.
//
// It must not know secrets, rotations or leases: only logins.
package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/strongroom-dev/strongroom/internal/plain"
)

// TLS says how a connection is protected.
type TLS uint8

// The ways.
const (
	// Best is what the system offers: verified TLS, else TLS, else none.
	Best TLS = iota
	// Verified is TLS to a server whose certificate holds, and nothing else.
	Verified
	// Plain is no TLS.
	Plain
)

// Login is where and as whom to log in. Drivers need passwords as strings, of
// which they keep none longer than the connection.
type Login struct {
	Host     string
	Port     int    // zero for the usual one
	Database string // empty for the usual one
	User     string
	Password plain.Value
	TLS      TLS
}

// Traits are what is peculiar to a kind of system.
type Traits struct {
	Names     []string // what secrets call it: "postgres"
	UserLimit int      // how long a user's name may be, in bytes
	Exclude   string   // characters that a password should not have
	// SelfService: a user can change its own password.
	SelfService bool
}

// Engine drives one kind of system. It is safe for concurrent use. Every
// method logs in anew, honours ctx, and may be called again after it failed or
// nobody knows whether it did: it is idempotent. Errors hold no password.
type Engine interface {
	Traits() Traits

	// Check logs in and asks something trivial. It fails with ErrRefused if the
	// system is there and does not take the password.
	Check(ctx context.Context, as Login) error

	// SetPassword gives a user a password. as is the user itself, or one who
	// may do that.
	SetPassword(ctx context.Context, as Login, user string, password plain.Value) error

	// Clone makes a user who may do what another one may, with that password;
	// one who is there already is brought up to date.
	Clone(ctx context.Context, as Login, like, user string, password plain.Value) error

	// Drop removes a user. That there is none is no error.
	Drop(ctx context.Context, as Login, user string) error
}

// Overlapping is an engine whose users can have two passwords at a time:
// SetPassword adds one, and Retire takes away all but one.
type Overlapping interface {
	Engine
	Retire(ctx context.Context, as Login, user string, keep plain.Value) error
}

// ErrRefused is in the chain of errors of a system that does not take the
// user's password.
var ErrRefused = errors.New("the user name or the password is not right")

// Dial connects in the ways that the login allows, the best first. A nil
// config stands for no TLS. It is for protocols that agree on TLS themselves.
func Dial[C any](ctx context.Context, l Login, connect func(context.Context, *tls.Config) (C, error)) (C, error) {
	verified, unverified := configs(l)
	return try(ctx, map[TLS][]*tls.Config{Verified: {verified}, Plain: {nil}, Best: {verified, unverified, nil}}[l.TLS], connect)
}

// DialFromFirstByte is Dial for protocols whose servers speak TLS from the
// first byte on, or not at all. One that once did is never spoken to without.
func DialFromFirstByte[C any](ctx context.Context, l Login, connect func(context.Context, *tls.Config) (C, error)) (C, error) {
	verified, unverified := configs(l)
	ways := map[TLS][]*tls.Config{Verified: {verified}, Plain: {nil}}[l.TLS]
	if l.TLS == Best {
		ways = []*tls.Config{nil}
		if speaksTLS(ctx, net.JoinHostPort(l.Host, strconv.Itoa(l.Port)), unverified) {
			ways = []*tls.Config{verified, unverified}
		}
	}
	return try(ctx, ways, connect)
}

// handshake is how long a server may take to show that it speaks TLS.
const handshake = 2 * time.Second

// forgotten is how long it is remembered that a server does not.
const forgotten = time.Minute

// speakers are the servers that speak TLS, and when it was found that others
// do not.
var speakers sync.Map // address -> true or time.Time

func speaksTLS(ctx context.Context, address string, cfg *tls.Config) bool {
	if known, ok := speakers.Load(address); ok {
		if at, not := known.(time.Time); !not || time.Since(at) < forgotten {
			return !not
		}
	}
	conn, err := (&net.Dialer{Timeout: handshake}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false // whoever connects next sees why
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(handshake))
	if tls.Client(conn, cfg).HandshakeContext(ctx) != nil {
		speakers.Store(address, time.Now())
		return false
	}
	speakers.Store(address, true)
	return true
}

func configs(l Login) (verified, unverified *tls.Config) {
	return &tls.Config{ServerName: l.Host, MinVersion: tls.VersionTLS12}, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // better than none, which comes after it
}

func try[C any](ctx context.Context, ways []*tls.Config, connect func(context.Context, *tls.Config) (C, error)) (C, error) {
	var first error
	for _, way := range ways {
		c, err := connect(ctx, way)
		if err == nil {
			return c, nil
		}
		if first == nil || errors.Is(err, ErrRefused) {
			first = err
		}
		if errors.Is(err, ErrRefused) || ctx.Err() != nil || unreachable(err) {
			break
		}
	}
	var none C
	return none, first
}

// unreachable: there is nobody at the address, so that no other way would help.
func unreachable(err error) bool {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}
