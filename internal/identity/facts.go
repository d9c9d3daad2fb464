package identity

import (
	"strconv"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// facts are what conditions may ask of a principal. It implements policy.Keys.
type facts struct {
	arn       string // of the user or the role
	account   string
	userID    string
	userName  string // of a user
	kind      string
	tags      []secret.Tag
	issued    secret.Instant // of a session
	federated string
	source    string // SourceIdentity
}

// Lookup implements policy.Keys.
func (f *facts) Lookup(key string) policy.Value {
	one := func(s string) policy.Value { return policy.Value{Present: s != "", One: s} }
	switch key {
	case "aws:principalarn":
		return one(f.arn)
	case "aws:principalaccount":
		return one(f.account)
	case "aws:principaltype":
		return one(f.kind)
	case "aws:userid":
		return one(f.userID)
	case "aws:username":
		return one(f.userName)
	case "aws:federatedprovider":
		return one(f.federated)
	case "aws:sourceidentity":
		return one(f.source)
	case "aws:tokenissuetime":
		if f.issued.IsZero() {
			return policy.Value{}
		}
		return policy.One(f.issued.Time().Format(time.RFC3339))
	case "aws:multifactorauthpresent": // there is no second factor: a session never has one
		return policy.Value{Present: !f.issued.IsZero(), One: strconv.FormatBool(false)}
	}
	if tag, ok := strings.CutPrefix(key, "aws:principaltag/"); ok {
		return gate.Tagged(f.tags, tag)
	}
	return policy.Value{}
}
