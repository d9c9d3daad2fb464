package enginetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/plain"
)

// Memory is a system of users in memory: an engine and its server in one, for
// tests of what uses engines. It passes the examination.
type Memory struct {
	mu    sync.Mutex
	users map[string]string // user -> password
	roots map[string]bool

	// Cut, if it is set, is asked before and after every effect; its error is
	// the answer that the caller gets.
	Cut func(what string, after bool) error
}

// Host is where Memory is.
const Host = "memory.example"

// NewMemory makes one with a superuser.
func NewMemory(admin, password string) *Memory {
	return &Memory{users: map[string]string{admin: password}, roots: map[string]bool{admin: true}}
}

// Traits implements engine.Engine.
func (*Memory) Traits() engine.Traits {
	return engine.Traits{Names: []string{"memory"}, UserLimit: 20, Exclude: "/", SelfService: true}
}

// Make makes a user.
func (m *Memory) Make(user, password string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.users[user] = password
}

// Users are the users, with their passwords.
func (m *Memory) Users() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.users)
}

func (m *Memory) do(what string, as engine.Login, work func() error) error {
	if as.Host != Host {
		return errors.New("nobody is at " + as.Host)
	}
	cut := func(after bool) error {
		if m.Cut == nil {
			return nil
		}
		return m.Cut(what, after)
	}
	if err := cut(false); err != nil {
		return err
	}
	m.mu.Lock()
	password, ok := m.users[as.User]
	if !ok || password != string(as.Password.Open()) {
		m.mu.Unlock()
		return fmt.Errorf("%w: %s", engine.ErrRefused, as.User)
	}
	err := work()
	m.mu.Unlock()
	return errors.Join(err, cut(true))
}

var errMay = errors.New("this user may not do that")

// Check implements engine.Engine.
func (m *Memory) Check(_ context.Context, as engine.Login) error {
	return m.do("check", as, func() error { return nil })
}

// SetPassword implements engine.Engine.
func (m *Memory) SetPassword(_ context.Context, as engine.Login, user string, password plain.Value) error {
	return m.do("set", as, func() error {
		if _, ok := m.users[user]; !ok || !m.roots[as.User] && as.User != user {
			return errMay
		}
		m.users[user] = string(password.Open())
		return nil
	})
}

// Clone implements engine.Engine.
func (m *Memory) Clone(_ context.Context, as engine.Login, like, user string, password plain.Value) error {
	return m.do("clone", as, func() error {
		if _, ok := m.users[like]; !ok || !m.roots[as.User] {
			return errMay
		}
		m.users[user] = string(password.Open())
		return nil
	})
}

// Drop implements engine.Engine.
func (m *Memory) Drop(_ context.Context, as engine.Login, user string) error {
	return m.do("drop", as, func() error {
		if !m.roots[as.User] {
			return errMay
		}
		delete(m.users, user)
		return nil
	})
}
