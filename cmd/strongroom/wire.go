package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/mod/sumdb/note"

	"github.com/strongroom-dev/strongroom/internal/audit"
	auditfile "github.com/strongroom-dev/strongroom/internal/audit/file"
	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/door"
	"github.com/strongroom-dev/strongroom/internal/door/aws"
	"github.com/strongroom-dev/strongroom/internal/door/vault"
	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/engine/mongodb"
	"github.com/strongroom-dev/strongroom/internal/engine/mysql"
	"github.com/strongroom-dev/strongroom/internal/engine/postgres"
	"github.com/strongroom-dev/strongroom/internal/engine/rabbitmq"
	"github.com/strongroom-dev/strongroom/internal/engine/redis"
	"github.com/strongroom-dev/strongroom/internal/engine/sqlserver"
	"github.com/strongroom-dev/strongroom/internal/entity"
	"github.com/strongroom-dev/strongroom/internal/function"
	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/keyring"
	"github.com/strongroom-dev/strongroom/internal/kubernetes"
	"github.com/strongroom-dev/strongroom/internal/login"
	"github.com/strongroom-dev/strongroom/internal/mount"
	"github.com/strongroom-dev/strongroom/internal/oidc"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/rotation"
	"github.com/strongroom-dev/strongroom/internal/schedule"
	"github.com/strongroom-dev/strongroom/internal/seal"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/store"
	"github.com/strongroom-dev/strongroom/internal/store/bolt"
	"github.com/strongroom-dev/strongroom/internal/token"
	"github.com/strongroom-dev/strongroom/internal/transit"
	"github.com/strongroom-dev/strongroom/internal/webhook"
)

// folder is a data folder: what is where in it.
type folder string

func (f folder) seal() string    { return filepath.Join(string(f), "seal.json") }
func (f folder) sealKey() string { return filepath.Join(string(f), "seal.key") }
func (f folder) store() string   { return filepath.Join(string(f), "store.db") }
func (f folder) audit() string   { return filepath.Join(string(f), "audit") }

// development is there if strongroom dev made the folder.
func (f folder) development() string { return filepath.Join(string(f), "development.txt") }

func (f folder) auditKey() string {
	return filepath.Join(f.audit(), "key.pub")
}

// exists reports whether init has made the folder what it is.
func (f folder) exists() bool {
	_, err := os.Stat(f.seal())
	return err == nil
}

// auditKeyEntry is where the key that signs checkpoints is kept, sealed.
const auditKeyEntry = "audit/key"

// house is everything that serves one data folder.
type house struct {
	folder    folder
	core      *core.Core
	directory *identity.Directory
	mounts    *mount.Mounts
	tokens    *token.Tokens
	entities  *entity.Entities
	methods   *login.Methods
	transit   *transit.Keys
	issuers   *oidc.Issuers
	rotations *rotation.Runner
	teller    webhook.Teller
	gate      *gate.Gate
	store     *bolt.Store
	log       *auditfile.Log
	logger    *logger
	now       func() time.Time
	seal      []byte        // seal.json, as backups hold it
	leaving   chan struct{} // closed when the server stops
	left      sync.Once     // which closes it
	sealUp    func()        // seals the server; nil if it cannot be unsealed

	auditKey string // the log's public key, as the store keeps it, sealed
}

