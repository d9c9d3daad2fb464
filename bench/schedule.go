package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/strongroom-dev/strongroom/internal/gate"
)

const scheduled = 100000

// compareSchedules compares a server whose secrets rotate on a schedule with
// one whose secrets do not, while nothing is due.
func compareSchedules(s *settings) error {
	fmt.Printf("A server of %d secrets, by whether they rotate on a schedule, while nothing is due\n", scheduled)
	fmt.Println("schedules  start  anonymous  CPU while idle")
	for _, rotate := range []bool{false, true} {
		dir := filepath.Join(s.dir, fmt.Sprint("scheduled-", rotate))
		srv, err := startServer(s, dir)
		if err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(dir, "bench-filled")); err != nil {
			if err := srv.schedule(rotate); err != nil {
				srv.stop()
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, "bench-filled"), nil, 0o600); err != nil {
				return err
			}
		}
		srv.stop()
		if srv, err = startServer(s, dir); err != nil {
			return err
		}
		time.Sleep(2 * time.Second) // what a start leaves behind
		const idle = 10 * time.Second
		cpu := srv.cpu()
		time.Sleep(idle)
		fmt.Printf("%9v  %5s  %6d MB  %11.2f %%\n", rotate, srv.started.Round(time.Millisecond), srv.anonymous()>>20, 100*float64(srv.cpu()-cpu)/float64(idle))
		srv.stop()
	}
	fmt.Println()
	return nil
}

// schedule makes secrets without a value, and has them rotate every month.
func (s *server) schedule(rotate bool) error {
	return s.inParallel(scheduled, func(c *connection, n int) error {
		name := fmt.Sprintf("scheduled/%06d", n)
		err := c.exchange(s.signed("CreateSecret", fmt.Sprintf(`{"Name":%q,"ClientRequestToken":%q}`, name, gate.NewID(time.Now()))))
		if err != nil || !rotate {
			return err
		}
		return c.exchange(s.signed("RotateSecret", fmt.Sprintf(`{"SecretId":%q,"ClientRequestToken":%q,"RotationLambdaARN":"strongroom-postgresql-single-user",`+
			`"RotationRules":{"AutomaticallyAfterDays":30},"RotateImmediately":false}`, name, gate.NewID(time.Now()))))
	})
}
