package main

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/sigv4"
)

const (
	watchers = 1000
	changes  = 40
)

// measureEvents measures how long it takes from the request that changes a
// secret to the event of it at each of many who watch.
func measureEvents(s *settings) error {
	srv, err := startServer(s, filepath.Join(s.dir, "watch"))
	if err != nil {
		return err
	}
	defer srv.stop()
	name := "bench/watched/" + gate.NewID(time.Now())
	if err := srv.create(name, value); err != nil {
		return err
	}
	var begun atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	var arrived atomic.Int64
	for range watchers {
		c, err := net.Dial("tcp", srv.addr)
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err := c.Write(srv.watching()); err != nil {
			return err
		}
		lines := bufio.NewScanner(c)
		if !lines.Scan() || !strings.Contains(lines.Text(), "200") {
			return fmt.Errorf("a watcher is answered %q", lines.Text())
		}
		for lines.Scan() && !strings.HasPrefix(lines.Text(), "id: ") {
		}
		go func() {
			for lines.Scan() {
				if strings.HasPrefix(lines.Text(), "data: ") {
					d := time.Duration(time.Now().UnixNano() - begun.Load())
					mu.Lock()
					took = append(took, d)
					mu.Unlock()
					arrived.Add(1)
				}
			}
		}()
	}
	cpu := srv.cpu()
	var wrote time.Duration
	for i := range changes {
		begun.Store(time.Now().UnixNano())
		if _, err := srv.once(srv.signed("PutSecretValue", strings.Replace(createBody(name, value), `"Name"`, `"SecretId"`, 1))); err != nil {
			return err
		}
		wrote += time.Duration(time.Now().UnixNano() - begun.Load())
		for deadline := time.Now().Add(5 * time.Second); arrived.Load() < int64((i+1)*watchers) && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(took)
	fmt.Printf("Events of %d changes to %d watchers, from the request that changes to the line that arrives\n", changes, watchers)
	fmt.Println("arrived  lost        p50        p99        max  the write itself  server us/event")
	fmt.Printf("%7d  %4d  %9s  %9s  %9s  %16s  %15.1f\n\n", len(took), watchers*changes-len(took), round(took[len(took)/2]), round(took[len(took)*99/100]), round(took[len(took)-1]),
		round(wrote/changes), float64((srv.cpu()-cpu).Microseconds())/float64(len(took)))
	return nil
}

// watching is a signed request that watches.
func (s *server) watching() []byte {
	at := time.Now().UTC().Format(sigv4.TimeFormat)
	a := sigv4.Authorization{AccessKey: s.accessKey, SignedHeaders: "host;x-amz-date", Scope: sigv4.Scope{Date: at[:sigv4.DateLen], Region: "us-east-1", Service: "strongroom"}}
	hash := sha256.Sum256(nil)
	signature := sigv4.NewKey([]byte(s.secretKey), a.Scope).Sign(
		&sigv4.Message{Method: "GET", Path: "/events", Host: s.addr, Header: map[string][]string{"X-Amz-Date": {at}}}, a.SignedHeaders, hash[:], at, a.Scope)
	a.Signature = string(signature[:])
	return fmt.Appendf(nil, "GET /events HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\nX-Amz-Date: %s\r\nAuthorization: %s\r\n\r\n", s.addr, at, a.Header())
}