// make makes a data folder: the store with its keyring and the key of the
// audit log, and, last, the seal's config, which says that all is there.
func (f folder) make(kind string, s seal.Seal, shares, threshold int) error {
	if _, err := os.Stat(f.store()); err == nil {
		return fmt.Errorf("%s holds a store without a seal: an earlier init did not finish, or seal.json was moved. Put it back, or empty the folder", f)
	}
	root := seal.NewRoot()
	defer root.Wipe()
	wrapped, err := s.Wrap(root)
	if err != nil {
		return err
	}
	ring := keyring.Generate(time.Now().UnixMilli())
	wrappedRing, err := ring.Wrap(root)
	if err != nil {
		return err
	}
	signer, verifier, err := audit.GenerateKey("strongroom-audit-" + strings.ToLower(core.NewSuffix()+core.NewSuffix()))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.audit(), 0o700); err != nil {
		return err
	}
	db, err := bolt.Open(f.store())
	if err != nil {
		return err
	}
	err = db.Update(context.Background(), func(w store.Writer) error {
		if err := w.Put(gate.KeyringKey, wrappedRing); err != nil {
			return err
		}
		return w.Put(auditKeyEntry, ring.Seal(nil, auditKeyEntry, []byte(signer+"\n"+verifier)))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := seal.WriteNew(f.auditKey(), []byte(verifier+"\n")); err != nil {
		return err
	}
	return seal.Config{Kind: kind, Wrapped: wrapped, Shares: shares, Threshold: threshold}.Save(f.seal())
}

// opener unseals a data folder: it makes the seal that its config asks for.
type opener func(seal.Config) (seal.Seal, error)

// open opens a data folder and everything on it. It fails with texts that say
// what to do.
func (f folder) open(unseal opener, log *logger) (h *house, err error) {
	text, err := os.ReadFile(f.seal())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not a data folder: make one with strongroom init --data %s", f, f)
	}
	if err != nil {
		return nil, err
	}
	cfg, err := seal.Load(f.seal())
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(f.store()); err != nil {
		return nil, fmt.Errorf("%s has no store: %w. Put it back, or restore a backup into another folder", f, err)
	}
	db, err := bolt.Open(f.store())
	switch {
	case errors.Is(err, bolt.ErrLocked):
		return nil, fmt.Errorf("another process serves %s: stop it, or speak to it over the network", f)
	case errors.Is(err, bolt.ErrDamaged):
		return nil, fmt.Errorf("%w. Nothing was changed: keep the folder, and restore a backup into another (strongroom operator restore)", err)
	case err != nil:
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = db.Close()
		}
	}()
	s, err := unseal(cfg)
	if err != nil {
		return nil, err
	}
	root, err := s.Unwrap(cfg.Wrapped)
	if errors.Is(err, seal.ErrWrongKey) {
		return nil, fmt.Errorf("the %s seal's key is not the one that %s was sealed with: nothing was changed; find the right key or shares", cfg.Kind, f)
	}
	if err != nil {
		return nil, err
	}
	h = &house{folder: f, store: db, logger: log, now: time.Now, seal: text, leaving: make(chan struct{})}
	return h, h.assemble(root)
}

// assemble builds the house on its opened store.
func (h *house) assemble(root plain.Value) error {
	ring, signer, verifier, expect, err := h.keys(root)
	if err != nil {
		return err
	}
	if err := h.checkPublicKey(); err != nil {
		return err
	}
	h.log, err = auditfile.Open(auditfile.Options{Dir: h.folder.audit(), Signer: signer, Verifier: verifier, Expect: expect})
	if errors.Is(err, audit.ErrDamaged) {
		return fmt.Errorf("%w. Nothing was changed: look with strongroom audit verify --data %s, keep the folder as evidence, and restore a backup into another", err, h.folder)
	}
	if err != nil {
		return err
	}
	if n := h.log.Dropped(); n > 0 {
		h.logger.Warn("the audit log ended in a write that was never acknowledged; it was dropped", "bytes", n)
	}
	node, _ := os.Hostname()
	h.directory = identity.New()
	h.issuers = oidc.New(h.now)
	h.directory.Tokens = h.issuers
	h.directory.Unreachable = func(err error) bool { return errors.Is(err, oidc.ErrUnreachable) }
	h.mounts = mount.New()
	h.entities = entity.New(h.directory, h.mounts)
	h.tokens = token.New(h.directory, h.mounts, h.entities)
	h.methods = login.New(h.tokens, h.entities)
	h.methods.Keys, h.methods.Reviewer = h.issuers, kubernetes.Reviewer{}
	h.mounts.Disabled = func(tx *gate.Tx, _ string, m *mount.Mount) error {
		return errors.Join(login.Forget(tx, m), transit.Forget(tx, m))
	}
	h.transit = transit.New()
	h.core, h.gate = core.New(gate.Config{
		Resolve: h.directory.Resolve, Mounts: h.mounts.Shown,
		Store: h.store, Ring: ring, Log: h.log, Node: node, Now: h.now, Logger: h.logger.Logger,
		Rewrap: func(next *keyring.Ring) ([]byte, error) { return next.Wrap(root) },
	}, h.directory)
	h.directory.Use(h.gate)
	home, err := h.home(ring)
	if err != nil {
		return err
	}
	h.mounts.Use(h.gate, home)
	h.tokens.Use(h.gate)
	h.entities.Use(h.gate)
	h.methods.Use(h.gate)
	h.transit.Use(h.gate)
	if err := h.gate.Recover(context.Background()); err != nil {
		return err
	}
	return h.rotate()
}

