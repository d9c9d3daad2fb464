package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const expiring = 20_000

// compareTokens compares a server of few tokens with one of many: their start,
// their memory, a read, and what it costs that some of them end.
func compareTokens(s *settings) error {
	fmt.Printf("Servers of some tokens, each for 30 days; a user's reads at 64 connections; then %d more that end after five seconds\n", expiring)
	fmt.Println(" tokens  start  anonymous  reads/s  us/read  idle CPU  an end, us  all gone")
	for _, tokens := range []int{1000, s.many} {
		if err := s.tokens(tokens); err != nil {
			return err
		}
	}
	fmt.Println()
	return nil
}

func (set *settings) tokens(count int) error {
	dir := filepath.Join(set.dir, fmt.Sprint("tokens-", count))
	srv, err := startServer(set, dir)
	if err != nil {
		return err
	}
	filled := filepath.Join(dir, "bench-filled")
	if _, err := os.Stat(filled); err != nil {
		long := srv.asked("POST", "auth/token/create", srv.vault, `{"policies":["bench-a"],"ttl":"720h"}`)
		if err := srv.inParallel(count, func(c *connection, _ int) error { return c.exchange(long) }); err != nil {
			srv.stop()
			return err
		}
		if err := os.WriteFile(filled, nil, 0o600); err != nil {
			return err
		}
	}
	srv.stop()
	if srv, err = startServer(set, dir); err != nil {
		return err
	}
	defer srv.stop()
	if _, err := srv.once(srv.asked("PUT", "secret/data/bench/0", srv.vault, `{"data":`+value+`}`)); err != nil {
		return err
	}
	user, err := srv.userToken()
	if err != nil {
		return err
	}
	request := srv.asked("GET", "secret/data/bench/0", user, "")
	time.Sleep(3 * time.Second) // what a start leaves behind
	memory := srv.anonymous()
	r := srv.load(64, set.seconds, func(int, int) []byte { return request })

	const idle = 10 * time.Second
	before := srv.cpu()
	time.Sleep(idle)
	rest := srv.cpu() - before

	short := srv.asked("POST", "auth/token/create", srv.vault, `{"policies":["bench-a"],"ttl":"5s"}`)
	if err := srv.inParallel(expiring, func(c *connection, _ int) error { return c.exchange(short) }); err != nil {
		return err
	}
	begun := time.Now()
	before = srv.cpu()
	last := srv.counters()
	quiet := time.Now().Add(4 * time.Second)                                   // the first end later
	for time.Since(quiet) < 3*time.Second && time.Since(begun) < time.Minute { // until nothing is written any more
		time.Sleep(250 * time.Millisecond)
		now := srv.counters()
		if now.since(last)["strongroom_store_transactions_total"] > 0 {
			quiet, last = time.Now(), now
		}
	}
	took := quiet.Sub(begun)
	end := srv.cpu() - before - rest*time.Since(begun)/idle
	fmt.Printf("%7d  %5s  %6d MB  %7.0f  %7.1f  %6.2f %%  %10.1f  %8s\n", count, srv.started.Round(time.Millisecond), memory>>20, r.rps, r.cpu,
		100*float64(rest)/float64(idle), float64(end.Microseconds())/expiring, took.Round(100*time.Millisecond))
	return nil
}
