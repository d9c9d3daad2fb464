package aws

import (
	"net/url"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// The shapes of IAM's answers, as its API reference has them.
type (
	xmlTag      struct{ Key, Value string }
	xmlBoundary struct{ PermissionsBoundaryType, PermissionsBoundaryArn string }

	xmlUser struct {
		Path, UserName, UserId, Arn, CreateDate string
		PermissionsBoundary                     *xmlBoundary    `xml:",omitempty"`
		Tags                                    members[xmlTag] `xml:",omitempty"`
	}

	xmlGroup struct{ Path, GroupName, GroupId, Arn, CreateDate string }

	xmlRole struct {
		Path, RoleName, RoleId, Arn, CreateDate string
		AssumeRolePolicyDocument                string
		Description                             string `xml:",omitempty"`
		MaxSessionDuration                      int64
		PermissionsBoundary                     *xmlBoundary    `xml:",omitempty"`
		Tags                                    members[xmlTag] `xml:",omitempty"`
		RoleLastUsed                            struct{}
	}

	xmlPolicy struct {
		PolicyName, PolicyId, Arn, Path, DefaultVersionId string
		AttachmentCount, PermissionsBoundaryUsageCount    int
		IsAttachable                                      bool
		Description                                       string `xml:",omitempty"`
		CreateDate, UpdateDate                            string
		Tags                                              members[xmlTag] `xml:",omitempty"`
	}

	xmlVersion struct {
		Document         string `xml:",omitempty"`
		VersionId        string
		IsDefaultVersion bool
		CreateDate       string
	}

	xmlKey struct {
		UserName, AccessKeyId, Status string
		SecretAccessKey               string `xml:",omitempty"`
		CreateDate                    string
	}

	xmlKeyUse struct {
		LastUsedDate        string `xml:",omitempty"`
		ServiceName, Region string
	}

	xmlAttached struct{ PolicyName, PolicyArn string }

	// page is what lists have in common.
	page struct {
		IsTruncated bool
		Marker      string `xml:",omitempty"`
	}
)

func pageOf(out identity.Output) page { return page{out.Next != "", out.Next} }

func xmlTime(i secret.Instant) string { return i.Time().Format("2006-01-02T15:04:05Z") }

// encoded is how documents are in answers: percent-encoded by RFC 3986.
func encoded(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}

func tagsOf(tags []secret.Tag) members[xmlTag] {
	var all members[xmlTag]
	for _, t := range tags {
		all = append(all, xmlTag{t.Key, t.Value})
	}
	return all
}

func boundaryOf(e *identity.Entity) *xmlBoundary {
	if e.Boundary == "" {
		return nil
	}
	return &xmlBoundary{"Policy", e.Boundary}
}

func userOf(account string, e *identity.Entity) xmlUser {
	return xmlUser{Path: e.Path, UserName: e.Name, UserId: e.ID, Arn: e.ARN(account), CreateDate: xmlTime(e.Created), PermissionsBoundary: boundaryOf(e), Tags: tagsOf(e.Tags)}
}

func groupOf(account string, e *identity.Entity) xmlGroup {
	return xmlGroup{e.Path, e.Name, e.ID, e.ARN(account), xmlTime(e.Created)}
}

func roleOf(account string, e *identity.Entity) xmlRole {
	return xmlRole{
		Path: e.Path, RoleName: e.Name, RoleId: e.ID, Arn: e.ARN(account), CreateDate: xmlTime(e.Created), AssumeRolePolicyDocument: encoded(e.Trust),
		Description: e.Description, MaxSessionDuration: e.MaxSession, PermissionsBoundary: boundaryOf(e), Tags: tagsOf(e.Tags),
	}
}

func policyOf(account string, p *identity.Policy, attaching int) xmlPolicy {
	return xmlPolicy{
		PolicyName: p.Name, PolicyId: p.ID, Arn: p.ARN(account), Path: p.Path, DefaultVersionId: p.Default, AttachmentCount: attaching, IsAttachable: true,
		Description: p.Description, CreateDate: xmlTime(p.Created), UpdateDate: xmlTime(p.Updated), Tags: tagsOf(p.Tags),
	}
}

func versionOf(v identity.Version, def string, document bool) xmlVersion {
	x := xmlVersion{VersionId: v.ID, IsDefaultVersion: v.ID == def, CreateDate: xmlTime(v.Created)}
	if document {
		x.Document = encoded(v.Document)
	}
	return x
}

func keyOf(k identity.AccessKey) xmlKey {
	x := xmlKey{UserName: k.User, AccessKeyId: k.ID, Status: "Inactive", CreateDate: xmlTime(k.Created)}
	if k.Active {
		x.Status = "Active"
	}
	if !k.Secret.IsZero() {
		x.SecretAccessKey = string(k.Secret.Open())
		k.Secret.Wipe()
	}
	return x
}

func keyUseOf(k identity.AccessKey) xmlKeyUse {
	if k.LastUsed == 0 {
		return xmlKeyUse{ServiceName: "N/A", Region: "N/A"}
	}
	return xmlKeyUse{LastUsedDate: xmlTime(k.LastUsed), ServiceName: k.Service, Region: k.Region}
}

// all shows each of a list.
func all[T, X any](list []T, show func(T) X) members[X] {
	shown := make(members[X], 0, len(list))
	for _, one := range list {
		shown = append(shown, show(one))
	}
	return shown
}
