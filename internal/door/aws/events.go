package aws

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/core"
	"github.com/strongroom-dev/strongroom/internal/door"
	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

// Events is the path that is watched: server-sent events, or one answer as
// soon as there is something. Requests are signed as all others, for the
// service "strongroom".
type Events struct{ door *Door }

// NewEvents makes the path of a door.
func NewEvents(d *Door) *Events { return &Events{d} }

// Name implements door.Door.
func (*Events) Name() string { return "events" }

// How often a stream that has nothing to say says so, and how long an answer
// may be waited for.
const (
	heartbeat = 15 * time.Second
	longest   = 60 * time.Second
	perBatch  = 100
)

// watch is somebody who watches.
type watch struct {
	q      *request
	r      *http.Request
	x      *door.Exchange
	in     core.ReadEventsInput
	signal <-chan struct{} // closed when there is more than the last read saw
}

// Serve implements door.Door.
func (e *Events) Serve(w http.ResponseWriter, r *http.Request, x *door.Exchange) {
	q := &request{ctx: r.Context(), door: e.door, w: w, id: [1]string{x.ID}, op: &operation{name: "WatchEvents", verb: secret.WatchEvents}}
	w.Header()["X-Amzn-Requestid"] = q.id[:]
	x.Operation = q.op.name
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		writeError(w, q, x, &wireError{kind: "UnknownOperationException", status: http.StatusMethodNotAllowed})
		return
	}
	watch, err := e.begin(q, r, x)
	x.Principal = q.who.Principal
	if err == nil && !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		err = watch.once()
	} else if err == nil {
		watch.stream()
	}
	if err != nil {
		writeError(w, q, x, err)
	}
}

// begin authenticates, and reads what is asked.
func (e *Events) begin(q *request, r *http.Request, x *door.Exchange) (*watch, error) {
	q.who = e.door.stranger(r, x)
	if err := e.door.authenticate(q, r, e.door.services["strongroom"]); err != nil {
		return nil, err
	}
	after, stated, err := position(r)
	if err != nil {
		return nil, q.reject(secret.InSpace(q.home), err)
	}
	signal := e.door.cfg.Core.EventsAfter()
	head, err := e.door.cfg.Core.WatchEvents(q.ctx, q.who, q.home)
	if err != nil {
		return nil, err
	}
	if !stated {
		after = head
	}
	_ = http.NewResponseController(q.w).SetReadDeadline(time.Time{}) // it lasts; the request has been read
	return &watch{q: q, r: r, x: x, signal: signal, in: core.ReadEventsInput{Space: q.home, After: after, Prefix: r.URL.Query().Get("prefix"), Max: perBatch}}, nil
}

// position is the number after which to go on.
func position(r *http.Request) (after uint64, stated bool, err error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.URL.Query().Get("after")
	}
	if text == "" {
		return 0, false, nil
	}
	after, err = strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, false, invalidParameter("The number of an event, after which to go on, is not a number.")
	}
	return after, true, nil
}

// read reads what there is. Who watches is asked for anew each time, so that
// nobody watches with rights that were taken away.
func (w *watch) read(ctx context.Context) (core.EventPage, error) {
	w.signal = w.q.door.cfg.Core.EventsAfter()
	who, err := w.q.door.cfg.Directory.Authenticate(ctx, w.q.door.stranger(w.r, w.x), &w.q.claim)
	if err != nil {
		return core.EventPage{}, err
	}
	who.Region = w.q.home.Region
	page, err := w.q.door.cfg.Core.ReadEvents(ctx, who, w.in)
	if err == nil {
		w.in.After = page.Next
	}
	return page, err
}

// once answers with what there is, or waits for it.
func (w *watch) once() error {
	patience, err := time.ParseDuration(defaultTo(w.r.URL.Query().Get("wait"), "0") + "s")
	if err != nil || patience < 0 {
		return w.q.reject(secret.InSpace(w.q.home), invalidParameter("The time to wait is a number of seconds."))
	}
	patience = min(patience, longest)
	control := http.NewResponseController(w.q.w)
	_ = control.SetWriteDeadline(time.Now().Add(patience + heartbeat))
	over := time.NewTimer(patience)
	defer over.Stop()
	for {
		page, err := w.read(w.q.ctx)
		if err != nil {
			return err
		}
		if len(page.Events) == 0 && !page.Missed && !page.More {
			select {
			case <-w.signal:
				continue
			case <-over.C:
			case <-w.q.ctx.Done():
			case <-w.q.door.cfg.Leaving:
			}
		}
		write(w.q.w, http.StatusOK, func(o *object) {
			list(o, "Events", page.Events, writeEvent)
			o.boolean("Missed", page.Missed)
			o.number("Next", int64(page.Next))
		})
		return nil
	}
}

func defaultTo(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func writeEvent(o *object, e core.Event) {
	o.str("ARN", arn.Secret(e.Ref()))
	o.str("Kind", e.Kind.String())
	o.str("Name", e.Name)
	o.number("Sequence", int64(e.Sequence))
	o.time("Time", e.Time)
	o.opt("VersionId", e.Version)
}

// stream sends events until the client goes, or may watch no longer.
func (w *watch) stream() {
	h := w.q.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	w.q.w.WriteHeader(http.StatusOK)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	if !w.send(fmt.Appendf(nil, ": the last event so far\nid: %d\n\n", w.in.After)) {
		return
	}
	for {
		page, err := w.read(w.q.ctx)
		if err != nil {
			w.send([]byte("event: end\ndata: {}\n\n"))
			return
		}
		if !w.send(asEvents(&page)) {
			return
		}
		if page.More {
			continue
		}
		for waiting := true; waiting; {
			select {
			case <-w.signal:
				waiting = false
			case <-beat.C:
				if !w.send([]byte(": nothing\n\n")) {
					return
				}
			case <-w.q.ctx.Done():
				return
			case <-w.q.door.cfg.Leaving:
				return
			}
		}
	}
}

// asEvents is a page as text/event-stream.
func asEvents(page *core.EventPage) []byte {
	var b []byte
	if page.Missed {
		b = append(b, "event: missed\ndata: {}\n\n"...)
	}
	for i := range page.Events {
		e := &page.Events[i]
		b = fmt.Appendf(b, "id: %d\nevent: %s\ndata: ", e.Sequence, e.Kind)
		o := object{b: append(b, '{')}
		writeEvent(&o, *e)
		b = append(o.b, "}\n\n"...)
	}
	return b
}

// send writes and flushes, and reports whether somebody is still there.
func (w *watch) send(text []byte) bool {
	if len(text) == 0 {
		return true
	}
	control := http.NewResponseController(w.q.w)
	_ = control.SetWriteDeadline(time.Now().Add(heartbeat))
	if _, err := w.q.w.Write(text); err != nil {
		return false
	}
	return control.Flush() == nil
}
