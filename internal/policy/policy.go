// Package policy decides. A program is what policies compile to; a question
// carries the verb and the thing as every language of policies spells them,
// and a clause matches the spelling of its own language.
//
// It is pure: no I/O, no clock, and no knowledge of where policies are kept.
package policy

import (
	"sync/atomic"

	"github.com/strongroom-dev/strongroom/internal/secret"
)

// Tongue is a language that policies are written in.
type Tongue uint8

// The tongues.
const (
	AWS   Tongue = iota // IAM documents: actions and ARNs
	Vault               // ACL policies: capabilities and paths
	tongues
)

// Effect is what a clause does to what it matches.
type Effect uint8

// The effects.
const (
	Allow Effect = iota
	Deny
)

// Layer is what kind of policy a block is. A deny counts in any layer; an
// allow grants in an identity or a resource policy only, and a boundary or a
// session policy, where there is one, must allow besides.
type Layer uint8

// The layers.
const (
	Identity Layer = iota // attached to the caller
	Boundary              // the caller's permissions boundary
	Session               // given when the session was made
	Resource              // attached to the thing
	layers
)

// Spelling is how one tongue names a verb and a thing. A verb that a tongue
// has no word for is silent there: no clause of that tongue matches it.
type Spelling struct {
	Action   string
	Resource string
}

// Question asks whether a caller may do a verb to a thing.
type Question struct {
	Verb    secret.Verb // zero for an action that is no verb of ours
	Spelled [tongues]Spelling
	Ask     Ask // how Vault's policies are asked; they are silent if it has no path
	Who     Principal
	Owner   string   // the account of the thing; empty if it is nobody's
	Keys    Keys     // what conditions ask for; nil for nothing
	Policy  *Program // the thing's own policy, nil if it has none
	// PolicyRules: the thing's own policy must allow even in the same account,
	// as a role's trust policy must.
	PolicyRules bool

	reasons [8]string
}

// Clause is one compiled statement.
type Clause struct {
	Effect     Effect
	Tongue     Tongue
	Actions    []Pattern
	NotActions bool // Actions are those it does not speak of
	Names      []Pattern
	NotNames   bool
	Who        []Who // whom it speaks of; in resource policies only
	NotWho     bool
	When       []Condition // all must hold
	Source     string      // which statement of which policy, for people

	layer Layer
}

// Combine is how the clauses of a block make one answer.
type Combine uint8

const (
	// DenyOverrides: one matching deny refuses, else one matching allow permits.
	DenyOverrides Combine = iota
	// MostSpecific: the closest pattern alone speaks, even where it is silent.
	// All such blocks of a program are judged as one.
	MostSpecific
)

// Block is clauses, or path rules, that are judged together.
type Block struct {
	Layer   Layer
	Combine Combine
	Clauses []Clause // of DenyOverrides
	Rules   []Rule   // of MostSpecific, in the layer Identity
}

// Program is all that binds a caller, or all that a thing's own policy says.
// The nil and the empty program permit nothing. It is immutable, and so safe
// for concurrent use.
type Program struct {
	blocks []Block
	has    [layers]bool
	rules  *rules // nil if it has none

	// byVerb holds, for the verbs that were asked for, what speaks of them.
	byVerb [256]atomic.Pointer[[]entry]
}

// New makes a program of blocks, which it owns from now on.
func New(blocks ...Block) *Program {
	p := &Program{blocks: blocks}
	var all []Rule
	for i := range blocks {
		p.has[blocks[i].Layer] = true
		all = append(all, blocks[i].Rules...)
		for j := range blocks[i].Clauses {
			blocks[i].Clauses[j].layer = blocks[i].Layer
		}
	}
	if len(all) > 0 {
		p.rules = newRules(all)
	}
	return p
}

// Blocks are what the program was made of; they must not be changed.
func (p *Program) Blocks() []Block {
	if p == nil {
		return nil
	}
	return p.blocks
}

// Grant is a program of one statement that allows the actions on everything.
func Grant(source string, actions ...string) *Program {
	c := Clause{Effect: Allow, Tongue: AWS, Names: []Pattern{Any}, Source: source}
	for _, a := range actions {
		c.Actions = append(c.Actions, NewPattern(a, Folded))
	}
	return New(Block{Clauses: []Clause{c}})
}
