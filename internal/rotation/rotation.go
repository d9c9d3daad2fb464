// Package rotation does the four steps of rotations: with the engines that are
// built in, or by calling a function of the users' own. It takes steps from
// core, has their effects outside, and tells core what came of them.
//
// Every step may be done again after a crash, by this server or another: what
// is to be done outside stands in the store before it is done, and is asked of
// the outside before it is done once more.
//
// It calls core like anyone else, and must not know protocols.
package rotation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// Invoker calls functions of the users' own.
type Invoker interface {
	Invoke(ctx context.Context, f core.Function, event Event) error
}

// Event is what a rotation function is called with.
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html)
type Event struct {
	Step               string
	SecretId           string //nolint:revive // the wire's spelling
	ClientRequestToken string
	RotationToken      string
}

// Config is what a runner is made of.
type Config struct {
	Core     *core.Core
	BuiltIn  *BuiltIn
	Invoker  Invoker
	Workers  int                                 // at the same time; 8 if zero
	Patience func(attempt int) time.Duration     // before the next try; Backoff if nil
	Logger   *slog.Logger                        // for what went wrong, without values
	Now      func() time.Time                    // time.Now if nil
	Fault    func(step secret.Step, when string) // for tests: called around effects; may be nil
}

// Runner does the steps that are due. It is safe for concurrent use.
type Runner struct {
	cfg   Config
	slots chan struct{}
	busy  sync.WaitGroup
	mu    sync.Mutex // one Dispatch at a time
	last  time.Time  // when it looked last
}

