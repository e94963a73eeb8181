// What is used of Secrets Manager: a dynamic import of the whole client would put all of it into a bundle.

export { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
