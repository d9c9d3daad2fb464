package policy

import "github.com/strongroom-dev/strongroom/internal/secret"

// Decision is an answer, and the statements that made it.
type Decision struct {
	Allowed  bool
	Explicit bool  // a refusal by a statement that denies, not for want of one that allows
	Layer    Layer // which layer refused
	// Reasons name the statements that decided. They are valid until the
	// question is asked again.
	Reasons []string
}

// Refusal is in the chain of the error of whoever was refused: it says which
// kind of policy did.
type Refusal struct {
	Verb     secret.Verb
	Explicit bool
	Layer    Layer
}

func (r *Refusal) Error() string { return "refused: " + r.Verb.String() }

// Reasons for want of a statement.
var silences = [layers]string{
	Identity: "no identity-based policy allows it",
	Boundary: "no permissions boundary allows it",
	Session:  "no session policy allows it",
	Resource: "no resource-based policy allows it",
}

// verdicts is what the layers say.
type verdicts struct {
	allows [layers]*Clause
	grade  Grade // of the resource policy's allow
}

// Decide answers, by the rules of IAM: a deny in any layer refuses. In one
// account the caller's policies or the thing's own must allow, across accounts
// both. A boundary and a session policy must allow too, unless the thing's
// policy names the very user or session.
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html)
func (p *Program) Decide(q *Question) Decision {
	var v verdicts
	if p.HasRules() && q.Ask.Path != "" {
		switch r, allowed := p.rules.decide(&q.Ask); {
		case r != nil && !allowed:
			return q.denied(&r.clause)
		case r != nil:
			v.allows[Identity] = &r.clause
		}
	}
	own := p.entries(q)
	for i := range own {
		e := &own[i]
		if !e.matches(q) || !e.clause.holds(q.Keys) {
			continue
		}
		if e.clause.Effect == Deny {
			return q.denied(e.clause)
		}
		if v.allows[e.clause.layer] == nil {
			v.allows[e.clause.layer] = e.clause
		}
	}
	of := q.Policy.entries(q)
	for i := range of {
		e := &of[i]
		grade := e.clause.names(&q.Who)
		if grade == Unnamed || !e.matches(q) || !e.clause.holds(q.Keys) {
			continue
		}
		if e.clause.Effect == Deny {
			return q.denied(e.clause)
		}
		if grade > v.grade {
			v.allows[Resource], v.grade = e.clause, grade
		}
	}
	return p.judge(q, &v)
}

// judge weighs what allows.
func (p *Program) judge(q *Question, v *verdicts) Decision {
	own := q.Owner == "" || q.Owner == q.Who.Account
	if own && v.grade >= NamedItself {
		return q.allowed(v.allows[Resource])
	}
	if (!own || q.PolicyRules) && v.allows[Resource] == nil {
		return q.silent(Resource)
	}
	if v.allows[Identity] == nil && (!own || v.grade < NamedRole) {
		return q.silent(Identity)
	}
	var limits [layers]bool
	if p != nil {
		limits = p.has
	}
	for _, l := range [...]Layer{Boundary, Session} {
		if limits[l] && v.allows[l] == nil {
			return q.silent(l)
		}
	}
	return q.allowed(v.allows[:]...)
}

func (q *Question) denied(c *Clause) Decision {
	q.reasons[0] = c.Source
	return Decision{Explicit: true, Layer: c.layer, Reasons: q.reasons[:1]}
}

func (q *Question) silent(l Layer) Decision {
	q.reasons[0] = silences[l]
	return Decision{Layer: l, Reasons: q.reasons[:1]}
}

func (q *Question) allowed(by ...*Clause) Decision {
	n := 0
	for _, c := range by {
		if c != nil {
			q.reasons[n] = c.Source
			n++
		}
	}
	return Decision{Allowed: true, Reasons: q.reasons[:n]}
}
