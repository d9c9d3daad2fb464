// The story of a program that uses node-vault.
const assert = require('node:assert');
const address = process.env.VAULT_ADDR;
const connect = (token) => require('node-vault')({ apiVersion: 'v1', endpoint: address, token });

const refused = async (promise, code, text) => {
  try { await promise; } catch (e) {
    assert.strictEqual(e.response && e.response.statusCode, code, e.message);
    assert.match(e.message, text);
    return;
  }
  assert.fail(`it was not refused: ${text}`);
};

(async () => {
  const vault = connect(process.env.VAULT_TOKEN);
  assert.deepStrictEqual((await vault.health()).sealed, false);
  assert.deepStrictEqual((await vault.initialized()).initialized, true);
  assert.strictEqual((await vault.status()).sealed, false);

  const { data } = await vault.read('secret/data/prod/myapp/database');
  assert.strictEqual(data.data.DB_PASSWORD, 'correct-horse-battery-staple');

  await vault.mount({ mount_point: 'node2', type: 'kv', options: { version: '2' } });
  await vault.write('node2/data/p', { data: { foo: 'bar' } });
  await vault.update('node2/data/p', { data: { baz: 'q' } });
  assert.deepStrictEqual((await vault.read('node2/data/p')).data.data, { foo: 'bar', baz: 'q' });
  assert.deepStrictEqual((await vault.list('node2/metadata')).data.keys, ['p']);
  await vault.destroySecretVersions('node2', 'p', [1]).catch(() => vault.write('node2/destroy/p', { versions: [1] }));
  assert.strictEqual((await vault.read('node2/metadata/p')).data.versions['1'].destroyed, true);

  await vault.mount({ mount_point: 'node1', type: 'kv' });
  await vault.write('node1/a/b', { value: 'x', n: 1 });
  assert.deepStrictEqual((await vault.read('node1/a/b')).data, { value: 'x', n: 1 });
  await vault.delete('node1/a/b');
  await refused(vault.read('node1/a/b'), 404, /404/);
  await vault.remount({ from: 'node1', to: 'node1b' });
  await vault.unmount({ mount_point: 'node1b' });

  await vault.addPolicy({ name: 'node-p', rules: 'path "node2/*" { capabilities = ["read", "list"] }' });
  assert.match((await vault.getPolicy({ name: 'node-p' })).rules, /node2/);
  assert.ok((await vault.policies()).policies.includes('node-p'));

  // node-vault goes on as the token that it made: hence a client of its own.
  const made = await connect(process.env.VAULT_TOKEN).tokenCreate({ policies: ['node-p'], ttl: '1h' });
  const mine = connect(made.auth.client_token);
  await mine.read('node2/data/p');
  await refused(mine.write('node2/data/p', { data: {} }), 403, /permission denied/);
  assert.strictEqual((await mine.tokenRenewSelf({ increment: 60 })).auth.lease_duration, 60);
  assert.deepStrictEqual((await mine.tokenLookupSelf()).data.policies, ['default', 'node-p']);
  await vault.write('auth/token/roles/node-r', { allowed_policies: 'node-p', period: 3600 });
  const byRole = await vault.write('auth/token/create/node-r', {});
  assert.strictEqual(byRole.auth.lease_duration, 3600);
  await mine.tokenRevokeSelf();
  await refused(mine.tokenLookupSelf(), 403, /permission denied/);

  await vault.enableAuth({ mount_point: 'node-ar', type: 'approle', description: 'x' });
  await vault.addApproleRole({ mount_point: 'node-ar', role_name: 'r', policies: 'node-p', token_ttl: 300 });
  await vault.updateApproleRoleId({ mount_point: 'node-ar', role_name: 'r', role_id: 'my-role' });
  const { secret_id: id, secret_id_accessor: accessor } = (await vault.getApproleRoleSecret({ mount_point: 'node-ar', role_name: 'r' })).data;
  const logged = await connect().approleLogin({ mount_point: 'node-ar', role_id: 'my-role', secret_id: id });
  assert.deepStrictEqual(logged.auth.policies, ['default', 'node-p']);
  assert.strictEqual((await vault.approleSecretAccessorLookup({ mount_point: 'node-ar', role_name: 'r', secret_id_accessor: accessor })).data.secret_id_num_uses, 0);
  await vault.approleSecretDestroy({ mount_point: 'node-ar', role_name: 'r', secret_id: id });
  await refused(connect().approleLogin({ mount_point: 'node-ar', role_id: 'my-role', secret_id: id }), 400, /invalid role or secret ID/);
  await vault.disableAuth({ mount_point: 'node-ar' });

  await vault.enableAuth({ mount_point: 'node-up', type: 'userpass' });
  await vault.write('auth/node-up/users/bob', { password: 'pw', policies: 'default' });
  assert.strictEqual((await connect().userpassLogin({ mount_point: 'node-up', username: 'bob', password: 'pw' })).auth.metadata.username, 'bob');
  await refused(connect().userpassLogin({ mount_point: 'node-up', username: 'bob', password: 'no' }), 400, /invalid username or password/);

  const wrapped = await vault.write('sys/wrapping/wrap', { a: 'b' }, { headers: { 'X-Vault-Wrap-TTL': '60' } });
  assert.deepStrictEqual((await vault.unwrap({ token: wrapped.wrap_info.token })).data, { a: 'b' });
  await refused(vault.unwrap({ token: wrapped.wrap_info.token }), 400, /wrapping token is not valid/);
  await vault.unmount({ mount_point: 'node2' });
})().catch((e) => { console.error(e); process.exit(1); });
