package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"strongroom": func() { os.Exit(run()) }})
}

// TestScripts tells the stories in testdata, one a file.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve":       serveInBackground,
			"stopserver":  stopServer,
			"credentials": takeCredentials,
			"setfrom":     setFrom,
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			return nil
		},
	})
}

type running struct {
	cmd  *exec.Cmd
	logs *os.File
}

// serveInBackground starts the server or dev with the arguments, with standard
// input from the file "stdin" if there is one, and points the environment at it.
func serveInBackground(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("serve does not fail: use exec strongroom")
	}
	cmd := exec.Command("strongroom", append(args, "--listen", "127.0.0.1:0")...)
	path, err := exec.LookPath("strongroom")
	ts.Check(err)
	cmd.Path, cmd.Dir = path, ts.Getenv("WORK")
	cmd.Env = append(os.Environ(), "HOME="+cmd.Dir, "TMPDIR="+cmd.Dir)
	logs, err := os.Create(filepath.Join(cmd.Dir, "server.log"))
	ts.Check(err)
	cmd.Stderr = logs
	if in, err := os.Open(filepath.Join(cmd.Dir, "stdin")); err == nil {
		cmd.Stdin = in
	}
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if m := regexp.MustCompile(`(127\.0\.0\.1:\d+)`).FindString(lines.Text()); m != "" {
			ts.Setenv("AWS_ENDPOINT_URL", "http://"+m)
			servers.Store(ts.Getenv("WORK"), &running{cmd, logs})
			go func() {
				for lines.Scan() {
				}
			}()
			return
		}
	}
	text, _ := os.ReadFile(logs.Name())
	ts.Fatalf("the server did not start: %s", text)
}

var servers sync.Map // by the script's folder: *running

func stopServer(ts *testscript.TestScript, _ bool, _ []string) {
	found, ok := servers.LoadAndDelete(ts.Getenv("WORK"))
	if !ok {
		ts.Fatalf("no server runs")
	}
	s := found.(*running)
	ts.Check(s.cmd.Process.Signal(syscall.SIGTERM))
	ts.Check(s.cmd.Wait())
	ts.Check(s.logs.Close())
}

// takeCredentials sets the environment from what init printed, which is in the
// file, or to the development credentials.
func takeCredentials(ts *testscript.TestScript, _ bool, args []string) {
	id, key := devAccessKey, devSecretKey
	if len(args) == 1 {
		text := ts.ReadFile(args[0])
		id = regexp.MustCompile(`AWS_ACCESS_KEY_ID=(\S+)`).FindStringSubmatch(text)[1]
		key = regexp.MustCompile(`AWS_SECRET_ACCESS_KEY=(\S+)`).FindStringSubmatch(text)[1]
	}
	ts.Setenv("AWS_ACCESS_KEY_ID", id)
	ts.Setenv("AWS_SECRET_ACCESS_KEY", key)
}

// setFrom sets a variable to the first group of a pattern in a file.
func setFrom(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile(args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if m == nil {
		ts.Fatalf("%s does not match %s", args[1], args[2])
	}
	ts.Setenv(args[0], strings.TrimSpace(m[1]))
}
