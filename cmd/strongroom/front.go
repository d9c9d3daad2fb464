package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/strongroom-dev/strongroom/internal/door/vault"
)

// front is what listens. It lets requests into the house, or, while that is
// sealed, says so and takes what opens it.
type front struct {
	log    *logger
	sealed *vault.Lobby // nil if the house is always open

	open     atomic.Pointer[openHouse] // nil while it is sealed
	requests sync.RWMutex              // a request holds it for reading, so that a house closes behind the last one
}

// openHouse is a house that is open.
type openHouse struct {
	house   *house
	handler http.Handler
	stop    context.CancelFunc
	work    sync.WaitGroup
}

// admit opens the front onto a house, and begins its clockwork.
func (f *front) admit(h *house) {
	work, stop := context.WithCancel(context.Background())
	r := &openHouse{house: h, handler: h.doors(prometheus.NewRegistry()), stop: stop}
	r.work.Go(func() { h.clockwork(work) })
	r.work.Go(func() { h.store.Warm(work) })
	f.open.Store(r)
}

// leave closes the house, if it is open, behind the requests that are in it.
func (f *front) leave() error {
	r := f.open.Swap(nil)
	if r == nil {
		return nil
	}
	r.house.left.Do(func() { close(r.house.leaving) }) // who watches goes
	f.requests.Lock()
	defer f.requests.Unlock()
	r.stop()
	r.work.Wait()
	return r.house.close()
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.requests.RLock()
	defer f.requests.RUnlock()
	if open := f.open.Load(); open != nil {
		open.handler.ServeHTTP(w, r)
		return
	}
	f.sealed.ServeHTTP(w, r)
}

// serve listens until ctx ends; then requests that are under way finish, and the
// log is flushed. ready is called when it listens.
func (f *front) serve(ctx context.Context, at listening, ready func(addr net.Addr)) (err error) {
	defer func() { err = errors.Join(err, f.leave()) }()
	tuneRuntime()
	l, err := net.Listen("tcp", at.addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: is Strongroom running already? --listen takes another address", err)
	}
	if err != nil {
		return err
	}
	defer l.Close()
	var certs *certificates
	if at.certFile != "" {
		if certs, err = loadCertificates(at.certFile, at.keyFile); err != nil {
			return err
		}
	}
	server := &http.Server{
		Handler: f, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout,
		WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: stdLog(f.log),
	}
	work, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	failed := make(chan error, 1)
	wg.Go(func() {
		if certs != nil {
			wg.Go(func() { certs.reload(work, f.log) })
			server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: certs.get}
			failed <- server.ServeTLS(l, "", "")
			return
		}
		failed <- server.Serve(l)
	})
	ready(l.Addr())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	f.log.Info("shutting down")
	if open := f.open.Load(); open != nil {
		open.house.left.Do(func() { close(open.house.leaving) })
	}
	grace, cancel := context.WithTimeout(context.Background(), shutdownPeriod)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}

// serve serves the house until ctx ends.
func (h *house) serve(ctx context.Context, at listening, ready func(addr net.Addr)) error {
	f := &front{log: h.logger}
	f.admit(h)
	return f.serve(ctx, at, ready)
}
