//go:build clients

package clients_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sm "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// A secret and its copy, seen from two regions.
func TestReplication(t *testing.T) {
	ctx := context.Background()
	away := sm.New(sm.Options{BaseEndpoint: &address, Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("AKIASTRONGROOMDEV000", "strongroom/dev/only/secret/access/key/01", "")})
	home, name := administrator(), aws.String("replicated")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	made, err := home.CreateSecret(ctx, &sm.CreateSecretInput{Name: name, SecretString: aws.String("one"), AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("eu-west-1")}}})
	must(err)
	if s := made.ReplicationStatus; len(s) != 1 || s[0].Status != types.StatusTypeInSync || *s[0].StatusMessage != "Replication succeeded" {
		t.Errorf("%+v", s)
	}
	_, err = home.UpdateSecret(ctx, &sm.UpdateSecretInput{SecretId: name, SecretString: aws.String("two")})
	must(err)
	got, err := away.GetSecretValue(ctx, &sm.GetSecretValueInput{SecretId: name})
	must(err)
	d, err := away.DescribeSecret(ctx, &sm.DescribeSecretInput{SecretId: name})
	must(err)
	if *got.SecretString != "two" || *d.PrimaryRegion != "us-east-1" || (*d.ARN)[len(*d.ARN)-6:] != (*made.ARN)[len(*made.ARN)-6:] {
		t.Errorf("%s, %s, %s", *got.SecretString, *d.PrimaryRegion, *d.ARN)
	}
	_, err = away.StopReplicationToReplica(ctx, &sm.StopReplicationToReplicaInput{SecretId: name})
	must(err)
	_, err = away.PutSecretValue(ctx, &sm.PutSecretValueInput{SecretId: name, SecretString: aws.String("its own")})
	must(err)
	replicated, err := home.ReplicateSecretToRegions(ctx, &sm.ReplicateSecretToRegionsInput{SecretId: name, AddReplicaRegions: []types.ReplicaRegionType{{Region: aws.String("eu-west-1")}}, ForceOverwriteReplicaSecret: true})
	must(err)
	if s := replicated.ReplicationStatus; len(s) != 1 || s[0].Status != types.StatusTypeInSync {
		t.Errorf("%+v", s)
	}
	_, err = home.RemoveRegionsFromReplication(ctx, &sm.RemoveRegionsFromReplicationInput{SecretId: name, RemoveReplicaRegions: []string{"eu-west-1"}})
	must(err)
	if _, err := away.DescribeSecret(ctx, &sm.DescribeSecretInput{SecretId: name}); err == nil {
		t.Error("the copy is still there")
	}
}
