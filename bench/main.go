// Command bench compares the real server, with everything on, with a bare
// net/http server that gets the same request bytes and answers the same
// bytes, in the same minutes on the same machine; and a store of few secrets
// with one of many.
//
// The figures are ratios: what a machine does in a second says little of
// another. All traffic stays on loopback, and every loop is bounded in time.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

type settings struct {
	rounds  int
	seconds time.Duration
	many    int
	only    string
	binary  string
	dir     string
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "bare" {
		bare(os.Args[2], os.Args[3])
		return
	}
	var s settings
	var keep string
	flag.IntVar(&s.rounds, "rounds", 5, "rounds of each comparison; the median counts")
	flag.DurationVar(&s.seconds, "time", 2*time.Second, "length of a round")
	flag.IntVar(&s.many, "secrets", 1000000, "how many secrets the large store holds; 0 leaves that part out")
	flag.StringVar(&s.only, "only", "", "read, role, write, vault, tokens, scale, watch or schedule: that part alone")
	flag.StringVar(&keep, "dir", "", "folder to work in; kept, with the large store, for the next run")
	flag.Parse()
	if err := run(&s, keep); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(s *settings, keep string) error {
	s.dir = keep
	if keep == "" {
		dir, err := os.MkdirTemp("", "strongroom-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		s.dir = dir
	}
	s.binary = filepath.Join(s.dir, "strongroom")
	build := exec.Command("go", "build", "-o", s.binary, "./cmd/strongroom")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building: %w", err)
	}
	parts := []struct {
		name string
		run  func(*settings) error
	}{{"read", compareReads}, {"role", compareRole}, {"write", measureWrites}, {"vault", compareVault}, {"tokens", compareTokens}, {"scale", compareSizes}, {"watch", measureEvents}, {"schedule", compareSchedules}}
	for _, p := range parts {
		if s.only == "" || s.only == p.name {
			if err := p.run(s); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	return nil
}

// compareReads interleaves rounds of the bare server and of the real one.
func compareReads(s *settings) error {
	srv, err := startServer(s, filepath.Join(s.dir, "read"))
	if err != nil {
		return err
	}
	defer srv.stop()
	if err := srv.create("bench/secret", value); err != nil {
		return err
	}
	read := srv.reader([]string{"bench/secret"}, false)
	answer, err := srv.sample(read)
	if err != nil {
		return err
	}
	plain, err := startBare(s, answer)
	if err != nil {
		return err
	}
	defer plain.stop()
	sync, err := measureSync(s.dir)
	if err != nil {
		return err
	}
	fmt.Printf("fdatasync of one record: p50 %s\n\n", round(sync))
	fmt.Println("GetSecretValue, all on, against a bare net/http server that gets the same bytes")
	fmt.Println("conns  bare rps  real rps  ratio   bare p50   real p50   bare p99   real p99  bare us/req  real us/req  records/sync")
	for _, conns := range []int{1, 16, 64} {
		var b, r []result
		syncs := srv.counters()
		for range s.rounds {
			b = append(b, plain.load(conns, s.seconds, read))
			r = append(r, srv.load(conns, s.seconds, read))
		}
		grew := srv.counters().since(syncs)
		mb, mr := median(b), median(r)
		fmt.Printf("%5d  %8.0f  %8.0f  %5.2f  %9s  %9s  %9s  %9s  %11.1f  %11.1f  %12.1f\n", conns, mb.rps, mr.rps, mr.rps/mb.rps,
			round(mb.p50), round(mr.p50), round(mb.p99), round(mr.p99), mb.cpu, mr.cpu, grew["strongroom_audit_appends_total"]/grew["strongroom_audit_syncs_total"])
		if conns == 1 {
			fmt.Printf("       p50 at 1 connection is %.2f of an fdatasync and a bare request\n", float64(mr.p50)/float64(sync+mb.p50))
		}
	}
	fmt.Println()
	return nil
}

// measureWrites counts how many writes share an fsync.
func measureWrites(s *settings) error {
	srv, err := startServer(s, filepath.Join(s.dir, "write"))
	if err != nil {
		return err
	}
	defer srv.stop()
	fmt.Println("PutSecretValue, each writer on secrets of its own")
	fmt.Println("conns      rps        p50        p99  us/req  writes/transaction  writes/fsync")
	for _, conns := range []int{1, 16, 64} {
		before := srv.counters()
		r := srv.load(conns, 2*s.seconds, srv.writer())
		grew := srv.counters().since(before)
		// A transaction of bbolt syncs twice: the pages, then the page that
		// makes them count.
		fsyncs := 2*grew["strongroom_store_transactions_total"] + grew["strongroom_audit_syncs_total"]
		fmt.Printf("%5d  %7.0f  %9s  %9s  %6.0f  %18.1f  %12.1f\n", conns, r.rps, round(r.p50), round(r.p99), r.cpu,
			r.count/grew["strongroom_store_transactions_total"], r.count/fsyncs)
	}
	fmt.Println()
	return nil
}

// compareSizes compares reads of few and of many secrets.
func compareSizes(s *settings) error {
	if s.many == 0 {
		return nil
	}
	few, err := startSized(s, 1000)
	if err != nil {
		return err
	}
	defer few.stop()
	many, err := startSized(s, s.many)
	if err != nil {
		return err
	}
	defer many.stop()
	a, b := few.reader(names(1000), true), many.reader(names(s.many), true)
	few.load(64, s.seconds, a)
	many.load(64, 10*s.seconds, b) // the first touch of each page is the disk's and the kernel's
	var ra, rb []result
	for range s.rounds {
		ra = append(ra, few.load(64, s.seconds, a))
		rb = append(rb, many.load(64, s.seconds, b))
	}
	ma, mb := median(ra), median(rb)
	fmt.Println("GetSecretValue of random secrets at 64 connections, by how many are stored")
	fmt.Println("   secrets      rps        p50  us/req  start  anonymous  bytes on disk")
	for _, row := range []struct {
		n int
		s *server
		r result
	}{{1000, few, ma}, {s.many, many, mb}} {
		fmt.Printf("%10d  %7.0f  %9s  %6.1f  %5s  %6d MB  %9d MB\n", row.n, row.r.rps, round(row.r.p50), row.r.cpu,
			row.s.started.Round(time.Millisecond), row.s.anonymous()>>20, row.s.onDisk()>>20)
	}
	fmt.Printf("a read of many costs %.2f of a read of few (server CPU), %.2f (time)\n\n", mb.cpu/ma.cpu, ma.rps/mb.rps)
	return nil
}

func median(rs []result) result {
	slices.SortFunc(rs, func(a, b result) int { return int(a.rps - b.rps) })
	return rs[len(rs)/2]
}

func round(d time.Duration) string { return d.Round(time.Microsecond).String() }
