// Two services, each with a role that reads its own secrets and no others.
const assert = require('node:assert');
const iam = require('@aws-sdk/client-iam');
const sts = require('@aws-sdk/client-sts');
const sm = require('@aws-sdk/client-secrets-manager');

const me = `js-${process.pid}`;
const as = (c) => ({ credentials: c && { accessKeyId: c.AccessKeyId, secretAccessKey: c.SecretAccessKey, sessionToken: c.SessionToken } });
const allow = (Action, Resource) => JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource }] });

async function main() {
  const admin = new iam.IAMClient({});
  const { User } = await admin.send(new iam.CreateUserCommand({ UserName: `${me}-deployer`, Path: '/ci/' }));
  const { AccessKey } = await admin.send(new iam.CreateAccessKeyCommand({ UserName: User.UserName }));
  const deployer = new sts.STSClient(as(AccessKey));
  assert.strictEqual((await deployer.send(new sts.GetCallerIdentityCommand({}))).Arn, User.Arn);
  const secrets = new sm.SecretsManagerClient({});
  const trust = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: User.Arn }, Action: 'sts:AssumeRole' }] });

  const sessions = {};
  for (const s of ['orders', 'billing']) {
    const { ARN } = await secrets.send(new sm.CreateSecretCommand({ Name: `${me}/${s}/db`, SecretString: s }));
    const { Role } = await admin.send(new iam.CreateRoleCommand({ RoleName: `${me}-${s}`, AssumeRolePolicyDocument: trust }));
    await admin.send(new iam.PutRolePolicyCommand({
      RoleName: Role.RoleName, PolicyName: 'read-own',
      PolicyDocument: allow('secretsmanager:GetSecretValue', ARN.replace(/db-.*$/, '*')),
    }));
    const { Credentials, AssumedRoleUser } = await deployer.send(new sts.AssumeRoleCommand({ RoleArn: Role.Arn, RoleSessionName: 'one' }));
    assert.strictEqual(AssumedRoleUser.Arn, `arn:aws:sts::000000000000:assumed-role/${me}-${s}/one`);
    sessions[s] = { client: new sm.SecretsManagerClient(as(Credentials)), arn: AssumedRoleUser.Arn };
  }
  for (const [own, other] of [['orders', 'billing'], ['billing', 'orders']]) {
    const { client, arn } = sessions[own];
    assert.strictEqual((await client.send(new sm.GetSecretValueCommand({ SecretId: `${me}/${own}/db` }))).SecretString, own);
    await assert.rejects(client.send(new sm.GetSecretValueCommand({ SecretId: `${me}/${other}/db` })), (e) => {
      assert.strictEqual(e.name, 'AccessDeniedException');
      assert.strictEqual(e.message, `User: ${arn} is not authorized to perform: secretsmanager:GetSecretValue on resource: ${me}/${other}/db because no identity-based policy allows the secretsmanager:GetSecretValue action`);
      return true;
    });
  }

  // A role that is gone leaves no session behind.
  await admin.send(new iam.DeleteRolePolicyCommand({ RoleName: `${me}-orders`, PolicyName: 'read-own' }));
  await assert.rejects(sessions.orders.client.send(new sm.GetSecretValueCommand({ SecretId: `${me}/orders/db` })), { name: 'AccessDeniedException' });
  await admin.send(new iam.DeleteRoleCommand({ RoleName: `${me}-orders` }));
  await assert.rejects(sessions.orders.client.send(new sm.GetSecretValueCommand({ SecretId: `${me}/orders/db` })), { name: 'UnrecognizedClientException' });
  await assert.rejects(admin.send(new iam.GetRoleCommand({ RoleName: `${me}-orders` })), { name: 'NoSuchEntityException' });
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
