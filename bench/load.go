package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// requests gives the bytes of the n-th request of a connection.
type requests func(conn, n int) []byte

// result is one round.
type result struct {
	count    float64
	rps      float64
	p50, p99 time.Duration
	cpu      float64 // of the server, in microseconds a request
}

// load sends requests over some connections for a while, each connection one
// after the other.
func (s *server) load(conns int, length time.Duration, next requests) result {
	before := s.cpu()
	begin := time.Now()
	end := begin.Add(length)
	times := make([][]time.Duration, conns)
	var wg sync.WaitGroup
	for i := range conns {
		wg.Go(func() {
			c, err := dial(s.addr)
			if err != nil {
				fmt.Fprintln(os.Stderr, "bench:", err)
				return
			}
			defer c.Close()
			for n := 0; time.Now().Before(end); n++ {
				request := next(i, n)
				sent := time.Now()
				if err := c.exchange(request); err != nil {
					fmt.Fprintln(os.Stderr, "bench:", err)
					return
				}
				times[i] = append(times[i], time.Since(sent))
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	all := slices.Concat(times...)
	if len(all) == 0 {
		return result{}
	}
	slices.Sort(all)
	n := float64(len(all))
	return result{count: n, rps: n / took.Seconds(), p50: all[len(all)/2], p99: all[len(all)*99/100],
		cpu: float64((s.cpu() - before).Microseconds()) / n}
}

// connection is a client that does as little as it can, so that the servers
// have the machine.
type connection struct {
	net.Conn
	in   *bufio.Reader
	body []byte
}

func dial(addr string) (*connection, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: c, in: bufio.NewReaderSize(c, 16<<10)}, nil
}

var lengthHeader = []byte("Content-Length: ")

// exchange sends a request and reads the answer, which must be a 200.
func (c *connection) exchange(request []byte) error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	length := -1
	var status []byte
	for first := true; ; first = false {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		switch {
		case first:
			status = append(status, line...)
		case bytes.HasPrefix(line, lengthHeader):
			length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(lengthHeader):])))
			if err != nil {
				return err
			}
		}
		if len(line) <= 2 {
			break
		}
	}
	if length < 0 {
		return fmt.Errorf("an answer without a length: %s", status)
	}
	c.body = slices.Grow(c.body[:0], length)[:length]
	for read := 0; read < length; {
		n, err := c.in.Read(c.body[read:])
		if err != nil {
			return err
		}
		read += n
	}
	if !bytes.Contains(status, []byte(" 200 ")) {
		return fmt.Errorf("%s %s", bytes.TrimSpace(status), c.body)
	}
	return nil
}

// measureSync is how long the disk takes to make a record durable, in a file
// that does not grow.
func measureSync(dir string) (time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(make([]byte, 16<<20)); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	var times []time.Duration
	record := make([]byte, 600)
	for i := range 500 {
		begin := time.Now()
		if _, err := f.WriteAt(record, int64(i*len(record))); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}

// inParallel does count things over many connections, and stops at the first
// that fails.
func (s *server) inParallel(count int, do func(c *connection, n int) error) error {
	const conns = 128
	errs := make(chan error, conns)
	var all sync.WaitGroup
	for i := range conns {
		all.Go(func() {
			c, err := dial(s.addr)
			if err != nil {
				errs <- err
				return
			}
			defer c.Close()
			for n := i; n < count && err == nil; n += conns {
				err = do(c, n)
			}
			if err != nil {
				errs <- err
			}
		})
	}
	all.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}
