package aws_test

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write golden files anew")

// query sends a form, signed for the service that its version names; unsigned
// if it has none.
func (s *server) query(body, service string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if service != "" {
		s.signAs(r, []byte(body), service, "us-east-1", "content-type;host;x-amz-date")
	}
	w := httptest.NewRecorder()
	s.handler().ServeHTTP(w, r)
	return w
}

// volatile is what no two runs have in common.
var volatile = []struct {
	find *regexp.Regexp
	put  string
}{
	{regexp.MustCompile(`<RequestId>[^<]+`), "<RequestId>REQUEST"},
	{regexp.MustCompile(`\b(AIDA|AROA|AGPA|ANPA|AKIA|ASIA)[A-Z2-7]{16}\b`), "${1}ID"},
	{regexp.MustCompile(`<SecretAccessKey>[^<]+`), "<SecretAccessKey>SECRET"},
	{regexp.MustCompile(`<SessionToken>[^<]+`), "<SessionToken>TOKEN"},
	{regexp.MustCompile(`<(CreateDate|UpdateDate|Expiration)>20\d\d-[^<]+`), "<${1}>TIME"},
}

// The Query protocol, request by request, as testdata/query.txt has it: a form,
// after "sts " or "iam " for whom it is signed or "- " for nobody, and under it
// status and answer.
func TestQueryTranscript(t *testing.T) {
	const path = "testdata/query.txt"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t)
	var got strings.Builder
	for _, part := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		request, _, _ := strings.Cut(part, "\n")
		service, body, _ := strings.Cut(request, " ")
		w := s.query(body, strings.TrimSuffix(service, "-"))
		answer := w.Body.String()
		for _, v := range volatile {
			answer = v.find.ReplaceAllString(answer, v.put)
		}
		got.WriteString(request + "\n" + http.StatusText(w.Code) + "\n" + answer + "\n\n")
	}
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want := string(text); got.String() != want && !*update {
		t.Errorf("the transcript differs; look at it after go test -run Transcript -update:\n%s", got.String())
	}
}

func FuzzQuery(f *testing.F) {
	for _, body := range []string{
		"Action=GetUser&Version=2010-05-08", "Action=CreateUser&Version=2010-05-08&UserName=a&Tags.member.1.Key=k&Tags.member.1.Value=v",
		"Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::000000000000:role/x&RoleSessionName=one&DurationSeconds=900",
		"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::000000000000:role/x&RoleSessionName=one&WebIdentityToken=a.b.c",
		"Action=SimulateCustomPolicy&Version=2010-05-08&ActionNames.member.1=a:b&PolicyInputList.member.1={}&ResourceArns.member.1=arn:aws:iam::1:user/",
		"Action=GetPolicy&Version=2010-05-08&PolicyArn=arn:aws:iam::aws:policy/", "%%%", "Action=&Version=",
	} {
		f.Add(body)
	}
	s := newServer(f)
	f.Fuzz(func(t *testing.T, body string) {
		values, _ := url.ParseQuery(body)
		service := map[string]string{"2011-06-15": "sts"}[values.Get("Version")]
		if service == "" {
			service = "iam"
		}
		w := s.query(body, service)
		if w.Code >= http.StatusInternalServerError {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	})
}
