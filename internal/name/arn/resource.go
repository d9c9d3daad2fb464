package arn

import (
	"strings"

	"github.com/strongroom-dev/strongroom/internal/secret"
)

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
	case r.Kind == secret.KindFunction:
		return "arn:aws:lambda:" + r.Space.Region + ":" + r.Space.Account + ":function:" + r.Name
	case r.Kind == secret.KindPath:
		return "arn:aws:strongroom::" + r.Space.Account + ":" + r.Name
	case r.Kind == secret.KindFolder:
		return "arn:aws:secretsmanager:" + r.Space.Region + ":" + r.Space.Account + ":secret:" + r.Name
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

// Ref is the thing that an ARN names, or a secret's name in the space home;
// false if it names nothing that there could be here.
func Ref(resource string, home secret.Space) (secret.Ref, bool) {
	rest, ok := strings.CutPrefix(resource, "arn:aws:iam::")
	if !ok {
		r, err := ParseSecretID(resource, home)
		return r, err == nil && r.Name != ""
	}
	account, rest, _ := strings.Cut(rest, ":")
	word, path, found := strings.Cut(rest, "/")
	for k, w := range iamKinds {
		if w == word && found {
			return secret.Ref{Space: secret.Space{Account: account}, Kind: k, Name: path[strings.LastIndexByte(path, '/')+1:]}, true
		}
	}
	return secret.Ref{}, false
}

// AssumedRole is the ARN of a role's session. The role's path is not in it.
func AssumedRole(account, role, session string) string {
	return "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + session
}
