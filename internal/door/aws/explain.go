package aws

import (
	"context"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/policy"
)

// The operations that explain decisions: IAM's simulations, and Strongroom's
// own questions.

// contextEntry is a condition key with its values.
type contextEntry struct {
	Key    string
	Values []string
	Multi  bool
}

func factsOf(entries []contextEntry) policy.Facts {
	keys := policy.Facts{}
	for _, e := range entries {
		if e.Multi || len(e.Values) != 1 {
			keys[fold.Lower(e.Key)] = policy.Many(e.Values)
		} else {
			keys[fold.Lower(e.Key)] = policy.One(e.Values[0])
		}
	}
	return keys
}

type simulatePolicyInput struct {
	aboutNothing
	Principal *string
	Policies  []string
	Actions   []string
	Resources []string
	Context   []contextEntry
}

func (in *simulatePolicyInput) check(c *checker) {
	c.required("actions", len(in.Actions) > 0)
	c.required("principal", in.Principal != nil || len(in.Policies) > 0)
}

func simulatePolicy(q *request, in *simulatePolicyInput) (answer, error) {
	ask := identity.SimulateInput{
		Principal: text(in.Principal), Policies: in.Policies, Actions: in.Actions, Resources: in.Resources, Context: factsOf(in.Context), Home: q.home,
	}
	run := q.door.cfg.Directory.SimulatePrincipalPolicy
	if in.Principal == nil {
		run = q.door.cfg.Directory.SimulateCustomPolicy
	}
	all, err := run(q.ctx, q.who, ask)
	return func(o *object) {
		list(o, "Evaluations", all, func(o *object, e identity.Evaluation) {
			o.str("Action", e.Action)
			o.str("Decision", decisionOf(e.Decision))
			o.strs("MissingContext", e.Missing)
			o.strs("Reasons", e.Reasons)
			o.str("Resource", e.Resource)
		})
	}, err
}

// decisionOf is a decision in IAM's words.
func decisionOf(d policy.Decision) string {
	switch {
	case d.Allowed:
		return "allowed"
	case d.Explicit:
		return "explicitDeny"
	}
	return "implicitDeny"
}

type whoCanInput struct {
	aboutNothing
	Action, Resource *string
}

func (in *whoCanInput) check(c *checker) {
	c.required("action", in.Action != nil)
	c.required("resource", in.Resource != nil)
}

func whoCan(q *request, in *whoCanInput) (answer, error) {
	all, err := q.door.cfg.Directory.WhoCan(q.ctx, q.who, *in.Action, *in.Resource, q.home)
	return func(o *object) {
		list(o, "Principals", all, func(o *object, a identity.Able) {
			o.str("Arn", a.ARN)
			o.strs("MissingContext", a.Missing)
			o.strs("Reasons", a.Reasons)
		})
	}, err
}

type suggestPolicyInput struct {
	aboutNothing
	Principal *string
	Since     *int64 // seconds since 1970
}

func (in *suggestPolicyInput) check(c *checker) { c.required("principal", in.Principal != nil) }

func suggestPolicy(q *request, in *suggestPolicyInput) (answer, error) {
	s, err := q.door.cfg.Directory.SuggestPolicy(q.ctx, q.who, *in.Principal, time.Unix(number(in.Since, 0), 0))
	return func(o *object) {
		o.str("Document", s.Document)
		o.number("Records", int64(s.Records))
		o.strs("Unused", s.Unused)
		o.strs("Used", s.Used)
	}, err
}

// xmlEvaluation is one result of IAM's simulations.
type xmlEvaluation struct {
	EvalActionName, EvalResourceName, EvalDecision string
	MatchedStatements                              members[xmlMatched]
	MissingContextValues                           members[string]
}

type xmlMatched struct{ SourcePolicyId string } //nolint:revive // the wire's spelling

// simulation is one of the directory's two.
type simulation = func(context.Context, core.Caller, identity.SimulateInput) ([]identity.Evaluation, error)

func simulate(run func(*request) simulation) func(q *request, f form) (any, error) {
	return func(q *request, f form) (any, error) {
		in := identity.SimulateInput{
			Principal: f.get("PolicySourceArn"), Policies: f.list("PolicyInputList"), Boundary: f.list("PermissionsBoundaryPolicyInputList"),
			Actions: f.list("ActionNames"), Resources: f.list("ResourceArns"), Policy: f.get("ResourcePolicy"), Context: factsOf(f.context()), Home: q.home,
		}
		q.given = in.Principal
		results, err := run(q)(q.ctx, q.who, in)
		if err != nil {
			return nil, err
		}
		return struct {
			EvaluationResults members[xmlEvaluation]
			page
		}{EvaluationResults: all(results, func(e identity.Evaluation) xmlEvaluation {
			x := xmlEvaluation{EvalActionName: e.Action, EvalResourceName: e.Resource, EvalDecision: decisionOf(e.Decision), MissingContextValues: e.Missing}
			if e.Allowed || e.Explicit {
				x.MatchedStatements = all(e.Reasons, func(r string) xmlMatched { return xmlMatched{r} })
			}
			return x
		})}, nil
	}
}
