//go:build clients

package clients_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// Two services, each with a role that reads its own secrets and no others,
// told by the AWS SDK for Go.
func TestServicesInGo(t *testing.T) {
	ctx := context.Background()
	admin := credentials.NewStaticCredentialsProvider("AKIASTRONGROOMDEV000", "strongroom/dev/only/secret/access/key/01", "")
	directory := iam.New(iam.Options{BaseEndpoint: &address, Region: "us-east-1", Credentials: admin})
	secrets := func(c aws.CredentialsProvider) *sm.Client {
		return sm.New(sm.Options{BaseEndpoint: &address, Region: "us-east-1", Credentials: c})
	}
	user, err := directory.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("go-ann")})
	if err != nil {
		t.Fatal(err)
	}
	key, err := directory.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: user.User.UserName})
	if err != nil {
		t.Fatal(err)
	}
	ann := sts.New(sts.Options{BaseEndpoint: &address, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")})
	sessions := map[string]*sm.Client{}
	for _, s := range []string{"orders", "billing"} {
		if _, err := secrets(admin).CreateSecret(ctx, &sm.CreateSecretInput{Name: aws.String("go/" + s), SecretString: &s}); err != nil {
			t.Fatal(err)
		}
		role, err := directory.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("go-" + s), AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + *user.User.Arn + `"},"Action":"sts:AssumeRole"}}`)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := directory.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: role.Role.RoleName, PolicyName: aws.String("read"), PolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:*:*:secret:go/` + s + `-??????"}}`)}); err != nil {
			t.Fatal(err)
		}
		out, err := ann.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: role.Role.Arn, RoleSessionName: aws.String("one"), DurationSeconds: aws.Int32(900)})
		if err != nil {
			t.Fatal(err)
		}
		c := out.Credentials
		sessions[s] = secrets(credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken))
	}
	for own, other := range map[string]string{"orders": "billing", "billing": "orders"} {
		got, err := sessions[own].GetSecretValue(ctx, &sm.GetSecretValueInput{SecretId: aws.String("go/" + own)})
		if err != nil || *got.SecretString != own {
			t.Errorf("its own: %v", err)
		}
		_, err = sessions[own].GetSecretValue(ctx, &sm.GetSecretValueInput{SecretId: aws.String("go/" + other)})
		want := fmt.Sprintf("User: arn:aws:sts::000000000000:assumed-role/go-%s/one is not authorized to perform: secretsmanager:GetSecretValue on resource: go/%s because no identity-based policy allows", own, other)
		if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "AccessDeniedException" || !strings.HasPrefix(e.ErrorMessage(), want) {
			t.Errorf("the other's: %v", err)
		}
	}
}
