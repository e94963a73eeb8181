// What is used of S3's client: loaded when it is first needed, for most runs have no large value.

export { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
