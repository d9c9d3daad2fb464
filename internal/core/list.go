package core

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// Described is all there is to say of a secret but its values.
type Described struct {
	Ref    secret.Ref
	Secret *secret.Secret // shared: not to be changed
}

// DescribeSecret shows a secret, also one that is marked for deletion. It
// fails with NotFound.
func (c *Core) DescribeSecret(ctx context.Context, who Caller, ref secret.Ref) (Described, error) {
	return gate.Do(ctx, c.gate, who, secret.DescribeSecret, ref, func(tx *gate.Tx, ref secret.Ref) (Described, error) {
		sec := tx.Subject()
		if sec == nil {
			return Described{}, noSecret()
		}
		return Described{ref, c.withAccess(ref.Space, sec)}, nil
	})
}

// ListVersionsInput asks for a page of a secret's versions, the oldest first.
type ListVersionsInput struct {
	Ref        secret.Ref
	Deprecated bool // also those without labels
	Max        int
	After      uint64 // the number of the last version of the page before
}

// VersionPage is a page of versions; Next is 0 on the last one.
type VersionPage struct {
	Described
	Versions []secret.Version
	Next     uint64
}

// ListVersions lists versions. It fails with NotFound.
func (c *Core) ListVersions(ctx context.Context, who Caller, in ListVersionsInput) (VersionPage, error) {
	return gate.Do(ctx, c.gate, who, secret.ListVersions, in.Ref, func(tx *gate.Tx, ref secret.Ref) (VersionPage, error) {
		if tx.Subject() == nil {
			return VersionPage{}, noSecret()
		}
		page := VersionPage{Described: Described{ref, c.withAccess(ref.Space, tx.Subject())}}
		for _, v := range page.Secret.Versions {
			if v.Number <= in.After || (len(v.Labels) == 0 && !in.Deprecated) {
				continue
			}
			if len(page.Versions) == in.Max {
				page.Next = page.Versions[in.Max-1].Number
				break
			}
			page.Versions = append(page.Versions, v)
		}
		return page, nil
	})
}

// Order is what a list is sorted by.
type Order uint8

// The orders.
const (
	ByCreated Order = iota
	ByName
	ByChanged
	ByAccessed
)

// ListSecretsInput asks for a page of a space's secrets.
type ListSecretsInput struct {
	Space   secret.Space
	Filters []Filter // all must match
	Deleted bool     // also those that are marked for deletion
	Order   Order
	Reverse bool
	Max     int
	After   string // the Next of the page before
}

// SecretPage is a page of secrets; Next is empty on the last one.
type SecretPage struct {
	Secrets []*secret.Secret // shared: not to be changed
	Next    string
}

// ListSecrets lists the secrets that the caller may list. A page may be short,
// even empty, before the last.
func (c *Core) ListSecrets(ctx context.Context, who Caller, in ListSecretsInput) (SecretPage, error) {
	return gate.Do(ctx, c.gate, who, secret.ListSecrets, secret.InSpace(in.Space), func(tx *gate.Tx, _ secret.Ref) (SecretPage, error) {
		return c.list(tx, in)
	})
}

// perPage bounds how many rows one page may look at, so that a filter that
// matches little costs no more than one that matches much.
const perPage = 20000

// nextMark is what the mark between two pages is sealed as: it names a secret
// that the caller may not be allowed to see.
const nextMark = "list/next"

// openMark reads the mark that a page ended with.
func openMark(tx *gate.Tx, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return "", errBadMark()
	}
	opened, err := tx.Open(nextMark, sealed)
	if err != nil {
		return "", errBadMark()
	}
	defer opened.Wipe()
	return string(opened.Open()), nil
}

// ErrBadMark is in the chain of the fault of a mark that is none.
var ErrBadMark = errors.New("core: not the mark of a page")

func errBadMark() error {
	return fault.Wrap(fault.Invalid, ErrBadMark, "The NextToken value is invalid.")
}

