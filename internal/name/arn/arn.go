// Package arn is how AWS spells the names of secrets: ARNs, partial ARNs, and
// plain names.
//
// It is pure: it does no I/O, and whether a thing exists is not its business.
package arn

import (
	"errors"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/secret"
)

// SuffixLen is the length of the random end of a secret's ARN.
const SuffixLen = 6

// SuffixAlphabet is what it is drawn from.
const SuffixAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

const service = "secretsmanager"

// ErrMalformed says that a text begins as an ARN and is not a secret's.
var ErrMalformed = errors.New("arn: not the ARN of a secret")

// Secret is the full ARN of a secret, `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX`;
// without a suffix, the partial one.
func Secret(r secret.Ref) string {
	if r.Suffix == "" {
		return "arn:aws:" + service + ":" + r.Space.Region + ":" + r.Space.Account + ":secret:" + r.Name
	}
	return "arn:aws:" + service + ":" + r.Space.Region + ":" + r.Space.Account + ":secret:" + r.Name + "-" + r.Suffix
}

// AppendSecret appends what Secret gives.
func AppendSecret(dst []byte, r secret.Ref) []byte {
	dst = append(dst, "arn:aws:"+service+":"...)
	dst = append(append(dst, r.Space.Region...), ':')
	dst = append(dst, r.Space.Account...)
	dst = append(append(dst, ":secret:"...), r.Name...)
	if r.Suffix != "" {
		dst = append(append(dst, '-'), r.Suffix...)
	}
	return dst
}

// ParseSecretID reads what AWS calls a SecretId: a name, which is looked up in
// the space home, a full ARN, or a partial ARN. As on AWS, an ARN whose name
// ends in a hyphen and six letters or digits is always a full one.
func ParseSecretID(id string, home secret.Space) (secret.Ref, error) {
	if !strings.HasPrefix(id, "arn:") {
		return secret.Ref{Space: home, Kind: secret.KindSecret, Name: id}, nil
	}
	part := strings.SplitN(id, ":", 7)
	if len(part) != 7 || !strings.HasPrefix(part[1], "aws") || part[2] != service ||
		part[3] == "" || part[4] == "" || part[5] != "secret" || part[6] == "" {
		return secret.Ref{}, ErrMalformed
	}
	r := secret.Ref{Space: secret.Space{Region: part[3], Account: part[4]}, Kind: secret.KindSecret}
	r.Name, r.Suffix = split(part[6])
	return r, nil
}

// split cuts a hyphen and a suffix off the end of a name.
func split(name string) (string, string) {
	cut := len(name) - SuffixLen - 1
	if cut < 1 || name[cut] != '-' {
		return name, ""
	}
	for _, c := range []byte(name[cut+1:]) {
		if strings.IndexByte(SuffixAlphabet, c) < 0 {
			return name, ""
		}
	}
	return name[:cut], name[cut+1:]
}

// User is the ARN of an IAM user.
func User(account, name string) string { return "arn:aws:iam::" + account + ":user/" + name }

// ValidName reports whether a secret may have that name: 1 to 512 of the
// characters A-Z a-z 0-9 / _ + = . @ -.
func ValidName(name string) bool {
	return len(name) >= 1 && len(name) <= 512 && validChars(name, "/_+=.@-")
}

// ValidSecretID reports whether the text can be a SecretId at all.
func ValidSecretID(id string) bool {
	return len(id) >= 1 && len(id) <= 2048 && validChars(id, "/_+=.@-:!")
}

func validChars(s, extra string) bool {
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte(extra, c) >= 0:
		default:
			return false
		}
	}
	return true
}
