// Package mount keeps the tables of mounts: under which path of Vault's protocol
// which secrets engine or auth method is, and the namespaces, each of which is
// an account.
//
// It reaches data only through the gate, and must not know what an engine does.
package mount

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/strongroom-dev/strongroom/internal/secret"
)

// The types of mounts.
const (
	KV         = "kv"
	Cubbyhole  = "cubbyhole"
	System     = "system"
	Identity   = "identity"
	Transit    = "transit"
	Token      = "token"
	AppRole    = "approle"
	UserPass   = "userpass"
	JWT        = "jwt"
	OIDC       = "oidc"
	Kubernetes = "kubernetes"
)

// AuthPrefix begins the paths of auth methods.
const AuthPrefix = "auth/"

// SystemTTL is how long tokens and leases last, in seconds, where nothing else
// is said: 768 hours. It is the longest too.
const SystemTTL = 768 * 60 * 60

// Mount is one row of a table. One that came from a table is shared: not to be
// changed.
type Mount struct {
	Path        string            `cbor:"1,keyasint"` // ends in a slash: "secret/", "auth/ci/"
	Type        string            `cbor:"2,keyasint"`
	UUID        string            `cbor:"3,keyasint"`
	Accessor    string            `cbor:"4,keyasint"`
	Description string            `cbor:"5,keyasint,omitempty"`
	Options     map[string]string `cbor:"6,keyasint,omitempty"`
	Config      Config            `cbor:"7,keyasint,omitempty"`
	Local       bool              `cbor:"8,keyasint,omitempty"`
	SealWrap    bool              `cbor:"9,keyasint,omitempty"`
	// Region, of a KV mount, is where its secrets are: names are unique in the
	// account and the region.
	Region string `cbor:"10,keyasint,omitempty"`
}

// Config is what can be tuned. Of the zero Config everything is the system's.
type Config struct {
	DefaultTTL      int64    `cbor:"1,keyasint,omitempty"` // seconds
	MaxTTL          int64    `cbor:"2,keyasint,omitempty"`
	ForceNoCache    bool     `cbor:"3,keyasint,omitempty"`
	Listing         string   `cbor:"4,keyasint,omitempty"` // unauth or hidden
	TokenType       string   `cbor:"5,keyasint,omitempty"`
	RequestHeaders  []string `cbor:"6,keyasint,omitempty"`
	ResponseHeaders []string `cbor:"7,keyasint,omitempty"`
	AuditRequest    []string `cbor:"8,keyasint,omitempty"`
	AuditResponse   []string `cbor:"9,keyasint,omitempty"`
}

// IsAuth reports whether the mount is an auth method.
func (m *Mount) IsAuth() bool { return strings.HasPrefix(m.Path, AuthPrefix) }

// Version is that of a KV engine, 1 or 2.
func (m *Mount) Version() int {
	if m.Options["version"] == "2" {
		return 2
	}
	return 1
}

// TTLs are the default and the longest time for what the mount gives, in
// seconds.
func (m *Mount) TTLs() (standard, longest int64) {
	standard, longest = m.Config.DefaultTTL, m.Config.MaxTTL
	if longest == 0 {
		longest = SystemTTL
	}
	if standard == 0 {
		standard = SystemTTL
	}
	return min(standard, longest), longest
}

func (m *Mount) clone() *Mount {
	c := *m
	c.Options = maps.Clone(m.Options)
	return &c
}

// Table is the mounts of one account. It is immutable.
type Table struct {
	Account string
	mounts  []*Mount // by path
	byPath  map[string]*Mount
	region  map[string]*Mount // of KV mounts, by region
	byName  map[string]*Mount // by accessor
}

func newTable(account string, mounts []*Mount) *Table {
	t := &Table{Account: account, mounts: mounts, byPath: map[string]*Mount{}, region: map[string]*Mount{}, byName: map[string]*Mount{}}
	slices.SortFunc(mounts, func(a, b *Mount) int { return strings.Compare(a.Path, b.Path) })
	for _, m := range mounts {
		t.byPath[m.Path], t.byName[m.Accessor] = m, m
		if m.Type == KV {
			t.region[m.Region] = m
		}
	}
	return t
}

// derived is a name that is the same whenever the table is made anew: of the
// mounts that are there from the beginning.
func derived(account, path string) (uuid, accessor string) {
	sum := sha256.Sum256([]byte("mount\x00" + account + "\x00" + path))
	h := hex.EncodeToString(sum[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:32], h[32:40]
}

// initial is the table of an account that nobody has changed.
func initial(account, region string) []*Mount {
	var all []*Mount
	for _, m := range []Mount{
		{Path: "cubbyhole/", Type: Cubbyhole, Description: "per-token private secret storage", Local: true},
		{Path: "identity/", Type: Identity, Description: "identity store"},
		{Path: "secret/", Type: KV, Description: "key/value secret storage", Options: map[string]string{"version": "2"}, Region: region},
		{Path: "sys/", Type: System, Description: "system endpoints used for control, policy and debugging"},
		{Path: "auth/token/", Type: Token, Description: "token based credentials", Config: Config{TokenType: "default-service"}},
	} {
		m.UUID, m.Accessor = derived(account, m.Path)
		m.Accessor = accessorPrefix(&m) + m.Accessor
		all = append(all, &m)
	}
	return all
}

func accessorPrefix(m *Mount) string {
	if m.IsAuth() {
		return "auth_" + m.Type + "_"
	}
	return m.Type + "_"
}

// fixed are the mounts that can be neither disabled nor moved.
func fixed(path string) bool {
	return slices.Contains([]string{"cubbyhole/", "identity/", "sys/", "auth/token/"}, path)
}

// All lists the mounts by path.
func (t *Table) All() []*Mount { return t.mounts }

// Find is the mount that a path is under, and the rest of the path; nil if it
// is under none. A path that is a mount's but for the slash is under it.
func (t *Table) Find(path string) (m *Mount, rest string) {
	for end := 0; end < len(path); {
		i := strings.IndexByte(path[end:], '/')
		if i < 0 {
			m = t.byPath[path+"/"]
			return m, ""
		}
		end += i + 1
		if m := t.byPath[path[:end]]; m != nil {
			return m, path[end:]
		}
	}
	return nil, ""
}

// At is the mount of exactly that path.
func (t *Table) At(path string) *Mount { return t.byPath[path] }

// ByAccessor finds a mount; nil if there is none.
func (t *Table) ByAccessor(accessor string) *Mount { return t.byName[accessor] }

// Shows is the KV mount under which a region's secrets are shown; nil for none.
func (t *Table) Shows(region string) *Mount { return t.region[region] }

// Space is where the secrets of a KV mount are.
func (t *Table) Space(m *Mount) secret.Space {
	return secret.Space{Account: t.Account, Region: m.Region}
}
