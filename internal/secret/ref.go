package secret

// Space is where names are unique: an AWS account in a region.
type Space struct {
	Account string // twelve digits
	Region  string
}

// Kind is what sort of thing a Ref means.
type Kind uint8

// The kinds.
const (
	KindNone       Kind = iota // the operation is about no one thing
	KindSecret                 // a secret
	KindCredential             // an access key
	KindSystem                 // the house itself: its log, its keys, its backups
	KindUser                   // a user, by path and name: "/team/ann"
	KindGroup                  // a group
	KindRole                   // a role
	KindPolicy                 // a managed policy
	KindProvider               // an identity provider
	KindFunction               // a rotation function
	KindPath                   // a path of Vault's that is no secret: "auth/approle/role/ci"
	KindFolder                 // the secrets whose names begin with a path that ends in a slash
)

// Ref says which thing is meant. Suffix is the random end of the thing's ARN;
// a caller may leave it out, and the gate fills it in from the thing itself.
type Ref struct {
	Space  Space
	Kind   Kind
	Name   string
	Suffix string
}

// InSpace is the ref of an operation that is about a whole space.
func InSpace(s Space) Ref { return Ref{Space: s} }

// System is the ref of the house itself.
func System() Ref { return Ref{Kind: KindSystem} }

// CredentialRef is the ref of an access key, which is unique in the house.
func CredentialRef(id string) Ref { return Ref{Kind: KindCredential, Name: id} }
