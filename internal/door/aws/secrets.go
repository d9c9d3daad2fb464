package aws

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

type describeSecretInput struct{ aboutSecret }

func describeSecret(q *request, in *describeSecretInput) (answer, error) {
	d, err := q.door.cfg.Core.DescribeSecret(q.ctx, q.who, q.ref(in.SecretId, nil))
	return func(o *object) { describe(o, d, "VersionIdsToStages") }, err
}

// describe writes what DescribeSecret and ListSecrets show; they call the
// versions differently.
func describe(o *object, d core.Described, versions string) {
	s := d.Secret
	list := versions != "VersionIdsToStages"
	o.arn(d.Ref)
	o.time("CreatedDate", s.Created)
	o.time("DeletedDate", s.Deleted)
	o.opt("Description", s.Description)
	o.opt("KmsKeyId", s.KeyID)
	o.time("LastAccessedDate", s.Accessed)
	o.time("LastChangedDate", s.Changed)
	if s.Rotation != nil {
		o.time("LastRotatedDate", s.Rotation.Last)
	}
	o.str("Name", s.Name)
	o.time("NextRotationDate", nextRotation(s.Rotation))
	o.opt("PrimaryRegion", primaryRegion(d.Ref, s))
	if !list {
		writeReplicas(o, s)
	}
	writeRotation(o, s.Rotation)
	if list {
		writeStages(o, versions, s)
	}
	if s.Tagged {
		writeTags(o, s.Tags)
	}
	o.opt("Type", s.Type)
	if !list {
		writeProgress(o, s.Rotation)
		writeStages(o, versions, s)
	}
}

// writeStages writes the labels of the versions that have some.
func writeStages(o *object, name string, s *secret.Secret) {
	if !slices.ContainsFunc(s.Versions, func(v secret.Version) bool { return len(v.Labels) > 0 }) {
		return
	}
	o.member(name)
	inner := object{b: append(o.b, '{')}
	for _, v := range s.Versions {
		if len(v.Labels) > 0 {
			inner.strs(v.ID, v.Labels)
		}
	}
	o.b = append(inner.b, '}')
}

func writeTags(o *object, tags []secret.Tag) {
	list(o, "Tags", tags, func(o *object, t secret.Tag) {
		o.str("Key", t.Key)
		o.str("Value", t.Value)
	})
}

type deleteSecretInput struct {
	aboutSecret
	RecoveryWindowInDays       *int64
	ForceDeleteWithoutRecovery *bool
}

