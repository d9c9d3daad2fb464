package door_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/strongroom-dev/strongroom/internal/door"
)

// stub is a door whose answers the test gives.
type stub func(w http.ResponseWriter, r *http.Request, x *door.Exchange)

func (stub) Name() string { return "stub" }

func (s stub) Serve(w http.ResponseWriter, r *http.Request, x *door.Exchange) { s(w, r, x) }

func TestOneLineAndOneObservationARequest(t *testing.T) {
	for name, c := range map[string]struct {
		serve  stub
		status float64
		want   map[string]any
	}{
		"an answer": {
			func(w http.ResponseWriter, _ *http.Request, x *door.Exchange) {
				x.Operation, x.Principal = "Read", "arn:\"quoted\"\n"
				_, _ = w.Write([]byte("four"))
			}, 200, map[string]any{"operation": "Read", "principal": "arn:\"quoted\"\n", "outcome": "ok", "bytes": 4.},
		},
		"a refusal": {
			func(w http.ResponseWriter, _ *http.Request, x *door.Exchange) {
				x.Outcome = "Denied"
				w.WriteHeader(http.StatusForbidden)
			}, 403, map[string]any{"operation": "-", "outcome": "Denied", "bytes": 0.},
		},
		"a panic": {
			func(http.ResponseWriter, *http.Request, *door.Exchange) { panic("a bug") },
			500, map[string]any{"outcome": "panic"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var lines bytes.Buffer
			reg := prometheus.NewRegistry()
			h := door.NewObserver(&lines, slog.New(slog.DiscardHandler), reg).Handler(c.serve)
			for range 2 { // the second uses memory of the first
				lines.Reset()
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil))
			}
			var got map[string]any
			if err := json.Unmarshal(lines.Bytes(), &got); err != nil {
				t.Fatalf("%s: %v", lines.Bytes(), err)
			}
			c.want["msg"], c.want["door"], c.want["status"], c.want["source"] = "request", "stub", c.status, "192.0.2.1:1234"
			for k, v := range c.want {
				if got[k] != v {
					t.Errorf("%s is %v, not %v, in %s", k, got[k], v, lines.Bytes())
				}
			}
			if got["request_id"] == "" || got["time"] == "" {
				t.Errorf("no ID or time in %s", lines.Bytes())
			}
			families, err := reg.Gather()
			if err != nil || families[0].Metric[0].GetHistogram().GetSampleCount() != 2 {
				t.Errorf("observed %v, %v", families, err)
			}
		})
	}
}