// New makes a runner.
func New(cfg Config) *Runner {
	if cfg.Workers == 0 {
		cfg.Workers = 32
	}
	if cfg.Patience == nil {
		cfg.Patience = Backoff
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Runner{cfg: cfg, slots: make(chan struct{}, cfg.Workers)}
}

// Backoff is how long a rotation waits after so many failures: from 5 seconds
// on, doubling up to an hour, give or take a fifth.
func Backoff(attempt int) time.Duration {
	d := min(5*time.Second<<min(attempt, 16), time.Hour)
	return d*4/5 + rand.N(d*2/5) //nolint:gosec // spreads load, keeps no secret
}

// Release takes back what an earlier process had claimed, so that it is due at
// once.
func (r *Runner) Release(ctx context.Context) error {
	claimed, err := r.cfg.Core.RotationsClaimed(ctx)
	if err == nil && claimed {
		_, err = r.cfg.Core.ReleaseRotations(ctx, house())
	}
	return err
}

// house is who does the steps.
func house() core.Caller {
	who := core.House(secret.ClaimRotations, secret.SettleRotation, secret.ReleaseRotations, secret.RescheduleRotations,
		secret.GetValue, secret.PutValue, secret.RandomPassword, secret.InvokeFunction, secret.InstallAccessKey)
	who.Door = "rotation"
	return who
}

// setBack is how far a clock must go back for what it promised to be undone.
const setBack = time.Minute

// Dispatch gives what is due to workers that are free, and returns. The work
// goes on until ctx ends, and Wait returns when it has.
func (r *Runner) Dispatch(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.cfg.Now(); r.last.Sub(now) > setBack {
		r.cfg.Logger.Warn("the clock was set back; rotations are scheduled anew", "from", r.last, "to", now)
		if _, err := r.cfg.Core.RescheduleRotations(ctx, house()); err != nil {
			return err
		}
		r.last = now
	} else if now.After(r.last) {
		r.last = now
	}
	for {
		free := cap(r.slots) - len(r.slots)
		if due, err := r.cfg.Core.RotationsDue(ctx); err != nil || !due || free == 0 {
			return err
		}
		claims, err := r.cfg.Core.ClaimRotations(ctx, house(), free)
		if err != nil || len(claims) == 0 {
			return err
		}
		for _, claim := range claims {
			r.slots <- struct{}{}
			r.busy.Go(func() {
				defer func() {
					<-r.slots
					r.cfg.Core.WakeRotations() // there may be more to do
				}()
				r.work(ctx, claim)
			})
		}
	}
}

// Wait waits for the workers.
func (r *Runner) Wait() { r.busy.Wait() }

// performer does the steps of one kind of rotation.
type performer interface {
	// perform does a step of a claim.
	perform(ctx context.Context, claim *core.Claim) (core.Outcome, error)
	// swaps: from setSecret to finishSecret, the current version cannot log in.
	swaps() bool
	// patience is how long a step may take.
	patience() time.Duration
}

// driverTime is how long a step of a built-in function may take: a host that
// is silent must not keep a worker from the others.
const driverTime = time.Minute

// work does a claimed step and those after it.
func (r *Runner) work(ctx context.Context, claim core.Claim) {
	by, err := r.performerOf(ctx, &claim)
	if err != nil {
		r.cfg.Logger.Error("a step of a rotation could not be begun", "secret", claim.Ref.Name, "error", err)
		return // it is taken up again when its claim is over
	}
	var endSwap func()
	defer func() {
		if endSwap != nil {
			endSwap()
		}
	}()
	for claim.Secret != nil {
		if endSwap == nil && by.swaps() && !claim.Run.TestOnly && claim.Run.Step == secret.StepSet {
			endSwap = r.cfg.Core.BeginSwap(claim.Ref)
		}
		out := r.perform(ctx, by, &claim)
		if ctx.Err() != nil && out.Error != "" {
			return // the server stops: the step is taken up again by the next one
		}
		r.at(claim.Run.Step, "settle")
		next, err := r.cfg.Core.SettleRotation(context.WithoutCancel(ctx), house(), claim, out)
		if err != nil {
			r.cfg.Logger.Error("a step of a rotation could not be settled", "secret", claim.Ref.Name, "step", claim.Run.Step.String(), "error", err)
			return
		}
		claim = next
	}
}

func (r *Runner) at(step secret.Step, when string) {
	if r.cfg.Fault != nil {
		r.cfg.Fault(step, when)
	}
}

// perform does one step within its time.
func (r *Runner) perform(ctx context.Context, by performer, claim *core.Claim) core.Outcome {
	ctx, cancel := context.WithTimeout(ctx, by.patience())
	defer cancel()
	r.at(claim.Run.Step, "begin")
	out, err := safely(ctx, by, claim)
	r.at(claim.Run.Step, "effect")
	if err != nil {
		attempt := claim.Run.Attempts
		out = core.Outcome{Error: claim.Run.Step.String() + ": " + failure(err)}
		out.Retry = secret.InstantOf(r.cfg.Now().Add(r.cfg.Patience(attempt)))
		r.cfg.Logger.Warn("a step of a rotation failed", "secret", claim.Ref.Name, "step", claim.Run.Step.String(), "attempt", attempt+1, "error", out.Error)
	}
	return out
}

// safely makes an error of a panic: drivers read what hosts answer that are not
// ours.
func safely(ctx context.Context, by performer, claim *core.Claim) (out core.Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = core.Outcome{}, fmt.Errorf("the driver did not understand the answer (%v)", p)
		}
	}()
	return by.perform(ctx, claim)
}

func (r *Runner) performerOf(ctx context.Context, claim *core.Claim) (performer, error) {
	registered, err := r.cfg.Core.IsRegistered(ctx, claim.Ref, claim.Rotation.Function)
	if err != nil {
		return nil, err
	}
	if b, ok := r.cfg.BuiltIn.find(core.FunctionRef(secret.Space{}, claim.Rotation.Function).Name); ok && !registered {
		return b.performer(r.cfg.Core), nil
	}
	return &remote{core: r.cfg.Core, invoker: r.cfg.Invoker}, nil
}

// remote is a function of the users' own. It moves the labels itself.
type remote struct {
	core    *core.Core
	invoker Invoker
}

func (*remote) swaps() bool             { return false }
func (*remote) patience() time.Duration { return core.StepTime }

