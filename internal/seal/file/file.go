// Package file is the seal that keeps its key in a file: the server starts by
// itself, and whoever has the file and the store has everything.
package file

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/seal"
)

// Kind is the name of this seal.
const Kind = "file"

const prefix = "strongroom-seal-key-1:"

// Seal is the seal of one key file.
type Seal struct{ key plain.Value }

// Create draws a key and writes it to a new file that only its owner reads.
func Create(path string) (*Seal, error) {
	key := seal.NewRoot()
	text := append(base64.StdEncoding.AppendEncode([]byte(prefix), key.Open()), '\n')
	defer clear(text)
	if err := seal.WriteNew(path, text); err != nil {
		return nil, err
	}
	return &Seal{key}, nil
}

// Open reads the key file. It refuses one that others can read.
func Open(path string) (*Seal, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("the seal's key file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the seal's key file %s can be read by others (mode %04o): chmod 600 it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	body, ok := strings.CutPrefix(strings.TrimSpace(string(text)), prefix)
	key, err := base64.StdEncoding.DecodeString(body)
	if !ok || err != nil || len(key) != seal.KeyLen {
		return nil, fmt.Errorf("%s is not the key file of a seal", path)
	}
	return &Seal{plain.New(key)}, nil
}

// Wrap implements seal.Seal.
func (s *Seal) Wrap(root plain.Value) ([]byte, error) { return seal.WrapWith(s.key, root) }

// Unwrap implements seal.Seal.
func (s *Seal) Unwrap(wrapped []byte) (plain.Value, error) { return seal.UnwrapWith(s.key, wrapped) }