// keys reads what the store itself keeps of keys, and what it knows of the
// audit log.
func (h *house) keys(root plain.Value) (ring *keyring.Ring, signer note.Signer, verifier note.Verifier, expect audit.Head, err error) {
	err = h.store.View(context.Background(), func(r store.Reader) error {
		wrapped, err := r.Get(gate.KeyringKey)
		if err != nil {
			return err
		}
		if ring, err = keyring.Unwrap(root, wrapped); err != nil {
			return fmt.Errorf("%w: seal.json and store.db are not of one folder, or one is damaged", err)
		}
		sealed, err := r.Get(auditKeyEntry)
		if err != nil {
			return err
		}
		text, err := ring.Open(nil, auditKeyEntry, sealed)
		if err != nil {
			return err
		}
		defer clear(text)
		skey, vkey, _ := strings.Cut(string(text), "\n")
		if signer, err = note.NewSigner(skey); err != nil {
			return err
		}
		if verifier, err = note.NewVerifier(vkey); err != nil {
			return err
		}
		h.auditKey = vkey
		expect, err = gate.ReadAnchor(r, ring)
		return err
	})
	return ring, signer, verifier, expect, err
}

// defaultRegion is that of the root namespace's secret/ where nothing was said.
const defaultRegion = "us-east-1"

// home is the space that Vault's secret/ shows: what was settled, or else the
// first account that there is.
func (h *house) home(ring *keyring.Ring) (home secret.Space, err error) {
	err = h.store.View(context.Background(), func(r store.Reader) error {
		sealed, err := r.Get(mount.HomeKey)
		if err != nil {
			return err
		}
		if sealed != nil {
			opened, err := ring.Open(nil, mount.HomeKey, sealed)
			if err != nil {
				return err
			}
			home, err = mount.DecodeHome(opened)
			return err
		}
		home.Region = defaultRegion
		home.Account, err = identity.FirstAccount(r)
		return err
	})
	return home, err
}

// checkPublicKey wants that the public key beside the log, which a verifier may
// believe, is the one that the store keeps.
func (h *house) checkPublicKey() error {
	text, err := os.ReadFile(h.folder.auditKey())
	if err != nil {
		return fmt.Errorf("the audit log's public key: %w", err)
	}
	if strings.TrimSpace(string(text)) != h.auditKey {
		return fmt.Errorf("%s is not the key of this audit log: it was replaced. The key is %s", h.folder.auditKey(), h.auditKey)
	}
	return nil
}

// clockwork runs the house's jobs until ctx ends.
func (h *house) clockwork(ctx context.Context) {
	purger := core.House(secret.PurgeDeleted)
	schedule.Run(ctx, h.logger.Logger,
		schedule.Job{Name: "ship", Every: time.Second, Wake: h.gate.Shippable(), Settle: 25 * time.Millisecond, Run: h.gate.Ship},
		schedule.Job{Name: "checkpoint", Every: time.Second, Run: func(context.Context) error { return h.log.Checkpoint() }},
		schedule.Job{Name: "anchor", Every: time.Minute, Run: h.gate.Anchor},
		schedule.Job{Name: "rotate", Every: time.Second, Wake: h.core.RotationsWake(), Run: h.rotations.Dispatch},
		schedule.Job{Name: "webhooks", Every: 250 * time.Millisecond, Run: h.teller.Tell},
		schedule.Job{Name: "access", Every: 10 * time.Second, Run: h.recordAccess},
		schedule.Job{Name: "tokens", Every: time.Second, Run: h.sweepTokens},
		schedule.Job{Name: "purge", Every: 10 * time.Second, Run: func(ctx context.Context) error {
			for ctx.Err() == nil {
				if due, err := h.core.Due(ctx); err != nil || !due {
					return err
				}
				if _, err := h.core.PurgeDeleted(ctx, purger); err != nil {
					return err
				}
			}
			return nil
		}},
	)
	h.rotations.Wait()
	h.teller.Wait()
}

