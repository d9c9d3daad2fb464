package identity

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/fold"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/policy/iam"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
)

const (
	maxDocument = 6144 // of a managed policy, in characters
	maxVersions = 5    // of a managed policy
	// managedAccount stands in the ARNs of the policies that are always there.
	managedAccount = arn.ManagedAccount
)

// Administrator is the ARN of the policy that allows everything.
const Administrator = "arn:aws:iam::aws:policy/AdministratorAccess"

// splitPolicyARN reads the ARN of a managed policy.
func splitPolicyARN(full string) (account, name string, err error) {
	rest, ok := strings.CutPrefix(full, "arn:aws:iam::")
	account, path, found := strings.Cut(rest, ":policy/")
	if !ok || !found || account == "" || path == "" {
		return "", "", fault.Wrap(fault.Invalid, ErrInput, "ARN %s is not valid.", full)
	}
	return account, path[strings.LastIndexByte(path, '/')+1:], nil
}

// builtIn makes one of the policies that are always there.
func builtIn(name, description, statements string) *Policy {
	return &Policy{
		Name: name, Path: "/", ID: "ANPA" + fmt.Sprintf("%-16.16s", strings.ToUpper(name)), Description: description, Default: "v1",
		Created: 1420070400000, Updated: 1420070400000, Last: 1,
		Versions: []Version{{ID: "v1", Created: 1420070400000, Document: `{"Version":"2012-10-17","Statement":[` + statements + `]}`}},
	}
}

// builtIns are AWS's managed policies that have a meaning here, by name in
// lower case.
var builtIns = func() map[string]*Policy {
	all := map[string]*Policy{}
	for _, p := range []*Policy{
		builtIn("AdministratorAccess", "Everything.", `{"Effect":"Allow","Action":"*","Resource":"*"}`),
		builtIn("IAMFullAccess", "Everything in IAM.", `{"Effect":"Allow","Action":"iam:*","Resource":"*"}`),
		builtIn("ReadOnlyAccess", "Reading of everything but values.",
			`{"Effect":"Allow","Action":["iam:Get*","iam:List*","iam:Simulate*","secretsmanager:DescribeSecret","secretsmanager:GetResourcePolicy","secretsmanager:List*"],"Resource":"*"}`),
		builtIn("SecretsManagerReadWrite", "Everything in Secrets Manager.", `{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}`),
		builtIn("AWSSecretsManagerClientReadOnlyAccess", "Reading of secrets and their values.",
			`{"Effect":"Allow","Action":["secretsmanager:BatchGetSecretValue","secretsmanager:DescribeSecret","secretsmanager:GetSecretValue","secretsmanager:ListSecrets","secretsmanager:ListSecretVersionIds"],"Resource":"*"}`),
	} {
		all[fold.Lower(p.Name)] = p
	}
	return all
}()

// anyPolicy finds a managed policy, the account's own or one that is always
// there; nil if there is none.
func (d *Directory) anyPolicy(tx *gate.Tx, account, name string) (*Policy, error) {
	if account == managedAccount {
		return builtIns[fold.Lower(name)], nil
	}
	return d.policy(tx, account, name)
}

// loadPolicy finds the policy that the operation is about.
func (j *job) loadPolicy() (*Policy, error) {
	p, err := j.anyPolicy(j.tx, j.account, j.in.Name)
	if err == nil && (p == nil || p.ARN(j.account) != j.in.PolicyARN) {
		err = fault.New(fault.NotFound, "Policy %s was not found.", j.in.PolicyARN)
	}
	return p, err
}

// editPolicy changes the policy that the operation is about.
func (j *job) editPolicy(change func(*Policy) error) error {
	old, err := j.loadPolicy()
	if err != nil {
		return err
	}
	if j.account == managedAccount {
		return fault.Wrap(fault.Invalid, ErrUnmodifiable, "Policy %s cannot be changed.", j.in.PolicyARN)
	}
	p := old.clone()
	if err := change(p); err != nil {
		return err
	}
	p.Updated = secret.InstantOf(j.tx.Now())
	j.out.Policy = p
	return save(j.tx, j.account, secret.KindPolicy, p.Name, p)
}

func (j *job) createPolicy() error {
	if strings.HasPrefix(j.in.Path, aclPath) {
		return fault.Wrap(fault.Invalid, ErrInput, "The path %s is that of Vault's policies.", aclPath)
	}
	there, err := j.policy(j.tx, j.account, j.in.Name)
	if err != nil {
		return err
	}
	if there != nil {
		return fault.New(fault.Exists, "A policy called %s already exists. Duplicate names are not allowed.", j.in.Name)
	}
	if _, err := parse(j.in.Document, iam.IdentityPolicy, maxDocument); err != nil {
		return err
	}
	if err := j.mayTag(secret.TagPolicy); err != nil {
		return err
	}
	now := secret.InstantOf(j.tx.Now())
	p := &Policy{
		Name: j.in.Name, Path: j.in.Path, ID: newID(idPrefixes[secret.KindPolicy]), Created: now, Updated: now, Default: "v1", Last: 1,
		Versions: []Version{{ID: "v1", Document: j.in.Document, Created: now}},
	}
	if j.in.Description != nil {
		p.Description = *j.in.Description
	}
	if err := addTags(&p.Tags, j.in.Tags); err != nil {
		return err
	}
	j.out.Policy = p
	return save(j.tx, j.account, secret.KindPolicy, p.Name, p)
}

func (j *job) getPolicy() (err error) {
	if j.out.Policy, err = j.loadPolicy(); err != nil {
		return err
	}
	uses, err := j.uses(j.in.PolicyARN)
	j.out.Attaching = len(uses)
	return err
}

