package vault_test

import "testing"

// Clients parse the time.
func TestKeyStatus(t *testing.T) {
	_, d := newDoor(t)
	for _, want := range []string{`"term":1`, `"install_time":"1970-01-01T00:00:00.001Z"`} {
		no(t, d, "GET", "/v1/sys/key-status", "root", "", 200, want)
	}
}
