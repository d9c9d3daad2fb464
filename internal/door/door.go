// Package door is what all doors have in common: an exchange, which is one
// request and what is logged of it, and the one listener that they share.
//
// It must not know any protocol.
package door

import (
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/jsontext"
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
	lines  io.Writer
	logger *slog.Logger
	now    func() time.Time
	counts counts
}

// NewObserver makes an observer: a line of JSON a request goes to lines in one
// Write each, what goes wrong to logger, the metrics to reg.
func NewObserver(lines io.Writer, logger *slog.Logger, reg prometheus.Registerer) *Observer {
	o := &Observer{lines: lines, logger: logger, now: time.Now}
	o.counts.register(reg)
	return o
}

// observed is an exchange and what is noted of it; they are used again.
type observed struct {
	Exchange
	counter
	line []byte
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
			*x = observed{line: x.line[:0]}
			exchanges.Put(x)
		}()
		defer o.observe(d, r, x)
		d.Serve(&x.counter, r, &x.Exchange)
	})
}

func (o *Observer) observe(d Door, r *http.Request, x *observed) {
	if p := recover(); p != nil { // observe is deferred
		if p == http.ErrAbortHandler {
			panic(p)
		}
		x.Outcome = "panic"
		o.logger.Error("a handler panicked", "request_id", x.ID, "panic", p)
		if x.bytes == 0 {
			x.WriteHeader(http.StatusInternalServerError)
		}
	}
	took := o.now().Sub(x.Begun)
	o.counts.of(exchangeKind{d.Name(), x.Operation, x.Outcome}).Observe(took.Seconds())
	x.line = x.appendLine(x.line, d.Name(), r.RemoteAddr, took)
	_, _ = o.lines.Write(x.line) // there is nowhere to say that the log cannot be written
}

// appendLine appends what slog's JSON handler would write of the exchange.
func (x *observed) appendLine(b []byte, door, source string, took time.Duration) []byte {
	b = append(b, `{"time":"`...)
	b = x.Begun.Add(took).AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"INFO","msg":"request"`...)
	b = jsontext.AppendMember(b, "request_id", x.ID)
	b = jsontext.AppendMember(b, "door", door)
	b = jsontext.AppendMember(b, "operation", x.Operation)
	b = jsontext.AppendMember(b, "principal", x.Principal)
	b = jsontext.AppendMember(b, "outcome", x.Outcome)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(x.status), 10)
	b = jsontext.AppendMember(b, "source", source)
	b = strconv.AppendInt(append(b, `,"took_us":`...), took.Microseconds(), 10)
	b = strconv.AppendInt(append(b, `,"bytes":`...), x.bytes, 10)
	return append(b, '}', '\n')
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
