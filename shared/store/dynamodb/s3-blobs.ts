// Large values as objects below one prefix of a bucket.

import type { S3Client } from '@aws-sdk/client-s3';
import type { Blobs } from '../ports.ts';

export interface S3BlobsOptions {
  /** Asked for on every use; whoever gives it makes it once. */
  client: () => Promise<S3Client>;
  bucket: string;
  /** Put before every key; default none. */
  prefix?: string;
}

export function createS3Blobs({ client, bucket, prefix = '' }: S3BlobsOptions): Blobs {
  return {
    async put(key, bytes) {
      const { PutObjectCommand } = await import('./s3-commands.ts');
      const command = new PutObjectCommand({ Bucket: bucket, Key: prefix + key, Body: bytes, ContentType: 'application/json' });
      await (await client()).send(command);
    },
    async get(key) {
      const { GetObjectCommand } = await import('./s3-commands.ts');
      try {
        const { Body } = await (await client()).send(new GetObjectCommand({ Bucket: bucket, Key: prefix + key }));
        return await Body?.transformToByteArray();
      } catch (error) {
        if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
        throw error;
      }
    },
  };
}
