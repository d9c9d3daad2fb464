// The same secret, as programs written for HashiCorp Vault read it: from
// VAULT_ADDR, with VAULT_TOKEN.
const vault = require('node-vault')({ endpoint: process.env.VAULT_ADDR, token: process.env.VAULT_TOKEN });

async function main() {
  const { data } = await vault.read('secret/data/prod/myapp/database');
  console.log(`the password has ${data.data.DB_PASSWORD.length} characters`);
}

main().catch((error) => {
  console.error(`${error.name}: ${error.message}`);
  process.exit(1);
});
