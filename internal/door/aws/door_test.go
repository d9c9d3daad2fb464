package aws_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/strongroom-dev/strongroom/internal/core/coretest"
	"github.com/strongroom-dev/strongroom/internal/door"
	"github.com/strongroom-dev/strongroom/internal/door/aws"
	"github.com/strongroom-dev/strongroom/internal/fault"
)

// handler is the door as it is served.
func (s *server) handler() http.Handler {
	return door.NewObserver(io.Discard, slog.New(slog.DiscardHandler), prometheus.NewRegistry()).Handler(s.door)
}

// call calls an operation and gives the answer's status and members.
func (s *server) call(t *testing.T, operation, body string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	s.sign(r, operation, []byte(body))
	return s.send(t, r)
}

func (s *server) send(t *testing.T, r *http.Request) (int, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, r)
	var out map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%d %q: %v", w.Code, w.Body, err)
	}
	if len(w.Header().Get("X-Amzn-Requestid")) != 36 {
		t.Error("no request ID")
	}
	return w.Code, out
}

// problem is what an error answer says.
func problem(out map[string]any) string {
	message := out["Message"]
	if message == nil {
		message = out["message"]
	}
	if message == nil {
		return fmt.Sprint(out["__type"])
	}
	return fmt.Sprint(out["__type"], ": ", message)
}

const (
	token1 = "11111111-1111-1111-1111-111111111111"
	token2 = "22222222-2222-2222-2222-222222222222"
)

