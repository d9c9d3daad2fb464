package aws

import (
	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/policy/iam"
)

type putResourcePolicyInput struct {
	aboutSecret
	ResourcePolicy    *string
	BlockPublicPolicy *bool
}

func (in *putResourcePolicyInput) check(c *checker) {
	in.aboutSecret.check(c)
	checkPolicy(c, in.ResourcePolicy)
}

func checkPolicy(c *checker, policy *string) {
	if c.required("resourcePolicy", policy != nil) {
		c.length("resourcePolicy", policy, 1, core.MaxPolicy)
	}
}

func putResourcePolicy(q *request, in *putResourcePolicyInput) (answer, error) {
	ref, err := q.door.cfg.Core.PutResourcePolicy(q.ctx, q.who, core.PutResourcePolicyInput{
		Ref: q.ref(in.SecretId, nil), Policy: *in.ResourcePolicy, BlockPublic: in.BlockPublicPolicy != nil && *in.BlockPublicPolicy,
	})
	return named(ref), err
}

type getResourcePolicyInput struct{ aboutSecret }

func getResourcePolicy(q *request, in *getResourcePolicyInput) (answer, error) {
	out, err := q.door.cfg.Core.GetResourcePolicy(q.ctx, q.who, q.ref(in.SecretId, nil))
	return func(o *object) {
		o.arn(out.Ref)
		o.str("Name", out.Ref.Name)
		if out.Policy != "" {
			o.str("ResourcePolicy", iam.Print(out.Policy))
		}
	}, err
}

type deleteResourcePolicyInput struct{ aboutSecret }

func deleteResourcePolicy(q *request, in *deleteResourcePolicyInput) (answer, error) {
	ref, err := q.door.cfg.Core.DeleteResourcePolicy(q.ctx, q.who, q.ref(in.SecretId, nil))
	return named(ref), err
}

// validateResourcePolicyInput may name no secret.
type validateResourcePolicyInput struct {
	aboutSecret
	ResourcePolicy *string
}

func (in *validateResourcePolicyInput) check(c *checker) {
	if in.SecretId != nil {
		in.aboutSecret.check(c)
	}
	checkPolicy(c, in.ResourcePolicy)
}

func validateResourcePolicy(q *request, in *validateResourcePolicyInput) (answer, error) {
	problems, err := q.door.cfg.Core.ValidateResourcePolicy(q.ctx, q.who, q.ref(in.SecretId, nil), *in.ResourcePolicy)
	return func(o *object) {
		o.boolean("PolicyValidationPassed", len(problems) == 0)
		list(o, "ValidationErrors", problems, func(o *object, p core.PolicyProblem) {
			o.str("CheckName", p.Check)
			o.str("ErrorMessage", p.Message)
		})
	}, err
}
