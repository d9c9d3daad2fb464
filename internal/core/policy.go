package core

import (
	"context"
	"errors"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/policy/iam"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// MaxPolicy is the longest policy of a secret, in bytes.
const MaxPolicy = 20480

type coreError string

func (e coreError) Error() string { return string(e) }

// Errors in the chains of Invalid faults about a secret's policy.
const (
	// ErrMalformedPolicy: it is none.
	ErrMalformedPolicy = coreError("core: malformed resource policy")
	// ErrPublicPolicy: it would let anybody in.
	ErrPublicPolicy = coreError("core: public resource policy")
)

// The texts of what a policy is checked for.
const (
	publicText  = "You can not attach a resource policy that grants Public access to your secret."
	lockOutText = "This resource policy will not allow you to manage this secret in the future."
)

// decodePolicy compiles the policy of a secret's row.
func decodePolicy(opened []byte) (*policy.Program, error) {
	sec, err := stored.Decode[secret.Secret](opened)
	if err != nil {
		return nil, err
	}
	return compilePolicy(sec.Name, sec.Policy, sec.PolicyNames)
}

func compilePolicy(name, text string, names iam.Naming) (*policy.Program, error) {
	doc, err := iam.Parse([]byte(text), iam.ResourcePolicy)
	if err != nil {
		return nil, err
	}
	return policy.New(doc.Compile("the policy of secret "+name, policy.Resource, names)), nil
}

// parsePolicy reads a policy that is to be put.
func (c *Core) parsePolicy(tx *gate.Tx, text string) (*iam.Document, iam.Naming, error) {
	doc, err := iam.Parse([]byte(text), iam.ResourcePolicy)
	if bad, ok := errors.AsType[*iam.Error](err); ok {
		return nil, nil, fault.Wrap(fault.Invalid, ErrMalformedPolicy, "This resource policy contains a syntax error. %s", bad.Error())
	}
	names, err := c.names.NameAll(tx, doc)
	if fault.Is(err, fault.Invalid) {
		return nil, nil, fault.Wrap(fault.Invalid, ErrMalformedPolicy, "This resource policy contains an unsupported principal")
	}
	return doc, names, err
}

// PutResourcePolicyInput gives a secret a policy of its own.
type PutResourcePolicyInput struct {
	Ref         secret.Ref
	Policy      string // an IAM document
	BlockPublic bool   // refuse a policy that lets anybody in
}

// PutResourcePolicy gives a secret a policy, in place of the one that it had.
// It fails with NotFound, Deleted, or Invalid, the chain then holding
// ErrMalformedPolicy or ErrPublicPolicy, or Conflict if the caller could not
// put another policy afterwards.
func (c *Core) PutResourcePolicy(ctx context.Context, who Caller, in PutResourcePolicyInput) (secret.Ref, error) {
	given := policy.Facts{}
	given.SetBool("secretsmanager:blockpublicpolicy", in.BlockPublic)
	who.Given = given
	return c.retag(ctx, who, secret.PutResourcePolicy, in.Ref, func(tx *gate.Tx, sec *secret.Secret) error {
		doc, names, err := c.parsePolicy(tx, in.Policy)
		if err != nil {
			return err
		}
		if in.BlockPublic && doc.Public() {
			return fault.Wrap(fault.Invalid, ErrPublicPolicy, publicText)
		}
		sec.Policy, sec.PolicyNames = in.Policy, names
		if locksOut(tx, in.Ref.Space, sec) {
			return fault.New(fault.Conflict, lockOutText)
		}
		return nil
	})
}

// locksOut reports whether the caller could not change the secret's policy any
// more.
func locksOut(tx *gate.Tx, s secret.Space, sec *secret.Secret) bool {
	p, err := compilePolicy(sec.Name, sec.Policy, sec.PolicyNames)
	return err != nil || !tx.May(secret.PutResourcePolicy, gate.Found{Ref: RefOf(s, sec), Secret: sec, Policy: p})
}

// ResourcePolicy is a secret and its policy, empty for none.
type ResourcePolicy struct {
	Ref    secret.Ref
	Policy string
}

// GetResourcePolicy reads a secret's policy. It fails with NotFound or Deleted.
func (c *Core) GetResourcePolicy(ctx context.Context, who Caller, ref secret.Ref) (ResourcePolicy, error) {
	return gate.Do(ctx, c.gate, who, secret.GetResourcePolicy, ref, func(tx *gate.Tx, ref secret.Ref) (ResourcePolicy, error) {
		sec, err := live(tx)
		if err != nil {
			return ResourcePolicy{}, err
		}
		return ResourcePolicy{ref, sec.Policy}, nil
	})
}

// DeleteResourcePolicy takes a secret's policy away; that there is none is no
// error. It fails with NotFound or Deleted.
func (c *Core) DeleteResourcePolicy(ctx context.Context, who Caller, ref secret.Ref) (secret.Ref, error) {
	return c.retag(ctx, who, secret.DeleteResourcePolicy, ref, func(_ *gate.Tx, sec *secret.Secret) error {
		sec.Policy, sec.PolicyNames = "", nil
		return nil
	})
}

// PolicyProblem is what speaks against a policy: the name of the check, and
// the reason.
type PolicyProblem struct{ Check, Message string }

// ValidateResourcePolicy says what speaks against a policy. ref may be that of
// a whole space: then it is for no secret yet.
func (c *Core) ValidateResourcePolicy(ctx context.Context, who Caller, ref secret.Ref, text string) ([]PolicyProblem, error) {
	return gate.Do(ctx, c.gate, who, secret.ValidateResourcePolicy, ref, func(tx *gate.Tx, ref secret.Ref) ([]PolicyProblem, error) {
		doc, names, err := c.parsePolicy(tx, text)
		if err != nil {
			return nil, err
		}
		var problems []PolicyProblem
		if doc.Public() {
			problems = append(problems, PolicyProblem{"BlockPublicPolicyCheck", publicText})
		}
		if sec := tx.Subject(); sec != nil {
			sec = sec.Clone()
			sec.Policy, sec.PolicyNames = text, names
			if locksOut(tx, ref.Space, sec) {
				problems = append(problems, PolicyProblem{"LockOutCheck", lockOutText})
			}
		}
		return problems, nil
	})
}
