// Package token knows the tokens of Vault's protocol: who made them, what binds
// them and how long they work; and what hangs on one, its cubbyhole and answers
// that are wrapped in one.
//
// It reaches data only through the gate, and must not know the wire. A token is
// stored under a keyed hash and nowhere in the clear.
package token

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/mount"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/policy/hcl"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// Caller is who asks.
type Caller = gate.Caller

// Persona is what an entity is to the tokens that are its.
type Persona struct {
	Name     string
	Disabled bool
	Policies []string     // its own and those of its groups
	Facts    hcl.Identity // for templates in policies
}

// Entities knows entities; ok is false if there is none of that ID.
type Entities interface {
	Persona(tx *gate.Tx, account, id string) (p Persona, ok bool, err error)
}

// Tokens does the operations. It is safe for concurrent use.
type Tokens struct {
	gate      *gate.Gate
	directory *identity.Directory
	mounts    *mount.Mounts
	entities  Entities
	rows      *gate.Cache[*entry]
	roles     *gate.Cache[*Role]
}

// New makes Tokens. Use gives it the gate before anything else is called.
func New(d *identity.Directory, m *mount.Mounts, e Entities) *Tokens {
	return &Tokens{directory: d, mounts: m, entities: e, rows: gate.NewCache(decodeEntry), roles: gate.NewCache(stored.Decode[Role])}
}

// Use gives it the gate.
func (t *Tokens) Use(g *gate.Gate) { t.gate = g }

// The keys of the store. HASH is the keyed hash of a token, of which the token
// cannot be found.
//
//	token/HASH                  a Row
//	token-accessor/ACCOUNT/ACC  the hash of the token of an accessor
//	token-child/PARENT/HASH     index: the children of a token
//	token-due/TIME/HASH         index: when a token ends
//	token-gone/HASH             a token that ended, whose children and cubbyhole are still to be removed
//	token-role/ACCOUNT/NAME     a Role
//	cubbyhole/HASH/PATH         what a token keeps
const (
	rowPrefix      = "token/"
	accessorPrefix = "token-accessor/"
	childPrefix    = "token-child/"
	duePrefix      = "token-due/"
	gonePrefix     = "token-gone/"
	rolePrefix     = "token-role/"
	cubbyPrefix    = "cubbyhole/"
)

// Row is a token as it is stored. One that is shown is shared: not to be
// changed.
type Row struct {
	Account     string            `cbor:"1,keyasint"`
	Accessor    string            `cbor:"2,keyasint,omitempty"`
	Parent      string            `cbor:"3,keyasint,omitempty"` // the hash of the token that made it; none of an orphan
	Policies    []string          `cbor:"4,keyasint,omitempty"`
	Path        string            `cbor:"5,keyasint"` // of the request that made it
	Meta        map[string]string `cbor:"6,keyasint,omitempty"`
	DisplayName string            `cbor:"7,keyasint,omitempty"`
	Uses        int64             `cbor:"8,keyasint,omitempty"` // left; zero for any number, usedUp after the last
	Created     secret.Instant    `cbor:"9,keyasint"`
	TTL         int64             `cbor:"10,keyasint,omitempty"` // with which it was made, in seconds
	Expires     secret.Instant    `cbor:"11,keyasint,omitempty"` // zero for never
	Renewed     secret.Instant    `cbor:"12,keyasint,omitempty"`
	MaxTTL      int64             `cbor:"13,keyasint,omitempty"` // since Created; zero for the mount's
	ExplicitMax int64             `cbor:"14,keyasint,omitempty"`
	Period      int64             `cbor:"15,keyasint,omitempty"`
	Batch       bool              `cbor:"16,keyasint,omitempty"`
	Renewable   bool              `cbor:"17,keyasint,omitempty"`
	Entity      string            `cbor:"18,keyasint,omitempty"`
	Mount       string            `cbor:"19,keyasint,omitempty"` // accessor of the auth method that gave it
	Role        string            `cbor:"20,keyasint,omitempty"` // the token role that it was made by
	CIDRs       []string          `cbor:"21,keyasint,omitempty"`
	Orphan      bool              `cbor:"22,keyasint,omitempty"`
	Used        int64             `cbor:"23,keyasint,omitempty"` // the number of uses that it was made with
}

// usedUp are the Uses of a token at its last use.
const usedUp = -1

// entry is a decoded row, with what binds it.
type entry struct {
	Row
	changed string // the key that is written with each change of what binds it
	bound   atomic.Pointer[bound]
}

// held is a token that was found: its row, and the hash that it is under. A
// batch token has none. The zero held is no token.
type held struct {
	*entry
	hash string
}

// bound is what binds a token, as it was at the stamp.
type bound struct {
	stamp    identity.Stamp
	program  *policy.Program
	identity []string // policies that come of the entity
	caller   string   // how records name the token
}

func decodeEntry(opened []byte) (*entry, error) {
	r, err := stored.Decode[Row](opened)
	if err != nil {
		return nil, err
	}
	return &entry{Row: *r, changed: identity.ChangedKey(r.Account)}, nil
}

// The beginnings of tokens, by which people and scanners know them.
const (
	servicePrefix = "hvs."
	batchPrefix   = "hvb."
)

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// random draws n letters and digits.
func random(n int) string {
	out := make([]byte, 0, n)
	var b [64]byte
	for len(out) < n {
		_, _ = rand.Read(b[:])
		for _, x := range b {
			if x < 248 && len(out) < n { // 4 times 62: no letter is drawn more often than another
				out = append(out, alphabet[x%62])
			}
		}
	}
	return string(out)
}

