package mount

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/name/path"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// Caller is who asks.
type Caller = gate.Caller

// Mounts does the operations. It is safe for concurrent use.
type Mounts struct {
	gate       *gate.Gate
	tables     *gate.Cache[*rows]
	namespaces *gate.Cache[*Namespace]
	home       secret.Space
	homeKey    string // of its table

	fresh tables // of accounts that nobody has changed

	// Disabled is told of mounts that are gone, in the transaction in which
	// they go; it is set before the first use and may be nil.
	Disabled func(tx *gate.Tx, account string, m *Mount) error
}

// New makes Mounts. Use gives it the gate, and the space that the root
// namespace's secret/ shows, before anything else is called.
func New() *Mounts {
	return &Mounts{tables: gate.NewCache(decodeRows), namespaces: gate.NewCache(stored.Decode[Namespace])}
}

// Use gives it the gate and the home.
func (s *Mounts) Use(g *gate.Gate, home secret.Space) {
	s.gate, s.home, s.homeKey = g, home, tablePrefix+home.Account
}

// Home is the space that the root namespace's secret/ shows.
func (s *Mounts) Home() secret.Space { return s.home }

// The keys of the store.
//
//	mounts/ACCOUNT      the mounts of an account, if any was changed
//	namespace/PATH      a namespace
const (
	tablePrefix     = "mounts/"
	namespacePrefix = "namespace/"
)

// rows is a decoded table.
type rows struct{ table *Table }

func decodeRows(opened []byte) (*rows, error) {
	r, err := stored.Decode[storedTable](opened)
	if err != nil {
		return nil, err
	}
	return &rows{table: newTable(r.Account, r.Mounts)}, nil
}

type storedTable struct {
	Account string   `cbor:"1,keyasint"`
	Mounts  []*Mount `cbor:"2,keyasint"`
}

// Of is the table of an account.
func (s *Mounts) Of(tx *gate.Tx, account string) (*Table, error) {
	key := s.homeKey
	if account != s.home.Account {
		key = tablePrefix + account
	}
	r, ok, err := s.tables.Load(tx, key)
	if err != nil {
		return nil, err
	}
	if ok {
		return r.table, nil
	}
	return s.fresh.of(account, s.home.Region), nil
}

// HomeKey is the key of the home, which is read before there is a gate.
const HomeKey = "home"

// DecodeHome reads what Settle wrote.
func DecodeHome(opened []byte) (secret.Space, error) {
	s, err := stored.Decode[secret.Space](opened)
	if err != nil {
		return secret.Space{}, err
	}
	return *s, nil
}

// Settle makes a space the home, from now on and after every start.
func (s *Mounts) Settle(ctx context.Context, who Caller, home secret.Space) error {
	_, err := gate.Do(ctx, s.gate, who, secret.WriteSetting, secret.System(), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		text, err := stored.Encode(home)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Put(HomeKey, text)
	})
	if err == nil {
		s.home, s.homeKey = home, tablePrefix+home.Account
	}
	return err
}

// Shown implements gate.Mounts.
func (s *Mounts) Shown(tx *gate.Tx, space secret.Space) (string, int, error) {
	t, err := s.Of(tx, space.Account)
	if err != nil {
		return "", 0, err
	}
	if m := t.Shows(space.Region); m != nil {
		return m.Path, m.Version(), nil
	}
	return "", 0, nil
}

// Setting is the ref of what is at a path of Vault's.
func Setting(account, p string) secret.Ref {
	return secret.Ref{Space: secret.Space{Account: account}, Kind: secret.KindPath, Name: p}
}

// List gives the table to who may read a path that shows it.
func (s *Mounts) List(ctx context.Context, who Caller, account, at string) (*Table, error) {
	return gate.Do(ctx, s.gate, who, secret.ReadSetting, Setting(account, at), func(tx *gate.Tx, _ secret.Ref) (*Table, error) {
		return s.Of(tx, account)
	})
}

// edit changes the table of an account.
func (s *Mounts) edit(ctx context.Context, who Caller, v secret.Verb, account, at string, change func(*gate.Tx, *Table) ([]*Mount, error)) error {
	_, err := gate.Do(ctx, s.gate, who, v, Setting(account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		t, err := s.Of(tx, account)
		if err != nil {
			return struct{}{}, err
		}
		all, err := change(tx, t)
		if err != nil {
			return struct{}{}, err
		}
		text, err := stored.Encode(storedTable{Account: account, Mounts: all})
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Put(tablePrefix+account, text)
	})
	return err
}

// maxMounts bounds a table, which is one entry of the store.
const maxMounts = 1000

// Enable mounts m, whose Path, Type, Description, Options and Config are given.
// at is the path of the request. It fails with Invalid, Exists or Limit.
func (s *Mounts) Enable(ctx context.Context, who Caller, account, at string, m Mount) error {
	return s.edit(ctx, who, secret.EnableMount, account, at, func(_ *gate.Tx, t *Table) ([]*Mount, error) {
		if err := s.checkPath(t, m.Path); err != nil {
			return nil, err
		}
		if len(t.mounts) >= maxMounts {
			return nil, fault.New(fault.Limit, "there are %d mounts already", maxMounts)
		}
		if err := m.Config.check(); err != nil {
			return nil, err
		}
		n := m.clone()
		n.UUID, n.Accessor = randomUUID(), accessorPrefix(n)+randomHex(4)
		if n.IsAuth() && n.Config.TokenType == "" {
			n.Config.TokenType = "default-service"
		}
		if n.Type == KV {
			if err := s.placeKV(t, n); err != nil {
				return nil, err
			}
		}
		return append(slices.Clone(t.mounts), n), nil
	})
}

