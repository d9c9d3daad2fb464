package transit

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/mount"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// Caller is who asks.
type Caller = gate.Caller

// Keys does the operations. It is safe for concurrent use.
type Keys struct{ gate *gate.Gate }

// New makes Keys. Use gives it the gate before anything else is called.
func New() *Keys { return &Keys{} }

// Use gives it the gate.
func (s *Keys) Use(g *gate.Gate) { s.gate = g }

// At is where a request goes: a transit engine of an account.
type At struct {
	Account string
	Mount   *mount.Mount
	Path    string // of the request, under the namespace
}

func (a *At) ref() secret.Ref { return mount.Setting(a.Account, a.Path) }

// keyPrefix + UUID/NAME is the key of a Key.
const keyPrefix = "transit/"

func (a *At) key(name string) string { return keyPrefix + a.Mount.UUID + "/" + name }

// Forget removes all keys of an engine, in the transaction in which it goes.
func Forget(tx *gate.Tx, m *mount.Mount) error {
	for e, err := range tx.Scan(store.Prefix(keyPrefix + m.UUID + "/")) {
		if err == nil {
			err = tx.Delete(e.Key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// load opens a key; nil if there is none. Whoever gets it wipes it.
func load(tx *gate.Tx, at At, name string) (*Key, error) {
	sealed, err := tx.Get(at.key(name))
	if err != nil || sealed == nil {
		return nil, err
	}
	opened, err := tx.Open(at.key(name), sealed)
	if err != nil {
		return nil, err
	}
	defer opened.Wipe()
	return stored.Decode[Key](opened.Open())
}

func save(tx *gate.Tx, at At, k *Key) error {
	text, err := stored.Encode(k)
	if err != nil {
		return err
	}
	defer clear(text)
	return tx.Put(at.key(k.Name), text)
}

// ErrNoKey is in the chain of the fault of a key that is not there.
var ErrNoKey = errors.New("transit: no such key")

func errNoKey() error { return fault.Wrap(fault.Invalid, ErrNoKey, "encryption key not found") }

// use opens a key for an operation that does not change it.
func use[T any](ctx context.Context, s *Keys, who Caller, v secret.Verb, at At, name string, work func(*Key) (T, error)) (T, error) {
	return gate.Do(ctx, s.gate, who, v, at.ref(), func(tx *gate.Tx, _ secret.Ref) (T, error) {
		var none T
		k, err := load(tx, at, name)
		if err != nil {
			return none, err
		}
		if v == secret.EncryptData || v == secret.GenerateDataKey {
			if err := tx.MustWrite(k != nil); err != nil {
				return none, err
			}
		}
		if k == nil {
			return none, errNoKey()
		}
		defer k.wipe()
		return work(k)
	})
}

// change changes a key. It fails with Invalid if there is none.
func (s *Keys) change(ctx context.Context, who Caller, v secret.Verb, at At, name string, work func(*gate.Tx, *Key) error) (*Key, error) {
	return gate.Do(ctx, s.gate, who, v, at.ref(), func(tx *gate.Tx, _ secret.Ref) (*Key, error) {
		k, err := load(tx, at, name)
		if err != nil {
			return nil, err
		}
		if k == nil {
			return nil, fault.New(fault.Invalid, "no existing key named %s could be found", name)
		}
		defer k.wipe()
		if err := work(tx, k); err != nil {
			return nil, err
		}
		if err := save(tx, at, k); err != nil {
			return nil, err
		}
		return k.shown(), nil
	})
}

// shown is a key without what must not be shown.
func (k *Key) shown() *Key {
	c := *k
	c.Versions = slices.Clone(k.Versions)
	for i := range c.Versions {
		c.Versions[i].Secret, c.Versions[i].MAC = nil, nil
	}
	return &c
}

// CreateKey makes a key, unless there is one of the name. Of k the name, the type
// and the switches count. It fails with Invalid.
func (s *Keys) CreateKey(ctx context.Context, who Caller, at At, k Key) (*Key, error) {
	return gate.Do(ctx, s.gate, who, secret.CreateKey, at.ref(), func(tx *gate.Tx, _ secret.Ref) (*Key, error) {
		there, err := load(tx, at, k.Name)
		if err != nil {
			return nil, err
		}
		if err := tx.MustWrite(there != nil); err != nil {
			return nil, err
		}
		if there != nil {
			defer there.wipe()
			return there.shown(), nil
		}
		n := k
		if err := n.check(); err != nil {
			return nil, err
		}
		n.Versions, n.Latest, n.MinDecrypt = nil, 0, 1
		if err := n.rotate(secret.InstantOf(tx.Now())); err != nil {
			return nil, err
		}
		defer n.wipe()
		return n.shown(), save(tx, at, &n)
	})
}

func (k *Key) check() error {
	if k.Type == "" {
		k.Type = AES256
	}
	switch {
	case !k.Type.Encrypts() && !k.Type.Signs() && k.Type != HMAC:
		return fault.New(fault.Invalid, "unknown key type %q", k.Type)
	case k.Convergent && !k.Derived:
		return fault.New(fault.Invalid, "convergent encryption requires derivation to be enabled")
	case k.Derived && !k.Type.Derives():
		return fault.New(fault.Invalid, "key derivation and convergent encryption not supported for keys of type %s", k.Type)
	case k.AutoRotate != 0:
		return fault.New(fault.Invalid, "auto_rotate_period is not supported: rotate the key by its path")
	case k.Type == HMAC && k.Size == 0:
		k.Size = 32
	}
	if k.Type == HMAC && (k.Size < 32 || k.Size > 512) {
		return fault.New(fault.Invalid, "a key_size of an HMAC key is between 32 and 512 bytes")
	}
	return nil
}

// Read shows a key without its secrets. It fails with NotFound.
func (s *Keys) Read(ctx context.Context, who Caller, at At, name string) (*Key, error) {
	return gate.Do(ctx, s.gate, who, secret.ReadSetting, at.ref(), func(tx *gate.Tx, _ secret.Ref) (*Key, error) {
		k, err := load(tx, at, name)
		if err != nil {
			return nil, err
		}
		if k == nil {
			return nil, fault.New(fault.NotFound, "there is no such key")
		}
		defer k.wipe()
		return k.shown(), nil
	})
}

// ListKeys lists the names of keys.
func (s *Keys) ListKeys(ctx context.Context, who Caller, at At) ([]string, error) {
	return gate.Do(ctx, s.gate, who, secret.ListSettings, at.ref(), func(tx *gate.Tx, _ secret.Ref) (all []string, err error) {
		prefix := at.key("")
		for e, err := range tx.Scan(store.Prefix(prefix)) {
			if err != nil {
				return nil, err
			}
			all = append(all, e.Key[len(prefix):])
		}
		return all, nil
	})
}

// DeleteKey removes a key that was configured so that it may be. It fails with
// Invalid.
func (s *Keys) DeleteKey(ctx context.Context, who Caller, at At, name string) error {
	_, err := gate.Do(ctx, s.gate, who, secret.DeleteKey, at.ref(), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		k, err := load(tx, at, name)
		if err != nil {
			return struct{}{}, err
		}
		if k == nil {
			return struct{}{}, fault.New(fault.Invalid, "error deleting policy %s: could not delete key; not found", name)
		}
		defer k.wipe()
		if !k.Deletable {
			return struct{}{}, fault.New(fault.Invalid, "error deleting policy %s: deletion is not allowed for this key", name)
		}
		return struct{}{}, tx.Delete(at.key(name))
	})
	return err
}

// Configure changes a key as change does. It fails with Invalid.
func (s *Keys) Configure(ctx context.Context, who Caller, at At, name string, change func(*Key)) (*Key, error) {
	return s.change(ctx, who, secret.WriteSetting, at, name, func(_ *gate.Tx, k *Key) error {
		exportable, backup := k.Exportable, k.BackupPlain
		change(k)
		switch {
		case exportable && !k.Exportable || backup && !k.BackupPlain:
			return fault.New(fault.Invalid, "what may leave once, may leave for ever: exportable and allow_plaintext_backup cannot be taken back")
		case k.MinDecrypt < 1:
			k.MinDecrypt = 1
		}
		switch {
		case k.MinDecrypt > k.Latest:
			return fault.New(fault.Invalid, "cannot set min_decryption_version of %d, latest key version is %d", k.MinDecrypt, k.Latest)
		case k.MinDecrypt < k.MinKept:
			return fault.New(fault.Invalid, "versions before %d are gone", k.MinKept)
		case k.MinEncrypt < 0 || k.MinEncrypt > k.Latest:
			return fault.New(fault.Invalid, "cannot set min_encryption_version of %d, latest key version is %d", k.MinEncrypt, k.Latest)
		case k.MinEncrypt > 0 && k.MinEncrypt < k.MinDecrypt:
			return fault.New(fault.Invalid, "cannot set min_encryption_version of %d, it is below min_decryption_version of %d", k.MinEncrypt, k.MinDecrypt)
		}
		return k.check()
	})
}

// maxVersions bounds the versions of a key, which is one entry of the store.
const maxVersions = 1000

// RotateKey adds a version, which encrypts and signs from then on.
func (s *Keys) RotateKey(ctx context.Context, who Caller, at At, name string) (*Key, error) {
	return s.change(ctx, who, secret.RotateKey, at, name, func(tx *gate.Tx, k *Key) error {
		if len(k.Versions) >= maxVersions {
			return fault.New(fault.Limit, "the key has %d versions: trim it", maxVersions)
		}
		return k.rotate(secret.InstantOf(tx.Now()))
	})
}

// TrimKey removes the versions before one, for good. It fails with Invalid.
func (s *Keys) TrimKey(ctx context.Context, who Caller, at At, name string, least int) (*Key, error) {
	return s.change(ctx, who, secret.TrimKey, at, name, func(_ *gate.Tx, k *Key) error {
		switch {
		case least < 1 || least < k.MinKept:
			return fault.New(fault.Invalid, "minimum available version cannot be decremented or less than 1")
		case k.MinEncrypt == 0:
			return fault.New(fault.Invalid, "minimum available version cannot be set when minimum encryption version is not set")
		case least > k.MinDecrypt || least > k.MinEncrypt:
			return fault.New(fault.Invalid, "minimum available version cannot be higher than the minimum decryption and encryption versions")
		}
		k.MinKept = least
		k.Versions = slices.DeleteFunc(k.Versions, func(v Version) bool { return v.Number < least })
		return nil
	})
}

// Item is one part of a batch. Which members count depends on what is done.
type Item struct {
	Input      []byte // plaintext, or what is signed; wiped by whoever made it
	Ciphertext string // or a signature, or a keyed hash
	Context    []byte
	Associated []byte
	Version    int // zero for the latest
}

// Result is what became of one part. Whoever gets Plain wipes it.
type Result struct {
	Text    string // ciphertext, signature or keyed hash
	Plain   []byte
	Version int
	Valid   bool
	Err     error
}

// each does something with each part of a batch.
func (s *Keys) each(ctx context.Context, who Caller, v secret.Verb, at At, name string, items []Item, work func(*Key, *Item) Result) ([]Result, error) {
	return use(ctx, s, who, v, at, name, func(k *Key) ([]Result, error) {
		out := make([]Result, len(items))
		for i := range items {
			out[i] = work(k, &items[i])
		}
		return out, nil
	})
}

// EncryptData encrypts. It fails with Invalid if there is no key.
func (s *Keys) EncryptData(ctx context.Context, who Caller, at At, name string, items []Item) ([]Result, error) {
	return s.each(ctx, who, secret.EncryptData, at, name, items, func(k *Key, i *Item) (r Result) {
		r.Text, r.Version, r.Err = k.encrypt(i.Input, i.Context, i.Associated, i.Version)
		return r
	})
}

// DecryptData decrypts.
func (s *Keys) DecryptData(ctx context.Context, who Caller, at At, name string, items []Item) ([]Result, error) {
	return s.each(ctx, who, secret.DecryptData, at, name, items, func(k *Key, i *Item) (r Result) {
		r.Plain, r.Err = k.decrypt(i.Ciphertext, i.Context, i.Associated)
		return r
	})
}

// RewrapData encrypts anew, with the latest version, what an older one had, and
// shows nothing of it.
func (s *Keys) RewrapData(ctx context.Context, who Caller, at At, name string, items []Item) ([]Result, error) {
	return s.each(ctx, who, secret.RewrapData, at, name, items, func(k *Key, i *Item) (r Result) {
		open, err := k.decrypt(i.Ciphertext, i.Context, i.Associated)
		if err != nil {
			return Result{Err: err}
		}
		defer clear(open)
		r.Text, r.Version, r.Err = k.encrypt(open, i.Context, i.Associated, i.Version)
		return r
	})
}

// GenerateDataKey draws a key and gives it encrypted; and open too, if plaintext
// is asked for.
func (s *Keys) GenerateDataKey(ctx context.Context, who Caller, at At, name string, key plain.Value, item Item, plaintext bool) (Result, error) {
	return use(ctx, s, who, secret.GenerateDataKey, at, name, func(k *Key) (r Result, err error) {
		r.Text, r.Version, err = k.encrypt(key.Open(), item.Context, item.Associated, item.Version)
		if plaintext {
			r.Plain = append([]byte{}, key.Open()...)
		}
		return r, err
	})
}

// SignData signs.
func (s *Keys) SignData(ctx context.Context, who Caller, at At, name string, how Signing, items []Item) ([]Result, error) {
	return s.each(ctx, who, secret.SignData, at, name, items, func(k *Key, i *Item) (r Result) {
		r.Text, r.Version, r.Err = k.sign(i.Input, &how, i.Version)
		return r
	})
}

// VerifyData checks signatures.
func (s *Keys) VerifyData(ctx context.Context, who Caller, at At, name string, how Signing, items []Item) ([]Result, error) {
	return s.each(ctx, who, secret.VerifyData, at, name, items, func(k *Key, i *Item) (r Result) {
		r.Valid, r.Err = k.verify(i.Input, i.Ciphertext, &how)
		return r
	})
}

// MACData makes keyed hashes.
func (s *Keys) MACData(ctx context.Context, who Caller, at At, name, algorithm string, items []Item) ([]Result, error) {
	return s.each(ctx, who, secret.MACData, at, name, items, func(k *Key, i *Item) (r Result) {
		r.Text, r.Err = k.mac(i.Input, algorithm, i.Version)
		return r
	})
}

// VerifyMAC checks keyed hashes.
func (s *Keys) VerifyMAC(ctx context.Context, who Caller, at At, name, algorithm string, items []Item) ([]Result, error) {
	return s.each(ctx, who, secret.VerifyData, at, name, items, func(k *Key, i *Item) (r Result) {
		r.Valid, r.Err = k.verifyMAC(i.Input, i.Ciphertext, algorithm)
		return r
	})
}

// ExportKey gives versions of a key that may leave: all, or one of a number. It
// fails with Invalid.
func (s *Keys) ExportKey(ctx context.Context, who Caller, at At, name, what string, number int) (*Key, map[int]string, error) {
	type exported struct {
		key  *Key
		text map[int]string
	}
	out, err := use(ctx, s, who, secret.ExportKey, at, name, func(k *Key) (exported, error) {
		if !k.Exportable && what != "public-key" {
			return exported{}, fault.New(fault.Invalid, "private key material is not exportable")
		}
		all := map[int]string{}
		for i := range k.Versions {
			v := &k.Versions[i]
			if number != 0 && v.Number != number || v.Number < k.MinDecrypt {
				continue
			}
			var err error
			if all[v.Number], err = k.exported(v, what); err != nil {
				return exported{}, err
			}
		}
		if len(all) == 0 {
			return exported{}, fault.New(fault.Invalid, "version does not exist or cannot be found")
		}
		return exported{k.shown(), all}, nil
	})
	return out.key, out.text, err
}

// BackupKey gives a key with all its versions, in the clear, if it was
// configured so that it may leave. It fails with Invalid.
func (s *Keys) BackupKey(ctx context.Context, who Caller, at At, name string) (string, error) {
	return use(ctx, s, who, secret.BackupKey, at, name, func(k *Key) (string, error) {
		if !k.Exportable || !k.BackupPlain {
			return "", fault.New(fault.Invalid, "exporting is disallowed on the policy, or plaintext backup is")
		}
		text, err := stored.Encode(k)
		defer clear(text)
		return base64.StdEncoding.EncodeToString(text), err
	})
}

// RestoreKey takes a key from a backup, under its own name or another one. It
// fails with Invalid.
func (s *Keys) RestoreKey(ctx context.Context, who Caller, at At, name, backup string, force bool) error {
	_, err := gate.Do(ctx, s.gate, who, secret.RestoreKey, at.ref(), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		text, err := base64.StdEncoding.DecodeString(backup)
		if err != nil {
			return struct{}{}, fault.New(fault.Invalid, "the backup is no base64")
		}
		defer clear(text)
		k, err := stored.Decode[Key](text)
		if err != nil || k.check() != nil || len(k.Versions) == 0 || k.version(k.Latest) == nil || len(k.Versions) > maxVersions {
			return struct{}{}, fault.New(fault.Invalid, "the backup is none of this server's")
		}
		defer k.wipe()
		if name != "" {
			k.Name = name
		}
		there, err := load(tx, at, k.Name)
		if err != nil {
			return struct{}{}, err
		}
		if there != nil {
			defer there.wipe()
			if !force {
				return struct{}{}, fault.New(fault.Invalid, "key %q already exists", k.Name)
			}
		}
		return struct{}{}, save(tx, at, k)
	})
	return err
}
