// Package door is what all doors have in common: an exchange, which is one
// request and what is logged of it, and the one listener that they share.
//
// It must not know any protocol.
package door

import (
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/strongroom-dev/strongroom/internal/gate"
)

// Door serves one protocol.
type Door interface {
	// Name is the door's name in logs and records.
	Name() string
	// Serve answers a request, and fills in what it learns of it. It keeps
	// neither w nor x.
	Serve(w http.ResponseWriter, r *http.Request, x *Exchange)
}

// Exchange is one request: what it is known by, and what came of it.
type Exchange struct {
	ID        string // the request ID that the client is told
	Begun     time.Time
	Operation string // in the protocol's words; "-" until it is known
	Principal string
	Outcome   string // in the protocol's words: "ok" or the error
}

// Observer logs and counts exchanges.
type Observer struct {
	logger  *slog.Logger
	now     func() time.Time
	seconds *prometheus.HistogramVec
}

// NewObserver makes an observer; its metrics go to reg.
func NewObserver(logger *slog.Logger, reg prometheus.Registerer) *Observer {
	o := &Observer{logger: logger, now: time.Now, seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "strongroom_request_duration_seconds",
		Help:    "How long requests took, by door, operation and outcome.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"door", "operation", "outcome"})}
	reg.MustRegister(o.seconds)
	return o
}

// observed is an exchange and what is noted of it; they are used again.
type observed struct {
	Exchange
	counter
}

var exchanges = sync.Pool{New: func() any { return new(observed) }}

// Handler serves a door, with one log line and one observation a request.
func (o *Observer) Handler(d Door) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := o.now()
		x := exchanges.Get().(*observed)
		x.Exchange = Exchange{ID: gate.NewID(now), Begun: now, Operation: "-", Outcome: "ok"}
		x.counter = counter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			*x = observed{}
			exchanges.Put(x)
		}()
		defer o.observe(d, r, &x.counter, &x.Exchange)
		d.Serve(&x.counter, r, &x.Exchange)
	})
}

func (o *Observer) observe(d Door, r *http.Request, c *counter, x *Exchange) {
	if p := recover(); p != nil { // observe is deferred
		if p == http.ErrAbortHandler {
			panic(p)
		}
		x.Outcome = "panic"
		o.logger.Error("a handler panicked", "request_id", x.ID, "panic", p)
		if c.bytes == 0 {
			c.WriteHeader(http.StatusInternalServerError)
		}
	}
	took := o.now().Sub(x.Begun)
	o.seconds.WithLabelValues(d.Name(), x.Operation, x.Outcome).Observe(took.Seconds())
	o.logger.LogAttrs(r.Context(), slog.LevelInfo, "request",
		slog.String("request_id", x.ID), slog.String("door", d.Name()), slog.String("operation", x.Operation),
		slog.String("principal", x.Principal), slog.String("outcome", x.Outcome), slog.Int("status", c.status),
		slog.String("source", r.RemoteAddr), slog.Int64("took_us", took.Microseconds()),
		slog.Int64("bytes", c.bytes))
}

// counter notes what is sent.
type counter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (c *counter) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
