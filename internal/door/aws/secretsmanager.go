package aws

import (
	"net/http"

	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// secretsManager is the table of Secrets Manager's operations.
func secretsManager() *service {
	return newService("secretsmanager",
		define("CreateSecret", secret.CreateSecret, createSecret),
		define("GetSecretValue", secret.GetValue, getSecretValue),
		define("BatchGetSecretValue", secret.BatchGetValue, batchGetSecretValue),
		define("PutSecretValue", secret.PutValue, putSecretValue),
		define("UpdateSecret", secret.UpdateSecret, updateSecret),
		define("UpdateSecretVersionStage", secret.MoveLabel, updateSecretVersionStage),
		define("DescribeSecret", secret.DescribeSecret, describeSecret),
		define("ListSecrets", secret.ListSecrets, listSecrets),
		define("ListSecretVersionIds", secret.ListVersions, listSecretVersionIDs),
		define("DeleteSecret", secret.DeleteSecret, deleteSecret),
		define("RestoreSecret", secret.RestoreSecret, restoreSecret),
		define("TagResource", secret.TagSecret, tagResource),
		define("UntagResource", secret.UntagSecret, untagResource),
		define("PutResourcePolicy", secret.PutResourcePolicy, putResourcePolicy),
		define("GetResourcePolicy", secret.GetResourcePolicy, getResourcePolicy),
		define("DeleteResourcePolicy", secret.DeleteResourcePolicy, deleteResourcePolicy),
		define("ValidateResourcePolicy", secret.ValidateResourcePolicy, validateResourcePolicy),
		define("GetRandomPassword", secret.RandomPassword, getRandomPassword),

		define("RotateSecret", secret.RotateSecret, rotateSecret),
		define("CancelRotateSecret", secret.CancelRotation, cancelRotateSecret),
		define("ReplicateSecretToRegions", secret.ReplicateSecret, replicateSecretToRegions),
		define("RemoveRegionsFromReplication", secret.RemoveReplicas, removeRegionsFromReplication),
		define("StopReplicationToReplica", secret.StopReplication, stopReplicationToReplica),
	)
}

// input is what every operation's input can do.
type input interface {
	// check says which constraints it breaks, and the ref that it is about,
	// which is asked of the gate even if it breaks some.
	check(c *checker)
	// about names the thing: the SecretId or the name of a new secret.
	about() (id, name *string)
}

// define makes a row of the table from what an operation does with its input.
func define[In any, P interface {
	*In
	input
}](name string, verb secret.Verb, run func(*request, P) (answer, error)) *operation {
	return &operation{name: name, verb: verb, serve: func(q *request) (answer, error) {
		in := P(new(In))
		if w, ok := any(in).(interface{ wipe() }); ok {
			defer w.wipe() // whatever becomes of it
		}
		if err := decode(q.body, in); err != nil {
			return nil, q.reject(secret.InSpace(q.home), err)
		}
		id, newName := in.about()
		q.given = text(id) + text(newName)
		var c checker
		in.check(&c)
		err := c.err()
		if err == nil {
			err = names(id, newName)
		}
		if err != nil {
			return nil, q.reject(q.ref(id, newName), err)
		}
		return run(q, in)
	}}
}

// ref is the thing that a SecretId or a name means.
func (q *request) ref(id, name *string) secret.Ref {
	switch {
	case name != nil:
		return secret.Ref{Space: q.home, Kind: secret.KindSecret, Name: *name}
	case id == nil:
		return secret.InSpace(q.home)
	}
	r, err := arn.ParseSecretID(*id, q.home)
	if err != nil { // an ARN of something else: no secret is called so
		r = secret.Ref{Space: q.home, Kind: secret.KindSecret, Name: *id}
	}
	return r
}

func invalidRequest(message string) *wireError {
	return &wireError{kind: "InvalidRequestException", message: message, status: http.StatusBadRequest}
}

func invalidParameter(message string) *wireError {
	return &wireError{kind: "InvalidParameterException", message: message, status: http.StatusBadRequest}
}

// aboutSecret is an input that names a secret.
type aboutSecret struct{ SecretId *string } //nolint:revive // the wire's spelling

func (in *aboutSecret) about() (id, name *string) { return in.SecretId, nil }
func (in *aboutSecret) check(c *checker)          { c.secretID(in.SecretId) }

// aboutNothing is an input that names no secret.
type aboutNothing struct{}

func (*aboutNothing) about() (id, name *string) { return nil, nil }

// named answers with the ARN and the name.
func named(r secret.Ref) answer {
	return func(o *object) {
		o.arn(r)
		o.str("Name", r.Name)
	}
}
