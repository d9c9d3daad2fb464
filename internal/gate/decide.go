package gate

import (
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// question is one question and what it points to.
type question struct {
	policy.Question
	about circumstances
}

// decide asks the caller's program, and the policy of the thing itself.
func (op *operation) decide(q *question, v secret.Verb, found *Found) policy.Decision {
	resource := arn.Resource(found.Ref)
	q.about = circumstances{who: &op.who, now: op.begun, owner: found.Ref.Space.Account, resource: resource}
	if found.Secret != nil {
		q.about.tags = found.Secret.Tags
	} else {
		q.about.tags = found.Tags
	}
	q.Verb, q.Who, q.Keys, q.Policy, q.PolicyRules = v, op.who.Who, &q.about, found.Policy, found.PolicyRules
	q.Owner = found.Ref.Space.Account
	if op.who.Who.Account == "" || resource == arn.Everything || q.Owner == arn.ManagedAccount {
		// The house's own, or about no one thing, or everybody's.
		q.Owner = op.who.Who.Account
	}
	q.Spelled[policy.AWS] = policy.Spelling{Action: arn.Action(v), Resource: resource}
	return op.who.Program.Decide(&q.Question)
}
