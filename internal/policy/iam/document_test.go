package iam_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/strongroom-dev/strongroom/internal/policy"
	"github.com/strongroom-dev/strongroom/internal/policy/iam"
)

func TestBadDocuments(t *testing.T) {
	const ok = `"Effect":"Allow","Action":"iam:Get*","Resource":"*"`
	wrap := func(statement string) string { return `{"Version":"2012-10-17","Statement":{` + statement + `}}` }
	for name, c := range map[string]struct {
		kind iam.Kind
		text string
		want string // begins so
	}{
		"not JSON":             {0, `{"Version"`, "This policy contains invalid Json (line 1"},
		"two documents":        {0, wrap(ok) + "{}", "This policy contains invalid Json (line 1"},
		"not UTF-8":            {0, "{\"\xff\":1}", "This policy contains invalid Json (it is not UTF-8)"},
		"deep":                 {0, strings.Repeat("[", 50), "This policy contains invalid Json"},
		"a list":               {0, `[]`, "Syntax errors in policy."},
		"old version":          {0, `{"Statement":{` + ok + `}}`, "Policy document must be version 2012-10-17 or greater."},
		"unknown version":      {0, `{"Version":"2020-01-01","Statement":{` + ok + `}}`, `Syntax errors in policy. (line 1, column 12: Version must be "2012-10-17" or "2008-10-17")`},
		"no statement":         {0, `{"Version":"2012-10-17"}`, "Syntax errors in policy."},
		"empty statement":      {0, `{"Version":"2012-10-17","Statement":[]}`, "Syntax errors in policy."},
		"unknown element":      {0, wrap(ok + `,"Actoin":"x"`), "Syntax errors in policy. (line 1, column 99: Statement.Actoin is not known)"},
		"element twice":        {0, wrap(ok + `,"Effect":"Deny"`), "Syntax errors in policy. (line 1, column 98: Statement.Effect is there twice)"},
		"effect":               {0, wrap(`"Effect":"allow","Action":"*","Resource":"*"`), "Syntax errors in policy. (line 1, column 47: Statement.Effect must be Allow or Deny)"},
		"no effect":            {0, wrap(`"Action":"*","Resource":"*"`), "Syntax errors in policy."},
		"no action":            {0, wrap(`"Effect":"Allow","Resource":"*"`), "Policy statement must contain actions."},
		"empty action":         {0, wrap(`"Effect":"Allow","Action":[],"Resource":"*"`), "Policy statement must contain actions."},
		"both actions":         {0, wrap(ok + `,"NotAction":"*"`), "Syntax errors in policy."},
		"no vendor":            {0, wrap(`"Effect":"Allow","Action":"Get","Resource":"*"`), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
		"two colons":           {0, wrap(`"Effect":"Allow","Action":"a:b:c","Resource":"*"`), "Actions/Condition can contain only one colon."},
		"vendor with wildcard": {0, wrap(`"Effect":"Allow","Action":"s*:Get","Resource":"*"`), "Vendor s* is not valid"},
		"number for action":    {0, wrap(`"Effect":"Allow","Action":7,"Resource":"*"`), "Syntax errors in policy."},
		"no resource":          {0, wrap(`"Effect":"Allow","Action":"*"`), "Policy statement must contain resources."},
		"resource no ARN":      {0, wrap(`"Effect":"Allow","Action":"*","Resource":"prod/x"`), `Resource prod/x must be in ARN format or "*".`},
		"partition":            {0, wrap(`"Effect":"Allow","Action":"*","Resource":"arn:azure:x"`), `Partition "azure" is not valid for resource "arn:azure:x".`},
		"resource vendor":      {0, wrap(`"Effect":"Allow","Action":"*","Resource":"arn:aws:s?:::x"`), "Resource vendor must be fully qualified and cannot contain regexes."},
		"open variable":        {0, wrap(`"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:x"`), "Syntax errors in policy."},
		"principal":            {0, wrap(ok + `,"Principal":"*"`), "Policy document should not specify a principal."},
		"no principal":         {iam.ResourcePolicy, wrap(ok), "Syntax errors in policy."},
		"wild principal":       {iam.ResourcePolicy, wrap(ok + `,"Principal":{"AWS":"arn:aws:iam::111111111111:role/*"}`), `Invalid principal in policy: "AWS":"arn:aws:iam::111111111111:role/*"`},
		"kind of principal":    {iam.ResourcePolicy, wrap(ok + `,"Principal":{"User":"ann"}`), "Syntax errors in policy."},
		"trust with resource":  {iam.TrustPolicy, wrap(ok + `,"Principal":"*"`), "Has prohibited field Resource."},
		"same Sid":             {0, `{"Version":"2012-10-17","Statement":[{"Sid":"A",` + ok + `},{"Sid":"A",` + ok + `}]}`, "Statement IDs (SID) in a single policy must be unique."},
		"operator":             {0, wrap(ok + `,"Condition":{"StringIs":{"aws:x":"y"}}`), "Invalid Condition type : StringIs."},
		"null for all":         {0, wrap(ok + `,"Condition":{"ForAllValues:Null":{"aws:x":"true"}}`), "Invalid Condition type : ForAllValues:Null."},
		"key without vendor":   {0, wrap(ok + `,"Condition":{"StringEquals":{"user":"y"}}`), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
		"date":                 {0, wrap(ok + `,"Condition":{"DateEquals":{"aws:CurrentTime":"tomorrow"}}`), `Invalid value "tomorrow" for DateEquals`},
		"address":              {0, wrap(ok + `,"Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/40"}}`), `Invalid value "10.0.0.0/40" for IpAddress`},
		"variable":             {0, wrap(ok + `,"Condition":{"StringEquals":{"aws:x":"${aws:y, none}"}}`), "Syntax errors in policy."},
		"null for a value":     {0, wrap(ok + `,"Condition":{"StringEquals":{"aws:x":null}}`), "Syntax errors in policy."},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := iam.Parse([]byte(c.text), c.kind)
			if e, ok := errors.AsType[*iam.Error](err); !ok || !strings.HasPrefix(e.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":["a:*"],"Resource":"arn:aws:x:${aws:y, 'z'}","Condition":{"StringLike":{"a:b":["${*}",1,true]}}}]}`), uint8(0))
	f.Add([]byte(`{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":["111111111111"]},"NotAction":"*","NotResource":"*"}}`), uint8(1))
	f.Fuzz(func(_ *testing.T, text []byte, kind uint8) {
		doc, err := iam.Parse(text, iam.Kind(kind%3))
		if err != nil {
			_ = err.Error()
			return
		}
		p := policy.New(doc.Compile("x", policy.Identity, nil))
		q := policy.Question{Keys: world{}}
		q.Spelled[policy.AWS] = policy.Spelling{Action: "a:b", Resource: "arn:aws:x:y:z:w"}
		p.Decide(&q)
	})
}

// What AWS and its users write every day is understood.
func TestDocumentsInTheWild(t *testing.T) {
	text, err := os.ReadFile("testdata/wild.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), "\n# ")[1:] {
		name, doc, _ := strings.Cut(part, "\n")
		kinds := map[string]iam.Kind{"identity": iam.IdentityPolicy, "resource": iam.ResourcePolicy, "trust": iam.TrustPolicy}
		kind, _, _ := strings.Cut(name, ":")
		if _, err := iam.Parse([]byte(doc), kinds[kind]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
