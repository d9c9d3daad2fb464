package identity

import (
	"context"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/policy/hcl"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/stored"
)

// ACL is a policy of Vault's.
type ACL struct {
	Name     string         `cbor:"1,keyasint"` // in lower case
	Text     string         `cbor:"2,keyasint"`
	Version  int64          `cbor:"3,keyasint"` // how often it was written
	Modified secret.Instant `cbor:"4,keyasint"`
	// MustCAS: a write has to name the version that it replaces.
	MustCAS bool `cbor:"5,keyasint,omitempty"`

	parsed *hcl.Policy
}

// aclPrefix + ACCOUNT/NAME is the key of an ACL.
const aclPrefix = "acl/"

func aclKey(account, name string) string { return aclPrefix + account + "/" + name }

func decodeACL(opened []byte) (*ACL, error) {
	a, err := stored.Decode[ACL](opened)
	if err != nil {
		return nil, err
	}
	a.parsed, err = hcl.Parse(a.Text)
	return a, err
}

// The policies that are always there.
const (
	RootPolicy    = "root"
	DefaultPolicy = "default"
	// WrappingPolicy binds the tokens that wrap an answer.
	WrappingPolicy = "response-wrapping"
)

// defaultText is what every token may do unless it was made without it, or the
// policy was changed.
const defaultText = `# What a token may do with itself.
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self"  { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self"  { capabilities = ["update"] }

# Its own entity, by ID or by name.
path "identity/entity/id/{{identity.entity.id}}"     { capabilities = ["read"] }
path "identity/entity/name/{{identity.entity.name}}" { capabilities = ["read"] }

# What the UI shows or hides.
path "sys/internal/ui/resultant-acl" { capabilities = ["read"] }

# Leases that it knows the IDs of.
path "sys/renew"         { capabilities = ["update"] }
path "sys/leases/renew"  { capabilities = ["update"] }
path "sys/leases/lookup" { capabilities = ["update"] }

# Its own cubbyhole.
path "cubbyhole/*" { capabilities = ["create", "read", "update", "delete", "list"] }

# Answers that were wrapped.
path "sys/wrapping/wrap"   { capabilities = ["update"] }
path "sys/wrapping/lookup" { capabilities = ["update"] }
path "sys/wrapping/unwrap" { capabilities = ["update"] }

# Hashes and random bytes.
path "sys/tools/hash"     { capabilities = ["update"] }
path "sys/tools/hash/*"   { capabilities = ["update"] }
path "sys/tools/random"   { capabilities = ["update"] }
path "sys/tools/random/*" { capabilities = ["update"] }
`

const wrappingText = `path "cubbyhole/response" { capabilities = ["create", "read"] }
path "sys/wrapping/unwrap" { capabilities = ["update"] }
`

// always are the policies that are there without a row.
var always = func() map[string]*ACL {
	all := map[string]*ACL{}
	for name, text := range map[string]string{DefaultPolicy: defaultText, WrappingPolicy: wrappingText} {
		p, err := hcl.Parse(text)
		if err != nil {
			panic(err)
		}
		all[name] = &ACL{Name: name, Text: text, Version: 1, parsed: p}
	}
	all[RootPolicy] = &ACL{Name: RootPolicy, Version: 1, parsed: &hcl.Policy{}}
	return all
}()

func (d *Directory) acl(tx *gate.Tx, account, name string) (*ACL, error) {
	a, ok, err := d.acls.Load(tx, aclKey(account, name))
	if err != nil || ok {
		return a, err
	}
	return always[name], nil
}

// ACLName is a policy's name as it counts: blind to case and to spaces around
// it.
func ACLName(name string) string { return fold.Lower(strings.TrimSpace(name)) }

// aclPath stands in the ARN by which an ACL policy is attached to a user, group
// or role: "arn:aws:iam::ACCOUNT:policy/vault-acl/NAME".
const aclPath = "/vault-acl/"

// aclOfARN is the ACL policy that such an ARN names.
func aclOfARN(full string) (account, name string, ok bool) {
	rest, ok := strings.CutPrefix(full, "arn:aws:iam::")
	account, name, found := strings.Cut(rest, ":policy"+aclPath)
	return account, name, ok && found
}

// aclBlock compiles an ACL policy for somebody. One that is gone says nothing.
func (d *Directory) aclBlock(tx *gate.Tx, account, name string, who hcl.Identity) (policy.Block, error) {
	if name == RootPolicy {
		c := policy.Clause{Effect: policy.Allow, Actions: []policy.Pattern{policy.Any}, Names: []policy.Pattern{policy.Any}, Source: "policy root"}
		return policy.Block{Layer: policy.Identity, Clauses: []policy.Clause{c}}, nil
	}
	a, err := d.acl(tx, account, name)
	if err != nil || a == nil {
		return policy.Block{Layer: policy.Identity}, err
	}
	return a.parsed.Compile(name, who), nil
}

// Bind compiles the policies of a token: names of ACL policies of the account,
// and ARNs of managed policies.
func (d *Directory) Bind(tx *gate.Tx, account string, policies []string, who hcl.Identity) (*policy.Program, error) {
	var blocks []policy.Block
	for _, name := range policies {
		var b policy.Block
		var err error
		if strings.HasPrefix(name, "arn:") {
			b, err = d.managedBlock(tx, name, policy.Identity)
		} else {
			b, err = d.aclBlock(tx, account, name, who)
		}
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, b)
	}
	return policy.New(blocks...), nil
}

