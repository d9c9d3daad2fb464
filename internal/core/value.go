package core

import (
	"context"
	"crypto/rand"

	"github.com/strongroom-dev/strongroom/internal/audit"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// Content is a value and its form; the zero Content is none.
type Content struct {
	Value plain.Value
	Form  secret.Form
}

// MaxValue is the longest value, in bytes.
const MaxValue = 65536

// GetValueInput asks for one version of a secret: that of the ID, or of the
// label, or, if both are empty, the current one.
type GetValueInput struct {
	Ref       secret.Ref
	VersionID string
	Label     string
}

// Opened is a version with its value. Whoever gets it wipes the value.
type Opened struct {
	Ref     secret.Ref
	Version secret.Version // shared: not to be changed
	Content Content
}

// GetValue opens a version. It fails with NotFound, Deleted, or Conflict if
// the version of that ID has not that label. The current version of a secret
// whose password is being changed just now is read again when that is done.
func (c *Core) GetValue(ctx context.Context, who Caller, in GetValueInput) (Opened, error) {
	done := c.swaps.swap(in.Ref) // asked before the read: it may end while that is recorded
	opened, err := c.getValue(ctx, who, in)
	if err != nil || in.VersionID != "" || in.Label != "" && in.Label != secret.Current {
		return opened, err
	}
	if done == nil {
		done = c.swaps.swap(opened.Ref)
	}
	if done != nil && wait(ctx, done) {
		opened.Content.Value.Wipe()
		return c.getValue(ctx, who, in)
	}
	return opened, nil
}

func (c *Core) getValue(ctx context.Context, who Caller, in GetValueInput) (Opened, error) {
	who.Given = givenVersion(in.VersionID, in.Label)
	return gate.Do(ctx, c.gate, who, secret.GetValue, in.Ref, func(tx *gate.Tx, ref secret.Ref) (Opened, error) {
		return c.open(tx, ref, tx.Subject(), in.VersionID, in.Label)
	})
}

func (c *Core) open(tx *gate.Tx, ref secret.Ref, sec *secret.Secret, id, label string) (Opened, error) {
	if sec == nil {
		return Opened{}, noSecret()
	}
	if sec.IsDeleted() {
		return Opened{}, markedDeleted()
	}
	v, err := pick(sec, id, label, secret.InstantOf(tx.Now()))
	if err != nil {
		return Opened{}, err
	}
	value, err := c.valueOf(tx, ref.Space, sec, v)
	if err != nil {
		return Opened{}, err
	}
	tx.Saw(v.ID, value)
	c.noteAccess(tx, ref.Space, sec, v)
	return Opened{Ref: ref, Version: *v, Content: Content{value, v.Form}}, nil
}

// pick finds the version that is meant.
func pick(sec *secret.Secret, id, label string, now secret.Instant) (*secret.Version, error) {
	if id == "" && label == "" {
		label = secret.Current
	}
	if id == "" {
		if v := sec.At(label); v != nil && v.Shows(now) {
			return v, nil
		}
		return nil, fault.New(fault.NotFound, "Secrets Manager can't find the specified secret value for staging label: %s", label)
	}
	v := sec.ByID(id)
	if v == nil {
		return nil, fault.New(fault.NotFound, "Secrets Manager can't find the specified secret value for VersionId: %s", id)
	}
	if label != "" && !v.Has(label) {
		return nil, fault.New(fault.Conflict, "You provided a VersionStage that is not associated to the provided VersionId.")
	}
	if !v.Shows(now) {
		return nil, fault.New(fault.NotFound, "Secrets Manager can't find the specified secret value for VersionId: %s", id)
	}
	return v, nil
}

// valueOf opens the value of a version that has one.
func (c *Core) valueOf(tx *gate.Tx, s secret.Space, sec *secret.Secret, v *secret.Version) (plain.Value, error) {
	key := valueKey(s, sec, v.Number)
	sealed, err := tx.Get(key)
	if err != nil {
		return plain.Value{}, err
	}
	if sealed == nil {
		return plain.Value{}, fault.New(fault.Internal, "An entry of the store is missing; restore it from a backup.")
	}
	value, err := tx.Open(key, sealed)
	return value, damaged(err)
}

// BatchGetValueInput asks for the current versions of secrets that are named,
// or found by a filter.
type BatchGetValueInput struct {
	Space secret.Space
	Refs  []BatchRef
	List  *ListSecretsInput // in place of Refs
}

// BatchRef is one secret of a batch. Invalid, if set, is why it is none.
type BatchRef struct {
	Ref     secret.Ref
	Invalid error
}

// BatchGot is one answer of a batch: a value or an error.
type BatchGot struct {
	Opened
	Err error
}

// BatchPage is the answers in the order of the question.
type BatchPage struct {
	Got  []BatchGot
	Next string
}

// BatchGetValue opens several secrets. What cannot be opened, or may not be,
// is an answer of its own; the operation is recorded once, with every part.
// Where a password is being changed just now all are read again, as GetValue
// does.
func (c *Core) BatchGetValue(ctx context.Context, who Caller, in BatchGetValueInput) (BatchPage, error) {
	before := c.swaps.all()
	page, err := c.batchGetValue(ctx, who, in)
	waited := false
	for i := range page.Got {
		done := before[swapped{page.Got[i].Ref.Space, page.Got[i].Ref.Name}]
		if done == nil {
			done = c.swaps.swap(page.Got[i].Ref)
		}
		waited = done != nil && page.Got[i].Err == nil && wait(ctx, done) || waited
	}
	if err != nil || !waited {
		return page, err
	}
	for i := range page.Got {
		page.Got[i].Content.Value.Wipe()
	}
	return c.batchGetValue(ctx, who, in)
}

func (c *Core) batchGetValue(ctx context.Context, who Caller, in BatchGetValueInput) (BatchPage, error) {
	return gate.Do(ctx, c.gate, who, secret.BatchGetValue, secret.InSpace(in.Space), func(tx *gate.Tx, _ secret.Ref) (BatchPage, error) {
		page := BatchPage{}
		refs := in.Refs
		if in.List != nil {
			if err := tx.Must(secret.ListSecrets, gate.Found{Ref: secret.InSpace(in.Space)}); err != nil {
				return page, err
			}
			list, err := c.list(tx, *in.List)
			if err != nil {
				return page, err
			}
			page.Next = list.Next
			for _, sec := range list.Secrets {
				refs = append(refs, BatchRef{Ref: RefOf(in.Space, sec)})
			}
		}
		for _, r := range refs {
			got := BatchGot{Err: r.Invalid}
			if r.Invalid == nil {
				got.Opened, got.Err = c.batchOpen(tx, r.Ref)
			}
			page.Got = append(page.Got, got)
		}
		return page, nil
	})
}

// batchOpen decides on, opens and notes one part of a batch.
func (c *Core) batchOpen(tx *gate.Tx, r secret.Ref) (Opened, error) {
	found, err := c.resolve(tx, r)
	if err != nil {
		return Opened{}, err
	}
	item := audit.Item{Resource: arn.Secret(found.Ref), Decision: "deny", Outcome: fault.Denied.String()}
	defer func() { tx.Item(item) }()
	if !tx.May(secret.GetValue, found) {
		return Opened{}, fault.New(fault.Denied, "no policy allows secretsmanager:GetSecretValue")
	}
	item.Decision, item.Outcome = "allow", "ok"
	opened, err := c.open(tx, found.Ref, found.Secret, "", "")
	if err != nil {
		item.Outcome = fault.CodeOf(err).String()
		return opened, err
	}
	item.Version = opened.Version.ID
	return opened, nil
}

// CreateSecretInput describes a new secret. Without Content it has no version.
type CreateSecretInput struct {
	Space       secret.Space
	Name        string
	Token       string // the ID of the first version
	Content     Content
	Description string
	KeyID       string
	Type        string
	Tags        []secret.Tag
	Replicas    []secret.Replica // where copies are to be
	Overwrite   bool             // what is called so there
}

// Written is what a write of a value answers. VersionID is empty where no
// version was made or found.
type Written struct {
	Ref       secret.Ref
	Secret    *secret.Secret // if it was made with copies; not to be changed
	VersionID string
	Labels    []string
}

// CreateSecret makes a secret. The same request again answers as the first
// did. It fails with Exists, or Deleted if the name is scheduled for deletion.
func (c *Core) CreateSecret(ctx context.Context, who Caller, in CreateSecretInput) (Written, error) {
	coming := secret.Ref{Space: in.Space, Kind: secret.KindSecret, Name: in.Name, Suffix: NewSuffix()}
	who.Given = in.given()
	return gate.Do(ctx, c.gate, who, secret.CreateSecret, coming, func(tx *gate.Tx, ref secret.Ref) (Written, error) {
		if in.Name == "" || isValue(in.Name) {
			return Written{}, fault.New(fault.Invalid, "A secret's name is not empty and holds no NUL.")
		}
		if len(in.Tags) > 0 {
			if err := tx.Must(secret.TagSecret, gate.Found{Ref: ref}); err != nil {
				return Written{}, err
			}
		}
		there, err := c.load(tx, in.Space, in.Name)
		if err != nil {
			return Written{}, err
		}
		if there != nil {
			return c.createAgain(tx, in, there)
		}
		now := secret.InstantOf(tx.Now())
		sec := &secret.Secret{
			Name: in.Name, Suffix: ref.Suffix, Description: in.Description, KeyID: in.KeyID, Type: in.Type,
			Created: now, Changed: now,
		}
		sec.SetTags(in.Tags)
		if err := checkTags(sec); err != nil {
			return Written{}, err
		}
		out := Written{Ref: ref}
		if in.Content.Form != secret.NoValue {
			v, err := c.addVersion(tx, in.Space, sec, in.Token, in.Content, nil)
			if err != nil {
				return Written{}, err
			}
			out.VersionID, out.Labels = v.ID, v.Labels
		}
		if len(in.Replicas) > 0 {
			if err := tx.Must(secret.ReplicateSecret, gate.Found{Ref: ref, Secret: sec}); err != nil {
				return Written{}, err
			}
			if err := c.addReplicas(tx, in.Space, sec, in.Replicas, in.Overwrite); err != nil {
				return Written{}, err
			}
			out.Secret = sec
		}
		return out, c.save(tx, in.Space, nil, sec)
	})
}

// createAgain answers a CreateSecret of a name that is taken.
func (c *Core) createAgain(tx *gate.Tx, in CreateSecretInput, there *secret.Secret) (Written, error) {
	if there.IsDeleted() {
		return Written{}, fault.New(fault.Deleted, "You can't create this secret because a secret with this name is already scheduled for deletion.")
	}
	if v := there.ByID(in.Token); v != nil && in.Content.Form == v.Form {
		same, err := c.sameValue(tx, in.Space, there, v, in.Content)
		if err != nil {
			return Written{}, err
		}
		if same {
			return Written{Ref: RefOf(in.Space, there), VersionID: v.ID, Labels: v.Labels}, nil
		}
	}
	return Written{}, fault.New(fault.Exists, "The operation failed because the secret %s already exists.", in.Name)
}

func (c *Core) sameValue(tx *gate.Tx, s secret.Space, sec *secret.Secret, v *secret.Version, content Content) (bool, error) {
	if v.Form != content.Form {
		return false, nil
	}
	old, err := c.valueOf(tx, s, sec, v)
	if err != nil {
		return false, err
	}
	defer old.Wipe()
	return old.Equal(content.Value), nil
}

// PutValueInput is a new version of a secret. Without Labels it becomes the
// current one.
type PutValueInput struct {
	Ref     secret.Ref
	Token   string
	Content Content
	Labels  []string
}

// PutValue adds a version, or gives the version of that token its value if it
// waits for one. The same token with the same value only adds the labels. It
// fails with NotFound, Deleted, Limit, or Exists if the token stands for
// another value.
func (c *Core) PutValue(ctx context.Context, who Caller, in PutValueInput) (Written, error) {
	return gate.Do(ctx, c.gate, who, secret.PutValue, in.Ref, func(tx *gate.Tx, ref secret.Ref) (Written, error) {
		old, err := live(tx)
		if err != nil {
			return Written{}, err
		}
		sec := old.Clone()
		v, err := c.putVersion(tx, ref, sec, in)
		if err != nil {
			return Written{}, err
		}
		return Written{Ref: ref, VersionID: v.ID, Labels: v.Labels}, c.save(tx, ref.Space, old, sec)
	})
}

// putVersion does what PutValue says to sec, which it may change.
func (c *Core) putVersion(tx *gate.Tx, ref secret.Ref, sec *secret.Secret, in PutValueInput) (*secret.Version, error) {
	labels := in.Labels
	if len(labels) == 0 {
		labels = []string{secret.Current}
	}
	v := sec.ByID(in.Token)
	switch {
	case v == nil:
		return c.addVersion(tx, ref.Space, sec, in.Token, in.Content, labels)
	case v.Destroyed:
		return nil, tokenUsed(ref, in.Token)
	case v.Form == secret.NoValue:
		v.Form = in.Content.Form
		if err := c.putContent(tx, ref.Space, sec, v, in.Content); err != nil {
			return nil, err
		}
	default:
		same, err := c.sameValue(tx, ref.Space, sec, v, in.Content)
		if err != nil {
			return nil, err
		}
		if !same {
			return nil, tokenUsed(ref, in.Token)
		}
		labels = in.Labels // a repeated write moves nothing that it does not name
	}
	number := v.Number
	sec.Relabel(number, labels)
	return sec.ByNumber(number), checkLabels(sec)
}

func tokenUsed(ref secret.Ref, token string) error {
	return fault.New(fault.Exists, "You can't use ClientRequestToken %s because that value is already in use for a version of secret %s.", token, arn.Secret(ref))
}

// addVersion appends a version with its value, and lets the oldest go.
func (c *Core) addVersion(tx *gate.Tx, s secret.Space, sec *secret.Secret, token string, content Content, labels []string) (*secret.Version, error) {
	if err := checkVersions(sec); err != nil {
		return nil, err
	}
	keep, err := c.keeping(tx, s, sec)
	if err != nil {
		return nil, err
	}
	now := secret.InstantOf(tx.Now())
	added := sec.AddVersion(token, content.Form, now, labels)
	if keep.DeleteAfter > 0 {
		added.Deleted = now + secret.Instant(keep.DeleteAfter*1000)
	}
	id := added.ID
	sec.Changed = now
	if err := checkLabels(sec); err != nil {
		return nil, err
	}
	if err := c.putContent(tx, s, sec, sec.ByID(id), content); err != nil {
		return nil, err
	}
	if sec.ByID(id).Has(secret.Current) && sec.Rotation != nil && sec.Rotation.Enabled {
		r := sec.EditRotation() // whoever changes the value by hand has rotated it
		reckon(r, timetableOf(r), now)
	}
	if keep.MaxVersions > 0 {
		if err := c.removeValues(tx, s, sec, sec.Trim(keep.MaxVersions)); err != nil {
			return nil, err
		}
	}
	return sec.ByID(id), c.expire(tx, s, sec)
}

// expire lets the oldest versions go.
func (c *Core) expire(tx *gate.Tx, s secret.Space, sec *secret.Secret) error {
	return c.removeValues(tx, s, sec, sec.Expire(secret.InstantOf(tx.Now())))
}

func (c *Core) removeValues(tx *gate.Tx, s secret.Space, sec *secret.Secret, numbers []uint64) error {
	for _, number := range numbers {
		if err := tx.Delete(valueKey(s, sec, number)); err != nil {
			return err
		}
	}
	return nil
}

func (c *Core) putContent(tx *gate.Tx, s secret.Space, sec *secret.Secret, v *secret.Version, content Content) error {
	sec.Changed = secret.InstantOf(tx.Now())
	tx.Saw(v.ID, content.Value)
	return tx.Put(valueKey(s, sec, v.Number), content.Value.Open())
}

func checkVersions(sec *secret.Secret) error {
	if len(sec.Versions) >= secret.MaxVersions {
		return fault.New(fault.Limit, "You've reached the quota of %d versions for this secret: versions are removed when they are a day old and have no staging label.", secret.MaxVersions)
	}
	return nil
}

func checkLabels(sec *secret.Secret) error {
	if sec.CountLabels() > secret.MaxLabels {
		return fault.New(fault.Limit, "You've reached the quota of %d staging labels for this secret.", secret.MaxLabels)
	}
	return nil
}

// NewSuffix draws the random end of an ARN.
func NewSuffix() string {
	var b [arn.SuffixLen]byte
	_, _ = rand.Read(b[:])
	for i, x := range b {
		b[i] = arn.SuffixAlphabet[int(x)%len(arn.SuffixAlphabet)] // the bias is harmless: it is no secret
	}
	return string(b[:])
}