func (c *Core) list(tx *gate.Tx, in ListSecretsInput) (SecretPage, error) {
	page := SecretPage{}
	var err error
	if in.After, err = openMark(tx, in.After); err != nil {
		return page, err
	}
	seen := 0
	last := ""
	for row, err := range c.ordered(tx, in) {
		if err != nil {
			return SecretPage{}, err
		}
		if len(page.Secrets) == in.Max || seen == perPage {
			page.Next = base64.RawURLEncoding.EncodeToString(tx.Seal(nextMark, []byte(last)))
			return page, nil
		}
		seen++
		last = row.key
		if in.shows(tx, row.secret) {
			page.Secrets = append(page.Secrets, c.withAccess(in.Space, row.secret))
		}
	}
	return page, nil
}

func (in *ListSecretsInput) shows(tx *gate.Tx, sec *secret.Secret) bool {
	if sec.IsDeleted() && !in.Deleted {
		return false
	}
	for i := range in.Filters {
		if !in.Filters[i].match(in.Space, sec) {
			return false
		}
	}
	// Listing is not asked of a secret's own policy.
	return tx.May(secret.ListSecrets, gate.Found{Ref: RefOf(in.Space, sec), Secret: sec})
}

// row is a secret and its place in the order.
type row struct {
	key    string
	secret *secret.Secret
}

// ordered walks the secrets behind in.After.
func (c *Core) ordered(tx *gate.Tx, in ListSecretsInput) iter.Seq2[row, error] {
	switch in.Order {
	case ByName:
		return c.walk(tx, in, secretPrefix+spaceKey(in.Space)+in.namePrefix(), func(e store.Entry) (*secret.Secret, error) {
			return c.peek(tx, e.Key, e.Value)
		})
	case ByCreated:
		prefix := createdPrefix + spaceKey(in.Space)
		return c.walk(tx, in, prefix, func(e store.Entry) (*secret.Secret, error) {
			_, name, _ := strings.Cut(e.Key[len(prefix):], "/")
			key := secretKey(in.Space, name)
			sealed, err := tx.Get(key)
			if err != nil {
				return nil, err
			}
			return c.peek(tx, key, sealed)
		})
	}
	return c.sorted(tx, in)
}

// namePrefix narrows a walk by name to what a filter on the name allows.
func (in *ListSecretsInput) namePrefix() string {
	for _, f := range in.Filters {
		if f.Key == FilterName && len(f.Values) == 1 && !strings.HasPrefix(f.Values[0], "!") {
			return f.Values[0]
		}
	}
	return ""
}

// peek decodes a row without keeping it: a walk would empty the cache.
func (c *Core) peek(tx *gate.Tx, key string, sealed []byte) (*secret.Secret, error) {
	opened, err := tx.Open(key, sealed)
	if err != nil {
		return nil, damaged(err)
	}
	return stored.Decode[secret.Secret](opened.Open())
}

func (c *Core) walk(tx *gate.Tx, in ListSecretsInput, prefix string, load func(store.Entry) (*secret.Secret, error)) iter.Seq2[row, error] {
	r := store.Prefix(prefix)
	r.Reverse = in.Reverse
	switch {
	case in.After != "" && in.Reverse:
		r.To = min(in.After, r.To)
	case in.After != "":
		r.From = max(in.After+"\x00", r.From)
	}
	return func(yield func(row, error) bool) {
		for e, err := range tx.Scan(r) {
			if err == nil && isValue(e.Key) {
				continue
			}
			var sec *secret.Secret
			if err == nil {
				sec, err = load(e)
			}
			if !yield(row{e.Key, sec}, err) || err != nil {
				return
			}
		}
	}
}

// sorted walks by a time that has no index: it looks at every secret first.
func (c *Core) sorted(tx *gate.Tx, in ListSecretsInput) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		byName := ListSecretsInput{Space: in.Space, Order: ByName, Filters: in.Filters}
		var rows []row
		for r, err := range c.ordered(tx, byName) {
			if err != nil {
				yield(row{}, err)
				return
			}
			if !in.shows(tx, r.secret) {
				continue
			}
			r.secret = c.withAccess(in.Space, r.secret)
			at := r.secret.Changed
			if in.Order == ByAccessed {
				at = r.secret.Accessed
			}
			r.key = timeKey(at) + "/" + r.secret.Name
			if in.After == "" || (r.key > in.After) != in.Reverse && r.key != in.After {
				rows = append(rows, r)
			}
		}
		slices.SortFunc(rows, func(a, b row) int {
			if in.Reverse {
				a, b = b, a
			}
			return cmp.Compare(a.key, b.key)
		})
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}
