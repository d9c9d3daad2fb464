package arn

import "github.com/strongroom-dev/strongroom/internal/secret"

// Everything stands for the thing of an operation that is about no one thing.
const Everything = "*"

// ManagedAccount stands in the ARNs of policies that belong to no account.
const ManagedAccount = "aws"

// iamKinds are the words for what is in IAM.
var iamKinds = map[secret.Kind]string{
	secret.KindUser: "user", secret.KindGroup: "group", secret.KindRole: "role",
	secret.KindPolicy: "policy", secret.KindProvider: "oidc-provider",
}

// Resource is how AWS policies and records name a thing. The name of a thing
// of IAM is with its path: "/team/ann".
func Resource(r secret.Ref) string {
	switch {
	case r.Kind == secret.KindSecret:
		return Secret(r)
	case r.Kind == secret.KindCredential:
		return r.Name
	case iamKinds[r.Kind] != "" && r.Name != "":
		if r.Name[0] != '/' {
			r.Name = "/" + r.Name
		}
		return IAM(r.Space.Account, iamKinds[r.Kind], r.Name)
	}
	return Everything
}

// IAM is an ARN of something in IAM: "arn:aws:iam::ACCOUNT:user/team/ann".
// path begins with a slash.
func IAM(account, kind, path string) string {
	return "arn:aws:iam::" + account + ":" + kind + path
}

// AssumedRole is the ARN of a role's session. The role's path is not in it.
func AssumedRole(account, role, session string) string {
	return "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + session
}
