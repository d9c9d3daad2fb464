package aws

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/strongroom-dev/strongroom/internal/fault"
	"github.com/strongroom-dev/strongroom/internal/identity"
	"github.com/strongroom-dev/strongroom/internal/plain"
	"github.com/strongroom-dev/strongroom/internal/secret"
	"github.com/strongroom-dev/strongroom/internal/sigv4"
)

// maxSkew is how far a request's time may be from the server's.
const maxSkew = 5 * time.Minute

// authenticate checks the request's signature and fills in who asks. A
// failure is recorded by the directory; who failed too often is not heard.
func (d *Door) authenticate(q *request, r *http.Request, s *service) error {
	claim := &q.claim
	problem := claim.read(d, r, s, q.body)
	if d.failures.Blocked(r.RemoteAddr, claim.auth.AccessKey) {
		return errThrottled
	}
	err := d.identify(q, problem)
	if fault.Is(err, fault.Unauthenticated) && !errors.Is(err, identity.ErrExpired) || problem != nil && err == error(problem) {
		d.failures.Failed(r.RemoteAddr, claim.auth.AccessKey)
	} else if err == nil {
		d.failures.Known(r.RemoteAddr, claim.auth.AccessKey)
	}
	return err
}

var errThrottled = &wireError{kind: "ThrottlingException", message: "Rate exceeded", status: http.StatusBadRequest, lower: true}

func (d *Door) identify(q *request, problem *wireError) error {
	claim := &q.claim
	if problem != nil {
		f := fault.Wrap(fault.Unauthenticated, problem, "%s", problem.message)
		if err := d.cfg.Directory.RefuseClaim(q.ctx, q.who, claim.auth.AccessKey, f); err != error(f) {
			return err
		}
		return problem
	}
	who, err := d.cfg.Directory.Authenticate(q.ctx, q.who, claim)
	if err != nil {
		return err
	}
	who.Region = claim.auth.Scope.Region
	q.who = who
	q.home = secret.Space{Account: who.Who.Account, Region: who.Region}
	return nil
}

