package login

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/token"
)

// User is a user of a userpass method.
type User struct {
	Name   string       `cbor:"1,keyasint"`
	Salt   []byte       `cbor:"2,keyasint,omitempty"`
	Hash   []byte       `cbor:"3,keyasint,omitempty"` // argon2id of the password
	Params token.Params `cbor:"4,keyasint,omitempty"`
}

// The parameters of argon2id: what OWASP asks for at least.
// (https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html)
const (
	hashTime      = 2
	hashMemory    = 19 << 10 // KiB
	hashThreads   = 1
	hashLen       = 32
	hashersAtOnce = 4 // what they need together is bounded
)

// hash takes its time, and memory: it is never done in a transaction.
func (m *Methods) hash(ctx context.Context, salt []byte, password plain.Value) ([]byte, error) {
	select {
	case m.hashing <- struct{}{}:
		defer func() { <-m.hashing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey(password.Open(), salt, hashTime, hashMemory, hashThreads, hashLen), nil
}

const kindUser = "user"

// UserName is a user's name as it counts.
func UserName(name string) string { return fold.Lower(name) }

// PutUser writes a user. A password that is zero stays as it is; a new user must
// have one. It fails with Invalid.
func (m *Methods) PutUser(ctx context.Context, who Caller, at At, name string, password plain.Value, change func(*token.Params)) error {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	var hash []byte
	if !password.IsZero() {
		if password.Len() == 0 {
			return fault.New(fault.Invalid, "missing password")
		}
		var err error
		if hash, err = m.hash(ctx, salt, password); err != nil {
			return err
		}
	}
	name = UserName(name)
	return write(ctx, m, who, at, kindUser, name, func(_ *gate.Tx, u *User, isNew bool) error {
		u.Name = name
		if hash != nil {
			u.Salt, u.Hash = salt, hash
		} else if isNew {
			return fault.New(fault.Invalid, "missing password")
		}
		change(&u.Params)
		return u.Params.Check()
	})
}

// GetUser shows a user; the hash of its password is not for showing. It fails
// with NotFound.
func (m *Methods) GetUserpassUser(ctx context.Context, who Caller, at At, name string) (*User, error) {
	return read[User](ctx, m, who, at, kindUser, UserName(name))
}

// ListUserpassUsers lists the names of users.
func (m *Methods) ListUserpassUsers(ctx context.Context, who Caller, at At) ([]string, error) {
	return m.list(ctx, who, at, kindUser)
}

// DeleteUserpassUser removes a user; tokens that it got go on.
func (m *Methods) DeleteUserpassUser(ctx context.Context, who Caller, at At, name string) error {
	return m.remove(ctx, who, at, kindUser, UserName(name))
}

func errUserPass() error { return refused("invalid username or password") }

// ByPassword logs in with a user's name and password. Who fails too often in a
// row is locked out for some time.
func (m *Methods) ByPassword(ctx context.Context, who Caller, at At, name string, password plain.Value) (token.Issued, error) {
	name = UserName(name)
	now := time.Now()
	lock := at.Mount.UUID + "/" + name
	if m.locks.locked(lock, now) {
		return token.Issued{}, m.fail(ctx, who, at, refused("permission denied: the user is locked for some minutes"))
	}
	u, err := look(ctx, m, who, at, func(tx *gate.Tx) (*User, error) { return load[User](tx, at.key(kindUser, name)) })
	if err != nil {
		return token.Issued{}, err
	}
	salt, want := []byte("a user who is not"), make([]byte, hashLen)
	if u != nil {
		salt, want = u.Salt, u.Hash
	}
	got, err := m.hash(ctx, salt, password) // for nobody too, so that time does not tell
	if err != nil {
		return token.Issued{}, err
	}
	if subtle.ConstantTimeCompare(got, want) != 1 || u == nil {
		m.locks.failed(lock, now)
		return token.Issued{}, m.fail(ctx, who, at, errUserPass())
	}
	m.locks.forget(lock)
	return m.login(ctx, who, at, func(tx *gate.Tx) (token.Issued, error) {
		again, err := load[User](tx, at.key(kindUser, name))
		if err != nil {
			return token.Issued{}, err
		}
		if again == nil || subtle.ConstantTimeCompare(again.Hash, u.Hash) != 1 {
			return token.Issued{}, errUserPass() // it was changed meanwhile
		}
		display := strings.TrimSuffix(strings.TrimPrefix(at.Mount.Path, "auth/"), "/") + "-" + name
		return m.issue(tx, at, name, display, map[string]string{"username": name}, nil, again.Params)
	})
}

// The bounds on failed logins of one user.
const (
	lockAfter = 5
	lockFor   = 15 * time.Minute
	maxLocks  = 10_000
)

// locks counts the failed logins of users. It is lost with the process.
type locks struct {
	mu  sync.Mutex
	all map[string]lock
}

type lock struct {
	failed int
	last   time.Time
}

func (l *locks) locked(name string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.all[name]
	return k.failed >= lockAfter && now.Sub(k.last) < lockFor
}

func (l *locks) failed(name string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[string]lock{}
	}
	k := l.all[name]
	if now.Sub(k.last) >= lockFor {
		k.failed = 0
	}
	if len(l.all) >= maxLocks {
		for victim, v := range l.all {
			if now.Sub(v.last) >= lockFor || len(l.all) >= maxLocks {
				delete(l.all, victim)
			}
		}
	}
	l.all[name] = lock{k.failed + 1, now}
}

func (l *locks) forget(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, name)
}
