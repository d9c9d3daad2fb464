//go:build clients

package clients_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// providers is where a copy of Terraform's aws provider lies, in the form of a
// filesystem mirror. Neither Debian's packages, npm nor the Go proxy carries
// one, so it is used where the machine has it.
func providers() string {
	if dir := os.Getenv("STRONGROOM_TF_PROVIDERS"); dir != "" {
		return dir
	}
	return "/opt/tf-plugins"
}

// What a team keeps in Terraform is made, is found as it was left, is changed,
// imported and taken away again.
func TestTerraform(t *testing.T) {
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("NOT TESTED: there is no terraform on this machine")
	}
	if _, err := os.Stat(filepath.Join(providers(), "registry.terraform.io/hashicorp/aws")); err != nil {
		t.Skip("NOT TESTED: there is no copy of Terraform's aws provider in " + providers() + " (STRONGROOM_TF_PROVIDERS)")
	}
	dir := t.TempDir()
	module, err := os.ReadFile("testdata/terraform/main.tf")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"main.tf": string(module),
		"rc":      `provider_installation { filesystem_mirror { path = "` + providers() + `" } }`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := environment("TF_CLI_CONFIG_FILE="+filepath.Join(dir, "rc"), "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1", "TF_VAR_endpoint="+address)
	terraform := func(args ...string) string {
		t.Helper()
		out, status := command(t, env, "terraform", append([]string{"-chdir=" + dir}, args...)...)
		if status != 0 {
			t.Fatalf("terraform %s: %d: %s", strings.Join(args, " "), status, out)
		}
		return out
	}
	terraform("init", "-no-color")
	terraform("apply", "-no-color", "-auto-approve")
	terraform("plan", "-no-color", "-detailed-exitcode") // a difference is status 2
	env = append(env, "TF_VAR_password_version=20")
	if out := terraform("apply", "-no-color", "-auto-approve"); !strings.Contains(out, "length = 8") {
		t.Errorf("after the password's change: %s", out)
	}
	terraform("state", "rm", "aws_iam_role.orders")
	terraform("import", "-no-color", "aws_iam_role.orders", "tf-orders")
	terraform("destroy", "-no-color", "-auto-approve")
	if out, status := command(t, environment(), "/usr/bin/aws", "--endpoint-url", address, "iam", "get-user", "--user-name", "tf-deployer"); status != 254 {
		t.Errorf("the user is still there: %s", out)
	}
}
