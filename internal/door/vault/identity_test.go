package vault_test

import (
	"encoding/json"
	"testing"
)

// An external group is known by its alias, and by its alias's ID.
func TestGroupAliases(t *testing.T) {
	_, d := newDoor(t)
	must(t, d, "POST", "/v1/sys/auth/people", "root", `{"type":"userpass"}`)
	var auth struct {
		Data map[string]struct{ Accessor string } `json:"data"`
	}
	if err := json.Unmarshal([]byte(must(t, d, "GET", "/v1/sys/auth", "root", "")), &auth); err != nil {
		t.Fatal(err)
	}
	accessor := auth.Data["people/"].Accessor
	inside := data(t, must(t, d, "POST", "/v1/identity/group", "root", `{"name":"inside"}`), "id")
	outside := data(t, must(t, d, "POST", "/v1/identity/group", "root", `{"name":"outside","type":"external"}`), "id")
	other := data(t, must(t, d, "POST", "/v1/identity/group", "root", `{"name":"other","type":"external"}`), "id")

	const at = "/v1/identity/group-alias"
	no(t, d, "POST", at, "root", `{"name":"admins","mount_accessor":"`+accessor+`","canonical_id":"`+inside+`"}`, 400, "internal group")
	no(t, d, "POST", at, "root", `{"name":"admins","mount_accessor":"none","canonical_id":"`+outside+`"}`, 400, "invalid mount accessor")
	id := data(t, must(t, d, "POST", at, "root", `{"name":"admins","mount_accessor":"`+accessor+`","canonical_id":"`+outside+`"}`), "id")
	no(t, d, "POST", at, "root", `{"name":"admins","mount_accessor":"`+accessor+`","canonical_id":"`+other+`"}`, 400, "different group")
	no(t, d, "POST", at+"/id/none", "root", `{"name":"x"}`, 400, "invalid group alias ID")

	must(t, d, "POST", at+"/id/"+id, "root", `{"name":"operators"}`)
	if got := data(t, must(t, d, "GET", at+"/id/"+id, "root", ""), "name"); got != "operators" {
		t.Errorf("its name is %q", got)
	}
	no(t, d, "LIST", at+"/id", "root", "", 200, id)
	must(t, d, "POST", at, "root", `{"name":"admins","mount_accessor":"`+accessor+`","canonical_id":"`+other+`"}`)
	must(t, d, "DELETE", at+"/id/"+id, "root", "")
	no(t, d, "GET", at+"/id/"+id, "root", "", 404, "")
	must(t, d, "DELETE", at+"/id/"+id, "root", "")
}
