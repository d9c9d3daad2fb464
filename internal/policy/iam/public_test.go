package iam_test

import (
	"testing"

	"github.com/strongroom-dev/strongroom/internal/policy/iam"
)

func TestPublic(t *testing.T) {
	for condition, public := range map[string]bool{
		``: true,
		`"StringEquals":{"aws:PrincipalAccount":"000000000000"}`:                                 false,
		`"StringLike":{"aws:PrincipalAccount":"0*"}`:                                             true,
		`"IpAddress":{"aws:SourceIp":"10.1.0.0/16"}`:                                             false,
		`"IpAddress":{"aws:SourceIp":"10.1.2.3"}`:                                                false,
		`"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}`:                                               true,
		`"IpAddress":{"aws:SourceIp":"1.2.3.4/0"}`:                                               true,
		`"IpAddress":{"aws:SourceIp":["0.0.0.0/1","128.0.0.0/1"]}`:                               true,
		`"IpAddress":{"aws:SourceIp":["10.0.0.0/8","::/0"]}`:                                     true,
		`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:*"}`:                                      true,
		`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/x"}`:                                 true,
		`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::000000000000:role/*"}`:                      false,
		`"StringLike":{"aws:userid":"A*"}`:                                                       true,
		`"StringLike":{"aws:userid":"AROAEXAMPLE12345:*"}`:                                       false,
		`"NumericLessThan":{"aws:PrincipalAccount":"999999999999"}`:                              true,
		`"StringNotEquals":{"aws:PrincipalAccount":"000000000000"}`:                              true,
		`"StringEqualsIfExists":{"aws:PrincipalAccount":"000000000000"}`:                         true,
		`"StringEquals":{"aws:PrincipalTag/team":"${aws:ResourceTag/team}"}`:                     true,
		`"StringEquals":{"secretsmanager:VersionStage":"AWSCURRENT"}`:                            true,
		`"ForAllValues:StringEquals":{"aws:PrincipalOrgPaths":["o-a1b2c3d4e5/r-ab12/ou-ab12/"]}`: true,
	} {
		doc, err := iam.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"secretsmanager:GetSecretValue","Resource":"*","Condition":{`+condition+`}}]}`), iam.ResourcePolicy)
		if err != nil {
			t.Errorf("%s: %v", condition, err)
			continue
		}
		if doc.Public() != public {
			t.Errorf("%s: public is not %v", condition, public)
		}
	}
}
