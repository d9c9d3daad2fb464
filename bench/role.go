package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// compareRole compares reads by an administrator with reads by the session of
// a role that may read this one secret, each against a bare server that gets
// the same bytes.
func compareRole(s *settings) error {
	srv, err := startServer(s, filepath.Join(s.dir, "role"))
	if err != nil {
		return err
	}
	defer srv.stop()
	if err := srv.create("bench/secret", value); err != nil {
		return err
	}
	scoped, err := srv.assume()
	if err != nil {
		return err
	}
	byAdmin, byRole := srv.reader([]string{"bench/secret"}, false), scoped.reader([]string{"bench/secret"}, false)
	answer, err := srv.sample(byRole)
	if err != nil {
		return err
	}
	plain, err := startBare(s, answer)
	if err != nil {
		return err
	}
	defer plain.stop()
	const conns = 64
	var ba, ra, br, rr []result
	for range s.rounds {
		ba, ra = append(ba, plain.load(conns, s.seconds, byAdmin)), append(ra, srv.load(conns, s.seconds, byAdmin))
		br, rr = append(br, plain.load(conns, s.seconds, byRole)), append(rr, srv.load(conns, s.seconds, byRole))
	}
	admin, role := median(ra).rps/median(ba).rps, median(rr).rps/median(br).rps
	fmt.Println("GetSecretValue at 64 connections, by who reads, each against a bare server that gets the same bytes")
	fmt.Println("who             bare rps  real rps  ratio  real us/req")
	fmt.Printf("administrator   %8.0f  %8.0f  %5.2f  %11.1f\n", median(ba).rps, median(ra).rps, admin, median(ra).cpu)
	fmt.Printf("scoped role     %8.0f  %8.0f  %5.2f  %11.1f\n", median(br).rps, median(rr).rps, role, median(rr).cpu)
	fmt.Printf("the role's ratio is %.2f of the administrator's\n\n", role/admin)
	return nil
}

// assume makes a role that may read the one secret, and a session of it.
func (s *server) assume() (*server, error) {
	ctx := context.Background()
	endpoint, c := aws.String("http://"+s.addr), credentials.NewStaticCredentialsProvider(s.accessKey, s.secretKey, "")
	directory := iam.New(iam.Options{BaseEndpoint: endpoint, Region: "us-east-1", Credentials: c})
	sessions := sts.New(sts.Options{BaseEndpoint: endpoint, Region: "us-east-1", Credentials: c})
	me, err := sessions.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, err
	}
	name, arn := aws.String("bench"), "arn:aws:iam::"+*me.Account+":role/bench"
	_, err = directory.GetRole(ctx, &iam.GetRoleInput{RoleName: name})
	if err != nil {
		_, err = directory.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + *me.Account + `"},"Action":"sts:AssumeRole"}}`)})
	}
	if err != nil {
		return nil, err
	}
	_, err = directory.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: name, PolicyName: aws.String("read"), PolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"secretsmanager:GetSecretValue","Resource":"arn:aws:secretsmanager:us-east-1:` + *me.Account + `:secret:bench/*"}}`)})
	if err != nil {
		return nil, err
	}
	out, err := sessions.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &arn, RoleSessionName: name})
	if err != nil {
		return nil, err
	}
	as := *s
	as.accessKey, as.secretKey, as.token = *out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken
	return &as, nil
}