// ChangedKey is the key that is written with each change of any policy, user,
// group, role or entity of the account.
func ChangedKey(account string) string { return changedKey(account) }

// StampAt is when that was last: what was bound under it may be kept.
func (d *Directory) StampAt(tx *gate.Tx, changed string) (Stamp, error) { return stampAt(tx, changed) }

// Changed says that something changed on which programs stand.
func (d *Directory) Changed(tx *gate.Tx, account string) error { return changed(tx, account) }

// aclRef is the ref of the path at which a policy is.
func aclRef(account, at string) secret.Ref {
	return secret.Ref{Space: secret.Space{Account: account}, Kind: secret.KindPath, Name: at}
}

// PutACLInput is an ACL policy to write. CAS, if it is not nil, is the version
// that it replaces, -1 for none.
type PutACLInput struct {
	Name    string
	Text    string
	CAS     *int64
	MustCAS *bool
}

// PutACL writes an ACL policy. at is the path of the request. It fails with
// Invalid, or Conflict if the version is another.
func (d *Directory) PutACL(ctx context.Context, who Caller, account, at string, in PutACLInput) error {
	_, err := do(ctx, d, who, secret.WriteSetting, aclRef(account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		name := ACLName(in.Name)
		switch {
		case name == RootPolicy || name == WrappingPolicy:
			return struct{}{}, fault.Wrap(fault.Invalid, ErrUnmodifiable, "cannot update %q policy", name)
		case name == "" || strings.HasPrefix(name, "arn:"):
			return struct{}{}, fault.New(fault.Invalid, "a policy cannot be called %q", in.Name)
		}
		if _, err := hcl.Parse(in.Text); err != nil {
			return struct{}{}, fault.Wrap(fault.Invalid, ErrMalformedPolicy, "failed to parse policy: %s", err)
		}
		old, ok, err := d.acls.Load(tx, aclKey(account, name))
		if err != nil {
			return struct{}{}, err
		}
		a := ACL{Name: name, Text: in.Text, Version: 1, Modified: secret.InstantOf(tx.Now())}
		if ok {
			a.Version, a.MustCAS = old.Version+1, old.MustCAS
		}
		if err := in.check(&a, ok); err != nil {
			return struct{}{}, err
		}
		text, err := stored.Encode(&a)
		if err != nil {
			return struct{}{}, err
		}
		if err := tx.Put(aclKey(account, name), text); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, changed(tx, account)
	})
	return err
}

func (in *PutACLInput) check(a *ACL, there bool) error {
	if in.CAS == nil && a.MustCAS {
		return fault.New(fault.Invalid, "check-and-set parameter required for this call")
	}
	replaced := a.Version - 1
	if !there {
		replaced = -1
	}
	if in.CAS != nil && *in.CAS != replaced {
		return fault.New(fault.Conflict, "check-and-set parameter did not match the current version")
	}
	if in.MustCAS != nil {
		a.MustCAS = *in.MustCAS
	}
	return nil
}

// GetACL shows an ACL policy. It fails with NotFound.
func (d *Directory) GetACL(ctx context.Context, who Caller, account, at, name string) (*ACL, error) {
	return do(ctx, d, who, secret.ReadSetting, aclRef(account, at), func(tx *gate.Tx, _ secret.Ref) (*ACL, error) {
		a, err := d.acl(tx, account, ACLName(name))
		if err == nil && a == nil {
			err = fault.New(fault.NotFound, "no policy named: %s", name)
		}
		return a, err
	})
}

// ListACLs lists the names of the account's ACL policies.
func (d *Directory) ListACLs(ctx context.Context, who Caller, account, at string) ([]string, error) {
	return do(ctx, d, who, secret.ListSettings, aclRef(account, at), func(tx *gate.Tx, _ secret.Ref) ([]string, error) {
		names := []string{DefaultPolicy, RootPolicy}
		for e, err := range tx.Scan(store.Prefix(aclPrefix + account + "/")) {
			if err != nil {
				return nil, err
			}
			if name := e.Key[len(aclPrefix+account+"/"):]; name != DefaultPolicy {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names, nil
	})
}

// DeleteACL removes an ACL policy; whoever it binds is bound without it at
// once. That there is none is no error. It fails with Invalid for those that
// are always there.
func (d *Directory) DeleteACL(ctx context.Context, who Caller, account, at, name string) error {
	_, err := do(ctx, d, who, secret.DeleteSetting, aclRef(account, at), func(tx *gate.Tx, _ secret.Ref) (struct{}, error) {
		name := ACLName(name)
		if always[name] != nil {
			return struct{}{}, fault.Wrap(fault.Invalid, ErrUnmodifiable, "cannot delete %q policy", name)
		}
		if err := tx.Delete(aclKey(account, name)); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, changed(tx, account)
	})
	return err
}

// ACLARN is the ARN by which an ACL policy is attached to users, groups and
// roles.
func ACLARN(account, name string) string { return arn.IAM(account, "policy", aclPath+name) }
