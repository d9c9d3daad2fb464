package identity

import (
	"context"
	"time"

	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// use is when and for what an access key was used.
type use struct {
	At      secret.Instant `cbor:"1,keyasint"`
	Service string         `cbor:"2,keyasint"`
	Region  string         `cbor:"3,keyasint"`
}

// useStep is how exactly the last use of an access key is known.
const useStep = secret.Instant(15 * time.Minute / time.Millisecond)

// perFlush bounds one RecordKeyUse.
const perFlush = 1000

// noteUse remembers that a key was used, if it is some time since it was noted.
// A request writes nothing for it: RecordKeyUse does, later.
func (d *Directory) noteUse(tx *gate.Tx, c *credential, claim Credential) {
	now := secret.InstantOf(tx.Now())
	if now < c.used.At+useStep {
		return
	}
	id := claim.AccessKey()
	if noted, ok := d.uses.Load(id); ok && now < noted.(use).At+useStep {
		return
	}
	service, region := claim.Scope()
	d.uses.Store(id, use{At: now, Service: service, Region: region})
}

// lastUse is the last known use of a key.
func (d *Directory) lastUse(id string, c *credential) use {
	if noted, ok := d.uses.Load(id); ok && noted.(use).At > c.used.At {
		return noted.(use)
	}
	return c.used
}

// KeyUses reports whether RecordKeyUse has anything to write.
func (d *Directory) KeyUses() bool {
	empty := true
	d.uses.Range(func(_, _ any) bool { empty = false; return false })
	return !empty
}

// RecordKeyUse writes down when access keys were last used. It is called from
// time to time; what a crash loses is no more than that. It returns how many
// were written.
func (d *Directory) RecordKeyUse(ctx context.Context, who Caller) (int, error) {
	batch := map[string]use{}
	d.uses.Range(func(id, noted any) bool {
		batch[id.(string)] = noted.(use)
		return len(batch) < perFlush
	})
	n, err := do(ctx, d, who, secret.RecordKeyUse, secret.System(), func(tx *gate.Tx, _ secret.Ref) (int, error) {
		for id, noted := range batch {
			if err := writeUse(tx, id, noted); err != nil {
				return 0, err
			}
		}
		return len(batch), nil
	})
	if err != nil {
		return 0, err
	}
	for id, noted := range batch {
		d.uses.CompareAndDelete(id, noted)
	}
	return n, nil
}

func writeUse(tx *gate.Tx, id string, noted use) error {
	row, err := openCredential(tx, id)
	if err != nil || row == nil || row.Used.At >= noted.At {
		return err
	}
	defer clear(row.Secret)
	row.Used = noted
	return putCredential(tx, id, *row)
}
