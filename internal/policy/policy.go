// Package policy decides. A program is what policies compile to; a question
// carries the verb and the thing as every language of policies spells them,
// and a clause matches the spelling of its own language.
//
// It is pure: no I/O, no clock, and no knowledge of where policies are kept.
package policy

import "github.com/strongroom-dev/strongroom/internal/secret"

// Tongue is a language that policies are written in.
type Tongue uint8

// The tongues.
const (
	AWS Tongue = iota // IAM documents: actions and ARNs
	tongues
)

// Effect is what a clause does to what it matches.
type Effect uint8

// The effects.
const (
	Allow Effect = iota
	Deny
)

// Spelling is how one tongue names a verb and a thing. A verb that a tongue
// has no word for is silent there: no clause of that tongue matches it.
type Spelling struct {
	Action   string
	Resource string
}

// Question asks whether a verb may be done to a thing.
type Question struct {
	Verb    secret.Verb
	Ref     secret.Ref
	Spelled [tongues]Spelling
}

// Clause is one compiled statement.
type Clause struct {
	Effect  Effect
	Tongue  Tongue
	Actions []Glob
	Names   []Glob
	Source  string // which statement of which policy, for people

	reasons []string // Source alone
}

func (c *Clause) matches(q *Question) bool {
	s := &q.Spelled[c.Tongue]
	return s.Action != "" && anyMatch(c.Actions, s.Action) && anyMatch(c.Names, s.Resource)
}

func anyMatch(globs []Glob, s string) bool {
	for i := range globs {
		if globs[i].Match(s) {
			return true
		}
	}
	return false
}

// Combine is how the clauses of a block make one answer.
type Combine uint8

// DenyOverrides: one matching deny refuses, else one matching allow permits.
const DenyOverrides Combine = iota

// Block is clauses that are judged together.
type Block struct {
	Combine Combine
	Clauses []Clause
}

// Program is all that binds a caller. The nil and the empty program permit
// nothing. It is immutable, and so safe for concurrent use.
type Program struct {
	blocks []Block
}

// New makes a program of blocks, which it owns from now on.
func New(blocks ...Block) *Program {
	for i := range blocks {
		for j := range blocks[i].Clauses {
			c := &blocks[i].Clauses[j]
			c.reasons = []string{c.Source}
		}
	}
	return &Program{blocks: blocks}
}

// Decision is an answer and the statements that made it.
type Decision struct {
	Allowed bool
	Reasons []string
}

// ReasonNothing is the reason where no statement speaks.
const ReasonNothing = "no policy allows it"

var nothing = []string{ReasonNothing}

// Decide answers. It looks at every clause, so that the reasons are whole.
func (p *Program) Decide(q *Question) Decision {
	var allow, deny []string
	if p != nil {
		for i := range p.blocks {
			for j := range p.blocks[i].Clauses {
				c := &p.blocks[i].Clauses[j]
				if !c.matches(q) {
					continue
				}
				if c.Effect == Deny {
					deny = with(deny, c)
				} else {
					allow = with(allow, c)
				}
			}
		}
	}
	switch {
	case deny != nil:
		return Decision{Reasons: deny}
	case allow != nil:
		return Decision{Allowed: true, Reasons: allow}
	}
	return Decision{Reasons: nothing}
}

// with adds the clause's reason; one reason alone takes no memory.
func with(reasons []string, c *Clause) []string {
	if reasons == nil {
		return c.reasons
	}
	return append(reasons[:len(reasons):len(reasons)], c.Source)
}

// Grant is a program of one statement that allows the actions on everything.
func Grant(source string, actions ...string) *Program {
	c := Clause{Effect: Allow, Tongue: AWS, Names: []Glob{NewGlob("*", false)}, Source: source}
	for _, a := range actions {
		c.Actions = append(c.Actions, NewGlob(a, true))
	}
	return New(Block{Combine: DenyOverrides, Clauses: []Clause{c}})
}
