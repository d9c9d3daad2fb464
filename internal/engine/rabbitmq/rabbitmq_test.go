//go:build engines

package rabbitmq_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/engine"
	"github.com/strongroom-dev/strongroom/internal/engine/enginetest"
	"github.com/strongroom-dev/strongroom/internal/engine/rabbitmq"
	"github.com/strongroom-dev/strongroom/test/servers"
)

func call(as engine.Login, method, path string, in any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(method, fmt.Sprintf("http://%s:%d/api/%s", as.Host, as.Port, path), bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.SetBasicAuth(as.User, string(as.Password.Open()))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode > 299 {
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	return nil
}

func TestEngine(t *testing.T) {
	s := servers.RabbitMQ(t)
	admin := engine.Login{Host: "127.0.0.1", Port: s.Port, User: s.Admin, Password: enginetest.Password(s.Password)}
	enginetest.Examine(t, enginetest.Subject{
		Engine: rabbitmq.Engine{}, Admin: admin,
		Make: func(t *testing.T, user, password string) {
			for path, in := range map[string]any{
				"users/" + user: map[string]string{"password": password, "tags": "management"},
			} {
				if err := call(admin, http.MethodPut, path, in); err != nil {
					t.Fatal(err)
				}
			}
			if err := call(admin, http.MethodPut, "permissions/%2f/"+user, map[string]string{"configure": ".*", "write": ".*", "read": ".*"}); err != nil {
				t.Fatal(err)
			}
		},
		Use: func(as engine.Login) error {
			return call(as, http.MethodPut, "queues/%2f/orders", map[string]bool{"durable": false})
		},
	})
}
