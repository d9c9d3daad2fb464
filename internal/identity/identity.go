// Package identity knows who there is: accounts with their users, groups,
// roles, access keys and managed policies, as AWS IAM has them, and sessions as
// AWS STS gives them. It finds out who asks, and makes the program of policies
// that binds them.
//
// It reaches data only through the gate, and must not know protocols. The
// texts of its faults are IAM's.
package identity

import (
	"context"
	"sync"

	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// Caller is who asks.
type Caller = gate.Caller

// Directory does the operations. It is safe for concurrent use.
type Directory struct {
	// Tokens checks identity tokens, and Unreachable tells its error where an
	// issuer does not answer. They are set before the first use.
	Tokens      Verifier
	Unreachable func(error) bool

	providers   *gate.Cache[*Provider]
	gate        *gate.Gate
	entities    *gate.Cache[*Entity]
	policies    *gate.Cache[*Policy]
	acls        *gate.Cache[*ACL]
	credentials *gate.Cache[*credential]
	programs    kept[string, bound]   // by the unique ID of a user or role
	sessions    kept[string, session] // by token
	uses        sync.Map              // access key -> use: what RecordKeyUse will write down
}

// New makes a directory. Its Resolve goes into the gate's config; Use gives it
// the gate, before anything else is called.
func New() *Directory {
	return &Directory{
		entities:    gate.NewCache(stored.Decode[Entity]),
		providers:   gate.NewCache(stored.Decode[Provider]),
		policies:    gate.NewCache(stored.Decode[Policy]),
		acls:        gate.NewCache(decodeACL),
		credentials: gate.NewCache(decodeCredential),
	}
}

// Use gives the directory its gate.
func (d *Directory) Use(g *gate.Gate) { d.gate = g }

// Resolve implements gate.Resolver for users, groups, roles and policies. A
// name that begins with a slash is a path and a name already, of what is to be
// made; others are looked up.
func (d *Directory) Resolve(tx *gate.Tx, r secret.Ref) (gate.Found, error) {
	found := gate.Found{Ref: r}
	if r.Name == "" || r.Name[0] == '/' {
		return found, nil
	}
	switch r.Kind {
	case secret.KindUser, secret.KindGroup, secret.KindRole:
		e, err := d.entity(tx, r.Space.Account, r.Kind, r.Name)
		if err != nil || e == nil {
			found.Ref.Name = "/" + r.Name
			return found, err
		}
		found.Ref.Name, found.ID, found.Tags, found.Boundary = e.Path+e.Name, e.ID, e.Tags, e.Boundary
		if v := tx.Verb(); v == secret.AssumeRole || v == secret.AssumeRoleWithWebIdentity {
			found.Policy, found.PolicyRules, err = e.trust(), true, nil
		}
		return found, err
	case secret.KindPolicy:
		p, err := d.anyPolicy(tx, r.Space.Account, r.Name)
		if err != nil || p == nil {
			found.Ref.Name = "/" + r.Name
			return found, err
		}
		found.Ref.Name, found.Tags = p.Path+p.Name, p.Tags
	case secret.KindProvider:
		p, err := d.provider(tx, r.Space.Account, r.Name)
		if err != nil || p == nil {
			return found, err
		}
		found.Tags = p.Tags
	}
	return found, nil
}

// House is the caller for what the house does of itself.
func House(verbs ...secret.Verb) Caller {
	return Caller{Principal: gate.System, Door: "clockwork", Program: policy.Grant("the house's own clockwork", actionsOf(verbs)...)}
}

// kept is a small cache with a bound; an arbitrary entry goes when it is full.
type kept[K comparable, V any] struct {
	mu    sync.RWMutex
	cells map[K]V
}

const maxKept = 4096

func (k *kept[K, V]) get(key K) (V, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	v, ok := k.cells[key]
	return v, ok
}

func (k *kept[K, V]) put(key K, v V) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cells == nil {
		k.cells = map[K]V{}
	}
	if len(k.cells) >= maxKept {
		for victim := range k.cells {
			delete(k.cells, victim)
			break
		}
	}
	k.cells[key] = v
}

// do passes an operation of IAM or STS through the gate.
func do[T any](ctx context.Context, d *Directory, who Caller, v secret.Verb, r secret.Ref, work func(*gate.Tx, secret.Ref) (T, error)) (T, error) {
	return gate.Do(ctx, d.gate, who, v, r, work)
}
