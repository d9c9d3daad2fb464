package main

import (
	"bufio"
	"io"
	"log"
	"log/slog"
	"sync"
	"time"
)

// lazy gathers log lines and writes them a few times a second: a line a
// request would otherwise be a system call a request. What a crash loses of
// them the audit log has.
type lazy struct {
	mu   sync.Mutex
	buf  *bufio.Writer
	stop chan struct{}
	done chan struct{}
}

const flushEvery = 200 * time.Millisecond

func newLazy(w io.Writer) *lazy {
	l := &lazy{buf: bufio.NewWriterSize(w, 64<<10), stop: make(chan struct{}), done: make(chan struct{})}
	go l.loop()
	return l
}

func (l *lazy) loop() {
	defer close(l.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.flush()
		case <-l.stop:
			l.flush()
			return
		}
	}
}

func (l *lazy) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.buf.Flush() // there is nowhere to say that the log cannot be written
}

// Write implements io.Writer.
func (l *lazy) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

// Close writes what is left.
func (l *lazy) Close() error {
	close(l.stop)
	<-l.done
	return nil
}

// logger writes the server's log, JSON lines. What is logged of a request is
// written to lines by the one who knows it, the rest through slog.
type logger struct {
	*slog.Logger
	lines *lazy
}

func newLogger(w io.Writer) *logger {
	l := newLazy(w)
	return &logger{slog.New(slog.NewJSONHandler(l, nil)), l}
}

// Close writes what is left.
func (l *logger) Close() error { return l.lines.Close() }

// stdLog is a log.Logger for libraries that want one.
func stdLog(l *logger) *log.Logger {
	return slog.NewLogLogger(l.Handler(), slog.LevelWarn)
}
