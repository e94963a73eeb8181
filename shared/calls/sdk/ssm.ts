// What is used of Parameter Store (see `secrets-manager.ts`).

export { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