// read reads what of the signature can be judged without the secret key.
func (c *claim) read(d *Door, r *http.Request, s *service, body []byte) *wireError {
	headers := r.Header["Authorization"]
	if len(headers) == 0 {
		return unauthenticated("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	auth, problem := sigv4.Parse(headers[0])
	if problem == "" && len(headers) > 1 {
		problem = "There is more than one Authorization header."
	}
	if problem != "" {
		return unauthenticated("IncompleteSignatureException", problem)
	}
	c.door, c.auth, c.bodyHash = d, auth, sha256.Sum256(body)
	c.message = sigv4.Message{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Host: r.Host, Header: r.Header}
	if auth.Signs("content-length") {
		c.message.Length = strconv.FormatInt(r.ContentLength, 10)
	}
	for _, check := range checks {
		if err := check(c, r, s); err != nil {
			return err
		}
	}
	return nil
}

// checks are made in this order.
var checks = [...]func(*claim, *http.Request, *service) *wireError{
	(*claim).checkSigned, (*claim).checkTime, (*claim).checkScope, (*claim).checkBody,
}

func unauthenticated(kind, message string) *wireError {
	return &wireError{kind: kind, message: message, status: http.StatusBadRequest, lower: true}
}

func badSignature(message string) *wireError {
	return unauthenticated("InvalidSignatureException", message)
}

// claim is a signature that is to be checked. It implements identity.Credential.
type claim struct {
	door     *Door
	auth     sigv4.Authorization
	message  sigv4.Message
	bodyHash [sha256.Size]byte
	at       string // X-Amz-Date
}

// mustSign are the headers that must be signed where they are present. Whoever
// could add or change one of them could change what is asked.
var mustSign = []struct{ name, mime string }{
	{"x-amz-date", "X-Amz-Date"}, {"x-amz-target", "X-Amz-Target"},
	{"x-amz-security-token", "X-Amz-Security-Token"}, {"x-amz-content-sha256", "X-Amz-Content-Sha256"},
}

func (c *claim) checkSigned(r *http.Request, _ *service) *wireError {
	if !c.auth.Signs("host") {
		return badSignature("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for _, h := range mustSign {
		values := r.Header[h.mime]
		if len(values) > 0 && !c.auth.Signs(h.name) {
			return badSignature("'" + h.mime + "' must be a 'SignedHeader' in the AWS Authorization.")
		}
		if len(values) > 1 {
			return badSignature("The header '" + h.mime + "' was sent more than once.")
		}
	}
	if r.Header.Get("X-Amz-Date") == "" {
		return unauthenticated("IncompleteSignatureException", "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	return nil
}

func (c *claim) checkTime(r *http.Request, _ *service) *wireError {
	c.at = r.Header.Get("X-Amz-Date")
	at, err := time.Parse(sigv4.TimeFormat, c.at)
	if err != nil {
		return unauthenticated("IncompleteSignatureException", "Date must be in ISO-8601 'basic format'. Got '"+c.at+"'. See http://en.wikipedia.org/wiki/ISO_8601")
	}
	if day := c.at[:sigv4.DateLen]; day != c.auth.Scope.Date {
		return badSignature("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" + c.auth.Scope.Date + "' != '" + day + "', from '" + c.at + "'.")
	}
	now := c.door.cfg.Now().UTC()
	show := func(t time.Time) string { return t.Format(sigv4.TimeFormat) }
	if earliest := now.Add(-maxSkew); at.Before(earliest.Truncate(time.Second)) {
		return badSignature("Signature expired: " + show(at) + " is now earlier than " + show(earliest) + " (" + show(now) + " - 5 min.)")
	}
	if latest := now.Add(maxSkew); at.After(latest) {
		return badSignature("Signature not yet current: " + show(at) + " is still later than " + show(latest) + " (" + show(now) + " + 5 min.)")
	}
	return nil
}

func (c *claim) checkScope(_ *http.Request, s *service) *wireError {
	want := "secretsmanager"
	if s != nil {
		want = s.name
	}
	if c.auth.Scope.Service != want {
		return badSignature("Credential should be scoped to correct service: '" + want + "'. ")
	}
	if !validRegion(c.auth.Scope.Region) {
		return badSignature("Credential should be scoped to a valid region. ")
	}
	return nil
}

// validRegion accepts what looks like a region: any server is all of them.
func validRegion(region string) bool {
	if len(region) < 1 || len(region) > 64 {
		return false
	}
	for _, c := range []byte(region) {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-') {
			return false
		}
	}
	return true
}

// checkBody wants that a body hash that was sent is the body's. There is no
// signing without the body.
func (c *claim) checkBody(r *http.Request, _ *service) *wireError {
	sent := r.Header.Get("X-Amz-Content-Sha256")
	if sent == "" {
		return nil
	}
	got, err := hex.DecodeString(sent)
	if err != nil || !bytes.Equal(got, c.bodyHash[:]) {
		return badSignature("The value of X-Amz-Content-Sha256 is not the SHA-256 of the body.")
	}
	return nil
}

// AccessKey implements identity.Credential.
func (c *claim) AccessKey() string { return c.auth.AccessKey }

// Scope implements identity.Credential.
func (c *claim) Scope() (service, region string) { return c.auth.Scope.Service, c.auth.Scope.Region }

// Token implements identity.Credential.
func (c *claim) Token() string {
	if sent := c.message.Header["X-Amz-Security-Token"]; len(sent) > 0 {
		return sent[0]
	}
	return ""
}

// Verify implements identity.Credential.
func (c *claim) Verify(stamp identity.Stamp, open func() (plain.Value, error)) error {
	id := c.auth.AccessKey
	if stamp == (identity.Stamp{}) { // an access key that there is not: one dummy does for all
		id = ""
	}
	key, err := c.door.keys.get(id, c.auth.Scope, stamp, open)
	if err != nil {
		return err
	}
	want := key.Sign(&c.message, c.auth.SignedHeaders, c.bodyHash[:], c.at, c.auth.Scope)
	if subtle.ConstantTimeCompare(want[:], []byte(c.auth.Signature)) != 1 {
		cause := badSignature("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
		return fault.Wrap(fault.Unauthenticated, cause, "%s", cause.message)
	}
	return nil
}

// signingKeys keeps derived keys. A key is good only for the stored credential
// that it was derived from, which the stamp tells.
type signingKeys struct {
	mu   sync.RWMutex
	kept map[keyName]keptKey
}

type keyName struct {
	accessKey string
	scope     sigv4.Scope
}

type keptKey struct {
	stamp identity.Stamp
	key   *sigv4.Key
}

// maxKeys bounds the memory of signingKeys.
const maxKeys = 4096

func (k *signingKeys) get(id string, s sigv4.Scope, stamp identity.Stamp, open func() (plain.Value, error)) (*sigv4.Key, error) {
	name := keyName{id, s}
	k.mu.RLock()
	kept, ok := k.kept[name]
	k.mu.RUnlock()
	if ok && kept.stamp == stamp {
		return kept.key, nil
	}
	value, err := open()
	if err != nil {
		return nil, err
	}
	defer value.Wipe()
	kept = keptKey{stamp, sigv4.NewKey(value.Open(), s)}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.kept) >= maxKeys {
		for victim := range k.kept {
			delete(k.kept, victim)
			break
		}
	}
	k.kept[name] = kept
	return kept.key, nil
}
