package aws

import (
	"net/url"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

const iamVersion = "2010-05-08"

// iamRow is one operation of IAM: which member names the thing, which members
// there must be besides, and how the answer is shown; nil for an empty answer.
type iamRow struct {
	verb secret.Verb
	name string // "UserName"; with a "?" before it may be absent and means the caller
	need string // further members, with spaces between them
	show func(out identity.Output) any
}

func iamService() *queryService {
	s := &queryService{service: service{name: "iam"}, version: iamVersion, namespace: "https://iam.amazonaws.com/doc/2010-05-08/", actions: map[string]queryOperation{}}
	for _, row := range iamRows {
		s.actions[row.verb.String()] = queryOperation{verb: row.verb, serve: row.serve}
	}
	s.actions["SimulatePrincipalPolicy"] = queryOperation{verb: secret.SimulatePrincipalPolicy, serve: simulate(func(q *request) simulation { return q.door.cfg.Directory.SimulatePrincipalPolicy })}
	s.actions["SimulateCustomPolicy"] = queryOperation{verb: secret.SimulateCustomPolicy, serve: simulate(func(q *request) simulation { return q.door.cfg.Directory.SimulateCustomPolicy })}
	return s
}

// none is a list of things that are not kept here.
type none = members[string]

// The shows that several rows share.
var (
	showUser  = func(out identity.Output) any { return struct{ User xmlUser }{userOf(out.Account, out.Entity)} }
	showGroup = func(out identity.Output) any { return struct{ Group xmlGroup }{groupOf(out.Account, out.Entity)} }
	showRole  = func(out identity.Output) any { return struct{ Role xmlRole }{roleOf(out.Account, out.Entity)} }
	showTags  = func(out identity.Output) any {
		return struct {
			Tags members[xmlTag]
			page
		}{tagsOf(out.Tags), pageOf(out)}
	}
	showNames = func(out identity.Output) any {
		return struct {
			PolicyNames members[string]
			page
		}{out.Names, pageOf(out)}
	}
	showAttached = func(out identity.Output) any {
		return struct {
			AttachedPolicies members[xmlAttached]
			page
		}{all(out.Attached, func(a identity.Attached) xmlAttached { return xmlAttached{a.Name, a.ARN} }), pageOf(out)}
	}
	showGroups = func(out identity.Output) any {
		return struct {
			Groups members[xmlGroup]
			page
		}{all(out.Entities, func(e *identity.Entity) xmlGroup { return groupOf(out.Account, e) }), pageOf(out)}
	}
)

// iamRows are the operations of IAM that are served.
var iamRows = []iamRow{
	{secret.CreateUser, "UserName", "", showUser},
	{secret.GetUser, "?UserName", "", showUser},
	{secret.ListUsers, "", "", func(out identity.Output) any {
		return struct {
			Users members[xmlUser]
			page
		}{all(out.Entities, func(e *identity.Entity) xmlUser { return userOf(out.Account, e) }), pageOf(out)}
	}},
	{secret.UpdateUser, "UserName", "", nil},
	{secret.DeleteUser, "UserName", "", nil},
	{secret.TagUser, "UserName", "", nil},
	{secret.UntagUser, "UserName", "", nil},
	{secret.ListUserTags, "UserName", "", showTags},
	{secret.CreateAccessKey, "?UserName", "", func(out identity.Output) any { return struct{ AccessKey xmlKey }{keyOf(*out.Key)} }},
	{secret.UpdateAccessKey, "?UserName", "AccessKeyId Status", nil},
	{secret.DeleteAccessKey, "?UserName", "AccessKeyId", nil},
	{secret.ListAccessKeys, "?UserName", "", func(out identity.Output) any {
		return struct {
			AccessKeyMetadata members[xmlKey]
			page
		}{all(out.Keys, keyOf), pageOf(out)}
	}},
	{secret.GetAccessKeyLastUsed, "", "AccessKeyId", func(out identity.Output) any {
		return struct {
			UserName          string
			AccessKeyLastUsed xmlKeyUse
		}{out.Key.User, keyUseOf(*out.Key)}
	}},
	{secret.PutUserPolicy, "UserName", "PolicyName PolicyDocument", nil},
	{secret.GetUserPolicy, "UserName", "PolicyName", func(out identity.Output) any {
		return struct{ UserName, PolicyName, PolicyDocument string }{out.Entity.Name, out.Names[0], encoded(out.Document)}
	}},
	{secret.DeleteUserPolicy, "UserName", "PolicyName", nil},
	{secret.ListUserPolicies, "UserName", "", showNames},
	{secret.AttachUserPolicy, "UserName", "PolicyArn", nil},
	{secret.DetachUserPolicy, "UserName", "PolicyArn", nil},
	{secret.ListAttachedUserPolicies, "UserName", "", showAttached},
	{secret.ListGroupsForUser, "UserName", "", showGroups},
	{secret.ListMFADevices, "?UserName", "", func(identity.Output) any {
		return struct {
			MFADevices none
			page
		}{}
	}},
	{secret.ListSSHPublicKeys, "?UserName", "", func(identity.Output) any {
		return struct {
			SSHPublicKeys none
			page
		}{}
	}},
	{secret.ListServiceSpecificCredentials, "?UserName", "", func(identity.Output) any {
		return struct{ ServiceSpecificCredentials none }{}
	}},
	{secret.ListSigningCertificates, "?UserName", "", func(identity.Output) any {
		return struct {
			Certificates none
			page
		}{}
	}},
	{secret.ListVirtualMFADevices, "", "", func(identity.Output) any {
		return struct {
			VirtualMFADevices none
			page
		}{}
	}},
	{secret.GetLoginProfile, "?UserName", "", nil},
	{secret.DeleteLoginProfile, "?UserName", "", nil},
	{secret.PutUserPermissionsBoundary, "UserName", "PermissionsBoundary", nil},
	{secret.DeleteUserPermissionsBoundary, "UserName", "", nil},

	{secret.CreateGroup, "GroupName", "", showGroup},
	{secret.GetGroup, "GroupName", "", func(out identity.Output) any {
		return struct {
			Group xmlGroup
			Users members[xmlUser]
			page
		}{groupOf(out.Account, out.Entity), all(out.Entities, func(e *identity.Entity) xmlUser { return userOf(out.Account, e) }), pageOf(out)}
	}},
	{secret.ListGroups, "", "", showGroups},
	{secret.DeleteGroup, "GroupName", "", nil},
	{secret.AddUserToGroup, "GroupName", "UserName", nil},
	{secret.RemoveUserFromGroup, "GroupName", "UserName", nil},
	{secret.PutGroupPolicy, "GroupName", "PolicyName PolicyDocument", nil},
	{secret.GetGroupPolicy, "GroupName", "PolicyName", func(out identity.Output) any {
		return struct{ GroupName, PolicyName, PolicyDocument string }{out.Entity.Name, out.Names[0], encoded(out.Document)}
	}},
	{secret.DeleteGroupPolicy, "GroupName", "PolicyName", nil},
	{secret.ListGroupPolicies, "GroupName", "", showNames},
	{secret.AttachGroupPolicy, "GroupName", "PolicyArn", nil},
	{secret.DetachGroupPolicy, "GroupName", "PolicyArn", nil},
	{secret.ListAttachedGroupPolicies, "GroupName", "", showAttached},

	{secret.CreateRole, "RoleName", "AssumeRolePolicyDocument", showRole},
	{secret.GetRole, "RoleName", "", showRole},
	{secret.ListRoles, "", "", func(out identity.Output) any {
		return struct {
			Roles members[xmlRole]
			page
		}{all(out.Entities, func(e *identity.Entity) xmlRole { return roleOf(out.Account, e) }), pageOf(out)}
	}},
	{secret.UpdateRole, "RoleName", "", func(identity.Output) any { return struct{}{} }},
	{secret.UpdateAssumeRolePolicy, "RoleName", "PolicyDocument", nil},
	{secret.DeleteRole, "RoleName", "", nil},
	{secret.TagRole, "RoleName", "", nil},
	{secret.UntagRole, "RoleName", "", nil},
	{secret.ListRoleTags, "RoleName", "", showTags},
	{secret.PutRolePolicy, "RoleName", "PolicyName PolicyDocument", nil},
	{secret.GetRolePolicy, "RoleName", "PolicyName", func(out identity.Output) any {
		return struct{ RoleName, PolicyName, PolicyDocument string }{out.Entity.Name, out.Names[0], encoded(out.Document)}
	}},
	{secret.DeleteRolePolicy, "RoleName", "PolicyName", nil},
	{secret.ListRolePolicies, "RoleName", "", showNames},
	{secret.AttachRolePolicy, "RoleName", "PolicyArn", nil},
	{secret.DetachRolePolicy, "RoleName", "PolicyArn", nil},
	{secret.ListAttachedRolePolicies, "RoleName", "", showAttached},
	{secret.ListInstanceProfilesForRole, "RoleName", "", func(identity.Output) any {
		return struct {
			InstanceProfiles none
			page
		}{}
	}},
	{secret.PutRolePermissionsBoundary, "RoleName", "PermissionsBoundary", nil},
	{secret.DeleteRolePermissionsBoundary, "RoleName", "", nil},

	{secret.CreatePolicy, "PolicyName", "PolicyDocument", func(out identity.Output) any {
		return struct{ Policy xmlPolicy }{policyOf(out.Account, out.Policy, 0)}
	}},
	{secret.GetPolicy, "", "PolicyArn", func(out identity.Output) any {
		return struct{ Policy xmlPolicy }{policyOf(out.Account, out.Policy, out.Attaching)}
	}},
	{secret.ListPolicies, "", "", func(out identity.Output) any {
		return struct {
			Policies members[xmlPolicy]
			page
		}{all(out.Policies, func(l identity.Listed) xmlPolicy { return policyOf(l.Account, l.Policy, l.Attaching) }), pageOf(out)}
	}},
	{secret.DeletePolicy, "", "PolicyArn", nil},
	{secret.CreatePolicyVersion, "", "PolicyArn PolicyDocument", func(out identity.Output) any {
		return struct{ PolicyVersion xmlVersion }{versionOf(*out.Version, out.Policy.Default, false)}
	}},
	{secret.GetPolicyVersion, "", "PolicyArn VersionId", func(out identity.Output) any {
		return struct{ PolicyVersion xmlVersion }{versionOf(*out.Version, out.Policy.Default, true)}
	}},
	{secret.ListPolicyVersions, "", "PolicyArn", func(out identity.Output) any {
		return struct {
			Versions members[xmlVersion]
			page
		}{all(out.Versions, func(v identity.Version) xmlVersion { return versionOf(v, out.Policy.Default, false) }), pageOf(out)}
	}},
	{secret.DeletePolicyVersion, "", "PolicyArn VersionId", nil},
	{secret.SetDefaultPolicyVersion, "", "PolicyArn VersionId", nil},
	{secret.ListEntitiesForPolicy, "", "PolicyArn", showUses},
	{secret.CreateOpenIDConnectProvider, "", "Url", func(out identity.Output) any {
		return struct {
			OpenIDConnectProviderArn string
			Tags                     members[xmlTag] `xml:",omitempty"`
		}{out.Provider.ARN(out.Account), tagsOf(out.Provider.Tags)}
	}},
	{secret.GetOpenIDConnectProvider, "", "OpenIDConnectProviderArn", func(out identity.Output) any {
		return struct {
			Url                          string //nolint:revive // the wire's spelling
			CreateDate                   string
			ClientIDList, ThumbprintList members[string]
			Tags                         members[xmlTag] `xml:",omitempty"`
		}{out.Provider.URL, xmlTime(out.Provider.Created), out.Provider.Audiences, out.Provider.Thumbprints, tagsOf(out.Provider.Tags)}
	}},
	{secret.ListOpenIDConnectProviders, "", "", func(out identity.Output) any {
		type provider struct{ Arn string }
		return struct{ OpenIDConnectProviderList members[provider] }{all(out.Names, func(a string) provider { return provider{a} })}
	}},
	{secret.DeleteOpenIDConnectProvider, "", "OpenIDConnectProviderArn", nil},
	{secret.AddClientIDToOpenIDConnectProvider, "", "OpenIDConnectProviderArn ClientID", nil},
	{secret.RemoveClientIDFromOpenIDConnectProvider, "", "OpenIDConnectProviderArn ClientID", nil},
	{secret.UpdateOpenIDConnectProviderThumbprint, "", "OpenIDConnectProviderArn", nil},
	{secret.TagOpenIDConnectProvider, "", "OpenIDConnectProviderArn", nil},
	{secret.UntagOpenIDConnectProvider, "", "OpenIDConnectProviderArn", nil},
	{secret.TagPolicy, "", "PolicyArn", nil},
	{secret.UntagPolicy, "", "PolicyArn", nil},
	{secret.ListPolicyTags, "", "PolicyArn", showTags},
}

func showUses(out identity.Output) any {
	type group struct{ GroupName, GroupId string }
	type user struct{ UserName, UserId string }
	type role struct{ RoleName, RoleId string }
	var uses struct {
		PolicyGroups members[group]
		PolicyUsers  members[user]
		PolicyRoles  members[role]
		page
	}
	for _, e := range out.Entities {
		switch e.Kind {
		case secret.KindGroup:
			uses.PolicyGroups = append(uses.PolicyGroups, group{e.Name, e.ID})
		case secret.KindUser:
			uses.PolicyUsers = append(uses.PolicyUsers, user{e.Name, e.ID})
		case secret.KindRole:
			uses.PolicyRoles = append(uses.PolicyRoles, role{e.Name, e.ID})
		}
	}
	return uses
}

// serve reads the members, checks them, and has the operation done.
func (row *iamRow) serve(q *request, f form) (any, error) {
	in, err := row.input(q, f)
	if err != nil {
		return nil, q.reject(secret.Ref{}, err)
	}
	q.given = row.about(q, in)
	out, err := q.door.cfg.Directory.Do(q.ctx, q.who, row.verb, in)
	if err != nil || row.show == nil {
		return nil, err
	}
	return row.show(out), nil
}

// lengths are the bounds of members that are names.
var lengths = []struct {
	name string
	most int
}{{"UserName", 64}, {"NewUserName", 64}, {"RoleName", 64}, {"GroupName", 128}, {"PolicyName", 128}}

const (
	nameChars   = "_+=,.@-"
	namePattern = `[\w+=,.@-]+`
)

func (row *iamRow) input(q *request, f form) (identity.Input, error) {
	c := &queryChecker{f: f}
	name, optional := strings.CutPrefix(row.name, "?")
	if name != "" && !optional {
		c.need(name)
	}
	for _, n := range strings.Fields(row.need) {
		c.need(n)
	}
	for _, l := range lengths {
		c.length(l.name, 1, l.most)
		c.chars(l.name, nameChars, namePattern)
	}
	c.path("Path", false)
	c.path("NewPath", false)
	c.path("PathPrefix", true)
	c.length("Description", 0, 1000)
	in := identity.Input{
		Path: f.get("Path"), PathPrefix: f.get("PathPrefix"), NewName: f.get("NewUserName"), NewPath: f.get("NewPath"),
		PolicyName: f.get("PolicyName"), PolicyARN: f.get("PolicyArn"), VersionID: f.get("VersionId"), SetDefault: f.get("SetAsDefault") == "true",
		Document: f.get("PolicyDocument"), Boundary: f.get("PermissionsBoundary"), AccessKey: f.get("AccessKeyId"), Active: f.get("Status") == "Active",
		Local: f.get("Scope") == "Local", OnlyUsed: f.get("OnlyAttached") == "true", After: f.get("Marker"), TagKeys: f.list("TagKeys"),
		Tags: c.tags(), MaxSession: c.whole("MaxSessionDuration", 0, 3600, 43200), Max: int(c.whole("MaxItems", 100, 1, 1000)),
	}
	if name != "" {
		in.Name = f.get(name)
	}
	in.URL, in.Audiences, in.ClientID, in.Thumbprints = f.get("Url"), f.list("ClientIDList"), f.get("ClientID"), f.list("ThumbprintList")
	if u, err := url.Parse(in.URL); f.has("Url") && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.RawQuery != "" || len(in.URL) > 255) {
		c.add("Value '%s' at 'url' failed to satisfy constraint: Member must be the URL of an issuer", shown(in.URL))
	}
	if full := f.get("OpenIDConnectProviderArn"); full != "" {
		_, in.Name, _ = strings.Cut(full, ":oidc-provider/")
		if full != arn.IAM(q.who.Who.Account, "oidc-provider", "/"+in.Name) {
			c.add("Value '%s' at 'openIDConnectProviderArn' failed to satisfy constraint: Member must be the ARN of a provider of this account", shown(full))
		}
	}
	if f.has("AssumeRolePolicyDocument") {
		in.Document = f.get("AssumeRolePolicyDocument")
	}
	if f.has("Description") {
		d := f.get("Description")
		in.Description = &d
	}
	if name == "GroupName" {
		in.User = f.get("UserName")
	}
	if status := f.get("Status"); status != "" && status != "Active" && status != "Inactive" {
		c.add("Value '%s' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]", status)
	}
	if optional && in.Name == "" {
		if in.Name = q.userName(); in.Name == "" {
			c.add("Must specify userName when calling with non-User credentials")
		}
	}
	return in, c.err()
}

// userName is the caller's, empty if it is no user.
func (q *request) userName() string {
	if q.who.Facts == nil {
		return ""
	}
	return q.who.Facts.Lookup("aws:username").One
}

// about is the thing, as refusals name it.
func (row *iamRow) about(q *request, in identity.Input) string {
	kind := map[string]string{"UserName": "user ", "GroupName": "group ", "RoleName": "role "}[strings.TrimPrefix(row.name, "?")]
	switch {
	case in.PolicyARN != "" && row.name == "":
		return "policy " + in.PolicyARN
	case kind != "":
		return kind + in.Name
	}
	return "arn:aws:iam::" + q.who.Who.Account + ":*"
}
