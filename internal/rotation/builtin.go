package rotation

import (
	"strings"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// BuiltIn are the rotation functions that are built in. It implements
// core.Rotators.
type BuiltIn struct {
	engines map[string]engine.Engine // by the names of functions
	keys    KeyInstaller
}

// awsNames are the words for the engines in the names of the functions that
// AWS publishes, without what stands around them:
// SecretsManagerRDSPostgreSQLRotationSingleUser.
var awsNames = map[string]string{
	"rdspostgresql": "postgresql", "redshift": "postgresql", "rdsmysql": "mysql", "rdsmariadb": "mariadb",
	"mongodb": "mongodb", "rdssqlserver": "sqlserver",
}

// NewBuiltIn makes the functions of engines, which are called by their names
// in functions: "postgresql" is driven by strongroom-postgresql-single-user.
func NewBuiltIn(engines map[string]engine.Engine, keys KeyInstaller) *BuiltIn {
	return &BuiltIn{engines: engines, keys: keys}
}

// builtIn is one of them.
type builtIn interface {
	core.Rotator
	performer(c *core.Core) performer
}

// AccessKeys is the name of the function that rotates access keys of
// Strongroom's own users.
const AccessKeys = "strongroom-iam-access-key"

// Find implements core.Rotators.
func (b *BuiltIn) Find(name string) (core.Rotator, bool) {
	found, ok := b.find(name)
	return found, ok
}

func (b *BuiltIn) find(name string) (builtIn, bool) {
	if name == AccessKeys {
		return &accessKeys{keys: b.keys}, true
	}
	kind, ok := strings.CutPrefix(name, "strongroom-")
	user := ""
	if ok {
		kind, user, ok = cutLast(kind, "-single-user", "-alternating-users", "-multi-user")
	} else if kind, ok = strings.CutPrefix(strings.ToLower(name), "secretsmanager"); ok {
		kind, user, ok = cutLast(kind, "rotationsingleuser", "rotationmultiuser")
		kind = awsNames[kind]
	}
	e := b.engines[kind]
	if !ok || e == nil {
		return nil, false
	}
	return &passwords{engine: e, kind: kind, alternating: !strings.Contains(user, "single")}, true
}

// cutLast cuts one of the endings.
func cutLast(name string, endings ...string) (before, ending string, ok bool) {
	for _, e := range endings {
		if before, ok := strings.CutSuffix(name, e); ok {
			return before, e, true
		}
	}
	return "", "", false
}

// passwords rotates the password of one user, or of two who take turns.
type passwords struct {
	engine      engine.Engine
	kind        string
	alternating bool
	core        *core.Core
}

func (p *passwords) performer(c *core.Core) performer {
	q := *p
	q.core = c
	return &q
}

// clone is how AWS calls the other one of two users.
const clone = "_clone"

// base is the name of the first of two users.
func base(user string) string { return strings.TrimSuffix(user, clone) }

// other is the one of two users whose turn it is next.
func other(user string) string {
	if strings.HasSuffix(user, clone) {
		return base(user)
	}
	return user + clone
}

// Borrows implements core.Rotator.
func (p *passwords) Borrows(value plain.Value) ([]core.Need, string, error) {
	doc, err := parse(value)
	if err != nil {
		return nil, "", err
	}
	defer doc.wipe()
	l, err := doc.login(p.engine.Traits().Names)
	if err != nil {
		return nil, "", err
	}
	l.Password.Wipe()
	master := doc.text("masterarn")
	if master == "" {
		if p.alternating || !p.engine.Traits().SelfService {
			return nil, "", errNoMaster
		}
		return nil, "", nil
	}
	return []core.Need{{Verb: secret.GetValue, ID: master}}, p.target(doc), nil
}

// target is what a rotation touches with the master's credentials.
func (p *passwords) target(doc *document) string {
	user := doc.text("username")
	if p.alternating {
		user = base(user)
	}
	return strings.Join([]string{doc.text("masterarn"), doc.text("host"), doc.text("port"), user}, "\n")
}
