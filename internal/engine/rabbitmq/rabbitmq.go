// Package rabbitmq drives RabbitMQ by the HTTP API of its management plugin.
// (https://www.rabbitmq.com/docs/management#http-api)
package rabbitmq

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/plain"
)

// Engine implements engine.Engine.
type Engine struct{}

// Traits implements engine.Engine. Only an administrator changes passwords.
func (Engine) Traits() engine.Traits {
	return engine.Traits{Names: []string{"rabbitmq"}, UserLimit: 120, Exclude: "/@\"'\\:"}
}

// api is a login at the management API.
type api struct {
	login  engine.Login
	base   string
	client *http.Client
}

const defaultPort = 15672

func connect(ctx context.Context, l engine.Login) (*api, error) {
	if l.Port == 0 {
		l.Port = defaultPort
	}
	return engine.DialFromFirstByte(ctx, l, func(ctx context.Context, t *tls.Config) (*api, error) {
		scheme := "http"
		if t != nil {
			scheme = "https"
		}
		a := &api{login: l, base: scheme + "://" + net.JoinHostPort(l.Host, strconv.Itoa(l.Port)) + "/api/", client: &http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the password is for this address
			Transport:     &http.Transport{TLSClientConfig: t, DisableKeepAlives: true, DialContext: (&net.Dialer{Timeout: 10 * time.Second}).DialContext},
		}}
		return a, a.whoAmI(ctx)
	})
}

// whoAmI logs in. A user without a management tag has the right password too:
// the server says so only in its text.
func (a *api) whoAmI(ctx context.Context) error {
	status, body, err := a.do(ctx, http.MethodGet, "whoami", nil)
	switch {
	case err != nil:
		return err
	case status == http.StatusUnauthorized && bytes.Contains(body, []byte("Not management user")):
		return nil
	case status == http.StatusUnauthorized:
		return fmt.Errorf("%w (401)", engine.ErrRefused)
	case status != http.StatusOK:
		return fmt.Errorf("the management API answered %d", status)
	}
	return nil
}

const maxAnswer = 1 << 20

func (a *api) do(ctx context.Context, method, path string, in any) (status int, body []byte, err error) {
	text, err := json.Marshal(in)
	if err != nil {
		return 0, nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(text))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth(a.login.User, string(a.login.Password.Open()))
	resp, err := a.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, body, err
}

// call is do for what must succeed.
func (a *api) call(ctx context.Context, method, path string, in, out any) error {
	status, body, err := a.do(ctx, method, path, in)
	if err != nil {
		return err
	}
	if status == http.StatusNotFound {
		return errNotFound
	}
	if status < 200 || status > 299 {
		var problem struct{ Reason string }
		_ = json.Unmarshal(body, &problem)
		return fmt.Errorf("the management API answered %d: %s", status, problem.Reason)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(body, out)
}

var errNotFound = fmt.Errorf("there is no such user")

// Check implements engine.Engine.
func (Engine) Check(ctx context.Context, as engine.Login) error {
	_, err := connect(ctx, as)
	return err
}

// user is a user as the API has it: the password only as a salted hash.
type user struct {
	PasswordHash string          `json:"password_hash"`
	Algorithm    string          `json:"hashing_algorithm"`
	Tags         json.RawMessage `json:"tags"`
	Limits       json.RawMessage `json:"limits,omitempty"`
}

// hash is a password as RabbitMQ keeps it: a salt of four bytes before the
// SHA-256 of both. (https://www.rabbitmq.com/docs/passwords)
func hash(password plain.Value) string {
	var salt [4]byte
	_, _ = rand.Read(salt[:])
	h := sha256.New()
	h.Write(salt[:])
	h.Write(password.Open())
	return base64.StdEncoding.EncodeToString(append(salt[:], h.Sum(nil)...))
}

const algorithm = "rabbit_password_hashing_sha256"

func userPath(name string) string { return "users/" + url.PathEscape(name) }

// SetPassword implements engine.Engine.
func (Engine) SetPassword(ctx context.Context, as engine.Login, name string, password plain.Value) error {
	a, err := connect(ctx, as)
	if err != nil {
		return err
	}
	return a.write(ctx, name, name, password)
}

// write gives a user a password, and the tags of another one.
func (a *api) write(ctx context.Context, like, name string, password plain.Value) error {
	var u user
	if err := a.call(ctx, http.MethodGet, userPath(like), nil, &u); err != nil {
		return err
	}
	u.PasswordHash, u.Algorithm, u.Limits = hash(password), algorithm, nil
	return a.call(ctx, http.MethodPut, userPath(name), u, nil)
}

// Clone implements engine.Engine: tags and permissions, those of topics too,
// are taken over.
func (Engine) Clone(ctx context.Context, as engine.Login, like, name string, password plain.Value) error {
	a, err := connect(ctx, as)
	if err != nil {
		return err
	}
	if err := a.write(ctx, like, name, password); err != nil {
		return err
	}
	for _, kind := range []string{"permissions", "topic-permissions"} {
		var all []map[string]any
		if err := a.call(ctx, http.MethodGet, userPath(like)+"/"+kind, nil, &all); err != nil {
			return err
		}
		for _, p := range all {
			vhost, _ := p["vhost"].(string)
			delete(p, "user")
			delete(p, "vhost")
			if err := a.call(ctx, http.MethodPut, kind+"/"+url.PathEscape(vhost)+"/"+url.PathEscape(name), p, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// Drop implements engine.Engine. The server ends the user's connections.
func (Engine) Drop(ctx context.Context, as engine.Login, name string) error {
	a, err := connect(ctx, as)
	if err != nil {
		return err
	}
	err = a.call(ctx, http.MethodDelete, userPath(name), nil, nil)
	if err == errNotFound {
		return nil
	}
	return err
}
