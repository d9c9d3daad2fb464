package aws_test

import (
	"crypto/sha256"
	"net/http"
	"strconv"
	"testing"
	"time"

	"context"

	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/door/aws"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/sigv4"
)

const (
	accessKey    = "AKIATESTTESTTESTTEST"
	secretKey    = "a-secret-access-key-of-the-test"
	recordAccess = secret.RecordAccess
)

// server is a house with the door.
type server struct {
	house *coretest.House
	door  *aws.Door
	key   string // the secret key to sign with
	now   func() time.Time
}

func newServer(t testing.TB, options ...coretest.Option) *server {
	t.Helper()
	s := &server{house: coretest.New(t, options...), key: secretKey, now: time.Now}
	err := s.house.Directory.CreateCredential(context.Background(), identity.House(secret.CreateCredential), identity.NewCredential{
		AccessKey: accessKey, Secret: plain.New([]byte(secretKey)), Account: coretest.Account, User: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	s.door = aws.New(aws.Config{Core: s.house.Core, Directory: s.house.Directory, Now: func() time.Time { return s.now() }, Temp: t.TempDir()})
	return s
}

// sign signs a request as boto3 does.
func (s *server) sign(r *http.Request, operation string, body []byte) {
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "secretsmanager."+operation)
	s.signAs(r, body, "secretsmanager", coretest.Region, "content-type;host;x-amz-date;x-amz-target")
}

func (s *server) signAs(r *http.Request, body []byte, service, region, signed string) {
	at := s.now().UTC().Format(sigv4.TimeFormat)
	if r.Header.Get("X-Amz-Date") == "" {
		r.Header.Set("X-Amz-Date", at)
	}
	at = r.Header.Get("X-Amz-Date")
	a := sigv4.Authorization{AccessKey: accessKey, SignedHeaders: signed, Scope: sigv4.Scope{Date: at[:8], Region: region, Service: service}}
	hash := sha256.Sum256(body)
	m := sigv4.Message{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Host: r.Host, Header: r.Header, Length: strconv.Itoa(len(body))}
	signature := sigv4.NewKey([]byte(s.key), a.Scope).Sign(&m, signed, hash[:], at, a.Scope)
	a.Signature = string(signature[:])
	r.Header.Set("Authorization", a.Header())
}
