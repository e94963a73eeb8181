// What is used of Lambda (see `secrets-manager.ts`).

export { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
