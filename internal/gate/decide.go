package gate

import (
	"cmp"

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
	q.about = circumstances{who: &op.who, now: op.begun}
	q.ask(&q.about, v, arn.Action(v), found)
	return op.who.Program.Decide(&q.Question)
}

// ask spells the question.
func (q *question) ask(about *circumstances, v secret.Verb, action string, found *Found) {
	about.owner, about.resource, about.tags = found.Ref.Space.Account, arn.Resource(found.Ref), found.Tags
	if found.Secret != nil {
		about.tags, about.primary = found.Secret.Tags, cmp.Or(found.Secret.Primary, found.Ref.Space.Region)
		if r := found.Secret.Rotation; r != nil {
			about.function = r.Function
		}
	}
	about.boundary = found.Boundary
	q.Verb, q.Who, q.Keys, q.Policy, q.PolicyRules = v, about.who.Who, about, found.Policy, found.PolicyRules
	q.Owner = about.owner
	if about.who.Principal == System {
		q.Policy = nil // what the house does for a user, that user was asked for
	}
	if q.Who.Account == "" || about.resource == arn.Everything || q.Owner == arn.ManagedAccount {
		// The house's own, or about no one thing, or everybody's.
		q.Owner = q.Who.Account
	}
	q.Spelled[policy.AWS] = policy.Spelling{Action: action, Resource: about.resource}
}