// placeKV gives a KV mount its region: one of its own, unless the option region
// names one that no mount shows.
func (s *Mounts) placeKV(t *Table, m *Mount) error {
	switch v := m.Options["version"]; v {
	case "", "1", "2":
	default:
		return fault.New(fault.Invalid, "invalid version %q: 1 and 2 are", v)
	}
	m.Region = m.Options["region"]
	if m.Region == "" {
		m.Region = strings.ReplaceAll(m.Accessor, "_", "-")
	}
	if there := t.Shows(m.Region); there != nil {
		return fault.New(fault.Invalid, "the region %s is shown at %s already", m.Region, there.Path)
	}
	if !validRegion(m.Region) {
		return fault.New(fault.Invalid, "invalid region %q", m.Region)
	}
	return nil
}

func validRegion(r string) bool {
	return r != "" && len(r) <= 64 && strings.Trim(r, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func (c *Config) check() error {
	if c.DefaultTTL < 0 || c.MaxTTL < 0 {
		return fault.New(fault.Invalid, "a lease TTL is not negative")
	}
	if c.MaxTTL != 0 && c.DefaultTTL > c.MaxTTL {
		return fault.New(fault.Invalid, "backend default lease TTL of %d greater than max lease TTL of %d", c.DefaultTTL, c.MaxTTL)
	}
	return nil
}

// checkPath wants a new mount's path to be neither under another's nor above.
func (s *Mounts) checkPath(t *Table, p string) error {
	if err := path.Clean(p); err != nil || strings.ContainsAny(p, "*+{}") {
		return fault.New(fault.Invalid, "invalid mount path %q", p)
	}
	for _, m := range t.mounts {
		if m.Path == p {
			return fault.New(fault.Invalid, "path is already in use at %s", p)
		}
		if strings.HasPrefix(p, m.Path) || strings.HasPrefix(m.Path, p) {
			return fault.New(fault.Invalid, "existing mount at %s", m.Path)
		}
	}
	if p == AuthPrefix || strings.HasPrefix("auth/", p) {
		return fault.New(fault.Invalid, "cannot mount under existing mount %q", "auth/")
	}
	return nil
}

// Tune changes what change changes of the mount at p. It fails with Invalid, or
// as change does.
func (s *Mounts) Tune(ctx context.Context, who Caller, account, at, p string, change func(*Mount) error) error {
	return s.edit(ctx, who, secret.WriteSetting, account, at, func(_ *gate.Tx, t *Table) ([]*Mount, error) {
		all := slices.Clone(t.mounts)
		i := slices.IndexFunc(all, func(m *Mount) bool { return m.Path == p })
		if i < 0 {
			return nil, fault.New(fault.Invalid, "cannot fetch sysview for path %q", p)
		}
		m := all[i].clone()
		if err := change(m); err != nil {
			return nil, err
		}
		if m.Type == KV && all[i].Version() > m.Version() {
			return nil, fault.New(fault.Invalid, "cannot downgrade mount from version %d", all[i].Version())
		}
		all[i] = m
		return all, m.Config.check()
	})
}

// Disable takes a mount away. What is in it is out of reach at once, and is
// removed by whoever Disabled tells. That there is none is no error.
func (s *Mounts) Disable(ctx context.Context, who Caller, account, at, p string) error {
	return s.edit(ctx, who, secret.DisableMount, account, at, func(tx *gate.Tx, t *Table) ([]*Mount, error) {
		if fixed(p) {
			return nil, fault.New(fault.Invalid, "cannot unmount %q", p)
		}
		m := t.At(p)
		if m == nil {
			return t.mounts, nil
		}
		if s.Disabled != nil {
			if err := s.Disabled(tx, account, m); err != nil {
				return nil, err
			}
		}
		return slices.DeleteFunc(slices.Clone(t.mounts), func(o *Mount) bool { return o == m }), nil
	})
}

// Move moves a mount, with all that is in it, to another path. It fails with
// Invalid.
func (s *Mounts) Move(ctx context.Context, who Caller, account, at, from, to string) error {
	return s.edit(ctx, who, secret.MoveMount, account, at, func(_ *gate.Tx, t *Table) ([]*Mount, error) {
		m := t.At(from)
		switch {
		case fixed(from):
			return nil, fault.New(fault.Invalid, "cannot remount %q", from)
		case m == nil:
			return nil, fault.New(fault.Invalid, "no matching mount at %q", from)
		case strings.HasPrefix(from, AuthPrefix) != strings.HasPrefix(to, AuthPrefix):
			return nil, fault.New(fault.Invalid, "cannot remount auth mount to non-auth mount %q", to)
		}
		rest := slices.DeleteFunc(slices.Clone(t.mounts), func(o *Mount) bool { return o == m })
		if err := s.checkPath(newTable(account, slices.Clone(rest)), to); err != nil {
			return nil, err
		}
		n := m.clone()
		n.Path = to
		return append(rest, n), nil
	})
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

func randomUUID() string {
	h := randomHex(16)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// SetOptions adds options to those that the mount has.
func (m *Mount) SetOptions(options map[string]string) {
	if m.Options == nil {
		m.Options = map[string]string{}
	}
	maps.Copy(m.Options, options)
}
