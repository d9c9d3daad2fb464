package hcl

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"

	"github.com/hashicorp/hcl"
	"github.com/hashicorp/hcl/hcl/ast"
)

// Password is a password policy: how long a password is, and how many characters
// of which sets it has at least.
// (https://developer.hashicorp.com/vault/docs/concepts/password-policies)
type Password struct {
	Length  int
	sets    []charset
	charset []rune // all of them together
}

type charset struct {
	chars []rune
	least int
}

// The bounds on a password policy.
const (
	minPassword   = 4
	maxPassword   = 1024
	maxCharacters = 1 << 12
)

// ParsePassword reads a password policy.
func ParsePassword(text string) (*Password, error) {
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	p := &Password{}
	for _, item := range root.Items {
		switch key := keyOf(item); key {
		case "length":
			if err := hcl.DecodeObject(&p.Length, item.Val); err != nil {
				return nil, errors.New("length is not a number")
			}
		case "rule":
			if err := p.readRule(item); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("invalid key %q on line %d", key, item.Pos().Line)
		}
	}
	return p, p.check()
}

func (p *Password) readRule(item *ast.ObjectItem) error {
	kind := ""
	if len(item.Keys) > 1 {
		kind, _ = item.Keys[1].Token.Value().(string)
	}
	if kind != "charset" {
		return fmt.Errorf("unrecognized rule type %q", kind)
	}
	var r struct {
		Charset string `hcl:"charset"`
		Least   int    `hcl:"min-chars"`
	}
	if err := hcl.DecodeObject(&r, item.Val); err != nil {
		return err
	}
	if r.Charset == "" || r.Least < 0 {
		return errors.New("a charset is not empty, and min-chars is not negative")
	}
	set := charset{least: r.Least}
	for _, c := range r.Charset {
		set.chars = appendOnce(set.chars, c)
		p.charset = appendOnce(p.charset, c)
	}
	if len(p.charset) > maxCharacters {
		return fmt.Errorf("more than %d different characters", maxCharacters)
	}
	p.sets = append(p.sets, set)
	return nil
}

func appendOnce(list []rune, c rune) []rune {
	for _, x := range list {
		if x == c {
			return list
		}
	}
	return append(list, c)
}

func (p *Password) check() error {
	least := 0
	for _, s := range p.sets {
		least += s.least
	}
	switch {
	case p.Length < minPassword || p.Length > maxPassword:
		return fmt.Errorf("length must be between %d and %d", minPassword, maxPassword)
	case len(p.sets) == 0:
		return errors.New("at least one rule with a charset is needed")
	case least > p.Length:
		return errors.New("the rules want more characters than the length allows")
	}
	return nil
}

// Generate draws a password: first the characters that each rule wants, then any
// of all, and then their places.
func (p *Password) Generate() []byte {
	var out []rune
	for _, s := range p.sets {
		for range s.least {
			out = append(out, s.chars[below(len(s.chars))])
		}
	}
	for len(out) < p.Length {
		out = append(out, p.charset[below(len(p.charset))])
	}
	for i := len(out) - 1; i > 0; i-- {
		j := below(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	text := []byte(string(out))
	clear(out)
	return text
}

// below draws a number less than n.
func below(n int) int {
	x, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil { // it cannot fail
		panic(err)
	}
	return int(x.Int64())
}
