package vault_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/door"
	"github.com/strongroom-dev/strongroom/internal/door/vault"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// nothing takes an answer and keeps nothing of it.
type nothing struct{ header http.Header }

func (w *nothing) Header() http.Header       { return w.header }
func (*nothing) Write(b []byte) (int, error) { return len(b), nil }
func (*nothing) WriteHeader(int)             {}

func newDoor(t testing.TB, options ...coretest.Option) (*coretest.House, *vault.Door) {
	t.Helper()
	h := coretest.New(t, options...)
	if err := h.Tokens.InstallRoot(context.Background(), core.House(secret.CreateToken), coretest.Account, "root"); err != nil {
		t.Fatal(err)
	}
	return h, vault.New(vault.Config{
		Core: h.Core, Directory: h.Directory, Mounts: h.Mounts, Tokens: h.Tokens, Entities: h.Entities, Methods: h.Methods, Transit: h.Transit,
		Status: func() vault.Status { return vault.Status{Initialized: true, Type: "shamir", Version: "1.14.0"} },
	})
}

// allocations of a read, from the parsed request to the written answer.
const allocations = 28

func TestReadAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates too")
	}
	_, d := newDoor(t)
	read := reader(t, d)
	if n := testing.AllocsPerRun(200, read); n > allocations {
		t.Errorf("a read allocates %.0f times, more than %d", n, allocations)
	} else {
		t.Logf("a read allocates %.0f times", n)
	}
}

func reader(t testing.TB, d *vault.Door) func() {
	t.Helper()
	if out := ask(t, d, "PUT", "/v1/secret/data/a/b", "root", `{"data":{"user":"u","password":"p"}}`); out.Code != 200 {
		t.Fatal(out.Body)
	}
	r := httptest.NewRequest(http.MethodGet, "/v1/secret/data/a/b", http.NoBody)
	r.Header.Set("X-Vault-Token", "root")
	r.Header.Set("User-Agent", "test")
	w := &nothing{http.Header{}}
	return func() {
		x := door.Exchange{ID: "01a210a0-de0e-7a8b-b362-8eeef050541b", Begun: time.Now()}
		d.Serve(w, r, &x)
	}
}

func BenchmarkRead(b *testing.B) {
	_, d := newDoor(b)
	read := reader(b, d)
	b.ReportAllocs()
	for b.Loop() {
		read()
	}
}
