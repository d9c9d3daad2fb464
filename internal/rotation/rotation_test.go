package rotation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/engine/enginetest"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/rotation"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

var ctx = context.Background()

// house is a house whose clock the test sets, beside a system with users.
type house struct {
	*coretest.House
	t      testing.TB
	now    time.Time
	system *enginetest.Memory
	runner *rotation.Runner
	fault  func(step secret.Step, when string)
}

const (
	single = "arn:aws:lambda:us-east-1:000000000000:function:strongroom-memory-single-user"
	turns  = "strongroom-memory-alternating-users"
)

func newHouse(t testing.TB) *house {
	h := &house{t: t, now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC), system: enginetest.NewMemory("root", "root-password")}
	h.House = coretest.New(t, coretest.At(func() time.Time { return h.now }))
	builtIn := rotation.NewBuiltIn(map[string]engine.Engine{"memory": h.system}, h.Directory)
	h.Core.Rotators = builtIn
	h.restart()
	h.put("master", `{"engine":"memory","host":"memory.example","username":"root","password":"root-password"}`)
	return h
}

// restart makes another runner, as a server that starts anew does.
func (h *house) restart() {
	h.runner = rotation.New(rotation.Config{
		Core: h.Core, BuiltIn: h.Core.Rotators.(*rotation.BuiltIn), Now: func() time.Time { return h.now },
		Patience: func(int) time.Duration { return time.Minute },
		Fault: func(step secret.Step, when string) {
			if h.fault != nil {
				h.fault(step, when)
			}
		},
	})
	if _, err := h.ReleaseRotations(ctx, core.House(secret.ReleaseRotations)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) put(name, value string) {
	h.t.Helper()
	if _, err := h.CreateSecret(ctx, coretest.Admin(), core.CreateSecretInput{Space: coretest.Space, Name: name, Token: "first-" + name, Content: coretest.TextOf(value)}); err != nil {
		h.t.Fatal(err)
	}
}

// app makes a secret for a user of the system.
func (h *house) app(extra string) {
	h.t.Helper()
	h.system.Make("app", "first-password")
	h.put("app", `{"engine": "memory", "host": "memory.example", "username": "app", "password": "first-password", "note": "\u00e9 <b>"`+extra+`}`)
}

const master = `, "masterarn": "master"`

var token = 0

func (h *house) rotate(function string, more ...func(*core.RotateSecretInput)) error {
	token++
	in := core.RotateSecretInput{Ref: coretest.Ref("app"), Token: fmt.Sprintf("token-%026d", token), Function: function}
	for _, m := range more {
		m(&in)
	}
	_, err := h.RotateSecret(ctx, coretest.Admin(), in)
	return err
}

// run does all that is due.
func (h *house) run() {
	h.t.Helper()
	for range 20 {
		if err := h.runner.Dispatch(ctx); err != nil {
			h.t.Fatal(err)
		}
		h.runner.Wait()
		if due, err := h.RotationsDue(ctx); err != nil || !due {
			return
		}
	}
}

func (h *house) describe() *secret.Secret {
	h.t.Helper()
	d, err := h.DescribeSecret(ctx, coretest.Admin(), coretest.Ref("app"))
	if err != nil {
		h.t.Fatal(err)
	}
	return d.Secret
}

// current is the current value; it must log in.
func (h *house) current() map[string]string {
	h.t.Helper()
	got, err := h.GetValue(ctx, coretest.Admin(), core.GetValueInput{Ref: coretest.Ref("app")})
	if err != nil {
		h.t.Fatal(err)
	}
	value := map[string]string{}
	if err := json.Unmarshal(got.Content.Value.Open(), &value); err != nil {
		h.t.Fatal(err)
	}
	if err := h.login(value); err != nil {
		h.t.Errorf("the current version cannot log in: %v", err)
	}
	return value
}

func (h *house) login(value map[string]string) error {
	return h.system.Check(ctx, engine.Login{Host: value["host"], User: value["username"], Password: enginetest.Password(value["password"])})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMemoryPassesTheExamination(t *testing.T) {
	m := enginetest.NewMemory("root", "root-password")
	enginetest.Examine(t, enginetest.Subject{
		Engine: awake{m}, Admin: engine.Login{Host: enginetest.Host, User: "root", Password: enginetest.Password("root-password")},
		Make: func(_ *testing.T, user, password string) { m.Make(user, password) },
		Use:  func(as engine.Login) error { return m.Check(ctx, as) },
	})
}

// awake is Memory, which has no port that nobody answers at.
type awake struct{ *enginetest.Memory }

func (a awake) Check(ctx context.Context, as engine.Login) error {
	if as.Port != 0 {
		return errors.New("nobody is there")
	}
	return a.Memory.Check(ctx, as)
}

func TestRotations(t *testing.T) {
	for _, c := range []struct{ name, function, extra string }{
		{"single", single, ""},
		{"single by the master", single, master},
		{"turns", turns, master},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.app(c.extra)
			seen := map[string]bool{"first-password": true}
			for i := range 4 {
				must(t, h.rotate(c.function))
				if v := h.describe().At(secret.Pending); v == nil || v.Form != secret.NoValue {
					t.Fatalf("the pending version is %+v", v)
				}
				h.run()
				value, sec := h.current(), h.describe()
				if seen[value["password"]] || len(value["password"]) != 32 || value["note"] != "é <b>" {
					t.Errorf("the value is %v", value)
				}
				seen[value["password"]] = true
				if want := []string{"app_clone", "app"}[i%2]; c.function == turns && value["username"] != want {
					t.Errorf("it is %s's turn, not %s's", want, value["username"])
				}
				if sec.At(secret.Pending) != nil || sec.At(secret.Previous) == nil || sec.Rotation.Run != nil || sec.Rotation.Last != secret.InstantOf(h.now) {
					t.Errorf("after it: %+v, %+v", sec.Versions, sec.Rotation)
				}
				h.now = h.now.Add(time.Hour)
			}
			if users := h.system.Users(); len(users) != 2 && c.function != turns || len(users) > 3 {
				t.Errorf("there are %d users", len(users))
			}
		})
	}
}

