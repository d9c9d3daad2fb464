package aws

import (
	"encoding/base64"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

const noToken = "You must provide a ClientRequestToken value. We recommend a UUID-type value."

// content is a value as it is sent.
type content struct {
	ClientRequestToken *string
	SecretString       sensitive
	SecretBinary       sensitive
}

func (in *content) check(c *checker) {
	c.length("clientRequestToken", in.ClientRequestToken, 32, 64)
	c.hidden("secretString", in.SecretString, core.MaxValue)
	if in.SecretBinary.given {
		c.bounds("Value at 'secretBinary'", base64.StdEncoding.DecodedLen(in.SecretBinary.value.Len()), 1, core.MaxValue+2)
	}
}

// wipe clears the values that were decoded.
func (in *content) wipe() {
	in.SecretString.value.Wipe()
	in.SecretBinary.value.Wipe()
}

// open gives the value. Whoever gets it wipes it.
func (in *content) open() (core.Content, error) {
	switch {
	case in.ClientRequestToken == nil:
		return core.Content{}, invalidRequest(noToken)
	case in.SecretString.given && in.SecretBinary.given:
		return core.Content{}, invalidParameter("You can't specify both a binary secret value and a string secret value in the same secret.")
	case in.SecretString.given:
		return core.Content{Value: in.SecretString.value, Form: secret.Text}, nil
	case in.SecretBinary.given:
		return in.openBinary()
	}
	return core.Content{}, nil
}

func (in *content) openBinary() (core.Content, error) {
	raw := in.SecretBinary.value.Open()
	b := make([]byte, base64.StdEncoding.DecodedLen(len(raw)))
	n, err := base64.StdEncoding.Decode(b, raw)
	if err != nil {
		clear(b)
		return core.Content{}, &wireError{kind: "SerializationException", message: "The binary secret value is not base64.", status: 400}
	}
	if n > core.MaxValue {
		clear(b)
		return core.Content{}, validation("1 validation error detected: Value at 'secretBinary' failed to satisfy constraint: Member must have length less than or equal to 65536")
	}
	return core.Content{Value: plain.New(b[:n]), Form: secret.Binary}, nil
}

type createSecretInput struct {
	Name                        *string
	Description                 *string
	KmsKeyId                    *string //nolint:revive // the wire's spelling
	Type                        *string
	Tags                        []tag
	AddReplicaRegions           []replicaRegion
	ForceOverwriteReplicaSecret bool
	content
}

func (in *createSecretInput) about() (id, name *string) { return nil, in.Name }

func (in *createSecretInput) check(c *checker) {
	if c.required("name", in.Name != nil) {
		c.length("name", in.Name, 1, 512)
	}
	in.content.check(c)
	c.length("description", in.Description, 0, 2048)
	c.length("kmsKeyId", in.KmsKeyId, 0, 2048)
	c.length("type", in.Type, 0, 256)
	c.tags(in.Tags)
	c.regions("addReplicaRegions", in.AddReplicaRegions)
}

func createSecret(q *request, in *createSecretInput) (answer, error) {
	ref := q.ref(nil, in.Name)
	content, err := in.open()
	defer content.Value.Wipe()
	var tags []secret.Tag
	if err == nil {
		tags, err = readTags(in.Tags)
	}
	if err != nil {
		return nil, q.reject(ref, err)
	}
	out, err := q.door.cfg.Core.CreateSecret(q.ctx, q.who, core.CreateSecretInput{
		Space: q.home, Name: *in.Name, Token: *in.ClientRequestToken, Content: content,
		Description: text(in.Description), KeyID: keyID(in.KmsKeyId), Type: text(in.Type), Tags: tags,
		Replicas: replicas(in.AddReplicaRegions), Overwrite: in.ForceOverwriteReplicaSecret,
	})
	return written(out, false), err
}

// keyID is the KMS key as it is shown: the default key is not.
func keyID(id *string) string {
	if s := text(id); s != "alias/aws/secretsmanager" && s != "aws/secretsmanager" {
		return s
	}
	return ""
}

func written(out core.Written, labels bool) answer {
	return func(o *object) {
		named(out.Ref)(o)
		if out.Secret != nil {
			writeReplicas(o, out.Secret)
		}
		o.opt("VersionId", out.VersionID)
		if labels {
			o.strs("VersionStages", out.Labels)
		}
	}
}

type putSecretValueInput struct {
	aboutSecret
	VersionStages []string
	RotationToken *string
	content
}

func (in *putSecretValueInput) check(c *checker) {
	in.aboutSecret.check(c)
	in.content.check(c)
	c.strings("versionStages", in.VersionStages, 1, 20, 1, 256)
	c.length("rotationToken", in.RotationToken, 36, 256)
}

func putSecretValue(q *request, in *putSecretValueInput) (answer, error) {
	ref := q.ref(in.SecretId, nil)
	content, err := in.open()
	defer content.Value.Wipe()
	if err == nil && content.Form == secret.NoValue {
		err = invalidRequest("You must provide either SecretString or SecretBinary.")
	}
	if err != nil {
		return nil, q.reject(ref, err)
	}
	out, err := q.door.cfg.Core.PutValue(q.ctx, q.who, core.PutValueInput{
		Ref: ref, Token: *in.ClientRequestToken, Content: content, Labels: in.VersionStages,
	})
	return written(out, true), err
}

type updateSecretInput struct {
	aboutSecret
	Description *string
	KmsKeyId    *string //nolint:revive // the wire's spelling
	Type        *string
	content
}

func (in *updateSecretInput) check(c *checker) {
	in.aboutSecret.check(c)
	in.content.check(c)
	c.length("description", in.Description, 0, 2048)
	c.length("kmsKeyId", in.KmsKeyId, 0, 2048)
	c.length("type", in.Type, 0, 256)
}

func updateSecret(q *request, in *updateSecretInput) (answer, error) {
	ref := q.ref(in.SecretId, nil)
	content, err := in.open()
	defer content.Value.Wipe()
	if err != nil {
		return nil, q.reject(ref, err)
	}
	update := core.UpdateSecretInput{Ref: ref, Token: *in.ClientRequestToken, Content: content, Description: in.Description, Type: in.Type}
	if in.KmsKeyId != nil {
		id := keyID(in.KmsKeyId)
		update.KeyID = &id
	}
	out, err := q.door.cfg.Core.UpdateSecret(q.ctx, q.who, update)
	return written(out, false), err
}

type getSecretValueInput struct {
	aboutSecret
	VersionId    *string //nolint:revive // the wire's spelling
	VersionStage *string
}

func (in *getSecretValueInput) check(c *checker) {
	in.aboutSecret.check(c)
	c.length("versionId", in.VersionId, 32, 64)
	c.length("versionStage", in.VersionStage, 1, 256)
}

func (in *getSecretValueInput) field(name []byte) **string {
	switch string(name) {
	case "SecretId":
		return &in.SecretId
	case "VersionId":
		return &in.VersionId
	case "VersionStage":
		return &in.VersionStage
	}
	return nil
}

func getSecretValue(q *request, in *getSecretValueInput) (answer, error) {
	got, err := q.door.cfg.Core.GetValue(q.ctx, q.who, core.GetValueInput{
		Ref: q.ref(in.SecretId, nil), VersionID: text(in.VersionId), Label: text(in.VersionStage),
	})
	return func(o *object) { opened(o, got) }, err
}

// opened writes a version with its value, and wipes the value.
func opened(o *object, got core.Opened) {
	defer got.Content.Value.Wipe()
	o.arn(got.Ref)
	o.time("CreatedDate", got.Version.Created)
	o.str("Name", got.Ref.Name)
	if got.Content.Form == secret.Binary {
		o.binary("SecretBinary", got.Content.Value)
	} else {
		o.text("SecretString", got.Content.Value)
	}
	o.str("VersionId", got.Version.ID)
	if len(got.Version.Labels) > 0 {
		o.strs("VersionStages", got.Version.Labels)
	}
}

type batchGetSecretValueInput struct {
	aboutNothing
	SecretIdList []string //nolint:revive // the wire's spelling
	Filters      []filter
	MaxResults   *int64
	NextToken    *string
}

func (in *batchGetSecretValueInput) check(c *checker) {
	c.strings("secretIdList", in.SecretIdList, 1, 20, 1, 2048)
	c.between("maxResults", in.MaxResults, 1, 20)
	c.length("nextToken", in.NextToken, 1, 4096)
	c.filters(in.Filters)
}

func batchGetSecretValue(q *request, in *batchGetSecretValueInput) (answer, error) {
	batch := core.BatchGetValueInput{Space: q.home}
	var err error
	switch {
	case (in.SecretIdList == nil) == (in.Filters == nil):
		err = invalidParameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.")
	case in.SecretIdList != nil && in.MaxResults != nil:
		err = invalidParameter("'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.")
	case in.Filters != nil:
		list := listSecretsInput{Filters: in.Filters, NextToken: in.NextToken}
		batch.List, err = list.forCore(q, number(in.MaxResults, 20))
	}
	if err != nil {
		return nil, q.reject(secret.InSpace(q.home), err)
	}
	for _, id := range in.SecretIdList {
		r := core.BatchRef{Ref: q.ref(&id, nil)}
		if bad := names(&id, nil); bad != nil {
			r.Invalid = bad
		}
		batch.Refs = append(batch.Refs, r)
	}
	page, err := q.door.cfg.Core.BatchGetValue(q.ctx, q.who, batch)
	if err != nil {
		return nil, err
	}
	return func(o *object) { writeBatch(o, q, in.SecretIdList, page) }, nil
}

// batchError is a part of a batch that has no value.
type batchError struct {
	id  string
	err *wireError
}

func writeBatch(o *object, q *request, ids []string, page core.BatchPage) {
	var failed []batchError
	var got []core.Opened
	for i, g := range page.Got {
		if g.Err == nil {
			got = append(got, g.Opened)
			continue
		}
		one := *q
		one.op = q.door.services["secretsmanager"].operations["GetSecretValue"]
		e := batchError{}
		if i < len(ids) {
			e.id, one.given = ids[i], ids[i]
		}
		e.err = one.toWire(g.Err)
		failed = append(failed, e)
	}
	list(o, "Errors", failed, func(o *object, e batchError) {
		o.str("ErrorCode", e.err.kind)
		o.str("Message", e.err.message)
		o.opt("SecretId", e.id)
	})
	if page.Next != "" {
		o.str("NextToken", pageToken(page.Next))
	}
	list(o, "SecretValues", got, opened)
}