// NewID draws a service token.
func NewID() string { return servicePrefix + random(28) }

// hashOf is the keyed hash under which a token is stored.
func hashOf(tx *gate.Tx, token string) string { return keyOf(tx, token)[len(rowPrefix):] }

// keyOf is the key of its row, which ends in the hash.
func keyOf(tx *gate.Tx, token string) string {
	var room [64]byte
	sum := tx.MAC("token", append(room[:0], token...))
	var key [len(rowPrefix) + 32]byte
	copy(key[:], rowPrefix)
	base64.RawURLEncoding.Encode(key[len(rowPrefix):], sum[:24])
	return string(key[:])
}

// load finds the row of a hash; the zero held if there is none.
func (t *Tokens) load(tx *gate.Tx, hash string) (held, error) { return t.loadKey(tx, rowPrefix+hash) }

func (t *Tokens) loadKey(tx *gate.Tx, key string) (held, error) {
	e, ok, err := t.rows.Load(tx, key)
	if err != nil || !ok {
		return held{}, err
	}
	return held{e, key[len(rowPrefix):]}, nil
}

// maxDepth bounds how long a line of children may be: each request of the last
// one asks for all of them.
const maxDepth = 32

// alive reports whether a token works: it has not ended, and neither has any of
// those that it comes from, nor the auth method that gave it.
func (t *Tokens) alive(tx *gate.Tx, h held) (bool, error) {
	now := secret.InstantOf(tx.Now())
	of := h
	for range maxDepth + 1 {
		if of.Uses == usedUp && of != h || of.ended(now) {
			return false, nil
		}
		if of.Mount != "" {
			table, err := t.mounts.Of(tx, of.Account)
			if err != nil || table.ByAccessor(of.Mount) == nil {
				return false, err
			}
		}
		if of.Parent == "" {
			return true, nil
		}
		var err error
		if of, err = t.load(tx, of.Parent); err != nil || of.entry == nil {
			return false, err
		}
	}
	return false, nil
}

func (r *Row) ended(now secret.Instant) bool { return !r.Expires.IsZero() && now >= r.Expires }

// TTLAt is how long the token goes on, in seconds; zero for ever.
func (r *Row) TTLAt(now time.Time) int64 {
	if r.Expires.IsZero() {
		return 0
	}
	return max(0, (int64(r.Expires)-now.UnixMilli()+999)/1000)
}

// IsRoot reports whether the token is a root token.
func (r *Row) IsRoot() bool { return slices.Contains(r.Policies, identity.RootPolicy) }

// find finds a token by its text, one that works; the zero held if there is
// none.
func (t *Tokens) find(tx *gate.Tx, text string) (h held, err error) {
	if strings.HasPrefix(text, batchPrefix) {
		h.entry, err = openBatch(tx, text)
	} else {
		h, err = t.loadKey(tx, keyOf(tx, text))
	}
	return t.working(tx, h, err)
}

// byAccessor finds a token that works by its accessor; the zero held if there
// is none.
func (t *Tokens) byAccessor(tx *gate.Tx, account, accessor string) (held, error) {
	key := accessorPrefix + account + "/" + accessor
	sealed, err := tx.Get(key)
	if err != nil || sealed == nil {
		return held{}, err
	}
	hash, err := tx.Open(key, sealed)
	if err != nil {
		return held{}, err
	}
	h, err := t.load(tx, string(hash.Open()))
	return t.working(tx, h, err)
}

// working gives h only if it works.
func (t *Tokens) working(tx *gate.Tx, h held, err error) (held, error) {
	if err != nil || h.entry == nil {
		return held{}, err
	}
	if ok, err := t.alive(tx, h); err != nil || !ok {
		return held{}, err
	}
	return h, nil
}

const batchName = "token/batch"

// openBatch opens a batch token; nil if it is none of ours.
func openBatch(tx *gate.Tx, text string) (*entry, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(text[len(batchPrefix):])
	if err != nil {
		return nil, nil
	}
	opened, err := tx.Open(batchName, sealed)
	if err != nil {
		return nil, nil
	}
	return decodeEntry(opened.Open())
}

// bind finds what binds a token.
func (t *Tokens) bind(tx *gate.Tx, e held) (*bound, error) {
	stamp, err := t.directory.StampAt(tx, e.changed)
	if err != nil {
		return nil, err
	}
	if b := e.bound.Load(); b != nil && b.stamp == stamp {
		return b, nil
	}
	b := &bound{stamp: stamp, caller: e.principal()}
	facts := hcl.Nobody
	if e.Entity != "" {
		p, ok, err := t.entities.Persona(tx, e.Account, e.Entity)
		if err != nil {
			return nil, err
		}
		if !ok || p.Disabled {
			return nil, notValid()
		}
		b.identity, facts = p.Policies, p.Facts
	}
	all := slices.Clone(e.Policies)
	for _, p := range b.identity {
		if p != identity.RootPolicy && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	if b.program, err = t.directory.Bind(tx, e.Account, all, facts); err != nil {
		return nil, err
	}
	e.bound.Store(b)
	return b, nil
}

// ErrBadToken is in the chain of the fault of a token that is none.
var ErrBadToken = errors.New("token: bad token")

func notValid() error {
	return fault.Wrap(fault.Unauthenticated, ErrBadToken, "permission denied")
}

func setting(account, at string) secret.Ref { return mount.Setting(account, at) }
