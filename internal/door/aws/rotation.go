package aws

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

type rotateSecretInput struct {
	aboutSecret
	ClientRequestToken *string
	RotationLambdaARN  *string
	RotationRules      *rotationRules
	RotateImmediately  *bool
}

type rotationRules struct {
	AutomaticallyAfterDays *int64
	Duration               *string
	ScheduleExpression     *string
}

var (
	expressionForm = regexp.MustCompile(`^[0-9A-Za-z()#?*\-/, ]+$`)
	durationForm   = regexp.MustCompile(`^[0-9]+h$`)
)

func (in *rotateSecretInput) check(c *checker) {
	in.aboutSecret.check(c)
	c.length("clientRequestToken", in.ClientRequestToken, 32, 64)
	c.length("rotationLambdaARN", in.RotationLambdaARN, 0, 2048)
	r := in.RotationRules
	if r == nil {
		return
	}
	c.between("rotationRules.automaticallyAfterDays", r.AutomaticallyAfterDays, 1, 1000)
	c.length("rotationRules.duration", r.Duration, 2, 3)
	c.pattern("rotationRules.duration", r.Duration, durationForm)
	c.length("rotationRules.scheduleExpression", r.ScheduleExpression, 1, 256)
	c.pattern("rotationRules.scheduleExpression", r.ScheduleExpression, expressionForm)
}

// rules are those that were given, nil if none were.
func (in *rotateSecretInput) rules() *secret.RotationRules {
	r := in.RotationRules
	if r == nil || *r == (rotationRules{}) {
		return nil
	}
	return &secret.RotationRules{Days: int(number(r.AutomaticallyAfterDays, 0)), Expression: text(r.ScheduleExpression), Duration: text(r.Duration)}
}

func rotateSecret(q *request, in *rotateSecretInput) (answer, error) {
	ref := q.ref(in.SecretId, nil)
	if in.ClientRequestToken == nil {
		return nil, q.reject(ref, invalidParameter(noToken))
	}
	out, err := q.door.cfg.Core.RotateSecret(q.ctx, q.who, core.RotateSecretInput{
		Ref: ref, Token: *in.ClientRequestToken, Function: q.functionARN(text(in.RotationLambdaARN)), Rules: in.rules(),
		Later: in.RotateImmediately != nil && !*in.RotateImmediately, Stated: in.RotateImmediately != nil,
	})
	return versioned(out), err
}

// functionARN completes the bare name of a function.
func (q *request) functionARN(function string) string {
	if function == "" || strings.HasPrefix(function, "arn:") {
		return function
	}
	return arn.Resource(secret.Ref{Space: q.home, Kind: secret.KindFunction, Name: function})
}

type cancelRotateSecretInput struct{ aboutSecret }

func cancelRotateSecret(q *request, in *cancelRotateSecretInput) (answer, error) {
	out, err := q.door.cfg.Core.CancelRotation(q.ctx, q.who, q.ref(in.SecretId, nil))
	return versioned(out), err
}

// versioned answers with the ARN, the name and, if there is one, the version.
func versioned(out core.Written) answer {
	return func(o *object) {
		o.arn(out.Ref)
		o.str("Name", out.Ref.Name)
		o.opt("VersionId", out.VersionID)
	}
}

type retryRotationInput struct{ aboutSecret }

func retryRotation(q *request, in *retryRotationInput) (answer, error) {
	ref, err := q.door.cfg.Core.RetryRotation(q.ctx, q.who, q.ref(in.SecretId, nil))
	return named(ref), err
}

// nextRotation is the last second of the window that opens next, as AWS shows.
func nextRotation(r *secret.Rotation) secret.Instant {
	if r == nil || r.Close == 0 {
		return 0
	}
	return secret.InstantOf(r.Close.Time().Add(-time.Second))
}

// writeRotation writes how a secret rotates.
func writeRotation(o *object, r *secret.Rotation) {
	if r == nil {
		return
	}
	o.boolean("RotationEnabled", r.Enabled)
	o.opt("RotationLambdaARN", r.Function)
	if r.Rules.IsZero() {
		return
	}
	o.object("RotationRules", func(o *object) {
		if days := core.RotationDays(r.Rules); days > 0 {
			o.number("AutomaticallyAfterDays", int64(days))
		}
		o.opt("Duration", r.Rules.Duration)
		o.opt("ScheduleExpression", r.Rules.Expression)
	})
}

// writeProgress writes how the rotation that is under way goes, which AWS
// shows nowhere.
func writeProgress(o *object, r *secret.Rotation) {
	if r == nil || r.Run == nil && r.Failure == nil {
		return
	}
	run, state := r.Run, "InProgress"
	switch {
	case run == nil:
		run, state = r.Failure, "TestFailed"
		if run.Step == secret.StepCreate {
			state = "NotBegun"
		}
	case run.Error != "":
		state = "Failed"
	}
	o.object("RotationProgress", func(o *object) {
		o.number("Attempts", int64(run.Attempts))
		o.opt("LastError", run.Error)
		o.time("LastFailedDate", run.Failed)
		if state == "Failed" {
			o.time("NextAttemptDate", run.Try)
		}
		o.str("State", state)
		o.str("Step", run.Step.String())
		o.opt("VersionId", run.Version)
	})
}

type registerFunctionInput struct {
	aboutNothing
	FunctionName *string
	URL          *string
	Kind         *string
}

func (in *registerFunctionInput) check(c *checker) {
	if c.required("functionName", in.FunctionName != nil) {
		c.length("functionName", in.FunctionName, 1, 64)
	}
	if c.required("uRL", in.URL != nil) {
		c.length("uRL", in.URL, 1, 2048)
	}
	if in.Kind != nil {
		c.oneOf("kind", *in.Kind, "lambda", "webhook")
	}
}

