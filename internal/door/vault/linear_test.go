package vault_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/door/vault"
)

// What one client did, and what it saw of it.
type (
	action string
	seen   struct {
		status  int
		value   string
		version int
	}
)

const (
	write  action = "write"  // a new version
	remove action = "remove" // the newest version
	allow  action = "allow"  // by the policy of the user's token
	deny   action = "deny"
	revoke action = "revoke" // the parent of the user's token
	read   action = "read"   // with the user's token
	let    action = "let"    // a read was let in, or not
	saw    action = "saw"    // and this is what it saw
	other  action = "other"  // through the other door
)

// step is an operation as the model has it.
type step struct {
	do    action
	value string
}

// room is all that there is: one secret, one policy, one token.
type room struct {
	value           string
	version         int
	removed         bool
	allowed, living bool
}

// model is a server on which one thing happens after another.
var model = porcupine.Model{
	Init: func() any { return room{allowed: true, living: true} },
	Step: func(state, input, output any) (bool, any) {
		r, in, out := state.(room), input.(step), output.(seen)
		switch in.do {
		case write:
			r.value, r.removed = in.value, false
			r.version++
			return out.version == r.version, r
		case remove:
			r.removed = r.version > 0
		case allow, deny:
			r.allowed = in.do == allow
		case revoke:
			r.living = false
		case let:
			return (out.status != 403) == (r.allowed && r.living), r
		case saw, other:
			return r.shows(out), r
		}
		return true, r
	},
}

func (r room) shows(out seen) bool {
	if r.version == 0 || r.removed {
		return out.status == 404
	}
	return out.status == 200 && out.value == r.value && (out.version == 0 || out.version == r.version)
}

// Whatever many clients do at once to a secret, a policy and a token, through
// either door, looks as if one had done it after the other: writes at one
// moment, and reads with a token at two, as operations says.
func TestLinearizable(t *testing.T) {
	for round := range 6 {
		h, d := newDoor(t)
		const granted = `{"policy":"path \"secret/data/*\" { capabilities = [\"read\"] } path \"auth/token/create\" { capabilities = [\"update\"] }"}`
		const denied = `{"policy":"path \"secret/data/*\" { capabilities = [\"deny\"] }"}`
		must(t, d, "PUT", "/v1/sys/policies/acl/r", "root", granted)
		parent := data(t, must(t, d, "POST", "/v1/auth/token/create", "root", `{"policies":["r"]}`), "client_token")
		user := data(t, must(t, d, "POST", "/v1/auth/token/create", parent, `{"policies":["r"]}`), "client_token")

		c := cast{t: t, h: h, d: d, user: user, parent: parent, granted: granted, denied: denied}
		var mu sync.Mutex
		var history []porcupine.Operation
		var all sync.WaitGroup
		begun := time.Now()
		for client := range 8 {
			all.Go(func() {
				random := rand.New(rand.NewPCG(uint64(round), uint64(client)))
				for n := range 25 {
					in := step{do: []action{write, remove, allow, deny, read, read, read, read, other, other}[random.IntN(10)], value: fmt.Sprintf("%d-%d", client, n)}
					if client == 0 && n == 20 {
						in.do = revoke
					}
					call := time.Since(begun)
					out := c.act(in)
					mu.Lock()
					history = append(history, operations(client, in, out, call, time.Since(begun))...)
					mu.Unlock()
				}
			})
		}
		all.Wait()
		switch porcupine.CheckOperationsTimeout(model, history, 20*time.Second) {
		case porcupine.Illegal:
			t.Fatalf("no order of these explains what was seen: %v", history)
		case porcupine.Unknown:
			t.Logf("round %d was too much to check", round)
		}
	}
}

// operations are what the model makes of one: a read with a token is let in at
// one moment and sees at another, both between its begin and its end. Whoever
// is let in may see what was written while the request was under way.
func operations(client int, in step, out seen, call, end time.Duration) []porcupine.Operation {
	o := porcupine.Operation{ClientId: client, Input: in, Output: out, Call: int64(call), Return: int64(end)}
	if in.do != read {
		return []porcupine.Operation{o}
	}
	o.Input = step{do: let}
	all := []porcupine.Operation{o}
	if out.status != 403 {
		o.Input = step{do: saw}
		all = append(all, o)
	}
	return all
}

// cast is who takes part.
type cast struct {
	t                             *testing.T
	h                             *coretest.House
	d                             *vault.Door
	user, parent, granted, denied string
}

func (c *cast) act(in step) seen {
	const at = "/v1/secret/data/a"
	switch in.do {
	case write:
		return shown(ask(c.t, c.d, "PUT", at, "root", `{"data":{"value":"`+in.value+`"}}`).Body.String(), 200)
	case remove:
		return seen{status: ask(c.t, c.d, "DELETE", at, "root", "").Code}
	case allow:
		return seen{status: ask(c.t, c.d, "PUT", "/v1/sys/policies/acl/r", "root", c.granted).Code}
	case deny:
		return seen{status: ask(c.t, c.d, "PUT", "/v1/sys/policies/acl/r", "root", c.denied).Code}
	case revoke:
		return seen{status: ask(c.t, c.d, "POST", "/v1/auth/token/revoke", "root", `{"token":"`+c.parent+`"}`).Code}
	case read:
		out := ask(c.t, c.d, "GET", at, c.user, "")
		return shown(out.Body.String(), out.Code)
	}
	got, err := c.h.GetValue(context.Background(), coretest.Admin(), core.GetValueInput{Ref: coretest.Ref("a")})
	if err != nil {
		return seen{status: 404}
	}
	var v struct{ Value string }
	_ = json.Unmarshal(got.Content.Value.Open(), &v)
	return seen{status: 200, value: strings.Clone(v.Value)}
}

// shown reads an answer of a write or a read of KV.
func shown(text string, status int) seen {
	var out struct {
		Data struct {
			Version  int
			Data     struct{ Value string }
			Metadata struct{ Version int }
		}
	}
	_ = json.Unmarshal([]byte(text), &out)
	return seen{status: status, value: out.Data.Data.Value, version: out.Data.Version + out.Data.Metadata.Version}
}