func TestRotationsOnSchedule(t *testing.T) {
	h := newHouse(t)
	h.app("")
	must(t, h.rotate(single, func(in *core.RotateSecretInput) { in.Rules = &secret.RotationRules{Days: 2}; in.Later = true }))
	h.run()
	sec := h.describe()
	if len(sec.Versions) != 2 || sec.At(secret.Pending) != nil || sec.At(secret.Current).Number != 1 || sec.Rotation.Failure != nil {
		t.Fatalf("the test left %+v, %+v", sec.Versions, sec.Rotation)
	}
	midnight := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	if sec.Rotation.Open != secret.InstantOf(midnight) {
		t.Fatalf("the next window opens at %s", sec.Rotation.Open.Time())
	}
	for _, step := range []struct {
		at   time.Time
		want int // versions
	}{
		{midnight.Add(-time.Second), 2}, {midnight, 3}, {midnight.Add(time.Hour), 3},
		{midnight.Add(48 * time.Hour), 4}, {midnight.Add(480 * time.Hour), 5}, {midnight.Add(481 * time.Hour), 5},
	} {
		h.now = step.at
		h.run()
		if n := len(h.describe().Versions); n != step.want {
			t.Errorf("at %s there are %d versions, not %d", step.at, n, step.want)
		}
		h.current()
	}
	must(t, func() error { _, err := h.CancelRotation(ctx, coretest.Admin(), coretest.Ref("app")); return err }())
	h.now = h.now.Add(1000 * time.Hour)
	h.run()
	if sec := h.describe(); len(sec.Versions) != 5 || sec.Rotation.Enabled || sec.Rotation.Function == "" {
		t.Errorf("it went on: %+v", sec.Rotation)
	}
}

