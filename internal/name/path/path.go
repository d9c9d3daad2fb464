// Package path is how Vault spells the names of secrets and of what is done to
// them: paths and capabilities.
//
// It is pure: it does no I/O, and whether a thing exists is not its business.
package path

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// The sections of a KV version 2 mount.
const (
	Data     = "data/"
	Metadata = "metadata/"
	Subkeys  = "subkeys/"
	Delete   = "delete/"
	Undelete = "undelete/"
	Destroy  = "destroy/"
	Copy     = "copy/"
)

// spelling is where under a mount a verb has its path, and what it wants there.
type spelling struct {
	section string
	want    policy.Capabilities
}

// versioned are the verbs by which KV version 2 is used. Verbs that are not
// here Vault has no words for, and its policies are silent on them.
var versioned = map[secret.Verb]spelling{
	secret.GetValue:         {Data, policy.CanRead},
	secret.BatchGetValue:    {Data, policy.CanRead},
	secret.CreateSecret:     {Data, policy.CanCreate},
	secret.PutValue:         {Data, policy.CanUpdate},
	secret.PatchValue:       {Data, policy.CanPatch},
	secret.UpdateSecret:     {Data, policy.CanUpdate},
	secret.MoveLabel:        {Data, policy.CanUpdate},
	secret.DescribeSecret:   {Metadata, policy.CanRead},
	secret.ListVersions:     {Metadata, policy.CanRead},
	secret.ListSecrets:      {Metadata, policy.CanList},
	secret.ListFolder:       {Metadata, policy.CanList},
	secret.ScanFolder:       {Metadata, policy.CanScan},
	secret.UpdateMetadata:   {Metadata, policy.CanUpdate},
	secret.TagSecret:        {Metadata, policy.CanUpdate},
	secret.UntagSecret:      {Metadata, policy.CanUpdate},
	secret.DeleteSecret:     {Metadata, policy.CanDelete},
	secret.RestoreSecret:    {Undelete, policy.CanUpdate},
	secret.DeleteLatest:     {Data, policy.CanDelete},
	secret.DeleteVersions:   {Delete, policy.CanUpdate},
	secret.UndeleteVersions: {Undelete, policy.CanUpdate},
	secret.DestroyVersions:  {Destroy, policy.CanUpdate},
	secret.ReadSubkeys:      {Subkeys, policy.CanRead},
	secret.CopySecret:       {Copy, policy.CanUpdate},
}

// plain are the verbs by which KV version 1 is used: its paths have no
// sections.
var plain = map[secret.Verb]policy.Capabilities{
	secret.GetValue:      policy.CanRead,
	secret.BatchGetValue: policy.CanRead,
	secret.CreateSecret:  policy.CanCreate,
	secret.PutValue:      policy.CanUpdate,
	secret.ListFolder:    policy.CanList,
	secret.ScanFolder:    policy.CanScan,
	secret.ListSecrets:   policy.CanList,
	secret.DeleteSecret:  policy.CanDelete,
}

// Spell is the path of a secret, or of a folder, for a verb, and the capability
// that the verb wants there. mount ends in a slash; version is that of its KV
// engine. It gives no path for what Vault has no word for.
func Spell(v secret.Verb, mount string, version int, name string) (string, policy.Capabilities) {
	if version == 1 {
		if want := plain[v]; want != 0 {
			return mount + name, want
		}
		return "", 0
	}
	s := versioned[v]
	if s.want == 0 {
		return "", 0
	}
	return mount + s.section + name, s.want
}

// Max is the longest path, in bytes.
const Max = 2048

// The errors of Clean.
var (
	ErrRelative = errors.New("path: relative paths not supported")
	ErrBad      = errors.New("path: not a path")
)

// Clean checks a path as it came in a URL, decoded: it is the one form that is
// decided on and done. It ends in a slash only if it was given so. A path that
// others could read as another one is refused, not mended: one with an empty
// segment, with "." or "..", with control characters, a backslash, or what is
// no UTF-8.
func Clean(p string) error {
	if len(p) > Max || p == "" || !utf8.ValidString(p) {
		return ErrBad
	}
	for _, c := range []byte(p) {
		if c < 0x20 || c == 0x7f || c == '\\' {
			return ErrBad
		}
	}
	rest := strings.TrimSuffix(p, "/")
	for rest != "" {
		var segment string
		var more bool
		segment, rest, more = strings.Cut(rest, "/")
		switch {
		case segment == "." || segment == "..":
			return ErrRelative
		case segment == "" || more && rest == "":
			return ErrBad
		}
	}
	if p == "/" {
		return ErrBad
	}
	return nil
}
