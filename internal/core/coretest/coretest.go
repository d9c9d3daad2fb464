// Package coretest builds a whole house for tests: a real store, a real
// keyring and a real audit log, in folders of the test's own.
package coretest

import (
	"context"
	"os"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/strongroom-dev/strongroom/internal/audit"
	"github.com/strongroom-dev/strongroom/internal/audit/file"
	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/entity"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/keyring"
	"github.com/strongroom-dev/strongroom/internal/login"
	"github.com/strongroom-dev/strongroom/internal/mount"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/store/mem"
	"github.com/strongroom-dev/strongroom/internal/token"
	"github.com/strongroom-dev/strongroom/internal/transit"
)

// Account and Region are the space of Space.
const (
	Account = "000000000000"
	Region  = "us-east-1"
)

// Space is where tests keep their secrets.
var Space = secret.Space{Account: Account, Region: Region}

// House is a core with what it stands on.
type House struct {
	*core.Core
	Directory *identity.Directory
	Mounts    *mount.Mounts
	Tokens    *token.Tokens
	Entities  *entity.Entities
	Methods   *login.Methods
	Transit   *transit.Keys

	Gate  *gate.Gate
	Store store.Store
	Log   *file.Log
	Dir   string // of the audit log
	t     testing.TB
}

// Option changes the house before it is built.
type Option func(*gate.Config)

// New builds a house on a store in memory.
func New(t testing.TB, options ...Option) *House {
	t.Helper()
	skey, vkey, err := audit.GenerateKey("test.example")
	check(t, err)
	signer, err := note.NewSigner(skey)
	check(t, err)
	verifier, err := note.NewVerifier(vkey)
	check(t, err)
	h := &House{t: t, Dir: t.TempDir()}
	h.Log, err = file.Open(file.Options{Dir: h.Dir, SegmentSize: 256 << 10, Signer: signer, Verifier: verifier})
	check(t, err)
	cfg := gate.Config{Store: mem.New(), Ring: keyring.Generate(1), Log: h.Log, Node: "test"}
	for _, o := range options {
		o(&cfg)
	}
	h.Store = cfg.Store
	h.Directory = identity.New()
	cfg.Resolve = h.Directory.Resolve
	h.Mounts = mount.New()
	h.Entities = entity.New(h.Directory, h.Mounts)
	h.Tokens = token.New(h.Directory, h.Mounts, h.Entities)
	h.Methods, h.Transit = login.New(h.Tokens, h.Entities), transit.New()
	cfg.Mounts = h.Mounts.Shown
	h.Core, h.Gate = core.New(cfg, h.Directory)
	h.Directory.Use(h.Gate)
	h.Mounts.Use(h.Gate, Space)
	h.Tokens.Use(h.Gate)
	h.Entities.Use(h.Gate)
	h.Methods.Use(h.Gate)
	h.Transit.Use(h.Gate)
	check(t, h.Gate.Recover(context.Background()))
	t.Cleanup(func() {
		_ = h.Log.Close()
		_ = h.Store.Close()
	})
	return h
}

// At makes the house's clock stand at what now says.
func At(now func() time.Time) Option { return func(c *gate.Config) { c.Now = now } }

// On puts the house on a store.
func On(s store.Store) Option { return func(c *gate.Config) { c.Store = s } }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Admin is a caller that may do everything.
func Admin() core.Caller {
	return core.Caller{Principal: "arn:aws:iam::000000000000:user/admin", Who: policy.Principal{Account: Account}, Region: Region,
		Program: policy.Grant("test", "*"), Door: "test", RequestID: "request"}
}

// Ref is a secret of that name in Space.
func Ref(name string) secret.Ref {
	return secret.Ref{Space: Space, Kind: secret.KindSecret, Name: name}
}

// TextOf is a value of text.
func TextOf(s string) core.Content {
	return core.Content{Value: plain.New([]byte(s)), Form: secret.Text}
}

// Records ships what waits and reads the whole log.
func (h *House) Records() []audit.Shown {
	h.t.Helper()
	check(h.t, h.Gate.Ship(context.Background()))
	var out []audit.Shown
	for e, err := range file.Scan(os.DirFS(h.Dir), 0) {
		check(h.t, err)
		s, err := audit.Parse(e.Record)
		check(h.t, err)
		out = append(out, s)
	}
	return out
}

// Entries are the keys and sealed values of the store.
func (h *House) Entries() map[string]string {
	out := map[string]string{}
	check(h.t, h.Store.View(context.Background(), func(r store.Reader) error {
		for e, err := range r.Scan(store.Range{}) {
			if err != nil {
				return err
			}
			out[e.Key] = string(e.Value)
		}
		return nil
	}))
	return out
}
