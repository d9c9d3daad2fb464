// A secret's life, told by the AWS SDK for JavaScript.
const assert = require('node:assert');
const sm = require('@aws-sdk/client-secrets-manager');

const client = new sm.SecretsManagerClient({});
const Name = `js/story-${process.pid}`;

async function refused(promise, type, text) {
  await assert.rejects(promise, (e) => {
    assert.strictEqual(e.name, type, `${e.name}: ${e.message}`);
    assert.match(e.message, text);
    assert.match(e.$metadata.requestId, /^[0-9a-f-]{36}$/);
    return true;
  });
}

async function main() {
  await refused(client.send(new sm.GetSecretValueCommand({ SecretId: Name })), 'ResourceNotFoundException', /can't find the specified secret\.$/);
  const made = await client.send(new sm.CreateSecretCommand({ Name, SecretBinary: Buffer.from([0, 255, 1]), Description: 'ünï "q"' }));
  const got = await client.send(new sm.GetSecretValueCommand({ SecretId: made.ARN }));
  assert.deepStrictEqual([...got.SecretBinary], [0, 255, 1]);
  assert.strictEqual(got.SecretString, undefined);
  assert.ok(Math.abs(got.CreatedDate - Date.now()) < 60000);
  const text = 'line\nline "two" \\ \u00e9\u{1F511}\u0001</script>';
  await client.send(new sm.PutSecretValueCommand({ SecretId: Name, SecretString: text }));
  assert.strictEqual((await client.send(new sm.GetSecretValueCommand({ SecretId: Name }))).SecretString, text);
  const d = await client.send(new sm.DescribeSecretCommand({ SecretId: Name }));
  assert.strictEqual(d.Description, 'ünï "q"');
  assert.deepStrictEqual(Object.values(d.VersionIdsToStages).flat().sort(), ['AWSCURRENT', 'AWSPREVIOUS']);
  assert.ok(d.LastAccessedDate);
  const batch = await client.send(new sm.BatchGetSecretValueCommand({ SecretIdList: [Name, 'js/nothing'] }));
  assert.strictEqual(batch.SecretValues[0].SecretString, text);
  assert.strictEqual(batch.Errors[0].ErrorCode, 'ResourceNotFoundException');
  const names = [];
  for await (const page of sm.paginateListSecrets({ client, pageSize: 1 }, {})) names.push(...page.SecretList.map((s) => s.Name));
  assert.ok(names.includes(Name) && names.includes('prod/myapp/database'));
  await refused(client.send(new sm.GetSecretValueCommand({ SecretId: Name, VersionId: 'short' })), 'ValidationException', /Value 'short' at 'versionId'/);
  await client.send(new sm.DeleteSecretCommand({ SecretId: Name, ForceDeleteWithoutRecovery: true }));
  await refused(client.send(new sm.DescribeSecretCommand({ SecretId: Name })), 'ResourceNotFoundException', /can't find/);
}

main().catch((e) => { console.error(e); process.exit(1); });