// registerFunction makes a function known. A webhook's key is shown this once.
func registerFunction(q *request, in *registerFunctionInput) (answer, error) {
	kind := core.Lambda
	if text(in.Kind) == "webhook" {
		kind = core.Webhook
	}
	ref := q.function(in.FunctionName)
	own := identity.AccessKey{}
	if kind == core.Lambda { // first: who may not make it, changes nothing
		var err error
		if own, err = q.functionUser(ref); err != nil {
			return nil, err
		}
	}
	ref, key, err := q.door.cfg.Core.RegisterFunction(q.ctx, q.who, ref, core.NewFunction{URL: *in.URL, Kind: kind})
	if err != nil {
		own.Secret.Wipe()
		if kind == core.Lambda {
			_, undone := q.door.cfg.Directory.Do(q.ctx, q.who, secret.DeleteAccessKey, identity.Input{Name: functionUserName(ref), AccessKey: own.ID})
			err = errors.Join(err, undone)
		}
		return nil, err
	}
	return func(o *object) {
		defer key.Wipe()
		defer own.Secret.Wipe()
		o.opt("AccessKeyId", own.ID)
		o.str("FunctionArn", arn.Resource(ref))
		o.str("FunctionName", ref.Name)
		if own.Secret.Len() > 0 {
			o.text("SecretAccessKey", own.Secret)
		}
		if key.Len() > 0 {
			o.text("SigningKey", key)
		}
	}, nil
}

// functionPolicy lets a function do to the secrets that it rotates what a
// rotation does.
const functionPolicy = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"],
      "Resource": "*",
      "Condition": {"ArnLike": {"secretsmanager:resource/AllowRotationLambdaArn": ["arn:aws:lambda:*:%[1]s:function:%[2]s", "arn:aws:lambda:*:%[1]s:function:%[2]s:*"]}}
    },
    {"Effect": "Allow", "Action": "secretsmanager:GetRandomPassword", "Resource": "*"}
  ]
}`

func functionUserName(ref secret.Ref) string { return "strongroom-function-" + ref.Name }

// functionUser makes the user as whom a function calls back, with an access
// key of its own, as the caller, who must be allowed to do that. One that is
// there gets another key, in place of the oldest if it has as many as can be.
func (q *request) functionUser(ref secret.Ref) (identity.AccessKey, error) {
	name := functionUserName(ref)
	if there, err := q.door.cfg.Directory.Do(q.ctx, q.who, secret.ListAccessKeys, identity.Input{Name: name}); err == nil && len(there.Keys) > 1 {
		if _, err := q.door.cfg.Directory.Do(q.ctx, q.who, secret.DeleteAccessKey, identity.Input{Name: name, AccessKey: there.Keys[0].ID}); err != nil {
			return identity.AccessKey{}, err
		}
	}
	var key identity.AccessKey
	for _, step := range []struct {
		verb secret.Verb
		in   identity.Input
	}{
		{secret.CreateUser, identity.Input{Name: name}},
		{secret.PutUserPolicy, identity.Input{Name: name, PolicyName: "rotate", Document: fmt.Sprintf(functionPolicy, ref.Space.Account, ref.Name)}},
		{secret.CreateAccessKey, identity.Input{Name: name}},
	} {
		out, err := q.door.cfg.Directory.Do(q.ctx, q.who, step.verb, step.in)
		if err != nil && (step.verb != secret.CreateUser || !fault.Is(err, fault.Exists)) {
			return key, err
		}
		if out.Key != nil {
			key = *out.Key
		}
	}
	return key, nil
}

func (q *request) function(name *string) secret.Ref {
	return core.FunctionRef(q.home, text(name))
}

type listFunctionsInput struct{ nothingInput }

func listFunctions(q *request, _ *listFunctionsInput) (answer, error) {
	all, err := q.door.cfg.Core.ListFunctions(q.ctx, q.who, q.home)
	return func(o *object) {
		list(o, "Functions", all, func(o *object, f core.Function) {
			o.time("CreatedDate", f.Created)
			o.str("FunctionArn", arn.Resource(core.FunctionRef(q.home, f.Name)))
			o.str("FunctionName", f.Name)
			o.str("Kind", f.Kind.String())
			o.str("URL", f.URL)
		})
	}, err
}

type deleteFunctionInput struct {
	aboutNothing
	FunctionName *string
}

func (in *deleteFunctionInput) check(c *checker) {
	if c.required("functionName", in.FunctionName != nil) {
		c.length("functionName", in.FunctionName, 1, 64)
	}
}

func deleteFunction(q *request, in *deleteFunctionInput) (answer, error) {
	ref := q.function(in.FunctionName)
	if err := q.door.cfg.Core.DeleteFunction(q.ctx, q.who, ref); err != nil {
		return nil, err
	}
	return nil, q.deleteFunctionKeys(ref)
}

// deleteFunctionKeys takes the keys from the user of a function that is gone.
func (q *request) deleteFunctionKeys(ref secret.Ref) error {
	name := functionUserName(ref)
	there, err := q.door.cfg.Directory.Do(q.ctx, q.who, secret.ListAccessKeys, identity.Input{Name: name})
	if fault.Is(err, fault.NotFound) {
		return nil // a webhook has none
	}
	for _, k := range there.Keys {
		_, failed := q.door.cfg.Directory.Do(q.ctx, q.who, secret.DeleteAccessKey, identity.Input{Name: name, AccessKey: k.ID})
		err = errors.Join(err, failed)
	}
	return err
}