// A clock that jumps forwards and back: nothing rotates twice, nothing is
// skipped.
func TestClockJumps(t *testing.T) {
	for rules, slot := range map[secret.RotationRules]time.Duration{
		{Days: 1}: 24 * time.Hour, {Expression: "rate(4 hours)"}: 4 * time.Hour, {Expression: "cron(0 /8 * * ? *)"}: 8 * time.Hour,
	} {
		t.Run(fmt.Sprint(rules), func(t *testing.T) {
			h := newHouse(t)
			h.now = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
			h.app("")
			must(t, h.rotate(single, func(in *core.RotateSecretInput) { in.Rules = &rules; in.Later = true }))
			h.run()
			base := len(h.describe().Versions)
			begun := h.now
			for range 20 { // half an hour before the second slot
				if h.now.Add(30 * time.Minute).After(begun.Add(2*slot - 30*time.Minute)) {
					break
				}
				h.now = h.now.Add(30 * time.Minute)
				h.run()
			}
			before := len(h.describe().Versions) - base
			here := h.now
			h.now = here.Add(24 * time.Hour)
			h.run()
			h.run()
			if n := len(h.describe().Versions) - base - before; n != 1 {
				t.Errorf("the jump rotated %d times", n)
			}
			h.now = here
			h.run()
			if n := len(h.describe().Versions) - base - before; n != 1 {
				t.Errorf("the jump back rotated: %d", n)
			}
			for h.now.Before(begun.Add(6*slot + time.Minute)) {
				h.now = h.now.Add(30 * time.Minute)
				h.run()
			}
			if n := len(h.describe().Versions) - base; n != 6 {
				t.Errorf("%d slots have passed, and %d rotations: %s", 6, n, h.describe().Rotation.Open.Time())
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct {
		name, value, function string
		rules                 *secret.RotationRules
		code                  fault.Code
		want                  string
	}{
		{"no function", `{}`, "", nil, fault.Conflict, "No Lambda rotation function ARN is associated with this secret."},
		{"unknown function", `{}`, "arn:aws:lambda:us-east-1:000000000000:function:mine", nil, fault.Denied, "Secrets Manager cannot invoke the specified Lambda function."},
		{"unknown engine", `{}`, "strongroom-oracle-single-user", nil, fault.Denied, "cannot invoke"},
		{"bad rules", `{"host":"h","username":"u","password":"p"}`, single, &secret.RotationRules{Expression: "rate(1 hour)"}, fault.Invalid, "every 4 hours"},
		{"no object", `[]`, single, nil, fault.Invalid, "not a JSON object"},
		{"half an object", `{"host": "h"`, single, nil, fault.Invalid, "not a JSON object"},
		{"two passwords", `{"host":"h","username":"u","password":"p","password":"q"}`, single, nil, fault.Invalid, "twice"},
		{"an object for a password", `{"host":"h","username":"u","password":{"p":1}}`, single, nil, fault.Invalid, `no "password"`},
		{"null for a password", `{"host":"h","username":"u","password":null}`, single, nil, fault.Invalid, `no "password"`},
		{"something behind", `{"host":"h","username":"u","password":"p"} {}`, single, nil, fault.Invalid, "not a JSON object"},
		{"very deep", `{"host":` + strings.Repeat("[", 20000) + `}`, single, nil, fault.Invalid, "not a JSON object"},
		{"no password", `{"host":"h","username":"u"}`, single, nil, fault.Invalid, `no "password"`},
		{"another engine", `{"engine":"mysql","host":"h","username":"u","password":"p"}`, single, nil, fault.Invalid, `"engine" is another one`},
		{"bad port", `{"host":"h","username":"u","password":"p","port":"x"}`, single, nil, fault.Invalid, "port"},
		{"bad ssl", `{"host":"h","username":"u","password":"p","ssl":"maybe"}`, single, nil, fault.Invalid, "ssl"},
		{"no master", `{"host":"h","username":"u","password":"p"}`, turns, nil, fault.Invalid, "masterarn"},
		{"missing master", `{"host":"h","username":"u","password":"p","masterarn":"nothing"}`, turns, nil, fault.Invalid, "names no secret"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			h.put("app", c.value)
			err := h.rotate(c.function, func(in *core.RotateSecretInput) { in.Rules = c.rules })
			if !fault.Is(err, c.code) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			if h.describe().Rotation != nil {
				t.Error("it left something behind")
			}
		})
	}
}

func TestFailuresAreShownAndTriedAgain(t *testing.T) {
	h := newHouse(t)
	h.app("")
	h.system.Make("app", "changed by hand")
	must(t, h.rotate(single))
	h.run()
	run := h.describe().Rotation.Run
	if run == nil || run.Attempts != 1 || run.Step != secret.StepSet || !strings.Contains(run.Error, "setSecret: neither the pending nor the current nor the previous password logs in as app") {
		t.Fatalf("%+v", run)
	}
	if err := h.rotate(single); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "A previous rotation isn’t complete.") {
		t.Errorf("another one: %v", err)
	}
	h.now = h.now.Add(2 * time.Minute)
	h.run()
	if run := h.describe().Rotation.Run; run.Attempts != 2 {
		t.Fatalf("%+v", run)
	}
	h.system.Make("app", "first-password")
	if _, err := h.RetryRotation(ctx, coretest.Admin(), coretest.Ref("app")); err != nil {
		t.Fatal(err)
	}
	h.run()
	if r := h.describe().Rotation; r.Run != nil {
		t.Fatalf("%+v", r.Run)
	}
	h.current()
}

// A value that is changed by hand while a rotation is under way is not lost.
func TestChangeMeanwhile(t *testing.T) {
	for _, step := range []secret.Step{secret.StepCreate, secret.StepSet, secret.StepTest, secret.StepFinish} {
		for _, c := range []struct{ function, extra string }{{single, ""}, {turns, master}} {
			t.Run(step.String()+"/"+c.function, func(t *testing.T) {
				h := newHouse(t)
				h.app(c.extra)
				must(t, h.rotate(c.function))
				h.fault = func(s secret.Step, when string) {
					if s == step && when == "begin" {
						h.fault = nil
						_, err := h.PutValue(ctx, coretest.Admin(), core.PutValueInput{Ref: coretest.Ref("app"), Token: "by-hand-" + strings.Repeat("x", 30),
							Content: coretest.TextOf(`{"engine":"memory","host":"memory.example","username":"app","password":"first-password","note":"by hand"` + c.extra + `}`)})
						must(t, err)
					}
				}
				h.run()
				if value := h.current(); value["note"] != "by hand" && step != secret.StepFinish {
					t.Errorf("what was written by hand is lost: %v", value)
				}
				if sec := h.describe(); sec.Rotation.Run != nil || sec.At(secret.Pending) != nil {
					t.Errorf("%+v", sec.Rotation.Run)
				}
			})
		}
	}
}

// Every step is cut off at every point, in every way.
func TestCutOffAnywhere(t *testing.T) {
	points := []string{"begin", "effect", "settle"}
	for _, c := range []struct{ function, extra string }{{single, ""}, {single, master}, {turns, master}} {
		for step := secret.StepCreate; step <= secret.StepFinish; step++ {
			for _, point := range points {
				t.Run(fmt.Sprint(c.function, "/", step, "/", point, "/", c.extra != ""), func(t *testing.T) {
					h := newHouse(t)
					h.app(c.extra)
					must(t, h.rotate(c.function))
					h.fault = func(s secret.Step, when string) {
						if s == step && when == point {
							h.fault = nil
							runtime.Goexit() // the process is gone
						}
					}
					h.run()
					if c.function == turns {
						h.current() // there is never a moment
					}
					h.restart()
					h.run()
					h.judge(t)
				})
			}
		}
		for _, what := range []string{"check", "set", "clone"} {
			for _, after := range []bool{false, true} {
				for nth := range 4 {
					t.Run(fmt.Sprint(c.function, "/", what, "/after ", after, "/", nth, "/", c.extra != ""), func(t *testing.T) {
						h := newHouse(t)
						h.app(c.extra)
						must(t, h.rotate(c.function))
						n := 0
						h.system.Cut = func(w string, a bool) error {
							if w != what || a != after {
								return nil
							}
							if n++; n == nth+1 {
								return errors.New("the connection broke")
							}
							return nil
						}
						h.run()
						h.system.Cut = nil
						if c.function == turns {
							h.current()
						}
						h.now = h.now.Add(2 * time.Minute)
						h.run()
						h.judge(t)
					})
				}
			}
		}
	}
}

// judge wants a rotation to have come to its end.
func (h *house) judge(t *testing.T) {
	t.Helper()
	value, sec := h.current(), h.describe()
	if value["password"] == "first-password" || sec.Rotation.Run != nil {
		t.Errorf("it did not come to its end: %+v", sec.Rotation.Run)
	}
	labelled := 0
	for _, v := range sec.Versions {
		if slices.Contains(v.Labels, secret.Current) {
			labelled++
		}
	}
	if labelled != 1 || sec.At(secret.Pending) != nil {
		t.Errorf("labels: %+v", sec.Versions)
	}
	for user := range h.system.Users() {
		if user != "root" && user != "app" && user != "app_clone" {
			t.Errorf("an orphan: %s", user)
		}
	}
}

// The password of the superuser goes to no other host, and changes no other
// user than whoever may read it has agreed to.
func TestMasterIsNotLent(t *testing.T) {
	for _, value := range []string{
		`{"engine":"memory","host":"elsewhere.example","username":"app","password":"x-password"` + master + `}`,
		`{"engine":"memory","host":"memory.example","username":"root","password":"x-password"` + master + `}`,
		`{"engine":"memory","host":"memory.example","username":"app","password":"x-password","masterarn":"other"}`,
	} {
		h := newHouse(t)
		h.put("other", `{"engine":"memory","host":"memory.example","username":"root","password":"root-password"}`)
		h.app(master)
		must(t, h.rotate(turns, func(in *core.RotateSecretInput) { in.Rules = &secret.RotationRules{Days: 1} }))
		h.run()
		_, err := h.PutValue(ctx, coretest.Admin(), core.PutValueInput{Ref: coretest.Ref("app"), Token: strings.Repeat("t", 32), Content: coretest.TextOf(value)})
		must(t, err)
		before := h.system.Users()
		h.now = h.now.Add(25 * time.Hour)
		h.run()
		if run := h.describe().Rotation.Run; run == nil || !strings.Contains(run.Error, "changed since its rotation was set up") {
			t.Errorf("%s: %+v", value, run)
		}
		for user, password := range h.system.Users() {
			if before[user] != password {
				t.Errorf("%s: %s was changed", value, user)
			}
		}
	}
}

func TestErrorsHoldNoPassword(t *testing.T) {
	h := newHouse(t)
	h.app("")
	must(t, h.rotate(single))
	h.system.Cut = func(what string, after bool) error {
		if what == "set" {
			var all []string
			for _, p := range h.system.Users() {
				all = append(all, p)
			}
			return errors.New("syntax error near " + strings.Join(all, " "))
		}
		return nil
	}
	h.run()
	h.system.Cut = nil
	if run := h.describe().Rotation.Run; run == nil || !strings.Contains(run.Error, "syntax error near") || strings.Contains(run.Error, "first-password") {
		t.Errorf("%+v", run)
	}
}