// engines are the outside systems whose users' passwords can be changed, by
// their names in rotation functions.
var engines = map[string]engine.Engine{
	"postgresql": postgres.Engine{}, "mysql": mysql.Engine{}, "mariadb": mysql.Engine{},
	"redis": redis.Engine{}, "valkey": redis.Engine{}, "rabbitmq": rabbitmq.Engine{},
	"mongodb": mongodb.Engine{}, "sqlserver": sqlserver.Engine{},
}

// rotate builds what does rotations.
func (h *house) rotate() error {
	builtIn := rotation.NewBuiltIn(engines, h.directory)
	h.core.Rotators = builtIn
	h.rotations = rotation.New(rotation.Config{Core: h.core, BuiltIn: builtIn, Invoker: function.New(), Logger: h.logger.Logger, Now: h.now, Fault: crashPoint})
	h.teller = webhook.Teller{Core: h.core, Directory: h.directory, Now: h.now, Patience: rotation.Backoff}
	return h.rotations.Release(context.Background())
}

// recordAccess writes down which secrets were read and which access keys used.
func (h *house) recordAccess(ctx context.Context) error {
	for h.core.Accesses() && ctx.Err() == nil {
		if _, err := h.core.RecordAccess(ctx, core.House(secret.RecordAccess)); err != nil {
			return err
		}
	}
	for h.directory.KeyUses() && ctx.Err() == nil {
		if _, err := h.directory.RecordKeyUse(ctx, identity.House(secret.RecordKeyUse)); err != nil {
			return err
		}
	}
	return nil
}

// sweepTokens removes tokens that ended.
func (h *house) sweepTokens(ctx context.Context) error {
	for ctx.Err() == nil {
		if any, err := h.tokens.Sweepable(ctx); err != nil || !any {
			return err
		}
		if _, err := h.tokens.Sweep(ctx, core.House(secret.TidyTokens)); err != nil {
			return err
		}
	}
	return nil
}

// status is what the server says of itself in Vault's protocol.
func (h *house) status() vault.Status {
	var cfg seal.Config
	_ = json.Unmarshal(h.seal, &cfg) // it was read when the house was opened
	kind, shares, threshold := cfg.Kind, cfg.Shares, cfg.Threshold
	if shares == 0 {
		kind, shares, threshold = "shamir", 1, 1 // as Vault's tools expect a seal to be
	}
	return vault.Status{Initialized: true, Sealed: h.core.Failed() != nil, Type: kind, Shares: shares, Threshold: threshold, Version: vaultVersion, ClusterID: h.cluster()}
}

// cluster is an ID that stays the same, made of the log's public key.
func (h *house) cluster() string {
	sum := sha256.Sum256([]byte(h.auditKey))
	s := hex.EncodeToString(sum[:16])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// close ships, signs and closes everything.
func (h *house) close() error {
	ctx := context.Background()
	var errs []error
	if h.core.Failed() == nil {
		errs = append(errs, h.recordAccess(ctx), h.gate.Ship(ctx), h.gate.Anchor(ctx))
	}
	return errors.Join(append(errs, h.log.Close(), h.store.Close())...)
}

// doors is what the listener serves.
func (h *house) doors(reg *prometheus.Registry) http.Handler {
	observer := door.NewObserver(h.logger.lines, h.logger.Logger, reg)
	mux := http.NewServeMux()
	amazon := aws.New(aws.Config{Core: h.core, Directory: h.directory, Now: h.now, Temp: string(h.folder), Seal: h.seal, Leaving: h.leaving})
	mux.Handle("/{$}", observer.Handler(amazon))
	mux.Handle("/events", observer.Handler(aws.NewEvents(amazon)))
	mux.Handle(vault.Prefix, observer.Handler(vault.New(vault.Config{
		Core: h.core, Directory: h.directory, Mounts: h.mounts, Tokens: h.tokens, Entities: h.entities, Methods: h.methods, Transit: h.transit, Now: h.now, Status: h.status, Seal: h.sealUp,
	})))
	h.operations(mux, reg)
	return mux
}

// vaultVersion is the version of Vault's API that is served, in the form that
// clients read versions in.
const vaultVersion = "1.14.0+strongroom"
