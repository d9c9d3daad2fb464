package gate

import (
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// spellResource is how records and AWS policies name the thing.
func spellResource(r secret.Ref) string {
	switch r.Kind {
	case secret.KindSecret:
		return arn.Secret(r)
	case secret.KindCredential:
		return r.Name
	}
	return "*"
}

var crossAccount = []string{"the secret is another account's, and no resource-based policy allows it"}

// decide asks the caller's program.
func (op *operation) decide(v secret.Verb, ref secret.Ref) policy.Decision {
	if ref.Kind == secret.KindSecret && op.who.Account != "" && ref.Space.Account != op.who.Account {
		return policy.Decision{Reasons: crossAccount}
	}
	q := &op.spell
	q.Verb, q.Ref = v, ref
	q.Spelled[policy.AWS] = policy.Spelling{Action: arn.Action(v), Resource: op.record.Resource}
	if v != op.verb {
		q.Spelled[policy.AWS].Resource = spellResource(ref)
	}
	return op.who.Program.Decide(q)
}
