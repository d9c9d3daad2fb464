package vault

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/jsontext"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

type versionMetadata struct {
	Created   string `json:"created_time"`
	Deletion  string `json:"deletion_time"`
	Destroyed bool   `json:"destroyed"`
}

type metadata struct {
	MustCAS        bool                       `json:"cas_required"`
	Created        string                     `json:"created_time"`
	CurrentVersion uint64                     `json:"current_version"`
	Custom         map[string]string          `json:"custom_metadata"`
	DeleteAfter    string                     `json:"delete_version_after"`
	MaxVersions    int64                      `json:"max_versions"`
	OldestVersion  uint64                     `json:"oldest_version"`
	Updated        string                     `json:"updated_time"`
	Versions       map[string]versionMetadata `json:"versions"`
}

// readMetadata shows a secret but for its values.
func readMetadata(q *request) (*response, error) {
	d, err := q.door.cfg.Core.DescribeSecret(q.ctx, q.who, q.secretRef(q.vars[0]))
	if err != nil {
		return nil, err
	}
	sec := d.Secret
	out := metadata{
		Created: stamp(sec.Created), Updated: stamp(sec.Changed), DeleteAfter: "0s", Versions: map[string]versionMetadata{},
	}
	if k := sec.Keeping; k != nil {
		out.MustCAS, out.MaxVersions, out.DeleteAfter = k.MustCAS, k.MaxVersions, period(k.DeleteAfter)
	}
	if len(sec.Tags) > 0 {
		out.Custom = tagsOf(sec)
	}
	if v := sec.At(secret.Current); v != nil {
		out.CurrentVersion = v.Number
	}
	for i := range sec.Versions {
		v := &sec.Versions[i]
		if i == 0 && v.Number > 1 {
			out.OldestVersion = v.Number
		}
		deleted := v.Deleted
		if sec.IsDeleted() && deleted.IsZero() {
			deleted = sec.Deleted
		}
		out.Versions[strconv.FormatUint(v.Number, 10)] = versionMetadata{stamp(v.Created), stamp(deleted), v.Destroyed}
	}
	return &response{data: out}, nil
}

// period is a time in seconds as Vault writes it: 1h30m0s.
func period(n int64) string {
	if n < 0 {
		return "-" + period(-n)
	}
	h, min, s := n/3600, n/60%60, n%60
	switch {
	case h > 0:
		return fmt.Sprintf("%dh%dm%ds", h, min, s)
	case min > 0:
		return fmt.Sprintf("%dm%ds", min, s)
	}
	return fmt.Sprintf("%ds", s)
}

// The bounds on custom metadata.
const (
	maxPairs = 50 // as many as AWS allows tags, which they are
	maxKey   = 128
	maxPair  = 512
)

func writeMetadata(q *request) (*response, error) { return q.changeMetadata(false) }

func patchMetadata(q *request) (*response, error) { return q.changeMetadata(true) }

// changeMetadata changes what the request names. With patch, the pairs are
// merged into those that there are, and the secret must be there.
func (q *request) changeMetadata(patch bool) (*response, error) {
	keep, err := q.keeping()
	if err != nil {
		return nil, q.reject(err)
	}
	custom, given := q.fields.object("custom_metadata")
	var removed []string
	if raw := q.fields.raw("custom_metadata"); patch && raw != nil && raw[0] == '{' {
		for name, v := range jsontext.Members(raw) {
			if string(v) == "null" {
				removed = append(removed, name)
			}
		}
	}
	if err := q.fields.err(); err != nil {
		return nil, q.reject(err)
	}
	err = q.door.cfg.Core.UpdateMetadata(q.ctx, q.who, q.secretRef(q.vars[0]), patch, func(sec *secret.Secret) error {
		k := secret.Keeping{}
		if sec.Keeping != nil {
			k = *sec.Keeping
		}
		keep(&k)
		sec.Keeping = &k
		if !given {
			return nil
		}
		if !patch {
			sec.Tags = nil
		}
		sec.RemoveTags(removed)
		var tags []secret.Tag
		for _, name := range sorted(custom) {
			tags = append(tags, secret.Tag{Key: name, Value: custom[name]})
		}
		sec.SetTags(tags)
		return checkCustom(sec.Tags)
	})
	return nil, err
}

