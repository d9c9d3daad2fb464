package identity

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"slices"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// credentialRow is an access key as it is stored.
type credentialRow struct {
	Account  string         `cbor:"1,keyasint"`
	User     string         `cbor:"2,keyasint"`
	UserID   string         `cbor:"3,keyasint"`
	Created  secret.Instant `cbor:"4,keyasint"`
	Inactive bool           `cbor:"5,keyasint,omitempty"`
	Secret   []byte         `cbor:"6,keyasint"`
	Used     use            `cbor:"7,keyasint,omitempty"`
}

// credential is what is kept of one: all but the secret key.
type credential struct {
	account  string
	user     string
	userID   string
	created  secret.Instant
	inactive bool
	used     use
}

func decodeCredential(opened []byte) (*credential, error) {
	row, err := stored.Decode[credentialRow](opened)
	if err != nil {
		return nil, err
	}
	clear(row.Secret)
	return &credential{account: row.Account, user: row.User, userID: row.UserID, created: row.Created, inactive: row.Inactive, used: row.Used}, nil
}

// NewAccessKeyID draws an access key's ID, which begins so.
func NewAccessKeyID(prefix string) string {
	var id [10]byte
	_, _ = rand.Read(id[:])
	return prefix + base32.StdEncoding.EncodeToString(id[:])
}

// NewSecretKey draws a secret access key.
func NewSecretKey() plain.Value {
	var key [30]byte
	_, _ = rand.Read(key[:])
	defer clear(key[:])
	return plain.New(base64.StdEncoding.AppendEncode(nil, key[:]))
}

func putCredential(tx *gate.Tx, id string, row credentialRow) error {
	text, err := stored.Encode(row)
	if err != nil {
		return err
	}
	defer clear(text)
	return tx.Put(credentialPrefix+id, text)
}

// openCredential reads a row with its secret key, which the caller wipes.
func openCredential(tx *gate.Tx, id string) (*credentialRow, error) {
	key := credentialPrefix + id
	sealed, err := tx.Get(key)
	if err != nil || sealed == nil {
		return nil, err
	}
	opened, err := tx.Open(key, sealed)
	if err != nil {
		return nil, err
	}
	defer opened.Wipe()
	return stored.Decode[credentialRow](opened.Open())
}

func (j *job) createAccessKey() error {
	id, key := NewAccessKeyID("AKIA"), NewSecretKey()
	return j.edit(func(e *Entity) error {
		if len(e.Keys) >= maxKeys {
			return limit("AccessKeysPerUser", maxKeys)
		}
		e.Keys = append(e.Keys, id)
		now := secret.InstantOf(j.tx.Now())
		j.out.Key = &AccessKey{ID: id, Secret: key, User: e.Name, Active: true, Created: now}
		return putCredential(j.tx, id, credentialRow{Account: j.account, User: e.Name, UserID: e.ID, Created: now, Secret: key.Open()})
	})
}

func (j *job) noKey() error {
	return fault.New(fault.NotFound, "The Access Key with id %s cannot be found.", j.in.AccessKey)
}

// editKey changes an access key of the user's.
func (j *job) editKey(change func(*Entity, *credentialRow) error) error {
	e, err := j.load()
	if err != nil {
		return err
	}
	if !slices.Contains(e.Keys, j.in.AccessKey) {
		return j.noKey()
	}
	row, err := openCredential(j.tx, j.in.AccessKey)
	if err != nil {
		return err
	}
	if row == nil {
		return j.noKey()
	}
	defer clear(row.Secret)
	return change(e, row)
}

func (j *job) updateAccessKey() error {
	return j.editKey(func(_ *Entity, row *credentialRow) error {
		row.Inactive = !j.in.Active
		return putCredential(j.tx, j.in.AccessKey, *row)
	})
}

func (j *job) deleteAccessKey() error {
	return j.editKey(func(e *Entity, _ *credentialRow) error {
		if err := j.tx.Delete(credentialPrefix + j.in.AccessKey); err != nil {
			return err
		}
		e = e.clone()
		e.Keys = slices.DeleteFunc(e.Keys, func(k string) bool { return k == j.in.AccessKey })
		return saveEntity(j.tx, j.account, e)
	})
}

// renameKeys tells the user's access keys a new name.
func (j *job) renameKeys(e *Entity) error {
	for _, id := range e.Keys {
		row, err := openCredential(j.tx, id)
		if err != nil {
			return err
		}
		if row == nil {
			continue
		}
		row.User = e.Name
		err = putCredential(j.tx, id, *row)
		clear(row.Secret)
		if err != nil {
			return err
		}
	}
	return nil
}

func (j *job) listAccessKeys() error {
	e, err := j.load()
	if err != nil {
		return err
	}
	for _, id := range e.Keys {
		c, ok, err := j.credentials.Load(j.tx, credentialPrefix+id)
		if err != nil {
			return err
		}
		if ok {
			j.out.Keys = append(j.out.Keys, AccessKey{ID: id, User: e.Name, Active: !c.inactive, Created: c.created})
		}
	}
	return nil
}

// accessKeyLastUsed says whose a key is, and when it was last used.
func (j *job) accessKeyLastUsed() error {
	c, ok, err := j.credentials.Load(j.tx, credentialPrefix+j.in.AccessKey)
	if err != nil {
		return err
	}
	if !ok || c.account != j.account {
		return j.noKey()
	}
	used := j.lastUse(j.in.AccessKey, c)
	j.out.Key = &AccessKey{ID: j.in.AccessKey, User: c.user, Active: !c.inactive, Created: c.created,
		LastUsed: used.At, Service: used.Service, Region: used.Region}
	return nil
}
