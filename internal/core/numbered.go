package core

import (
	"context"
	"errors"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// The operations here name versions by their numbers, and know versions that
// are deleted and can be taken back, as Vault's KV engine has them. They are
// done to the same secrets as all others.

// ReadVersionInput asks for one version: that of the number, or the current one
// if it is zero.
type ReadVersionInput struct {
	Ref    secret.Ref
	Number uint64
	Verb   secret.Verb // ReadSubkeys; GetValue if zero
}

// ReadVersion opens a version. One that shows no value, for it is deleted or
// destroyed or its secret is marked for deletion, is given without. It fails
// with NotFound where there is no such version.
func (c *Core) ReadVersion(ctx context.Context, who Caller, in ReadVersionInput) (Numbered, error) {
	if in.Verb == 0 {
		in.Verb = secret.GetValue
	}
	done := c.swaps.swap(in.Ref)
	out, err := c.readVersion(ctx, who, in)
	if err == nil && in.Number == 0 && done != nil && wait(ctx, done) {
		out.Content.Value.Wipe()
		return c.readVersion(ctx, who, in)
	}
	return out, err
}

// Numbered is a version with its secret, and its value if it shows one. Whoever
// gets it wipes the value.
type Numbered struct {
	Ref     secret.Ref
	Secret  *secret.Secret // shared: not to be changed
	Version secret.Version
	Content Content
}

func (c *Core) readVersion(ctx context.Context, who Caller, in ReadVersionInput) (Numbered, error) {
	return gate.Do(ctx, c.gate, who, in.Verb, in.Ref, func(tx *gate.Tx, ref secret.Ref) (Numbered, error) {
		sec := tx.Subject()
		if sec == nil {
			return Numbered{}, noSecret()
		}
		v := numbered(sec, in.Number)
		if v == nil {
			return Numbered{}, noVersion()
		}
		out := Numbered{Ref: ref, Secret: sec, Version: *v}
		if sec.IsDeleted() {
			out.Version.Deleted = sec.Deleted
			return out, nil
		}
		if !v.Shows(secret.InstantOf(tx.Now())) {
			return out, nil
		}
		value, err := c.valueOf(tx, ref.Space, sec, v)
		if err != nil {
			return Numbered{}, err
		}
		tx.Saw(v.ID, value)
		c.noteAccess(tx, ref.Space, sec, v)
		out.Content = Content{value, v.Form}
		return out, nil
	})
}

// numbered is the version of a number, the current one for zero; nil if there
// is none.
func numbered(sec *secret.Secret, number uint64) *secret.Version {
	if number == 0 {
		return sec.At(secret.Current)
	}
	return sec.ByNumber(number)
}

func noVersion() error {
	return fault.New(fault.NotFound, "There is no such version.")
}

// The errors of writes that name the version that they follow.
var (
	ErrCASRequired = errors.New("core: the write has to name the version that it follows")
	ErrCASMismatch = errors.New("core: another version is the current one")
)

// WriteVersionInput is a new current version.
type WriteVersionInput struct {
	Ref   secret.Ref
	Token string // its ID
	// Follows, if not nil, is the number of the version that must be the current
	// one; zero if there must be none.
	Follows *uint64
	Content Content
	// Text and Binary, if they hold a value, are written in place of Content
	// where the current version is text that is no JSON object, or binary:
	// Content is then just the form in which such values are shown.
	Text, Binary Content
	Keep         int64 // how many versions are kept at most, if nothing else is said
}

// WriteVersion adds a version, and makes the secret if there is none, which
// wants the right to do that besides. It fails with Conflict or Invalid if it
// does not follow what it should, Deleted, or Limit.
func (c *Core) WriteVersion(ctx context.Context, who Caller, in WriteVersionInput) (Numbered, error) {
	return gate.Do(ctx, c.gate, who, secret.PutValue, in.Ref, func(tx *gate.Tx, ref secret.Ref) (Numbered, error) {
		old := tx.Subject()
		if old == nil {
			if err := checkName(ref.Name); err != nil {
				return Numbered{}, err
			}
			ref.Suffix = NewSuffix()
			if err := tx.Must(secret.CreateSecret, gate.Found{Ref: ref}); err != nil {
				return Numbered{}, err
			}
		}
		sec, err := writable(tx, ref)
		if err != nil {
			return Numbered{}, err
		}
		content, err := c.shaped(tx, ref.Space, sec, &in)
		if err != nil {
			return Numbered{}, err
		}
		return c.writeVersion(tx, ref, old, sec, in, content)
	})
}

// writable is a copy of the operation's secret, or a new one.
func writable(tx *gate.Tx, ref secret.Ref) (*secret.Secret, error) {
	old := tx.Subject()
	if old == nil {
		now := secret.InstantOf(tx.Now())
		return &secret.Secret{Name: ref.Name, Suffix: ref.Suffix, Created: now, Changed: now}, nil
	}
	if _, err := live(tx); err != nil {
		return nil, err
	}
	return old.Clone(), nil
}

// shaped is what is to be written.
func (c *Core) shaped(tx *gate.Tx, s secret.Space, sec *secret.Secret, in *WriteVersionInput) (Content, error) {
	v := sec.At(secret.Current)
	switch {
	case v == nil:
	case in.Binary.Form != secret.NoValue && v.Form == secret.Binary:
		return in.Binary, nil
	case in.Text.Form != secret.NoValue && v.Form == secret.Text:
		value, err := c.valueOf(tx, s, sec, v)
		if err != nil {
			return Content{}, err
		}
		defer value.Wipe()
		if !IsObject(value) {
			return in.Text, nil
		}
	}
	return in.Content, nil
}

// IsObject reports whether a value is text that begins as a JSON object: what
// Vault's protocol shows as it is. Nothing else begins so that is written
// through it.
func IsObject(v plain.Value) bool {
	for _, b := range v.Open() {
		switch b {
		case ' ', '\t', '\r', '\n':
			continue
		case '{':
			return true
		}
		return false
	}
	return false
}

func (c *Core) writeVersion(tx *gate.Tx, ref secret.Ref, old, sec *secret.Secret, in WriteVersionInput, content Content) (Numbered, error) {
	if content.Value.Len() > MaxValue {
		return Numbered{}, fault.New(fault.TooLarge, "a value is at most %d bytes long", MaxValue)
	}
	keep, err := c.keeping(tx, ref.Space, sec)
	if err != nil {
		return Numbered{}, err
	}
	current := uint64(0)
	if v := sec.At(secret.Current); v != nil {
		current = v.Number
	}
	switch {
	case in.Follows == nil && keep.MustCAS:
		return Numbered{}, fault.Wrap(fault.Invalid, ErrCASRequired, "check-and-set parameter required for this call")
	case in.Follows != nil && *in.Follows != current:
		return Numbered{}, fault.Wrap(fault.Conflict, ErrCASMismatch, "check-and-set parameter did not match the current version")
	}
	v, err := c.addVersion(tx, ref.Space, sec, in.Token, content, []string{secret.Current})
	if err != nil {
		return Numbered{}, err
	}
	added := *v
	if keep.MaxVersions == 0 && in.Keep > 0 {
		if err := c.removeValues(tx, ref.Space, sec, sec.Trim(in.Keep)); err != nil {
			return Numbered{}, err
		}
	}
	return Numbered{Ref: ref, Secret: sec, Version: added}, c.save(tx, ref.Space, old, sec)
}

// Merge makes the value that follows another. It fails with Invalid.
type Merge func(current Content) (Content, error)

// PatchVersion adds a version that merge makes of the current one. It fails
// with NotFound where none shows a value, and as WriteVersion does.
func (c *Core) PatchVersion(ctx context.Context, who Caller, in WriteVersionInput, merge Merge) (Numbered, error) {
	return gate.Do(ctx, c.gate, who, secret.PatchValue, in.Ref, func(tx *gate.Tx, ref secret.Ref) (Numbered, error) {
		old, err := live(tx)
		if err != nil {
			return Numbered{}, err
		}
		v := old.At(secret.Current)
		if v == nil || !v.Shows(secret.InstantOf(tx.Now())) {
			return Numbered{}, noVersion()
		}
		value, err := c.valueOf(tx, ref.Space, old, v)
		if err != nil {
			return Numbered{}, err
		}
		defer value.Wipe()
		content, err := merge(Content{value, v.Form})
		if err != nil {
			return Numbered{}, err
		}
		defer content.Value.Wipe()
		return c.writeVersion(tx, ref, old, old.Clone(), in, content)
	})
}

// checkName refuses names that a secret cannot have.
func checkName(name string) error {
	if name == "" || isValue(name) {
		return fault.New(fault.Invalid, "A secret's name is not empty and holds no NUL.")
	}
	if len(name) > maxName {
		return fault.New(fault.Invalid, "A secret's name is at most %d bytes long.", maxName)
	}
	return nil
}

// maxName is the longest name.
const maxName = 512

// DeleteVersions has versions show their values no more, until they are taken
// back. Versions that are not there are no error. It fails with NotFound if there is no secret.
func (c *Core) DeleteVersions(ctx context.Context, who Caller, ref secret.Ref, numbers []uint64) error {
	return c.eachVersion(ctx, who, secret.DeleteVersions, ref, numbers, markDeleted)
}

// DeleteLatest is DeleteVersions of the current version, which is a right of its
// own.
func (c *Core) DeleteLatest(ctx context.Context, who Caller, ref secret.Ref) error {
	return c.eachVersion(ctx, who, secret.DeleteLatest, ref, nil, markDeleted)
}

func markDeleted(tx *gate.Tx, _ secret.Space, _ *secret.Secret, v *secret.Version) error {
	if now := secret.InstantOf(tx.Now()); !v.Destroyed && (v.Deleted.IsZero() || v.Deleted > now) {
		v.Deleted = now
	}
	return nil
}

// UndeleteVersions takes back what DeleteVersions did.
func (c *Core) UndeleteVersions(ctx context.Context, who Caller, ref secret.Ref, numbers []uint64) error {
	return c.eachVersion(ctx, who, secret.UndeleteVersions, ref, numbers, func(_ *gate.Tx, _ secret.Space, _ *secret.Secret, v *secret.Version) error {
		if !v.Destroyed {
			v.Deleted = 0
		}
		return nil
	})
}

// DestroyVersions removes values for good; that the versions were there can
// still be seen.
func (c *Core) DestroyVersions(ctx context.Context, who Caller, ref secret.Ref, numbers []uint64) error {
	return c.eachVersion(ctx, who, secret.DestroyVersions, ref, numbers, func(tx *gate.Tx, s secret.Space, sec *secret.Secret, v *secret.Version) error {
		if v.Destroyed {
			return nil
		}
		v.Destroyed, v.Form = true, secret.NoValue
		return tx.Delete(valueKey(s, sec, v.Number))
	})
}

func (c *Core) eachVersion(ctx context.Context, who Caller, verb secret.Verb, ref secret.Ref, numbers []uint64, change func(*gate.Tx, secret.Space, *secret.Secret, *secret.Version) error) error {
	_, err := gate.Do(ctx, c.gate, who, verb, ref, func(tx *gate.Tx, ref secret.Ref) (struct{}, error) {
		old, err := live(tx)
		if err != nil {
			return struct{}{}, err
		}
		sec := old.Clone()
		if len(numbers) == 0 {
			numbers = []uint64{0}
		}
		for _, n := range numbers {
			v := numbered(sec, n)
			if v == nil {
				continue
			}
			if err := change(tx, ref.Space, sec, v); err != nil {
				return struct{}{}, err
			}
		}
		sec.Changed = secret.InstantOf(tx.Now())
		return struct{}{}, c.save(tx, ref.Space, old, sec)
	})
	return err
}

// UpdateMetadata changes how a secret's versions are kept and its tags, and
// makes the secret, without a version, if there is none. change gets a copy,
// and must change nothing else.
func (c *Core) UpdateMetadata(ctx context.Context, who Caller, ref secret.Ref, mustExist bool, change func(*secret.Secret) error) error {
	_, err := gate.Do(ctx, c.gate, who, secret.UpdateMetadata, ref, func(tx *gate.Tx, ref secret.Ref) (struct{}, error) {
		old := tx.Subject()
		if old == nil {
			if mustExist {
				return struct{}{}, noSecret()
			}
			if err := checkName(ref.Name); err != nil {
				return struct{}{}, err
			}
			ref.Suffix = NewSuffix()
		}
		sec, err := writable(tx, ref)
		if err != nil {
			return struct{}{}, err
		}
		if err := change(sec); err != nil {
			return struct{}{}, err
		}
		if err := checkTags(sec); err != nil {
			return struct{}{}, err
		}
		sec.Changed = secret.InstantOf(tx.Now())
		return struct{}{}, c.save(tx, ref.Space, old, sec)
	})
	return err
}

func keepingKey(s secret.Space) string { return "keeping/" + s.Account + "/" + s.Region }

// keeping is how the versions of a secret are kept.
func (c *Core) keeping(tx *gate.Tx, s secret.Space, sec *secret.Secret) (secret.Keeping, error) {
	space, _, err := c.rows.keeping.Load(tx, keepingKey(s))
	return sec.Keeping.Over(space), damaged(err)
}

// settingOf is the ref of what is at a path of Vault's.
func settingOf(account, at string) secret.Ref {
	return secret.Ref{Space: secret.Space{Account: account}, Kind: secret.KindPath, Name: at}
}

// GetKeeping shows how the versions of a space are kept. at is the path of the
// request.
func (c *Core) GetKeeping(ctx context.Context, who Caller, at string, s secret.Space) (secret.Keeping, error) {
	return gate.Do(ctx, c.gate, who, secret.ReadSetting, settingOf(s.Account, at), func(tx *gate.Tx, _ secret.Ref) (secret.Keeping, error) {
		k, ok, err := c.rows.keeping.Load(tx, keepingKey(s))
		if err != nil || !ok {
			return secret.Keeping{}, damaged(err)
		}
		return *k, nil
	})
}

// SetKeeping changes it.
func (c *Core) SetKeeping(ctx context.Context, who Caller, at string, s secret.Space, change func(*secret.Keeping) error) error {
	_, err := gate.Do(ctx, c.gate, who, secret.WriteSetting, settingOf(s.Account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		var k secret.Keeping
		old, ok, err := c.rows.keeping.Load(tx, keepingKey(s))
		if err != nil {
			return struct{}{}, damaged(err)
		}
		if ok {
			k = *old
		}
		if err := change(&k); err != nil {
			return struct{}{}, err
		}
		text, err := stored.Encode(&k)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, tx.Put(keepingKey(s), text)
	})
	return err
}
