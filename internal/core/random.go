package core

import (
	"context"
	"crypto/rand"
	"math/big"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// PasswordRules say what a random password is made of.
type PasswordRules struct {
	Length        int
	Exclude       string // characters that must not appear
	NoLower       bool
	NoUpper       bool
	NoNumbers     bool
	NoPunctuation bool
	Space         bool
	EachType      bool // at least one of each type that is not excluded
}

// The types of characters.
const (
	lower       = "abcdefghijklmnopqrstuvwxyz"
	upper       = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits      = "0123456789"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)

// RandomPassword draws a password. It fails with Invalid if the rules leave
// nothing to draw from.
func (c *Core) RandomPassword(ctx context.Context, who Caller, s secret.Space, rules PasswordRules) (plain.Value, error) {
	return gate.Do(ctx, c.gate, who, secret.RandomPassword, secret.InSpace(s), func(*gate.Tx, secret.Ref) (plain.Value, error) {
		return rules.draw()
	})
}

func (r *PasswordRules) types() []string {
	var types []string
	for _, t := range []struct {
		chars string
		out   bool
	}{{lower, r.NoLower}, {upper, r.NoUpper}, {digits, r.NoNumbers}, {punctuation, r.NoPunctuation}, {" ", !r.Space}} {
		left := strings.Map(func(c rune) rune {
			if strings.ContainsRune(r.Exclude, c) {
				return -1
			}
			return c
		}, t.chars)
		if !t.out && left != "" {
			types = append(types, left)
		}
	}
	return types
}

func (r *PasswordRules) draw() (plain.Value, error) {
	types := r.types()
	if len(types) == 0 {
		return plain.Value{}, fault.New(fault.Invalid, "The password can't be generated because all character types are excluded.")
	}
	if r.EachType && r.Length < len(types) {
		return plain.Value{}, fault.New(fault.Invalid, "Password length is too short based on the required types.")
	}
	out := make([]byte, 0, r.Length)
	if r.EachType {
		for _, t := range types {
			out = append(out, t[below(len(t))])
		}
	}
	all := strings.Join(types, "")
	for len(out) < r.Length {
		out = append(out, all[below(len(all))])
	}
	for i := len(out) - 1; i > 0; i-- {
		j := below(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	return plain.New(out), nil
}

// below draws a number from 0 to n-1, all alike.
func below(n int) int {
	x, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return int(x.Int64())
}
