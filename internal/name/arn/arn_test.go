package arn_test

import (
	"testing"

	"github.com/strongroom-dev/strongroom/internal/name/arn"
	"github.com/strongroom-dev/strongroom/internal/secret"
)

var home = secret.Space{Account: "000000000000", Region: "us-east-1"}

func TestParseSecretID(t *testing.T) {
	const base = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
	there := secret.Space{Account: "123456789012", Region: "eu-west-1"}
	for _, test := range []struct {
		id   string
		want secret.Ref
	}{
		{"prod/db", secret.Ref{Space: home, Kind: secret.KindSecret, Name: "prod/db"}},
		{"Foo-a1b2c3", secret.Ref{Space: home, Kind: secret.KindSecret, Name: "Foo-a1b2c3"}},
		{base + "prod/db-AbCdEf", secret.Ref{Space: there, Kind: secret.KindSecret, Name: "prod/db", Suffix: "AbCdEf"}},
		{base + "prod/db", secret.Ref{Space: there, Kind: secret.KindSecret, Name: "prod/db"}},
		{base + "Foo-a1b2", secret.Ref{Space: there, Kind: secret.KindSecret, Name: "Foo-a1b2"}},
		{base + "Foo-a1b2c3-", secret.Ref{Space: there, Kind: secret.KindSecret, Name: "Foo-a1b2c3-"}},
		{base + "Foo-a1b2c3", secret.Ref{Space: there, Kind: secret.KindSecret, Name: "Foo", Suffix: "a1b2c3"}},
		{base + "-a1b2c3", secret.Ref{Space: there, Kind: secret.KindSecret, Name: "-a1b2c3"}},
	} {
		got, err := arn.ParseSecretID(test.id, home)
		if err != nil || got != test.want {
			t.Errorf("%s: %+v, %v", test.id, got, err)
		}
	}
	for _, id := range []string{"arn:", "arn:aws:s3:::bucket", "arn:aws:secretsmanager:::secret:x",
		"arn:aws:secretsmanager:r:a:secret:", "arn:aws:secretsmanager:r:a:thing:x", "arn:gcp:secretsmanager:r:a:secret:x"} {
		if r, err := arn.ParseSecretID(id, home); err == nil {
			t.Errorf("%s was read as %+v", id, r)
		}
	}
}

func FuzzSecretID(f *testing.F) {
	f.Add("prod/myapp/database", "AbCdEf")
	f.Add("a-b", "000000")
	f.Fuzz(func(t *testing.T, name, suffix string) {
		r := secret.Ref{Space: home, Kind: secret.KindSecret, Name: name, Suffix: suffix}
		back, err := arn.ParseSecretID(arn.Secret(r), home)
		if !arn.ValidName(name) || len(suffix) != arn.SuffixLen || !arn.ValidName(suffix) {
			return
		}
		for _, c := range suffix {
			if c == '/' || c == '_' || c == '+' || c == '=' || c == '.' || c == '@' || c == '-' {
				return
			}
		}
		if err != nil || back != r {
			t.Errorf("%+v came back as %+v, %v", r, back, err)
		}
	})
}

func TestEveryVerbHasAnAction(t *testing.T) {
	seen := map[string]secret.Verb{}
	for _, v := range secret.Verbs() {
		a := arn.Action(v)
		if other, ok := seen[a]; a == "" || ok {
			t.Errorf("%s is called %q, as %s is", v, a, other)
		}
		seen[a] = v
	}
}
