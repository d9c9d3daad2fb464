package identity

import (
	"context"
	"fmt"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// operation is one row of the table of operations.
type operation struct {
	kind secret.Kind // of the thing that Input.Name names; KindNone for none
	made bool        // the thing is made by it
	work func(*job) error
}

// job is one operation under way.
type job struct {
	*Directory
	tx      *gate.Tx
	account string
	kind    secret.Kind
	in      Input
	out     Output
}

// operations are those of IAM. Every verb of IAM is here.
var operations map[secret.Verb]operation

func init() { // not a literal: the work refers to what refers to the table
	user, group, role, managed, provider := secret.KindUser, secret.KindGroup, secret.KindRole, secret.KindPolicy, secret.KindProvider
	operations = map[secret.Verb]operation{
		secret.CreateUser: {user, true, (*job).createEntity}, secret.GetUser: {user, false, (*job).getEntity},
		secret.ListUsers: {secret.KindNone, false, listOf(user)}, secret.UpdateUser: {user, false, (*job).rename},
		secret.DeleteUser: {user, false, (*job).deleteEntity},
		secret.TagUser:    {user, false, (*job).tag}, secret.UntagUser: {user, false, (*job).untag}, secret.ListUserTags: {user, false, (*job).listTags},
		secret.CreateAccessKey: {user, false, (*job).createAccessKey}, secret.UpdateAccessKey: {user, false, (*job).updateAccessKey},
		secret.DeleteAccessKey: {user, false, (*job).deleteAccessKey}, secret.ListAccessKeys: {user, false, (*job).listAccessKeys},
		secret.GetAccessKeyLastUsed: {user, false, (*job).accessKeyLastUsed},
		secret.PutUserPolicy:        {user, false, (*job).putInline}, secret.GetUserPolicy: {user, false, (*job).getInline},
		secret.DeleteUserPolicy: {user, false, (*job).deleteInline}, secret.ListUserPolicies: {user, false, (*job).listInline},
		secret.AttachUserPolicy: {user, false, (*job).attach}, secret.DetachUserPolicy: {user, false, (*job).detach},
		secret.ListAttachedUserPolicies: {user, false, (*job).listAttached}, secret.ListGroupsForUser: {user, false, (*job).listGroupsOf},
		secret.PutUserPermissionsBoundary: {user, false, (*job).putBoundary}, secret.DeleteUserPermissionsBoundary: {user, false, (*job).deleteBoundary},

		// What AWS keeps of a user besides is not kept here: lists of it are
		// empty, so that tools which clear a user before they delete it go on.
		secret.ListMFADevices: {user, false, (*job).getEntity}, secret.ListSSHPublicKeys: {user, false, (*job).getEntity},
		secret.ListServiceSpecificCredentials: {user, false, (*job).getEntity}, secret.ListSigningCertificates: {user, false, (*job).getEntity},
		secret.ListVirtualMFADevices: {secret.KindNone, false, func(*job) error { return nil }},
		secret.GetLoginProfile:       {user, false, (*job).noLoginProfile}, secret.DeleteLoginProfile: {user, false, (*job).noLoginProfile},

		secret.CreateGroup: {group, true, (*job).createEntity}, secret.GetGroup: {group, false, (*job).getGroup},
		secret.ListGroups: {secret.KindNone, false, listOf(group)}, secret.DeleteGroup: {group, false, (*job).deleteEntity},
		secret.AddUserToGroup: {group, false, (*job).addUser}, secret.RemoveUserFromGroup: {group, false, (*job).removeUser},
		secret.PutGroupPolicy: {group, false, (*job).putInline}, secret.GetGroupPolicy: {group, false, (*job).getInline},
		secret.DeleteGroupPolicy: {group, false, (*job).deleteInline}, secret.ListGroupPolicies: {group, false, (*job).listInline},
		secret.AttachGroupPolicy: {group, false, (*job).attach}, secret.DetachGroupPolicy: {group, false, (*job).detach},
		secret.ListAttachedGroupPolicies: {group, false, (*job).listAttached},

		secret.CreateRole: {role, true, (*job).createEntity}, secret.GetRole: {role, false, (*job).getEntity},
		secret.ListRoles: {secret.KindNone, false, listOf(role)}, secret.UpdateRole: {role, false, (*job).updateRole},
		secret.UpdateAssumeRolePolicy: {role, false, (*job).updateTrust}, secret.DeleteRole: {role, false, (*job).deleteEntity},
		secret.TagRole: {role, false, (*job).tag}, secret.UntagRole: {role, false, (*job).untag}, secret.ListRoleTags: {role, false, (*job).listTags},
		secret.PutRolePolicy: {role, false, (*job).putInline}, secret.GetRolePolicy: {role, false, (*job).getInline},
		secret.DeleteRolePolicy: {role, false, (*job).deleteInline}, secret.ListRolePolicies: {role, false, (*job).listInline},
		secret.AttachRolePolicy: {role, false, (*job).attach}, secret.DetachRolePolicy: {role, false, (*job).detach},
		secret.ListAttachedRolePolicies: {role, false, (*job).listAttached}, secret.ListInstanceProfilesForRole: {role, false, (*job).getEntity},
		secret.PutRolePermissionsBoundary: {role, false, (*job).putBoundary}, secret.DeleteRolePermissionsBoundary: {role, false, (*job).deleteBoundary},

		secret.CreatePolicy: {managed, true, (*job).createPolicy}, secret.GetPolicy: {managed, false, (*job).getPolicy},
		secret.ListPolicies: {secret.KindNone, false, (*job).listPolicies}, secret.DeletePolicy: {managed, false, (*job).deletePolicy},
		secret.CreatePolicyVersion: {managed, false, (*job).createVersion}, secret.GetPolicyVersion: {managed, false, (*job).getVersion},
		secret.ListPolicyVersions: {managed, false, (*job).listVersions}, secret.DeletePolicyVersion: {managed, false, (*job).deleteVersion},
		secret.SetDefaultPolicyVersion: {managed, false, (*job).setDefault}, secret.ListEntitiesForPolicy: {managed, false, (*job).listEntities},
		secret.TagPolicy: {managed, false, (*job).tagPolicy}, secret.UntagPolicy: {managed, false, (*job).untagPolicy}, secret.ListPolicyTags: {managed, false, (*job).policyTags},

		secret.CreateOpenIDConnectProvider: {provider, true, (*job).createProvider}, secret.GetOpenIDConnectProvider: {provider, false, (*job).getProvider},
		secret.ListOpenIDConnectProviders: {secret.KindNone, false, (*job).listProviders}, secret.DeleteOpenIDConnectProvider: {provider, false, (*job).deleteProvider},
		secret.AddClientIDToOpenIDConnectProvider: {provider, false, (*job).addAudience}, secret.RemoveClientIDFromOpenIDConnectProvider: {provider, false, (*job).removeAudience},
		secret.UpdateOpenIDConnectProviderThumbprint: {provider, false, (*job).setThumbprints},
		secret.TagOpenIDConnectProvider:              {provider, false, (*job).tagProvider}, secret.UntagOpenIDConnectProvider: {provider, false, (*job).untagProvider},
	}
}

// Operations lists the verbs that Do does.
func Operations() []secret.Verb {
	var all []secret.Verb
	for _, v := range secret.Verbs() {
		if _, ok := operations[v]; ok {
			all = append(all, v)
		}
	}
	return all
}

// Do does one operation of IAM in the caller's account. It fails with NotFound,
// Exists, Conflict, Limit, Invalid or Denied; the chain of an Invalid fault
// holds ErrMalformedPolicy where a document is the cause.
func (d *Directory) Do(ctx context.Context, who Caller, v secret.Verb, in Input) (Output, error) {
	op := operations[v]
	j := &job{Directory: d, account: who.Who.Account, kind: op.kind, in: in}
	if op.kind == secret.KindPolicy && !op.made {
		account, name, err := splitPolicyARN(in.PolicyARN)
		if err != nil {
			return Output{}, err
		}
		j.account, j.in.Name = account, name
	}
	if op.kind == secret.KindProvider {
		j.in.Path, j.in.Name = "/", in.providerName()
	}
	if in.Path == "" {
		j.in.Path = "/"
	}
	ref := secret.Ref{Space: secret.Space{Account: j.account}, Kind: op.kind, Name: j.in.Name}
	if op.made {
		ref.Name = j.in.Path + j.in.Name
	}
	who.Given = in.keys(v)
	return do(ctx, d, who, v, ref, func(tx *gate.Tx, _ secret.Ref) (Output, error) {
		again := *j // the work may run more than once
		again.tx, again.out.Account = tx, j.account
		err := op.work(&again)
		return again.out, err
	})
}

// providerName is a provider's URL without the scheme.
func (in *Input) providerName() string {
	if in.URL == "" {
		return in.Name
	}
	_, rest, _ := strings.Cut(in.URL, "://")
	return strings.TrimSuffix(rest, "/")
}

// asked says which condition keys a request of an operation brings. What a
// request names besides, and the operation does not take, is no key: a rule
// must not be met by a member without effect.
type asked struct{ policyARN, boundary, tags, tagKeys bool }

var askedBy = map[secret.Verb]asked{
	secret.AttachUserPolicy: {policyARN: true}, secret.DetachUserPolicy: {policyARN: true},
	secret.AttachGroupPolicy: {policyARN: true}, secret.DetachGroupPolicy: {policyARN: true},
	secret.AttachRolePolicy: {policyARN: true}, secret.DetachRolePolicy: {policyARN: true},
	secret.CreateUser: {boundary: true, tags: true}, secret.CreateRole: {boundary: true, tags: true},
	secret.PutUserPermissionsBoundary: {boundary: true}, secret.PutRolePermissionsBoundary: {boundary: true},
	secret.CreatePolicy: {tags: true}, secret.CreateOpenIDConnectProvider: {tags: true},
	secret.TagUser: {tags: true}, secret.TagRole: {tags: true}, secret.TagPolicy: {tags: true}, secret.TagOpenIDConnectProvider: {tags: true},
	secret.UntagUser: {tagKeys: true}, secret.UntagRole: {tagKeys: true}, secret.UntagPolicy: {tagKeys: true}, secret.UntagOpenIDConnectProvider: {tagKeys: true},
}

// keys are what conditions may ask of the request.
func (in *Input) keys(v secret.Verb) policy.Keys {
	keys, by := policy.Facts{}, askedBy[v]
	if by.policyARN {
		keys.Set("iam:policyarn", in.PolicyARN)
	}
	if by.boundary {
		keys.Set("iam:permissionsboundary", in.Boundary)
	}
	if by.tags {
		keys.SetTags(in.Tags)
	}
	if by.tagKeys {
		keys["aws:tagkeys"] = policy.Many(in.TagKeys)
	}
	return keys
}

// mayTag asks, of what is made with tags, whether the caller may tag it.
func (j *job) mayTag(v secret.Verb) error {
	if len(j.in.Tags) == 0 {
		return nil
	}
	ref := secret.Ref{Space: secret.Space{Account: j.account}, Kind: j.kind, Name: j.in.Path + j.in.Name}
	if j.kind == secret.KindProvider {
		ref.Name = j.in.Name
	}
	return j.tx.Must(v, gate.Found{Ref: ref})
}

type identityError string

func (e identityError) Error() string { return string(e) }

// Errors in the chains of faults, for doors that tell them apart.
const (
	// ErrMalformedPolicy: a policy document is not one.
	ErrMalformedPolicy = identityError("identity: malformed policy document")
	// ErrUnknownKey: the access key does not exist, or does not work.
	ErrUnknownKey = identityError("identity: no such access key")
	// ErrExpired: the session is over.
	ErrExpired = identityError("identity: the session is over")
	// ErrInput: a member has a value that cannot be.
	ErrInput = identityError("identity: bad input")
	// ErrUnmodifiable: what is always there cannot be changed.
	ErrUnmodifiable = identityError("identity: unmodifiable")
	// ErrNotAttachable: the policy does not exist, or cannot be attached.
	ErrNotAttachable = identityError("identity: not attachable")
	// ErrTooLargeToken: what was asked for does not fit into a session.
	ErrTooLargeToken = identityError("identity: packed policy too large")
)

func missing(k secret.Kind, name string) error {
	return fault.New(fault.NotFound, "The %s with name %s cannot be found.", kindWords[k], name)
}

func conflict(format string, args ...any) error {
	return fault.New(fault.Conflict, "%s", fmt.Sprintf(format, args...))
}

func limit(quota string, n int) error {
	return fault.New(fault.Limit, "Cannot exceed quota for %s: %d", quota, n)
}