func checkCustom(tags []secret.Tag) error {
	if len(tags) > maxPairs {
		return fault.New(fault.Invalid, "payload must contain at most %d keys, provided %d", maxPairs, len(tags))
	}
	for _, t := range tags {
		if t.Key == "" || len(t.Key) > maxKey || len(t.Value) > maxPair {
			return fault.New(fault.Invalid, "a key of custom_metadata is 1 to %d bytes long, and its value at most %d", maxKey, maxPair)
		}
		if strings.IndexFunc(t.Key+t.Value, func(r rune) bool { return r < 0x20 || r == 0x7f }) >= 0 {
			return fault.New(fault.Invalid, "a key and a value of custom_metadata are printable")
		}
	}
	return nil
}

func sorted(values map[string]string) []string {
	names := make([]string, 0, len(values))
	for n := range values {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// keeping reads how versions are to be kept, and gives who changes that.
func (q *request) keeping() (func(*secret.Keeping), error) {
	most, withMost := q.fields.whole("max_versions")
	cas, withCAS := q.fields.boolean("cas_required")
	after, withAfter := q.fields.seconds("delete_version_after")
	if most < 0 || most > math.MaxInt32 {
		return nil, fault.New(fault.Invalid, "max_versions is not negative")
	}
	return func(k *secret.Keeping) {
		if withMost {
			k.MaxVersions = most
		}
		if withCAS {
			k.MustCAS = cas
		}
		if withAfter {
			k.DeleteAfter = after
		}
	}, q.fields.err()
}

// deleteMetadata removes a secret with all its versions, for good.
func deleteMetadata(q *request) (*response, error) {
	_, err := q.door.cfg.Core.DeleteSecret(q.ctx, q.who, core.DeleteSecretInput{Ref: q.secretRef(q.vars[0]), Force: true})
	return nil, err
}

// listFolder lists the names below a folder.
func listFolder(q *request) (*response, error) {
	in := core.ListFolderInput{Space: q.session.Table.Space(q.mount), Folder: q.folder(), After: q.query.Get("after")}
	if text := q.query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, q.reject(fault.New(fault.Invalid, "Field validation failed: error converting input for field \"limit\": expected a whole number"))
		}
		in.Max = max(n, 0)
	}
	names, err := q.door.cfg.Core.ListFolder(q.ctx, q.who, in)
	if err != nil {
		return nil, err
	}
	return keys(names), nil
}

// scanFolder lists all names below a folder, at any depth.
func scanFolder(q *request) (*response, error) {
	names, err := q.door.cfg.Core.ScanFolder(q.ctx, q.who, q.session.Table.Space(q.mount), q.folder())
	if err != nil {
		return nil, err
	}
	return keys(names), nil
}

// folder is the variable of the path; it ends in a slash, or is empty.
func (q *request) folder() string {
	if q.vars[0] == "" {
		return ""
	}
	return strings.TrimSuffix(q.vars[0], "/") + "/"
}

func readKVConfig(q *request) (*response, error) {
	k, err := q.door.cfg.Core.GetKeeping(q.ctx, q.who, q.path, q.session.Table.Space(q.mount))
	if err != nil {
		return nil, err
	}
	return &response{data: m{"cas_required": k.MustCAS, "delete_version_after": period(k.DeleteAfter), "max_versions": k.MaxVersions}}, nil
}

func writeKVConfig(q *request) (*response, error) {
	keep, err := q.keeping()
	if err != nil {
		return nil, q.reject(err)
	}
	return nil, q.door.cfg.Core.SetKeeping(q.ctx, q.who, q.path, q.session.Table.Space(q.mount), func(k *secret.Keeping) error {
		keep(k)
		return nil
	})
}
