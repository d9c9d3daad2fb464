package gate

import (
	"cmp"

	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/name/path"
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
	return op.judge(q, &op.who, v, found)
}

// judge has a question decided, spelled for Vault too if policies of Vault's
// are to be asked.
func (op *operation) judge(q *question, who *Caller, v secret.Verb, found *Found) policy.Decision {
	q.Ask = policy.Ask{}
	if who.Program.HasRules() {
		if err := op.spell(&q.Ask, who, v, found); err != nil {
			return policy.Decision{Explicit: true, Reasons: []string{"the mounts could not be read"}}
		}
	}
	return who.Program.Decide(&q.Question)
}

// spell is how Vault asks.
func (op *operation) spell(a *policy.Ask, who *Caller, v secret.Verb, found *Found) error {
	if who.Ask != nil {
		*a = *who.Ask
	}
	r := &found.Ref
	switch r.Kind {
	case secret.KindPath:
		a.Path = who.Below + r.Name
	case secret.KindSecret, secret.KindFolder, secret.KindNone:
		a.Path = ""
		if op.gate.cfg.Mounts == nil || r.Space.Region == "" {
			return nil
		}
		mount, version, err := op.gate.cfg.Mounts(&op.tx, r.Space)
		if err != nil || mount == "" {
			return err
		}
		a.Path, a.Want = path.Spell(v, who.Below+mount, version, r.Name)
		a.Sudo = false
	case secret.KindSystem: // it is about no one path: the request's own is asked for
		if a.Path != "" {
			a.Path = who.Below + a.Path
		}
	default:
		a.Path = ""
	}
	if a.Want == policy.CanUpdate && r.Kind == secret.KindSecret && found.Secret == nil {
		a.Want = policy.CanCreate
	}
	return nil
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
	if q.Who.Account == "" || about.resource == arn.Everything || q.Owner == arn.ManagedAccount || about.who.Below != "" {
		// The house's own, or about no one thing, or everybody's, or of a
		// namespace that is the caller's to rule.
		q.Owner = q.Who.Account
	}
	q.Spelled[policy.AWS] = policy.Spelling{Action: action, Resource: about.resource}
}
