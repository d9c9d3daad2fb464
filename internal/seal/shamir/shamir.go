// Package shamir is the seal whose key is split into shares: any threshold of
// them open the store, fewer say nothing about it (A. Shamir, How to share a
// secret, 1979).
package shamir

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/seal"
)

// Kind is the name of this seal.
const Kind = "shamir"

// MaxShares is how many shares a key can be split into.
const MaxShares = 255

// Seal is the seal of one shared key.
type Seal struct{ key plain.Value }

// Create draws a key and splits it. Each share is given to one keeper and is
// shown only once.
func Create(shares, threshold int) (*Seal, []plain.Value, error) {
	key := seal.NewRoot()
	split, err := Split(key.Open(), shares, threshold)
	if err != nil {
		return nil, nil, err
	}
	out := make([]plain.Value, len(split))
	for i, s := range split {
		out[i] = plain.New(base64.StdEncoding.AppendEncode(nil, s))
		clear(s)
	}
	return &Seal{key}, out, nil
}

// Open joins shares to the key. Whether it is the right one shows when it
// unwraps the root key.
func Open(shares []plain.Value) (*Seal, error) {
	raw := make([][]byte, len(shares))
	for i, s := range shares {
		b, err := Decode(s)
		if err != nil {
			return nil, fmt.Errorf("share %d is not a share of a seal", i+1)
		}
		raw[i] = b
	}
	key, err := Join(raw)
	if err != nil {
		return nil, err
	}
	return &Seal{plain.New(key)}, nil
}

// Decode reads a share, in base64 or in hexadecimal.
func Decode(share plain.Value) ([]byte, error) {
	text := strings.TrimSpace(string(share.Open()))
	b, err := base64.StdEncoding.DecodeString(text)
	if len(text) == 2*(seal.KeyLen+1) {
		b, err = hex.DecodeString(text)
	}
	if err != nil || len(b) != seal.KeyLen+1 {
		return nil, errors.New("shamir: that is not a share of a seal")
	}
	return b, nil
}

// Wrap implements seal.Seal.
func (s *Seal) Wrap(root plain.Value) ([]byte, error) { return seal.WrapWith(s.key, root) }

// Unwrap implements seal.Seal.
func (s *Seal) Unwrap(wrapped []byte) (plain.Value, error) { return seal.UnwrapWith(s.key, wrapped) }

// Split makes shares of the bytes: each as long as they and one byte more, the
// last, which says where on the curve it lies.
func Split(b []byte, shares, threshold int) ([][]byte, error) {
	switch {
	case threshold < 1 || threshold == 1 && shares != 1:
		return nil, errors.New("shamir: the threshold is at least 2, or 1 of one share")
	case shares < threshold:
		return nil, errors.New("shamir: there are fewer shares than the threshold needs")
	case shares > MaxShares:
		return nil, fmt.Errorf("shamir: there are at most %d shares", MaxShares)
	}
	out := make([][]byte, shares)
	for i := range out {
		out[i] = make([]byte, len(b)+1)
		out[i][len(b)] = byte(i + 1)
	}
	curve := make([]byte, threshold)
	defer clear(curve)
	for j, c := range b {
		_, _ = rand.Read(curve)
		curve[0] = c
		for i := range out {
			out[i][j] = evaluate(curve, byte(i+1))
		}
	}
	return out, nil
}

// Join finds the bytes from shares. Too few, or those of another key, give
// other bytes, not an error; two of the same place are an error.
func Join(shares [][]byte) ([]byte, error) {
	if len(shares) == 0 {
		return nil, errors.New("shamir: no shares")
	}
	n := len(shares[0]) - 1
	seen := [256]bool{}
	for _, s := range shares {
		if len(s) != n+1 || n < 1 || s[n] == 0 {
			return nil, errors.New("shamir: the shares are not of one key")
		}
		if seen[s[n]] {
			return nil, errors.New("shamir: a share was given twice")
		}
		seen[s[n]] = true
	}
	out := make([]byte, n)
	for i, s := range shares {
		weight := byte(1)
		for k, o := range shares {
			if k != i {
				weight = mul(weight, div(o[n], o[n]^s[n]))
			}
		}
		for j := range out {
			out[j] ^= mul(weight, s[j])
		}
	}
	return out, nil
}

// evaluate computes the polynomial at x, by Horner's rule.
func evaluate(curve []byte, x byte) byte {
	var y byte
	for i := len(curve) - 1; i >= 0; i-- {
		y = mul(y, x) ^ curve[i]
	}
	return y
}

// mul multiplies in GF(2^8) with the polynomial of AES, without tables or
// branches, so that its time says nothing about its arguments.
func mul(a, b byte) byte {
	var p byte
	for range 8 {
		p ^= -(b & 1) & a
		a = a<<1 ^ -(a>>7)&0x1b
		b >>= 1
	}
	return p
}

// div is a/b; b is not zero. b^254 is the inverse of b.
func div(a, b byte) byte {
	inverse := byte(1)
	for range 7 {
		b = mul(b, b)
		inverse = mul(inverse, b)
	}
	return mul(a, inverse)
}
