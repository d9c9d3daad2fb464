package identity

import (
	"context"
	"errors"
	"slices"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/policy/iam"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// SimulateInput asks what policies would decide. Every action is asked of every
// resource.
type SimulateInput struct {
	Principal string   // the ARN of a user or role whose policies are asked; empty for none
	Policies  []string // further identity policies
	Boundary  []string // policies in place of the principal's boundary
	Actions   []string
	Resources []string     // ARNs, or names of secrets in Home; everything if there are none
	Policy    string       // in place of the resource's own
	Context   policy.Facts // what conditions may ask
	Home      secret.Space
}

// Evaluation is one answer of a simulation.
type Evaluation struct {
	Action, Resource string
	policy.Decision
	Missing []string // condition keys that were asked for and not given
}

// SimulatePrincipalPolicy says what a user or role may do. Secrets' tags and
// own policies are taken from the secrets themselves. It fails with NotFound,
// or Invalid if a policy is none.
func (d *Directory) SimulatePrincipalPolicy(ctx context.Context, who Caller, in SimulateInput) ([]Evaluation, error) {
	ref, _ := arn.Ref(in.Principal, in.Home)
	return do(ctx, d, who, secret.SimulatePrincipalPolicy, ref, func(tx *gate.Tx, _ secret.Ref) ([]Evaluation, error) {
		e, err := d.byARN(tx, in.Principal)
		if err != nil {
			return nil, err
		}
		if e == nil {
			return nil, fault.New(fault.NotFound, "The principal %s cannot be found.", in.Principal)
		}
		b, _, err := d.bind(tx, ref.Space.Account, e.Kind, e.Name, e.ID)
		if err != nil {
			return nil, err
		}
		return simulate(ctx, tx, in, d.as(b), b.program.Blocks())
	})
}

// SimulateCustomPolicy says what the policies that are given would decide.
func (d *Directory) SimulateCustomPolicy(ctx context.Context, who Caller, in SimulateInput) ([]Evaluation, error) {
	return do(ctx, d, who, secret.SimulateCustomPolicy, secret.Ref{}, func(tx *gate.Tx, _ secret.Ref) ([]Evaluation, error) {
		account := tx.Caller().Who.Account
		return simulate(ctx, tx, in, Caller{Who: policy.Principal{Account: account, ID: "simulated"}}, nil)
	})
}

// as is the caller that a user or role would be.
func (d *Directory) as(b bound) Caller {
	return Caller{Principal: b.arn, Program: b.program, Facts: b.facts, Who: policy.Principal{Account: b.facts.account, ID: b.entity.ID}}
}

// simulate asks. own are the principal's blocks.
func simulate(ctx context.Context, tx *gate.Tx, in SimulateInput, as Caller, own []policy.Block) ([]Evaluation, error) {
	blocks := slices.Clone(own)
	if len(in.Boundary) > 0 {
		blocks = slices.DeleteFunc(blocks, func(b policy.Block) bool { return b.Layer == policy.Boundary })
	}
	for _, group := range []struct {
		texts []string
		layer policy.Layer
		name  string
	}{{in.Policies, policy.Identity, "a policy of the request"}, {in.Boundary, policy.Boundary, "the boundary of the request"}} {
		for _, text := range group.texts {
			if _, err := parse(text, iam.IdentityPolicy, maxDocument); err != nil {
				return nil, err
			}
			b, err := compile(text, group.name, group.layer)
			if err != nil {
				return nil, err
			}
			blocks = append(blocks, b)
		}
	}
	as.Program = policy.New(blocks...)
	if len(blocks) > maxSimulated {
		return nil, fault.Wrap(fault.Invalid, ErrInput, "A simulation asks at most %d policies.", maxSimulated)
	}
	for _, text := range slices.Concat(in.Actions, in.Resources) {
		if len(text) > maxAsked {
			return nil, fault.Wrap(fault.Invalid, ErrInput, "An action or a resource of a simulation is at most %d characters long.", maxAsked)
		}
	}
	resources := in.Resources
	if len(resources) == 0 {
		resources = []string{arn.Everything}
	}
	if len(in.Actions)*len(resources) > maxEvaluations {
		return nil, fault.Wrap(fault.Invalid, ErrInput, "A simulation asks at most %d questions.", maxEvaluations)
	}
	var all []Evaluation
	for _, resource := range resources {
		found, err := in.find(tx, resource)
		if err != nil {
			return nil, err
		}
		for _, action := range in.Actions {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			as.Given = in.Context
			d, missing := tx.Would(as, action, found)
			d.Reasons = slices.Clone(d.Reasons)
			all = append(all, Evaluation{Action: action, Resource: resource, Decision: d, Missing: missing})
		}
	}
	return all, nil
}

// maxEvaluations bounds one simulation: actions times resources.
const maxEvaluations = 1000

// maxSimulated bounds the policies of one, and maxAsked the length of what is
// asked: an ARN of a secret has at most 600 characters.
const (
	maxSimulated = 30
	maxAsked     = 1024
)

// find is the resource that is asked about, with what the request says of it.
func (in *SimulateInput) find(tx *gate.Tx, resource string) (gate.Found, error) {
	if resource == arn.Everything {
		return gate.Found{}, nil
	}
	ref, ok := arn.Ref(resource, in.Home)
	if !ok {
		return gate.Found{}, fault.Wrap(fault.Invalid, ErrInput, "%s is not the ARN of anything that there can be here.", resource)
	}
	found := gate.Found{Ref: ref}
	var err error
	if ref.Space.Account == tx.Caller().Who.Account { // of another account's things nothing is told
		there, problem := tx.Find(ref)
		if err = problem; err == nil && (there.Secret == nil || tx.May(secret.DescribeSecret, there)) {
			found = there // nor of a secret that the caller may not see
		}
	}
	if err == nil && in.Policy != "" {
		var doc *iam.Document
		if doc, err = iam.Parse([]byte(in.Policy), iam.ResourcePolicy); err == nil {
			found.Policy = policy.New(doc.Compile("the resource policy of the request", policy.Resource, nil))
		} else if bad, ok := errors.AsType[*iam.Error](err); ok {
			err = fault.Wrap(fault.Invalid, ErrMalformedPolicy, "%s", bad.Error())
		}
	}
	return found, err
}

// Able is a user or role that may do something, and the statements that let it.
type Able struct {
	ARN     string
	Reasons []string
	Missing []string // condition keys on which it depends
}

// WhoCan says which users and roles of the caller's account may do an action to
// a resource. Conditions on what a request brings count as not met; the keys
// that were missing are named. It fails with Invalid if the resource can be
// nothing.
func (d *Directory) WhoCan(ctx context.Context, who Caller, action, resource string, home secret.Space) ([]Able, error) {
	return do(ctx, d, who, secret.WhoCan, secret.System(), func(tx *gate.Tx, _ secret.Ref) ([]Able, error) {
		in := SimulateInput{Home: home}
		found, err := in.find(tx, resource)
		if err != nil {
			return nil, err
		}
		account := tx.Caller().Who.Account
		var all []Able
		for _, k := range []secret.Kind{secret.KindUser, secret.KindRole} {
			err := d.each(tx, account, k, func(e *Entity) (bool, error) {
				b, _, err := d.bind(tx, account, k, e.Name, e.ID)
				if err != nil {
					return false, err
				}
				if d, missing := tx.Would(d.as(b), action, found); d.Allowed {
					all = append(all, Able{ARN: b.arn, Reasons: slices.Clone(d.Reasons), Missing: missing})
				}
				return true, nil
			})
			if err != nil {
				return nil, err
			}
		}
		return all, nil
	})
}
