package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/strongroom-dev/strongroom/internal/gate"
	"github.com/strongroom-dev/strongroom/internal/sigv4"
)

// client calls a server as any AWS client does.
type client struct {
	endpoint  *url.URL
	http      *http.Client
	accessKey string
	secretKey string
	region    string
}

// newClient finds the server and the credential as their users' tools do.
func newClient() (*client, error) {
	address := firstSet("STRONGROOM_ADDR", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL", "VAULT_ADDR")
	if address == "" {
		address = "http://127.0.0.1:8200"
	}
	endpoint, err := url.Parse(address)
	if err != nil || endpoint.Host == "" {
		return nil, usagef("%q is not the address of a server: it begins with http:// or https://", address)
	}
	endpoint.Path = "/"
	c := &client{
		endpoint: endpoint, accessKey: os.Getenv("AWS_ACCESS_KEY_ID"), secretKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		region: firstSet("AWS_REGION", "AWS_DEFAULT_REGION"),
	}
	if c.region == "" {
		c.region = devRegion
	}
	if c.accessKey == "" || c.secretKey == "" {
		return nil, usagef("there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (strongroom dev and strongroom init print them)")
	}
	c.http, err = httpClient()
	return c, err
}

// httpClient trusts the system's authorities, and the one that
// STRONGROOM_CACERT or AWS_CA_BUNDLE names.
func httpClient() (*http.Client, error) {
	bundle := firstSet("STRONGROOM_CACERT", "AWS_CA_BUNDLE", "VAULT_CACERT")
	if bundle == "" {
		return &http.Client{}, nil
	}
	pem, err := os.ReadFile(bundle)
	if err != nil {
		return nil, fmt.Errorf("the certificates of STRONGROOM_CACERT or AWS_CA_BUNDLE: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, err
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", bundle)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}, nil
}

func firstSet(names ...string) string {
	for _, n := range names {
		if v := os.Getenv(n); v != "" {
			return v
		}
	}
	return ""
}

// call calls an operation and reads its answer.
func (c *client) call(ctx context.Context, target string, in, out any) error {
	body, err := c.stream(ctx, target, in)
	if err != nil {
		return err
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	defer clear(text)
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// stream calls an operation that answers with bytes. The caller closes them.
func (c *client) stream(ctx context.Context, target string, in any) (io.ReadCloser, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint.String(), bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target)
	r.Header.Set("User-Agent", "strongroom/"+version)
	service, _, _ := strings.Cut(target, ".")
	c.sign(r, service, text, time.Now())
	return c.send(r)
}

// get asks for a path. The caller closes the answer.
func (c *client) get(ctx context.Context, path string, query url.Values, header http.Header) (io.ReadCloser, error) {
	u := *c.endpoint
	u.Path, u.RawQuery = path, query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header = header
	r.Header.Set("User-Agent", "strongroom/"+version)
	c.sign(r, "strongroom", nil, time.Now())
	return c.send(r)
}

func (c *client) send(r *http.Request) (io.ReadCloser, error) {
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("the server at %s does not answer: %w", c.endpoint.Redacted(), errors.Unwrap(err))
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, readAPIError(resp)
	}
	return resp.Body, nil
}

// sign signs a request whose body is text.
func (c *client) sign(r *http.Request, service string, text []byte, now time.Time) {
	at := now.UTC().Format(sigv4.TimeFormat)
	r.Header.Set("X-Amz-Date", at)
	if token := os.Getenv("AWS_SESSION_TOKEN"); token != "" {
		r.Header.Set("X-Amz-Security-Token", token)
	}
	signed := []string{"host"}
	for _, name := range []string{"content-type", "x-amz-date", "x-amz-security-token", "x-amz-target"} {
		if r.Header.Get(name) != "" {
			signed = append(signed, name)
		}
	}
	slices.Sort(signed)
	a := sigv4.Authorization{
		AccessKey: c.accessKey, SignedHeaders: strings.Join(signed, ";"),
		Scope: sigv4.Scope{Date: at[:sigv4.DateLen], Region: c.region, Service: service},
	}
	key := sigv4.NewKey([]byte(c.secretKey), a.Scope)
	hash := sha256.Sum256(text)
	signature := key.Sign(&sigv4.Message{Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Host: r.URL.Host, Header: r.Header}, a.SignedHeaders, hash[:], at, a.Scope)
	a.Signature = string(signature[:])
	r.Header.Set("Authorization", a.Header())
}

// apiError is what a server answered in place of an output.
type apiError struct {
	kind      string
	message   string
	requestID string
}

func (e *apiError) Error() string {
	text := e.message
	if text == "" {
		text = "the server refused"
	}
	return fmt.Sprintf("%s (%s, request %s)", text, e.kind, e.requestID)
}

// exitCode tells scripts what kind of error it was.
func (e *apiError) exitCode() int {
	codes := map[string]int{
		"ValidationException": 2, "InvalidParameterException": 2, "SerializationException": 2, "MalformedPolicyDocumentException": 2,
		"ResourceNotFoundException": 4, "ResourceExistsException": 5,
		"UnrecognizedClientException": 6, "InvalidSignatureException": 6, "MissingAuthenticationTokenException": 6,
		"AccessDeniedException": 7, "InvalidRequestException": 8, "LimitExceededException": 9, "ThrottlingException": 9,
		"InternalServiceError": 10,
	}
	if c, ok := codes[e.kind]; ok {
		return c
	}
	return 1
}

func readAPIError(resp *http.Response) error {
	var body struct {
		Type    string `json:"__type"`
		Message string
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil || json.Unmarshal(text, &body) != nil || body.Type == "" {
		return fmt.Errorf("the server answered %s, and not as a Strongroom does: is the address right?", resp.Status)
	}
	return &apiError{kind: body.Type, message: body.Message, requestID: resp.Header.Get("X-Amzn-Requestid")}
}

func isKind(err error, kind string) bool {
	e, ok := errors.AsType[*apiError](err)
	return ok && e.kind == kind
}

// newToken makes a ClientRequestToken.
func newToken() string { return gate.NewID(time.Now()) }
