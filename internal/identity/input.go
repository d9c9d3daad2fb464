package identity

import (
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// Input is what the operations of IAM are given; each takes the members that
// it knows. Which of them must be there is the door's business.
type Input struct {
	Name        string // of the user, group, role or policy
	Path        string // of what is made; "/" if empty
	PathPrefix  string // of what is listed
	NewName     string
	NewPath     string
	User        string // of group operations
	Document    string
	PolicyName  string // of an inline policy
	PolicyARN   string
	VersionID   string
	SetDefault  bool
	Description *string
	Boundary    string
	MaxSession  int64 // seconds
	Tags        []secret.Tag
	TagKeys     []string
	AccessKey   string
	Active      bool
	URL         string   // of a provider
	Audiences   []string // of a provider
	ClientID    string   // one of them
	Thumbprints []string // of a provider
	Local       bool     // of ListPolicies: only the account's own
	OnlyUsed    bool     // of ListPolicies: only attached ones
	After       string   // of lists: the last name of the page before
	Max         int      // of lists
}

// Output is what they answer.
type Output struct {
	Account   string
	Entity    *Entity // shared: not to be changed
	Entities  []*Entity
	Policy    *Policy
	Provider  *Provider
	Policies  []Listed
	Names     []string // of inline policies
	Attached  []Attached
	Document  string
	Version   *Version
	Versions  []Version
	Key       *AccessKey
	Keys      []AccessKey
	Tags      []secret.Tag
	Next      string // where the next page begins; empty on the last
	Attaching int    // of a policy: to how many it is attached
}

// Listed is a managed policy in a list.
type Listed struct {
	*Policy
	Account   string // whose it is; "aws" for those that are always there
	Attaching int
}

// Attached names a managed policy that is attached.
type Attached struct{ Name, ARN string }

// AccessKey is an access key. The secret is there only when it is made;
// whoever gets it wipes it.
type AccessKey struct {
	ID       string
	Secret   plain.Value
	User     string
	Active   bool
	Created  secret.Instant
	LastUsed secret.Instant
	Service  string
	Region   string
}
