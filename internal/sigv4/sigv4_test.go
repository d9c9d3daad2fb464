package sigv4_test

import (
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/sigv4"
)

const (
	exampleSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	exampleDate   = "20150830T123600Z"
)

var exampleScope = sigv4.Scope{Date: "20150830", Region: "us-east-1", Service: "service"}

// The vectors are of AWS's published Signature Version 4 test suite.
func TestPublishedVectors(t *testing.T) {
	key := sigv4.NewKey([]byte(exampleSecret), exampleScope)
	empty := sha256.Sum256(nil)
	header := func(extra ...string) map[string][]string {
		h := map[string][]string{"X-Amz-Date": {exampleDate}}
		for i := 0; i < len(extra); i += 2 {
			h[extra[i]] = append(h[extra[i]], extra[i+1])
		}
		return h
	}
	for _, test := range []struct {
		name   string
		m      sigv4.Message
		signed string
		want   string
	}{
		{"get-vanilla", sigv4.Message{Method: "GET", Path: "/", Header: header()}, "host;x-amz-date",
			"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"get-vanilla-query-order-key-case", sigv4.Message{Method: "GET", Path: "/", Query: "Param2=value2&Param1=value1", Header: header()}, "host;x-amz-date",
			"b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{"post-vanilla", sigv4.Message{Method: "POST", Path: "/", Header: header()}, "host;x-amz-date",
			"5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{"get-header-value-trim", sigv4.Message{Method: "GET", Path: "/", Header: header("My-Header1", " value1", "My-Header2", ` "a   b   c"`)}, "host;my-header1;my-header2;x-amz-date",
			"acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
	} {
		test.m.Host = "example.amazonaws.com"
		if got := key.Sign(&test.m, test.signed, empty[:], exampleDate, exampleScope); string(got[:]) != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestParse(t *testing.T) {
	good := "AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=abc"
	a, problem := sigv4.Parse(good)
	if problem != "" || a.Header() != good || !a.Signs("host") || a.Signs("hos") {
		t.Errorf("%+v %s", a, problem)
	}
	if b, problem := sigv4.Parse(strings.ReplaceAll(good, ", ", ",")); problem != "" || a != b {
		t.Errorf("without spaces: %+v %s", b, problem)
	}
	for header, want := range map[string]string{
		"": "algorithm", "Bearer x": "algorithm", "AWS4-HMAC-SHA256": "algorithm", "AWS4-HMAC-SHA256X Credential=": "algorithm",
		"AWS4-HMAC-SHA256 x":                                                              "'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders'",
		strings.Replace(good, "AKID/", "", 1):                                             "5 slash",
		strings.Replace(good, "aws4_request", "aws5", 1):                                  "5 slash",
		strings.Replace(good, "host;x-amz-date", "x-amz-date;host", 1):                    "not in order",
		strings.Replace(good, "host;x-amz-date", "host"+strings.Repeat(";host", 5000), 1): "not in order",
		strings.Replace(good, ", SignedHeaders=host;x-amz-date", "", 1):                   "'SignedHeaders' parameter",
		good + ", Signature=def":                                                          "more than one",
		good + ", Credential=B/20150830/us-east-1/service/aws4_request":                   "more than one",
	} {
		if _, problem := sigv4.Parse(header); !strings.Contains(problem, want) {
			t.Errorf("%q: %q", header, problem)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/service/aws4_request, SignedHeaders=host, Signature=abc")
	f.Fuzz(func(t *testing.T, header string) {
		a, problem := sigv4.Parse(header)
		if problem != "" {
			return
		}
		if b, problem := sigv4.Parse(a.Header()); problem != "" || a != b {
			t.Errorf("%q was read as %+v, and that as %+v", header, a, b)
		}
	})
}

func FuzzCanonical(f *testing.F) {
	f.Add("/a%2fb", "x=1&y", "a  b")
	f.Fuzz(func(t *testing.T, path, query, value string) {
		key := sigv4.NewKey([]byte(exampleSecret), exampleScope)
		m := sigv4.Message{Method: "POST", Path: path, Query: query, Host: "h", Header: map[string][]string{"X": {value}}}
		a := key.Sign(&m, "host;x", nil, exampleDate, exampleScope)
		m.Header = map[string][]string{"X": {value + "!"}}
		if b := key.Sign(&m, "host;x", nil, exampleDate, exampleScope); a == b {
			t.Error("a changed header has the same signature")
		}
	})
}