func deleteSecret(q *request, in *deleteSecretInput) (answer, error) {
	ref := q.ref(in.SecretId, nil)
	force := in.ForceDeleteWithoutRecovery != nil && *in.ForceDeleteWithoutRecovery
	days := number(in.RecoveryWindowInDays, 30)
	switch {
	case force && in.RecoveryWindowInDays != nil:
		return nil, q.reject(ref, invalidParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."))
	case days < 7 || days > 30:
		return nil, q.reject(ref, invalidParameter("RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."))
	}
	gone, err := q.door.cfg.Core.DeleteSecret(q.ctx, q.who, core.DeleteSecretInput{
		Ref: ref, Force: force, Window: time.Duration(days) * 24 * time.Hour, Stated: in.RecoveryWindowInDays != nil,
	})
	return func(o *object) {
		o.arn(gone.Ref)
		o.time("DeletionDate", gone.At)
		o.str("Name", gone.Ref.Name)
	}, err
}

type restoreSecretInput struct{ aboutSecret }

func restoreSecret(q *request, in *restoreSecretInput) (answer, error) {
	ref, err := q.door.cfg.Core.RestoreSecret(q.ctx, q.who, q.ref(in.SecretId, nil))
	return named(ref), err
}

type updateSecretVersionStageInput struct {
	aboutSecret
	VersionStage        *string
	MoveToVersionId     *string //nolint:revive // the wire's spelling
	RemoveFromVersionId *string //nolint:revive // the wire's spelling
}

func (in *updateSecretVersionStageInput) check(c *checker) {
	in.aboutSecret.check(c)
	if c.required("versionStage", in.VersionStage != nil) {
		c.length("versionStage", in.VersionStage, 1, 256)
	}
	c.length("moveToVersionId", in.MoveToVersionId, 32, 64)
	c.length("removeFromVersionId", in.RemoveFromVersionId, 32, 64)
}

func updateSecretVersionStage(q *request, in *updateSecretVersionStageInput) (answer, error) {
	ref, err := q.door.cfg.Core.MoveLabel(q.ctx, q.who, core.MoveLabelInput{
		Ref: q.ref(in.SecretId, nil), Label: *in.VersionStage, To: text(in.MoveToVersionId), From: text(in.RemoveFromVersionId),
	})
	return named(ref), err
}

type tagResourceInput struct {
	aboutSecret
	Tags []tag
}

func (in *tagResourceInput) check(c *checker) {
	in.aboutSecret.check(c)
	c.required("tags", in.Tags != nil)
	c.tags(in.Tags)
}

func tagResource(q *request, in *tagResourceInput) (answer, error) {
	ref := q.ref(in.SecretId, nil)
	tags, err := readTags(in.Tags)
	if err != nil {
		return nil, q.reject(ref, err)
	}
	_, err = q.door.cfg.Core.TagSecret(q.ctx, q.who, ref, tags)
	return nil, err
}

// readTags refuses tags that are AWS's own, doubled or too many.
func readTags(in []tag) ([]secret.Tag, error) {
	seen := map[string]bool{}
	var tags []secret.Tag
	for _, t := range in {
		key := text(t.Key)
		switch {
		case key == "":
			return nil, invalidParameter("A tag's key must not be empty.")
		case strings.HasPrefix(fold.Lower(key), "aws:"):
			return nil, invalidParameter(fmt.Sprintf("Tag keys starting with 'aws:' are reserved for system use: %s", key))
		case seen[key]:
			return nil, invalidParameter("Duplicate tag keys found. Please note that Tag keys are case sensitive.")
		}
		seen[key] = true
		tags = append(tags, secret.Tag{Key: key, Value: text(t.Value)})
	}
	if len(tags) > core.MaxTags {
		return nil, invalidParameter(fmt.Sprintf("The number of tags exceeds the limit of %d.", core.MaxTags))
	}
	return tags, nil
}

type untagResourceInput struct {
	aboutSecret
	TagKeys []string
}

func (in *untagResourceInput) check(c *checker) {
	in.aboutSecret.check(c)
	c.required("tagKeys", in.TagKeys != nil)
	c.strings("tagKeys", in.TagKeys, 0, 1000, 1, 128)
}

func untagResource(q *request, in *untagResourceInput) (answer, error) {
	_, err := q.door.cfg.Core.UntagSecret(q.ctx, q.who, q.ref(in.SecretId, nil), in.TagKeys)
	return nil, err
}

type getRandomPasswordInput struct {
	aboutNothing
	PasswordLength                                       *int64
	ExcludeCharacters                                    *string
	ExcludeNumbers, ExcludePunctuation, ExcludeUppercase bool
	ExcludeLowercase, IncludeSpace                       bool
	RequireEachIncludedType                              *bool
}

func (in *getRandomPasswordInput) check(c *checker) {
	c.between("passwordLength", in.PasswordLength, 1, 4096)
	c.length("excludeCharacters", in.ExcludeCharacters, 0, 4096)
}

func getRandomPassword(q *request, in *getRandomPasswordInput) (answer, error) {
	password, err := q.door.cfg.Core.RandomPassword(q.ctx, q.who, q.home, core.PasswordRules{
		Length: int(number(in.PasswordLength, 32)), Exclude: text(in.ExcludeCharacters),
		NoNumbers: in.ExcludeNumbers, NoPunctuation: in.ExcludePunctuation, NoUpper: in.ExcludeUppercase,
		NoLower: in.ExcludeLowercase, Space: in.IncludeSpace,
		EachType: in.RequireEachIncludedType == nil || *in.RequireEachIncludedType,
	})
	return func(o *object) {
		defer password.Wipe()
		o.text("RandomPassword", password)
	}, err
}
