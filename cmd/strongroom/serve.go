package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The bounds on a connection.
const (
	headerTimeout  = 30 * time.Second
	readTimeout    = 30 * time.Second
	writeTimeout   = 60 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeader      = 32 << 10
	shutdownPeriod = 30 * time.Second
)

// The collector runs when the heap has grown to nine times what is alive, but
// well before memory is scarce: requests leave little that lives.
const (
	gcPercent = 800
	gcLimit   = 192 << 20
)

// tuneRuntime sets the collector, and one more processor than there is, for
// one is often waiting for the disk; the environment wins over both.
func tuneRuntime() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(gcLimit)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
}

// readIssuers reads the keys of issuers from files, each ISSUER=FILE.
func (h *house) readIssuers(files []string) error {
	for _, f := range files {
		issuer, path, ok := strings.Cut(f, "=")
		if !ok || !strings.Contains(issuer, "://") {
			return usagef("--oidc-keys is ISSUER=FILE, as https://issuer.example=keys.json, not %q", f)
		}
		if err := h.issuers.ReadFile(issuer, path); err != nil {
			return fmt.Errorf("the keys of %s: %w", issuer, err)
		}
	}
	return nil
}

// listening says where and how to serve.
type listening struct {
	addr     string
	certFile string
	keyFile  string
}

// operations are the paths for those who watch over the server.
func (h *house) operations(mux *http.ServeMux, reg *prometheus.Registry) {
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	counter := func(name, help string, value func() uint64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
	}
	counter("strongroom_store_updates_total", "Updates of the store.", func() uint64 { n, _ := h.store.Stats(); return n })
	counter("strongroom_store_transactions_total", "Transactions that those updates shared.", func() uint64 { _, n := h.store.Stats(); return n })
	counter("strongroom_audit_appends_total", "Appends to the audit log.", func() uint64 { n, _ := h.log.Stats(); return n })
	counter("strongroom_audit_syncs_total", "Syncs of the audit log that those appends shared.", func() uint64 { _, n := h.log.Stats(); return n })
	counter("strongroom_audit_records", "Records in the audit log.", func() uint64 { return uint64(h.log.Head().Size) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if h.core.Failed() != nil {
			http.Error(w, "sealed: the audit log could not be written", http.StatusServiceUnavailable)
			return
		}
		if h.store.Failed() != nil {
			http.Error(w, "the store could not be written: it reads, and writes again after a restart", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
}

// certificates holds the certificate that new connections get.
type certificates struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

func loadCertificates(certFile, keyFile string) (*certificates, error) {
	c := &certificates{certFile: certFile, keyFile: keyFile}
	return c, c.load()
}

func (c *certificates) load() error {
	cert, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("the TLS certificate: %w", err)
	}
	c.current.Store(&cert)
	return nil
}

func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}

// reload loads the files again on each SIGHUP; if they cannot be loaded the
// old certificate stays.
func (c *certificates) reload(ctx context.Context, log *logger) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		}
		if err := c.load(); err != nil {
			log.Error("the certificate was not reloaded; the old one stays", "error", err)
			continue
		}
		log.Info("certificate reloaded")
	}
}

// isLoopback reports whether an address can be reached from this machine only.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
