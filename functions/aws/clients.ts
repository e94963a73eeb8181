// One client per service and process, made when it is first used: what a request does not need, it does not load.
//
//   L1. Every client but DynamoDB's is behind a dynamic import. A bundle holds them all; none is evaluated before its first use.
//   L2. Region, credentials and endpoint are the SDK's to find (`AWS_REGION`, `AWS_ENDPOINT_URL_<SERVICE>` …).

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';

/** Of one try. A function that hangs in a lookup is of no use to whoever waits for it; the SDK tries again. */
const REQUEST_HANDLER = { connectionTimeout: 2_000, requestTimeout: 10_000, throwOnRequestTimeout: true };
/** Tries of a request in all, with the SDK's own pauses between them. */
const MAX_ATTEMPTS = 4;

const SETTINGS = { maxAttempts: MAX_ATTEMPTS, requestHandler: REQUEST_HANDLER };

export type Loaded<Sdk, Client> = { sdk: Sdk; client: Client };

export type SfnDoor = Loaded<typeof import('./sdk/sfn.ts'), import('@aws-sdk/client-sfn').SFNClient>;
export type SqsDoor = Loaded<typeof import('./sdk/sqs.ts'), import('@aws-sdk/client-sqs').SQSClient>;
export type EventsDoor = Loaded<typeof import('./sdk/eventbridge.ts'), import('@aws-sdk/client-eventbridge').EventBridgeClient>;
export type SsmDoor = Loaded<typeof import('./sdk/ssm.ts'), import('@aws-sdk/client-ssm').SSMClient>;
export type SecretsDoor = Loaded<typeof import('./sdk/secrets-manager.ts'), import('@aws-sdk/client-secrets-manager').SecretsManagerClient>;
export type S3Door = Loaded<typeof import('./sdk/s3.ts'), import('@aws-sdk/client-s3').S3Client>;

export interface AwsClients {
  dynamo: DynamoDBClient;
  sfn(): Promise<SfnDoor>;
  sqs(): Promise<SqsDoor>;
  events(): Promise<EventsDoor>;
  ssm(): Promise<SsmDoor>;
  secrets(): Promise<SecretsDoor>;
  s3(): Promise<S3Door>;
}

export function createClients(): AwsClients {
  return {
    dynamo: new DynamoDBClient(SETTINGS),
    sfn: once(async () => {
      const sdk = await import('./sdk/sfn.ts');
      return { sdk, client: new sdk.SFNClient(SETTINGS) };
    }),
    sqs: once(async () => {
      const sdk = await import('./sdk/sqs.ts');
      return { sdk, client: new sdk.SQSClient(SETTINGS) };
    }),
    events: once(async () => {
      const sdk = await import('./sdk/eventbridge.ts');
      return { sdk, client: new sdk.EventBridgeClient(SETTINGS) };
    }),
    ssm: once(async () => {
      const sdk = await import('./sdk/ssm.ts');
      return { sdk, client: new sdk.SSMClient(SETTINGS) };
    }),
    secrets: once(async () => {
      const sdk = await import('./sdk/secrets-manager.ts');
      return { sdk, client: new sdk.SecretsManagerClient(SETTINGS) };
    }),
    s3: once(async () => {
      const sdk = await import('./sdk/s3.ts');
      return { sdk, client: new sdk.S3Client(SETTINGS) };
    }),
  };
}

/** Calls `make` on first use and keeps what it gave; a failure is not kept. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}
