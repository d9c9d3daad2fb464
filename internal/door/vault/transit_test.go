package vault_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/door/vault"
)

// data is the member of that name of an answer's data.
func data(t testing.TB, body, name string) string {
	t.Helper()
	var out struct {
		Data map[string]any `json:"data"`
		Auth map[string]any `json:"auth"`
		Wrap map[string]any `json:"wrap_info"`
	}
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	for _, m := range []map[string]any{out.Data, out.Auth, out.Wrap} {
		if v, ok := m[name].(string); ok {
			return v
		}
	}
	t.Fatalf("%s has no %s", body, name)
	return ""
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// must sends a request that is taken.
func must(t testing.TB, d *vault.Door, method, path, token, body string, headers ...string) string {
	t.Helper()
	out := ask(t, d, method, path, token, body, headers...)
	if out.Code >= 300 {
		t.Fatalf("%s %s: %d: %s", method, path, out.Code, out.Body)
	}
	return out.Body.String()
}

// no wants a request to be refused.
func no(t testing.TB, d *vault.Door, method, path, token, body string, status int, text string) {
	t.Helper()
	if out := ask(t, d, method, path, token, body); out.Code != status || !strings.Contains(out.Body.String(), text) {
		t.Errorf("%s %s %s: %d: %s, want %d %q", method, path, body, out.Code, out.Body, status, text)
	}
}

func TestTransit(t *testing.T) {
	_, d := newDoor(t)
	must(t, d, "POST", "/v1/sys/mounts/transit", "root", `{"type":"transit"}`)
	const at = "/v1/transit/"
	for _, kind := range []string{"aes128-gcm96", "aes256-gcm96", "chacha20-poly1305", "rsa-2048"} {
		must(t, d, "POST", at+"keys/"+kind, "root", `{"type":"`+kind+`"}`)
		first := data(t, must(t, d, "POST", at+"encrypt/"+kind, "root", `{"plaintext":"`+b64("hello")+`"}`), "ciphertext")
		must(t, d, "POST", at+"keys/"+kind+"/rotate", "root", "")
		for _, text := range []string{first, data(t, must(t, d, "POST", at+"rewrap/"+kind, "root", `{"ciphertext":"`+first+`"}`), "ciphertext")} {
			if got := data(t, must(t, d, "POST", at+"decrypt/"+kind, "root", `{"ciphertext":"`+text+`"}`), "plaintext"); got != b64("hello") {
				t.Errorf("%s: %s became %s", kind, text, got)
			}
		}
		must(t, d, "POST", at+"keys/"+kind+"/config", "root", `{"min_decryption_version":2}`)
		no(t, d, "POST", at+"decrypt/"+kind, "root", `{"ciphertext":"`+first+`"}`, 400, "too old")
		no(t, d, "POST", at+"decrypt/"+kind, "root", `{"ciphertext":"vault:v2:AAAA"}`, 400, "invalid ciphertext")
		no(t, d, "DELETE", at+"keys/"+kind, "root", "", 400, "deletion is not allowed for this key")
		no(t, d, "GET", at+"export/encryption-key/"+kind, "root", "", 400, "not exportable")
	}
	for kind, extra := range map[string]string{
		"ed25519": "", "ecdsa-p256": `,"marshaling_algorithm":"jws"`, "ecdsa-p384": `,"hash_algorithm":"sha2-384"`, "ecdsa-p521": `,"hash_algorithm":"sha3-512"`,
		"rsa-2048": `,"signature_algorithm":"pkcs1v15"`, "rsa-3072": `,"salt_length":"hash"`,
	} {
		must(t, d, "POST", at+"keys/s-"+kind, "root", `{"type":"`+kind+`"}`)
		signature := data(t, must(t, d, "POST", at+"sign/s-"+kind, "root", `{"input":"`+b64("hello")+`"`+extra+`}`), "signature")
		for input, want := range map[string]string{"hello": "true", "hallo": "false"} {
			if out := must(t, d, "POST", at+"verify/s-"+kind, "root", `{"input":"`+b64(input)+`","signature":"`+signature+`"`+extra+`}`); !strings.Contains(out, `"valid":`+want) {
				t.Errorf("%s of %s: %s", kind, input, out)
			}
		}
	}
	mac := data(t, must(t, d, "POST", at+"hmac/aes256-gcm96/sha2-512", "root", `{"input":"`+b64("hello")+`"}`), "hmac")
	if out := must(t, d, "POST", at+"verify/aes256-gcm96/sha2-512", "root", `{"input":"`+b64("hello")+`","hmac":"`+mac+`"}`); !strings.Contains(out, `"valid":true`) {
		t.Errorf("the MAC is not good: %s", out)
	}

	// Derived keys want a context, and convergent ones say the same of the same.
	must(t, d, "POST", at+"keys/conv", "root", `{"derived":true,"convergent_encryption":true}`)
	no(t, d, "POST", at+"encrypt/conv", "root", `{"plaintext":"`+b64("a")+`"}`, 400, "missing 'context'")
	twice := func(context, text string) string {
		return data(t, must(t, d, "POST", at+"encrypt/conv", "root", `{"plaintext":"`+b64(text)+`","context":"`+b64(context)+`"}`), "ciphertext")
	}
	if twice("x", "a") != twice("x", "a") || twice("x", "a") == twice("y", "a") || twice("x", "a") == twice("x", "b") {
		t.Error("convergent encryption does not converge, or converges too much")
	}
	no(t, d, "POST", at+"decrypt/conv", "root", `{"ciphertext":"`+twice("x", "a")+`","context":"`+b64("y")+`"}`, 400, "message authentication failed")

	// A batch has an answer for each part.
	out := ask(t, d, "POST", at+"encrypt/aes256-gcm96", "root", `{"batch_input":[{"plaintext":"`+b64("1")+`"},{"plaintext":"`+b64("2")+`","key_version":9}]}`)
	if out.Code != 400 || !strings.Contains(out.Body.String(), `"batch_results":[{"ciphertext":"vault:v2:`) || !strings.Contains(out.Body.String(), "higher than the latest") {
		t.Errorf("a batch: %d: %s", out.Code, out.Body)
	}

	// A backup is read again, if it may be made at all.
	must(t, d, "POST", at+"keys/b", "root", `{"exportable":true,"allow_plaintext_backup":true}`)
	sealed := data(t, must(t, d, "POST", at+"encrypt/b", "root", `{"plaintext":"`+b64("kept")+`"}`), "ciphertext")
	backup := data(t, must(t, d, "GET", at+"backup/b", "root", ""), "backup")
	must(t, d, "POST", at+"restore/c", "root", `{"backup":"`+backup+`"}`)
	if got := data(t, must(t, d, "POST", at+"decrypt/c", "root", `{"ciphertext":"`+sealed+`"}`), "plaintext"); got != b64("kept") {
		t.Errorf("the restored key says %s", got)
	}
	no(t, d, "POST", at+"restore/c", "root", `{"backup":"`+backup+`"}`, 400, "already exists")
	no(t, d, "POST", at+"restore/d", "root", `{"backup":"`+b64("nonsense")+`"}`, 400, "none of this server's")

	// Using a key that is not there makes one, for who may create it.
	must(t, d, "PUT", "/v1/sys/policies/acl/use", "root", `{"policy":"path \"transit/encrypt/*\" { capabilities = [\"update\"] }"}`)
	user := data(t, must(t, d, "POST", "/v1/auth/token/create", "root", `{"policies":["use"]}`), "client_token")
	must(t, d, "POST", at+"encrypt/new", "root", `{"plaintext":"`+b64("x")+`"}`)
	must(t, d, "POST", at+"encrypt/new", user, `{"plaintext":"`+b64("x")+`"}`)
	no(t, d, "POST", at+"encrypt/newer", user, `{"plaintext":"`+b64("x")+`"}`, 403, "permission denied")
	no(t, d, "POST", at+"decrypt/new", user, `{"ciphertext":"`+sealed+`"}`, 403, "permission denied")
}
