// What is used of S3: loaded when it is first needed.

export { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
