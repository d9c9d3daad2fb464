// Package enginetest is the examination that every engine has to pass, against
// a real server of its kind.
package enginetest

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/plain"
)

// Subject is an engine, and a server for it.
type Subject struct {
	Engine engine.Engine
	Admin  engine.Login
	// Make makes a user who may use a thing that others may not.
	Make func(t *testing.T, user, password string)
	// Use uses the thing that such a user may use.
	Use func(as engine.Login) error
}

// Password makes a value of a text.
func Password(text string) plain.Value { return plain.New([]byte(text)) }

// awkward are passwords that break careless drivers.
var awkward = []string{
	"plain-and-simple-1", `q'uote"s`, `back\slash\'`, "percent%s%d", "dollar$1$$", "semi;--/*", "space in it", "`tick`", "#hash?&=+@:/", strings.Repeat("long", 30),
}

// Examine examines an engine.
func Examine(t *testing.T, s Subject) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	login := func(user, password string) engine.Login {
		l := s.Admin
		l.User, l.Password = user, Password(password)
		return l
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	refused := func(t *testing.T, l engine.Login) {
		t.Helper()
		err := s.Engine.Check(ctx, l)
		if !errors.Is(err, engine.ErrRefused) {
			t.Errorf("%s is not refused: %v", l.User, err)
		}
		if err != nil && strings.Contains(err.Error(), string(l.Password.Open())) {
			t.Errorf("the error holds the password: %v", err)
		}
	}

	t.Run("Check", func(t *testing.T) {
		s.Make(t, "ann", "first-password")
		must(t, s.Engine.Check(ctx, login("ann", "first-password")))
		refused(t, login("ann", "another-password"))
		refused(t, login("nobody", "any-password"))
		refused(t, login("ann' OR 1=1 --", "any-password"))
	})
	t.Run("NobodyThere", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		nowhere := login("ann", "first-password")
		nowhere.Port = l.Addr().(*net.TCPAddr).Port
		must(t, l.Close())
		if err := s.Engine.Check(ctx, nowhere); err == nil || errors.Is(err, engine.ErrRefused) {
			t.Errorf("nobody is there: %v", err)
		}
	})
	t.Run("NoAnswer", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0") // it accepts, and says nothing
		must(t, err)
		defer func() { _ = l.Close() }()
		dead := login("ann", "first-password")
		dead.Port = l.Addr().(*net.TCPAddr).Port
		short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		begun := time.Now()
		if err := s.Engine.Check(short, dead); err == nil || errors.Is(err, engine.ErrRefused) {
			t.Errorf("no answer: %v", err)
		}
		if time.Since(begun) > 5*time.Second {
			t.Error("the context is not heard")
		}
	})
	t.Run("SetPassword", func(t *testing.T) {
		s.Make(t, "bob", "first-password")
		before := "first-password"
		for _, next := range awkward {
			must(t, s.Engine.SetPassword(ctx, s.Admin, "bob", Password(next)))
			must(t, s.Engine.SetPassword(ctx, s.Admin, "bob", Password(next)))
			must(t, s.Engine.Check(ctx, login("bob", next)))
			retire(t, s, "bob", next)
			refused(t, login("bob", before))
			before = next
		}
		if err := s.Use(login("bob", before)); err != nil {
			t.Errorf("bob lost something: %v", err)
		}
		if err := s.Engine.SetPassword(ctx, s.Admin, "nobody", Password("x-password")); err == nil {
			t.Error("a user that there is not got a password")
		}
	})
	t.Run("SetOwnPassword", func(t *testing.T) {
		if !s.Engine.Traits().SelfService {
			t.Skip("users of this system cannot")
		}
		s.Make(t, "eve", "first-password")
		before := "first-password"
		for _, next := range awkward {
			must(t, s.Engine.SetPassword(ctx, login("eve", before), "eve", Password(next)))
			refused(t, login("eve", before))
			before = next
		}
		must(t, s.Engine.Check(ctx, login("eve", before)))
	})
	t.Run("Clone", func(t *testing.T) {
		s.Make(t, "carl", "first-password")
		must(t, s.Engine.Clone(ctx, s.Admin, "carl", "carl_clone", Password(awkward[1])))
		if err := s.Use(login("carl_clone", awkward[1])); err != nil {
			t.Errorf("the clone may not: %v", err)
		}
		must(t, s.Engine.Clone(ctx, s.Admin, "carl", "carl_clone", Password(awkward[2])))
		retire(t, s, "carl_clone", awkward[2])
		refused(t, login("carl_clone", awkward[1]))
		if err := s.Use(login("carl_clone", awkward[2])); err != nil {
			t.Errorf("the clone lost something: %v", err)
		}
		if err := s.Use(login("carl", "first-password")); err != nil {
			t.Errorf("the other one lost something: %v", err)
		}
		if err := s.Engine.Clone(ctx, s.Admin, "nobody", "nobody_clone", Password("x-password")); err == nil {
			t.Error("nobody was cloned")
		}
	})
	t.Run("Drop", func(t *testing.T) {
		s.Make(t, "dan", "first-password")
		must(t, s.Use(login("dan", "first-password")))
		must(t, s.Engine.Drop(ctx, s.Admin, "dan"))
		must(t, s.Engine.Drop(ctx, s.Admin, "dan"))
		refused(t, login("dan", "first-password"))
	})
}

// retire takes back the older passwords of an engine that keeps some.
func retire(t *testing.T, s Subject, user, password string) {
	t.Helper()
	if o, ok := s.Engine.(engine.Overlapping); ok {
		if err := o.Retire(context.Background(), s.Admin, user, Password(password)); err != nil {
			t.Fatal(err)
		}
	}
}
