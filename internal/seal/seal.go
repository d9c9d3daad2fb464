// Package seal is the port to whatever protects the root key at rest. A seal
// wraps the root key; what comes out is kept beside the store.
//
// It must not know the store or the keyring.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/strongroom-dev/strongroom/internal/plain"
)

// KeyLen is the length of the root key and of the keys that wrap it.
const KeyLen = 32

// Seal wraps and unwraps the root key. Implementations are safe for
// concurrent use.
type Seal interface {
	// Wrap seals the root key so that only this seal opens it.
	Wrap(root plain.Value) ([]byte, error)
	// Unwrap opens what Wrap made; the caller wipes it. It fails with
	// ErrWrongKey.
	Unwrap(wrapped []byte) (plain.Value, error)
}

// ErrWrongKey says that a seal is not the one that wrapped the root key.
var ErrWrongKey = errors.New("seal: this key does not open the store")

// NewRoot draws a root key.
func NewRoot() plain.Value { return plain.New(random(KeyLen)) }

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// Config is what is kept beside the store: which seal, and the wrapped root
// key. Nothing in it is of use without the seal.
type Config struct {
	Kind      string `json:"kind"`                // "file" or "shamir"
	Wrapped   []byte `json:"wrapped"`             // the root key, sealed
	Shares    int    `json:"shares,omitempty"`    // shamir: how many were given out
	Threshold int    `json:"threshold,omitempty"` // shamir: how many open the store
}

// Load reads a Config from a file.
func Load(path string) (Config, error) {
	var c Config
	text, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("seal: %s is damaged: %w", path, err)
	}
	return c, nil
}

// Save writes a Config to a new file, durably; it refuses to replace one.
func (c Config) Save(path string) error {
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return WriteNew(path, append(text, '\n'))
}

// WriteNew writes a file that only its owner reads, durably; it refuses to
// replace one.
func WriteNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

var bound = []byte("strongroom root key")

func aead(key plain.Value) (cipher.AEAD, error) {
	if key.Len() != KeyLen {
		return nil, ErrWrongKey
	}
	block, err := aes.NewCipher(key.Open())
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// WrapWith wraps the root key with a key of KeyLen bytes.
func WrapWith(key, root plain.Value) ([]byte, error) {
	a, err := aead(key)
	if err != nil {
		return nil, err
	}
	return a.Seal(nil, nil, root.Open(), bound), nil
}

// UnwrapWith undoes WrapWith. It fails with ErrWrongKey.
func UnwrapWith(key plain.Value, wrapped []byte) (plain.Value, error) {
	a, err := aead(key)
	if err != nil {
		return plain.Value{}, err
	}
	root, err := a.Open(nil, nil, wrapped, bound)
	if err != nil {
		return plain.Value{}, ErrWrongKey
	}
	return plain.New(root), nil
}
