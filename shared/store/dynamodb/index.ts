// The adapters on AWS.

export { createDynamoStore, type DynamoStoreOptions } from './dynamodb-store.ts';
export { createS3Blobs, type S3BlobsOptions } from './s3-blobs.ts';