func TestErrorsAreAWSs(t *testing.T) {
	s := newServer(t)
	for _, body := range []string{
		`{"Name":"there","ClientRequestToken":"` + token1 + `","SecretString":"one"}`,
		`{"Name":"empty","ClientRequestToken":"` + token1 + `"}`,
		`{"Name":"Foo-a1b2c3","ClientRequestToken":"` + token1 + `","SecretString":"x"}`,
		`{"Name":"gone","ClientRequestToken":"` + token1 + `","SecretString":"x"}`,
	} {
		if status, out := s.call(t, "CreateSecret", body); status != 200 {
			t.Fatal(out)
		}
	}
	s.call(t, "PutSecretValue", `{"SecretId":"there","ClientRequestToken":"`+token2+`","SecretString":"two"}`)
	s.call(t, "DeleteSecret", `{"SecretId":"gone"}`)
	long, uuid2 := strings.Repeat("x", 65537), strings.Repeat("r", 36)
	for _, test := range []struct{ operation, body, want string }{
		{"GetSecretValue", `{"SecretId":"nope"}`, "ResourceNotFoundException: Secrets Manager can't find the specified secret."},
		{"GetSecretValue", `{"SecretId":"arn:aws:secretsmanager:us-east-1:000000000000:secret:Foo-a1b2c3"}`, "ResourceNotFoundException: Secrets Manager can't find the specified secret."},
		{"GetSecretValue", `{"SecretId":"arn:aws:secretsmanager:eu-west-1:000000000000:secret:there"}`, "ResourceNotFoundException: Secrets Manager can't find the specified secret."},
		{"GetSecretValue", `{"SecretId":"arn:aws:secretsmanager:us-east-1:111111111111:secret:there"}`, "AccessDeniedException: User: arn:aws:iam::000000000000:user/test is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:us-east-1:111111111111:secret:there because no resource-based policy allows the secretsmanager:GetSecretValue action"},
		{"GetSecretValue", `{"SecretId":"empty"}`, "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"},
		{"GetSecretValue", `{"SecretId":"there","VersionStage":"NOPE"}`, "ResourceNotFoundException: Secrets Manager can't find the specified secret value for staging label: NOPE"},
		{"GetSecretValue", `{"SecretId":"there","VersionId":"33333333-3333-3333-3333-333333333333"}`, "ResourceNotFoundException: Secrets Manager can't find the specified secret value for VersionId: 33333333-3333-3333-3333-333333333333"},
		{"GetSecretValue", `{"SecretId":"there","VersionId":"` + token1 + `","VersionStage":"AWSCURRENT"}`, "InvalidRequestException: You provided a VersionStage that is not associated to the provided VersionId."},
		{"GetSecretValue", `{"SecretId":"gone"}`, "InvalidRequestException: You can't perform this operation on the secret because it was marked for deletion."},
		{"GetSecretValue", `{}`, "ValidationException: 1 validation error detected: Value null at 'secretId' failed to satisfy constraint: Member must not be null"},
		{"GetSecretValue", `{"SecretId":"there","VersionId":"short"}`, "ValidationException: 1 validation error detected: Value 'short' at 'versionId' failed to satisfy constraint: Member must have length greater than or equal to 32"},
		{"GetSecretValue", `{"SecretId":"bad name"}`, "ValidationException: Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!"},
		{"GetSecretValue", `{"SecretId":{}}`, "SerializationException: Start of structure or map found where not expected."},
		{"GetSecretValue", `{"SecretId":5}`, "SerializationException: NUMBER_VALUE can not be converted to String"},
		{"GetSecretValue", `{"SecretId":"there"`, "SerializationException"},
		{"GetSecretValue", `[]`, "SerializationException: Start of list found where not expected"},
		{"GetSecretValue", strings.Repeat("[", 100000), "SerializationException"},
		{"CreateSecret", `{"Name":"there","ClientRequestToken":"` + token2 + `","SecretString":"x"}`, "ResourceExistsException: The operation failed because the secret there already exists."},
		{"CreateSecret", `{"Name":"gone","ClientRequestToken":"` + token2 + `","SecretString":"x"}`, "InvalidRequestException: You can't create this secret because a secret with this name is already scheduled for deletion."},
		{"CreateSecret", `{"Name":"new","SecretString":"x"}`, "InvalidRequestException: You must provide a ClientRequestToken value. We recommend a UUID-type value."},
		{"CreateSecret", `{"Name":"new","ClientRequestToken":"` + token2 + `","SecretString":"` + long + `"}`, "ValidationException: 1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to 65536"},
		{"CreateSecret", `{"Name":"new","ClientRequestToken":"` + token2 + `","SecretString":"x","SecretBinary":"eA=="}`, "InvalidParameterException: You can't specify both a binary secret value and a string secret value in the same secret."},
		{"CreateSecret", `{"Name":"new","ClientRequestToken":"` + token2 + `","SecretString":{"canary":"hunter2"}}`, "SerializationException: Start of structure or map found where not expected."},
		{"CreateSecret", `{"Name":"new","ClientRequestToken":"` + token2 + `","SecretString":"x","Tags":[{"Key":"aws:x","Value":""}]}`, "InvalidParameterException: Tag keys starting with 'aws:' are reserved for system use: aws:x"},
		{"CreateSecret", `{"Name":"new","ClientRequestToken":"short","SecretString":""}`, "ValidationException: 2 validation errors detected: Value 'short' at 'clientRequestToken' failed to satisfy constraint: Member must have length greater than or equal to 32; Value at 'secretString' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"PutSecretValue", `{"SecretId":"there","ClientRequestToken":"` + token2 + `","SecretString":"other"}`, "ResourceExistsException: You can't use ClientRequestToken " + token2 + " because that value is already in use for a version of secret arn:aws:secretsmanager:us-east-1:000000000000:secret:there-"},
		{"PutSecretValue", `{"SecretId":"there","ClientRequestToken":"33333333-3333-3333-3333-333333333333","SecretString":"x","VersionStages":[]}`, "ValidationException: 1 validation error detected: Value '[]' at 'versionStages' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"PutSecretValue", `{"SecretId":"there","ClientRequestToken":"33333333-3333-3333-3333-333333333333"}`, "InvalidRequestException: You must provide either SecretString or SecretBinary."},
		{"PutSecretValue", `{"SecretId":"there","ClientRequestToken":"33333333-3333-3333-3333-333333333333","SecretBinary":"!!!!"}`, "SerializationException: The binary secret value is not base64."},
		{"UpdateSecretVersionStage", `{"SecretId":"there","VersionStage":"AWSCURRENT","RemoveFromVersionId":"` + token2 + `"}`, "InvalidParameterException: You can only move staging label AWSCURRENT to a different secret version. It can’t be completely removed."},
		{"UpdateSecretVersionStage", `{"SecretId":"there","VersionStage":"AWSCURRENT","MoveToVersionId":"` + token1 + `"}`, "InvalidParameterException: The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version " + token2 + ", so you must explicitly reference that version in RemoveFromVersionId."},
		{"UpdateSecretVersionStage", `{"SecretId":"there","VersionStage":"AWSCURRENT","MoveToVersionId":"` + token1 + `","RemoveFromVersionId":"` + token1 + `"}`, "InvalidParameterException: When you move staging label AWSCURRENT, if you specify RemoveFromVersionId, it must be set to the version that currently has the staging label AWSCURRENT."},
		{"DeleteSecret", `{"SecretId":"there","RecoveryWindowInDays":3}`, "InvalidParameterException: RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."},
		{"DeleteSecret", `{"SecretId":"there","RecoveryWindowInDays":7,"ForceDeleteWithoutRecovery":true}`, "InvalidParameterException: You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."},
		{"DeleteSecret", `{"SecretId":"nope"}`, "ResourceNotFoundException: Secrets Manager can't find the specified secret."},
		{"ListSecrets", `{"Filters":[{"Key":"invalid","Values":["x"]}]}`, "ValidationException: 1 validation error detected: Value 'invalid' at 'filters.1.member.key' failed to satisfy constraint: Member must satisfy enum value set: [all, name, tag-key, description, tag-value, primary-region, owning-service]"},
		{"ListSecrets", `{"Filters":[{"Values":["x"]}]}`, "InvalidParameterException: Invalid filter key"},
		{"ListSecrets", `{"Filters":[{"Key":"description"}]}`, "InvalidParameterException: Invalid filter values for key: description"},
		{"ListSecrets", `{"NextToken":"nonsense"}`, "InvalidNextTokenException: The NextToken value is invalid."},
		{"ListSecrets", `{"MaxResults":101}`, "ValidationException: 1 validation error detected: Value '101' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 100"},
		{"BatchGetSecretValue", `{}`, "InvalidParameterException: Either 'SecretIdList' or 'Filters' must be provided, but not both."},
		{"BatchGetSecretValue", `{"SecretIdList":["there"],"MaxResults":5}`, "InvalidParameterException: 'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided."},
		{"GetRandomPassword", `{"PasswordLength":3}`, "InvalidParameterException: Password length is too short based on the required types."},
		{"RotateSecret", `{"SecretId":"there"}`, "InvalidParameterException: You must provide a ClientRequestToken value. We recommend a UUID-type value."},
		{"RotateSecret", `{"SecretId":"there","ClientRequestToken":"` + uuid2 + `"}`, "InvalidRequestException: No Lambda rotation function ARN is associated with this secret."},
		{"RotateSecret", `{"SecretId":"missing","ClientRequestToken":"` + uuid2 + `","RotationLambdaARN":"x"}`, "ResourceNotFoundException: Secrets Manager can't find the specified secret."},
		{"RotateSecret", `{"SecretId":"there","ClientRequestToken":"` + uuid2 + `","RotationLambdaARN":"arn:aws:lambda:us-east-1:000000000000:function:none"}`, "AccessDeniedException: Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com."},
		{"RotateSecret", `{"SecretId":"there","ClientRequestToken":"` + uuid2 + `","RotationRules":{"AutomaticallyAfterDays":0}}`, "ValidationException: 1 validation error detected: Value '0' at 'rotationRules.automaticallyAfterDays' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"RotateSecret", `{"SecretId":"there","ClientRequestToken":"` + uuid2 + `","RotationRules":{"Duration":"h3"}}`, "ValidationException: 1 validation error detected: Value 'h3' at 'rotationRules.duration' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9]+h"},
		{"Nonsense", `{}`, "UnknownOperationException"},
	} {
		before := len(s.house.Records())
		status, out := s.call(t, test.operation, test.body)
		if status != http.StatusBadRequest || !strings.HasPrefix(problem(out), test.want) {
			t.Errorf("%s %.100s:\n got %d %s\nwant %s", test.operation, test.body, status, problem(out), test.want)
		}
		if strings.Contains(fmt.Sprint(out), "hunter2") {
			t.Errorf("%s: the error quotes the value: %s", test.operation, out)
		}
		if after := len(s.house.Records()); after != before+1 {
			t.Errorf("%s %.100s: %d records", test.operation, test.body, after-before)
		}
	}
}

func TestSignatures(t *testing.T) {
	s := newServer(t)
	const body = `{"SecretId":"there"}`
	s.call(t, "CreateSecret", `{"Name":"there","ClientRequestToken":"`+token1+`","SecretString":"one"}`)
	const usual = "content-type;host;x-amz-date;x-amz-target"
	plainRequest := func() *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
		return r
	}
	signed := func(change func(*http.Request)) *http.Request {
		r := plainRequest()
		s.signAs(r, []byte(body), "secretsmanager", coretest.Region, usual)
		change(r)
		return r
	}
	as := func(service, region, names string, change func(*http.Request)) *http.Request {
		r := plainRequest()
		change(r)
		s.signAs(r, []byte(body), service, region, names)
		return r
	}
	nothing := func(*http.Request) {}
	at := func(d time.Duration) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("X-Amz-Date", time.Now().Add(d).UTC().Format("20060102T150405Z")) }
	}
	wrongKey := func() *http.Request {
		s.key = "another"
		defer func() { s.key = secretKey }()
		return signed(nothing)
	}
	for _, test := range []struct {
		name string
		r    *http.Request
		want string // empty: it is let in
	}{
		{"as it should be", signed(nothing), ""},
		{"more headers unsigned", signed(func(r *http.Request) { r.Header.Set("X-Amzn-Trace-Id", "x") }), ""},
		{"more headers signed", as("secretsmanager", coretest.Region, "amz-sdk-request;content-length;"+usual, func(r *http.Request) { r.Header.Set("Amz-Sdk-Request", "attempt=1;  max=3") }), ""},
		{"a little early", as("secretsmanager", coretest.Region, usual, at(4*time.Minute)), ""},
		{"a little late", as("secretsmanager", coretest.Region, usual, at(-4*time.Minute)), ""},
		{"unsigned", plainRequest(), "MissingAuthenticationTokenException: Missing Authentication Token"},
		{"garbage", signed(func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 x") }), "IncompleteSignatureException: Authorization header requires 'Credential' parameter."},
		{"basic", signed(func(r *http.Request) { r.SetBasicAuth("a", "b") }), "IncompleteSignatureException"},
		{"two headers", signed(func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }), "IncompleteSignatureException"},
		{"wrong key", wrongKey(), "InvalidSignatureException: The request signature we calculated does not match the signature you provided."},
		{"unknown key", signed(func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), accessKey, "AKIANOBODYNOBODYNOBO", 1))
		}), "UnrecognizedClientException: The security token included in the request is invalid."},
		{"another target", signed(func(r *http.Request) { r.Header.Set("X-Amz-Target", "secretsmanager.DeleteSecret") }), "InvalidSignatureException"},
		{"another host", signed(func(r *http.Request) { r.Host = "elsewhere" }), "InvalidSignatureException"},
		{"another path", signed(func(r *http.Request) { r.URL.Path = "/x" }), "InvalidSignatureException"},
		{"a query", signed(func(r *http.Request) { r.URL.RawQuery = "a=b" }), "InvalidSignatureException"},
		{"another body", signed(func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`{"SecretId":"other"}`)) }), "InvalidSignatureException"},
		{"a session token", signed(func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") }), "InvalidSignatureException: 'X-Amz-Security-Token' must be a 'SignedHeader'"},
		{"a signed session token", as("secretsmanager", coretest.Region, usual[:len(usual)-12]+"x-amz-security-token;x-amz-target", func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") }), "UnrecognizedClientException"},
		{"host not signed", as("secretsmanager", coretest.Region, "content-type;x-amz-date;x-amz-target", nothing), "InvalidSignatureException: 'Host'"},
		{"target not signed", as("secretsmanager", coretest.Region, "content-type;host;x-amz-date", nothing), "InvalidSignatureException: 'X-Amz-Target' must"},
		{"date not signed", as("secretsmanager", coretest.Region, "content-type;host;x-amz-target", nothing), "InvalidSignatureException: 'X-Amz-Date' must"},
		{"two targets", signed(func(r *http.Request) { r.Header.Add("X-Amz-Target", "secretsmanager.DeleteSecret") }), "InvalidSignatureException"},
		{"too late", as("secretsmanager", coretest.Region, usual, at(-6*time.Minute)), "InvalidSignatureException: Signature expired: "},
		{"too early", as("secretsmanager", coretest.Region, usual, at(6*time.Minute)), "InvalidSignatureException: Signature not yet current: "},
		{"another service", as("s3", coretest.Region, usual, nothing), "InvalidSignatureException: Credential should be scoped to correct service: 'secretsmanager'. "},
		{"no region", as("secretsmanager", "US East", usual, nothing), "InvalidSignatureException: Credential should be scoped to a valid region. "},
		{"another region", as("secretsmanager", "eu-west-1", usual, nothing), "ResourceNotFoundException"},
		{"another day", signed(func(r *http.Request) {
			h := r.Header.Get("Authorization")
			r.Header.Set("Authorization", strings.Replace(h, "/"+r.Header.Get("X-Amz-Date")[:8], "/20200101", 1))
		}), "InvalidSignatureException: Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20200101' != "},
		{"a nonsensical date", as("secretsmanager", coretest.Region, usual, func(r *http.Request) { r.Header.Set("X-Amz-Date", "yesterday at noon") }), "IncompleteSignatureException: Date must be in ISO-8601 'basic format'."},
		{"an unsigned payload", as("secretsmanager", coretest.Region, "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }), "InvalidSignatureException: The value of X-Amz-Content-Sha256"},
		{"another content type", as("secretsmanager", coretest.Region, usual, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }), "UnknownOperationException"},
		{"no target", as("secretsmanager", coretest.Region, "content-type;host;x-amz-date", func(r *http.Request) { r.Header.Del("X-Amz-Target") }), "UnknownOperationException"},
	} {
		t.Run(test.name, func(t *testing.T) {
			entries, before := s.house.Entries(), len(s.house.Records())
			status, out := s.send(t, test.r)
			if test.want == "" {
				if status != http.StatusOK || out["SecretString"] != "one" {
					t.Errorf("%d %v", status, out)
				}
				return
			}
			if status != http.StatusBadRequest || !strings.HasPrefix(problem(out), test.want) {
				t.Errorf("%d %s, want %s", status, problem(out), test.want)
			}
			if out["SecretString"] != nil {
				t.Error("it was told the value")
			}
			if after := len(s.house.Records()); after != before+1 {
				t.Errorf("%d records", after-before)
			}
			if len(entries) != len(s.house.Entries()) {
				t.Error("the store changed")
			}
		})
	}
}

func TestHostileBodies(t *testing.T) {
	s := newServer(t)
	send := func(body io.Reader, length int64) (int, map[string]any) {
		r := httptest.NewRequest(http.MethodPost, "/", body)
		r.ContentLength = length
		s.sign(r, "GetSecretValue", nil)
		return s.send(t, r)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 20 {
		if status, out := send(io.LimitReader(endless{}, 100<<20), 100<<20); status != http.StatusRequestEntityTooLarge {
			t.Fatal(status, out)
		}
		if status, out := send(io.LimitReader(endless{}, 100<<20), -1); status != http.StatusRequestEntityTooLarge {
			t.Fatal(status, out)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grew := int64(after.HeapAlloc) - int64(before.HeapAlloc); grew > 8<<20 {
		t.Errorf("the heap grew by %d bytes", grew)
	}
	body := `{"SecretId":"nope"}`
	r := httptest.NewRequest(http.MethodPost, "/", iotest.OneByteReader(strings.NewReader(body)))
	s.sign(r, "GetSecretValue", []byte(body))
	if _, out := s.send(t, r); !strings.HasPrefix(problem(out), "ResourceNotFoundException") {
		t.Error("byte by byte:", out)
	}
	if status, out := send(iotest.ErrReader(errors.New("cut")), 10); status != http.StatusBadRequest || out["__type"] != "IncompleteBody" {
		t.Error("cut:", status, out)
	}
	r = httptest.NewRequest(http.MethodGet, "/", nil)
	if status, _ := s.send(t, r); status != http.StatusMethodNotAllowed {
		t.Error("GET:", status)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return copy(b, bytes.Repeat([]byte("x"), len(b))), nil }

func TestEveryCodeHasAWireError(t *testing.T) {
	var table strings.Builder
	for _, c := range fault.Codes() {
		kind, status := aws.WireOf(c)
		if kind == "" || status < 400 {
			t.Errorf("%s has no wire error", c)
		}
		fmt.Fprintf(&table, "%-16s %d %s\n", c, status, kind)
	}
	golden, err := os.ReadFile("testdata/errors.txt")
	if err != nil || string(golden) != table.String() {
		t.Errorf("testdata/errors.txt is not what the table says: %v\n%s", err, table.String())
	}
}

func FuzzRequest(f *testing.F) {
	s := newServer(f)
	for op, body := range map[string]string{
		"GetSecretValue": `{"SecretId":"a","VersionStage":"b"}`, "CreateSecret": `{"Name":"a","ClientRequestToken":"` + token1 + `","SecretString":"\ud83d\udd11\n"}`,
		"PutSecretValue": `{"SecretId":"a","SecretBinary":"AAA=","VersionStages":["x"]}`, "ListSecrets": `{"Filters":[{"Key":"all","Values":["!aB"]}],"SortBy":"name"}`,
		"TagResource": `{"SecretId":"a","Tags":[{"Key":"k","Value":"v"}]}`, "BatchGetSecretValue": `{"SecretIdList":["a"]}`,
		"GetRandomPassword": `{"PasswordLength":10,"ExcludeCharacters":"é"}`, "ListSecretVersionIds": `{"SecretId":"a","NextToken":"x"}`,
	} {
		f.Add(op, []byte(body))
	}
	h := s.handler()
	f.Fuzz(func(t *testing.T, operation string, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		s.sign(r, strings.Map(func(c rune) rune {
			if c < 'A' || c > 'z' {
				return -1
			}
			return c
		}, operation), body)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if !json.Valid(w.Body.Bytes()) || w.Code >= 500 {
			t.Errorf("%s %s: %d %s", operation, body, w.Code, w.Body)
		}
	})
}
