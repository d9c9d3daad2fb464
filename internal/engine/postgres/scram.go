package postgres

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/strongroom-dev/strongroom/internal/plain"
)

// scramRounds is PostgreSQL's own number.
const scramRounds = 4096

// verifier is what PostgreSQL keeps of a password (RFC 5803, and
// https://www.postgresql.org/docs/current/catalog-pg-authid.html). Passwords
// of ASCII need no SASLprep; others are taken as they are, as the server does
// with what is not valid there.
func verifier(password plain.Value) string {
	var salt [16]byte
	_, _ = rand.Read(salt[:])
	return verifierWith(password, salt[:])
}

func verifierWith(password plain.Value, salt []byte) string {
	salted, err := pbkdf2.Key(sha256.New, string(password.Open()), salt, scramRounds, sha256.Size)
	if err != nil {
		panic(err) // only for lengths that FIPS forbids
	}
	client := sha256.Sum256(mac(salted, "Client Key"))
	base64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramRounds, base64(salt), base64(client[:]), base64(mac(salted, "Server Key")))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
