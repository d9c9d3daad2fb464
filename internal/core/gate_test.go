package core_test

import (
	"context"
	"maps"
	"reflect"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// notOperations are the methods of core that show nothing and change nothing.
var notOperations = map[string]bool{"Reject": true, "RefuseClaim": true, "Failed": true, "Due": true, "Accesses": true}

type noClaim struct{ core.Credential }

func (noClaim) AccessKey() string { return "AKIANOBODY" }

// Every operation, called by somebody whose program is empty, is refused, is
// recorded under its own name, and changes nothing.
func TestNothingPassesTheGateWithoutAProgram(t *testing.T) {
	h := coretest.New(t)
	if _, err := h.CreateSecret(context.Background(), coretest.Admin(), core.CreateSecretInput{
		Space: coretest.Space, Name: "there", Token: "token", Content: coretest.TextOf("x")}); err != nil {
		t.Fatal(err)
	}
	nobody := coretest.Admin()
	nobody.Program = &policy.Program{}
	methods := reflect.TypeOf(h.Core)
	seen := map[string]bool{}
	for i := range methods.NumMethod() {
		m := methods.Method(i)
		if notOperations[m.Name] {
			continue
		}
		seen[m.Name] = true
		t.Run(m.Name, func(t *testing.T) {
			h.Records() // ships what waits
			entries, records := h.Entries(), len(h.Records())
			args := []reflect.Value{reflect.ValueOf(h.Core), reflect.ValueOf(context.Background()), reflect.ValueOf(nobody)}
			for i := len(args); i < m.Type.NumIn(); i++ {
				args = append(args, argument(m.Type.In(i)))
			}
			out := m.Func.Call(args)
			err, _ := out[len(out)-1].Interface().(error)
			if !fault.Is(err, fault.Denied) {
				t.Errorf("it answered %v", err)
			}
			after := h.Records()
			if len(after) != records+1 || after[records].Verb != m.Name || after[records].Decision != "deny" || after[records].Outcome != "denied" {
				t.Errorf("it recorded %+v", after[records:])
			}
			if !maps.Equal(entries, h.Entries()) {
				t.Error("it changed the store")
			}
		})
	}
	for _, v := range secret.Verbs() {
		if !seen[v.String()] {
			t.Errorf("no operation is called %s", v)
		}
	}
	if len(seen) != len(secret.Verbs()) {
		t.Errorf("%d operations and %d verbs", len(seen), len(secret.Verbs()))
	}
}

// argument is an empty input, or one that names the secret that is there.
func argument(in reflect.Type) reflect.Value {
	if in == reflect.TypeFor[core.Credential]() {
		return reflect.ValueOf(noClaim{})
	}
	v := reflect.New(in).Elem()
	if in == reflect.TypeFor[secret.Ref]() {
		v.Set(reflect.ValueOf(coretest.Ref("there")))
	} else if in.Kind() == reflect.Struct {
		if f := v.FieldByName("Ref"); f.IsValid() && f.Type() == reflect.TypeFor[secret.Ref]() {
			f.Set(reflect.ValueOf(coretest.Ref("there")))
		}
	}
	return v
}