func (f *remote) perform(ctx context.Context, claim *core.Claim) (core.Outcome, error) {
	function, err := f.core.InvokeFunction(ctx, house(), core.FunctionRef(claim.Ref.Space, claim.Rotation.Function))
	if err != nil {
		return core.Outcome{}, err
	}
	defer clear(function.Key)
	err = f.invoker.Invoke(ctx, function, Event{
		Step: claim.Run.Step.String(), SecretId: arnOf(claim.Ref), ClientRequestToken: claim.Run.Version, RotationToken: claim.Run.Version,
	})
	if err != nil {
		err = f.discreet(ctx, claim, err)
	}
	return core.Outcome{}, err
}

// discreet takes out of a function's error what it may say of the values.
func (f *remote) discreet(ctx context.Context, claim *core.Claim, err error) error {
	text := err.Error()
	for _, v := range claim.Secret.Versions {
		if len(v.Labels) == 0 {
			continue
		}
		opened, failed := f.core.GetValue(ctx, house(), core.GetValueInput{Ref: claim.Ref, VersionID: v.ID})
		if failed != nil {
			continue
		}
		text = hideAll(text, opened.Content.Value)
		opened.Content.Value.Wipe()
	}
	return errors.New(text)
}

// get reads the value of a version as the house; nil if it has none.
func get(ctx context.Context, c *core.Core, ref secret.Ref, version string) (*document, error) {
	opened, err := c.GetValue(ctx, house(), core.GetValueInput{Ref: ref, VersionID: version})
	if err != nil {
		return nil, err
	}
	defer opened.Content.Value.Wipe()
	return parse(opened.Content.Value)
}

// foreign: the pending version has a value already, and somebody else's
// credentials would be used for it. Whoever wrote it, the house does not put it
// in force: it begins anew.
func foreign(claim *core.Claim) bool {
	v := claim.Secret.ByID(claim.Run.Version)
	return claim.Run.Step == secret.StepCreate && claim.Rotation.Target != "" && v != nil && v.Form != secret.NoValue
}

// begin gives the value that the run begins with; nil if the pending version has
// its value already.
func begin(ctx context.Context, c *core.Core, claim *core.Claim) (*document, error) {
	if v := claim.Secret.ByID(claim.Run.Version); v != nil && v.Form != secret.NoValue {
		return nil, nil
	}
	id, err := current(claim)
	if err != nil {
		return nil, err
	}
	return get(ctx, c, claim.Ref, id)
}

// putPending gives the pending version its value.
func putPending(ctx context.Context, c *core.Core, claim *core.Claim, doc *document) error {
	value := doc.value()
	defer value.Wipe()
	_, err := c.PutValue(ctx, house(), core.PutValueInput{
		Ref: claim.Ref, Token: claim.Run.Version, Content: core.Content{Value: value, Form: secret.Text}, Labels: []string{secret.Pending},
	})
	return err
}

// changed: another version is current than the one that the run began with.
func changed(claim *core.Claim) bool {
	current := claim.Secret.At(secret.Current)
	return !claim.Run.TestOnly && current != nil && current.Number != claim.Run.From && current.ID != claim.Run.Version
}

// current is the ID of the version that the run began with.
func current(claim *core.Claim) (string, error) {
	if v := claim.Secret.ByNumber(claim.Run.From); v != nil && v.Form != secret.NoValue {
		return v.ID, nil
	}
	return "", fault.New(fault.Invalid, "The secret has no current value to begin with.")
}

var errTarget = errors.New("the host, the port, the user or the masterarn of the secret changed since its rotation was set up. Run rotate-secret, or strongroom rotate retry, as somebody who may read the master secret, to confirm it")

// refused says what to do where no password is taken.
func refused(user string, err error) error {
	return fmt.Errorf("neither the pending nor the current nor the previous password logs in as %s (%w). Give the user the password of the current version by hand, then run strongroom rotate retry", user, err)
}