// uses are the entities of the caller's account to which a policy is attached,
// or whose boundary it is.
func (j *job) uses(full string) (all []*Entity, err error) {
	for _, k := range []secret.Kind{secret.KindUser, secret.KindGroup, secret.KindRole} {
		err = cmp.Or(err, j.each(j.tx, j.tx.Caller().Who.Account, k, func(e *Entity) (bool, error) {
			if slices.Contains(e.Attached, full) || e.Boundary == full {
				all = append(all, e)
			}
			return true, nil
		}))
	}
	return all, err
}

func (j *job) listEntities() (err error) {
	if _, err = j.loadPolicy(); err != nil {
		return err
	}
	j.out.Entities, err = j.uses(j.in.PolicyARN)
	return err
}

func (j *job) listPolicies() error {
	counts := map[string]int{}
	for _, k := range []secret.Kind{secret.KindUser, secret.KindGroup, secret.KindRole} {
		err := j.each(j.tx, j.account, k, func(e *Entity) (bool, error) {
			for _, a := range e.Attached {
				counts[a]++
			}
			return true, nil
		})
		if err != nil {
			return err
		}
	}
	var all []Listed
	for row, err := range j.tx.Scan(store.Prefix(kindPrefix(j.account, secret.KindPolicy))) {
		if err != nil {
			return err
		}
		p, err := j.policies.Decode(j.tx, row.Key, row.Value)
		if err != nil {
			return err
		}
		all = append(all, Listed{p, j.account, counts[p.ARN(j.account)]})
	}
	if !j.in.Local {
		for _, p := range builtIns {
			all = append(all, Listed{p, managedAccount, counts[p.ARN(managedAccount)]})
		}
	}
	slices.SortFunc(all, func(a, b Listed) int { return strings.Compare(a.ARN(a.Account), b.ARN(b.Account)) })
	for _, l := range all {
		if l.ARN(l.Account) <= j.in.After || j.in.OnlyUsed && l.Attaching == 0 || !strings.HasPrefix(l.Path, j.in.PathPrefix) {
			continue
		}
		if len(j.out.Policies) == j.in.Max {
			last := j.out.Policies[j.in.Max-1]
			j.out.Next = last.ARN(last.Account)
			return nil
		}
		j.out.Policies = append(j.out.Policies, l)
	}
	return nil
}

func (j *job) deletePolicy() error {
	p, err := j.loadPolicy()
	if err != nil {
		return err
	}
	if j.account == managedAccount {
		return fault.Wrap(fault.Invalid, ErrUnmodifiable, "Policy %s cannot be changed.", j.in.PolicyARN)
	}
	uses, err := j.uses(j.in.PolicyARN)
	switch {
	case err != nil:
		return err
	case len(uses) > 0:
		return conflict("Cannot delete a policy attached to entities.")
	case len(p.Versions) > 1:
		return conflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
	}
	return remove(j.tx, j.account, secret.KindPolicy, p.Name)
}

func (j *job) createVersion() error {
	if _, err := parse(j.in.Document, iam.IdentityPolicy, maxDocument); err != nil {
		return err
	}
	return j.editPolicy(func(p *Policy) error {
		if len(p.Versions) >= maxVersions {
			return fault.New(fault.Limit, "A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxVersions)
		}
		p.Last++
		v := Version{ID: fmt.Sprintf("v%d", p.Last), Document: j.in.Document, Created: secret.InstantOf(j.tx.Now())}
		p.Versions = append(p.Versions, v)
		if j.in.SetDefault {
			p.Default = v.ID
		}
		j.out.Version = &v
		return nil
	})
}

func (j *job) noVersion() error {
	return fault.New(fault.NotFound, "Policy %s version %s does not exist or is not attachable.", j.in.PolicyARN, j.in.VersionID)
}

func (j *job) getVersion() (err error) {
	if j.out.Policy, err = j.loadPolicy(); err != nil {
		return err
	}
	if j.out.Version = j.out.Policy.version(j.in.VersionID); j.out.Version == nil {
		return j.noVersion()
	}
	return nil
}

func (j *job) listVersions() (err error) {
	if j.out.Policy, err = j.loadPolicy(); err != nil {
		return err
	}
	j.out.Versions = slices.Clone(j.out.Policy.Versions)
	slices.Reverse(j.out.Versions)
	return nil
}

func (j *job) deleteVersion() error {
	return j.editPolicy(func(p *Policy) error {
		if p.version(j.in.VersionID) == nil {
			return j.noVersion()
		}
		if p.Default == j.in.VersionID {
			return conflict("Cannot delete the default version of a policy.")
		}
		p.Versions = slices.DeleteFunc(p.Versions, func(v Version) bool { return v.ID == j.in.VersionID })
		return nil
	})
}

func (j *job) setDefault() error {
	return j.editPolicy(func(p *Policy) error {
		if p.version(j.in.VersionID) == nil {
			return j.noVersion()
		}
		p.Default = j.in.VersionID
		return nil
	})
}

func (j *job) tagPolicy() error {
	return j.editPolicy(func(p *Policy) error { return addTags(&p.Tags, j.in.Tags) })
}

func (j *job) untagPolicy() error {
	return j.editPolicy(func(p *Policy) error { removeTags(&p.Tags, j.in.TagKeys); return nil })
}

func (j *job) policyTags() error {
	p, err := j.loadPolicy()
	if err == nil {
		j.out.Tags = p.Tags
	}
	return err
}
