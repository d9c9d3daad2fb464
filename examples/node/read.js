// Any AWS tutorial's code. Where the server is, and who asks, the SDK takes
// from AWS_ENDPOINT_URL and the AWS credentials of the environment.
const { SecretsManagerClient, GetSecretValueCommand } = require('@aws-sdk/client-secrets-manager');

async function main() {
  const client = new SecretsManagerClient({ region: 'us-east-1' });
  const response = await client.send(new GetSecretValueCommand({ SecretId: 'prod/myapp/database' }));
  const { DB_PASSWORD } = JSON.parse(response.SecretString);
  console.log(`the password has ${DB_PASSWORD.length} characters`);
}

main().catch((error) => {
  console.error(`${error.name}: ${error.message}`);
  process.exit(1);
});
