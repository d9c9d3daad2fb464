package vault_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/strongroom-dev/strongroom/internal/door"
	"github.com/strongroom-dev/strongroom/internal/door/vault"
)

// ask sends a request and gives the answer.
func ask(t testing.TB, d *vault.Door, method, path, token, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("X-Vault-Token", token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	x := door.Exchange{ID: "01a210a0-de0e-7a8b-b362-8eeef050541b", Begun: time.Now()}
	d.Serve(w, r, &x)
	return w
}
