package aws_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/door"
	"github.com/strongroom-dev/strongroom/internal/store/bolt"
)

// sink is a ResponseWriter that costs nothing.
type sink struct {
	header http.Header
	status int
	bytes  int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { s.bytes += len(b); return len(b), nil }

// readRequest is a signed GetSecretValue that can be served again and again,
// and the handler that serves it, on a real store and a real log.
func readRequest(t testing.TB) (serve func()) {
	db, err := bolt.Open(t.TempDir() + "/db")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, coretest.On(db))
	if _, err := s.house.CreateSecret(context.Background(), coretest.Admin(), core.CreateSecretInput{
		Space: coretest.Space, Name: "prod/db", Token: "0123456789-0123456789-0123456789", Content: coretest.TextOf(`{"a":"b"}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.house.GetValue(context.Background(), coretest.Admin(), core.GetValueInput{Ref: coretest.Ref("prod/db")}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.house.RecordAccess(context.Background(), core.House(recordAccess)); err != nil {
		t.Fatal(err)
	}
	handler := door.NewObserver(io.Discard, slog.New(slog.DiscardHandler), prometheus.NewRegistry()).Handler(s.door)
	body := []byte(`{"SecretId":"prod/db"}`)
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	s.sign(r, "GetSecretValue", body)
	w := &sink{header: http.Header{}}
	reader := bytes.NewReader(body)
	r.Body = io.NopCloser(reader)
	return func() {
		reader.Reset(body)
		clear(w.header)
		handler.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			t.Fatal("status", w.status)
		}
	}
}

func TestReadAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	serve := readRequest(t)
	serve()
	if n := testing.AllocsPerRun(100, serve); n > 25 {
		t.Errorf("a read takes %.0f allocations, and may take 25", n)
	} else {
		t.Logf("a read takes %.0f allocations", n)
	}
}

func BenchmarkRead(b *testing.B) {
	serve := readRequest(b)
	b.ReportAllocs()
	for b.Loop() {
		serve()
	}
}
