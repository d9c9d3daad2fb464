package mount

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"sync"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/name/path"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// Namespace is a namespace: an account with its own mounts, tokens and
// policies.
type Namespace struct {
	Path     string            `cbor:"1,keyasint"` // ends in a slash
	Account  string            `cbor:"2,keyasint"`
	ID       string            `cbor:"3,keyasint"`
	UUID     string            `cbor:"4,keyasint"`
	Metadata map[string]string `cbor:"5,keyasint,omitempty"`
	Created  secret.Instant    `cbor:"6,keyasint"`
}

// tables keeps the initial tables of accounts.
type tables struct {
	mu  sync.RWMutex
	all map[string]*Table
}

func (k *tables) of(account, region string) *Table {
	k.mu.RLock()
	t := k.all[account]
	k.mu.RUnlock()
	if t != nil {
		return t
	}
	t = newTable(account, initial(account, region))
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.all) >= maxMounts {
		clear(k.all)
	}
	if k.all == nil {
		k.all = map[string]*Table{}
	}
	k.all[account] = t
	return t
}

// Account is that of a namespace; empty if there is none. The empty path and
// "root" are the root namespace.
func (s *Mounts) Account(tx *gate.Tx, namespace string) (string, error) {
	p := strings.Trim(namespace, "/")
	if p == "" || p == "root" {
		return s.home.Account, nil
	}
	n, ok, err := s.namespaces.Load(tx, namespacePrefix+p+"/")
	if err != nil || !ok {
		return "", err
	}
	return n.Account, nil
}

// namespaceOf reads the row of a path under a parent.
func (s *Mounts) namespaceOf(tx *gate.Tx, parent, name string) (*Namespace, string, error) {
	key := strings.Trim(parent, "/")
	if key != "" {
		key += "/"
	}
	key += strings.Trim(name, "/") + "/"
	if err := path.Clean(key); err != nil || strings.ContainsAny(name, "*+{} ") {
		return nil, key, fault.New(fault.Invalid, "invalid namespace path %q", name)
	}
	n, ok, err := s.namespaces.Load(tx, namespacePrefix+key)
	if err != nil || !ok {
		return nil, key, err
	}
	return n, key, nil
}

// reserved are names that a namespace cannot have: a path under it would mean
// something else.
var reserved = []string{"root", "sys", "audit", "auth", "cubbyhole", "identity"}

// CreateNamespace makes a namespace, or changes the metadata of one. at is the
// path of the request, under parent. It fails with Invalid.
func (s *Mounts) CreateNamespace(ctx context.Context, who Caller, account, at, parent, name string, metadata map[string]string) (*Namespace, error) {
	return gate.Do(ctx, s.gate, who, secret.WriteSetting, Setting(account, at), func(tx *gate.Tx, _ secret.Ref) (*Namespace, error) {
		n, key, err := s.namespaceOf(tx, parent, name)
		if err != nil {
			return nil, err
		}
		last := key[strings.LastIndexByte(strings.TrimSuffix(key, "/"), '/')+1 : len(key)-1]
		if slices.Contains(reserved, last) || strings.Contains(strings.Trim(name, "/"), "/") {
			return nil, fault.New(fault.Invalid, "%q is a reserved path and cannot be used as a namespace path", last)
		}
		if n == nil {
			n = &Namespace{Path: key, Account: randomDigits(12), ID: randomHex(3), UUID: randomUUID(), Created: secret.InstantOf(tx.Now())}
		} else {
			c := *n
			n = &c
		}
		if metadata != nil {
			n.Metadata = metadata
		}
		text, err := stored.Encode(n)
		if err != nil {
			return nil, err
		}
		return n, tx.Put(namespacePrefix+key, text)
	})
}

func randomDigits(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = '0' + b[i]%10
	}
	return string(b)
}

// GetNamespace shows a namespace. It fails with NotFound.
func (s *Mounts) GetNamespace(ctx context.Context, who Caller, account, at, parent, name string) (*Namespace, error) {
	return gate.Do(ctx, s.gate, who, secret.ReadSetting, Setting(account, at), func(tx *gate.Tx, _ secret.Ref) (*Namespace, error) {
		n, _, err := s.namespaceOf(tx, parent, name)
		if err == nil && n == nil {
			err = fault.New(fault.NotFound, "no such namespace")
		}
		return n, err
	})
}

// ListNamespaces lists the namespaces right below one.
func (s *Mounts) ListNamespaces(ctx context.Context, who Caller, account, at, parent string) ([]*Namespace, error) {
	return gate.Do(ctx, s.gate, who, secret.ListSettings, Setting(account, at), func(tx *gate.Tx, _ secret.Ref) ([]*Namespace, error) {
		var all []*Namespace
		prefix := namespacePrefix
		if p := strings.Trim(parent, "/"); p != "" {
			prefix += p + "/"
		}
		for e, err := range tx.Scan(store.Prefix(prefix)) {
			if err != nil {
				return nil, err
			}
			rest := strings.TrimPrefix(e.Key, prefix)
			if rest == "" || strings.IndexByte(rest, '/') != len(rest)-1 {
				continue
			}
			n, err := s.namespaces.Decode(tx, e.Key, e.Value)
			if err != nil {
				return nil, err
			}
			all = append(all, n)
		}
		return all, nil
	})
}

// DeleteNamespace removes an empty namespace: one that has no namespaces below
// it and no secrets. Its tokens stop working at once. It fails with Conflict.
func (s *Mounts) DeleteNamespace(ctx context.Context, who Caller, account, at, parent, name string) error {
	_, err := gate.Do(ctx, s.gate, who, secret.DeleteSetting, Setting(account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		n, key, err := s.namespaceOf(tx, parent, name)
		if err != nil || n == nil {
			return struct{}{}, err
		}
		for e, err := range tx.Scan(store.Range{From: namespacePrefix + key + "\x00", To: store.After(namespacePrefix + key)}) {
			if err != nil {
				return struct{}{}, err
			}
			return struct{}{}, fault.New(fault.Conflict, "the namespace holds another: %s", strings.TrimPrefix(e.Key, namespacePrefix))
		}
		for _, err := range tx.Scan(store.Prefix("secret/" + n.Account + "/")) {
			if err != nil {
				return struct{}{}, err
			}
			return struct{}{}, fault.New(fault.Conflict, "the namespace holds secrets: delete them first")
		}
		return struct{}{}, tx.Delete(namespacePrefix + key)
	})
	return err
}
