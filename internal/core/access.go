package core

import (
	"context"

	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// access is a secret or, with a number, one of its versions.
type access struct {
	space  secret.Space
	name   string
	number uint64
}

// maxAccesses bounds what is remembered. A read that finds it full is not
// remembered; the next one of the same secret may be.
const maxAccesses = 20000

// noteAccess remembers that a version was read today, if its row does not say
// so yet. A read writes nothing itself: RecordAccess does, later.
func (c *Core) noteAccess(tx *gate.Tx, s secret.Space, sec *secret.Secret, v *secret.Version) {
	today := secret.InstantOf(tx.Now()).Day()
	if v.Accessed == today && sec.Accessed == today || c.accesses.Load() >= maxAccesses {
		return
	}
	if _, there := c.accessed.Swap(access{s, sec.Name, v.Number}, today); !there {
		c.accesses.Add(1)
	}
}

// withAccess is sec as it is when what is remembered is written down.
func (c *Core) withAccess(s secret.Space, sec *secret.Secret) *secret.Secret {
	var out *secret.Secret
	for i := range sec.Versions {
		day, ok := c.accessed.Load(access{s, sec.Name, sec.Versions[i].Number})
		if !ok || day.(secret.Instant) <= sec.Versions[i].Accessed {
			continue
		}
		if out == nil {
			out = sec.Clone()
		}
		out.Versions[i].Accessed = day.(secret.Instant)
		out.Accessed = max(out.Accessed, day.(secret.Instant))
	}
	if out == nil {
		return sec
	}
	return out
}

func (c *Core) forgetAccess(s secret.Space, name string) {
	c.accessed.Range(func(k, _ any) bool {
		if a := k.(access); a.space == s && a.name == name {
			c.dropAccess(k)
		}
		return true
	})
}

func (c *Core) dropAccess(key any) {
	if _, there := c.accessed.LoadAndDelete(key); there {
		c.accesses.Add(-1)
	}
}

// perFlush bounds one RecordAccess.
const perFlush = 1000

// RecordAccess writes down on which day secrets were last read. It is called
// from time to time; what a crash loses is no more than those dates. It
// returns how many were written.
func (c *Core) RecordAccess(ctx context.Context, who Caller) (int, error) {
	type note struct {
		key any
		day any
	}
	var batch []note
	c.accessed.Range(func(k, day any) bool {
		batch = append(batch, note{k, day})
		return len(batch) < perFlush
	})
	n, err := gate.Do(ctx, c.gate, who, secret.RecordAccess, secret.System(), func(tx *gate.Tx, _ secret.Ref) (int, error) {
		for _, b := range batch {
			a := b.key.(access)
			old, err := c.load(tx, a.space, a.name)
			if err != nil {
				return 0, err
			}
			if old == nil || old.ByNumber(a.number) == nil {
				continue
			}
			sec := old.Clone()
			sec.Accessed = max(sec.Accessed, b.day.(secret.Instant))
			sec.ByNumber(a.number).Accessed = b.day.(secret.Instant)
			if err := c.save(tx, a.space, old, sec); err != nil {
				return 0, err
			}
		}
		return len(batch), nil
	})
	if err != nil {
		return 0, err
	}
	for _, b := range batch {
		c.dropAccess(b.key)
	}
	return n, nil
}

// Accesses reports whether RecordAccess has anything to write.
func (c *Core) Accesses() bool {
	return c.accesses.Load() > 0
}
