// What is used of Secrets Manager: loaded when it is first needed.

export { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
