//go:build crash

package crash_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// smallDisk is a file system of 48 MiB: room for two segments and a little.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=48m"); err != nil {
		t.Skip("SKIPPED: a full disk needs a mount, which this machine does not allow: ", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	return dir
}

// fill takes all the room that is left; what it gives frees it again.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, size := range []int{1 << 20, 4 << 10} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// A disk without room: writes are refused with an error that says so, what was
// written is read on, and with room again, after a restart, all goes on.
func TestFullDisk(t *testing.T) {
	disk := smallDisk(t)
	h := newHouse(t, build(t, ""), filepath.Join(disk, "data"))
	h.start()
	ctx, cancel := forAWhile()
	h.load(ctx, 4)
	cancel()
	free := fill(t, disk)

	c := h.client()
	large := aws.String(strings.Repeat("x", 60_000))
	var refused error
	for i := range 1000 {
		name := "large/" + newToken()
		if _, refused = c.CreateSecret(context.Background(), &sm.CreateSecretInput{Name: &name, SecretString: large}); refused != nil {
			t.Logf("refused after %d: %v", i, refused)
			break
		}
	}
	if refused == nil || strings.Contains(refused.Error(), disk) {
		t.Errorf("a write to a full disk: %v", refused)
	}
	if status, text := h.ready(); status != http.StatusServiceUnavailable || !strings.Contains(text, "restart") {
		t.Errorf("readyz says %d %s", status, text)
	}
	if problem := h.broken(); problem != "" { // reads go on
		t.Error(problem)
	}
	h.kill()
	if !strings.Contains(h.log.String(), "no space left") {
		t.Errorf("the server's log does not say why: %s", h.log)
	}

	if err := h.tryStart(); err == nil { // it may start, and reads then
		if problem := h.broken(); problem != "" {
			t.Error(problem)
		}
		h.kill()
	} else {
		t.Log("on the full disk: ", err)
	}
	free()
	h.start()
	if problem := h.broken(); problem != "" {
		t.Error(problem)
	}
	ctx, cancel = forAWhile()
	defer cancel()
	h.load(ctx, 4)
	if problem := h.broken(); problem != "" {
		t.Error(problem)
	}
	h.stop()
}

func TestInitOnAFullDisk(t *testing.T) {
	disk := smallDisk(t)
	defer fill(t, disk)()
	dir := filepath.Join(disk, "data")
	out, err := exec.Command(build(t, ""), "init", "--data", dir, "--account", "123456789012").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "no space left on device") {
		t.Errorf("init said %v: %s", err, out)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("init left %s behind", dir)
	}
}

// ready asks /readyz.
func (h *house) ready() (int, string) {
	h.t.Helper()
	resp, err := http.Get("http://" + h.addr + "/readyz")
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}
